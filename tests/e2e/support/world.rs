//! A test's own namespace and realm.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::FutureExt;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use keycloak_user_operator::api::{
    ClusterKeycloakConnection, FeedStatus, KeycloakConnection, KeycloakConnectionStatus, KeycloakUser,
    RECONCILE_REQUESTED_AT, custom_resource_definitions,
};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::{
    Admin, Chart, OPERATOR_CLIENT, OPERATOR_SECRET, Operator, SecondKubernetes, bed, eventually, eventually_within,
};

/// A namespace, a realm, and clients for both.
pub struct World {
    pub namespace: String,
    pub client: Client,
    pub keycloak: Admin,
}

/// Runs a test in a world of its own, with a connection named `default` and an operator.
pub fn e2e<F: Future<Output = ()>>(name: &str, test: impl FnOnce(World, Operator) -> F) {
    e2e_with(name, json!({}), async |world| {
        world.connect(json!({})).await;
        let operator = world.operator().await;
        test(world, operator).await;
    });
}

/// Runs a test in a world of its own, whose realm has these settings.
pub fn e2e_with<F: Future<Output = ()>>(name: &str, realm: Value, test: impl FnOnce(World) -> F) {
    let started = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let outcome = runtime.block_on(in_world(name, realm, test));
    runtime.shutdown_background();
    bed().note_duration(name, started.elapsed());
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// Runs something in a world of its own, whose realm has these settings, and cleans up however it ends.
pub async fn in_world<F: Future<Output = ()>>(
    name: &str,
    realm: Value,
    test: impl FnOnce(World) -> F,
) -> std::thread::Result<()> {
    let world = World::create(name, realm).await;
    let remains = World {
        namespace: world.namespace.clone(),
        client: world.client.clone(),
        keycloak: Admin::of_bed(&world.keycloak.realm),
    };
    let outcome = AssertUnwindSafe(test(world)).catch_unwind().await;
    if outcome.is_err() {
        remains.explain().await;
    }
    remains.destroy().await;
    outcome
}

impl World {
    pub async fn create(name: &str, realm: Value) -> Self {
        let short: String = name.replace('_', "-").chars().take(40).collect();
        let unique = format!("{}-{:04x}", short.trim_end_matches('-'), fastrand::u16(..));
        let client = admin_client().await;
        install_definitions(&client).await;
        create_namespace(&client, &unique).await;
        let keycloak = Admin::of_bed(&unique);
        keycloak.create_realm(realm).await;
        Self { namespace: unique, client, keycloak }
    }

    /// The same realm seen from the namespace of the same name in another cluster.
    pub async fn in_cluster(&self, kubernetes: &SecondKubernetes) -> Self {
        let client = kubernetes.administrator().await;
        define(&client).await;
        create_namespace(&client, &self.namespace).await;
        Self { namespace: self.namespace.clone(), client, keycloak: Admin::of_bed(&self.keycloak.realm) }
    }

    async fn destroy(&self) {
        self.keycloak.delete_realm().await;
        let users: Api<KeycloakUser> = self.api();
        for user in users.list(&ListParams::default()).await.expect("users") {
            let release = json!({ "metadata": { "finalizers": null } });
            let _ = users.patch(&user.name_any(), &PatchParams::default(), &Patch::Merge(release)).await;
        }
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let _ = namespaces.delete(&self.namespace, &DeleteParams::default()).await;
        Chart::remove(&self.client, &self.namespace).await;
    }

    /// For a failed test: what the resources looked like in the end.
    async fn explain(&self) {
        let users: Api<KeycloakUser> = self.api();
        for user in users.list(&ListParams::default()).await.expect("users") {
            eprintln!("{} {}", user.name_any(), serde_json::to_string_pretty(&user.status).unwrap());
        }
        eprintln!("writes of the operator: {:#?}", self.keycloak.writes_of_operator().await);
    }

    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Starts an operator with the rights of the chart's ServiceAccount.
    pub async fn operator(&self) -> Operator {
        Operator::start(&self.chart().await, &self.namespace).await
    }

    /// The same, with so many passes at one time.
    pub async fn operator_with(&self, concurrency: u16) -> Operator {
        Operator::start_with(&self.chart().await, &self.namespace, concurrency).await
    }

    /// The chart's objects, applied to this namespace.
    pub async fn chart(&self) -> Chart {
        Chart::apply(&self.client, &self.namespace).await
    }

    /// Takes the right to write the status of users away, or gives it back, and waits until that holds.
    pub async fn may_write_status(&self, may: bool) {
        let roles: Api<ClusterRole> = Api::all(self.client.clone());
        let of_release = ListParams::default().labels(&format!("app.kubernetes.io/instance={}", self.namespace));
        for role in roles.list(&of_release).await.unwrap() {
            let mut rules = role.rules.clone().unwrap_or_default();
            let is_status =
                |resources: &Vec<String>| resources.iter().any(|resource| resource == "keycloakusers/status");
            for rule in rules.iter_mut().filter(|rule| rule.resources.as_ref().is_some_and(is_status)) {
                rule.verbs = vec![if may { "update" } else { "get" }.to_owned()];
            }
            let patch = Patch::Merge(json!({ "rules": rules }));
            roles.patch(&role.name_any(), &PatchParams::default(), &patch).await.expect("the Role");
        }
        let chart = Chart::read(&self.client, &self.namespace).await;
        eventually(&format!("the status may be written: {may}"), async || {
            let allowed = chart.may(&self.namespace, "update", "keycloakuser.dev", "keycloakusers/status", "any").await;
            if allowed == may { Ok(()) } else { Err(allowed) }
        })
        .await;
    }

    /// Makes the connection `default` and its Secret; `spec` overrides fields of it. The periodic check is an hour away.
    pub async fn connect(&self, spec: Value) {
        self.secret("keycloak-client", &[("client-id", OPERATOR_CLIENT), ("client-secret", OPERATOR_SECRET)]).await;
        self.connection("default", spec).await;
    }

    /// Deletes a connection.
    pub async fn disconnect(&self, name: &str) {
        self.api::<KeycloakConnection>().delete(name, &DeleteParams::default()).await.expect("the connection");
    }

    pub async fn connection(&self, name: &str, overrides: Value) {
        let spec = self.connection_spec(overrides);
        self.apply::<KeycloakConnection>("KeycloakConnection", name, json!({ "spec": spec }))
            .await
            .expect("the connection");
    }

    /// A spec for this realm of the bed's Keycloak, with some fields overridden.
    pub fn connection_spec(&self, overrides: Value) -> Value {
        let mut spec = json!({
            "url": bed().keycloak_url(), "allowHttp": true, "realm": self.keycloak.realm,
            "auth": { "clientCredentials": { "secretRef": { "name": "keycloak-client" } } },
            "sync": { "sweepInterval": "1h" },
        });
        for (key, value) in overrides.as_object().into_iter().flatten() {
            spec[key] = value.clone();
        }
        // Most tests count requests and passes; those of `drift` follow events.
        if spec["sync"]["events"].is_null() {
            spec["sync"]["events"] = json!("Ignore");
        }
        spec
    }

    /// Writes a Secret, whole.
    pub async fn secret(&self, name: &str, values: &[(&str, &str)]) {
        let data: serde_json::Map<String, Value> = values.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
        let secrets: Api<Secret> = self.api();
        let _ = secrets.delete(name, &DeleteParams::default()).await;
        let secret = serde_json::from_value(json!({ "metadata": { "name": name }, "stringData": data })).unwrap();
        secrets.create(&PostParams::default(), &secret).await.expect("the Secret");
    }

    /// Changes the values of a Secret that is there.
    pub async fn change_secret(&self, name: &str, values: &[(&str, &str)]) {
        let data: serde_json::Map<String, Value> = values.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
        let secrets: Api<Secret> = self.api();
        let patch = Patch::Merge(json!({ "stringData": data }));
        secrets.patch(name, &PatchParams::default(), &patch).await.expect("the Secret");
    }

    /// Applies a user as `kubectl apply --server-side` would: what the spec leaves out goes.
    pub async fn user(&self, name: &str, spec: Value) -> KeycloakUser {
        self.try_user(name, spec).await.expect("the resource is valid")
    }

    pub async fn try_user(&self, name: &str, spec: Value) -> Result<KeycloakUser, kube::Error> {
        self.apply("KeycloakUser", name, json!({ "spec": spec })).await
    }

    pub async fn apply<K>(&self, kind: &str, name: &str, body: Value) -> Result<K, kube::Error>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>
            + Clone
            + serde::de::DeserializeOwned
            + std::fmt::Debug,
    {
        let mut object = body;
        object["apiVersion"] = json!("keycloakuser.dev/v1alpha1");
        object["kind"] = json!(kind);
        object["metadata"]["name"] = json!(name);
        self.api::<K>().patch(name, &PatchParams::apply("test").force(), &Patch::Apply(object)).await
    }

    pub async fn annotate(&self, name: &str, annotation: &str, value: &str) {
        let patch = json!({ "metadata": { "annotations": { annotation: value } } });
        let users: Api<KeycloakUser> = self.api();
        users.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.expect("the resource");
    }

    pub async fn get_user(&self, name: &str) -> KeycloakUser {
        self.api::<KeycloakUser>().get(name).await.expect("the resource")
    }

    /// Waits until the operator has answered for the newest spec, with that reason on `Ready`.
    pub async fn until(&self, name: &str, reason: &str) -> KeycloakUser {
        eventually(&format!("{name} with reason {reason}"), async || {
            let user = self.get_user(name).await;
            let status = user.status.clone().unwrap_or_default();
            let answered = status.observed_generation == user.metadata.generation;
            if answered && ready_reason(&user) == Some(reason) { Ok(user) } else { Err(status) }
        })
        .await
    }

    pub async fn connection_status(&self) -> KeycloakConnectionStatus {
        self.api::<KeycloakConnection>().get("default").await.expect("the connection").status.unwrap_or_default()
    }

    /// Waits until the operator has tried the connection as it is now, so that whatever it does later goes by that.
    pub async fn until_tried(&self, connection: &str) {
        eventually(&format!("connection {connection} was tried"), async || {
            let connection = self.api::<KeycloakConnection>().get(connection).await.expect("the connection");
            let tried = connection.status.and_then(|status| status.observed_generation);
            if tried == connection.metadata.generation { Ok(()) } else { Err(tried) }
        })
        .await;
    }

    /// Waits until a pass has seen the Secret of the user's password as it is now.
    pub async fn until_secret_seen(&self, user: &str, secret: &str) -> KeycloakUser {
        let version = self.api::<Secret>().get(secret).await.expect("the Secret").resource_version();
        eventually(&format!("{user} knows the newest {secret}"), async || {
            let user = self.get_user(user).await;
            let records = user.status.clone().unwrap_or_default().credentials;
            let seen = records.first().map(|record| record.secret_resource_version.clone());
            if seen == version { Ok(user) } else { Err(seen) }
        })
        .await
    }

    /// Waits until the connection's status says how far both feeds have been read.
    pub async fn until_positions(&self) -> Vec<FeedStatus> {
        eventually("the position of both feeds", async || {
            let feeds = self.connection_status().await.feeds;
            if feeds.len() == 2 { Ok(feeds) } else { Err(feeds) }
        })
        .await
    }

    /// Waits until the account satisfies a condition, as Keycloak's administrator sees it.
    pub async fn until_account(&self, username: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("account {username}: {what}"), async || match self.keycloak.user(username).await {
            Some(account) if holds(&account) => Ok(account),
            other => Err(other),
        })
        .await
    }

    /// Asks for a pass now and waits until it is answered.
    pub async fn reconcile_now(&self, name: &str) -> KeycloakUser {
        let value = format!("{:08x}", fastrand::u32(..));
        self.annotate(name, RECONCILE_REQUESTED_AT, &value).await;
        eventually(&format!("{name} answers the annotation"), async || {
            let user = self.get_user(name).await;
            let handled = user.status.as_ref().and_then(|status| status.last_handled_reconcile_at.clone());
            if handled.as_deref() == Some(&value) { Ok(user) } else { Err(handled) }
        })
        .await
    }

    pub async fn delete(&self, name: &str) {
        self.api::<KeycloakUser>().delete(name, &DeleteParams::default()).await.expect("the resource");
    }

    /// Deletes the resource and waits until it is gone.
    pub async fn delete_and_wait(&self, name: &str) {
        self.delete(name).await;
        self.until_gone(name).await;
    }

    pub async fn until_gone(&self, name: &str) {
        self.until_gone_within(Duration::from_secs(60), name).await;
    }

    pub async fn until_gone_within(&self, deadline: Duration, name: &str) {
        eventually_within(deadline, &format!("{name} is gone"), async || {
            match self.api::<KeycloakUser>().get_opt(name).await.unwrap() {
                None => Ok(()),
                Some(user) => Err(user.status),
            }
        })
        .await;
    }

    /// How many events of that reason there are about a resource.
    pub async fn events(&self, regarding: &str, reason: &str) -> usize {
        let events = self.api::<Event>().list(&ListParams::default()).await.expect("events");
        let about = |event: &&Event| {
            event.regarding.as_ref().and_then(|object| object.name.as_deref()) == Some(regarding)
                && event.reason.as_deref() == Some(reason)
        };
        events.items.iter().filter(about).count()
    }

    /// Waits for an event about a resource.
    pub async fn until_event(&self, regarding: &str, reason: &str) -> String {
        eventually(&format!("an event {reason} about {regarding}"), async || {
            let events = self.api::<Event>().list(&ListParams::default()).await.expect("events");
            let about =
                |event: &&Event| event.regarding.as_ref().and_then(|object| object.name.as_deref()) == Some(regarding);
            let found = events.items.iter().filter(about).find(|event| event.reason.as_deref() == Some(reason));
            found.map(|event| event.note.clone().unwrap_or_default()).ok_or(events.items.len())
        })
        .await
    }
}

