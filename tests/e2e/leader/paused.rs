//! A leader that is stopped, or cut off from its lease, and goes on when another one leads.

use super::*;
use crate::support::{Call, Fault, FaultProxy, Ledger, Server};

/// How many changes of Keycloak were asked for on the way through the proxy.
fn changes(ledger: &Ledger) -> usize {
    ledger.records().iter().filter(|record| record.call.server == Server::Keycloak && record.call.is_write()).count()
}

fn is_lease(call: &Call) -> bool {
    call.path.contains("/leases/")
}

/// A user that is as declared, over a connection that leads through the proxy.
async fn settled_behind(proxy: &FaultProxy, world: &World, ledger: &Ledger) -> KeycloakUser {
    let user = settled(world).await;
    world.connect(json!({ "url": proxy.url() })).await;
    world.reconcile_now("settled").await;
    let is_used = || ledger.records().iter().any(|record| record.call.server == Server::Keycloak);
    eventually("the connection leads through the proxy", async || if is_used() { Ok(()) } else { Err(()) }).await;
    user
}

/// The chart for one replica, whose way to the API server leads through a proxy.
fn behind_proxy(chart: &Chart, ledger: &Ledger) -> (Chart, FaultProxy) {
    let kubeconfig = chart.kubeconfig.with_extension("behind-proxy");
    std::fs::copy(&chart.kubeconfig, &kubeconfig).expect("the bed's directory");
    let mut chart = Chart { arguments: chart.arguments.clone(), kubeconfig };
    let proxy = FaultProxy::before_kubernetes("replica-a", ledger, &mut chart);
    (chart, proxy)
}

#[test]
fn a_leader_that_is_stopped_in_the_middle_of_a_write_does_nothing_more_when_it_goes_on() {
    e2e_with("leader_stopped_in_a_write", json!({}), async |world| {
        let ledger = Ledger::default();
        let keycloak = FaultProxy::before_keycloak("replicas", &ledger);
        let chart = world.chart().await;
        let [mut leader, other] = two_replicas(&world, &chart).await;
        settled_behind(&keycloak, &world, &ledger).await;
        keycloak.inject_times(1, Fault::Silence, Call::is_write);
        world.user("settled", spec("B")).await;
        eventually("the write is under way", async || match changes(&ledger) {
            0 => Err(ledger.records()),
            _ => Ok(()),
        })
        .await;
        leader.signal("STOP");
        until_leading(&other).await;
        let user = world.until("settled", "Synced").await;
        assert_eq!(world.keycloak.user("settled").await.unwrap()["firstName"], "B");
        assert_eq!(changes(&ledger), 2, "the one that it was stopped in, and that of the other one");

        leader.signal("CONT");
        assert!(!leader.ended().await.success(), "it ends");
        assert_eq!(changes(&ledger), 2);
        assert_eq!(world.keycloak.writes_of_operator().await.len(), 2, "the creation, and the change by the other one");
        assert_eq!(world.get_user("settled").await.metadata.resource_version, user.metadata.resource_version);
    });
}

#[test]
fn a_leader_that_was_stopped_past_its_lease_writes_nothing_before_it_hears_of_the_other_one() {
    e2e_with("leader_stopped", json!({}), async |world| {
        let ledger = Ledger::default();
        let keycloak = FaultProxy::before_keycloak("replicas", &ledger);
        let chart = world.chart().await;
        let (behind_proxy, kubernetes) = behind_proxy(&chart, &ledger);
        let mut leader = ChildOperator::spawn_as("replica-a", &behind_proxy, &world.namespace);
        until_leading(&leader).await;
        let mut other = ChildOperator::spawn_as("replica-b", &chart, &world.namespace);
        other.until_ready().await;
        settled_behind(&keycloak, &world, &ledger).await;
        leader.signal("STOP");
        until_leading(&other).await;
        // Nobody else is there to do the work, and the one that was stopped cannot hear that its lease is gone.
        other.kill();
        kubernetes.inject(Fault::Silence, is_lease);
        let before = changes(&ledger);
        let user = world.user("settled", spec("B")).await;
        leader.signal("CONT");
        until_fenced(&leader).await;
        assert_eq!(changes(&ledger), before);
        assert_eq!(world.get_user("settled").await.metadata.resource_version, user.metadata.resource_version);

        kubernetes.heal();
        assert!(!leader.ended().await.success(), "it ends");
        assert_eq!(changes(&ledger), before);
        assert_eq!(world.keycloak.writes_of_operator().await.len(), 1, "the creation");
        assert_eq!(holder(&world, &chart).await.as_deref(), Some("replica-b"));
    });
}

#[test]
fn a_leader_that_cannot_renew_its_lease_stops_writing_and_goes_on_when_it_can() {
    e2e_with("leader_cut_off", json!({}), async |world| {
        let chart = world.chart().await;
        let (behind_proxy, kubernetes) = behind_proxy(&chart, &Ledger::default());
        let leader = ChildOperator::spawn_as("replica-a", &behind_proxy, &world.namespace);
        until_leading(&leader).await;
        settled(&world).await;
        kubernetes.inject(Fault::Silence, is_lease);
        eventually("its lease has run out", async || has_metric(&leader, "keycloakuser_leader 0").await).await;
        world.user("settled", spec("B")).await;
        until_fenced(&leader).await;
        assert_eq!(world.keycloak.writes_of_operator().await.len(), 1, "the creation");
        kubernetes.heal();
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
