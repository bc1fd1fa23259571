//! `enabled`, and its two exceptions.

use keycloak_user_operator::api::{KeycloakUser, REENABLE};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::support::{World, e2e, e2e_with, eventually};

async fn is_enabled(world: &World, name: &str) -> bool {
    world.keycloak.user(name).await.expect("the account")["enabled"] == json!(true)
}

#[test]
fn an_absent_enabled_makes_an_enabled_account_and_is_not_managed() {
    e2e("an_absent_enabled", async |world, _operator| {
        world.user("free", json!({ "username": "free" })).await;
        world.until("free", "Synced").await;
        assert!(is_enabled(&world, "free").await);
        world.keycloak.edit_user("free", json!({ "enabled": false })).await;
        world.user("free", json!({ "username": "free", "firstName": "F" })).await;
        world.until("free", "Synced").await;
        assert!(!is_enabled(&world, "free").await, "left as somebody else set it");
    });
}

#[test]
fn false_is_enforced() {
    e2e_with("false_is_enforced", json!({}), async |world| {
        world.connect(json!({ "sync": { "sweepInterval": "1s" } })).await;
        let _operator = world.operator().await;
        world.user("off", json!({ "username": "off-user", "enabled": false })).await;
        world.until("off", "Synced").await;
        assert!(!is_enabled(&world, "off-user").await);
        world.keycloak.edit_user("off-user", json!({ "enabled": true })).await;
        world.until_account("off-user", "disabled again", |user| user["enabled"] == json!(false)).await;
    });
}

#[test]
fn an_account_that_somebody_else_disabled_stays_so_until_it_is_asked_for() {
    e2e("an_account_that_somebody_else_disabled", async |world, _operator| {
        world.user("held", json!({ "username": "held", "enabled": true })).await;
        world.until("held", "Synced").await;
        world.keycloak.edit_user("held", json!({ "enabled": false })).await;
        world.reconcile_now("held").await;
        world.until("held", "DisabledElsewhere").await;
        world.until_event("held", "DisabledElsewhere").await;
        world.user("held", json!({ "username": "held", "enabled": true, "firstName": "F" })).await;
        world.until_account("held", "the new name", |user| user["firstName"] == "F").await;
        assert!(!is_enabled(&world, "held").await, "another change does not switch it on");

        world.annotate("held", REENABLE, "please").await;
        world.until("held", "Synced").await;
        assert!(is_enabled(&world, "held").await);

        world.keycloak.edit_user("held", json!({ "enabled": false })).await;
        world.reconcile_now("held").await;
        world.until("held", "DisabledElsewhere").await;
        world.user("held", json!({ "username": "held", "enabled": false })).await;
        world.until("held", "Synced").await;
        world.user("held", json!({ "username": "held", "enabled": true })).await;
        world.until("held", "Synced").await;
        assert!(is_enabled(&world, "held").await, "a change of enabled in the spec switches it on");
    });
}

#[test]
fn a_wish_to_switch_it_on_again_is_not_lost_while_nothing_can_be_done() {
    e2e("a_wish_to_switch_it_on_again", async |world, _operator| {
        world.user("wish", json!({ "username": "wish", "enabled": true })).await;
        world.until("wish", "Synced").await;
        world.keycloak.edit_user("wish", json!({ "enabled": false })).await;
        world.user("wish", json!({ "username": "wish", "enabled": true, "suspend": true })).await;
        world.until("wish", "Suspended").await;
        world.annotate("wish", REENABLE, "please").await;
        world.reconcile_now("wish").await;
        world.user("wish", json!({ "username": "wish", "enabled": true })).await;
        world.until("wish", "Synced").await;
        assert!(is_enabled(&world, "wish").await);
    });
}

