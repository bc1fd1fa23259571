//! Keycloak is down, the operator is killed: nothing is lost, nothing is done twice.

use std::time::Duration;

use serde_json::json;

use crate::support::{
    Admin, ChildOperator, SecondKeycloak, World, condition, e2e_with, eventually, eventually_within, password_from,
    ready_reason,
};

/// A start takes its time, and the waits between two tries have grown meanwhile.
const RECOVERY: Duration = Duration::from_secs(180);

async fn until_within(world: &World, name: &str, reason: &str) {
    eventually_within(RECOVERY, &format!("{name} with reason {reason}"), async || {
        let user = world.get_user(name).await;
        let answered = user.status.as_ref().and_then(|status| status.observed_generation) == user.metadata.generation;
        if answered && ready_reason(&user) == Some(reason) { Ok(()) } else { Err(user.status) }
    })
    .await;
}

#[test]
fn keycloak_may_be_down_at_the_start_and_stop_in_the_middle() {
    e2e_with("keycloak_may_be_down", json!({}), async |world| {
        let mut server = SecondKeycloak::reserve();
        world.connect(json!({ "url": server.url() })).await;
        world.secret("kcuser-patient", &[("password", "patience-is-all")]).await;
        let _operator = world.operator().await;
        let spec = |first: &str| {
            json!({ "username": "patient", "firstName": first, "lastName": "L",
            "email": "patient@example.com", "credentials": password_from("kcuser-patient") })
        };
        world.user("patient", spec("A")).await;
        let user = world.until("patient", "KeycloakUnreachable").await;
        assert!(condition(&user, "Ready").unwrap().message.contains("no connection to Keycloak"));
        assert_eq!(condition(&user, "Reconciling").unwrap().status, "True");
        world.until_event("patient", "KeycloakUnreachable").await;

        server.start().await;
        let admin = Admin::at(&server.url(), &world.keycloak.realm);
        admin.create_realm(json!({})).await;
        until_within(&world, "patient", "Synced").await;
        admin.login("patient", "patience-is-all").await.expect("the account and its password");

        server.stop();
        world.user("patient", spec("B")).await;
        world.until("patient", "KeycloakUnreachable").await;
        server.start().await;
        until_within(&world, "patient", "Synced").await;
        assert_eq!(admin.user("patient").await.unwrap()["firstName"], "B");
        let writes = admin.writes_of_operator().await;
        assert_eq!(writes.len(), 2, "one POST and one PUT: {writes:?}");
        assert_eq!(world.events("patient", "DriftCorrected").await, 0, "what was late is no drift");
    });
}

/// Lets a child make the account, and kills it before it can say so.
async fn killed_between_post_and_status(world: &World) {
    let chart = world.chart().await;
    world.may_write_status(false).await;
    let operator = ChildOperator::start(&chart, &world.namespace).await;
    world.until_account("killed", "was made", |_| true).await;
    operator.kill();
    assert_eq!(world.get_user("killed").await.status.unwrap().user_id, None, "the status knows nothing");
    world.may_write_status(true).await;
}

#[test]
fn an_operator_killed_after_the_post_recognises_the_account_as_its_own() {
    e2e_with("an_operator_killed_after_the_post", json!({}), async |world| {
        world.connect(json!({})).await;
        world.secret("kcuser-killed", &[("password", "survives-a-kill")]).await;
        let spec = json!({ "username": "killed", "firstName": "K", "lastName": "L", "email": "killed@example.com",
            "credentials": password_from("kcuser-killed") });
        world.user("killed", spec).await;
        killed_between_post_and_status(&world).await;
        let id = world.keycloak.user("killed").await.unwrap()["id"].clone();
        let _operator = world.operator().await;
        let user = world.until("killed", "Synced").await;
        assert_eq!(user.status.unwrap().user_id.as_deref(), id.as_str());
        assert_eq!(world.keycloak.users().await.len(), 1);
        world.keycloak.login("killed", "survives-a-kill").await.expect("the password");
    });
}

