//! Names that are made to be misunderstood, and lists as long as they may be.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{World, condition, e2e, e2e_with};

/// Names that a path of the Admin API cannot, or should not, carry.
fn odd() -> Vec<String> {
    let names =
        ["100%", "%2e%2e", "a;b", "..", "../../admin", "a/b", "a\\b", "a?b#c", "a b", "ä&ö=ü", "{{x}}", "+", "\"q\""];
    names.into_iter().map(str::to_owned).chain(["x".repeat(255), "é".repeat(255)]).collect()
}

async fn make(world: &World, container: &str, name: &str) {
    world.keycloak.change(Method::POST, &format!("{container}/roles"), json!({ "name": name })).await;
}

fn named(mappings: &Value) -> BTreeSet<String> {
    let roles = mappings.as_array().cloned().unwrap_or_default();
    let names = roles.iter().map(|role| role["name"].as_str().expect("a name").to_owned());
    names.filter(|name| !name.starts_with("default-roles-")).collect()
}

#[test]
fn roles_with_odd_names_are_given_and_taken_away() {
    e2e("roles_with_odd_names", async |world, _operator| {
        world.keycloak.create_client("app").await;
        let client = format!("/clients/{}", world.keycloak.client_uuid("app").await);
        // Beside them the role that a name taken for a path would lead to.
        for name in odd().iter().map(String::as_str).chain(["admin"]) {
            make(&world, "", name).await;
            make(&world, &client, name).await;
        }
        let roles = odd();
        let (most, last) = roles.split_at(roles.len() - 2);
        let spec = |names: &[String]| json!({ "username": "odd", "realmRoles": names, "clientRoles": [{ "client": "app", "roles": names }] });
        for names in [most, last] {
            world.user("odd", spec(names)).await;
            let user = world.until("odd", "Synced").await;
            let path = format!("/users/{}/role-mappings", world.keycloak.user_id("odd").await);
            let mappings = world.keycloak.get(&path).await;
            let declared: BTreeSet<String> = names.iter().cloned().collect();
            assert_eq!(named(&mappings["realmMappings"]), declared);
            assert_eq!(named(&mappings["clientMappings"]["app"]["mappings"]), declared);
            let owned = user.status.unwrap().owned;
            assert_eq!((owned.realm_roles.len(), owned.client_roles.len()), (names.len(), names.len()));
        }
    });
}

async fn make_group(world: &World, parent: Option<&str>, name: &str) -> String {
    let place = parent.map_or("/groups".to_owned(), |id| format!("/groups/{id}/children"));
    world.keycloak.change(Method::POST, &place, json!({ "name": name })).await;
    let found = world.keycloak.get(&place).await;
    let groups = found.as_array().unwrap();
    let group = groups.iter().find(|group| group["name"] == name).expect("the group");
    group["id"].as_str().expect("an id").to_owned()
}

async fn members(world: &World, group: &str) -> usize {
    world.keycloak.get(&format!("/groups/{group}/members")).await.as_array().expect("a list").len()
}

#[test]
fn a_group_with_a_slash_in_its_name_is_taken_for_no_other() {
    e2e("a_group_with_a_slash_in_its_name", async |world, _operator| {
        let slashed = make_group(&world, None, "a/b").await;
        world.user("slash", json!({ "username": "slash", "groups": ["/a/b"] })).await;
        let user = world.until("slash", "UnknownName").await;
        let message = &condition(&user, "Ready").unwrap().message;
        assert!(message.contains("groups[/a/b]") && message.contains("a name on its path has a `/`"), "{message}");
        assert_eq!(members(&world, &slashed).await, 0);
        // The group that is meant appears beside it.
        let above = make_group(&world, None, "a").await;
        let meant = make_group(&world, Some(&above), "b").await;
        let path = world.keycloak.get("/group-by-path/a/b").await;
        if path["id"] == json!(meant) {
            world.until("slash", "Synced").await;
            assert_eq!((members(&world, &meant).await, members(&world, &slashed).await), (1, 0));
        } else {
            world.reconcile_now("slash").await;
            world.until("slash", "UnknownName").await;
            assert_eq!((members(&world, &meant).await, members(&world, &slashed).await), (0, 0));
        }
    });
}

