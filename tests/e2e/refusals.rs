//! Bad input: a clear condition, an event, recovery without touching the operator, nothing lost.

use k8s_openapi::api::core::v1::Secret;
use keycloak_user_operator::api::{KeycloakConnection, KeycloakUser};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;

use crate::support::{OPERATOR_CLIENT, OPERATOR_SECRET, World, condition, e2e, e2e_with, password_from};

/// Waits for the reason, and checks what a person sees of it: the words, the event, and who has to act.
async fn refused(world: &World, name: &str, reason: &str, words: &[&str], helper: &str) -> KeycloakUser {
    let user = world.until(name, reason).await;
    let ready = condition(&user, "Ready").unwrap();
    assert_eq!(ready.status, "False");
    for word in words {
        assert!(ready.message.contains(word), "{word:?} is missing in: {}", ready.message);
    }
    assert!(condition(&user, helper).is_some_and(|condition| condition.status == "True"), "{helper} is not shown");
    world.until_event(name, reason).await;
    user
}

#[test]
fn an_absent_secret_holds_the_creation_back_until_it_is_there() {
    e2e("an_absent_secret", async |world, _operator| {
        world.user("s", json!({ "username": "needs-secret", "credentials": password_from("not-there") })).await;
        refused(&world, "s", "SecretNotFound", &["not-there", "create it"], "Reconciling").await;
        assert_eq!(world.keycloak.user("needs-secret").await, None, "no account without its password");
        world.secret("not-there", &[("password", "now-it-is-there")]).await;
        world.until("s", "Synced").await;
    });
}

#[test]
fn an_absent_key_and_an_empty_value_hold_the_creation_back() {
    e2e("an_absent_key_and_an_empty_value", async |world, _operator| {
        world.secret("kcuser-k", &[("wrong-key", "x")]).await;
        world.user("k", json!({ "username": "needs-key", "credentials": password_from("kcuser-k") })).await;
        refused(&world, "k", "SecretKeyNotFound", &["kcuser-k", "password", "add it"], "Reconciling").await;
        world.change_secret("kcuser-k", &[("password", " \t ")]).await;
        world.until("k", "SecretValueEmpty").await;
        world.secret("kcuser-k", &[("wrong-key", "x")]).await;
        world.until("k", "SecretKeyNotFound").await;
        world.change_secret("kcuser-k", &[("password", "")]).await;
        refused(&world, "k", "SecretValueEmpty", &["kcuser-k", "empty"], "Reconciling").await;
        world.change_secret("kcuser-k", &[("password", "a-real-password")]).await;
        world.until("k", "Synced").await;
    });
}

#[test]
fn a_secret_that_vanishes_does_not_keep_the_profile_from_being_applied() {
    e2e("a_secret_that_vanishes", async |world, _operator| {
        world.secret("kcuser-v", &[("password", "some-password")]).await;
        let spec =
            |first: &str| json!({ "username": "vanish", "firstName": first, "credentials": password_from("kcuser-v") });
        world.user("v", spec("A")).await;
        world.until("v", "Synced").await;
        let secrets: Api<Secret> = world.api();
        secrets.delete("kcuser-v", &DeleteParams::default()).await.unwrap();
        world.until("v", "SecretNotFound").await;
        world.user("v", spec("B")).await;
        world.until_account("vanish", "the new name", |user| user["firstName"] == "B").await;
        let user = world.until("v", "SecretNotFound").await;
        assert_eq!(condition(&user, "CredentialsSynced").unwrap().status, "False");
    });
}