#[test]
fn the_account_is_recognised_under_another_name_too() {
    e2e_with("the_account_is_recognised_under_another_name", json!({ "editUsernameAllowed": true }), async |world| {
        world.connect(json!({})).await;
        world.user("killed", json!({ "username": "killed" })).await;
        killed_between_post_and_status(&world).await;
        let id = world.keycloak.user("killed").await.unwrap()["id"].clone();
        world.keycloak.edit_user("killed", json!({ "username": "renamed-meanwhile" })).await;
        let _operator = world.operator().await;
        let user = world.until("killed", "Synced").await;
        assert_eq!(user.status.unwrap().user_id.as_deref(), id.as_str());
        let accounts = world.keycloak.users().await;
        assert_eq!(accounts.len(), 1, "{accounts:?}");
        assert_eq!(accounts[0]["username"], "killed", "and it is renamed back");
        let creations = world.keycloak.writes_of_operator().await;
        assert_eq!(creations.iter().filter(|write| write.starts_with("CREATE")).count(), 1, "{creations:?}");
    });
}

#[test]
fn a_status_that_cannot_be_written_is_retried_and_makes_no_second_account() {
    e2e_with("a_status_that_cannot_be_written", json!({}), async |world| {
        world.connect(json!({})).await;
        let chart = world.chart().await;
        world.may_write_status(false).await;
        let operator = ChildOperator::start(&chart, &world.namespace).await;
        world.user("mute", json!({ "username": "mute" })).await;
        world.until_account("mute", "was made", |_| true).await;
        eventually("the log says so", async || {
            let log = operator.output();
            if log.contains("the status cannot be written") { Ok(()) } else { Err(log) }
        })
        .await;
        world.may_write_status(true).await;
        world.until("mute", "Synced").await;
        assert_eq!(world.keycloak.writes_of_operator().await.len(), 1);
    });
}

#[test]
fn a_password_is_announced_on_the_status_before_it_is_set() {
    e2e_with("a_password_is_announced", json!({}), async |world| {
        world.connect(json!({})).await;
        world.secret("kcuser-loud", &[("password", "the-first-one")]).await;
        let chart = world.chart().await;
        let operator = ChildOperator::start(&chart, &world.namespace).await;
        let spec = json!({ "username": "loud", "firstName": "L", "lastName": "L", "email": "loud@example.com",
            "credentials": password_from("kcuser-loud") });
        world.user("loud", spec).await;
        world.until("loud", "Synced").await;
        world.may_write_status(false).await;
        world.change_secret("kcuser-loud", &[("password", "the-second-one")]).await;
        eventually("the pass fails", async || {
            let log = operator.output();
            if log.contains("KubernetesError") { Ok(()) } else { Err(log) }
        })
        .await;
        world.keycloak.login("loud", "the-first-one").await.expect("without the announcement nothing is set");
        world.may_write_status(true).await;
        eventually("the second password", async || world.keycloak.login("loud", "the-second-one").await).await;
        assert_eq!(world.keycloak.writes_of_operator().await.len(), 2, "one POST and one reset");
    });
}

#[test]
fn of_an_interrupted_creation_only_what_is_still_declared_is_ours() {
    e2e_with("an_attribute_of_an_interrupted_creation", json!({}), async |world| {
        world.connect(json!({})).await;
        let attributes = json!([{ "name": "team", "values": ["red"] }, { "name": "desk", "values": ["7"] }]);
        world.user("killed", json!({ "username": "killed", "attributes": attributes })).await;
        killed_between_post_and_status(&world).await;
        world
            .user("killed", json!({ "username": "killed", "attributes": [{ "name": "desk", "values": ["7"] }] }))
            .await;
        let _operator = world.operator().await;
        let user = world.until("killed", "Synced").await;
        assert_eq!(user.status.unwrap().owned.attributes, ["desk"]);
        let left = world.keycloak.user("killed").await.unwrap()["attributes"].clone();
        assert_eq!(left, json!({ "desk": ["7"], "team": ["red"] }), "nobody can tell who set it");
    });
}

#[test]
fn an_account_that_we_switched_off_ourselves_is_not_blamed_on_somebody_else() {
    e2e_with("an_account_that_we_switched_off", json!({}), async |world| {
        world.connect(json!({})).await;
        let chart = world.chart().await;
        let operator = ChildOperator::start(&chart, &world.namespace).await;
        world.user("toggle", json!({ "username": "toggle", "enabled": true })).await;
        world.until("toggle", "Synced").await;
        world.may_write_status(false).await;
        world.user("toggle", json!({ "username": "toggle", "enabled": false })).await;
        eventually("the pass fails", async || {
            let log = operator.output();
            if log.contains("cannot be written") { Ok(()) } else { Err(log) }
        })
        .await;
        world.user("toggle", json!({ "username": "toggle", "enabled": true })).await;
        world.may_write_status(true).await;
        world.until("toggle", "Synced").await;
        assert_eq!(world.keycloak.user("toggle").await.unwrap()["enabled"], true);
    });
}
