//! A leader that is stopped, or cut off from its lease, and goes on when another one leads.

use super::gate::Gate;
use super::*;

/// How many changes of Keycloak a replica has asked for.
fn changes_by(gate: &Gate, operator: &ChildOperator) -> usize {
    gate.calls().iter().filter(|call| call.is_change() && call.is_by(operator)).count()
}

/// A user that is as declared, over a connection that leads through the gate.
async fn settled_behind(gate: &Gate, world: &World) -> KeycloakUser {
    let user = settled(world).await;
    world.connect(json!({ "url": gate.url })).await;
    world.reconcile_now("settled").await;
    eventually(
        "the connection leads through the gate",
        async || {
            if gate.calls().is_empty() { Err(()) } else { Ok(()) }
        },
    )
    .await;
    user
}

#[test]
fn a_leader_that_is_stopped_in_the_middle_of_a_write_does_nothing_more_when_it_goes_on() {
    e2e_with("leader_stopped_in_a_write", json!({}), async |world| {
        let keycloak = Gate::before_keycloak().await;
        let chart = world.chart().await;
        let [mut leader, other] = two_replicas(&world, &chart).await;
        settled_behind(&keycloak, &world).await;
        let stopped = leader.id();
        keycloak.hold(move |call| call.process == Some(stopped) && call.is_change());
        world.user("settled", spec("B")).await;
        eventually("the write is under way", async || match changes_by(&keycloak, &leader) {
            0 => Err(keycloak.calls()),
            _ => Ok(()),
        })
        .await;
        leader.signal("STOP");
        until_leading(&other).await;
        let user = world.until("settled", "Synced").await;
        assert_eq!(world.keycloak.user("settled").await.unwrap()["firstName"], "B");
        assert_eq!(changes_by(&keycloak, &other), 1);

        leader.signal("CONT");
        assert!(!leader.ended().await.success(), "it ends");
        keycloak.open();
        assert_eq!(changes_by(&keycloak, &leader), 1, "the one that it was stopped in");
        assert_eq!(world.keycloak.writes_of_operator().await.len(), 2, "the creation, and the change by the other one");
        assert_eq!(world.get_user("settled").await.metadata.resource_version, user.metadata.resource_version);
    });
}

#[test]
fn a_leader_that_was_stopped_past_its_lease_writes_nothing_before_it_hears_of_the_other_one() {
    e2e_with("leader_stopped", json!({}), async |world| {
        let (keycloak, kubernetes) = (Gate::before_keycloak().await, Gate::before_kubernetes().await);
        let chart = world.chart().await;
        let mut leader =
            ChildOperator::spawn_as("replica-a", &kubernetes.lead_through(&chart, "replica-a"), &world.namespace);
        until_leading(&leader).await;
        let mut other = ChildOperator::spawn_as("replica-b", &chart, &world.namespace);
        other.until_ready().await;
        settled_behind(&keycloak, &world).await;
        leader.signal("STOP");
        until_leading(&other).await;
        // Nobody else is there to do the work, and the one that was stopped cannot hear that its lease is gone.
        other.kill();
        kubernetes.hold(|call| call.path.contains("/leases/"));
        let before = changes_by(&keycloak, &leader);
        let user = world.user("settled", spec("B")).await;
        leader.signal("CONT");
        until_fenced(&leader).await;
        assert_eq!(changes_by(&keycloak, &leader), before);
        assert_eq!(world.get_user("settled").await.metadata.resource_version, user.metadata.resource_version);

        kubernetes.open();
        assert!(!leader.ended().await.success(), "it ends");
        assert_eq!(changes_by(&keycloak, &leader), before);
        assert_eq!(world.keycloak.writes_of_operator().await.len(), 1, "the creation");
        assert_eq!(holder(&world, &chart).await.as_deref(), Some("replica-b"));
    });
}

#[test]
fn a_leader_that_cannot_renew_its_lease_stops_writing_and_goes_on_when_it_can() {
    e2e_with("leader_cut_off", json!({}), async |world| {
        let kubernetes = Gate::before_kubernetes().await;
        let chart = world.chart().await;
        let leader =
            ChildOperator::spawn_as("replica-a", &kubernetes.lead_through(&chart, "replica-a"), &world.namespace);
        until_leading(&leader).await;
        settled(&world).await;
        kubernetes.hold(|call| call.path.contains("/leases/"));
        eventually("its lease has run out", async || has_metric(&leader, "keycloakuser_leader 0").await).await;
        world.user("settled", spec("B")).await;
        until_fenced(&leader).await;
        assert_eq!(world.keycloak.writes_of_operator().await.len(), 1, "the creation");
        kubernetes.open();
        world.until("settled", "Synced").await;
        assert_eq!(world.keycloak.user("settled").await.unwrap()["firstName"], "B");
        has_metric(&leader, "keycloakuser_leader 1").await.expect("it leads again");
        assert_eq!(world.keycloak.writes_of_operator().await.len(), 2);
    });
}

/// Waits until a pass has ended for the sake of the lease.
async fn until_fenced(operator: &ChildOperator) {
    eventually("a pass ends before its write", async || {
        let (_, metrics) = get(operator, "/metrics").await;
        let count = metrics
            .lines()
            .find_map(|line| line.strip_prefix(r#"keycloakuser_reconciles_total{outcome="not_leading"} "#));
        if count.is_some_and(|count| count != "0") { Ok(()) } else { Err(metrics) }
    })
    .await;
}
