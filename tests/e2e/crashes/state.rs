//! What is there in the end, as the servers themselves say, without what differs from run to run.

use keycloak_user_operator::api::KeycloakUser;
use kube::api::ListParams;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::World;

/// Differ from run to run; that they are there counts.
const MASKED: [&str; 11] = [
    "containerId",
    "id",
    "userId",
    "createdTimestamp",
    "createdDate",
    "lastTransitionTime",
    "secretUid",
    "secretResourceVersion",
    "digest",
    "keyId",
    "lastHandledReconcileAt",
];

/// All accounts with their roles, groups and credentials, and all resources.
pub(super) async fn capture(world: &World, passwords: &[&str]) -> Value {
    let mut accounts = Vec::new();
    for mut account in world.keycloak.users().await {
        let id = account["id"].as_str().expect("an id").to_owned();
        for part in ["credentials", "groups", "role-mappings/realm"] {
            let path = format!("/{}/users/{id}/{part}", world.keycloak.realm);
            account[part] = world.keycloak.request(Method::GET, &path, None).await.1;
        }
        let username = account["username"].as_str().expect("a username").to_owned();
        for password in passwords {
            account["passwords"][*password] = json!(world.keycloak.login(&username, password).await.is_ok());
        }
        accounts.push(account);
    }
    let users = world.api::<KeycloakUser>().list(&ListParams::default()).await.expect("the resources").items;
    let resources = users.into_iter().map(|user| {
        json!({ "name": user.metadata.name, "finalizers": user.metadata.finalizers, "spec": user.spec,
            "status": user.status, "generation": user.metadata.generation })
    });
    let state = json!({ "accounts": accounts, "resources": resources.collect::<Vec<_>>() });
    let nameless = state.to_string().replace(&world.keycloak.realm, "{}");
    masked(serde_json::from_str(&nameless).expect("it was JSON"))
}

fn masked(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mask = |(key, value): (String, Value)| {
                let hidden = MASKED.contains(&key.as_str()) && !value.is_null();
                (key, if hidden { json!("…") } else { masked(value) })
            };
            Value::Object(fields.into_iter().map(mask).collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(masked).collect()),
        other => other,
    }
}

/// Admin events with accounts numbered in the order in which they appear.
pub(super) fn numbered(events: Vec<String>) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    let mut number = |event: String| {
        let id = event.split('/').nth(1).unwrap_or_default().to_owned();
        let known = ids.iter().position(|known| *known == id).unwrap_or_else(|| {
            ids.push(id.clone());
            ids.len() - 1
        });
        event.replace(&id, &format!("{{{known}}}"))
    };
    events.into_iter().map(&mut number).collect()
}

/// What one state says that the other does not, value by value.
pub(super) fn differences(crashed: &Value, clean: &Value) -> Vec<String> {
    let (crashed, clean) = (leaves(crashed), leaves(clean));
    let only = |of: &[String], other: &[String], mark: &str| -> Vec<String> {
        of.iter().filter(|leaf| !other.contains(leaf)).map(|leaf| format!("{mark} {leaf}")).collect()
    };
    [only(&crashed, &clean, "+"), only(&clean, &crashed, "-")].concat()
}

fn leaves(value: &Value) -> Vec<String> {
    let below = |name: String, value: &Value| leaves(value).into_iter().map(move |leaf| format!("/{name}{leaf}"));
    match value {
        Value::Object(fields) => fields.iter().flat_map(|(key, value)| below(key.clone(), value)).collect(),
        Value::Array(values) => values.iter().enumerate().flat_map(|(index, v)| below(index.to_string(), v)).collect(),
        leaf => vec![format!(": {leaf}")],
    }
}
