//! Connections that namespaces share: whom they serve, with whose Secrets, and what those who are not served learn.

mod rights;

use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use keycloak_user_operator::api::{ALLOW_DELETIONS, ClusterKeycloakConnection, KeycloakConnectionStatus, KeycloakUser};
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

use crate::support::{
    Chart, ChildOperator, OPERATOR_CLIENT, OPERATOR_SECRET, World, bed, condition, e2e_with, eventually,
    eventually_within, ready_reason,
};

/// Two operators that serve shared connections would write the status of each other's.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// How soon those who may use a connection, and those who may no more, are told.
const TOLD_WITHIN: Duration = Duration::from_secs(10);

/// An operator in a namespace of its own, which looks after two others, and a connection named like the world.
struct Shared<'a> {
    world: &'a World,
    own: World,
    a: World,
    b: World,
    chart: Chart,
    operator: Mutex<Option<ChildOperator>>,
    _alone: MutexGuard<'static, ()>,
}

impl<'a> Shared<'a> {
    async fn new(world: &'a World, with: &[&str]) -> Self {
        let alone = ONE_AT_A_TIME.lock().await;
        let own = Chart::namespace_beside(world, "ops").await;
        let (a, b) = (Chart::namespace_beside(world, "a").await, Chart::namespace_beside(world, "b").await);
        let watched = format!("watchNamespaces={{{},{}}}", a.namespace, b.namespace);
        let values: Vec<&str> = [watched.as_str()].into_iter().chain(with.iter().copied()).collect();
        let chart = Chart::apply_release(&world.client, &world.namespace, &own.namespace, &values).await;
        let operator = ChildOperator::start(&chart, &own.namespace).await;
        Self { world, own, a, b, chart, operator: Mutex::new(Some(operator)), _alone: alone }
    }

    fn name(&self) -> &str {
        &self.world.namespace
    }

    fn api(&self) -> Api<ClusterKeycloakConnection> {
        Api::all(self.world.client.clone())
    }

    /// Applies the connection, whole.
    async fn connect(&self, fields: Value) {
        let labels = json!({ "app.kubernetes.io/instance": self.name() });
        let object = json!({ "apiVersion": "keycloakuser.dev/v1alpha1", "kind": "ClusterKeycloakConnection",
            "metadata": { "name": self.name(), "labels": labels }, "spec": self.world.connection_spec(fields) });
        let params = PatchParams::apply("test").force();
        self.api().patch(self.name(), &params, &Patch::Apply(object)).await.expect("the connection");
    }

    async fn until_connection(&self, reason: &str) -> KeycloakConnectionStatus {
        eventually(&format!("the shared connection with reason {reason}"), async || {
            let connection = self.api().get(self.name()).await.expect("the connection");
            let status = connection.status.unwrap_or_default();
            let answered = status.observed_generation == connection.metadata.generation;
            let says = status.conditions.iter().any(|c| c.type_ == "Ready" && c.reason == reason);
            if answered && says { Ok(status) } else { Err(status) }
        })
        .await
    }
}

async fn credentials(namespace: &World) {
    namespace.secret("keycloak-client", &[("client-id", OPERATOR_CLIENT), ("client-secret", OPERATOR_SECRET)]).await;
}

fn user(username: &str, connection: &str) -> Value {
    json!({ "username": username, "connectionRef": { "kind": "ClusterKeycloakConnection", "name": connection } })
}

async fn message(namespace: &World, name: &str, reason: &str) -> String {
    let user = namespace.until(name, reason).await;
    condition(&user, "Ready").unwrap().message.clone()
}

async fn label(namespace: &World, value: Option<&str>) {
    let namespaces: Api<Namespace> = Api::all(namespace.client.clone());
    let patch = Patch::Merge(json!({ "metadata": { "labels": { "sso": value } } }));
    namespaces.patch(&namespace.namespace, &PatchParams::default(), &patch).await.expect("the namespace");
}

