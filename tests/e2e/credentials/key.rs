//! The operator's key for digests: made once, and nothing is lost with it.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;

use super::*;
use crate::support::e2e_with;

async fn secret(world: &World) -> Option<Secret> {
    let all = world.api::<Secret>().list(&ListParams::default()).await.expect("Secrets");
    all.items.into_iter().find(|secret| secret.data.as_ref().is_some_and(|data| data.contains_key("id")))
}

fn id(secret: &Secret) -> String {
    String::from_utf8(secret.data.as_ref().unwrap()["id"].0.clone()).unwrap()
}

/// Deletes the key's Secret.
pub(super) async fn delete(world: &World) {
    let name = secret(world).await.expect("the key").metadata.name.unwrap();
    world.api::<Secret>().delete(&name, &DeleteParams::default()).await.expect("the Secret");
}

async fn until_renewed(world: &World, name: &str, key_id: &str) {
    eventually("the record is renewed", async || {
        let user = world.reconcile_now(name).await;
        if record(&user).key_id == key_id { Ok(()) } else { Err(record(&user)) }
    })
    .await;
}

#[test]
fn a_key_that_is_lost_while_the_operator_runs_is_made_anew_and_nothing_is_sent() {
    e2e_with("a_key_that_is_lost", realm(HISTORY), async |world| {
        world.connect(json!({})).await;
        let _operator = world.operator().await;
        make(&world, "known", json!({})).await;
        let before = id(&secret(&world).await.unwrap());
        delete(&world).await;
        let made = eventually("another key", async || {
            world.reconcile_now("known").await;
            secret(&world).await.ok_or("none")
        })
        .await;
        assert_ne!(id(&made), before);
        until_renewed(&world, "known", &id(&made)).await;
        assert_eq!(synced(&world.get_user("known").await), ("Unknown".to_owned(), "AssumedCurrent".to_owned()));
        assert_eq!(resets_of(&world, "known").await, 0);
        // Labels tell nothing new; a value does.
        world.change_secret("kcuser-known", &[("other", "key")]).await;
        let user = world.reconcile_now("known").await;
        assert_eq!(synced(&user).1, "AssumedCurrent", "until the value changes");
        set_value(&world, "known", SECOND).await;
        until_login(&world, "known", SECOND).await;
        until_synced(&world, "known", "True", "Synced").await;
    });
}

#[test]
fn a_key_that_is_rotated_while_the_operator_runs_renews_the_records_and_sends_nothing() {
    e2e_with("a_key_that_is_rotated", realm(HISTORY), async |world| {
        world.connect(json!({})).await;
        let _operator = world.operator().await;
        make(&world, "known", json!({})).await;
        let before = record(&world.get_user("known").await);
        let api: Api<Secret> = world.api();
        let name = secret(&world).await.unwrap().metadata.name.unwrap();
        let data = json!({ "data": { "id": ByteString(b"rotated".to_vec()), "key": ByteString(vec![7; 32]) } });
        api.patch(&name, &PatchParams::default(), &Patch::Merge(data)).await.expect("the Secret");
        until_renewed(&world, "known", "rotated").await;
        let user = world.get_user("known").await;
        assert_ne!(record(&user).digest, before.digest);
        assert_eq!(synced(&user), ("Unknown".to_owned(), "AssumedCurrent".to_owned()));
        assert_eq!(resets_of(&world, "known").await, 0);
    });
}

#[test]
fn a_key_that_cannot_be_read_while_the_operator_runs_is_used_as_it_was() {
    e2e_with("a_key_that_cannot_be_read", realm(HISTORY), async |world| {
        world.connect(json!({})).await;
        let _operator = world.operator().await;
        make(&world, "known", json!({})).await;
        let before = record(&world.get_user("known").await);
        let api: Api<Secret> = world.api();
        let name = secret(&world).await.unwrap().metadata.name.unwrap();
        let broken = json!({ "data": { "key": ByteString(b"short".to_vec()) } });
        api.patch(&name, &PatchParams::default(), &Patch::Merge(broken)).await.expect("the Secret");
        set_value(&world, "known", SECOND).await;
        until_login(&world, "known", SECOND).await;
        let user = until_synced(&world, "known", "True", "Synced").await;
        assert_eq!(record(&user).key_id, before.key_id);
    });
}
