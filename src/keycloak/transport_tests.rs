//! The client against a scripted server: what it sends, what it makes of each answer, and what it never repeats.

#[path = "transport_tests/answers.rs"]
mod answers;
#[path = "transport_tests/broken.rs"]
mod broken;
#[path = "transport_tests/login.rs"]
mod login;
#[path = "transport_tests/requests.rs"]
mod requests;
#[path = "transport_tests/silence.rs"]
mod silence;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use futures::future::join_all;
use rustls::CertificateError;
use secrecy::SecretString;
use serde_json::{Value, json};
use wiremock::matchers::{any, bearer_token, body_json, method, path, path_regex, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::domain::{BirthMark, Editors, NewUser, ObjectId, ProfileUpdate, Right, RightName, UnmanagedPolicy, UserId};
use crate::keycloak::answer::reason;
use crate::keycloak::{ConflictWith, Feed, FieldError};

const ID: &str = "8c7d2f3e-0000-4000-8000-000000000000";
const PASSWORD: &str = "correct-horse-battery";
const CLIENT_SECRET: &str = "staple-of-the-client";
const TOKEN: &str = "token-of-the-server";
/// What a server says that must not be readable through a status.
const FOREIGN: &str = "internal-billing-record-4711";

fn server(url: &str) -> Server {
    let login = Login::ClientCredentials { id: "operator".to_owned(), secret: CLIENT_SECRET.into() };
    Server { url: url.parse().unwrap(), realm: "staff".to_owned(), login, certificate_authorities: None }
}

fn open() -> Fence {
    Fence::new(|_| true)
}

thread_local! {
    /// What `Client::new` makes, once per test: reading the system's authorities takes longer than a whole exchange.
    static HTTP: reqwest::Client = {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Client::new(server("http://unused"), KeycloakMetrics::default(), open()).unwrap().http
    };
}

fn client_of(server: Server) -> Client {
    Client {
        server_time: Mutex::default(),
        http: HTTP.with(Clone::clone),
        budget: budget(&server, RequestLimits::default(), &KeycloakMetrics::default(), Notice::none()),
        server,
        token: Kept::default(),
        metrics: KeycloakMetrics::default(),
        fence: open(),
        own_writes: OwnWrites::default(),
        absent_since: Mutex::new(None),
    }
}

fn client(keycloak: &MockServer) -> Client {
    client_of(server(&keycloak.uri()))
}

fn token_endpoint() -> wiremock::MockBuilder {
    Mock::given(path_regex("^/.*/protocol/openid-connect/token$"))
}

fn token(value: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({ "access_token": value, "expires_in": 60, "scope": "profile" }))
}

/// A server that logs everybody in, and gives that answer to everything else.
async fn keycloak(answer: ResponseTemplate) -> MockServer {
    let keycloak = MockServer::start().await;
    token_endpoint().respond_with(token(TOKEN)).mount(&keycloak).await;
    Mock::given(any()).respond_with(answer).mount(&keycloak).await;
    keycloak
}

fn body(status: u16, body: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw(body, "application/json")
}

fn id() -> UserId {
    UserId::parse(ID).unwrap()
}

fn new_user() -> NewUser {
    NewUser {
        created_timestamp: 1_764_000_000_123,
        username: "JohnDoe".to_owned(),
        first_name: Some("John".to_owned()),
        last_name: None,
        email: None,
        email_verified: None,
        enabled: true,
        attributes: BTreeMap::new(),
        groups: Vec::new(),
        required_actions: std::collections::BTreeSet::new(),
    }
}

fn user(username: &str, created_timestamp: i64) -> Value {
    json!({ "id": ID, "username": username, "createdTimestamp": created_timestamp, "enabled": true, "access": {} })
}