#[test]
fn a_member_of_a_group_with_a_slash_is_no_member_of_the_one_that_is_meant() {
    e2e("a_member_of_a_group_with_a_slash", async |world, _operator| {
        let slashed = make_group(&world, None, "x/y").await;
        let above = make_group(&world, None, "x").await;
        let meant = make_group(&world, Some(&above), "y").await;
        world.user("both", json!({ "username": "both" })).await;
        world.until("both", "Synced").await;
        let id = world.keycloak.user_id("both").await;
        world.keycloak.change(Method::PUT, &format!("/users/{id}/groups/{slashed}"), json!({})).await;
        world.user("both", json!({ "username": "both", "groups": ["/x/y"] })).await;
        let user = world.reconcile_now("both").await;
        let is_ready = condition(&user, "Ready").unwrap().status == "True";
        let joined = members(&world, &meant).await == 1;
        assert_eq!(is_ready, joined, "never Ready without what is declared: {:?}", user.status);
        world.user("both", json!({ "username": "both" })).await;
        world.until("both", "Synced").await;
        assert_eq!((members(&world, &slashed).await, members(&world, &meant).await), (1, 0), "what was theirs stays");
    });
}

/// So many names, each so long.
fn names(prefix: &str, count: usize, width: usize) -> Vec<String> {
    let name = |index: usize| format!("{prefix}{index:0>rest$}", rest = width - prefix.len());
    (0..count).map(name).collect()
}

fn objects(names: &[String]) -> Vec<Value> {
    names.iter().map(|name| json!({ "name": name })).collect()
}

#[test]
fn a_spec_as_large_as_it_may_be_has_a_status_below_64_kibibytes() {
    // As many as may be, and as long as they may then be together; of clients that every world has.
    let (roles, of_client, groups) = (names("r", 128, 32), names("c", 64, 25), names("g", 256, 47));
    let of_clients = json!({ "login": objects(&of_client), "operator": objects(&of_client) });
    let realm = json!({ "groups": objects(&groups), "roles": { "realm": objects(&roles), "client": of_clients } });
    e2e_with("a_spec_as_large_as_it_may_be", realm, async |world| {
        world.connect(json!({})).await;
        let _operator = world.operator().await;
        let attribute = |name: &String| json!({ "name": name, "values": ["v"] });
        let attributes: Vec<Value> = names("a", 64, 64).iter().map(attribute).collect();
        let client_roles = ["login", "operator"].map(|client| json!({ "client": client, "roles": of_client }));
        let paths: Vec<String> = groups.iter().map(|name| format!("/{name}")).collect();
        let spec = json!({ "username": "large", "realmRoles": roles, "clientRoles": client_roles, "groups": paths,
            "attributes": attributes });
        world.user("large", spec.clone()).await;
        let user = world.until("large", "Synced").await;
        let status = user.status.unwrap();
        let owned = &status.owned;
        let counts = (owned.groups.len(), owned.realm_roles.len(), owned.client_roles.len(), owned.attributes.len());
        assert_eq!(counts, (256, 128, 128, 64));
        let size = serde_json::to_string(&status).unwrap().len();
        assert!(size < 64 * 1024, "{size} bytes");
        let one_more = [
            ("groups", json!("/y")),
            ("realmRoles", json!("y")),
            ("attributes", json!({ "name": "y", "values": ["v"] })),
            ("clientRoles", json!({ "client": "y", "roles": ["y"] })),
        ];
        for (field, entry) in one_more {
            let mut spec = spec.clone();
            spec[field].as_array_mut().unwrap().push(entry);
            let refusal = world.try_user("large", spec).await.unwrap_err().to_string();
            assert!(refusal.contains(&format!("spec.{field}")), "{refusal}");
        }
    });
}

#[test]
fn what_means_the_same_twice_is_refused_at_admission() {
    e2e_with("what_means_the_same_twice", json!({}), async |world| {
        let twice = [
            ("realmRoles", json!(["a", "a"])),
            ("groups", json!(["/a", "/a"])),
            ("groups", json!(["/a/"])),
            ("groups", json!(["//a"])),
            ("groups", json!(["/a/./b"])),
            ("requiredActions", json!(["VERIFY_EMAIL", "VERIFY_EMAIL"])),
            ("clientRoles", json!([{ "client": "c", "roles": ["a", "a"] }])),
            ("clientRoles", json!([{ "client": "c", "roles": ["a"] }, { "client": "c", "roles": ["b"] }])),
            ("attributes", json!([{ "name": "a", "values": ["1"] }, { "name": "a", "values": ["2"] }])),
            ("exact", json!(["groups", "groups"])),
        ];
        for (field, value) in twice {
            let refused = world.try_user("twice", json!({ "username": "twice", field: value })).await;
            let words = refused.expect_err(&format!("{field}: {value}")).to_string();
            assert!(words.contains(field), "{words}");
        }
        let spec = json!({ "username": "twice", "realmRoles": ["a", "A"], "groups": ["/a", "/A"] });
        world.user("twice", spec).await;
    });
}
