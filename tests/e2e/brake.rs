//! The brake: whatever is deleted at once, no more accounts go than the connection's limit lets go.

use std::time::Duration;

use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use keycloak_user_operator::api::{ALLOW_DELETIONS, KeycloakConnection, KeycloakUser, RELEASE};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, CustomResourceExt, ResourceExt};
use serde_json::json;

use crate::support::{
    Chart, ChildOperator, OPERATOR_CLIENT, OPERATOR_SECRET, Operator, SecondKubernetes, World, condition, e2e_with,
    eventually, eventually_within,
};

/// Makes so many users with accounts.
async fn populate(world: &World, count: usize) {
    stream::iter(0..count)
        .for_each_concurrent(16, async |number| {
            let name = format!("user-{number:04}");
            world.user(&name, json!({ "username": name })).await;
        })
        .await;
    eventually_within(Duration::from_secs(240), "all accounts", async || {
        let missing =
            users(world).await.into_iter().filter(|user| crate::support::ready_reason(user) != Some("Synced"));
        match missing.count() {
            0 => Ok(()),
            missing => Err(missing),
        }
    })
    .await;
    assert_eq!(world.keycloak.count_users().await, count);
}

async fn users(world: &World) -> Vec<KeycloakUser> {
    world.api::<KeycloakUser>().list(&ListParams::default()).await.expect("users").items
}

async fn delete_all(world: &World) {
    let users: Api<KeycloakUser> = world.api();
    users.delete_collection(&DeleteParams::default(), &ListParams::default()).await.expect("the users");
}

/// Waits until so many users wait for the limit and there are no others; gives the message of one.
async fn until_held(world: &World, count: usize) -> String {
    let messages = eventually_within(Duration::from_secs(240), &format!("{count} held"), async || {
        let all = users(world).await;
        let held = all.iter().filter_map(|user| condition(user, "Stalled")).filter(|c| c.reason == "DeletionLimit");
        let messages: Vec<String> = held.map(|condition| condition.message.clone()).collect();
        if messages.len() == count && all.len() == count { Ok(messages) } else { Err((messages.len(), all.len())) }
    })
    .await;
    messages[0].clone()
}

