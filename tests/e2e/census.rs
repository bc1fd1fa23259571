//! Accounts of which nobody has said that anything changed are read together: at a start, and at each periodic check.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use keycloak_user_operator::api::{KeycloakConnection, KeycloakUser};
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Answer, Call, Fault, FaultProxy, Ledger, Operator, World, e2e_with, eventually, eventually_within, password_from,
    ready_reason, with_events,
};

const USERS: usize = 40;

fn spec(number: usize) -> Value {
    json!({
        "username": name(number), "lastName": "Doe", "attributes": [{ "name": "floor", "values": ["2"] }],
        "realmRoles": ["staff", "guest"], "clientRoles": [{ "client": "app", "roles": ["reader"] }],
        "groups": ["/team", "/house"],
    })
}

fn name(number: usize) -> String {
    format!("user-{number}")
}

/// A realm with accounts that are as declared, and nobody who looks after them.
async fn settled(world: &World, interval: &str) {
    for role in ["staff", "guest"] {
        world.keycloak.create_role(role).await;
    }
    world.keycloak.create_client("app").await;
    world.keycloak.create_role("app/reader").await;
    for group in ["/team", "/house"] {
        world.keycloak.create_group(group).await;
    }
    world.connect(json!({ "sync": { "sweepInterval": interval, "events": "Ignore" } })).await;
    join_all((0..USERS).map(async |number| world.user(&name(number), spec(number)).await)).await;
    let operator = world.operator().await;
    until_all_are_synced(world).await;
    operator.stop().await;
}

async fn until_all_are_synced(world: &World) {
    eventually("every user is synced", async || {
        let users = world.api::<KeycloakUser>().list(&ListParams::default()).await.unwrap();
        let is_done = |user: &&KeycloakUser| {
            let observed = user.status.as_ref().and_then(|status| status.observed_generation);
            ready_reason(user) == Some("Synced") && observed == user.metadata.generation
        };
        let done = users.iter().filter(is_done).count();
        if done == USERS { Ok(()) } else { Err(done) }
    })
    .await;
}

async fn versions(world: &World) -> BTreeMap<String, Option<String>> {
    let users = world.api::<KeycloakUser>().list(&ListParams::default()).await.unwrap();
    users.iter().map(|user| (user.name_any(), user.resource_version())).collect()
}

