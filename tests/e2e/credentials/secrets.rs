//! Secrets of every kind: shared, deleted, immutable, of a type, not text.

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::*;
use crate::support::{e2e_with, password_from};

pub(super) async fn create(world: &World, secret: Value) {
    let secret: Secret = serde_json::from_value(secret).expect("a Secret");
    world.api::<Secret>().create(&PostParams::default(), &secret).await.expect("the Secret");
}

async fn delete(world: &World, name: &str) {
    world.api::<Secret>().delete(name, &DeleteParams::default()).await.expect("the Secret");
}

#[test]
fn a_change_of_a_shared_secret_updates_each_user_once() {
    e2e_with("a_change_of_a_shared_secret", realm(HISTORY), async |world| {
        world.connect(json!({})).await;
        let _operator = world.operator().await;
        world.secret("shared", &[("password", FIRST)]).await;
        let names = ["ann", "ben", "cleo", "dora"];
        for name in names {
            world
                .user(
                    name,
                    json!({ "username": name, "firstName": "F", "lastName": "L",
                "email": format!("{name}@example.com"), "credentials": password_from("shared") }),
                )
                .await;
        }
        for name in names {
            world.until(name, "Synced").await;
        }
        world.change_secret("shared", &[("password", SECOND)]).await;
        for name in names {
            until_login(&world, name, SECOND).await;
            world.reconcile_now(name).await;
            assert_eq!(resets_of(&world, name).await, 1, "{name}");
            world.keycloak.login(name, FIRST).await.expect_err("the old one");
        }
    });
}

#[test]
fn an_account_keeps_its_password_when_the_secret_goes_and_the_condition_says_so() {
    e2e_with("an_account_keeps_its_password", realm(HISTORY), async |world| {
        world.connect(json!({})).await;
        let _operator = world.operator().await;
        make(&world, "bereft", json!({})).await;
        delete(&world, "kcuser-bereft").await;
        let user = world.until("bereft", "SecretNotFound").await;
        assert_eq!(synced(&user), ("False".to_owned(), "SecretNotFound".to_owned()));
        let message = condition(&user, "CredentialsSynced").unwrap().message.clone();
        assert!(message.contains("kcuser-bereft") && message.contains("keeps the password"), "{message}");
        world.keycloak.login("bereft", FIRST).await.expect("it is kept");
        world.secret("kcuser-bereft", &[("password", FIRST)]).await;
        world.until("bereft", "Synced").await;
        assert_eq!(resets_of(&world, "bereft").await, 0);
        world.secret("kcuser-bereft", &[("password", SECOND)]).await;
        until_login(&world, "bereft", SECOND).await;
    });
}

#[test]
fn secrets_that_cannot_be_changed_and_secrets_of_a_type_are_as_good_as_any() {
    e2e_with("secrets_of_every_type", realm(HISTORY), async |world| {
        world.connect(json!({})).await;
        let _operator = world.operator().await;
        let types = [
            json!({ "type": "Opaque", "immutable": true }),
            json!({ "type": "kubernetes.io/basic-auth" }),
            json!({ "type": "example.com/made-up" }),
        ];
        for (index, kind) in types.into_iter().enumerate() {
            let name = format!("typed-{index}");
            let secret = |value: &str| {
                let mut secret = kind.clone();
                secret["metadata"] = json!({ "name": format!("kcuser-{name}") });
                secret["stringData"] = json!({ "username": "any", "password": value });
                secret
            };
            create(&world, secret(FIRST)).await;
            world.user(&name, spec(&name, json!({}))).await;
            world.until(&name, "Synced").await;
            world.keycloak.login(&name, FIRST).await.expect("the first");
            delete(&world, &format!("kcuser-{name}")).await;
            create(&world, secret(SECOND)).await;
            until_login(&world, &name, SECOND).await;
            world.until(&name, "Synced").await;
            assert_eq!(resets_of(&world, &name).await, 1);
        }
    });
}

#[test]
fn a_value_that_is_not_text_is_refused_by_the_name_of_its_key() {
    e2e_with("a_value_that_is_not_text", realm(HISTORY), async |world| {
        world.connect(json!({})).await;
        let _operator = world.operator().await;
        let bytes = k8s_openapi::ByteString(b"binary-\xff\xfe-value".to_vec());
        let binary = json!({ "metadata": { "name": "kcuser-binary" }, "data": { "password": bytes } });
        create(&world, binary.clone()).await;
        world.user("binary", spec("binary", json!({}))).await;
        let user = world.until("binary", "SecretValueNotText").await;
        let message = condition(&user, "Ready").unwrap().message.clone();
        assert!(message.contains("key password") && message.contains("not UTF-8"), "{message}");
        assert!(!message.contains("binary-") && !message.contains("value-"), "{message}");
        assert_eq!(world.keycloak.user("binary").await, None);

        let api: Api<Secret> = world.api();
        let text = json!({ "data": null, "stringData": { "password": FIRST } });
        api.patch("kcuser-binary", &PatchParams::default(), &Patch::Merge(text)).await.expect("the Secret");
        world.until("binary", "Synced").await;
        api.patch("kcuser-binary", &PatchParams::default(), &Patch::Merge(binary)).await.expect("the Secret");
        let user = world.until("binary", "SecretValueNotText").await;
        assert_eq!(synced(&user), ("False".to_owned(), "SecretValueNotText".to_owned()));
        world.keycloak.login("binary", FIRST).await.expect("it is kept");
    });
}
