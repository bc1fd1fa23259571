//! The table of docs/ownership.md on the real servers: an account for each row, in which a role of the realm, a role of
//! a client, a group and an attribute are all in the state of the row.

use std::collections::BTreeSet;

use futures::future::join_all;
use keycloak_user_operator::api::OwnedStatus;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{World, e2e_with};

const DOCUMENT: &str = include_str!("../../../docs/ownership.md");

/// A row of the table.
#[derive(Debug)]
struct Row {
    present: bool,
    owned: bool,
    preexisting: bool,
    declared: bool,
    exact: bool,
    request: &'static str,
    owned_after: bool,
}

fn rows() -> Vec<Row> {
    let table = DOCUMENT.lines().skip_while(|line| !line.starts_with("| in Keycloak"));
    let row = |line: &'static str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let yes = |column: usize| cells[column] == "yes";
        let (request, owned_after) = (cells[5], yes(6));
        Row {
            present: yes(0),
            owned: yes(1),
            preexisting: yes(2),
            declared: yes(3),
            exact: yes(4),
            request,
            owned_after,
        }
    };
    table.skip(2).take_while(|line| line.starts_with('|')).map(row).collect()
}

fn spec(name: &str, declared: bool, exact: bool) -> Value {
    let mut spec = json!({ "username": name, "adoption": "Adopt" });
    if declared {
        spec["realmRoles"] = json!(["entry"]);
        spec["clientRoles"] = json!([{ "client": "app", "roles": ["entry"] }]);
        spec["groups"] = json!(["/entry"]);
        spec["attributes"] = json!([{ "name": "entry", "values": ["v"] }]);
    }
    if exact {
        spec["exact"] = json!(["realmRoles", "clientRoles", "groups", "attributes"]);
    }
    spec
}

/// Gives the account everything by hand, or takes everything away.
async fn by_hand(world: &World, name: &str, give: bool) {
    let keycloak = &world.keycloak;
    if give {
        keycloak.give_role(name, "entry").await;
        keycloak.give_role(name, "app/entry").await;
        keycloak.join(name, "/entry").await;
        keycloak.edit_user(name, json!({ "attributes": { "entry": ["v"] } })).await;
    } else {
        keycloak.take_role(name, "entry").await;
        keycloak.take_role(name, "app/entry").await;
        keycloak.leave(name, "/entry").await;
        keycloak.edit_user(name, json!({ "attributes": {} })).await;
    }
}

/// Brings an account into the state in which the row finds it.
async fn arrange(world: &World, name: &str, row: &Row) {
    if row.preexisting {
        world.keycloak.create_user(json!({ "username": name, "enabled": true })).await;
        by_hand(world, name, true).await;
    }
    world.user(name, spec(name, row.owned || row.preexisting, false)).await;
    world.until(name, "Synced").await;
    let there = row.owned || row.preexisting;
    if there != row.present {
        by_hand(world, name, row.present).await;
    }
}

/// What is there: the role of the realm, that of the client, the group, the attribute.
async fn held(world: &World, name: &str) -> [bool; 4] {
    let (roles, groups) = (world.keycloak.roles_of(name).await, world.keycloak.groups_of(name).await);
    let account = world.keycloak.user(name).await.expect("the account");
    let attribute = account["attributes"].get("entry").is_some();
    [roles.contains("entry"), roles.contains("app/entry"), groups.contains("/entry"), attribute]
}

fn owned(status: &OwnedStatus) -> [bool; 4] {
    [
        !status.realm_roles.is_empty(),
        !status.client_roles.is_empty(),
        !status.groups.is_empty(),
        !status.attributes.is_empty(),
    ]
}

async fn requests(world: &World, id: &str) -> Vec<String> {
    let all = world.keycloak.writes_of_operator().await;
    all.into_iter().filter(|write| write.contains(id)).collect()
}

/// One request for each of the four; the container at the end of a path does not count.
fn expected(row: &Row, id: &str) -> BTreeSet<String> {
    let verb = match row.request {
        "none" => return BTreeSet::new(),
        "add" => "CREATE",
        "remove" => "DELETE",
        other => panic!("no such request: {other}"),
    };
    let of = |part: &str| format!("{verb} users/{id}/{part}");
    let parts = ["role-mappings/realm", "role-mappings/clients", "groups"].map(of);
    parts.into_iter().chain([format!("UPDATE users/{id}")]).collect()
}

