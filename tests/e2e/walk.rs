//! A random walk over specs: after each step the account is what a fresh apply of that spec makes, whatever was declared
//! before, and what somebody else put there stays. `KUO_WALK_SEED` repeats a walk, `KUO_WALK_STEPS` says how long it is.

use std::collections::BTreeSet;

use fastrand::Rng;
use futures::future::join;
use keycloak_user_operator::api::OwnedStatus;
use serde_json::{Map, Value, json};

use crate::support::{World, e2e_with, eventually, ready_reason};

const NAME: &str = "walker";
const STEPS: usize = 30;
const ROLES: [&str; 4] = ["a", "b", "c", "d"];
const OF_CLIENTS: [&str; 4] = ["one/a", "one/b", "two/a", "two/b"];
const GROUPS: [&str; 4] = ["/a", "/b", "/b/c", "/b/c/d"];
const ACTIONS: [&str; 3] = ["VERIFY_EMAIL", "UPDATE_PROFILE", "UPDATE_PASSWORD"];
const FOREIGN_ACTION: &str = "CONFIGURE_TOTP";

fn number(name: &str) -> Option<u64> {
    std::env::var_os(name).map(|text| text.to_str().and_then(|text| text.parse().ok()).expect("a number"))
}

/// Some of them, in any order.
fn some(random: &mut Rng, of: &[&str]) -> Vec<String> {
    let mut chosen: Vec<String> = of.iter().filter(|_| random.bool()).map(|name| (*name).to_owned()).collect();
    random.shuffle(&mut chosen);
    chosen
}

fn client_roles(random: &mut Rng) -> Value {
    let chosen = some(random, &OF_CLIENTS);
    let of = |client: &str| -> Vec<&str> {
        chosen.iter().filter_map(|role| role.split_once('/')).filter(|(of, _)| *of == client).map(|(_, r)| r).collect()
    };
    ["one", "two"].iter().map(|client| json!({ "client": client, "roles": of(client) })).collect()
}

fn attributes(random: &mut Rng) -> Value {
    let names = some(random, &["a", "b", "c", "d"]);
    names.iter().map(|name| json!({ "name": name, "values": some(random, &["x", "y", "z"]) })).collect()
}

/// A new value for one field. What is not managed when it is absent is always there.
fn change(random: &mut Rng, spec: &mut Map<String, Value>) {
    let text = |random: &mut Rng| json!(random.choice(["", "X", "Y"]).unwrap());
    let (field, value) = match random.u8(..12) {
        0 => ("username", json!(random.choice([NAME, "wanderer", "Walker"]).unwrap())),
        1 => ("firstName", text(random)),
        2 => ("lastName", text(random)),
        3 => ("email", json!(random.choice(["", "{}@example.com", "{}@example.org"]).unwrap())),
        4 => ("emailVerified", json!(random.bool())),
        5 => ("enabled", json!(random.bool())),
        6 => ("attributes", attributes(random)),
        7 => ("realmRoles", json!(some(random, &ROLES))),
        8 => ("clientRoles", client_roles(random)),
        9 => ("groups", json!(some(random, &GROUPS))),
        _ => ("requiredActions", json!(some(random, &ACTIONS))),
    };
    spec.insert(field.to_owned(), value);
}

/// What is in the account and not somebody else's, in the form in which two accounts can be compared.
async fn normalized(world: &World, username: &str) -> Value {
    let keycloak = &world.keycloak;
    let account = keycloak.user(username).await.unwrap_or_else(|| panic!("no account {username}"));
    let (roles, groups) = join(keycloak.roles_of(username), keycloak.groups_of(username)).await;
    let own = |names: BTreeSet<String>| names.into_iter().filter(|name| !name.contains("foreign")).collect::<Vec<_>>();
    let mut attributes = account["attributes"].as_object().cloned().unwrap_or_default();
    attributes.remove("foreign");
    for values in attributes.values_mut() {
        values.as_array_mut().unwrap().sort_by_key(|value| value.to_string());
    }
    let actions = account["requiredActions"].as_array().unwrap().iter();
    let actions: BTreeSet<&str> =
        actions.filter_map(Value::as_str).filter(|action| *action != FOREIGN_ACTION).collect();
    let text = |field: &str| account[field].as_str().unwrap_or_default().replace(username, "{}");
    json!({ "firstName": text("firstName"), "lastName": text("lastName"), "email": text("email"),
        "emailVerified": account["emailVerified"], "enabled": account["enabled"], "attributes": attributes,
        "requiredActions": actions, "roles": own(roles), "groups": own(groups) })
}

