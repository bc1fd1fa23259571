//! Roles and groups: given when declared, taken away when no longer declared, and nobody else's touched.

use std::collections::BTreeSet;

use futures::future::join_all;
use keycloak_user_operator::api::KeycloakUser;
use serde_json::{Value, json};

use crate::support::{World, condition, e2e, e2e_with, eventually, password_from};

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Makes roles (`name`, `client/name`), clients and groups (`/path`) that the test speaks of.
async fn prepare(world: &World, names: &[&str]) {
    let mut clients = BTreeSet::new();
    for name in names {
        if name.starts_with('/') {
            world.keycloak.create_group(name).await;
            continue;
        }
        if let Some((client, _)) = name.split_once('/')
            && clients.insert(client)
        {
            world.keycloak.create_client(client).await;
        }
        world.keycloak.create_role(name).await;
    }
}

async fn until_roles(world: &World, name: &str, roles: &[&str]) {
    eventually(&format!("{name} has the roles {roles:?}"), async || {
        let found = world.keycloak.roles_of(name).await;
        if found == set(roles) { Ok(()) } else { Err(found) }
    })
    .await;
}

async fn writes(world: &World) -> Vec<String> {
    world.keycloak.writes_of_operator().await
}

/// What somebody sees of a condition.
fn message(user: &KeycloakUser) -> String {
    condition(user, "Ready").expect("a condition").message.clone()
}

fn everything(name: &str) -> Value {
    json!({ "username": name, "realmRoles": ["base", "extra"], "groups": ["/staff/eng", "/all"],
        "clientRoles": [{ "client": "app", "roles": ["reader", "writer"] }, { "client": "wiki", "roles": ["editor"] }] })
}

const EVERYTHING: [&str; 7] = ["base", "extra", "app/reader", "app/writer", "wiki/editor", "/staff/eng", "/all"];

#[test]
fn a_new_account_with_rights_and_a_password_costs_four_writes() {
    e2e("a_new_account_with_rights_and_a_password", async |world, _operator| {
        prepare(&world, &EVERYTHING).await;
        world.secret("kcuser-full", &[("password", "first-password")]).await;
        let mut spec = everything("full");
        spec["credentials"] = password_from("kcuser-full");
        world.user("full", spec).await;
        let user = world.until("full", "Synced").await;
        assert_eq!(world.keycloak.roles_of("full").await, set(&EVERYTHING[..5]));
        assert_eq!(world.keycloak.groups_of("full").await, set(&["/staff/eng", "/all"]));
        assert!(world.keycloak.has_default_role("full").await, "what the realm gives to everybody stays");
        let writes = writes(&world).await;
        assert_eq!(writes.iter().filter(|write| write.contains("/groups/")).count(), 0, "in the POST: {writes:?}");
        let requests: BTreeSet<&String> = writes.iter().collect();
        assert_eq!(requests.len(), 4, "the account, roles of the realm, roles of two clients: {writes:?}");
        let owned = user.status.unwrap().owned;
        assert_eq!(owned.realm_roles.iter().map(|role| role.name.as_str()).collect::<Vec<_>>(), ["base", "extra"]);
        assert_eq!(owned.client_roles.len(), 3);
        assert_eq!(owned.groups.iter().map(|group| group.path.as_str()).collect::<Vec<_>>(), ["/all", "/staff/eng"]);
    });
}

