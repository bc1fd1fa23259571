//! The last look before an account is made or goes: what the cache says may be of yesterday.

use keycloak_user_operator::api::KeycloakUser;
use kube::Api;
use kube::api::{Patch, PatchParams};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::{Answer, Call, Fault, FaultProxy, Ledger, Operator, World, condition, e2e_with, eventually};

/// What the watch of users tells can be held back: a stale cache.
struct HeldWatch {
    held: watch::Sender<bool>,
    ledger: Ledger,
}

impl HeldWatch {
    /// From now on the operator hears nothing of users, or all that it missed.
    fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    /// How often that user was read by itself.
    fn reads_of(&self, user: &str) -> usize {
        let end = format!("/keycloakusers/{user}");
        self.ledger.records().iter().filter(|r| r.call.method == "GET" && r.call.path.ends_with(&end)).count()
    }
}

/// Runs a test whose operator has a cache that can be held back, and a user `again` with an account.
fn with_held_watch(name: &str, test: impl AsyncFnOnce(&World, &HeldWatch)) {
    e2e_with(name, json!({}), async |world| {
        world.connect(json!({})).await;
        let (mut chart, ledger) = (world.chart().await, Ledger::default());
        let proxy = FaultProxy::before_kubernetes("operator", &ledger, &mut chart);
        let (held, holding) = watch::channel(false);
        proxy.inject(Fault::Withhold(holding), |call| call.is_watch() && call.path.ends_with("/keycloakusers"));
        let watch = HeldWatch { held, ledger };
        let _operator = Operator::start(&chart, &world.namespace).await;
        world.user("again", json!({ "username": "again" })).await;
        world.until("again", "Synced").await;
        test(&world, &watch).await;
    });
}

/// Deletes the user while its account cannot be deleted, and waits until the operator has seen it.
async fn delete_without_connection(world: &World) {
    world.disconnect("default").await;
    world.until("again", "ConnectionNotFound").await;
    world.delete("again").await;
    eventually("it cannot be deleted", async || {
        let user = world.get_user("again").await;
        let waits = condition(&user, "Ready").is_some_and(|ready| ready.message.contains("cannot be deleted"));
        if waits { Ok(()) } else { Err(user.status) }
    })
    .await;
}

/// Takes the finalizers off by hand, so that the user goes.
async fn force_off(world: &World) {
    let users: Api<KeycloakUser> = world.api();
    let patch = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    users.patch("again", &PatchParams::default(), &patch).await.expect("the user");
    world.until_gone("again").await;
}

/// Lets the operator go on with what it knows, until it has looked at the user so often by itself.
async fn go_on(world: &World, watch: &HeldWatch) {
    let before = watch.reads_of("again");
    world.connection("default", json!({})).await;
    eventually("two looks at the user", async || {
        let looks = watch.reads_of("again") - before;
        if looks >= 2 { Ok(()) } else { Err(looks) }
    })
    .await;
}

fn id_of(account: Option<&Value>) -> &str {
    account.and_then(|account| account["id"].as_str()).expect("an account")
}

#[test]
fn a_user_that_was_deleted_and_made_again_keeps_its_account_though_the_cache_is_behind() {
    with_held_watch("live_made_again", async |world, watch| {
        let account = world.keycloak.user("again").await;
        delete_without_connection(world).await;
        watch.hold(true);
        force_off(world).await;
        world.user("again", json!({ "username": "again" })).await;
        let owns = Patch::Merge(json!({ "status": { "userId": id_of(account.as_ref()) } }));
        world.api::<KeycloakUser>().patch_status("again", &PatchParams::default(), &owns).await.expect("the user");
        go_on(world, watch).await;
        assert_eq!(world.keycloak.user("again").await, account, "the new user's account was not touched");
        watch.hold(false);
        world.until("again", "ForeignAccount").await;
        assert_eq!(world.keycloak.user("again").await, account);
    });
}

#[test]
fn a_policy_that_changed_while_the_cache_was_behind_is_honoured() {
    with_held_watch("live_policy", async |world, watch| {
        let account = world.keycloak.user("again").await;
        delete_without_connection(world).await;
        watch.hold(true);
        world.user("again", json!({ "username": "again", "deletionPolicy": "Orphan" })).await;
        go_on(world, watch).await;
        watch.hold(false);
        world.until_gone("again").await;
        assert_eq!(world.keycloak.user("again").await, account);
    });
}

#[test]
fn no_account_is_made_for_a_user_that_is_gone_already() {
    with_held_watch("live_gone", async |world, watch| {
        world.delete_and_wait("again").await;
        world.user("witness", json!({ "username": "witness" })).await;
        world.until("witness", "Synced").await;
        world.disconnect("default").await;
        world.until("witness", "ConnectionNotFound").await;
        world.user("again", json!({ "username": "again" })).await;
        world.until("again", "ConnectionNotFound").await;
        watch.hold(true);
        world.delete("again").await;
        force_off(world).await;
        go_on(world, watch).await;
        assert_eq!(world.keycloak.user("again").await, None);
        watch.hold(false);
    });
}

#[test]
fn an_account_is_asked_for_once_though_the_cache_does_not_know_of_it_yet() {
    with_held_watch("live_made_once", async |world, watch| {
        let (ledger, (answer, unanswered)) = (Ledger::default(), watch::channel(true));
        let proxy = FaultProxy::before_keycloak("operator", &ledger);
        let makes = |call: &Call| call.method == Method::POST && call.path.ends_with("/users");
        proxy.inject(Fault::Withhold(unanswered), makes);
        // As where another resource has the same mark, and the account may be of either.
        proxy.inject(Fault::Answer(Answer::bare(200).with_body("application/json", "[]")), |call| {
            call.query.contains("createdAfter")
        });
        world.connection("default", json!({ "url": proxy.url() })).await;
        world.until_tried("default").await;
        world.user("new", json!({ "username": "new", "email": "new@example.com" })).await;
        let made = || ledger.records().iter().filter(|record| makes(&record.call)).count();
        eventually("the request", async || if made() == 1 { Ok(()) } else { Err(()) }).await;
        watch.hold(true);
        answer.send_replace(false);
        world.until("new", "Synced").await;
        let reads = watch.reads_of("new");
        world.connection("default", json!({ "url": proxy.url(), "sync": { "sweepInterval": "2h" } })).await;
        eventually("another look", async || if watch.reads_of("new") > reads { Ok(()) } else { Err(()) }).await;
        watch.hold(false);
        world.user("new", json!({ "username": "new", "email": "new@example.com", "lastName": "Doe" })).await;
        world.until("new", "Synced").await;
        assert_eq!(made(), 1);
    });
}