fn names_of(owned: &OwnedStatus) -> Value {
    let roles: Vec<&str> = owned.realm_roles.iter().map(|role| role.name.as_str()).collect();
    let of_clients: Vec<_> = owned.client_roles.iter().map(|role| (&role.client, &role.name)).collect();
    let groups: Vec<&str> = owned.groups.iter().map(|group| group.path.as_str()).collect();
    json!([owned.attributes, owned.enabled, roles, of_clients, groups, owned.required_actions])
}

/// The spec for an account of another name.
fn spec_for(spec: &Map<String, Value>, username: &str) -> Value {
    let mut spec = spec.clone();
    if let Some(email) = spec.get("email").and_then(Value::as_str) {
        let email = email.replace("{}", &username.to_lowercase());
        spec.insert("email".to_owned(), json!(email));
    }
    spec.insert("username".to_owned(), json!(username));
    Value::Object(spec)
}

struct Walk<'a> {
    world: &'a World,
    random: Rng,
    spec: Map<String, Value>,
}

impl Walk<'_> {
    fn username(&self) -> String {
        self.spec["username"].as_str().unwrap().to_owned()
    }

    /// Applies the spec to the walker, waits for the answer, and gives back what is there.
    async fn apply(&self) -> (Value, Value) {
        let username = self.username();
        self.world.user(NAME, spec_for(&self.spec, &username)).await;
        let user = self.world.until(NAME, "Synced").await;
        let account = normalized(self.world, &username.to_lowercase()).await;
        (account, names_of(&user.status.unwrap().owned))
    }

    /// What a fresh apply of the spec makes.
    async fn fresh(&self, name: &str) -> (Value, Value) {
        self.world.user(name, spec_for(&self.spec, name)).await;
        let user = self.world.until(name, "Synced").await;
        (normalized(self.world, name).await, names_of(&user.status.unwrap().owned))
    }

    async fn step(&mut self, number: usize) {
        for _ in 0..self.random.usize(1..4) {
            change(&mut self.random, &mut self.spec);
        }
        let name = format!("fresh-{number}");
        let (walked, fresh) = join(self.apply(), self.fresh(&name)).await;
        assert_eq!(walked, fresh, "step {number}: {}", json!(self.spec));
    }

    /// Says what cannot be, waits for the answer, and takes it back: the account is as before.
    async fn misstep(&mut self, number: usize) {
        let before = normalized(self.world, &self.username().to_lowercase()).await;
        let impossible = [
            ("realmRoles", json!(["nowhere"]), Some("UnknownName")),
            ("groups", json!(["/a", "/nowhere/at/all"]), Some("UnknownName")),
            ("clientRoles", json!([{ "client": "nobody", "roles": ["a"] }]), Some("UnknownName")),
            ("requiredActions", json!(["MAKE_COFFEE"]), Some("UnknownName")),
            (
                "clientRoles",
                json!([{ "client": "realm-management", "roles": ["manage-users"] }]),
                Some("RightNotGranted"),
            ),
            ("attributes", json!([{ "name": "single", "values": ["1", "2"] }]), Some("ValueRejected")),
            ("attributes", json!([{ "name": "a", "values": [" "] }]), None),
            ("attributes", json!([{ "name": "a", "values": ["x".repeat(2049)] }]), None),
            ("realmRoles", json!(["a", "a"]), None),
            ("firstName", json!("x".repeat(256)), None),
            ("username", json!("taken"), Some("UsernameTaken")),
        ];
        let (field, value, reason) = self.random.choice(impossible).unwrap();
        let mut spec = self.spec.clone();
        spec.insert(field.to_owned(), value);
        let username = spec["username"].as_str().unwrap().to_owned();
        let answer = self.world.try_user(NAME, spec_for(&spec, &username)).await;
        match reason {
            None => assert!(answer.is_err(), "step {number}: {field} is refused at admission"),
            Some(reason) => {
                answer.expect("admission cannot know");
                let what = format!("step {number}: {field} is answered with {reason}");
                eventually(&what, async || {
                    let user = self.world.get_user(NAME).await;
                    let answered =
                        user.status.clone().unwrap_or_default().observed_generation == user.metadata.generation;
                    if answered && ready_reason(&user) == Some(reason) { Ok(()) } else { Err(user.status) }
                })
                .await;
            }
        }
        let (after, _) = self.apply().await;
        assert_eq!(after, before, "step {number}: {field} was taken back");
    }
}