/// Without the id of the client or group.
fn form(write: &str, id: &str) -> String {
    let parts: Vec<&str> = write.split('/').collect();
    let kept = if parts.contains(&"groups") { 3 } else { 4 };
    let form = parts.iter().take(kept).copied().collect::<Vec<_>>().join("/");
    assert!(form.contains(id), "{write}");
    form
}

async fn walk(world: &World, index: usize, row: &Row) {
    let name = &format!("row-{index}");
    arrange(world, name, row).await;
    let id = world.keycloak.user_id(name).await;
    let before = requests(world, &id).await.len();
    world.user(name, spec(name, row.declared, row.exact)).await;
    let user = world.reconcile_now(name).await;
    let made: BTreeSet<String> = requests(world, &id).await[before..].iter().map(|write| form(write, &id)).collect();
    assert_eq!(made, expected(row, &id), "{row:?}");
    let present = match row.request {
        "none" => row.present,
        request => request == "add",
    };
    assert_eq!(held(world, name).await, [present; 4], "{row:?}");
    assert_eq!(owned(&user.status.unwrap().owned), [row.owned_after; 4], "{row:?}");
}

#[test]
fn each_row_of_the_document_is_what_happens_in_keycloak() {
    e2e_with("each_row_of_the_document", json!({}), async |world| {
        world.connect(json!({ "grants": { "adoption": "Allowed" } })).await;
        world.keycloak.create_client("app").await;
        for role in ["entry", "app/entry"] {
            world.keycloak.create_role(role).await;
        }
        world.keycloak.create_group("/entry").await;
        let _operator = world.operator().await;
        let rows = rows();
        assert_eq!(rows.len(), 24);
        join_all(rows.iter().enumerate().map(|(index, row)| walk(&world, index, row))).await;
    });
}

#[test]
fn exact_attributes_spare_what_users_may_edit_and_what_admins_may_not() {
    e2e_with("exact_attributes_spare", json!({}), async |world| {
        world.connect(json!({ "sync": { "sweepInterval": "1s" } })).await;
        let mut profile = world.keycloak.get("/users/profile").await;
        let declared = profile["attributes"].as_array_mut().unwrap();
        for (name, edit) in [("phone", json!(["admin", "user"])), ("badge", json!([])), ("desk", json!(["admin"]))] {
            let permissions = json!({ "view": ["admin", "user"], "edit": edit });
            declared.push(json!({ "name": name, "permissions": permissions }));
        }
        // First everybody may write, so that there is something to spare.
        let mut open = profile.clone();
        for attribute in open["attributes"].as_array_mut().unwrap() {
            attribute["permissions"]["edit"] = json!(["admin", "user"]);
        }
        world.keycloak.change(Method::PUT, "/users/profile", open).await;
        let _operator = world.operator().await;
        world.user("spared", json!({ "username": "spared" })).await;
        world.until("spared", "Synced").await;
        let by_hand = json!({ "ours": ["1"], "phone": ["2"], "badge": ["3"], "desk": ["4"], "other": ["5"],
            "saml.persistent.name.id.for.app": ["G-1"] });
        world.keycloak.edit_user("spared", json!({ "attributes": by_hand })).await;
        world.keycloak.change(Method::PUT, "/users/profile", profile).await;
        let ours = json!([{ "name": "ours", "values": ["1"] }]);
        world.user("spared", json!({ "username": "spared", "attributes": ours, "exact": ["attributes"] })).await;
        let left = json!({ "ours": ["1"], "phone": ["2"], "badge": ["3"],
            "saml.persistent.name.id.for.app": ["G-1"] });
        world.until_account("spared", "as declared", |user| user["attributes"] == left).await;
        let user = world.until("spared", "Synced").await;
        assert_eq!(user.status.unwrap().owned.attributes, ["ours"]);
        // What somebody adds from now on goes again, and it is told.
        let mut more = left.clone();
        more["again"] = json!(["6"]);
        world.keycloak.edit_user("spared", json!({ "attributes": more })).await;
        world.until_account("spared", "as declared again", |user| user["attributes"] == left).await;
        let note = world.until_event("spared", "DriftCorrected").await;
        assert!(note.contains("attributes[again]"), "{note}");
    });
}