/// As [`World::until`], but soon: nothing but the watch can have done it.
async fn soon(namespace: &World, name: &str, reason: &str) {
    eventually_within(TOLD_WITHIN, &format!("{name} with reason {reason}"), async || {
        let user = namespace.get_user(name).await;
        match condition(&user, "Ready") {
            Some(ready) if ready.reason == reason => Ok(()),
            other => Err(other.cloned()),
        }
    })
    .await;
}

#[test]
fn a_shared_connection_serves_the_namespaces_that_it_allows_and_no_other() {
    e2e_with("shared_serves", json!({}), async |world| {
        let shared = Shared::new(&world, &["clusterConnections=true"]).await;
        credentials(&shared.own).await;
        let (a, b) = (&shared.a, &shared.b);
        shared.connect(json!({})).await;
        a.user("u", user("of-a", shared.name())).await;
        b.user("u", user("of-b", shared.name())).await;
        let refusal = message(a, "u", "ConnectionNotAllowed").await;
        a.user("absent", user("absent", "there-is-no-such-connection")).await;
        let absent = message(a, "absent", "ConnectionNotAllowed").await;
        assert_eq!(absent.replace("there-is-no-such-connection", shared.name()), refusal, "it says the same of both");

        shared.connect(json!({ "allowedNamespaces": { "names": [a.namespace] } })).await;
        a.until("u", "Synced").await;
        b.reconcile_now("u").await;
        b.until("u", "ConnectionNotAllowed").await;
        assert_eq!(world.keycloak.user("of-b").await, None);

        let labelled = json!({ "selector": { "matchLabels": { "sso": "yes" } } });
        shared.connect(json!({ "allowedNamespaces": labelled })).await;
        a.until("u", "ConnectionNotAllowed").await;
        label(b, Some("yes")).await;
        soon(b, "u", "Synced").await;
        assert!(world.keycloak.user("of-b").await.is_some());
        label(b, Some("no")).await;
        soon(b, "u", "ConnectionNotAllowed").await;
        b.user(
            "u",
            json!({ "username": "of-b", "firstName": "Too late",
            "connectionRef": { "kind": "ClusterKeycloakConnection", "name": shared.name() } }),
        )
        .await;
        b.until("u", "ConnectionNotAllowed").await;
        assert_eq!(world.keycloak.user("of-b").await.unwrap()["firstName"], Value::Null);

        b.delete("u").await;
        b.until("u", "ConnectionNotAllowed").await;
        assert!(world.keycloak.user("of-b").await.is_some(), "who is not served cannot delete either");
        label(b, Some("yes")).await;
        b.until_gone("u").await;
        assert_eq!(world.keycloak.user("of-b").await, None);
    });
}

#[test]
fn the_secrets_of_a_shared_connection_are_those_of_the_operators_namespace_alone() {
    e2e_with("shared_secrets", json!({}), async |world| {
        let shared = Shared::new(&world, &["clusterConnections=true"]).await;
        let a = &shared.a;
        credentials(a).await;
        shared.connect(json!({ "allowedNamespaces": { "names": [a.namespace] } })).await;
        a.user("u", user("of-a", shared.name())).await;
        let told = message(a, "u", "ConnectionNotReady").await;
        assert!(told.contains(shared.name()) && !told.contains("keycloak-client"), "a user is told no more: {told}");
        shared.until_connection("ConnectionSecretNotFound").await;
        credentials(&shared.own).await;
        a.until("u", "Synced").await;
        let status = shared.until_connection("Synced").await;
        let insecure = status.conditions.iter().find(|condition| condition.type_ == "InsecureTransport");
        assert_eq!(insecure.map(|condition| condition.reason.as_str()), Some("PlainHttp"), "the bed's URL is http");

        shared.b.connection("default", json!({})).await;
        shared.b.user("u", json!({ "username": "of-b" })).await;
        shared.b.until("u", "ConnectionSecretNotFound").await;
    });
}

