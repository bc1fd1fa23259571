//! Many edits at one time, by people on both sides: the last spec is what comes of it, and no two writes meet.

use futures::future::{join, join_all};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::{Fault, FaultProxy, Ledger, Operator, e2e_with, eventually};

const EDITS: usize = 50;

fn spec(edit: usize) -> Value {
    let odd = edit % 2 == 1;
    json!({ "username": "busy", "firstName": format!("Edit {edit}"),
        "realmRoles": if odd { json!(["odd"]) } else { json!(["even"]) },
        "groups": if odd { json!(["/odd"]) } else { json!(["/even"]) },
        "attributes": [{ "name": "edit", "values": [edit.to_string()] }] })
}

#[test]
fn fifty_edits_and_edits_by_hand_end_in_what_is_declared_one_write_after_the_other() {
    e2e_with("fifty_edits_and_edits_by_hand", json!({}), async |world| {
        let (keycloak, ledger) = (&world.keycloak, Ledger::default());
        for role in ["odd", "even", "by-hand"] {
            keycloak.create_role(role).await;
        }
        for group in ["/odd", "/even"] {
            keycloak.create_group(group).await;
        }
        let proxy = FaultProxy::before_keycloak("operator", &ledger);
        world.connect(json!({ "url": proxy.url(), "sync": { "sweepInterval": "1s" } })).await;
        let _operator = world.operator().await;
        world.user("busy", spec(0)).await;
        world.until("busy", "Synced").await;
        let edits = join_all((1..=EDITS).map(|edit| world.user("busy", spec(edit))));
        let by_hand = async {
            for _ in 0..5 {
                keycloak.edit_user("busy", json!({ "firstName": "By hand" })).await;
                keycloak.give_role("busy", "by-hand").await;
                keycloak.take_role("busy", "even").await;
                keycloak.take_role("busy", "odd").await;
                keycloak.leave("busy", "/even").await;
                keycloak.leave("busy", "/odd").await;
            }
        };
        join(edits, by_hand).await;
        let user = world.get_user("busy").await;
        assert_eq!(user.metadata.generation, Some(1 + i64::try_from(EDITS).unwrap()), "each edit is another spec");
        let last: usize = user.spec.first_name.as_ref().unwrap().trim_start_matches("Edit ").parse().unwrap();
        let declared = spec(last);
        let role = declared["realmRoles"][0].as_str().unwrap();
        eventually("the last spec", async || {
            let account = keycloak.user("busy").await.unwrap();
            let (roles, groups) = (keycloak.roles_of("busy").await, keycloak.groups_of("busy").await);
            let expected = [role, "by-hand"].map(str::to_owned).into();
            let is_it = account["firstName"] == declared["firstName"]
                && account["attributes"] == json!({ "edit": [last.to_string()] })
                && roles == expected
                && groups == [format!("/{role}")].into();
            if is_it { Ok(()) } else { Err((account, roles, groups)) }
        })
        .await;
        let status = world.until("busy", "Synced").await.status.unwrap();
        assert_eq!(status.owned.realm_roles.iter().map(|owned| owned.name.as_str()).collect::<Vec<_>>(), [role]);
        assert_eq!(proxy.most_writes_at_once(), 1, "of one account, one write after the other");
    });
}

#[test]
fn a_resource_that_is_applied_after_many_others_does_not_wait_for_them() {
    e2e_with("a_resource_that_is_applied_after_many", json!({}), async |world| {
        let (ledger, backlog) = (Ledger::default(), 20);
        let (hold, held) = watch::channel(true);
        let proxy = FaultProxy::before_keycloak("operator", &ledger);
        proxy.inject_times(1, Fault::Withhold(held), |call| {
            call.method == Method::POST && call.path.ends_with("/users")
        });
        world.connect(json!({ "url": proxy.url() })).await;
        world.connection("other", json!({})).await;
        let mut chart = world.chart().await;
        let _kubernetes = FaultProxy::before_kubernetes("operator", &ledger, &mut chart);
        let _operator = Operator::start_with(&chart, &world.namespace, 1).await;
        for index in 0..backlog {
            world.user(&format!("early-{index}"), json!({ "username": format!("early-{index}") })).await;
        }
        // Over another connection nothing is in its way; when it has come, all before it have come too.
        let witness = async |name: &str| {
            world.user(name, json!({ "username": name, "connectionRef": { "name": "other" } })).await;
            world.until(name, "Synced").await;
        };
        witness("witness-of-early").await;
        world.user("late", json!({ "username": "late" })).await;
        witness("witness-of-late").await;
        hold.send(false).expect("the proxy");
        world.until("late", "Synced").await;
        for index in 0..backlog {
            world.until(&format!("early-{index}"), "Synced").await;
        }
        let reported = ledger.records().into_iter().filter(|record| record.call.method == Method::PUT);
        let names = reported.filter_map(|record| record.call.path.split('/').rev().nth(1).map(str::to_owned));
        let order: Vec<String> = names.filter(|name| name == "late" || name.starts_with("early")).collect();
        let place = order.iter().position(|name| name == "late");
        assert!(place.is_some_and(|place| (1..=2).contains(&place)), "{order:?}");
    });
}
