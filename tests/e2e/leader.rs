//! Two replicas: one works, the other stands by and takes over.

mod paused;

use k8s_openapi::api::coordination::v1::Lease;
use keycloak_user_operator::api::KeycloakUser;
use serde_json::json;

use crate::support::{Chart, ChildOperator, World, e2e_with, eventually, password_from};

/// What the replica answers.
async fn get(operator: &ChildOperator, path: &str) -> (u16, String) {
    try_get(operator, path).await.expect("the operator answers")
}

async fn try_get(operator: &ChildOperator, path: &str) -> reqwest::Result<(u16, String)> {
    let response = reqwest::get(operator.url(path)).await?;
    Ok((response.status().as_u16(), response.text().await?))
}

async fn has_metric(operator: &ChildOperator, line: &str) -> Result<(), String> {
    let (_, metrics) = get(operator, "/metrics").await;
    if metrics.lines().any(|found| found == line) { Ok(()) } else { Err(metrics) }
}

/// Who holds the lease.
async fn holder(world: &World, chart: &Chart) -> Option<String> {
    let lease = world.api::<Lease>().get(chart.argument("--lease-name")).await.expect("the lease");
    lease.spec.expect("a spec").holder_identity
}

/// Waits until a replica leads and has looked at everything.
pub(crate) async fn until_leading(operator: &ChildOperator) {
    eventually("/readyz of the leader", async || match try_get(operator, "/readyz").await {
        Ok((200, text)) if text == "ok" => Ok(()),
        other => Err(other),
    })
    .await;
    has_metric(operator, "keycloakuser_leader 1").await.expect("it says so");
}

/// One that leads and one that stands by.
pub(crate) async fn two_replicas(world: &World, chart: &Chart) -> [ChildOperator; 2] {
    let leader = ChildOperator::spawn_as("replica-a", chart, &world.namespace);
    until_leading(&leader).await;
    let mut other = ChildOperator::spawn_as("replica-b", chart, &world.namespace);
    other.until_ready().await;
    assert_eq!(holder(world, chart).await.as_deref(), Some("replica-a"));
    [leader, other]
}

/// Makes a user with a password, brought in line.
async fn settled(world: &World) -> KeycloakUser {
    world.connect(json!({})).await;
    world.secret("kcuser-settled", &[("password", "sent-by-the-first")]).await;
    world.user("settled", spec("A")).await;
    world.until("settled", "Synced").await
}

fn spec(first: &str) -> serde_json::Value {
    json!({ "username": "settled", "firstName": first, "lastName": "L", "email": "settled@example.com",
        "credentials": password_from("kcuser-settled") })
}

#[test]
fn a_replica_that_stands_by_is_ready_and_does_nothing() {
    e2e_with("leader_standby", json!({}), async |world| {
        let chart = world.chart().await;
        let [leader, standby] = two_replicas(&world, &chart).await;
        assert_eq!(get(&standby, "/livez").await, (200, "ok".to_owned()));
        assert_eq!(get(&standby, "/readyz").await, (200, "standing by".to_owned()));
        settled(&world).await;
        has_metric(&leader, r#"keycloakuser_reconciles_total{outcome="applied"} 1"#).await.unwrap();
        for line in ["keycloakuser_leader 0", r#"keycloakuser_reconciles_total{outcome="applied"} 0"#] {
            has_metric(&standby, line).await.unwrap();
        }
        let (_, status) = standby.terminate().await;
        assert!(status.success(), "{status}");
        assert_eq!(
            holder(&world, &chart).await.as_deref(),
            Some("replica-a"),
            "it gave back nothing that it did not have"
        );
    });
}

#[test]
fn another_replica_takes_over_from_a_killed_one_and_writes_nothing_that_is_as_declared() {
    e2e_with("leader_killed", json!({}), async |world| {
        let chart = world.chart().await;
        let [leader, other] = two_replicas(&world, &chart).await;
        let before = settled(&world).await;
        let password = world.keycloak.password_created_date("settled").await;
        leader.kill();
        until_leading(&other).await;
        assert_eq!(holder(&world, &chart).await.as_deref(), Some("replica-b"));
        let unchanged = r#"keycloakuser_reconciles_total{outcome="unchanged"} 1"#;
        eventually("a pass that changes nothing", async || has_metric(&other, unchanged).await).await;
        assert_eq!(world.keycloak.writes_of_operator().await.len(), 1, "the creation");
        assert_eq!(world.keycloak.password_created_date("settled").await, password);
        assert_eq!(world.get_user("settled").await.metadata.resource_version, before.metadata.resource_version);
        world.user("settled", spec("B")).await;
        world.until("settled", "Synced").await;
        assert_eq!(world.keycloak.user("settled").await.unwrap()["firstName"], "B");
    });
}

#[test]
fn a_leader_that_is_asked_to_end_gives_its_lease_back() {
    e2e_with("leader_asked_to_end", json!({}), async |world| {
        let chart = world.chart().await;
        let [leader, other] = two_replicas(&world, &chart).await;
        let before = settled(&world).await;
        let (_, status) = leader.terminate().await;
        assert!(status.success(), "{status}");
        assert_ne!(holder(&world, &chart).await.as_deref(), Some("replica-a"), "nobody has to wait for its end");
        until_leading(&other).await;
        let unchanged = r#"keycloakuser_reconciles_total{outcome="unchanged"} 1"#;
        eventually("a pass that changes nothing", async || has_metric(&other, unchanged).await).await;
        assert_eq!(world.keycloak.writes_of_operator().await.len(), 1, "the creation");
        assert_eq!(world.get_user("settled").await.metadata.resource_version, before.metadata.resource_version);
    });
}

#[test]
fn a_process_of_the_same_name_goes_on_with_the_lease_that_a_killed_one_left() {
    e2e_with("leader_same_name", json!({}), async |world| {
        let chart = world.chart().await;
        let first = ChildOperator::spawn_as("replica-a", &chart, &world.namespace);
        until_leading(&first).await;
        first.kill();
        let second = ChildOperator::spawn_as("replica-a", &chart, &world.namespace);
        until_leading(&second).await;
        assert!(!second.output().contains("standing by"), "it did not wait");
    });
}