#[test]
fn a_connection_of_another_namespace_is_as_if_it_did_not_exist() {
    e2e_with("another_namespace", json!({}), async |world| {
        let shared = Shared::new(&world, &[]).await;
        credentials(&shared.b).await;
        shared.b.connection("theirs", json!({})).await;
        let over = |name: &str| json!({ "username": "one-user", "connectionRef": { "name": name } });
        shared.a.user("there", over("theirs")).await;
        shared.a.user("nowhere", over("nothing")).await;
        let there = message(&shared.a, "there", "ConnectionNotFound").await;
        let nowhere = message(&shared.a, "nowhere", "ConnectionNotFound").await;
        assert_eq!(there.replace("theirs", "nothing"), nowhere);
        shared.b.user("there", over("theirs")).await;
        shared.b.until("there", "Synced").await;

        shared.connect(json!({ "allowedNamespaces": { "names": [shared.a.namespace] } })).await;
        shared.a.user("shared", user("another", shared.name())).await;
        let told = message(&shared.a, "shared", "ConnectionNotAllowed").await;
        assert!(told.contains("clusterConnections"), "an operator that serves none says so: {told}");
    });
}

#[test]
fn each_namespace_has_the_grants_that_the_shared_connection_has_for_it() {
    e2e_with("shared_grants", json!({}), async |world| {
        let shared = Shared::new(&world, &["clusterConnections=true"]).await;
        credentials(&shared.own).await;
        let (a, b) = (&shared.a, &shared.b);
        let names = json!([a.namespace, b.namespace]);
        shared
            .connect(json!({
                "allowedNamespaces": { "names": names },
                "grants": { "usernames": ["shared-*"] },
                "namespaceGrants": [
                    { "namespaces": { "selector": { "matchLabels": { "sso": "yes" } } }, "grants": { "usernames": ["a-*"] } },
                ],
            }))
            .await;
        for (namespace, name, username) in [(a, "own", "a-one"), (a, "general", "shared-a"), (b, "other", "a-two")] {
            namespace.user(name, user(username, shared.name())).await;
        }
        a.until("general", "Synced").await;
        for (namespace, name) in [(a, "own"), (b, "other")] {
            let refusal = message(namespace, name, "NotGranted").await;
            assert!(refusal.starts_with(&format!("ClusterKeycloakConnection {}", shared.name())), "{refusal}");
        }
        label(a, Some("yes")).await;
        soon(a, "own", "Synced").await;
        a.user("general", user("shared-b", shared.name())).await;
        a.until("general", "NotGranted").await;
        assert_eq!(world.keycloak.user("a-two").await, None);
        assert_eq!(world.keycloak.user("shared-b").await, None);
        let operator = shared.operator.lock().await.take().expect("it runs");
        assert!(!operator.output().contains("forbidden"), "{}", operator.output());
    });
}

#[test]
fn the_authorities_of_a_shared_connection_are_those_of_the_operators_namespace_alone() {
    e2e_with("shared_authorities", json!({}), async |world| {
        let shared = Shared::new(&world, &["clusterConnections=true"]).await;
        credentials(&shared.own).await;
        let certificate = std::fs::read_to_string(bed().keycloak_ca()).expect("the certificate");
        let provide = async |namespace: &World| {
            let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "authority" },
                "data": { "ca.crt": certificate } });
            let maps: Api<ConfigMap> = namespace.api();
            maps.patch("authority", &PatchParams::apply("test"), &Patch::Apply(map)).await.expect("the ConfigMap");
        };
        provide(&shared.a).await;
        let authority = json!({ "caRef": { "kind": "ConfigMap", "name": "authority", "key": "ca.crt" } });
        let allowed = json!({ "names": [shared.a.namespace] });
        let url = bed().keycloak_https_url();
        shared.connect(json!({ "url": url, "tls": authority, "allowedNamespaces": allowed })).await;
        shared.a.user("u", user("of-a", shared.name())).await;
        shared.until_connection("CertificateAuthorityNotFound").await;
        shared.a.until("u", "ConnectionNotReady").await;
        provide(&shared.own).await;
        shared.until_connection("Synced").await;
        shared.a.until("u", "Synced").await;

        let broken =
            json!({ "url": url, "tls": authority, "allowedNamespaces": allowed, "ownerAttribute": "owned-by" });
        shared.connect(broken).await;
        shared.until_connection("ConnectionInvalid").await;
        shared.a.until("u", "ConnectionNotReady").await;
    });
}