/// The reason of the condition `Ready`.
pub fn ready_reason(user: &KeycloakUser) -> Option<&str> {
    condition(user, "Ready").map(|condition| condition.reason.as_str())
}

/// A condition by its type.
pub fn condition<'a>(user: &'a KeycloakUser, type_: &str) -> Option<&'a Condition> {
    user.status.as_ref()?.conditions.iter().find(|condition| condition.type_ == type_)
}

async fn admin_client() -> Client {
    let kubeconfig = Kubeconfig::read_from(bed().kubeconfig()).expect("the bed's kubeconfig");
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.expect("a config");
    Client::try_from(config).expect("a client")
}

async fn create_namespace(client: &Client, name: &str) {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespace: Namespace = serde_json::from_value(json!({ "metadata": { "name": name } })).unwrap();
    namespaces.create(&PostParams::default(), &namespace).await.expect("the namespace");
}

/// Installs the definitions once.
async fn install_definitions(client: &Client) {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    INSTALLED.get_or_init(|| define(client)).await;
}

/// Applies the definitions, and waits until the API server serves them.
async fn define(client: &Client) {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for definition in custom_resource_definitions() {
        let params = PatchParams::apply("test").force();
        api.patch(&definition.name_any(), &params, &Patch::Apply(&definition)).await.expect("the definition");
    }
    eventually("the definitions are served", async || {
        let users: Api<KeycloakUser> = Api::all(client.clone());
        let connections: Api<KeycloakConnection> = Api::all(client.clone());
        users.list(&ListParams::default()).await?;
        connections.list(&ListParams::default()).await?;
        let shared: Api<ClusterKeycloakConnection> = Api::all(client.clone());
        shared.list(&ListParams::default()).await
    })
    .await;
}
