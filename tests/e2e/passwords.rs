//! A password is set when its Secret's value changes, and at no other time.

use keycloak_user_operator::api::KeycloakUser;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::support::{World, condition, e2e, e2e_with, eventually, password_from};

/// An account that can log in, with its password from the Secret `kcuser-<name>`.
fn spec(name: &str, first_name: &str) -> Value {
    json!({ "username": name, "firstName": first_name, "lastName": "L", "email": format!("{name}@example.com"),
        "credentials": password_from(&format!("kcuser-{name}")) })
}

async fn resets(world: &World) -> usize {
    world.keycloak.writes_of_operator().await.iter().filter(|write| write.ends_with("/reset-password")).count()
}

async fn until_login(world: &World, name: &str, password: &str) {
    eventually("the new password", async || world.keycloak.login(name, password).await).await;
}

/// Replaces parts of a status, as a crash in the middle of a pass would have left them.
async fn set_status(world: &World, name: &str, status: Value) {
    let api: Api<KeycloakUser> = world.api();
    api.patch_status(name, &PatchParams::default(), &Patch::Merge(json!({ "status": status })))
        .await
        .expect("the status");
}

#[test]
fn a_changed_secret_sets_the_password_and_nothing_else_does() {
    e2e("a_changed_secret_sets_the_password", async |world, _operator| {
        world.secret("kcuser-pat", &[("password", "first-password"), ("other", "1")]).await;
        world.user("pat", spec("pat", "A")).await;
        world.until("pat", "Synced").await;
        assert_eq!(resets(&world).await, 0, "the first password travels with the creation");
        let date = world.keycloak.password_created_date("pat").await;

        world.change_secret("kcuser-pat", &[("password", "second-password")]).await;
        until_login(&world, "pat", "second-password").await;
        assert_eq!(resets(&world).await, 1);
        assert_ne!(world.keycloak.password_created_date("pat").await, date);
        let date = world.keycloak.password_created_date("pat").await;

        let version =
            |user: &KeycloakUser| user.status.as_ref().unwrap().credentials[0].secret_resource_version.clone();
        let before = version(&world.until("pat", "Synced").await);
        world.change_secret("kcuser-pat", &[("other", "2")]).await;
        eventually("the new version is noted", async || {
            let user = world.get_user("pat").await;
            if version(&user) == before { Err(before.clone()) } else { Ok(()) }
        })
        .await;
        world.user("pat", spec("pat", "B")).await;
        world.until_account("pat", "the new name", |user| user["firstName"] == "B").await;
        world.reconcile_now("pat").await;
        assert_eq!(resets(&world).await, 1, "same value: nothing is sent");
        assert_eq!(world.keycloak.password_created_date("pat").await, date);
    });
}

#[test]
fn a_secret_that_is_made_again_with_the_same_value_sends_nothing() {
    e2e("a_secret_that_is_made_again", async |world, _operator| {
        world.secret("kcuser-same", &[("password", "the-same-value")]).await;
        world.user("same", spec("same", "A")).await;
        let uid = |user: &KeycloakUser| user.status.as_ref().unwrap().credentials[0].secret_uid.clone();
        let before = uid(&world.until("same", "Synced").await);
        world.secret("kcuser-same", &[("password", "the-same-value")]).await;
        eventually("the new Secret is noted", async || {
            let user = world.get_user("same").await;
            if uid(&user) == before { Err(user.status) } else { Ok(()) }
        })
        .await;
        world.until("same", "Synced").await;
        assert_eq!(resets(&world).await, 0);
    });
}

#[test]
fn a_password_that_the_user_chose_stays() {
    e2e("a_password_that_the_user_chose_stays", async |world, _operator| {
        world.secret("kcuser-own", &[("password", "from-the-secret")]).await;
        world.user("own", spec("own", "A")).await;
        let id = world.until("own", "Synced").await.status.unwrap().user_id.unwrap();
        let own = json!({ "type": "password", "value": "their-own-choice", "temporary": false });
        world.keycloak.change(reqwest::Method::PUT, &format!("/users/{id}/reset-password"), own).await;
        world.user("own", spec("own", "B")).await;
        world.until_account("own", "the new name", |user| user["firstName"] == "B").await;
        world.reconcile_now("own").await;
        world.keycloak.login("own", "their-own-choice").await.expect("it stays");
        assert_eq!(resets(&world).await, 0);
    });
}

