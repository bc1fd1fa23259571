//! The operator's key for digests: made once, and nothing is lost with it.

use futures::future::join3;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;
use tokio::sync::watch;

use super::*;
use crate::support::{Call, Chart, Fault, FaultProxy, Ledger, Operator, e2e_with};

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

/// Puts another one in the place of the key's Secret.
async fn replace(world: &World, id: &[u8], key: &[u8]) {
    let name = secret(world).await.expect("the key").metadata.name.unwrap();
    delete(world).await;
    let data = json!({ "id": ByteString(id.to_vec()), "key": ByteString(key.to_vec()) });
    secrets::create(world, json!({ "metadata": { "name": name }, "data": data })).await;
}

/// Whether a request reads the key's Secret.
fn is_look(chart: &Chart) -> impl Fn(&Call) -> bool + Clone + Send + 'static {
    let path = format!("/secrets/{}", chart.argument("--credential-key-secret"));
    move |call| call.method == "GET" && call.path.ends_with(&path)
}

async fn until_renewed(world: &World, name: &str, key_id: &str) {
    eventually("the record is renewed", async || {
        let user = world.reconcile_now(name).await;
        if record(&user).key_id == key_id { Ok(()) } else { Err(record(&user)) }
    })
    .await;
}

#[test]
fn operators_that_start_at_once_make_one_key() {
    e2e_with("operators_that_start_at_once", realm(HISTORY), async |world| {
        world.connect(json!({})).await;
        let (mut chart, ledger) = (world.chart().await, Ledger::default());
        let proxy = FaultProxy::before_kubernetes("both", &ledger, &mut chart);
        let is_look = is_look(&chart);
        let (held, holding) = watch::channel(true);
        proxy.inject(Fault::Withhold(holding), is_look.clone());
        // Both hear that there is none before either makes one.
        let both_have_looked = eventually("both have looked", async || {
            let looks =
                ledger.records().iter().filter(|record| is_look(&record.call) && record.status.is_some()).count();
            if looks < 2 { Err(looks) } else { Ok(held.send_replace(false)) }
        });
        let start = || Operator::start(&chart, &world.namespace);
        let (first, second, _) = join3(start(), start(), both_have_looked).await;
        make(&world, "known", json!({})).await;
        let key = id(&secret(&world).await.unwrap());
        assert_eq!(record(&world.get_user("known").await).key_id, key);
        first.stop().await;
        second.stop().await;
        assert_eq!(id(&secret(&world).await.unwrap()), key);
        let _operator = world.operator().await;
        let user = world.reconcile_now("known").await;
        assert_eq!((record(&user).key_id, synced(&user).1.as_str()), (key, "Synced"));
    });
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
        let user = world.until_secret_seen("known", "kcuser-known").await;
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
        let (api, name) = (world.api::<Secret>(), secret(&world).await.unwrap().metadata.name.unwrap());
        let edit = Patch::Merge(json!({ "data": { "key": ByteString(vec![7; 32]) } }));
        let edited = api.patch(&name, &PatchParams::default(), &edit).await;
        edited.expect_err("another key under the same id");
        replace(&world, b"rotated", &[7; 32]).await;
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
        let (mut chart, ledger) = (world.chart().await, Ledger::default());
        let _proxy = FaultProxy::before_kubernetes("operator", &ledger, &mut chart);
        let _operator = Operator::start(&chart, &world.namespace).await;
        make(&world, "known", json!({})).await;
        let before = record(&world.get_user("known").await);
        replace(&world, b"broken", b"short").await;
        let is_look = is_look(&chart);
        let looks = || ledger.records().iter().filter(|record| is_look(&record.call)).count();
        let at_first = looks();
        eventually("another look at the key", async || {
            world.reconcile_now("known").await;
            if looks() > at_first { Ok(()) } else { Err(at_first) }
        })
        .await;
        set_value(&world, "known", SECOND).await;
        until_login(&world, "known", SECOND).await;
        let user = until_synced(&world, "known", "True", "Synced").await;
        assert_eq!(record(&user).key_id, before.key_id);
    });
}
