//! Accounts that name their resource: in the admin console, and to an operator whose cluster was built anew.

use keycloak_user_operator::api::{KeycloakConnection, KeycloakUser};
use kube::api::{DeleteParams, Patch, PatchParams};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Chart, ChildOperator, Operator, SecondKubernetes, World, condition, e2e_with, eventually, password_from,
};

const ATTRIBUTE: &str = "owned-by";
/// Of the operator inside the test.
const INSTANCE: &str = "test-bed";

fn naming(fields: Value) -> Value {
    let mut spec = json!({ "ownerAttribute": ATTRIBUTE });
    for (key, value) in fields.as_object().expect("an object") {
        spec[key] = value.clone();
    }
    spec
}

/// A world whose connection has the attribute, and an operator.
fn owned<F: Future<Output = ()>>(name: &str, fields: Value, test: impl FnOnce(World, Operator) -> F) {
    e2e_with(name, json!({ "editUsernameAllowed": true }), async |world| {
        world.connect(naming(fields)).await;
        let operator = world.operator().await;
        test(world, operator).await;
    });
}

fn owner(world: &World, name: &str) -> String {
    format!("{INSTANCE}/{}/{name}", world.namespace)
}

async fn named_owner(world: &World, username: &str) -> Value {
    world.keycloak.user(username).await.expect("the account")["attributes"][ATTRIBUTE].clone()
}

/// An account that names that owner, made by hand.
async fn import(world: &World, username: &str, owner: &str) {
    let attributes = json!({ ATTRIBUTE: [owner] });
    world.keycloak.create_user(json!({ "username": username, "enabled": true, "attributes": attributes })).await;
}

async fn is_left_alone(world: &World, name: &str, reason: &str, words: &str) {
    let user = world.until(name, reason).await;
    let message = &condition(&user, "Ready").unwrap().message;
    assert!(message.contains(words), "{message}");
    assert_eq!(world.keycloak.writes_of_operator().await, Vec::<String>::new());
}

/// What happens to a cluster that is lost: nobody acts on the end of its resources.
async fn lose(world: &World, names: &[&str]) {
    let users = world.api::<KeycloakUser>();
    for name in names {
        let freed = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
        users.patch(name, &PatchParams::default(), &freed).await.expect("the user");
        users.delete(name, &DeleteParams::default()).await.expect("the user");
    }
}

#[test]
fn a_new_account_names_its_resource_in_the_request_that_makes_it() {
    owned("owner_new", json!({}), async |world, _operator| {
        world.user("jane", json!({ "username": "jane-doe" })).await;
        let user = world.until("jane", "Synced").await;
        assert_eq!(named_owner(&world, "jane-doe").await, json!([owner(&world, "jane")]));
        assert_eq!(user.status.unwrap().owned.attributes, [ATTRIBUTE]);
        world.keycloak.edit_user("jane-doe", json!({ "attributes": { ATTRIBUTE: ["somebody"] } })).await;
        world.reconcile_now("jane").await;
        assert_eq!(named_owner(&world, "jane-doe").await, json!([owner(&world, "jane")]));
        assert_eq!(world.keycloak.writes_of_operator().await.len(), 2, "the creation, and what was put right");
    });
}

#[test]
fn accounts_that_were_there_before_the_attribute_get_it_and_that_is_no_drift() {
    e2e_with("owner_later", json!({}), async |world| {
        world.connect(json!({})).await;
        let _operator = world.operator().await;
        world.user("early", json!({ "username": "early" })).await;
        world.until("early", "Synced").await;
        world.connection("default", naming(json!({}))).await;
        world.until_account("early", "names its resource", |a| a["attributes"][ATTRIBUTE].is_array()).await;
        world.reconcile_now("early").await;
        assert_eq!(world.events("early", "DriftCorrected").await, 0);
        world.connection("default", json!({})).await;
        world.until_account("early", "names nobody", |a| a["attributes"][ATTRIBUTE].is_null()).await;
    });
}

#[test]
fn a_resource_cannot_write_the_attribute() {
    owned("owner_declared", json!({}), async |world, _operator| {
        let attributes = json!([{ "name": ATTRIBUTE, "values": ["test-bed/people/boss"] }]);
        world.user("liar", json!({ "username": "liar", "attributes": attributes })).await;
        is_left_alone(&world, "liar", "NotGranted", "written by the operator alone").await;
        assert_eq!(world.keycloak.user("liar").await, None);
    });
}

