//! The yardstick: the requests that nobody can do without, one after the other for each account, and nothing else.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Secret;
use keycloak_user_operator::api::KeycloakUser;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams, PostParams};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::operator::processor_time;
use crate::realm::RealmClient;
use crate::report;
use crate::stage::Stage;

/// What it took.
pub struct Taken {
    pub time: Duration,
    pub requests: usize,
    /// Processor time, in seconds.
    pub processor: f64,
}

/// Makes the accounts of all resources over so many connections, with the writes that an operator owes: a finalizer
/// before the account, a status after it.
pub async fn run(stage: &Stage, connections: u16) -> Taken {
    let (started, processor) = (Instant::now(), processor_time("self"));
    let keycloak = RealmClient::new(&stage.world.keycloak.realm);
    let role = keycloak.get("/roles/staff").await;
    let role = json!([{ "id": role["id"], "name": role["name"] }]);
    let resources = stage.resources().await;
    let progress = report::progress("accounts made by the bare loop", resources.len());
    stream::iter(resources)
        .for_each_concurrent(usize::from(connections), async |user| {
            make(stage, &keycloak, &role, user).await;
            progress.inc(1);
        })
        .await;
    progress.finish_and_clear();
    let processor = processor_time("self") - processor;
    Taken { time: started.elapsed(), requests: keycloak.requests(), processor }
}

async fn make(stage: &Stage, keycloak: &RealmClient, role: &Value, user: KeycloakUser) {
    let (api, name) = (stage.world.api::<KeycloakUser>(), user.name_any());
    let finalizer = json!({ "metadata": { "finalizers": ["keycloakuser.dev/account"],
        "resourceVersion": user.resource_version() } });
    let mut user = api.patch(&name, &PatchParams::default(), &Patch::Merge(finalizer)).await.expect("the finalizer");
    let password = if stage.passwords { Some(password_of(stage, &name).await) } else { None };
    let body = account(&user, password.as_deref());
    let made = keycloak.send(Method::POST, "/users", Some(&body)).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let location = made.headers()["location"].to_str().expect("an address");
    let id = location.rsplit('/').next().expect("an id").to_owned();
    let given = keycloak.send(Method::POST, &format!("/users/{id}/role-mappings/realm"), Some(role)).await;
    assert_eq!(given.status(), StatusCode::NO_CONTENT);
    user.status = Some(serde_json::from_value(status(&user, &id, role)).expect("a status"));
    api.replace_status(&name, &PostParams::default(), &user).await.expect("the status");
}

async fn password_of(stage: &Stage, name: &str) -> String {
    let secret = stage.world.api::<Secret>().get(name).await.expect("the Secret");
    let value = secret.data.and_then(|mut data| data.remove("password")).expect("a password");
    String::from_utf8(value.0).expect("text")
}

fn account(user: &KeycloakUser, password: Option<&str>) -> Value {
    let spec = &user.spec;
    let mut body = json!({
        "username": spec.username, "firstName": spec.first_name, "lastName": spec.last_name, "email": spec.email,
        "enabled": true, "attributes": { "team": ["blue"] }, "groups": ["/staff"],
    });
    if let Some(password) = password {
        body["credentials"] = json!([{ "type": "password", "temporary": false, "value": password }]);
    }
    body
}

/// About as large as the operator's.
fn status(user: &KeycloakUser, id: &str, role: &Value) -> Value {
    let condition = |type_: &str| {
        json!({ "type": type_, "status": "True", "reason": "Synced", "message": "the account is as declared",
            "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": user.metadata.generation })
    };
    json!({ "observedGeneration": user.metadata.generation, "userId": id, "username": user.spec.username,
        "conditions": [condition("Ready"), condition("AttributesAccepted")],
        "owned": { "attributes": ["team"], "realmRoles": role } })
}