async fn prepare(world: &World) {
    let keycloak = &world.keycloak;
    for client in ["one", "two"] {
        keycloak.create_client(client).await;
    }
    for role in ROLES.iter().chain(&OF_CLIENTS).chain(&["foreign", "one/foreign"]) {
        keycloak.create_role(role).await;
    }
    for path in GROUPS.iter().chain(&["/foreign"]) {
        keycloak.create_group(path).await;
    }
    let mut profile = keycloak.get("/users/profile").await;
    let single = json!({ "name": "single", "permissions": { "view": ["admin"], "edit": ["admin"] } });
    profile["attributes"].as_array_mut().unwrap().push(single);
    keycloak.change(reqwest::Method::PUT, "/users/profile", profile).await;
    keycloak.create_user(json!({ "username": "taken", "enabled": true })).await;
}

/// Somebody else adds one of each.
async fn plant(world: &World) {
    world.keycloak.give_role(NAME, "foreign").await;
    world.keycloak.give_role(NAME, "one/foreign").await;
    world.keycloak.join(NAME, "/foreign").await;
    let planted = json!({ "attributes": { "foreign": ["1"] }, "requiredActions": [FOREIGN_ACTION] });
    world.keycloak.edit_user(NAME, planted).await;
}

async fn assert_planted(world: &World, username: &str) {
    let account = world.keycloak.user(username).await.unwrap();
    assert_eq!(account["attributes"]["foreign"], json!(["1"]), "{account}");
    assert!(account["requiredActions"].as_array().unwrap().contains(&json!(FOREIGN_ACTION)), "{account}");
    let roles = world.keycloak.roles_of(username).await;
    assert!(roles.contains("foreign") && roles.contains("one/foreign"), "{roles:?}");
    assert!(world.keycloak.groups_of(username).await.contains("/foreign"));
    assert!(world.keycloak.has_default_role(username).await);
}

#[test]
fn a_random_walk_over_specs_leaves_no_trace_of_the_way() {
    let seed = number("KUO_WALK_SEED").unwrap_or_else(|| fastrand::u64(..));
    let steps = number("KUO_WALK_STEPS").map_or(STEPS, |steps| usize::try_from(steps).unwrap());
    eprintln!("KUO_WALK_SEED={seed} KUO_WALK_STEPS={steps}");
    e2e_with("a_random_walk_over_specs", json!({ "editUsernameAllowed": true }), async |world| {
        world.connect(json!({})).await;
        prepare(&world).await;
        let _operator = world.operator().await;
        let spec = json!({ "username": NAME, "firstName": "X", "lastName": "Y", "email": "", "emailVerified": false,
            "enabled": true });
        let mut walk = Walk { world: &world, random: Rng::with_seed(seed), spec: spec.as_object().unwrap().clone() };
        walk.apply().await;
        plant(&world).await;
        for number in 0..steps {
            if walk.random.u8(..5) == 0 {
                walk.misstep(number).await;
            } else {
                walk.step(number).await;
            }
        }
        assert_planted(&world, &walk.username().to_lowercase()).await;
    });
}
