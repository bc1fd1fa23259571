//! Two resources for one account, and resources that come anew for accounts that are there.

use keycloak_user_operator::api::KeycloakUser;
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::support::{World, adoptable, bed, condition, e2e, e2e_with, eventually, password_from};

fn named(username: &str) -> Value {
    json!({ "username": username })
}

fn adopting(username: &str) -> Value {
    json!({ "username": username, "adoption": "Adopt" })
}

fn granted() -> Value {
    json!({ "grants": { "adoption": "Allowed" } })
}

async fn id_of(world: &World, username: &str) -> String {
    world.keycloak.user(username).await.expect("the account")["id"].as_str().unwrap().to_owned()
}

#[test]
fn the_second_resource_for_an_account_waits_until_the_first_has_gone() {
    e2e("the_second_resource_for_an_account", async |world, operator| {
        world.user("first", named("shared")).await;
        world.until("first", "Synced").await;
        world.user("second", json!({ "username": "Shared", "firstName": "Second" })).await;
        let second = world.until("second", "Conflict").await;
        let message = &condition(&second, "Ready").unwrap().message;
        assert!(message.contains("KeycloakUser first"), "{message}");
        assert!(condition(&second, "Stalled").is_some_and(|stalled| stalled.status == "True"));
        for name in ["first", "second", "first"] {
            world.reconcile_now(name).await;
        }
        operator.stop().await;
        let _operator = world.operator().await;
        world.reconcile_now("second").await;
        world.until("second", "Conflict").await;
        world.reconcile_now("first").await;
        world.until("first", "Synced").await;
        assert_eq!(world.keycloak.writes_of_operator().await.len(), 1, "the creation");

        world.delete_and_wait("first").await;
        world.until("second", "Synced").await;
        assert_eq!(world.keycloak.user("shared").await.unwrap()["firstName"], "Second");
    });
}

#[test]
fn of_two_that_would_create_an_account_the_older_does_also_through_another_host_name() {
    e2e_with("of_two_that_would_create_an_account", json!({}), async |world| {
        world.connect(json!({})).await;
        let elsewhere = bed().keycloak_url().replace("127.0.0.1", "localhost");
        assert_ne!(elsewhere, bed().keycloak_url());
        world.connection("elsewhere", json!({ "url": elsewhere })).await;
        let mut pairs = Vec::new();
        for number in 0..4 {
            let username = format!("user-{number}");
            let through = |connection: &str| json!({ "username": username, "connectionRef": { "name": connection } });
            let (one, other) = (format!("one-{number}"), format!("other-{number}"));
            pairs.push((world.user(&one, through("elsewhere")).await, world.user(&other, through("default")).await));
        }
        let _operator = world.operator().await;
        for (one, other) in pairs {
            let age = |user: &KeycloakUser| (user.creation_timestamp().unwrap(), user.uid().unwrap());
            let (older, younger) = if age(&one) < age(&other) { (one, other) } else { (other, one) };
            world.until(&older.name_any(), "Synced").await;
            world.until(&younger.name_any(), "Conflict").await;
        }
        assert_eq!(world.keycloak.writes_of_operator().await.len(), 4, "one creation each");
    });
}

#[test]
fn the_same_name_in_another_realm_is_another_account() {
    e2e("the_same_name_in_another_realm", async |world, _operator| {
        let other = crate::support::Admin::of_bed(&format!("{}-other", world.keycloak.realm));
        other.create_realm(json!({})).await;
        world.connection("other", json!({ "realm": other.realm })).await;
        world.user("here", named("twice")).await;
        world.user("there", json!({ "username": "twice", "connectionRef": { "name": "other" } })).await;
        world.until("here", "Synced").await;
        world.until("there", "Synced").await;
        world.delete_and_wait("here").await;
        assert!(other.user("twice").await.is_some());
        world.delete_and_wait("there").await;
        other.delete_realm().await;
    });
}

#[test]
fn a_manifest_that_is_renamed_keeps_its_account() {
    e2e_with("a_manifest_that_is_renamed", adoptable(), async |world| {
        world.connect(granted()).await;
        let operator = world.operator().await;
        world.secret("kcuser-kept", &[("password", "the-password")]).await;
        let spec = json!({ "username": "kept", "firstName": "K", "lastName": "K", "email": "kept@example.com",
            "adoption": "Adopt", "credentials": password_from("kcuser-kept") });
        world.user("old-name", spec.clone()).await;
        world.until("old-name", "Synced").await;
        let (id, writes) = (id_of(&world, "kept").await, world.keycloak.writes_of_operator().await);
        world.user("new-name", spec.clone()).await;
        world.delete("old-name").await;
        world.until_gone("old-name").await;
        let user = world.until("new-name", "Synced").await;
        world.until_event("old-name", "HandedOver").await;
        assert_eq!(user.status.unwrap().user_id, Some(id.clone()));

        world.user("newer-name", spec).await;
        world.until("newer-name", "Conflict").await;
        operator.stop().await;
        world.delete("new-name").await;
        let _operator = world.operator().await;
        world.until_gone("new-name").await;
        world.until("newer-name", "Synced").await;
        assert_eq!(id_of(&world, "kept").await, id, "also where the operator has just started");
        assert_eq!(world.keycloak.writes_of_operator().await, writes);
        world.keycloak.login("kept", "the-password").await.unwrap();
    });
}

#[test]
fn a_suspended_claimant_inherits_nothing() {
    e2e_with("a_suspended_claimant", adoptable(), async |world| {
        world.connect(granted()).await;
        let _operator = world.operator().await;
        world.user("owner", named("left")).await;
        world.until("owner", "Synced").await;
        world.user("claimant", adopting("left")).await;
        world.until("claimant", "Conflict").await;
        world.user("claimant", json!({ "username": "left", "adoption": "Adopt", "suspend": true })).await;
        world.until("claimant", "Suspended").await;
        world.delete_and_wait("owner").await;
        assert_eq!(world.keycloak.user("left").await, None, "nobody may work on it: it goes with its resource");
        world.until("claimant", "Suspended").await;
    });
}