fn unchanged(operator: &Operator) -> f64 {
    operator.metric(r#"keycloakuser_reconciles_total{outcome="unchanged"}"#)
}

async fn until_checked(operator: &Operator, times: usize) {
    eventually("all accounts are checked", async || {
        let checked = unchanged(operator);
        if checked >= (times * USERS) as f64 { Ok(()) } else { Err(checked) }
    })
    .await;
}

fn requests(operator: &Operator, operation: &str) -> f64 {
    operator.metric(&format!(r#"keycloak_requests_total{{operation="{operation}",status="2xx"}}"#))
}

#[test]
fn a_start_reads_all_accounts_together_and_writes_nothing() {
    e2e_with("a_start_reads_all_accounts_together", json!({}), async |world| {
        settled(&world, "1h").await;
        let (before, writes) = (versions(&world).await, world.keycloak.writes_of_operator().await);
        let operator = world.operator().await;
        until_checked(&operator, 1).await;
        assert_eq!(requests(&operator, "find_users"), 1.0, "all accounts");
        assert_eq!(requests(&operator, "get_members"), 5.0, "each role and group");
        for each in ["get_user", "get_role_mappings", "get_groups", "get_credentials"] {
            assert_eq!(requests(&operator, each), 0.0, "{each}");
        }
        operator.stop().await;
        assert_eq!(versions(&world).await, before, "no write to the API server");
        assert_eq!(world.keycloak.writes_of_operator().await, writes, "no write to Keycloak");
    });
}

#[test]
fn what_was_changed_on_either_side_while_nobody_looked_is_put_right_by_reading_those_alone() {
    e2e_with("what_was_changed_on_either_side", json!({}), async |world| {
        settled(&world, "1h").await;
        let keycloak = &world.keycloak;
        keycloak.edit_user("user-0", json!({ "lastName": "Roe" })).await;
        keycloak.take_role("user-1", "staff").await;
        keycloak.leave("user-2", "/team").await;
        keycloak.delete_user("user-3").await;
        keycloak.edit_user("user-4", json!({ "enabled": false, "attributes": { "floor": ["3"] } })).await;
        let reader = keycloak.role("app/reader").await;
        let (of, app) = (keycloak.user_id("user-5").await, keycloak.client_uuid("app").await);
        let mappings = format!("/users/{of}/role-mappings/clients/{app}");
        keycloak.change(Method::DELETE, &mappings, json!([reader])).await;
        let mut changed = spec(6);
        changed["lastName"] = json!("New");
        world.user("user-6", changed).await;
        let writes = keycloak.writes_of_operator().await.len();

        let operator = world.operator().await;
        world.until_account("user-0", "its name", |account| account["lastName"] == "Doe").await;
        world.until_account("user-4", "its floor", |account| account["attributes"]["floor"] == json!(["2"])).await;
        world.until_account("user-6", "its new name", |account| account["lastName"] == "New").await;
        eventually("user-3 is made anew, with its rights", async || {
            let known = world.get_user("user-3").await.status.unwrap().user_id;
            let account = keycloak.user("user-3").await;
            let id = account.as_ref().and_then(|account| account["id"].as_str());
            if id.is_some() && id == known.as_deref() { Ok(()) } else { Err((known, account)) }
        })
        .await;
        eventually("rights", async || {
            let (roles, groups) = (keycloak.roles_of("user-1").await, keycloak.groups_of("user-2").await);
            let of_client = keycloak.get(&mappings).await;
            let again =
                roles.contains("staff") && groups.contains("/team") && !of_client.as_array().unwrap().is_empty();
            if again { Ok(()) } else { Err((roles, groups, of_client)) }
        })
        .await;
        until_all_are_synced(&world).await;
        // Found again: three profiles, a role, a group, a role of a client, and an account: POST and its three rights.
        assert_eq!(keycloak.writes_of_operator().await.len() - writes, 3 + 3 + 3);
        let touched = 7.0;
        assert!(requests(&operator, "get_user") <= 3.0 * touched, "{}", requests(&operator, "get_user"));
        assert!(requests(&operator, "get_role_mappings") <= 2.0 * touched);
        operator.stop().await;
    });
}

#[test]
fn periodic_checks_read_all_accounts_together() {
    e2e_with("periodic_checks_read_all_accounts", json!({}), async |world| {
        settled(&world, "3s").await;
        let operator = world.operator().await;
        until_checked(&operator, 4).await;
        let (checks, read) = (unchanged(&operator) / USERS as f64, requests(&operator, "find_users"));
        assert!(read <= 2.0 * checks + 2.0, "{read} requests for {checks} checks of all accounts");
        assert_eq!(requests(&operator, "get_user"), 0.0);
        world.keycloak.edit_user("user-7", json!({ "lastName": "Roe" })).await;
        world.until_account("user-7", "its name again", |account| account["lastName"] == "Doe").await;
        operator.stop().await;
    });
}

#[test]
fn a_list_that_the_server_fails_to_give_at_first_is_asked_for_again() {
    e2e_with("a_list_that_the_server_fails_to_give", json!({}), async |world| {
        settled(&world, "1h").await;
        let ledger = Ledger::default();
        let proxy = FaultProxy::before_keycloak("operator", &ledger);
        let is_list = |call: &Call| call.path.ends_with("/roles/staff/users") || call.path.ends_with("/users");
        proxy.inject_times(2, Fault::Answer(Answer::bare(500)), is_list);
        world
            .connection("default", json!({ "url": proxy.url(), "sync": { "sweepInterval": "1h", "events": "Ignore" } }))
            .await;
        let operator = world.operator().await;
        until_checked(&operator, 1).await;
        assert_eq!(requests(&operator, "get_members"), 5.0, "each role and group");
        for each in ["get_user", "get_role_mappings", "get_groups"] {
            assert_eq!(requests(&operator, each), 0.0, "{each}");
        }
        operator.stop().await;
    });
}

#[test]
fn a_right_that_too_many_others_have_is_looked_up_for_each_account() {
    e2e_with("a_right_that_too_many_others_have", json!({}), async |world| {
        let keycloak = &world.keycloak;
        keycloak.create_role("everybody").await;
        let strangers: Vec<Value> = (0..1100)
            .map(|number| json!({ "username": format!("a-stranger-{number}"), "realmRoles": ["everybody"] }))
            .collect();
        keycloak.change(Method::POST, "/partialImport", json!({ "users": strangers })).await;
        world.connect(json!({ "sync": { "sweepInterval": "1h", "events": "Ignore" } })).await;
        world.user("one", json!({ "username": "one", "realmRoles": ["everybody"] })).await;
        let operator = world.operator().await;
        world.until("one", "Synced").await;
        operator.stop().await;
        let operator = world.operator().await;
        eventually("a check", async || if unchanged(&operator) >= 1.0 { Ok(()) } else { Err(()) }).await;
        assert_eq!(requests(&operator, "get_members"), 1.0, "one page, and no more");
        assert_eq!((requests(&operator, "get_user"), requests(&operator, "get_role_mappings")), (1.0, 1.0));
        operator.stop().await;
    });
}

async fn follow(world: &World) -> Operator {
    world.connect(json!({ "sync": { "sweepInterval": "1h", "events": "Follow" } })).await;
    let operator = world.operator().await;
    world.until_positions().await;
    operator
}

#[test]
fn passwords_and_exact_rights_are_not_read_at_a_start_whose_feeds_tell_who_was_touched() {
    e2e_with("passwords_and_exact_rights_are_not_read", with_events(), async |world| {
        let keycloak = &world.keycloak;
        for role in ["staff", "guest"] {
            keycloak.create_role(role).await;
        }
        world.secret("kcuser-enforced", &[("password", "declared-password")]).await;
        let mut credentials = password_from("kcuser-enforced");
        credentials[0]["sync"] = json!("Enforce");
        let names = ["reset", "given", "gone", "left", "alone"];
        for name in names {
            let spec = json!({
                "username": name, "firstName": "Jane", "lastName": "Doe", "email": format!("{name}@example.com"),
                "credentials": credentials, "realmRoles": ["staff"], "exact": ["realmRoles"],
            });
            world.user(name, spec).await;
        }
        let operator = follow(&world).await;
        for name in names {
            world.until(name, "Synced").await;
        }
        // Before that, what the operator did itself would count as somebody else's doing.
        eventually_within(Duration::from_secs(150), "the position has left our own doing behind", async || {
            let feeds = world.connection_status().await.feeds;
            if feeds.iter().all(|feed| feed.complete_until == feed.time) { Ok(()) } else { Err(feeds) }
        })
        .await;
        operator.stop().await;
        keycloak.edit_user("alone", json!({ "lastName": "Roe" })).await;
        let reset = keycloak.user_id("reset").await;
        let by_hand = json!({ "type": "password", "value": "by-hand-password", "temporary": false });
        keycloak.change(Method::PUT, &format!("/users/{reset}/reset-password"), by_hand).await;
        keycloak.give_role("given", "guest").await;
        keycloak.delete_user("gone").await;

        let operator = world.operator().await;
        eventually("the declared password", async || keycloak.login("reset", "declared-password").await).await;
        eventually("the declared roles alone", async || {
            let roles = keycloak.roles_of("given").await;
            if roles.contains("guest") { Err(roles) } else { Ok(()) }
        })
        .await;
        world.until_account("gone", "made anew", |_| true).await;
        world.until_account("alone", "its name", |account| account["lastName"] == "Doe").await;
        eventually("the one that nobody touched is left alone", async || {
            let unchanged = unchanged(&operator);
            if unchanged >= 1.0 { Ok(()) } else { Err(unchanged) }
        })
        .await;
        // All accounts that nobody touched, together; the one that is gone by its mark and by its name.
        assert_eq!(requests(&operator, "find_users"), 3.0);
        operator.stop().await;
    });
}

#[test]
fn a_position_in_the_future_of_the_server_is_given_up_and_everything_is_looked_at() {
    e2e_with("a_position_in_the_future_of_the_server", with_events(), async |world| {
        let operator = follow(&world).await;
        world.user("late", json!({ "username": "late", "lastName": "Doe" })).await;
        world.until("late", "Synced").await;
        operator.stop().await;
        let mut feeds = world.until_positions().await;
        for feed in &mut feeds {
            feed.time = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1)).as_millisecond();
        }
        let ahead = Patch::Merge(json!({ "status": { "feeds": feeds } }));
        world.api::<KeycloakConnection>().patch_status("default", &PatchParams::default(), &ahead).await.unwrap();
        let _operator = world.operator().await;
        // The first is found because everything is looked at, at the latest; the second by its event.
        for name in ["Roe", "Poe"] {
            world.keycloak.edit_user("late", json!({ "lastName": name })).await;
            world.until_account("late", "its name again", |account| account["lastName"] == "Doe").await;
        }
    });
}
