//! The rights that the chart gives for shared connections: each one that is missing is noticed.

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule, Role};
use kube::Api;
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::{Shared, credentials, user};
use crate::rights::{one_by_one, set_rules};
use crate::support::{ChildOperator, bed, e2e_with, eventually};

/// Which of the two roles of that name: the one for the cluster, or the one for the operator's namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Cluster,
    OwnNamespace,
}

use Place::{Cluster, OwnNamespace};

/// One right, and what is seen when it is missing. The log names it in every case.
#[derive(Debug)]
struct Row(Place, &'static str, &'static str, &'static str, Sign);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    /// A cache is never filled: `/readyz` answers 503.
    NotReady,
    /// A cache is filled once and then not followed: only the log tells.
    NotFollowed,
    /// A connection that changes keeps the status that it had.
    OldStatus,
    /// A user that is deleted says KubernetesError and keeps its account.
    NotDeleted,
    /// A connection whose Secret or authorities change says KubernetesError.
    Unread,
}

const OURS: &str = "keycloakuser.dev";

const ROWS: [Row; 12] = [
    Row(Cluster, "list", OURS, "clusterkeycloakconnections", Sign::NotReady),
    Row(Cluster, "list", "", "namespaces", Sign::NotReady),
    Row(OwnNamespace, "list", "", "secrets", Sign::NotReady),
    Row(OwnNamespace, "list", "", "configmaps", Sign::NotReady),
    Row(Cluster, "watch", OURS, "clusterkeycloakconnections", Sign::NotFollowed),
    Row(Cluster, "watch", "", "namespaces", Sign::NotFollowed),
    Row(OwnNamespace, "watch", "", "secrets", Sign::NotFollowed),
    Row(OwnNamespace, "watch", "", "configmaps", Sign::NotFollowed),
    Row(Cluster, "update", OURS, "clusterkeycloakconnections/status", Sign::OldStatus),
    Row(OwnNamespace, "get", "", "secrets", Sign::Unread),
    Row(OwnNamespace, "get", "", "configmaps", Sign::Unread),
    Row(Cluster, "patch", OURS, "clusterkeycloakconnections/status", Sign::NotDeleted),
];

impl Shared<'_> {
    /// The API that holds a role, and that role.
    async fn role(&self, place: Place) -> (Api<DynamicObject>, DynamicObject) {
        let client = self.world.client.clone();
        let api: Api<DynamicObject> = match place {
            Cluster => Api::all_with(client, &ApiResource::erase::<ClusterRole>(&())),
            OwnNamespace => Api::namespaced_with(client, &self.own.namespace, &ApiResource::erase::<Role>(&())),
        };
        let of_release = ListParams::default().labels(&format!("app.kubernetes.io/instance={}", self.name()));
        let mut found = api.list(&of_release).await.expect("roles").items;
        found.retain(|role| role.metadata.name.as_deref().unwrap_or_default().ends_with(":cluster-connections"));
        assert_eq!(found.len(), 1, "one role for {place:?}");
        (api, found.remove(0))
    }

    async fn rules(&self, place: Place) -> Vec<PolicyRule> {
        let (_, role) = self.role(place).await;
        serde_json::from_value(role.data["rules"].clone()).expect("rules")
    }

    /// Takes one right away, and gives back what the rules of its role were.
    async fn take(&self, row: &Row) -> Vec<PolicyRule> {
        let all = self.rules(row.0).await;
        let mut fewer: Vec<PolicyRule> = all.iter().flat_map(one_by_one).collect();
        fewer.retain(|rule| !(rule.verbs == [row.1] && rule.resources.as_deref() == Some(&[row.3.to_owned()])));
        self.set(row, &fewer, false).await;
        all
    }

    async fn set(&self, row: &Row, rules: &[PolicyRule], allowed: bool) {
        let (api, role) = self.role(row.0).await;
        set_rules(&api, &role, rules).await;
        let Row(place, verb, group, resource, _) = *row;
        let namespace = if place == Cluster { "" } else { &self.own.namespace };
        let name = if resource == "namespaces" { &self.a.namespace } else { "any" };
        eventually(&format!("{row:?}: allowed = {allowed}"), async || {
            let may = self.chart.may(namespace, verb, group, resource, name).await;
            if may == allowed { Ok(()) } else { Err(may) }
        })
        .await;
    }

    async fn set_authorities(&self, comment: &str) {
        let certificate = std::fs::read_to_string(bed().keycloak_ca()).expect("the certificate");
        let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "authority" },
            "data": { "ca.crt": format!("{certificate}{comment}") } });
        let maps: Api<ConfigMap> = self.own.api();
        maps.patch("authority", &PatchParams::apply("test").force(), &Patch::Apply(map)).await.expect("the ConfigMap");
    }
}

