//! What a user is asked to do: set once, not again when it is done, and beside the password.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{OPERATOR_CLIENT, World, condition, e2e, e2e_with, password_from};

async fn actions(world: &World, name: &str) -> BTreeSet<String> {
    let user = world.keycloak.user(name).await.expect("the account");
    let list = user["requiredActions"].as_array().cloned().unwrap_or_default();
    list.iter().map(|action| action.as_str().expect("a name").to_owned()).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn spec(name: &str, actions: &[&str]) -> Value {
    json!({ "username": name, "requiredActions": actions })
}

#[test]
fn what_the_user_has_done_is_not_asked_for_again() {
    e2e("what_the_user_has_done_is_not_asked_for_again", async |world, _operator| {
        world.user("todo", spec("todo", &["VERIFY_EMAIL", "UPDATE_PROFILE"])).await;
        let user = world.until("todo", "Synced").await;
        assert_eq!(actions(&world, "todo").await, set(&["VERIFY_EMAIL", "UPDATE_PROFILE"]));
        assert_eq!(user.status.unwrap().owned.required_actions, ["UPDATE_PROFILE", "VERIFY_EMAIL"]);
        assert_eq!(world.keycloak.writes_of_operator().await.len(), 1, "they come with the creation");
        world.keycloak.edit_user("todo", json!({ "requiredActions": ["UPDATE_PROFILE", "CONFIGURE_TOTP"] })).await;
        world.reconcile_now("todo").await;
        world.until("todo", "Synced").await;
        assert_eq!(actions(&world, "todo").await, set(&["UPDATE_PROFILE", "CONFIGURE_TOTP"]));
        world.user("todo", spec("todo", &["VERIFY_EMAIL"])).await;
        world.until("todo", "Synced").await;
        assert_eq!(actions(&world, "todo").await, set(&["CONFIGURE_TOTP"]), "what somebody else asked for stays");
        assert_eq!(world.keycloak.writes_of_operator().await.len(), 2);
        world.user("todo", spec("todo", &[])).await;
        world.until("todo", "Synced").await;
        world.user("todo", spec("todo", &["VERIFY_EMAIL"])).await;
        world.until("todo", "Synced").await;
        assert_eq!(actions(&world, "todo").await, set(&["CONFIGURE_TOTP", "VERIFY_EMAIL"]), "declared anew");
    });
}

#[test]
fn an_action_that_the_realm_does_not_know_is_named() {
    e2e("an_action_that_the_realm_does_not_know", async |world, _operator| {
        world.user("odd", spec("odd", &["VERIFY_EMAIL", "MAKE_COFFEE"])).await;
        let user = world.until("odd", "UnknownName").await;
        assert!(condition(&user, "Ready").unwrap().message.contains("requiredActions[MAKE_COFFEE]"));
        assert_eq!(actions(&world, "odd").await, set(&["VERIFY_EMAIL"]));
    });
}

#[test]
fn a_connection_that_may_not_see_the_actions_of_the_realm_is_told_which_role_it_lacks() {
    let account = json!({ "username": format!("service-account-{OPERATOR_CLIENT}"), "enabled": true,
        "serviceAccountClientId": OPERATOR_CLIENT, "clientRoles": { "realm-management": ["manage-users"] } });
    e2e_with("may_not_see_the_actions", json!({ "users": [account] }), async |world| {
        world.connect(json!({})).await;
        let _operator = world.operator().await;
        world.user("unseen", spec("unseen", &["VERIFY_EMAIL"])).await;
        let user = world.until("unseen", "Forbidden").await;
        let message = &condition(&user, "Ready").unwrap().message;
        assert!(message.contains("role view-realm of realm-management"), "{message}");
    });
}

#[test]
fn a_password_that_is_set_takes_no_declared_action_away() {
    e2e("a_password_that_is_set_takes_no_action_away", async |world, _operator| {
        world.secret("kcuser-both", &[("password", "first-password")]).await;
        let mut spec = spec("both", &["UPDATE_PASSWORD"]);
        spec["credentials"] = password_from("kcuser-both");
        world.user("both", spec).await;
        world.until("both", "Synced").await;
        assert_eq!(actions(&world, "both").await, set(&["UPDATE_PASSWORD"]));
        let date = world.keycloak.password_created_date("both").await;
        world.change_secret("kcuser-both", &[("password", "second-password")]).await;
        crate::support::eventually("the new password", async || {
            if world.keycloak.password_created_date("both").await == date { Err(()) } else { Ok(()) }
        })
        .await;
        world
            .until_account("both", "asked for a new password", |user| {
                user["requiredActions"] == json!(["UPDATE_PASSWORD"])
            })
            .await;
    });
}

#[test]
fn exact_fields_hold_nothing_but_what_is_declared() {
    e2e_with("exact_fields_hold_nothing_else", json!({}), async |world| {
        world.connect(json!({ "sync": { "sweepInterval": "1s" } })).await;
        let keycloak = &world.keycloak;
        keycloak.create_client("app").await;
        for role in ["ours", "theirs", "app/theirs"] {
            keycloak.create_role(role).await;
        }
        keycloak.create_group("/theirs").await;
        let default = keycloak.create_group("/everybody").await;
        keycloak.change(reqwest::Method::PUT, &format!("/default-groups/{default}"), json!({})).await;
        let _operator = world.operator().await;
        let exact = ["realmRoles", "clientRoles", "groups", "requiredActions"];
        world.user("only", json!({ "username": "only", "realmRoles": ["ours"], "exact": exact })).await;
        world.until("only", "Synced").await;
        keycloak.give_role("only", "theirs").await;
        keycloak.give_role("only", "app/theirs").await;
        keycloak.join("only", "/theirs").await;
        keycloak.edit_user("only", json!({ "requiredActions": ["CONFIGURE_TOTP"] })).await;
        crate::support::eventually("nothing else is left", async || {
            let (roles, groups) = (keycloak.roles_of("only").await, keycloak.groups_of("only").await);
            let left = (roles, groups, actions(&world, "only").await);
            if left == (set(&["ours"]), set(&["/everybody"]), set(&[])) { Ok(()) } else { Err(left) }
        })
        .await;
        assert!(keycloak.has_default_role("only").await, "what the realm gives to everybody stays");
        world.until_event("only", "DriftCorrected").await;
    });
}

#[test]
fn a_status_that_was_lost_costs_nobody_a_right() {
    e2e("a_status_that_was_lost", async |world, _operator| {
        let keycloak = &world.keycloak;
        for role in ["ours", "theirs"] {
            keycloak.create_role(role).await;
        }
        world.user("lost", json!({ "username": "lost", "realmRoles": ["ours"] })).await;
        let id = world.until("lost", "Synced").await.status.unwrap().user_id;
        keycloak.give_role("lost", "theirs").await;
        let writes = keycloak.writes_of_operator().await;
        let api: kube::Api<keycloak_user_operator::api::KeycloakUser> = world.api();
        let nothing = json!({ "status": { "userId": null, "username": null, "owned": null, "conditions": null } });
        api.patch_status("lost", &Default::default(), &kube::api::Patch::Merge(nothing)).await.unwrap();
        let user = world.reconcile_now("lost").await;
        let status = user.status.unwrap();
        assert_eq!(status.user_id, id);
        assert_eq!(status.owned.realm_roles.iter().map(|role| role.name.as_str()).collect::<Vec<_>>(), ["ours"]);
        assert_eq!(keycloak.roles_of("lost").await, set(&["ours", "theirs"]));
        assert_eq!(keycloak.writes_of_operator().await, writes);
    });
}
