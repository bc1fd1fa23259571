//! Ways to reach a Keycloak: TLS with an authority of one's own, and a login by password.

use k8s_openapi::api::core::v1::ConfigMap;
use keycloak_user_operator::api::KeycloakConnection;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use crate::support::{World, bed, condition, e2e_with};

fn ca() -> String {
    std::fs::read_to_string(bed().keycloak_ca()).expect("the bed's authority")
}

async fn config_map(world: &World, name: &str, text: &str) {
    let map = json!({ "metadata": { "name": name }, "data": { "ca.crt": text } });
    let maps: Api<ConfigMap> = world.api();
    maps.create(&PostParams::default(), &serde_json::from_value(map).unwrap()).await.expect("the ConfigMap");
}

#[test]
fn a_server_is_trusted_by_the_authority_that_the_connection_names_and_by_no_other() {
    e2e_with("a_server_is_trusted_by_the_authority", json!({}), async |world| {
        let url = bed().keycloak_https_url();
        world.connect(json!({ "url": url, "allowHttp": false })).await;
        let _operator = world.operator().await;
        world.user("tls", json!({ "username": "tls-user" })).await;
        let user = world.until("tls", "KeycloakUnreachable").await;
        assert!(condition(&user, "Ready").unwrap().message.contains("certificate"), "{:?}", user.status);

        let with_ca = |kind: &str, name: &str| {
            json!({ "url": url, "allowHttp": false,
            "tls": { "caRef": { "kind": kind, "name": name, "key": "ca.crt" } } })
        };
        world.connection("default", with_ca("ConfigMap", "sso-ca")).await;
        world.until("tls", "CertificateAuthorityNotFound").await;
        config_map(&world, "sso-ca", "not a certificate").await;
        world.until("tls", "CertificateAuthorityInvalid").await;
        let maps: Api<ConfigMap> = world.api();
        let patch = Patch::Merge(json!({ "data": { "ca.crt": ca() } }));
        maps.patch("sso-ca", &PatchParams::default(), &patch).await.unwrap();
        world.until("tls", "Synced").await;

        world.secret("sso-ca", &[("ca.crt", &ca())]).await;
        world.connection("default", with_ca("Secret", "sso-ca")).await;
        world.until_tried("default").await;
        world.user("tls", json!({ "username": "tls-user", "firstName": "Secret" })).await;
        world.until_account("tls-user", "the new name", |user| user["firstName"] == "Secret").await;
    });
}

#[test]
fn a_login_by_password_works_in_the_managed_realm_and_in_another() {
    e2e_with("a_login_by_password_works", json!({}), async |world| {
        world.secret("master-admin", &[("username", "admin"), ("password", "admin")]).await;
        let login = |realm: Option<&str>| json!({ "auth": { "password": { "secretRef": { "name": "master-admin" }, "realm": realm } } });
        world.connection("default", login(Some("master"))).await;
        let _operator = world.operator().await;
        world.user("pw", json!({ "username": "by-password" })).await;
        world.until("pw", "Synced").await;
        world.connection("default", login(None)).await;
        world.user("pw", json!({ "username": "by-password", "firstName": "A" })).await;
        let user = world.until("pw", "CredentialsRefused").await;
        assert!(condition(&user, "Ready").unwrap().message.contains("wrong username or password"));
    });
}

#[test]
fn a_user_may_name_any_connection_of_its_namespace() {
    e2e_with("a_user_may_name_any_connection", json!({}), async |world| {
        world.connect(json!({})).await;
        world.connection("second", json!({})).await;
        let _operator = world.operator().await;
        world.user("other", json!({ "username": "other", "connectionRef": { "name": "second" } })).await;
        world.until("other", "Synced").await;
        let connections: Api<KeycloakConnection> = world.api();
        connections.delete("second", &Default::default()).await.unwrap();
        world.until("other", "ConnectionNotFound").await;
    });
}

#[test]
fn a_server_that_never_answers_is_told_from_one_that_is_not_there() {
    e2e_with("a_server_that_never_answers", json!({}), async |world| {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        world.connect(json!({ "url": format!("http://{}", silent.local_addr().unwrap()) })).await;
        let _operator = world.operator().await;
        world.user("quiet", json!({ "username": "quiet" })).await;
        let user = world.until("quiet", "KeycloakTimeout").await;
        assert!(condition(&user, "Ready").unwrap().message.contains("no answer from Keycloak within 10 s"));
        drop(silent);
        world.connection("default", json!({})).await;
        world.until("quiet", "Synced").await;
    });
}
