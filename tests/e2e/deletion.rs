//! The resource goes, the account follows, and nothing else does.

use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::rbac::v1::RoleBinding;
use keycloak_user_operator::api::{FINALIZER, KeycloakUser, RELEASE};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::support::{ChildOperator, World, condition, e2e, eventually, eventually_within, ready_reason};

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

/// What stands in the way of a deletion, how it comes about, and how it passes.
struct Obstacle {
    name: &'static str,
    reason: &'static str,
    rise: fn(&World) -> BoxFuture<'_, ()>,
    pass: fn(&World) -> BoxFuture<'_, ()>,
}

const OBSTACLES: [Obstacle; 3] = [
    Obstacle {
        name: "keycloak_gone",
        reason: "KeycloakUnreachable",
        rise: |world| Box::pin(world.connection("default", json!({ "url": "http://127.0.0.1:9" }))),
        pass: |world| Box::pin(world.connection("default", json!({}))),
    },
    Obstacle {
        name: "connection_gone",
        reason: "ConnectionNotFound",
        rise: |world| Box::pin(world.disconnect("default")),
        pass: |world| Box::pin(world.connection("default", json!({}))),
    },
    Obstacle {
        name: "secret_gone",
        reason: "ConnectionSecretNotFound",
        rise: |world| {
            Box::pin(async {
                let secrets: Api<Secret> = world.api();
                secrets.delete("keycloak-client", &DeleteParams::default()).await.expect("the Secret");
            })
        },
        pass: |world| Box::pin(world.connect(json!({}))),
    },
];

/// One resource is let go while the obstacle stands, the other one goes when it has passed.
fn deletion_meets(obstacle: &Obstacle) {
    e2e(obstacle.name, async |world, _operator| {
        let names = ["released", "waiting"];
        for name in names {
            world.user(name, json!({ "username": name })).await;
            assert_eq!(world.until(name, "Synced").await.finalizers(), [FINALIZER]);
        }
        (obstacle.rise)(&world).await;
        eventually("the operator has met it", async || {
            let told = join_all(names.map(async |name| world.get_user(name).await)).await;
            if told.iter().any(|user| ready_reason(user) == Some(obstacle.reason)) { Ok(()) } else { Err(told) }
        })
        .await;
        for name in names {
            world.delete(name).await;
            eventually("a condition that says why", async || {
                let user = world.get_user(name).await;
                let ready = condition(&user, "Ready").unwrap();
                let told = ready.reason == obstacle.reason && ready.message.contains("cannot be deleted");
                if told { Ok(()) } else { Err(user.status) }
            })
            .await;
        }
        world.annotate("released", RELEASE, "true").await;
        world.until_gone_within(Duration::from_secs(10), "released").await;
        assert!(world.keycloak.user("released").await.is_some(), "the account was not touched");
        world.until_event("released", "Released").await;

        (obstacle.pass)(&world).await;
        world.until_gone("waiting").await;
        assert_eq!(world.keycloak.user("waiting").await, None);
    });
}

#[test]
fn a_deletion_without_keycloak_waits_and_can_be_released() {
    deletion_meets(&OBSTACLES[0]);
}

#[test]
fn a_deletion_without_its_connection_waits_and_can_be_released() {
    deletion_meets(&OBSTACLES[1]);
}

#[test]
fn a_deletion_without_the_secret_of_the_connection_waits_and_can_be_released() {
    deletion_meets(&OBSTACLES[2]);
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

#[test]
fn a_suspended_resource_can_be_released_and_leaves_no_trace_in_the_metrics() {
    e2e("a_suspended_resource_can_be_released", async |world, operator| {
        let suspended = || operator.metric(r#"keycloakuser_users{reason="Suspended"}"#);
        world.user("begun", json!({ "username": "begun" })).await;
        world.until("begun", "Synced").await;
        world.user("begun", json!({ "username": "begun", "suspend": true })).await;
        world.until("begun", "Suspended").await;
        world.user("never-begun", json!({ "username": "never-begun", "suspend": true })).await;
        world.until("never-begun", "Suspended").await;
        assert!((suspended() - 2.0).abs() < f64::EPSILON);
        world.delete_and_wait("never-begun").await;
        world.delete("begun").await;
        eventually("a condition that says that it waits", async || {
            let user = world.get_user("begun").await;
            let ready = condition(&user, "Ready").unwrap();
            if ready.message.contains("the deletion waits: spec.suspend is true") { Ok(()) } else { Err(user.status) }
        })
        .await;
        world.annotate("begun", RELEASE, "true").await;
        world.until_gone("begun").await;
        assert!(world.keycloak.user("begun").await.is_some(), "no request was made");
        eventually("both are forgotten", async || if suspended() == 0.0 { Ok(()) } else { Err(suspended()) }).await;
    });
}

#[test]
fn a_resource_can_be_released_where_the_role_of_the_namespace_is_gone() {
    e2e("a_resource_can_be_released_without_role", async |world, operator| {
        world.user("left", json!({ "username": "left" })).await;
        world.until("left", "Synced").await;
        operator.stop().await;
        let chart = world.chart().await;
        let bindings: Api<RoleBinding> = world.api();
        for binding in bindings.list(&ListParams::default()).await.unwrap() {
            if binding.name_any().ends_with(":watch") {
                bindings.delete(&binding.name_any(), &DeleteParams::default()).await.unwrap();
            }
        }
        world.delete("left").await;
        let _operator = ChildOperator::spawn(&chart, &world.namespace);
        eventually("a condition that says why", async || {
            let user = world.get_user("left").await;
            let ready = condition(&user, "Ready").unwrap();
            if ready.message.contains("cannot be listed") { Ok(()) } else { Err(user.status) }
        })
        .await;
        world.annotate("left", RELEASE, "true").await;
        world.until_gone("left").await;
    });
}

#[test]
fn a_realm_that_stays_away_for_a_minute_is_gone_with_its_accounts() {
    e2e("a_realm_that_stays_away", async |world, _operator| {
        world.user("realmless", json!({ "username": "realmless" })).await;
        world.until("realmless", "Synced").await;
        world.user("impatient", json!({ "username": "impatient" })).await;
        world.until("impatient", "Synced").await;
        world.keycloak.delete_realm().await;
        for name in ["impatient", "realmless"] {
            world.delete(name).await;
            eventually("a condition that says why", async || {
                let user = world.get_user(name).await;
                if condition(&user, "Ready").unwrap().reason == "RealmNotFound" { Ok(()) } else { Err(user.status) }
            })
            .await;
        }
        world.annotate("impatient", RELEASE, "true").await;
        world.until_gone_within(Duration::from_secs(10), "impatient").await;
        // The next try after a minute of this answer: the backoff stands at 64 s by then, a tenth more or less.
        eventually_within(Duration::from_secs(150), "the resource is gone", async || {
            match world.api::<KeycloakUser>().get_opt("realmless").await.unwrap() {
                None => Ok(()),
                Some(user) => Err(user.status),
            }
        })
        .await;
        world.until_event("realmless", "RealmGone").await;
    });
}
