//! The contract of `docs/credentials.md`: what is sent, when, and nothing else. The witness of what was sent are
//! Keycloak's admin events, of what was asked for the operator's own count of its requests.

mod actions;
mod canary;
mod enforce;
mod key;
mod kills;
mod secrets;
mod sessions;
mod steady;
mod table;

use keycloak_user_operator::api::{CredentialRecord, KeycloakUser};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{OPERATOR_CLIENT, World, condition, eventually};

/// A policy under which a password that is sent twice is refused.
const HISTORY: &str = "passwordHistory(5) and length(12) and digits(1) and notUsername";
/// The same without a memory.
const NO_HISTORY: &str = "length(12) and digits(1) and notUsername";

const FIRST: &str = "first-password-1";
const SECOND: &str = "second-password-2";
const THIRD: &str = "third-password-3";
/// Set by somebody else.
const THEIRS: &str = "chosen-by-themselves-9";

/// A realm whose policy the operator may not read.
fn realm(policy: &str) -> Value {
    realm_seen_with(policy, &["manage-users"])
}

fn realm_seen_with(policy: &str, roles: &[&str]) -> Value {
    let account = json!({ "username": format!("service-account-{OPERATOR_CLIENT}"), "enabled": true,
        "serviceAccountClientId": OPERATOR_CLIENT, "clientRoles": { "realm-management": roles } });
    json!({ "passwordPolicy": policy, "users": [account] })
}

/// An account that can log in, with its password from the Secret `kcuser-<name>` and these fields in its credential.
fn spec(name: &str, credential: Value) -> Value {
    let source = json!({ "secretKeyRef": { "name": format!("kcuser-{name}"), "key": "password" } });
    let mut declared = json!({ "type": "password", "valueFrom": source });
    for (field, value) in credential.as_object().into_iter().flatten() {
        declared[field] = value.clone();
    }
    json!({ "username": name, "firstName": "F", "lastName": "L", "email": format!("{name}@example.com"),
        "credentials": [declared] })
}

/// Makes the Secret with the first password, and the user; waits until it is in line.
async fn make(world: &World, name: &str, credential: Value) -> KeycloakUser {
    world.secret(&format!("kcuser-{name}"), &[("password", FIRST)]).await;
    world.user(name, spec(name, credential)).await;
    world.until(name, "Synced").await
}

async fn set_value(world: &World, name: &str, value: &str) {
    world.change_secret(&format!("kcuser-{name}"), &[("password", value)]).await;
}

async fn account_id(world: &World, name: &str) -> String {
    world.keycloak.user(name).await.expect("the account")["id"].as_str().expect("an id").to_owned()
}

/// How many passwords the operator has set on the account since it was made.
async fn resets_of(world: &World, name: &str) -> usize {
    let event = format!("ACTION users/{}/reset-password", account_id(world, name).await);
    world.keycloak.writes_of_operator().await.iter().filter(|write| **write == event).count()
}

async fn until_resets(world: &World, name: &str, count: usize) {
    eventually(&format!("{count} passwords set on {name}"), async || match resets_of(world, name).await {
        found if found == count => Ok(()),
        other => Err(other),
    })
    .await;
}

async fn until_login(world: &World, name: &str, password: &str) {
    eventually(&format!("{name} logs in"), async || world.keycloak.login(name, password).await).await;
}

/// Sets the password as an administrator would.
async fn set_by_hand(world: &World, name: &str, password: &str) {
    let id = account_id(world, name).await;
    let body = json!({ "type": "password", "value": password, "temporary": false });
    world.keycloak.change(Method::PUT, &format!("/users/{id}/reset-password"), body).await;
}

async fn set_policy(world: &World, policy: &str) {
    world.keycloak.change(Method::PUT, "", json!({ "passwordPolicy": policy })).await;
}

fn record(user: &KeycloakUser) -> CredentialRecord {
    user.status.clone().unwrap_or_default().credentials.first().cloned().expect("a record")
}

/// Status and reason of the condition `CredentialsSynced`.
fn synced(user: &KeycloakUser) -> (String, String) {
    let found = condition(user, "CredentialsSynced").expect("the condition");
    (found.status.clone(), found.reason.clone())
}

async fn until_synced(world: &World, name: &str, status: &str, reason: &str) -> KeycloakUser {
    eventually(&format!("CredentialsSynced of {name} is {status}/{reason}"), async || {
        let user = world.get_user(name).await;
        if condition(&user, "CredentialsSynced").is_some_and(|found| found.status == status && found.reason == reason) {
            Ok(user)
        } else {
            Err(user.status)
        }
    })
    .await
}
