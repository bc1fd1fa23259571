//! Tokens, and what is sent without one being of use.

use super::*;

#[tokio::test]
async fn a_second_refusal_is_not_tried_again() {
    let keycloak = MockServer::start().await;
    token_endpoint().respond_with(token(TOKEN)).expect(2).mount(&keycloak).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(401)).expect(2).mount(&keycloak).await;
    let error = client(&keycloak).user(&id()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::CredentialsRefused(Some("the token is not accepted")));
}

#[tokio::test]
async fn a_refused_login_is_tried_once_and_no_request_is_made() {
    let keycloak = MockServer::start().await;
    let refused = body(401, r#"{"error":"invalid_client"}"#);
    token_endpoint().respond_with(refused).expect(1).mount(&keycloak).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).expect(0).mount(&keycloak).await;
    assert_eq!(client(&keycloak).user(&id()).await.unwrap_err().operation, Operation::GetToken);
}

#[tokio::test]
async fn only_a_refused_token_is_a_reason_to_repeat_a_request() {
    for status in [400, 403, 409, 429, 500, 503] {
        let keycloak = MockServer::start().await;
        token_endpoint().respond_with(token(TOKEN)).expect(1).mount(&keycloak).await;
        Mock::given(any()).respond_with(ResponseTemplate::new(status)).expect(1).mount(&keycloak).await;
        call(&client(&keycloak), Operation::CreateUser).await.unwrap_err();
    }
}

#[tokio::test]
async fn many_requests_at_once_log_in_once() {
    let keycloak = MockServer::start().await;
    token_endpoint().respond_with(token(TOKEN)).expect(1).mount(&keycloak).await;
    let found = ResponseTemplate::new(200).set_body_json(user("johndoe", 1));
    Mock::given(bearer_token(TOKEN)).respond_with(found).expect(25).mount(&keycloak).await;
    let (client, id) = (client(&keycloak), id());
    for outcome in join_all((0..25).map(|_| client.user(&id))).await {
        assert!(outcome.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_login_sends_its_credentials_in_the_body() {
    let keycloak = keycloak(body(404, r#"{"error":"User not found"}"#)).await;
    let of_user =
        Login::Password { realm: Some("master".to_owned()), username: "root".to_owned(), password: "p&w=d".into() };
    for login in [server(&keycloak.uri()).login, of_user] {
        client_of(Server { login, ..server(&keycloak.uri()) }).user(&id()).await.unwrap();
    }
    let requests = keycloak.received_requests().await.unwrap();
    let logins: Vec<(String, String)> = requests
        .into_iter()
        .filter(|request| request.url.path().ends_with("/token"))
        .map(|request| (request.url.path().to_owned(), String::from_utf8(request.body).unwrap()))
        .collect();
    let token_of = |realm: &str| format!("/realms/{realm}/protocol/openid-connect/token");
    let of_client = format!("grant_type=client_credentials&client_id=operator&client_secret={CLIENT_SECRET}");
    let of_user = "grant_type=password&client_id=admin-cli&username=root&password=p%26w%3Dd".to_owned();
    assert_eq!(logins, [(token_of("staff"), of_client), (token_of("master"), of_user)]);
}

// What is sent

#[tokio::test]
async fn a_token_that_lives_for_ever_is_renewed_all_the_same() {
    let keycloak = MockServer::start().await;
    let login = json!({ "access_token": TOKEN, "expires_in": u64::MAX });
    token_endpoint().respond_with(ResponseTemplate::new(200).set_body_json(login)).mount(&keycloak).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(404)).mount(&keycloak).await;
    let error = client(&keycloak).user(&id()).await.unwrap_err();
    assert_eq!(error.operation, Operation::GetUser, "the login went well: {error}");
}
