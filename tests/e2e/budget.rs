//! What a connection asks of a Keycloak in trouble: next to nothing, however many resources it has; and no other realm
//! notices.

use futures::future::join_all;
use keycloak_user_operator::api::KeycloakConnection;
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::support::{Admin, Fault, FaultProxy, Ledger, Operator, World, e2e_with, eventually};

/// Resources of the connection whose Keycloak goes away.
const MANY: usize = 50;
/// Its limit of requests at one time.
const IN_FLIGHT: usize = 4;
const PUT_OFF: &str = r#"keycloakuser_reconciles_total{outcome="put_off"}"#;

fn spec(connection: &str, username: &str, first: &str) -> serde_json::Value {
    json!({ "username": username, "firstName": first, "connectionRef": { "name": connection } })
}

async fn until_all_are(world: &World, reason: &str, names: impl Iterator<Item = String>) {
    join_all(names.map(async |name| world.until(&name, reason).await)).await;
}

fn many() -> impl Iterator<Item = String> {
    (0..MANY).map(|index| format!("many-{index}"))
}

/// A realm of its own for the connection `well`, which goes by its own proxy.
async fn well(world: &World, ledger: &Ledger) -> (FaultProxy, Admin) {
    let realm = format!("{}-well", world.keycloak.realm);
    let admin = Admin::of_bed(&realm);
    admin.create_realm(json!({})).await;
    let proxy = FaultProxy::before_keycloak("well", ledger);
    world.connection("well", json!({ "url": proxy.url(), "realm": realm })).await;
    (proxy, admin)
}

async fn sick(world: &World, ledger: &Ledger, sweep_interval: &str, in_flight: usize) -> FaultProxy {
    let proxy = FaultProxy::before_keycloak("sick", ledger);
    let limits = json!({ "maxInFlight": in_flight });
    let sync = json!({ "sweepInterval": sweep_interval });
    world.connect(json!({})).await;
    world.connection("sick", json!({ "url": proxy.url(), "limits": limits, "sync": sync })).await;
    for name in many() {
        world.user(&name, spec("sick", &name, "A")).await;
    }
    proxy
}

fn requests(ledger: &Ledger, who: &str) -> usize {
    ledger.records().iter().filter(|record| record.call.who == who).count()
}

async fn until_connection(world: &World, status: &str) {
    let connections: Api<KeycloakConnection> = world.api();
    eventually(&format!("the connection is Ready={status}"), async || {
        let conditions = connections.get("sick").await.unwrap().status.unwrap_or_default().conditions;
        let ready = conditions.iter().find(|condition| condition.type_ == "Ready");
        if ready.is_some_and(|ready| ready.status == status) { Ok(()) } else { Err(conditions) }
    })
    .await;
}

async fn until_put_off(operator: &Operator, times: usize) {
    eventually("each resource is put off", async || {
        let seen = operator.metric(PUT_OFF);
        if seen >= times as f64 { Ok(()) } else { Err(seen) }
    })
    .await;
}

#[test]
fn an_outage_costs_some_probes_and_not_a_request_or_a_write_for_each_resource() {
    e2e_with("an_outage_costs_some_probes", json!({}), async |world| {
        let ledger = Ledger::default();
        let proxy = sick(&world, &ledger, "2s", IN_FLIGHT).await;
        let (_well, other_realm) = well(&world, &ledger).await;
        let operator = world.operator().await;
        until_all_are(&world, "Synced", many()).await;
        assert!(proxy.most_at_once() <= IN_FLIGHT, "{} requests at one time", proxy.most_at_once());

        let versions = join_all(many().map(async |name| world.get_user(&name).await.resource_version())).await;
        let before = requests(&ledger, "sick");
        proxy.inject(Fault::LoseAnswer, |_| true);
        until_connection(&world, "False").await;
        until_put_off(&operator, MANY).await;
        assert_eq!(operator.metric("keycloak_breakers_open"), 1.0);

        // Whoever waits is told: a change, and a deletion.
        world.user("many-0", spec("sick", "many-0", "B")).await;
        world.delete("many-1").await;
        world.until("many-0", "KeycloakUnreachable").await;
        // Another realm goes on.
        for index in 0..10 {
            let name = format!("well-{index}");
            world.user(&name, spec("well", &name, "A")).await;
        }
        until_all_are(&world, "Synced", (0..10).map(|index| format!("well-{index}"))).await;
        assert_eq!(other_realm.users().await.len(), 10);

        let during = requests(&ledger, "sick") - before;
        assert!(during < MANY / 2, "{during} requests for {MANY} resources");
        let after = join_all(many().map(async |name| world.get_user(&name).await.resource_version())).await;
        let written = versions.iter().zip(&after).filter(|(before, after)| before != after).count();
        assert!(written < MANY / 2, "{written} of {MANY} resources were written to");

        proxy.heal();
        until_connection(&world, "True").await;
        world.until_gone("many-1").await;
        until_all_are(&world, "Synced", many().filter(|name| name != "many-1")).await;
        assert_eq!(world.keycloak.user("many-0").await.unwrap()["firstName"], "B");
        assert!(world.keycloak.user("many-1").await.is_none());
        assert_eq!(operator.metric("keycloak_breakers_open"), 0.0);
        assert!(proxy.most_at_once() <= IN_FLIGHT, "{} requests at one time", proxy.most_at_once());
        other_realm.delete_realm().await;
    });
}

#[test]
fn a_realm_that_answers_nothing_holds_up_no_other() {
    e2e_with("a_realm_that_answers_nothing", json!({}), async |world| {
        let ledger = Ledger::default();
        // One at a time, and none is answered: for as long as the breaker needs, all its passes wait.
        let proxy = sick(&world, &ledger, "1h", 1).await;
        proxy.inject(Fault::Silence, |call| call.path.contains("/users"));
        let (_well, other_realm) = well(&world, &ledger).await;
        let operator = world.operator_with(4).await;
        eventually("the passes of the sick realm wait", async || {
            let asked = requests(&ledger, "sick");
            if asked >= 2 { Ok(()) } else { Err(asked) }
        })
        .await;
        for index in 0..10 {
            let name = format!("well-{index}");
            world.user(&name, spec("well", &name, "A")).await;
        }
        until_all_are(&world, "Synced", (0..10).map(|index| format!("well-{index}"))).await;
        assert_eq!(operator.metric("keycloak_breakers_open"), 0.0, "it was not the breaker that made room");
        assert_eq!(operator.metric(PUT_OFF), 0.0);
        other_realm.delete_realm().await;
    });
}