/// Has the user profile declare the attribute, to be written by these.
async fn protect(world: &World, editors: &[&str]) {
    let mut profile = world.keycloak.get("/users/profile").await;
    let attributes = profile["attributes"].as_array_mut().expect("a list");
    attributes.retain(|attribute| attribute["name"] != ATTRIBUTE);
    attributes.push(json!({ "name": ATTRIBUTE, "permissions": { "view": ["admin"], "edit": editors } }));
    world.keycloak.change(Method::PUT, "/users/profile", profile).await;
}

#[test]
fn an_attribute_that_others_than_admins_may_write_is_refused() {
    owned("owner_unprotected", json!({}), async |world, operator| {
        operator.stop().await;
        import(&world, "jane", &owner(&world, "jane")).await;
        for editors in [&["admin", "user"][..], &[]] {
            protect(&world, editors).await;
            let operator = world.operator().await;
            world.user("jane", json!({ "username": "jane", "firstName": format!("{}", editors.len()) })).await;
            is_left_alone(&world, "jane", "OwnerAttributeUnprotected", "admins alone").await;
            eventually("the connection says so", async || {
                let connection = world.api::<KeycloakConnection>().get("default").await.expect("the connection");
                let conditions = connection.status.unwrap_or_default().conditions;
                let told = conditions.iter().any(|c| c.type_ == "Ready" && c.reason == "OwnerAttributeUnprotected");
                if told { Ok(()) } else { Err(conditions) }
            })
            .await;
            operator.stop().await;
        }
        protect(&world, &["admin"]).await;
        let _operator = world.operator().await;
        world.until("jane", "Synced").await;
    });
}

#[test]
fn the_attribute_needs_a_name_for_the_operator_which_the_chart_gives_it() {
    e2e_with("owner_instance", json!({}), async |world| {
        world.connect(naming(json!({}))).await;
        world.user("jane", json!({ "username": "jane" })).await;
        let operator = ChildOperator::start(&world.chart().await, &world.namespace).await;
        is_left_alone(&world, "jane", "ConnectionInvalid", "--instance-name").await;
        operator.kill();
        let (release, values) = (&world.namespace, ["instanceName=prod"]);
        let chart = Chart::apply_release(&world.client, release, &world.namespace, &values).await;
        let _operator = ChildOperator::start(&chart, &world.namespace).await;
        world.until("jane", "Synced").await;
        assert_eq!(named_owner(&world, "jane").await, json!([format!("prod/{}/jane", world.namespace)]));
    });
}

#[test]
fn an_account_of_another_instance_is_not_taken_over_whatever_is_granted() {
    owned("owner_elsewhere", json!({ "grants": { "adoption": "Allowed" } }), async |world, _operator| {
        import(&world, "jane", &format!("other/{}/jane", world.namespace)).await;
        world.user("jane", json!({ "username": "jane", "adoption": "Adopt" })).await;
        is_left_alone(&world, "jane", "ForeignAccount", "names something else than a resource of this operator").await;
    });
}

#[test]
fn an_account_that_names_another_resource_belongs_to_it_as_long_as_there_is_one() {
    owned("owner_other", json!({ "grants": { "adoption": "Allowed" } }), async |world, _operator| {
        import(&world, "shared", &owner(&world, "first")).await;
        world.user("first", json!({ "username": "elsewhere", "suspend": true })).await;
        world.until("first", "Suspended").await;
        world.user("second", json!({ "username": "shared", "adoption": "Adopt" })).await;
        is_left_alone(&world, "second", "Conflict", "KeycloakUser first").await;
        lose(&world, &["first"]).await;
        let second = world.until("second", "Synced").await;
        assert_eq!(second.status.unwrap().adopted, Some(true));
        assert_eq!(named_owner(&world, "shared").await, json!([owner(&world, "second")]));
    });
}

#[test]
fn an_account_that_administers_the_realm_is_not_known_by_the_attribute_alone() {
    owned("owner_admin", json!({}), async |world, _operator| {
        import(&world, "boss", &owner(&world, "boss")).await;
        world
            .keycloak
            .give_client_role(&world.keycloak.user_id("boss").await, "realm-management", "manage-users")
            .await;
        world.user("boss", json!({ "username": "boss" })).await;
        is_left_alone(&world, "boss", "ForeignAccount", "administers the realm").await;
        world.connection("default", naming(json!({ "grants": { "usernames": ["boss"] } }))).await;
        world.until("boss", "Synced").await;
    });
}