#[test]
fn unchanged_rights_cost_three_reads_and_no_write() {
    e2e_with("unchanged_rights_cost_three_reads", json!({}), async |world| {
        world.connect(json!({ "sync": { "sweepInterval": "1s" } })).await;
        prepare(&world, &EVERYTHING).await;
        let operator = world.operator().await;
        world.user("still", everything("still")).await;
        world.until("still", "Synced").await;
        let count = |operation: &str| {
            operator.metric(&format!(r#"keycloak_requests_total{{operation="{operation}",status="2xx"}}"#))
        };
        let passes = || operator.metric(r#"keycloakuser_reconciles_total{outcome="unchanged"}"#);
        eventually("a first check", async || if passes() >= 1.0 { Ok(()) } else { Err(()) }).await;
        let all = ["get_user", "get_role_mappings", "get_groups"];
        let others = [
            "get_role",
            "get_client_role",
            "get_client",
            "get_group",
            "get_composites",
            "find_users",
            "add_roles",
            "remove_roles",
            "join_group",
            "leave_group",
            "update_user",
        ];
        let before: Vec<f64> = others.iter().map(|operation| count(operation)).collect();
        let (first, reads): (f64, Vec<f64>) = (passes(), all.iter().map(|operation| count(operation)).collect());
        eventually("five more checks", async || if passes() >= first + 5.0 { Ok(()) } else { Err(()) }).await;
        let after: Vec<f64> = others.iter().map(|operation| count(operation)).collect();
        assert_eq!(after, before, "{others:?}");
        let checks = passes() - first;
        for (operation, before) in all.iter().zip(reads) {
            let read = count(operation) - before;
            assert!((checks..=checks + 1.0).contains(&read), "{operation}: {read} in {checks} checks");
        }
    });
}

#[test]
fn one_entry_more_or_less_is_one_write() {
    e2e("one_entry_more_or_less_is_one_write", async |world, _operator| {
        prepare(&world, &EVERYTHING).await;
        prepare(&world, &["more", "/more"]).await;
        world.user("one", everything("one")).await;
        world.until("one", "Synced").await;
        let id = world.keycloak.user_id("one").await;
        let mut spec = everything("one");
        let mut before = writes(&world).await.len();
        let mut changed = async |spec: &Value, expected: &str| {
            world.user("one", spec.clone()).await;
            world.until("one", "Synced").await;
            let all = writes(&world).await;
            assert_eq!(all.len(), before + 1, "{:?}", &all[before..]);
            assert!(all[before].starts_with(expected), "{expected}: {}", all[before]);
            before += 1;
        };
        spec["realmRoles"] = json!(["base", "extra", "more"]);
        changed(&spec, &format!("CREATE users/{id}/role-mappings/realm")).await;
        spec["realmRoles"] = json!(["base", "more"]);
        changed(&spec, &format!("DELETE users/{id}/role-mappings/realm")).await;
        spec["clientRoles"] = json!([{ "client": "app", "roles": ["reader", "writer"] }]);
        changed(&spec, &format!("DELETE users/{id}/role-mappings/clients/")).await;
        spec["groups"] = json!(["/staff/eng", "/all", "/more"]);
        changed(&spec, &format!("CREATE users/{id}/groups/")).await;
        spec["groups"] = json!(["/all", "/more"]);
        changed(&spec, &format!("DELETE users/{id}/groups/")).await;
        spec["firstName"] = json!("F");
        changed(&spec, &format!("UPDATE users/{id}")).await;
        assert_eq!(world.keycloak.roles_of("one").await, set(&["base", "more", "app/reader", "app/writer"]));
        assert_eq!(world.keycloak.groups_of("one").await, set(&["/all", "/more"]));
    });
}

#[test]
fn what_somebody_else_gave_stays_and_what_was_ours_goes() {
    e2e("what_somebody_else_gave_stays", async |world, _operator| {
        prepare(&world, &["ours", "theirs", "app/ours", "app/theirs", "/ours", "/theirs"]).await;
        let spec = json!({ "username": "mixed", "realmRoles": ["ours"], "groups": ["/ours"],
            "clientRoles": [{ "client": "app", "roles": ["ours"] }] });
        world.user("mixed", spec).await;
        world.until("mixed", "Synced").await;
        for role in ["theirs", "app/theirs"] {
            world.keycloak.give_role("mixed", role).await;
        }
        world.keycloak.join("mixed", "/theirs").await;
        world.user("mixed", json!({ "username": "mixed" })).await;
        until_roles(&world, "mixed", &["theirs", "app/theirs"]).await;
        let user = world.until("mixed", "Synced").await;
        assert_eq!(world.keycloak.groups_of("mixed").await, set(&["/theirs"]));
        assert!(world.keycloak.has_default_role("mixed").await);
        assert!(user.status.unwrap().owned.is_empty());
    });
}

#[test]
fn what_was_taken_by_hand_is_given_again_and_told() {
    e2e_with("what_was_taken_by_hand", json!({}), async |world| {
        world.connect(json!({ "sync": { "sweepInterval": "1s" } })).await;
        prepare(&world, &["base", "/staff"]).await;
        let _operator = world.operator().await;
        world.user("drift", json!({ "username": "drift", "realmRoles": ["base"], "groups": ["/staff"] })).await;
        world.until("drift", "Synced").await;
        world.keycloak.take_role("drift", "base").await;
        until_roles(&world, "drift", &["base"]).await;
        let note = world.until_event("drift", "DriftCorrected").await;
        assert!(note.contains("add realmRoles[base]"), "{note}");
        world.keycloak.leave("drift", "/staff").await;
        eventually("a member again", async || {
            let groups = world.keycloak.groups_of("drift").await;
            if groups == set(&["/staff"]) { Ok(()) } else { Err(groups) }
        })
        .await;
    });
}

#[test]
fn a_renamed_role_or_group_is_still_taken_away() {
    e2e("a_renamed_role_or_group_is_still_taken_away", async |world, _operator| {
        prepare(&world, &["before", "/before"]).await;
        world.user("named", json!({ "username": "named", "realmRoles": ["before"], "groups": ["/before"] })).await;
        world.until("named", "Synced").await;
        world.keycloak.rename_role("before", "after").await;
        world.keycloak.rename_group("/before", "after").await;
        world.reconcile_now("named").await;
        let user = world.until("named", "UnknownName").await;
        assert!(message(&user).contains("realmRoles[before]") && message(&user).contains("groups[/before]"));
        assert_eq!(world.keycloak.roles_of("named").await, set(&["after"]), "not while the old name is declared");
        world.user("named", json!({ "username": "named" })).await;
        until_roles(&world, "named", &[]).await;
        world.until("named", "Synced").await;
        assert_eq!(world.keycloak.groups_of("named").await, set(&[]));
    });
}

#[test]
fn a_role_that_was_made_anew_is_given_anew() {
    e2e("a_role_that_was_made_anew", async |world, _operator| {
        prepare(&world, &["phoenix", "app/phoenix", "/phoenix"]).await;
        let spec = |first: &str| {
            json!({ "username": "anew", "firstName": first, "realmRoles": ["phoenix"], "groups": ["/phoenix"],
                "clientRoles": [{ "client": "app", "roles": ["phoenix"] }] })
        };
        world.user("anew", spec("A")).await;
        world.until("anew", "Synced").await;
        world.keycloak.delete_role("phoenix").await;
        world.keycloak.delete_group("/phoenix").await;
        let app = world.keycloak.client_uuid("app").await;
        world.keycloak.change(reqwest::Method::DELETE, &format!("/clients/{app}"), json!({})).await;
        prepare(&world, &["phoenix", "app/phoenix", "/phoenix"]).await;
        world.user("anew", spec("B")).await;
        until_roles(&world, "anew", &["phoenix", "app/phoenix"]).await;
        world.until("anew", "Synced").await;
        assert_eq!(world.keycloak.groups_of("anew").await, set(&["/phoenix"]));
    });
}

#[test]
fn a_name_that_is_not_there_holds_nothing_else_back_and_is_applied_when_it_appears() {
    e2e("a_name_that_is_not_there", async |world, _operator| {
        prepare(&world, &["there", "/there"]).await;
        let spec = json!({ "username": "hopeful", "firstName": "H", "realmRoles": ["there", "later"],
            "groups": ["/there", "/later/on"],
            "clientRoles": [{ "client": "later", "roles": ["role"] }] });
        world.user("hopeful", spec).await;
        let user = world.until("hopeful", "UnknownName").await;
        for name in ["realmRoles[later]", "groups[/later/on]", "clientRoles[later/role]"] {
            assert!(message(&user).contains(name), "{name} is missing in {}", message(&user));
        }
        assert!(!message(&user).contains("[there]"), "{}", message(&user));
        assert!(condition(&user, "Stalled").is_some());
        assert_eq!(world.keycloak.roles_of("hopeful").await, set(&["there"]));
        assert_eq!(world.keycloak.groups_of("hopeful").await, set(&["/there"]));
        assert_eq!(world.keycloak.user("hopeful").await.unwrap()["firstName"], "H");
        // The periodic check is an hour away.
        prepare(&world, &["later", "later/role", "/later/on"]).await;
        world.until("hopeful", "Synced").await;
        assert_eq!(world.keycloak.roles_of("hopeful").await, set(&["there", "later", "later/role"]));
        assert_eq!(world.keycloak.groups_of("hopeful").await, set(&["/there", "/later/on"]));
        assert_eq!(world.events("hopeful", "DriftCorrected").await, 0);
    });
}

#[test]
fn a_name_that_is_not_there_is_looked_for_once_for_all_who_wait() {
    e2e("a_name_that_is_looked_for_once", async |world, operator| {
        const WAITING: usize = 12;
        let names: Vec<String> = (0..WAITING).map(|number| format!("waiting-{number}")).collect();
        let spec =
            |name: &str| json!({ "username": name, "realmRoles": ["later"], "requiredActions": ["VERIFY_EMAIL"] });
        join_all(names.iter().map(|name| world.user(name, spec(name)))).await;
        join_all(names.iter().map(|name| world.until(name, "UnknownName"))).await;
        let looked = || operator.metric(r#"keycloak_requests_total{operation="get_role",status="4xx"}"#);
        let passes = || operator.metric(r#"keycloakuser_reconciles_total{outcome="blocked"}"#);
        // The passes of the beginning may still ask.
        let mut settled = looked();
        eventually("one look, by nobody's pass", async || {
            let (before, now) = (std::mem::replace(&mut settled, looked()), looked());
            if now > before && now - before <= 1.0 { Ok(()) } else { Err(now - before) }
        })
        .await;
        let (looks, begun) = (looked(), passes());
        eventually("two more looks", async || if looked() >= looks + 2.0 { Ok(()) } else { Err(looked()) }).await;
        assert!(looked() <= looks + 3.0, "one for all of them, not one for each: {}", looked() - looks);
        assert_eq!(passes(), begun, "nobody makes a pass for it");
        prepare(&world, &["later"]).await;
        join_all(names.iter().map(|name| world.until(name, "Synced"))).await;
        for name in &names {
            assert_eq!(world.keycloak.roles_of(name).await, set(&["later"]));
        }
    });
}

#[test]
fn a_required_action_that_appears_is_asked_for() {
    e2e("a_required_action_that_appears", async |world, _operator| {
        let alias = "CONFIGURE_RECOVERY_AUTHN_CODES";
        let path = format!("/authentication/required-actions/{alias}");
        let action = world.keycloak.get(&path).await;
        world.keycloak.change(reqwest::Method::DELETE, &path, json!({})).await;
        world.user("todo", json!({ "username": "todo", "requiredActions": [alias] })).await;
        world.until("todo", "UnknownName").await;
        let provider = json!({ "providerId": action["providerId"], "name": action["name"] });
        world.keycloak.change(reqwest::Method::POST, "/authentication/register-required-action", provider).await;
        world.until("todo", "Synced").await;
        assert_eq!(world.keycloak.user("todo").await.unwrap()["requiredActions"], json!([alias]));
    });
}