#[test]
fn an_account_that_would_be_disabled_goes_to_its_heir_as_it_is() {
    e2e_with("an_heir_of_a_disabled_account", adoptable(), async |world| {
        world.connect(granted()).await;
        let _operator = world.operator().await;
        world.secret("kcuser-heir", &[("password", "the-password")]).await;
        let spec = |more: Value| {
            let mut spec = json!({ "username": "heirloom", "firstName": "F", "lastName": "L", "adoption": "Adopt",
                "email": "heirloom@example.com", "credentials": password_from("kcuser-heir") });
            spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            spec
        };
        world.user("owner", spec(json!({ "deletionPolicy": "Disable" }))).await;
        world.until("owner", "Synced").await;
        let session = world.keycloak.sign_in("heirloom", "the-password", false).await;
        world.user("heir", spec(json!({}))).await;
        world.until("heir", "Conflict").await;
        world.delete_and_wait("owner").await;
        world.until_event("owner", "HandedOver").await;
        world.until("heir", "Synced").await;
        world.keycloak.refresh(&session).await.expect("the session goes on");
        assert_eq!(world.keycloak.writes_of_operator().await.len(), 1, "the creation");
    });
}

#[test]
fn of_two_that_would_take_an_account_over_the_older_does() {
    e2e_with("of_two_that_would_take_an_account_over", adoptable(), async |world| {
        world.connect(granted()).await;
        world.keycloak.create_user(json!({ "username": "theirs", "enabled": true })).await;
        let id = id_of(&world, "theirs").await;
        let (one, other) = (world.user("one", adopting("theirs")).await, world.user("other", adopting("theirs")).await);
        let age = |user: &KeycloakUser| (user.creation_timestamp().unwrap(), user.uid().unwrap());
        let (older, younger) = if age(&one) < age(&other) { ("one", "other") } else { ("other", "one") };
        let _operator = world.operator().await;
        world.until(older, "Synced").await;
        world.until(younger, "Conflict").await;
        world.reconcile_now(older).await;
        world.reconcile_now(younger).await;
        world.until(younger, "Conflict").await;
        world.delete_and_wait(older).await;
        let user = world.until(younger, "Synced").await;
        assert_eq!(user.status.unwrap().user_id, Some(id));
        assert_eq!(world.keycloak.writes_of_operator().await, Vec::<String>::new());
    });
}

#[test]
fn a_status_written_by_hand_keeps_nobody_else_from_an_account() {
    e2e_with("a_status_written_by_hand_keeps_nobody", adoptable(), async |world| {
        world.connect(granted()).await;
        let _operator = world.operator().await;
        let account = world.keycloak.create_user(json!({ "username": "wanted", "enabled": true })).await;
        world.user("forger", json!({ "username": "forger", "suspend": true })).await;
        world.until("forger", "Suspended").await;
        let forged = Patch::Merge(json!({ "status": { "userId": account["id"], "adopted": true } }));
        world.api::<KeycloakUser>().patch_status("forger", &PatchParams::default(), &forged).await.unwrap();
        eventually("a younger resource", async || {
            world.user("younger", adopting("wanted")).await;
            let (forger, younger) = (world.get_user("forger").await, world.get_user("younger").await);
            if forger.creation_timestamp() < younger.creation_timestamp() {
                return Ok(());
            }
            world.api::<KeycloakUser>().delete("younger", &DeleteParams::default()).await.unwrap();
            world.until_gone("younger").await;
            Err(())
        })
        .await;
        world.until("younger", "Synced").await;
    });
}

/// Removes all resources as a lost cluster does: no finalizer is asked.
async fn lose(world: &World, names: &[String]) {
    for name in names {
        let users = world.api::<KeycloakUser>();
        let finalizers = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
        users.patch(name, &PatchParams::default(), &finalizers).await.unwrap();
        users.delete(name, &DeleteParams::default()).await.unwrap();
        world.until_gone(name).await;
    }
}

#[test]
fn a_cluster_rebuilt_from_git_takes_its_accounts_over_without_a_write() {
    e2e_with("a_cluster_rebuilt_from_git", adoptable(), async |world| {
        world.connect(granted()).await;
        let operator = world.operator().await;
        world.secret("kcuser-all", &[("password", "the-password")]).await;
        let names: Vec<String> = (0..5).map(|number| format!("user-{number}")).collect();
        let apply = async || {
            for name in &names {
                let spec = json!({ "username": name, "firstName": "F", "lastName": "L", "enabled": true,
                    "email": format!("{name}@example.com"), "adoption": "Adopt",
                    "attributes": [{ "name": "team", "values": ["red"] }], "credentials": password_from("kcuser-all") });
                world.user(name, spec).await;
            }
        };
        apply().await;
        for name in &names {
            world.until(name, "Synced").await;
        }
        let (accounts, writes) = (world.keycloak.users().await, world.keycloak.writes_of_operator().await);
        operator.stop().await;
        lose(&world, &names).await;
        apply().await;
        let _operator = world.operator().await;
        for name in &names {
            let user = world.until(name, "Synced").await;
            assert_eq!(condition(&user, "CredentialsSynced").unwrap().reason, "AssumedCurrent");
            assert_eq!(user.status.unwrap().adopted, Some(true));
        }
        assert_eq!(world.keycloak.users().await, accounts);
        assert_eq!(world.keycloak.writes_of_operator().await, writes);
        world.keycloak.login("user-0", "the-password").await.unwrap();
    });
}
