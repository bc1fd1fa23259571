//! Killed between a change of the account and the status that tells of it, while the spec loses what was given: nothing
//! stays behind that nobody takes back.

use std::sync::{Arc, Mutex};

use keycloak_user_operator::api::{FINALIZER, KeycloakUser};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Answer, Call, Chart, ChildOperator, Fault, FaultProxy, Kill, Ledger, Moment, World, e2e_with, eventually,
    ready_reason,
};

/// An operator whose requests to Keycloak pass a proxy, and that can be killed in the middle of one.
struct Scene {
    chart: Chart,
    ledger: Ledger,
    keycloak: FaultProxy,
    operator: Arc<Mutex<Option<ChildOperator>>>,
}

impl Scene {
    async fn set(world: &World) -> Self {
        let (chart, ledger) = (world.chart().await, Ledger::default());
        let keycloak = FaultProxy::before_keycloak("operator", &ledger);
        world.connect(json!({ "url": keycloak.url() })).await;
        let scene = Self { chart, ledger, keycloak, operator: Arc::default() };
        scene.start(world).await;
        scene
    }

    async fn start(&self, world: &World) {
        self.ledger.open();
        let operator = ChildOperator::start(&self.chart, &world.namespace).await;
        *self.operator.lock().unwrap() = Some(operator);
    }

    /// The next request that `concerns` picks is carried out, and the operator dies before it hears of that.
    fn kill_at(&self, concerns: impl Fn(&Call) -> bool + Send + 'static) {
        let operator = Arc::clone(&self.operator);
        let kill = Kill::by(move || operator.lock().unwrap().take().into_iter().for_each(ChildOperator::kill));
        self.keycloak.inject_times(1, Fault::Crash(Moment::Unanswered, kill), concerns);
    }

    async fn until_killed(&self) {
        eventually("the operator is killed", async || {
            if self.operator.lock().unwrap().is_none() { Ok(()) } else { Err(self.ledger.records()) }
        })
        .await;
    }
}

async fn prepare(world: &World) {
    world.keycloak.create_client("app").await;
    for role in ["entry", "app/entry"] {
        world.keycloak.create_role(role).await;
    }
    world.keycloak.create_group("/entry").await;
}

fn declaring(name: &str, field: &str, value: &Value) -> Value {
    json!({ "username": name, field: value })
}

/// Nothing is left in the account, and the status says so.
async fn nothing_is_left(world: &World, name: &str) {
    let user = world.until(name, "Synced").await;
    assert!(user.status.clone().unwrap().owned.is_empty(), "{:?}", user.status);
    let account = world.keycloak.user(name).await.expect("the account");
    assert_eq!(account.get("attributes").cloned().unwrap_or(json!({})), json!({}));
    assert_eq!(account["requiredActions"], json!([]));
    assert!(world.keycloak.roles_of(name).await.is_empty());
    assert!(world.keycloak.groups_of(name).await.is_empty());
}

#[test]
fn what_was_given_just_before_a_kill_is_taken_back_when_the_spec_no_longer_names_it() {
    e2e_with("what_was_given_just_before_a_kill", json!({}), async |world| {
        prepare(&world).await;
        let scene = Scene::set(&world).await;
        let given = [
            ("realmRoles", json!(["entry"]), Method::POST, "role-mappings/realm"),
            ("clientRoles", json!([{ "client": "app", "roles": ["entry"] }]), Method::POST, "role-mappings/clients"),
            ("groups", json!(["/entry"]), Method::PUT, "groups"),
            ("attributes", json!([{ "name": "entry", "values": ["1"] }]), Method::PUT, ""),
            ("requiredActions", json!(["VERIFY_EMAIL"]), Method::PUT, ""),
        ];
        for (field, value, method, part) in given {
            let name = &field.to_lowercase();
            world.user(name, json!({ "username": name })).await;
            world.until(name, "Synced").await;
            let path = format!("/users/{}/{part}", world.keycloak.user_id(name).await);
            let path = path.trim_end_matches('/').to_owned();
            scene.kill_at(move |call| call.method == method && call.path.contains(&path));
            world.user(name, declaring(name, field, &value)).await;
            scene.until_killed().await;
            world.user(name, json!({ "username": name })).await;
            scene.start(&world).await;
            nothing_is_left(&world, name).await;
        }
    });
}