#[test]
fn a_temporary_password_is_so_once() {
    e2e("a_temporary_password_is_so_once", async |world, _operator| {
        world.secret("kcuser-once", &[("password", "only-for-now")]).await;
        let mut once = spec("once", "A");
        once["credentials"][0]["temporary"] = json!(true);
        world.user("once", once.clone()).await;
        world.until("once", "Synced").await;
        let account = world.keycloak.user("once").await.unwrap();
        assert_eq!(account["requiredActions"], json!(["UPDATE_PASSWORD"]));
        world.keycloak.edit_user("once", json!({ "requiredActions": [] })).await;
        once["firstName"] = json!("B");
        world.user("once", once).await;
        world.until("once", "Synced").await;
        let account = world.keycloak.user("once").await.unwrap();
        assert_eq!(account["firstName"], "B");
        assert_eq!(account["requiredActions"], json!([]), "an action that was fulfilled is not put back");
    });
}

#[test]
fn credentials_added_later_are_set_where_there_is_no_password() {
    e2e("credentials_added_later", async |world, _operator| {
        let mut bare = spec("later", "A");
        bare.as_object_mut().unwrap().remove("credentials");
        world.user("later", bare).await;
        world.until("later", "Synced").await;
        world.secret("kcuser-later", &[("password", "added-later-on")]).await;
        world.user("later", spec("later", "A")).await;
        world.until("later", "Synced").await;
        until_login(&world, "later", "added-later-on").await;
    });
}

#[test]
fn without_a_record_a_password_that_is_there_is_assumed_to_be_current() {
    e2e("without_a_record_a_password_is_assumed", async |world, _operator| {
        world.secret("kcuser-lost", &[("password", "known-no-more")]).await;
        world.user("lost", spec("lost", "A")).await;
        world.until("lost", "Synced").await;
        set_status(&world, "lost", json!({ "credentials": null })).await;
        let user = world.reconcile_now("lost").await;
        let synced = condition(&user, "CredentialsSynced").unwrap();
        assert_eq!((synced.status.as_str(), synced.reason.as_str()), ("Unknown", "AssumedCurrent"));
        assert_eq!(resets(&world).await, 0);
        let again = world.reconcile_now("lost").await;
        assert_eq!(
            condition(&again, "CredentialsSynced").unwrap().reason,
            "AssumedCurrent",
            "until the Secret changes"
        );
        world.change_secret("kcuser-lost", &[("password", "known-again-now")]).await;
        until_login(&world, "lost", "known-again-now").await;
        eventually("CredentialsSynced", async || {
            let user = world.get_user("lost").await;
            if condition(&user, "CredentialsSynced").unwrap().status == "True" { Ok(()) } else { Err(user.status) }
        })
        .await;
    });
}

#[test]
fn a_reset_that_was_begun_before_a_crash_is_finished_once() {
    e2e_with("a_reset_that_was_begun_before_a_crash", json!({}), async |world| {
        world.connect(json!({})).await;
        world.secret("kcuser-crash", &[("password", "before-the-crash")]).await;
        let operator = world.operator().await;
        world.user("crash", spec("crash", "A")).await;
        world.until("crash", "Synced").await;
        let date = world.keycloak.password_created_date("crash").await.unwrap();
        operator.stop().await;

        // As if the process had died between the announcement and the request.
        let pending = |date: i64| {
            json!({ "credentials": [{ "type": "password", "secretUid": "u", "secretKey": "password",
            "secretResourceVersion": "1", "keyId": "another-key", "pending": { "digest": "d", "createdDate": date } }] })
        };
        set_status(&world, "crash", pending(date)).await;
        let operator = world.operator().await;
        eventually("the reset", async || match resets(&world).await {
            1 => Ok(()),
            other => Err(other),
        })
        .await;
        world.until("crash", "Synced").await;
        operator.stop().await;

        // As if it had died after the request: Keycloak has another date than the one announced.
        set_status(&world, "crash", pending(date)).await;
        let digest = digest_of_first(&world).await;
        set_status(&world, "crash", json!({ "credentials": [{ "type": "password", "secretUid": "u", "secretKey": "password",
            "secretResourceVersion": "1", "keyId": key_id(&world).await, "pending": { "digest": digest, "createdDate": date } }] })).await;
        let _operator = world.operator().await;
        eventually("the record is whole", async || {
            let user = world.get_user("crash").await;
            let record = user.status.clone().unwrap().credentials.remove(0);
            if record.pending.is_none() && record.digest.as_deref() == Some(&digest) {
                Ok(())
            } else {
                Err(user.status)
            }
        })
        .await;
        assert_eq!(resets(&world).await, 1, "it had arrived: it is not sent again");
        world.keycloak.login("crash", "before-the-crash").await.expect("the password of the Secret");
    });
}

