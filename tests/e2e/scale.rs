//! What an account costs, in requests: the figures of `docs/scale.md` that do not depend on the machine.

use reqwest::Method;
use serde_json::json;

use crate::support::{Call, FaultProxy, Ledger, Operator, Server, World, e2e_with, eventually, with_events};

const USERS: usize = 20;
/// So many looks at the realm's events are an idle period.
const LOOKS: usize = 5;

/// Resources that are there before the operator, as after an import; then the operator, between proxies.
async fn converge(world: &World, ledger: &Ledger, sync: serde_json::Value) -> (FaultProxy, FaultProxy, Operator) {
    world.keycloak.create_role("staff").await;
    world.keycloak.create_group("/staff").await;
    let keycloak = FaultProxy::before_keycloak("operator", ledger);
    world.connect(json!({ "url": keycloak.url(), "sync": sync })).await;
    for index in 0..USERS {
        let spec = json!({
            "username": format!("user-{index}"), "firstName": "First", "lastName": "Last",
            "email": format!("user-{index}@example.com"), "attributes": [{ "name": "team", "values": ["blue"] }],
            "realmRoles": ["staff"], "groups": ["/staff"],
        });
        world.user(&format!("user-{index}"), spec).await;
    }
    let mut chart = world.chart().await;
    let kubernetes = FaultProxy::before_kubernetes("operator", ledger, &mut chart);
    let operator = Operator::start(&chart, &world.namespace).await;
    for index in 0..USERS {
        world.until(&format!("user-{index}"), "Synced").await;
    }
    (keycloak, kubernetes, operator)
}

fn calls(ledger: &Ledger) -> Vec<Call> {
    ledger.records().into_iter().map(|record| record.call).collect()
}

/// How many there are of a method and form.
fn count(calls: &[Call], method: &Method, form: &str) -> usize {
    calls.iter().filter(|call| call.has_form(method, form)).count()
}

/// Writes to Keycloak, to our resources, and events.
fn writes(calls: &[Call]) -> Vec<&Call> {
    calls.iter().filter(|call| call.is_write()).collect()
}

#[test]
fn a_new_account_costs_two_requests_and_two_writes_to_the_api_server() {
    e2e_with("a_new_account_costs_two_requests", json!({}), async |world| {
        let ledger = Ledger::default();
        let (_keycloak, _kubernetes, operator) = converge(&world, &ledger, json!({ "sweepInterval": "1h" })).await;
        operator.stop().await;
        let calls = calls(&ledger);
        let realm = format!("/admin/realms/{}", world.keycloak.realm);
        assert_eq!(count(&calls, &Method::POST, &format!("{realm}/users")), USERS, "made, its group with it");
        assert_eq!(count(&calls, &Method::POST, &format!("{realm}/users/{{id}}/role-mappings/realm")), USERS);
        let (keycloak, kubernetes): (Vec<_>, Vec<_>) =
            calls.into_iter().partition(|call| call.server == Server::Keycloak);
        let of_accounts = |call: &&Call| {
            call.path == format!("{realm}/users")
                || call.path.split('/').nth(5).is_some_and(crate::support::is_uuid) && call.path.contains("/users/")
        };
        let about: Vec<&Call> = keycloak.iter().filter(of_accounts).collect();
        assert_eq!(about.len(), 2 * USERS, "and no other request about an account: {about:#?}");

        let resource = format!("/apis/keycloakuser.dev/v1alpha1/namespaces/{}/keycloakusers/{{}}", world.namespace);
        assert_eq!(count(&kubernetes, &Method::PATCH, &resource), USERS, "the finalizer");
        assert_eq!(count(&kubernetes, &Method::PUT, &format!("{resource}/status")), USERS, "the status");
        let of_users: Vec<_> = writes(&kubernetes).into_iter().filter(|call| call.path.contains("user-")).collect();
        assert_eq!(of_users.len(), 2 * USERS, "and no other write: {of_users:#?}");
    });
}

#[test]
fn an_idle_period_costs_the_look_at_the_events_alone() {
    e2e_with("an_idle_period_costs_the_look_at_the_events", with_events(), async |world| {
        let ledger = Ledger::default();
        let sync = json!({ "sweepInterval": "1h", "events": "Follow" });
        let (_keycloak, _kubernetes, _operator) = converge(&world, &ledger, sync).await;
        let admin_events = format!("/admin/realms/{}/admin-events", world.keycloak.realm);
        let looks = |calls: &[Call]| count(calls, &Method::GET, &admin_events);
        // The connection is not looked at again for a minute.
        world.until_positions().await;
        // What was made for the test itself is among the events of the first look, and wakes whom it concerns.
        let quiet_from = eventually("a look at the events after which no account is looked at", async || {
            let calls = calls(&ledger);
            let last = calls.iter().rposition(|call| call.path.contains("/users")).expect("accounts were made");
            if looks(&calls[last..]) >= 2 { Ok(calls.len()) } else { Err(calls[last].clone()) }
        })
        .await;
        let idle = eventually("some looks more", async || {
            let calls = calls(&ledger)[quiet_from..].to_vec();
            if looks(&calls) >= LOOKS { Ok(calls) } else { Err(looks(&calls)) }
        })
        .await;
        assert_eq!(writes(&idle), Vec::<&Call>::new());
        let events = |call: &Call| call.path == admin_events || call.path.ends_with("/events");
        let other: Vec<_> = idle.iter().filter(|call| call.server == Server::Keycloak && !events(call)).collect();
        let expected = |call: &&Call| call.path.ends_with("/token") || call.path.ends_with("/events/config");
        assert!(other.iter().all(expected) && other.len() <= 2, "{other:#?}");
        assert!(idle.iter().all(|call| call.server == Server::Keycloak || call.is_watch()), "{idle:#?}");
    });
}
