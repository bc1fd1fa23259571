//! The operator is killed at every point of a creation and of a reset, with and without a change of the Secret in
//! between: what the Secret says last is the password, and nothing is sent that was there already.

use serde_json::json;

use super::gate::{Gate, Hold, Trouble};
use super::*;
use crate::support::{Chart, ChildOperator, e2e_with};

/// Kills an operator while a request of that kind is held up, and starts another one.
async fn killed_at(
    world: &World,
    chart: &Chart,
    gate: &Gate,
    operator: ChildOperator,
    meanwhile: Option<&str>,
) -> ChildOperator {
    eventually("the request is held", async || if gate.held() > 0 { Ok(()) } else { Err(()) }).await;
    operator.kill();
    gate.open();
    if let Some(value) = meanwhile {
        set_value(world, "victim", value).await;
    }
    ChildOperator::start(chart, &world.namespace).await
}

/// A reset that is held up; how many passwords arrived in all, and which one it is in the end.
fn killed_in_a_reset(name: &str, hold: Hold, meanwhile: Option<&'static str>, resets: usize) {
    e2e_with(name, realm(HISTORY), async |world| {
        let gate = Gate::start("PUT", "/reset-password", Trouble::Hold(hold)).await;
        world.connect(json!({ "url": gate.url() })).await;
        let chart = world.chart().await;
        let operator = ChildOperator::start(&chart, &world.namespace).await;
        make(&world, "victim", json!({})).await;
        gate.close();
        set_value(&world, "victim", SECOND).await;
        let operator = killed_at(&world, &chart, &gate, operator, meanwhile).await;
        let last = meanwhile.unwrap_or(SECOND);
        until_login(&world, "victim", last).await;
        let user = world.reconcile_now("victim").await;
        assert_eq!(record(&user).pending, None);
        assert_eq!(synced(&user), ("True".to_owned(), "Synced".to_owned()));
        assert_eq!(resets_of(&world, "victim").await, resets);
        let metrics = reqwest::get(operator.url("/metrics")).await.unwrap().text().await.unwrap();
        assert!(!metrics.contains(r#"operation="reset_password",status="4xx"} 1"#), "nothing was refused");
        drop(operator);
    });
}

#[test]
fn killed_before_a_reset_reaches_keycloak() {
    killed_in_a_reset("killed_before_a_reset", Hold::Request, None, 1);
}

#[test]
fn killed_after_a_reset_was_carried_out() {
    killed_in_a_reset("killed_after_a_reset", Hold::Answer, None, 1);
}

#[test]
fn killed_before_a_reset_and_the_secret_changes_again() {
    killed_in_a_reset("killed_before_a_reset_and_change", Hold::Request, Some(THIRD), 1);
}

#[test]
fn killed_after_a_reset_and_the_secret_changes_again() {
    killed_in_a_reset("killed_after_a_reset_and_change", Hold::Answer, Some(THIRD), 2);
}

#[test]
fn killed_before_a_reset_and_the_secret_is_put_back() {
    killed_in_a_reset("killed_before_a_reset_and_back", Hold::Request, Some(FIRST), 0);
}

/// A creation that is held up; the password in the end.
fn killed_in_a_creation(name: &str, hold: Hold, meanwhile: Option<&'static str>) {
    e2e_with(name, realm(HISTORY), async |world| {
        let gate = Gate::start("POST", "/users", Trouble::Hold(hold)).await;
        world.connect(json!({ "url": gate.url() })).await;
        let chart = world.chart().await;
        let operator = ChildOperator::start(&chart, &world.namespace).await;
        gate.close();
        world.secret("kcuser-victim", &[("password", FIRST)]).await;
        world.user("victim", spec("victim", json!({}))).await;
        let _operator = killed_at(&world, &chart, &gate, operator, meanwhile).await;
        let user = world.until("victim", "Synced").await;
        assert_eq!(synced(&user), ("True".to_owned(), "Synced".to_owned()));
        world.keycloak.login("victim", meanwhile.unwrap_or(FIRST)).await.expect("what the Secret says");
        let writes = world.keycloak.writes_of_operator().await;
        assert_eq!(writes.iter().filter(|write| write.starts_with("CREATE users")).count(), 1, "{writes:?}");
        let resets = usize::from(hold == Hold::Answer && meanwhile.is_some());
        assert_eq!(resets_of(&world, "victim").await, resets);
    });
}

#[test]
fn killed_before_a_creation_reaches_keycloak() {
    killed_in_a_creation("killed_before_a_creation", Hold::Request, None);
}

#[test]
fn killed_after_a_creation_was_carried_out() {
    killed_in_a_creation("killed_after_a_creation", Hold::Answer, None);
}

#[test]
fn killed_before_a_creation_and_the_secret_changes() {
    killed_in_a_creation("killed_before_a_creation_and_change", Hold::Request, Some(SECOND));
}

#[test]
fn killed_after_a_creation_and_the_secret_changes() {
    killed_in_a_creation("killed_after_a_creation_and_change", Hold::Answer, Some(SECOND));
}

/// The profile is changed in the pass that finishes the creation: its status write must not make it look finished.
#[test]
fn killed_after_a_creation_and_again_in_the_pass_that_finishes_it() {
    e2e_with("killed_twice", realm(HISTORY), async |world| {
        let gate = Gate::start("POST", "/users", Trouble::Hold(Hold::Answer)).await;
        world.connect(json!({ "url": gate.url() })).await;
        let chart = world.chart().await;
        let operator = ChildOperator::start(&chart, &world.namespace).await;
        gate.close();
        world.secret("kcuser-victim", &[("password", FIRST)]).await;
        world.user("victim", spec("victim", json!({}))).await;
        eventually("the request is held", async || if gate.held() > 0 { Ok(()) } else { Err(()) }).await;
        operator.kill();
        let second = Gate::start("PUT", "/reset-password", Trouble::Hold(Hold::Request)).await;
        second.close();
        world.connect(json!({ "url": second.url() })).await;
        set_value(&world, "victim", SECOND).await;
        let mut changed = spec("victim", json!({}));
        changed["firstName"] = json!("Another");
        world.user("victim", changed).await;
        let operator = ChildOperator::start(&chart, &world.namespace).await;
        let _operator = killed_at(&world, &chart, &second, operator, None).await;
        world.until("victim", "Synced").await;
        world.keycloak.login("victim", SECOND).await.expect("what the Secret says");
        assert_eq!(world.keycloak.user("victim").await.unwrap()["firstName"], "Another");
        assert_eq!(resets_of(&world, "victim").await, 1);
    });
}
