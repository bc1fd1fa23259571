//! Who looks for the same at the same time shares one request.

use futures::future::join_all;
use serde_json::json;
use wiremock::matchers::{path, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::keycloak::{Fence, KeycloakMetrics, Login, Server};

const ID: &str = "8c7d2f3e-0000-4000-8000-000000000000";
const USERS: usize = 30;

/// A server that answers each of these paths once, and takes its time.
async fn keycloak(answers: &[(&str, serde_json::Value)]) -> (MockServer, Client) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let keycloak = MockServer::start().await;
    let token = ResponseTemplate::new(200).set_body_json(json!({ "access_token": "t", "expires_in": 60 }));
    Mock::given(path_regex("/token$")).respond_with(token).mount(&keycloak).await;
    for (below, body) in answers {
        let answer = ResponseTemplate::new(200).set_body_json(body).set_delay(Duration::from_millis(50));
        let expected = Mock::given(path(format!("/admin/realms/staff{below}"))).respond_with(answer).expect(1);
        expected.named(*below).mount(&keycloak).await;
    }
    let login = Login::ClientCredentials { id: "operator".to_owned(), secret: "secret".into() };
    let url = keycloak.uri().parse().unwrap();
    let server = Server { url, realm: "staff".to_owned(), login, certificate_authorities: None };
    (keycloak, Client::new(server, KeycloakMetrics::default(), Fence::new(|_| true)).unwrap())
}

#[tokio::test]
async fn thirty_users_with_the_same_role_group_and_client_role_make_one_look_up_of_each() {
    let role = json!({ "id": ID, "name": "base", "composite": false, "clientRole": false, "containerId": ID });
    let of_client = json!({ "id": ID, "name": "viewer", "composite": false, "clientRole": true, "containerId": ID });
    let (keycloak, client) = keycloak(&[
        ("/roles/base", role),
        ("/group-by-path/team", json!({ "id": ID, "name": "team", "path": "/team" })),
        ("/clients", json!([{ "id": ID, "clientId": "app" }])),
        (&format!("/clients/{ID}/roles/viewer"), of_client),
    ])
    .await;
    let names = [
        RightName::RealmRole("base".to_owned()),
        RightName::Group("/team".to_owned()),
        RightName::ClientRole { client: "app".to_owned(), role: "viewer".to_owned() },
    ];
    let directory = Directory::default();
    let all_at_once = (0..USERS).flat_map(|_| &names);
    let there = join_all(all_at_once.map(|name| directory.is_there(&client, name))).await;
    assert!(there.into_iter().all(|found| found == Ok(true)));
    keycloak.verify().await;
}

#[tokio::test]
async fn what_was_known_of_rights_is_looked_for_anew_when_it_is_forgotten() {
    let role = json!({ "id": ID, "name": "base", "composite": false, "clientRole": false, "containerId": ID });
    let (keycloak, client) = keycloak(&[]).await;
    let answer = ResponseTemplate::new(200).set_body_json(role);
    Mock::given(path("/admin/realms/staff/roles/base")).respond_with(answer).expect(2).mount(&keycloak).await;
    let (directory, name) = (Directory::default(), RightName::RealmRole("base".to_owned()));
    let names = BTreeSet::from([name]);
    for _ in 0..2 {
        directory.graph(&client, &names, Use::Report).await.unwrap();
        directory.graph(&client, &names, Use::Report).await.unwrap();
        directory.forget_rights();
    }
    keycloak.verify().await;
}

#[test]
fn what_takes_long_to_read_is_taken_for_current_for_longer_but_never_for_long() {
    let milliseconds = |took| before_a_write(Duration::from_millis(took)).as_millis();
    assert_eq!([0, 25, 50, 100, 5000].map(milliseconds), [250, 250, 500, 1000, 1000]);
}