#[test]
fn a_wish_that_was_taken_back_can_be_asked_again_in_the_same_words() {
    e2e("a_wish_that_was_taken_back", async |world, _operator| {
        world.user("again", json!({ "username": "again", "enabled": true })).await;
        world.until("again", "Synced").await;
        for _ in 0..2 {
            world.keycloak.edit_user("again", json!({ "enabled": false })).await;
            world.annotate("again", REENABLE, "please").await;
            let is_on = |account: &Value| account["enabled"] == true;
            world.until_account("again", "switched on", is_on).await;
            eventually("the wish is answered", async || {
                let handled = world.get_user("again").await.status.unwrap().last_handled_reenable;
                if handled.as_deref() == Some("please") { Ok(()) } else { Err(handled) }
            })
            .await;
            let users = world.api::<KeycloakUser>();
            let taken_back = json!({ "metadata": { "annotations": { REENABLE: null } } });
            users.patch("again", &PatchParams::default(), &Patch::Merge(taken_back)).await.unwrap();
            eventually("the wish is forgotten", async || {
                let handled = world.get_user("again").await.status.unwrap().last_handled_reenable;
                if handled.is_none() { Ok(()) } else { Err(handled) }
            })
            .await;
        }
    });
}

#[test]
fn reenable_always_switches_it_on_as_any_other_drift() {
    e2e_with("reenable_always", json!({}), async |world| {
        world.connect(json!({ "sync": { "sweepInterval": "1h", "reenable": "Always" } })).await;
        let _operator = world.operator().await;
        world.user("always", json!({ "username": "always", "enabled": true })).await;
        world.until("always", "Synced").await;
        world.keycloak.edit_user("always", json!({ "enabled": false })).await;
        world.reconcile_now("always").await;
        world.until_account("always", "enabled", |user| user["enabled"] == json!(true)).await;
    });
}

fn brute_force(permanent: bool) -> Value {
    json!({ "bruteForceProtected": true, "permanentLockout": permanent, "failureFactor": 2,
        "quickLoginCheckMilliSeconds": 0, "waitIncrementSeconds": 600, "maxFailureWaitSeconds": 900 })
}

async fn lock(world: &World, name: &str) {
    eventually("the account is locked", async || {
        let answer = world.keycloak.login(name, "wrong").await;
        let failures = world.keycloak.login_failures(name).await;
        if failures["disabled"] == json!(true) { Ok(()) } else { Err((answer, failures)) }
    })
    .await;
}

#[test]
fn a_permanent_lock_is_reported_and_stays_even_where_reenable_is_always() {
    e2e_with("a_permanent_lock_is_reported", brute_force(true), async |world| {
        world.connect(json!({ "sync": { "sweepInterval": "1h", "reenable": "Always" } })).await;
        world.secret("kcuser-locked", &[("password", "right-password")]).await;
        let _operator = world.operator().await;
        let spec = |first: &str| {
            json!({ "username": "locked", "enabled": true, "firstName": first,
            "credentials": crate::support::password_from("kcuser-locked") })
        };
        world.user("locked", spec("A")).await;
        world.until("locked", "Synced").await;
        lock(&world, "locked").await;
        world.reconcile_now("locked").await;
        world.until("locked", "LockedOut").await;
        world.user("locked", spec("B")).await;
        world.until_account("locked", "the new name", |user| user["firstName"] == "B").await;
        assert!(!is_enabled(&world, "locked").await);
        world.annotate("locked", REENABLE, "1").await;
        world.until("locked", "Synced").await;
        assert!(is_enabled(&world, "locked").await);
    });
}

#[test]
fn a_change_of_another_field_does_not_lift_a_temporary_lock() {
    e2e_with("a_change_does_not_lift_a_temporary_lock", brute_force(false), async |world| {
        world.connect(json!({})).await;
        world.secret("kcuser-temp", &[("password", "right-password")]).await;
        let _operator = world.operator().await;
        let spec = |first: &str| {
            json!({ "username": "temp", "enabled": true, "firstName": first,
            "attributes": [{ "name": "a", "values": [first] }], "credentials": crate::support::password_from("kcuser-temp") })
        };
        world.user("temp", spec("A")).await;
        world.until("temp", "Synced").await;
        lock(&world, "temp").await;
        world.user("temp", spec("B")).await;
        world.until_account("temp", "the new name", |user| user["firstName"] == "B").await;
        world.until("temp", "Synced").await;
        let failures = world.keycloak.login_failures("temp").await;
        assert_eq!(failures["disabled"], json!(true), "enabled was not sent: {failures}");
    });
}