#[test]
fn an_absent_connection_is_waited_for() {
    e2e_with("an_absent_connection", json!({}), async |world| {
        let _operator = world.operator().await;
        world.user("c", json!({ "username": "connectionless" })).await;
        refused(&world, "c", "ConnectionNotFound", &["KeycloakConnection default", "create it"], "Reconciling").await;
        world.connection("default", json!({})).await;
        refused(&world, "c", "ConnectionSecretNotFound", &["keycloak-client", "create it"], "Reconciling").await;
        world.secret("keycloak-client", &[("client-id", OPERATOR_CLIENT)]).await;
        refused(&world, "c", "ConnectionSecretInvalid", &["keycloak-client", "client-secret"], "Reconciling").await;
        world.change_secret("keycloak-client", &[("client-secret", "wrong-secret")]).await;
        let user = refused(&world, "c", "CredentialsRefused", &["credentials", "client"], "Stalled").await;
        assert!(!serde_json::to_string(&user.status).unwrap().contains("wrong-secret"));
        world.change_secret("keycloak-client", &[("client-secret", OPERATOR_SECRET)]).await;
        world.until("c", "Synced").await;
    });
}

#[test]
fn the_status_of_a_connection_says_whether_it_works() {
    e2e_with("the_status_of_a_connection", json!({}), async |world| {
        let _operator = world.operator().await;
        let reason = async |wanted: &str| {
            crate::support::eventually(wanted, async || {
                let connection: KeycloakConnection = world.api().get("default").await.unwrap();
                let status = connection.status.clone().unwrap_or_default();
                let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
                let fresh = status.observed_generation == connection.metadata.generation;
                if fresh && ready.is_some_and(|ready| ready.reason == wanted) { Ok(()) } else { Err(status) }
            })
            .await;
        };
        world.connection("default", json!({})).await;
        reason("ConnectionSecretNotFound").await;
        world.connect(json!({})).await;
        reason("Synced").await;
        world.disconnect("default").await;
        world.connection("default", json!({ "realm": "no-such-realm" })).await;
        reason("RealmNotFound").await;
        world.disconnect("default").await;
        world.connection("default", json!({})).await;
        reason("Synced").await;
    });
}

#[test]
fn an_absent_realm_is_named() {
    e2e_with("an_absent_realm_is_named", json!({}), async |world| {
        world.connect(json!({ "realm": "no-such-realm" })).await;
        let _operator = world.operator().await;
        world.user("r", json!({ "username": "realmless" })).await;
        refused(&world, "r", "RealmNotFound", &["realm does not exist"], "Stalled").await;
        world.disconnect("default").await;
        world.connection("default", json!({})).await;
        world.until("r", "Synced").await;
    });
}

#[test]
fn a_missing_right_in_keycloak_is_named() {
    e2e_with(
        "a_missing_right_in_keycloak",
        json!({ "users": [{
        "username": format!("service-account-{OPERATOR_CLIENT}"), "enabled": true,
        "serviceAccountClientId": OPERATOR_CLIENT, "clientRoles": { "realm-management": ["view-users"] } }] }),
        async |world| {
            world.connect(json!({})).await;
            let _operator = world.operator().await;
            world.user("f", json!({ "username": "forbidden" })).await;
            refused(&world, "f", "Forbidden", &["manage-users"], "Stalled").await;
        },
    );
}

#[test]
fn a_foreign_account_of_that_name_is_left_alone() {
    e2e("a_foreign_account_of_that_name", async |world, _operator| {
        let foreign =
            world.keycloak.create_user(json!({ "username": "taken", "firstName": "Theirs", "enabled": true })).await;
        world.secret("kcuser-t", &[("password", "not-for-them")]).await;
        world
            .user("t", json!({ "username": "Taken", "firstName": "Mine", "credentials": password_from("kcuser-t") }))
            .await;
        refused(&world, "t", "ForeignAccount", &["taken", "not created by this resource"], "Stalled").await;
        assert_eq!(world.keycloak.user("taken").await.unwrap(), foreign);
        assert_eq!(world.keycloak.writes_of_operator().await, Vec::<String>::new());
        world.keycloak.delete_user("taken").await;
        world.reconcile_now("t").await;
        world.until("t", "Synced").await;
    });
}

