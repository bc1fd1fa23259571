//! The resource goes, the account follows, and nothing else does.

use keycloak_user_operator::api::{FINALIZER, KeycloakConnection, KeycloakUser, RELEASE};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::support::{condition, e2e, eventually};

#[test]
fn an_account_that_is_gone_already_holds_nothing_back() {
    e2e("an_account_that_is_gone_already", async |world, _operator| {
        world.user("gone", json!({ "username": "gone-already" })).await;
        world.until("gone", "Synced").await;
        world.keycloak.delete_user("gone-already").await;
        world.delete_and_wait("gone").await;
    });
}

#[test]
fn a_foreign_account_of_the_same_name_survives_the_resource() {
    e2e("a_foreign_account_survives", async |world, _operator| {
        let foreign = world.keycloak.create_user(json!({ "username": "theirs", "enabled": true })).await;
        world.user("mine", json!({ "username": "theirs" })).await;
        world.until("mine", "ForeignAccount").await;
        world.delete_and_wait("mine").await;
        assert_eq!(world.keycloak.user("theirs").await.unwrap(), foreign);
    });
}

#[test]
fn an_account_whose_id_was_lost_is_found_by_its_birth_mark_under_another_name() {
    e2e("an_account_whose_id_was_lost", async |world, operator| {
        world.keycloak.change(reqwest::Method::PUT, "", json!({ "editUsernameAllowed": true })).await;
        world.user("lost", json!({ "username": "lost-name" })).await;
        world.until("lost", "Synced").await;
        operator.stop().await;
        world.keycloak.edit_user("lost-name", json!({ "username": "by-hand" })).await;
        let users: Api<KeycloakUser> = world.api();
        let forget = Patch::Merge(json!({ "status": { "userId": null, "username": null } }));
        users.patch_status("lost", &PatchParams::default(), &forget).await.unwrap();
        world.delete("lost").await;
        let _operator = world.operator().await;
        world.until_gone("lost").await;
        assert_eq!(world.keycloak.users().await, Vec::<serde_json::Value>::new());
    });
}

#[test]
fn a_deletion_that_cannot_be_carried_out_says_why_and_can_be_released() {
    e2e("a_deletion_that_cannot_be_carried_out", async |world, _operator| {
        world.user("stuck", json!({ "username": "stuck" })).await;
        let user = world.until("stuck", "Synced").await;
        assert_eq!(user.finalizers(), [FINALIZER]);
        let connections: Api<KeycloakConnection> = world.api();
        connections.delete("default", &DeleteParams::default()).await.unwrap();
        world.delete("stuck").await;
        eventually("a condition that says why", async || {
            let user = world.get_user("stuck").await;
            let ready = condition(&user, "Ready").unwrap();
            let told = ready.reason == "ConnectionNotFound" && ready.message.contains("cannot be deleted");
            if told { Ok(()) } else { Err(user.status) }
        })
        .await;
        world.annotate("stuck", RELEASE, "true").await;
        world.until_gone("stuck").await;
        assert!(world.keycloak.user("stuck").await.is_some(), "the account was not touched");
        world.until_event("stuck", "Released").await;
    });
}

#[test]
fn a_connection_that_comes_back_lets_the_deletion_go_on() {
    e2e("a_connection_that_comes_back", async |world, _operator| {
        world.user("wait", json!({ "username": "waits" })).await;
        world.until("wait", "Synced").await;
        let connections: Api<KeycloakConnection> = world.api();
        connections.delete("default", &DeleteParams::default()).await.unwrap();
        world.delete("wait").await;
        eventually("the condition", async || {
            let user = world.get_user("wait").await;
            if condition(&user, "Ready").unwrap().reason == "ConnectionNotFound" { Ok(()) } else { Err(user.status) }
        })
        .await;
        world.connection("default", json!({})).await;
        world.until_gone("wait").await;
        assert_eq!(world.keycloak.user("waits").await, None);
    });
}

#[test]
fn finalizers_of_others_stay() {
    e2e("finalizers_of_others_stay", async |world, _operator| {
        let users: Api<KeycloakUser> = world.api();
        let body = json!({ "metadata": { "finalizers": ["example.com/theirs"] }, "spec": { "username": "shared" } });
        world.apply::<KeycloakUser>("KeycloakUser", "shared", body).await.unwrap();
        let user = world.until("shared", "Synced").await;
        assert_eq!(user.finalizers().len(), 2);
        world.delete("shared").await;
        eventually("ours is gone", async || {
            let user = world.get_user("shared").await;
            if user.finalizers() == ["example.com/theirs"] { Ok(()) } else { Err(user.finalizers().to_vec()) }
        })
        .await;
        assert_eq!(world.keycloak.user("shared").await, None);
        users
            .patch("shared", &PatchParams::default(), &Patch::Merge(json!({ "metadata": { "finalizers": null } })))
            .await
            .unwrap();
    });
}
