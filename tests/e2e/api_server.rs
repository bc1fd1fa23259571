//! The API server in bad weather: what it refuses is tried again, and a watch that breaks or falls silent is made anew.

use std::time::Duration;

use serde_json::json;

use crate::support::{
    Answer, Call, ChildOperator, Fault, FaultProxy, Ledger, World, e2e_with, eventually, eventually_within,
    password_from,
};

/// So soon a new resource is reconciled after the watches can be made again (A18).
const HEALED: Duration = Duration::from_secs(70);

/// An operator behind a proxy before the API server.
async fn behind_proxy(world: &World) -> (ChildOperator, FaultProxy, Ledger) {
    world.connect(json!({})).await;
    let (mut chart, ledger) = (world.chart().await, Ledger::default());
    let proxy = FaultProxy::before_kubernetes("operator", &ledger, &mut chart);
    let operator = ChildOperator::start(&chart, &world.namespace).await;
    (operator, proxy, ledger)
}

fn is_status_of(call: &Call, name: &str) -> bool {
    call.method == "PUT" && call.path.ends_with(&format!("/keycloakusers/{name}/status"))
}

fn is_finalizer_of(call: &Call, name: &str) -> bool {
    call.method == "PATCH" && call.path.ends_with(&format!("/keycloakusers/{name}"))
}

fn is_event(call: &Call) -> bool {
    call.method == "POST" && call.path.ends_with("/events")
}

#[test]
fn writes_that_the_api_server_refuses_for_a_while_are_made_in_the_end_and_once() {
    e2e_with("apiserver_refuses_writes", json!({}), async |world| {
        let (operator, proxy, _) = behind_proxy(&world).await;
        let mut names = Vec::new();
        for status in [429, 500, 409] {
            let [of_status, of_finalizer] = ["status", "finalizer"].map(|write| format!("{write}-{status}"));
            let (refused, concerned) = (Fault::Answer(refusal(status)), of_status.clone());
            proxy.inject_times(3, refused.clone(), move |call| is_status_of(call, &concerned));
            let concerned = of_finalizer.clone();
            proxy.inject_times(3, refused, move |call| is_finalizer_of(call, &concerned));
            for name in [of_status, of_finalizer] {
                world.user(&name, json!({ "username": name })).await;
                names.push(name);
            }
        }
        for name in &names {
            world.until(name, "Synced").await;
        }
        for name in &names {
            world.delete_and_wait(name).await;
        }
        let writes = world.keycloak.writes_of_operator().await;
        let count = |kind: &str| writes.iter().filter(|write| write.starts_with(kind)).count();
        assert_eq!((count("CREATE"), count("DELETE"), writes.len()), (6, 6, 12), "{writes:?}");
        assert!(!operator.output().contains("panicked"), "{}", operator.output());
    });
}

/// As the API server says it.
fn refusal(status: u16) -> Answer {
    let answer = Answer::bare(status);
    match status {
        409 => answer.with_body(
            "application/json",
            r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"changed","reason":"Conflict","code":409}"#,
        ),
        429 => answer.with_header("retry-after", "1"),
        _ => answer,
    }
}

#[test]
fn an_event_that_cannot_be_posted_holds_nothing_up() {
    e2e_with("apiserver_refuses_events", json!({}), async |world| {
        let (_operator, proxy, ledger) = behind_proxy(&world).await;
        proxy.inject(Fault::Answer(Answer::bare(500)), is_event);
        let credentials = password_from("absent");
        world.user("quiet", json!({ "username": "quiet", "credentials": credentials })).await;
        world.until("quiet", "SecretNotFound").await;
        eventually("an event was tried", async || {
            if ledger.records().iter().any(|record| is_event(&record.call)) { Ok(()) } else { Err(ledger.records()) }
        })
        .await;
        world.secret("absent", &[("password", "now-it-is-here")]).await;
        world.until("quiet", "Synced").await;
    });
}

/// Drops every watch, and each new one, so often; then a new resource is reconciled in time.
fn watches_drop(name: &str, times: usize, deadline: Duration) {
    e2e_with(name, json!({}), async |world| {
        let (_operator, proxy, ledger) = behind_proxy(&world).await;
        let watches = || ledger.records().iter().filter(|record| record.call.is_watch()).count();
        let before = watches();
        proxy.inject_times(times, Fault::LoseAnswer, Call::is_watch);
        proxy.interrupt().await;
        eventually_within(deadline, "the watches are made anew", async || {
            if watches() > before + times { Ok(()) } else { Err(watches() - before) }
        })
        .await;
        world.user("after", json!({ "username": "after" })).await;
        eventually_within(HEALED, "a new resource is reconciled", async || {
            world.keycloak.user("after").await.ok_or(watches())
        })
        .await;
    });
}

#[test]
fn a_new_resource_is_seen_after_the_watches_have_dropped() {
    watches_drop("apiserver_watches_drop", 8, Duration::from_secs(60));
}

#[test]
#[ignore = "takes minutes: make test-faults"]
fn a_new_resource_is_seen_after_the_watches_have_dropped_fifty_times() {
    watches_drop("apiserver_watches_drop_often", 50, Duration::from_secs(600));
}

#[test]
#[ignore = "takes minutes: make test-faults"]
fn a_new_resource_is_seen_although_the_watches_have_fallen_silent() {
    e2e_with("apiserver_watches_fall_silent", json!({}), async |world| {
        let (_operator, proxy, ledger) = behind_proxy(&world).await;
        proxy.inject(Fault::Silence, Call::is_watch);
        let before = ledger.records().len();
        proxy.interrupt().await;
        eventually("the watches fall silent", async || {
            let records = ledger.records();
            if records[before..].iter().any(|record| record.call.is_watch()) { Ok(()) } else { Err(records.len()) }
        })
        .await;
        proxy.heal();
        world.user("unheard", json!({ "username": "unheard" })).await;
        eventually_within(HEALED, "a resource made in the silence is reconciled", async || {
            world.keycloak.user("unheard").await.ok_or(ledger.records().len())
        })
        .await;
    });
}