#[test]
fn a_status_written_by_hand_gains_no_account() {
    e2e("a_status_written_by_hand", async |world, _operator| {
        let foreign = world.keycloak.create_user(json!({ "username": "victim", "enabled": true })).await;
        world.user("thief", json!({ "username": "thief", "suspend": true })).await;
        world.until("thief", "Suspended").await;
        let users: Api<KeycloakUser> = world.api();
        let status = Patch::Merge(json!({ "status": { "userId": foreign["id"] } }));
        users.patch_status("thief", &PatchParams::default(), &status).await.unwrap();
        world.user("thief", json!({ "username": "thief", "firstName": "Changed" })).await;
        refused(&world, "thief", "ForeignAccount", &["victim", "not created by this resource"], "Stalled").await;
        world.delete_and_wait("thief").await;
        assert_eq!(world.keycloak.user("victim").await.unwrap(), foreign);
        world.until_event("thief", "AccountKept").await;
        assert_eq!(world.keycloak.writes_of_operator().await, Vec::<String>::new());
    });
}

#[test]
fn a_taken_address_is_named() {
    e2e("a_taken_address_is_named", async |world, _operator| {
        world
            .keycloak
            .create_user(json!({ "username": "first", "email": "shared@example.com", "enabled": true }))
            .await;
        world.user("e", json!({ "username": "second", "email": "Shared@example.com" })).await;
        refused(&world, "e", "EmailTaken", &["e-mail address"], "Stalled").await;
        world.user("e", json!({ "username": "second", "email": "own@example.com" })).await;
        world.until("e", "Synced").await;
        world.user("e", json!({ "username": "second", "email": "shared@example.com" })).await;
        refused(&world, "e", "EmailTaken", &["e-mail address"], "Stalled").await;
    });
}

#[test]
fn a_rename_onto_a_name_that_is_taken_is_refused() {
    e2e("a_rename_onto_a_name_that_is_taken", async |world, _operator| {
        world.keycloak.change(reqwest::Method::PUT, "", json!({ "editUsernameAllowed": true })).await;
        world.keycloak.create_user(json!({ "username": "occupied", "enabled": true })).await;
        world.user("n", json!({ "username": "mover" })).await;
        world.until("n", "Synced").await;
        world.user("n", json!({ "username": "occupied" })).await;
        refused(&world, "n", "UsernameTaken", &["occupied"], "Stalled").await;
        assert!(world.keycloak.user("mover").await.is_some());
    });
}

#[test]
fn a_value_that_the_profile_refuses_is_named() {
    e2e("a_value_that_the_profile_refuses", async |world, _operator| {
        world.user("v", json!({ "username": "ab" })).await;
        refused(&world, "v", "ValueRejected", &["username", "length"], "Stalled").await;
        world.user("v", json!({ "username": "abc", "email": "not an address" })).await;
        refused(&world, "v", "ValueRejected", &["email", "not a valid e-mail address"], "Stalled").await;
        world.user("v", json!({ "username": "abc", "firstName": "<script>", "email": "abc@example.com" })).await;
        refused(&world, "v", "ValueRejected", &["firstName", "character"], "Stalled").await;
        world.user("v", json!({ "username": "abc", "firstName": "Plain", "email": "abc@example.com" })).await;
        world.until("v", "Synced").await;
    });
}

#[test]
fn a_username_that_is_not_granted_is_refused_at_creation_and_at_a_rename() {
    e2e_with("a_username_that_is_not_granted", json!({ "editUsernameAllowed": true }), async |world| {
        world.connect(json!({ "grants": { "usernames": ["svc-*"] } })).await;
        let _operator = world.operator().await;
        world.user("g", json!({ "username": "boss" })).await;
        refused(&world, "g", "NotGranted", &["grants.usernames", "boss"], "Stalled").await;
        world.user("g", json!({ "username": "SVC-mail" })).await;
        world.until("g", "Synced").await;
        world.user("g", json!({ "username": "boss" })).await;
        world.until("g", "NotGranted").await;
        assert!(world.keycloak.user("svc-mail").await.is_some());
        assert_eq!(world.keycloak.user("boss").await, None);
        world.connection("default", json!({ "grants": { "usernames": ["svc-*", "boss"] } })).await;
        world.until("g", "Synced").await;
        assert!(world.keycloak.user("boss").await.is_some(), "the changed connection woke the user");
    });
}