#[test]
fn what_a_creation_was_about_to_give_is_taken_back_when_it_was_tried_before() {
    e2e_with("what_a_creation_was_about_to_give", json!({}), async |world| {
        prepare(&world).await;
        let scene = Scene::set(&world).await;
        let is_creation = |call: &Call| call.method == Method::POST && call.path.ends_with("/users");
        // The first pass over a resource notes nothing: it has no status yet, and one write more would tell of little.
        scene.keycloak.inject_times(1, Fault::Answer(Answer::bare(503)), is_creation);
        scene.kill_at(is_creation);
        let mut spec = json!({ "username": "again", "enabled": false, "groups": ["/entry"], "realmRoles": ["entry"] });
        spec["attributes"] = json!([{ "name": "entry", "values": ["1"] }]);
        spec["requiredActions"] = json!(["VERIFY_EMAIL"]);
        world.user("again", spec).await;
        scene.until_killed().await;
        let noted = world.get_user("again").await.status.unwrap();
        assert_eq!((noted.user_id, noted.owned.enabled), (None, Some(false)));
        world.user("again", json!({ "username": "again", "enabled": true })).await;
        scene.start(&world).await;
        let user = world.until("again", "Synced").await;
        assert_eq!(user.status.unwrap().owned.enabled, Some(true));
        assert_eq!(world.keycloak.user("again").await.unwrap()["enabled"], true, "it was disabled by us");
        world.user("again", json!({ "username": "again" })).await;
        nothing_is_left(&world, "again").await;
    });
}

/// As a policy at admission makes it: the finalizer is no sign of a pass.
async fn born_with_finalizer(world: &World, name: &str, spec: Value) -> KeycloakUser {
    let body = json!({ "metadata": { "finalizers": [FINALIZER] }, "spec": spec });
    world.apply("KeycloakUser", name, body).await.expect("the resource is valid")
}

#[test]
fn an_account_that_was_made_just_before_a_kill_is_found_though_nothing_tells_of_the_pass_that_made_it() {
    e2e_with("an_account_that_was_made_just_before_a_kill", json!({ "editUsernameAllowed": true }), async |world| {
        let scene = Scene::set(&world).await;
        scene.kill_at(|call| call.method == Method::POST && call.path.ends_with("/users"));
        born_with_finalizer(&world, "born", json!({ "username": "before" })).await;
        scene.until_killed().await;
        let account = world.keycloak.user_id("before").await;
        assert_eq!(ready_reason(&world.get_user("born").await), None, "nothing was reported");
        born_with_finalizer(&world, "born", json!({ "username": "after" })).await;
        scene.start(&world).await;
        let status = world.until("born", "Synced").await.status.unwrap();
        assert_eq!((status.user_id, world.keycloak.user_id("after").await), (Some(account.clone()), account));
        assert_eq!(world.keycloak.count_users().await, 1, "and no second one was made");
        world.delete_and_wait("born").await;
        assert_eq!(world.keycloak.count_users().await, 0);
    });
}

#[test]
fn what_is_declared_still_is_ours_again_after_a_kill_in_the_first_pass() {
    e2e_with("what_is_declared_still_is_ours_again", json!({}), async |world| {
        prepare(&world).await;
        let scene = Scene::set(&world).await;
        scene.kill_at(|call| call.method == Method::POST && call.path.contains("/role-mappings/realm"));
        let spec = json!({ "username": "first", "groups": ["/entry"], "realmRoles": ["entry"],
            "clientRoles": [{ "client": "app", "roles": ["entry"] }] });
        world.user("first", spec).await;
        scene.until_killed().await;
        scene.start(&world).await;
        let owned = world.until("first", "Synced").await.status.unwrap().owned;
        assert_eq!((owned.realm_roles.len(), owned.client_roles.len(), owned.groups.len()), (1, 1, 1));
        world.user("first", json!({ "username": "first" })).await;
        nothing_is_left(&world, "first").await;
    });
}

#[test]
fn an_account_with_an_address_is_ours_after_a_kill_though_its_mark_alone_does_not_say_so() {
    e2e_with("an_account_with_an_address_after_a_kill", json!({}), async |world| {
        let scene = Scene::set(&world).await;
        scene.kill_at(|call| call.method == Method::POST && call.path.ends_with("/users"));
        world.user("new", json!({ "username": "new", "email": "new@example.com" })).await;
        scene.until_killed().await;
        // As where another resource has the same mark, and the account may be of either.
        scene.keycloak.inject(Fault::Answer(Answer::bare(200).with_body("application/json", "[]")), |call| {
            call.query.contains("createdAfter")
        });
        scene.start(&world).await;
        world.until("new", "Synced").await;
    });
}