/// Makes one call of that kind; logging in is what each of them does first.
async fn call(client: &Client, operation: Operation) -> Result<(), KeycloakError> {
    let password = SecretString::from(PASSWORD);
    match operation {
        Operation::GetUser | Operation::GetToken => client.user(&id()).await.map(drop),
        Operation::FindUsers => client.user_named("johndoe").await.map(drop),
        Operation::CreateUser => client.create_user(&new_user(), Some((&password, true))).await.map(drop),
        Operation::UpdateUser => client.update_user(&id(), &ProfileUpdate::default()).await,
        Operation::DeleteUser => client.delete_user(&id()).await,
        Operation::GetCredentials => client.password_created_date(&id()).await.map(drop),
        Operation::ResetPassword => client.reset_password(&id(), &password, false).await,
        Operation::GetUserProfile => client.user_profile().await.map(drop),
        Operation::GetRealm => client.password_policy().await.map(drop),
        Operation::LogOut => client.log_out(&id()).await,
        Operation::FindOfflineClients => client.clients_with_offline_sessions(&id()).await.map(drop),
        Operation::FindOfflineSessions => client.offline_sessions(&id(), "client").await.map(drop),
        Operation::DeleteOfflineSession => client.delete_offline_session("session").await,
        Operation::GetRealmKey => client.realm_identity().await.map(drop),
        Operation::GetEffectiveRoles => client.effective_realm_roles(&id()).await.map(drop),
        Operation::GetRoleMappings => client.roles_of(&id()).await.map(drop),
        Operation::GetGroups => client.groups_of(&id()).await.map(drop),
        Operation::GetMembers => client.members(&role(), None, 0, 1).await.map(drop),
        Operation::GetRole => client.realm_role("r").await.map(drop),
        Operation::GetClientRole => client.client_role(&object_id(), "r").await.map(drop),
        Operation::GetComposites => client.composites_of(&object_id()).await.map(drop),
        Operation::GetClient => client.client_id("app").await.map(drop),
        Operation::GetGroup => client.group_at("/a").await.map(drop),
        Operation::GetRealmDefaults => client.realm_defaults().await.map(drop),
        Operation::GetRequiredActions => client.required_actions().await.map(drop),
        Operation::AddRoles => client.add_roles(&id(), None, &[role()]).await,
        Operation::RemoveRoles => client.remove_roles(&id(), None, &[role()]).await,
        Operation::JoinGroup => client.join_group(&id(), &object_id()).await,
        Operation::LeaveGroup => client.leave_group(&id(), &object_id()).await,
        Operation::GetEventsConfig => client.recorded_feeds().await.map(drop),
        Operation::GetAdminEvents => client.newest_event(Feed::AdminEvents).await.map(drop),
        Operation::GetUserEvents => client.newest_event(Feed::UserEvents).await.map(drop),
    }
}

fn object_id() -> ObjectId {
    ObjectId::parse(ID).unwrap()
}

fn role() -> Right {
    Right { name: RightName::RealmRole("r".to_owned()), id: object_id() }
}

const ALL: [Operation; Operation::ALL.len()] = Operation::ALL;

/// The error that this answer to that call gives.
async fn error(operation: Operation, answer: ResponseTemplate) -> KeycloakError {
    let keycloak = MockServer::start().await;
    if operation != Operation::GetToken {
        token_endpoint().respond_with(token(TOKEN)).mount(&keycloak).await;
    }
    Mock::given(any()).respond_with(answer).mount(&keycloak).await;
    let error = call(&client(&keycloak), operation).await.unwrap_err();
    assert_eq!(error.operation, operation);
    error
}

async fn assert_kinds<const N: usize>(table: [(Operation, u16, &str, ErrorKind); N]) {
    for (operation, status, text, expected) in table {
        let kind = error(operation, body(status, text)).await.kind;
        assert_eq!(kind, expected, "{operation:?} answered with {status} {text}");
    }
}

fn rejected(errors: &[(Option<&str>, &'static str)]) -> ErrorKind {
    let own = |(field, problem): &(Option<&str>, &'static str)| FieldError { field: field.map(str::to_owned), problem };
    ErrorKind::Rejected(errors.iter().map(own).collect())
}

fn forbidden(role: &str) -> ErrorKind {
    ErrorKind::Forbidden(match role {
        "manage-users" => "role manage-users of realm-management",
        "view-clients" => "role view-clients of realm-management",
        other => panic!("no call needs {other}"),
    })
}

fn unexpected(detail: &str) -> ErrorKind {
    ErrorKind::Unexpected(detail.to_owned())
}

// What an answer means

#[tokio::test]
async fn a_refused_login_says_what_is_refused() {
    let client_refused = Some("wrong client ID or secret, or the client has no service account");
    let user_refused = Some("wrong username or password, or the login needs more than a password");
    assert_kinds([
        (Operation::GetToken, 401, r#"{"error":"invalid_client"}"#, ErrorKind::CredentialsRefused(client_refused)),
        (Operation::GetToken, 401, r#"{"error":"unauthorized_client"}"#, ErrorKind::CredentialsRefused(client_refused)),
        (Operation::GetToken, 400, r#"{"error":"unauthorized_client"}"#, ErrorKind::CredentialsRefused(client_refused)),
        (Operation::GetToken, 401, r#"{"error":"invalid_grant"}"#, ErrorKind::CredentialsRefused(user_refused)),
        (Operation::GetToken, 400, r#"{"error":"invalid_grant"}"#, ErrorKind::CredentialsRefused(user_refused)),
        (Operation::GetToken, 401, "", ErrorKind::CredentialsRefused(None)),
        (Operation::GetToken, 401, "<html>", ErrorKind::CredentialsRefused(None)),
    ])
    .await;
}

/// The requests without the logins.
async fn admin_requests(keycloak: &MockServer) -> Vec<wiremock::Request> {
    let mut requests = keycloak.received_requests().await.unwrap();
    requests.retain(|request| !request.url.path().ends_with("/token"));
    requests
}