/// As somebody does who logs in with a passkey.
async fn take_password_away(world: &World, username: &str) {
    let id = world.keycloak.user_id(username).await;
    let credentials = world.keycloak.get(&format!("/users/{id}/credentials")).await;
    let password = credentials[0]["id"].as_str().expect("a password");
    world.keycloak.change(Method::DELETE, &format!("/users/{id}/credentials/{password}"), json!({})).await;
}

/// Everything of an account that counts, as Keycloak says it.
async fn everything(world: &World) -> Vec<Value> {
    let mut accounts = world.keycloak.users().await;
    for account in &mut accounts {
        let id = account["id"].as_str().expect("an id").to_owned();
        for part in ["credentials", "groups", "role-mappings"] {
            account[part] = world.keycloak.get(&format!("/users/{id}/{part}")).await;
        }
    }
    accounts
}

#[test]
fn a_rebuilt_cluster_knows_its_accounts_and_writes_nothing() {
    owned("owner_rebuilt", json!({}), async |world, operator| {
        world.keycloak.create_role("staff").await;
        world.keycloak.create_group("/people").await;
        let names = ["alice", "bob", "carol"];
        let apply = async |world: &World| {
            world.secret("kcuser", &[("password", "the-password")]).await;
            for name in names {
                let spec = json!({ "username": name, "firstName": "F", "lastName": "L", "enabled": true,
                    "email": format!("{name}@example.com"), "attributes": [{ "name": "team", "values": ["red"] }],
                    "realmRoles": ["staff"], "groups": ["/people"], "credentials": password_from("kcuser") });
                world.user(name, spec).await;
            }
        };
        apply(&world).await;
        for name in names {
            world.until(name, "Synced").await;
        }
        operator.stop().await;
        lose(&world, &names).await;
        world.keycloak.edit_user("carol", json!({ "enabled": false })).await;
        take_password_away(&world, "bob").await;
        let (accounts, writes) = (everything(&world).await, world.keycloak.writes_of_operator().await);

        let kubernetes = SecondKubernetes::empty().await;
        let rebuilt = world.in_cluster(&kubernetes).await;
        rebuilt.connect(naming(json!({}))).await;
        apply(&rebuilt).await;
        let operator = Operator::start_as(rebuilt.client.clone(), &rebuilt.namespace).await;
        for name in ["alice", "bob"] {
            let user = rebuilt.until(name, "Synced").await;
            assert_eq!(condition(&user, "CredentialsSynced").unwrap().reason, "AssumedCurrent");
            assert_eq!(user.status.unwrap().adopted, None, "it is known as its own");
        }
        rebuilt.until("carol", "DisabledElsewhere").await;
        for name in names {
            rebuilt.reconcile_now(name).await;
        }
        assert_eq!(everything(&rebuilt).await, accounts);
        assert_eq!(rebuilt.keycloak.writes_of_operator().await, writes);
        rebuilt.keycloak.login("alice", "the-password").await.expect("the password is the same");

        rebuilt.delete_and_wait("alice").await;
        assert_eq!(rebuilt.keycloak.user("alice").await, None, "what it has made it takes away");
        operator.stop().await;
    });
}

#[test]
fn a_rebuilt_cluster_finds_an_account_that_has_another_name_by_now() {
    owned("owner_renamed", json!({}), async |world, operator| {
        world.user("jane", json!({ "username": "jane-maiden" })).await;
        let id = world.until("jane", "Synced").await.status.unwrap().user_id;
        operator.stop().await;
        lose(&world, &["jane"]).await;
        world.user("jane", json!({ "username": "jane-married" })).await;
        let _operator = world.operator().await;
        assert_eq!(world.until("jane", "Synced").await.status.unwrap().user_id, id);
        assert_eq!(world.keycloak.users().await.len(), 1);
        assert!(world.keycloak.user("jane-married").await.is_some());
    });
}

#[test]
fn a_manifest_that_is_renamed_keeps_its_account_which_then_names_the_new_resource() {
    owned("owner_manifest", json!({ "grants": { "adoption": "Allowed" } }), async |world, _operator| {
        let spec = json!({ "username": "kept", "adoption": "Adopt" });
        world.user("old-name", spec.clone()).await;
        let id = world.until("old-name", "Synced").await.status.unwrap().user_id;
        world.user("new-name", spec).await;
        world.until("new-name", "Conflict").await;
        world.delete("old-name").await;
        world.until_gone("old-name").await;
        let user = world.until("new-name", "Synced").await;
        assert_eq!(user.status.unwrap().user_id, id);
        assert_eq!(named_owner(&world, "kept").await, json!([owner(&world, "new-name")]));
    });
}
