//! The API server in bad weather: what it refuses is tried again, and a watch that breaks or falls silent is made anew.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    Answer, Call, ChildOperator, Fault, FaultProxy, Ledger, Record, SecondKubernetes, World, e2e_with, eventually,
    eventually_within, password_from,
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
        eventually("the watch of users falls silent", async || {
            let records = ledger.records();
            let is_it = |record: &Record| record.call.is_watch() && record.call.path.ends_with("/keycloakusers");
            if records[before..].iter().any(is_it) { Ok(()) } else { Err(records.len()) }
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

#[test]
#[ignore = "takes minutes: make test-faults"]
fn a_watch_that_is_held_for_too_long_ends_the_process_by_its_probe() {
    e2e_with("apiserver_watch_dead", json!({}), async |world| {
        world.connect(json!({})).await;
        let (mut chart, ledger) = (world.chart().await, Ledger::default());
        chart.arguments.push("--longest-watch-silence=55s".to_owned());
        let proxy = FaultProxy::before_kubernetes("operator", &ledger, &mut chart);
        let operator = ChildOperator::start(&chart, &world.namespace).await;
        let alive = async || {
            let answer = reqwest::get(operator.url("/livez")).await.expect("it answers");
            (answer.status().as_u16(), answer.text().await.expect("text"))
        };
        assert_eq!(alive().await, (200, "ok".to_owned()));
        proxy.inject(Fault::Silence, |call| call.is_watch() && call.path.ends_with("/keycloakusers"));
        proxy.interrupt().await;
        let (_, problem) = eventually_within(Duration::from_secs(120), "the process counts as dead", async || {
            Some(alive().await).filter(|(status, _)| *status == 503).ok_or(())
        })
        .await;
        assert!(problem.contains("/keycloakusers") && !problem.contains("secrets"), "{problem}");
        proxy.heal();
        world.user("heard", json!({ "username": "heard" })).await;
        eventually_within(HEALED, "it counts as alive", async || match alive().await {
            (200, _) => Ok(()),
            other => Err(other),
        })
        .await;
    });
}

#[test]
fn an_api_server_that_is_stopped_and_started_again_costs_no_write_and_doubles_none() {
    e2e_with("apiserver_restarts", json!({ "editUsernameAllowed": true }), async |world| {
        world.connect(json!({})).await;
        let chart = world.chart().await;
        let mut server = SecondKubernetes::of_bed().await;
        server.redirect(&chart.kubeconfig);
        let operator = ChildOperator::start(&chart, &world.namespace).await;
        world.secret("kcuser", &[("password", "before-the-stop")]).await;
        let spec = |name: &str, first: &str| {
            json!({ "username": name, "firstName": first, "lastName": "L", "email": format!("{name}@example.com"),
                "credentials": password_from("kcuser") })
        };
        for name in ["same", "changed", "deleted"] {
            world.user(name, spec(name, "Before")).await;
            world.until(name, "Synced").await;
        }
        let before = world.keycloak.writes_of_operator().await.len();

        server.stop();
        world.user("changed", spec("changed", "After")).await;
        world.user("new", spec("new", "After")).await;
        world.delete("deleted").await;
        world.change_secret("kcuser", &[("password", "during-the-stop")]).await;
        server.start().await;

        eventually_within(HEALED, "all is as declared", async || {
            let accounts = ["same", "changed", "new", "deleted"].map(async |name| world.keycloak.user(name).await);
            let accounts = futures::future::join_all(accounts).await;
            let first = |account: &Option<Value>| account.as_ref().map(|account| account["firstName"].clone());
            let names: Vec<_> = accounts.iter().map(first).collect();
            let resets = writes_of(&world, before, "ACTION").await;
            let expected = [Some(json!("Before")), Some(json!("After")), Some(json!("After")), None];
            if names == expected && resets == 2 { Ok(()) } else { Err((names, resets)) }
        })
        .await;
        world.until_gone("deleted").await;
        for name in ["same", "changed", "new"] {
            world.until(name, "Synced").await;
            world.keycloak.login(name, "during-the-stop").await.expect("the new password");
            world.reconcile_now(name).await;
        }
        for (kind, count) in [("CREATE", 1), ("UPDATE", 1), ("ACTION", 2), ("DELETE", 1)] {
            assert_eq!(writes_of(&world, before, kind).await, count, "{kind}, each once");
        }
        assert!(!operator.output().contains("panicked"), "{}", operator.output());
    });
}

/// How many writes of that kind there were after the first so many.
async fn writes_of(world: &World, before: usize, kind: &str) -> usize {
    let writes = world.keycloak.writes_of_operator().await;
    writes[before..].iter().filter(|write| write.starts_with(kind)).count()
}