/// The name of the key that the operator keeps in its own Secret.
async fn key_id(world: &World) -> String {
    let secret = operator_key(world).await;
    String::from_utf8(secret.data.unwrap()["id"].0.clone()).unwrap()
}

/// The digest that the operator would record for the password `before-the-crash`.
async fn digest_of_first(world: &World) -> String {
    let key = operator_key(world).await.data.unwrap()["key"].0.clone();
    let key = keycloak_user_operator::domain::CredentialKey::new("k".into(), key);
    key.digest("before-the-crash").as_str().to_owned()
}

async fn operator_key(world: &World) -> k8s_openapi::api::core::v1::Secret {
    let secrets: Api<k8s_openapi::api::core::v1::Secret> = world.api();
    let all = secrets.list(&Default::default()).await.unwrap();
    all.items
        .into_iter()
        .find(|secret| secret.data.as_ref().is_some_and(|data| data.contains_key("id")))
        .expect("the key")
}

#[test]
fn a_password_that_the_policy_refuses_is_told_and_the_rest_is_applied() {
    e2e_with("a_password_that_the_policy_refuses", json!({ "passwordPolicy": "length(12)" }), async |world| {
        world.connect(json!({})).await;
        world.secret("kcuser-weak", &[("password", "Sh0rtOne")]).await;
        let _operator = world.operator().await;
        world.user("weak", spec("weak", "A")).await;
        let user = world.until("weak", "PolicyRefused").await;
        let synced = condition(&user, "CredentialsSynced").unwrap();
        assert_eq!((synced.status.as_str(), synced.reason.as_str()), ("False", "PolicyRefused"));
        assert!(synced.message.contains("too short"), "{}", synced.message);
        assert_eq!(world.keycloak.user("weak").await.unwrap()["firstName"], "A", "the account is made");
        world.until_event("weak", "PolicyRefused").await;
        world.user("weak", spec("weak", "B")).await;
        world.until_account("weak", "the new name", |user| user["firstName"] == "B").await;

        world.change_secret("kcuser-weak", &[("password", "long-enough-for-it")]).await;
        until_login(&world, "weak", "long-enough-for-it").await;
        world.until("weak", "Synced").await;
        world.change_secret("kcuser-weak", &[("password", "Sh0rtAgain")]).await;
        world.until("weak", "PolicyRefused").await;
        world.keycloak.login("weak", "long-enough-for-it").await.expect("the old one stays");
        let everything = serde_json::to_string(&world.get_user("weak").await).unwrap();
        assert!(!everything.contains("Sh0rt"), "no value in the resource");
    });
}

#[test]
fn a_refused_password_does_not_count_as_set_because_somebody_set_another_one() {
    e2e_with("a_refused_password_does_not_count", json!({ "passwordPolicy": "length(12)" }), async |world| {
        world.connect(json!({})).await;
        world.secret("kcuser-hand", &[("password", "Sh0rtOne")]).await;
        let _operator = world.operator().await;
        world.user("hand", spec("hand", "A")).await;
        let id = world.until("hand", "PolicyRefused").await.status.unwrap().user_id.unwrap();
        let by_hand = json!({ "type": "password", "value": "set-by-an-admin", "temporary": false });
        world.keycloak.change(reqwest::Method::PUT, &format!("/users/{id}/reset-password"), by_hand).await;
        world.reconcile_now("hand").await;
        world.until("hand", "PolicyRefused").await;
        world.keycloak.change(reqwest::Method::PUT, "", json!({ "passwordPolicy": "length(4)" })).await;
        world.reconcile_now("hand").await;
        world.until("hand", "Synced").await;
        world.keycloak.login("hand", "Sh0rtOne").await.expect("it is sent when the policy allows it");
    });
}

#[test]
fn a_secret_that_is_put_back_after_a_refusal_sends_nothing() {
    let policy = json!({ "passwordPolicy": "length(12) and passwordHistory(5)" });
    e2e_with("a_secret_that_is_put_back", policy, async |world| {
        world.connect(json!({})).await;
        world.secret("kcuser-back", &[("password", "good-and-long-enough")]).await;
        let _operator = world.operator().await;
        world.user("back", spec("back", "A")).await;
        world.until("back", "Synced").await;
        world.change_secret("kcuser-back", &[("password", "Sh0rtOne")]).await;
        world.until("back", "PolicyRefused").await;
        world.change_secret("kcuser-back", &[("password", "good-and-long-enough")]).await;
        world.until("back", "Synced").await;
        assert_eq!(resets(&world).await, 0);
        world.keycloak.login("back", "good-and-long-enough").await.expect("it was there all the time");
    });
}