#[test]
fn what_is_deleted_in_all_namespaces_of_a_shared_connection_is_counted_together() {
    e2e_with("shared_brake", json!({}), async |world| {
        let shared = Shared::new(&world, &["clusterConnections=true"]).await;
        credentials(&shared.own).await;
        let namespaces = [&shared.a, &shared.b];
        let allowed = json!({ "names": namespaces.map(|namespace| &namespace.namespace) });
        let limits = json!({ "deletions": { "percent": 0, "atLeast": 2 } });
        shared.connect(json!({ "allowedNamespaces": allowed, "limits": limits })).await;
        let names = ["one", "two", "three"];
        for namespace in namespaces {
            for name in names {
                let username = format!("{name}-{}", namespace.namespace);
                namespace.user(name, user(&username, shared.name())).await;
                namespace.until(name, "Synced").await;
            }
        }
        for namespace in namespaces {
            let users: Api<KeycloakUser> = namespace.api();
            users.delete_collection(&DeleteParams::default(), &ListParams::default()).await.expect("the users");
        }
        let held = async || {
            let lists = namespaces.map(async |namespace| {
                namespace.api::<KeycloakUser>().list(&ListParams::default()).await.expect("users").items
            });
            let all: Vec<KeycloakUser> = join_all(lists).await.concat();
            let reasons: Vec<_> = all.iter().map(|user| ready_reason(user).unwrap_or_default().to_owned()).collect();
            (reasons.iter().filter(|reason| *reason == "DeletionLimit").count(), reasons)
        };
        let until_held = async |count: usize| {
            eventually(&format!("{count} held"), async || match held().await {
                (held, all) if held == count && all.len() == count => Ok(()),
                other => Err(other),
            })
            .await;
            assert_eq!(world.keycloak.count_users().await, count);
        };
        until_held(4).await;
        let allowance = json!({ "metadata": { "annotations": { ALLOW_DELETIONS: "3" } } });
        shared
            .api()
            .patch(shared.name(), &PatchParams::default(), &Patch::Merge(allowance))
            .await
            .expect("it is there");
        until_held(1).await;
    });
}

#[test]
fn shared_connections_take_rights_that_are_given_only_where_they_are_served() {
    e2e_with("shared_rights", json!({}), async |world| {
        let (own, a) = (Chart::namespace_beside(&world, "ops").await, Chart::namespace_beside(&world, "a").await);
        let watched = format!("watchNamespaces={{{}}}", a.namespace);
        for (value, served) in [("clusterConnections=false", false), ("clusterConnections=true", true)] {
            let values = [watched.as_str(), value];
            let chart = Chart::apply_release(&world.client, &world.namespace, &own.namespace, &values).await;
            let ours = "keycloakuser.dev";
            for (namespace, verb, group, resource, name, expected) in [
                ("", "list", ours, "clusterkeycloakconnections", "", served),
                ("", "watch", ours, "clusterkeycloakconnections", "", served),
                ("", "update", ours, "clusterkeycloakconnections/status", "any", served),
                ("", "list", "", "namespaces", a.namespace.as_str(), served),
                ("", "watch", "", "namespaces", a.namespace.as_str(), served),
                (own.namespace.as_str(), "get", "", "secrets", "any", served),
                (own.namespace.as_str(), "list", "", "secrets", "", served),
                (own.namespace.as_str(), "watch", "", "configmaps", "", served),
                ("", "list", "", "namespaces", own.namespace.as_str(), false),
                ("", "list", "", "namespaces", "", false),
                ("", "list", "", "secrets", "", false),
                ("", "patch", ours, "clusterkeycloakconnections", "any", false),
                ("default", "get", "", "secrets", "any", false),
            ] {
                eventually(&format!("{value}: {verb} {resource} {name} in {namespace:?} is {expected}"), async || {
                    let may = chart.may(namespace, verb, group, resource, name).await;
                    if may == expected { Ok(()) } else { Err(may) }
                })
                .await;
            }
        }
    });
}