/// Waits until this operator itself has found so many held, as one that was started anew does.
async fn until_found_held(operator: &Operator, count: u32) {
    let held = || operator.metric(r#"keycloakuser_users{reason="DeletionLimit"}"#);
    eventually_within(Duration::from_secs(120), "looked at all", async || {
        if (held() - f64::from(count)).abs() < f64::EPSILON { Ok(()) } else { Err(held()) }
    })
    .await;
}

async fn allow(world: &World, number: Option<&str>) {
    let patch = Patch::Merge(json!({ "metadata": { "annotations": { ALLOW_DELETIONS: number } } }));
    world.api::<KeycloakConnection>().patch("default", &PatchParams::default(), &patch).await.expect("the connection");
}

#[test]
fn a_mass_deletion_stops_at_the_limit_and_goes_on_as_it_is_allowed_to() {
    e2e_with("brake_limit", json!({}), async |world| {
        world.connect(json!({})).await;
        let operator = world.operator().await;
        populate(&world, 25).await;
        delete_all(&world).await;
        let message = until_held(&world, 15).await;
        assert!(message.contains("10 of 25 accounts") && message.contains("within 10m"), "{message}");
        assert_eq!(world.keycloak.count_users().await, 15);

        operator.stop().await;
        let operator = world.operator().await;
        until_found_held(&operator, 15).await;
        assert_eq!(world.keycloak.count_users().await, 15, "a restart forgets nothing");

        allow(&world, Some("many")).await;
        eventually("a word about the annotation", async || {
            let message = until_held(&world, 15).await;
            if message.contains("is not a number") { Ok(()) } else { Err(message) }
        })
        .await;
        allow(&world, Some("4")).await;
        until_held(&world, 11).await;
        operator.stop().await;
        let operator = world.operator().await;
        until_found_held(&operator, 11).await;
        assert_eq!(world.keycloak.count_users().await, 11, "the number is used up once, over a restart too");
        allow(&world, Some("1")).await;
        until_held(&world, 10).await;

        world.connection("default", json!({ "limits": { "deletions": { "percent": 100 } } })).await;
        eventually("the rest", async || match users(&world).await.len() {
            0 => Ok(()),
            left => Err(left),
        })
        .await;
        assert_eq!(world.keycloak.count_users().await, 0);
    });
}

#[test]
fn disabling_by_deletion_counts_and_keeping_the_account_does_not() {
    e2e_with("brake_policies", json!({}), async |world| {
        world.connect(json!({ "limits": { "deletions": { "percent": 0, "atLeast": 1 } } })).await;
        let _operator = world.operator().await;
        for (name, policy) in [("a-off", "Disable"), ("b-off", "Disable"), ("c-free", "Orphan"), ("d-free", "Orphan")] {
            world.user(name, json!({ "username": name, "deletionPolicy": policy })).await;
            world.until(name, "Synced").await;
        }
        world.keycloak.delete_user("d-free").await;
        delete_all(&world).await;
        until_held(&world, 1).await;
        let accounts = world.keycloak.users().await;
        let disabled = accounts.iter().filter(|account| account["enabled"] == json!(false)).count();
        assert_eq!((accounts.len(), disabled), (3, 1));
    });
}

#[test]
fn time_lets_the_rest_go_piece_by_piece() {
    e2e_with("brake_time", json!({}), async |world| {
        world.connect(json!({ "limits": { "deletions": { "percent": 0, "atLeast": 2, "per": "10s" } } })).await;
        let _operator = world.operator().await;
        populate(&world, 5).await;
        delete_all(&world).await;
        eventually("all are gone", async || match users(&world).await.len() {
            0 => Ok(()),
            left => Err(left),
        })
        .await;
        let times = world.keycloak.deletion_times().await;
        assert_eq!(times.len(), 5);
        for (third, first) in times[2..].iter().zip(&times) {
            // The operator counts whole seconds, and counts before the request.
            assert!(third - first > 8_000, "more than two within the time: {times:?}");
        }
    });
}

#[test]
fn of_a_thousand_deleted_at_once_a_tenth_goes() {
    e2e_with("brake_thousand", json!({}), async |world| {
        world.connect(json!({})).await;
        let operator = world.operator().await;
        populate(&world, 1000).await;
        delete_all(&world).await;
        let message = until_held(&world, 900).await;
        assert!(message.contains("100 of 1000 accounts"), "{message}");
        assert_eq!(world.keycloak.count_users().await, 900);
        operator.stop().await;
        let connection = world.api::<KeycloakConnection>().get("default").await.expect("the connection");
        let recent = connection.status.and_then(|status| status.deletions).expect("a record").recent;
        assert_eq!(recent.iter().map(|deletions| deletions.count).sum::<u32>(), 100);
        assert!(recent.len() <= 22, "what is kept stays small: {recent:?}");
    });
}

#[test]
fn a_deleted_namespace_loses_no_more_accounts_than_the_limit_and_can_be_let_go() {
    e2e_with("brake_namespace", json!({}), async |world| {
        let own = Chart::namespace_beside(&world, "ops").await.namespace;
        let doomed = Chart::namespace_beside(&world, "doomed").await;
        let values = format!("watchNamespaces={{{}}}", doomed.namespace);
        let chart = Chart::apply_release(&world.client, &world.namespace, &own, &[&values]).await;
        doomed.secret("keycloak-client", &[("client-id", OPERATOR_CLIENT), ("client-secret", OPERATOR_SECRET)]).await;
        doomed.connection("default", json!({})).await;
        let _operator = ChildOperator::start(&chart, &own).await;
        populate(&doomed, 15).await;
        let namespaces: Api<Namespace> = Api::all(world.client.clone());
        namespaces.delete(&doomed.namespace, &DeleteParams::default()).await.expect("the namespace");
        let waiting = eventually("the rest says why it waits", async || {
            let all = users(&doomed).await;
            let told = all.iter().filter(|user| user.metadata.deletion_timestamp.is_some());
            let told = told.filter(|user| {
                condition(user, "Ready").is_some_and(|ready| {
                    ["ConnectionNotFound", "ConnectionSecretNotFound", "DeletionLimit"].contains(&ready.reason.as_str())
                })
            });
            if told.count() == all.len() {
                Ok(all)
            } else {
                Err(all.into_iter().map(|user| user.status).collect::<Vec<_>>())
            }
        })
        .await;
        let left = world.keycloak.count_users().await;
        assert!(left >= 5, "at most ten went: {left} are left");
        assert_eq!(left, waiting.len());
        for user in waiting {
            doomed.annotate(&user.name_any(), RELEASE, "true").await;
        }
        eventually("the namespace is gone", async || {
            match namespaces.get_opt(&doomed.namespace).await.expect("an answer") {
                None => Ok(()),
                Some(namespace) => Err(namespace.status),
            }
        })
        .await;
        assert_eq!(world.keycloak.count_users().await, left, "what was released stays in Keycloak");
    });
}

#[test]
fn a_deleted_definition_takes_no_more_accounts_along_than_the_limit() {
    e2e_with("brake_definition", json!({}), async |world| {
        let kubernetes = SecondKubernetes::empty().await;
        let world = world.in_cluster(&kubernetes).await;
        world.connect(json!({})).await;
        let _operator = Operator::start_as(world.client.clone(), &world.namespace).await;
        populate(&world, 15).await;
        let definitions: Api<CustomResourceDefinition> = Api::all(world.client.clone());
        let name = KeycloakUser::crd_name();
        definitions.delete(name, &DeleteParams::default()).await.expect("the definition");
        let message = until_held(&world, 5).await;
        assert!(message.contains("10 of 15 accounts"), "{message}");
        assert_eq!(world.keycloak.count_users().await, 5);

        for user in users(&world).await {
            world.annotate(&user.name_any(), RELEASE, "true").await;
        }
        eventually("the definition is gone", async || match definitions.get_opt(name).await.expect("an answer") {
            None => Ok(()),
            Some(definition) => Err(definition.status),
        })
        .await;
        assert_eq!(world.keycloak.count_users().await, 5, "the rest could be kept");
    });
}
