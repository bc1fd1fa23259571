//! An account that brute-force protection has locked stays locked, whatever else is changed in it.

use keycloak_user_operator::api::REENABLE;
use serde_json::{Value, json};

use crate::support::{World, e2e_with, eventually, password_from};

const NAME: &str = "locked";

fn realm(permanent: bool) -> Value {
    json!({ "bruteForceProtected": true, "permanentLockout": permanent, "failureFactor": 2, "editUsernameAllowed": true,
        "quickLoginCheckMilliSeconds": 0, "waitIncrementSeconds": 600, "maxFailureWaitSeconds": 900 })
}

async fn lock(world: &World) {
    eventually("the account is locked", async || {
        let answer = world.keycloak.login(NAME, "wrong").await;
        let failures = world.keycloak.login_failures(NAME).await;
        if failures["disabled"] == json!(true) { Ok(()) } else { Err((answer, failures)) }
    })
    .await;
}

async fn is_locked(world: &World, password: &str, permanent: bool, after: &str) {
    let failures = world.keycloak.login_failures(NAME).await;
    assert_eq!(failures["disabled"], json!(true), "after {after}: {failures}");
    world.keycloak.login(NAME, password).await.expect_err(after);
    let account = world.keycloak.user(NAME).await.unwrap();
    assert_eq!(account["enabled"], json!(!permanent), "after {after}");
    let reason = account["attributes"].get("disabledReason").is_some();
    assert_eq!(reason, permanent, "after {after}: {account}");
}

/// Field by field, what people change; each is there to stay.
fn updates() -> Vec<(&'static str, Value)> {
    vec![
        ("firstName", json!("B")),
        ("email", json!("other@example.com")),
        ("emailVerified", json!(true)),
        ("attributes", json!([{ "name": "a", "values": ["1"] }])),
        ("attributes", json!([{ "name": "a", "values": ["2"] }, { "name": "b", "values": ["3"] }])),
        ("attributes", json!([])),
        ("realmRoles", json!(["base"])),
        ("realmRoles", json!([])),
        ("clientRoles", json!([{ "client": "app", "roles": ["reader"] }])),
        ("clientRoles", json!([])),
        ("groups", json!(["/staff"])),
        ("groups", json!([])),
        ("requiredActions", json!(["VERIFY_EMAIL"])),
        ("requiredActions", json!([])),
        ("exact", json!(["attributes", "realmRoles", "groups", "requiredActions"])),
    ]
}

async fn prepare(world: &World) {
    world.connect(json!({ "sync": { "sweepInterval": "1h", "reenable": "Always" } })).await;
    world.secret("kcuser-locked", &[("password", "first-password")]).await;
    world.keycloak.create_client("app").await;
    for role in ["base", "app/reader"] {
        world.keycloak.create_role(role).await;
    }
    world.keycloak.create_group("/staff").await;
}

async fn stays_locked(world: World, permanent: bool) {
    prepare(&world).await;
    let _operator = world.operator().await;
    let mut spec = json!({ "username": NAME, "enabled": true, "firstName": "A", "lastName": "L",
        "email": "locked@example.com", "credentials": password_from("kcuser-locked") });
    world.user(NAME, spec.clone()).await;
    world.until(NAME, "Synced").await;
    lock(&world).await;
    let reason = if permanent { "LockedOut" } else { "Synced" };
    for (field, value) in updates() {
        let what = format!("{field}: {value}");
        spec[field] = value;
        world.user(NAME, spec.clone()).await;
        world.until(NAME, reason).await;
        is_locked(&world, "first-password", permanent, &what).await;
    }
    let date = world.keycloak.password_created_date(NAME).await;
    world.change_secret("kcuser-locked", &[("password", "second-password")]).await;
    eventually("the new password", async || {
        if world.keycloak.password_created_date(NAME).await == date { Err(()) } else { Ok(()) }
    })
    .await;
    world.reconcile_now(NAME).await;
    is_locked(&world, "second-password", permanent, "another password").await;
    // Not to be managed any more is no wish to switch it on; nor is another pass.
    spec.as_object_mut().unwrap().remove("enabled");
    world.user(NAME, spec.clone()).await;
    world.until(NAME, "Synced").await;
    is_locked(&world, "second-password", permanent, "no word about enabled").await;
    // To be switched off and on again is one, as the annotation is.
    spec["enabled"] = json!(false);
    world.user(NAME, spec.clone()).await;
    world.until(NAME, "Synced").await;
    assert_eq!(world.keycloak.user(NAME).await.unwrap()["enabled"], json!(false));
    spec["enabled"] = json!(true);
    world.user(NAME, spec).await;
    world.until(NAME, "Synced").await;
    assert_eq!(world.keycloak.user(NAME).await.unwrap()["enabled"], json!(true));
    world.keycloak.login(NAME, "second-password").await.expect("the lock is lifted");
}

#[test]
fn a_temporary_lock_outlives_every_update() {
    e2e_with("a_temporary_lock_outlives", realm(false), async |world| stays_locked(world, false).await);
}

#[test]
fn a_permanent_lock_outlives_every_update() {
    e2e_with("a_permanent_lock_outlives", realm(true), async |world| stays_locked(world, true).await);
}

#[test]
fn a_permanent_lock_outlives_a_lost_status_and_ends_when_somebody_asks() {
    e2e_with("a_permanent_lock_outlives_a_lost_status", realm(true), async |world| {
        prepare(&world).await;
        let _operator = world.operator().await;
        let credentials = password_from("kcuser-locked");
        let spec = json!({ "username": NAME, "enabled": true, "firstName": "A", "lastName": "L",
            "email": "locked@example.com", "credentials": credentials });
        world.user(NAME, spec).await;
        world.until(NAME, "Synced").await;
        lock(&world).await;
        let nothing = json!({ "status": { "userId": null, "username": null, "owned": null, "conditions": null } });
        let api: kube::Api<keycloak_user_operator::api::KeycloakUser> = world.api();
        api.patch_status(NAME, &Default::default(), &kube::api::Patch::Merge(nothing)).await.unwrap();
        world.reconcile_now(NAME).await;
        world.until(NAME, "LockedOut").await;
        is_locked(&world, "first-password", true, "a lost status").await;
        world.annotate(NAME, REENABLE, "1").await;
        world.until(NAME, "Synced").await;
        world.keycloak.login(NAME, "first-password").await.expect("the lock is lifted");
    });
}