/// Waits until the log quotes the API server's refusal.
async fn until_denied(operator: &ChildOperator, row: &Row) {
    let denial = format!(r#"cannot {} resource "{}" in API group "{}""#, row.1, row.3, row.2);
    eventually(&format!("{row:?}: in the log: {denial}"), async || {
        let log = operator.output().replace('\\', "");
        if log.contains(&denial) { Ok(()) } else { Err(log) }
    })
    .await;
}

#[test]
fn every_right_for_shared_connections_is_in_the_table() {
    e2e_with("shared_rights_table", json!({}), async |world| {
        let shared = Shared::new(&world, &["clusterConnections=true"]).await;
        let mut given = Vec::new();
        for place in [Cluster, OwnNamespace] {
            for rule in shared.rules(place).await.iter().flat_map(one_by_one) {
                let (group, resource) = (rule.api_groups.unwrap().remove(0), rule.resources.unwrap().remove(0));
                given.push((place, rule.verbs[0].clone(), group, resource));
            }
        }
        let mut table: Vec<_> =
            ROWS.iter().map(|row| (row.0, row.1.to_owned(), row.2.to_owned(), row.3.to_owned())).collect();
        given.sort();
        table.sort();
        assert_eq!(table, given, "left: the table; right: the chart");
    });
}

#[test]
fn without_a_right_for_the_caches_of_shared_connections_the_operator_is_not_ready_or_warns() {
    e2e_with("shared_rights_start", json!({}), async |world| {
        let shared = Shared::new(&world, &["clusterConnections=true"]).await;
        shared.operator.lock().await.take();
        for row in ROWS.iter().filter(|row| matches!(row.4, Sign::NotReady | Sign::NotFollowed)) {
            let all = shared.take(row).await;
            let mut operator = ChildOperator::spawn(&shared.chart, &shared.own.namespace);
            until_denied(&operator, row).await;
            if row.4 == Sign::NotReady {
                let answer = reqwest::get(operator.url("/readyz")).await.expect("it answers");
                assert_eq!(answer.status(), 503, "{row:?}");
            } else {
                operator.until_ready().await;
            }
            drop(operator);
            shared.set(row, &all, true).await;
        }
    });
}

fn fields(shared: &Shared<'_>, interval: &str) -> Value {
    json!({ "url": bed().keycloak_https_url(), "allowedNamespaces": { "names": [shared.a.namespace] },
        "tls": { "caRef": { "kind": "ConfigMap", "name": "authority", "key": "ca.crt" } },
        "sync": { "sweepInterval": interval } })
}

#[test]
fn without_a_right_that_a_pass_over_a_shared_connection_needs_it_says_so() {
    e2e_with("shared_rights_pass", json!({}), async |world| {
        let shared = Shared::new(&world, &["clusterConnections=true"]).await;
        let operator = shared.operator.lock().await.take().expect("it runs");
        credentials(&shared.own).await;
        shared.set_authorities("").await;
        shared.connect(fields(&shared, "1h")).await;
        shared.a.user("u", user("of-a", shared.name())).await;
        shared.a.until("u", "Synced").await;
        for row in ROWS.iter().filter(|row| !matches!(row.4, Sign::NotReady | Sign::NotFollowed)) {
            shared.until_connection("Synced").await;
            let all = shared.take(row).await;
            match row.4 {
                Sign::OldStatus => {
                    shared.connect(fields(&shared, "2h")).await;
                    until_denied(&operator, row).await;
                    let connection = shared.api().get(shared.name()).await.expect("the connection");
                    let observed = connection.status.and_then(|status| status.observed_generation);
                    assert_ne!(observed, connection.metadata.generation, "{row:?}");
                }
                Sign::Unread => {
                    if row.3 == "secrets" {
                        credentials(&shared.own).await
                    } else {
                        shared.set_authorities("#\n").await
                    }
                    shared.until_connection("KubernetesError").await;
                }
                Sign::NotDeleted => {
                    shared.a.delete("u").await;
                    shared.a.until("u", "KubernetesError").await;
                    assert!(world.keycloak.user("of-a").await.is_some(), "{row:?}");
                }
                Sign::NotReady | Sign::NotFollowed => unreachable!("{row:?} is seen at the start"),
            }
            until_denied(&operator, row).await;
            shared.set(row, &all, true).await;
        }
        shared.a.until_gone("u").await;
    });
}
