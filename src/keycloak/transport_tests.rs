//! The client against a scripted server: what it sends, what it makes of each answer, and what it never repeats.

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

#[tokio::test]
async fn a_missing_right_is_told_from_a_refused_token() {
    let not_accepted = ErrorKind::CredentialsRefused(Some("the token is not accepted"));
    assert_kinds([
        (Operation::GetUser, 401, r#"{"error":"HTTP 401 Unauthorized"}"#, not_accepted),
        (Operation::GetUser, 403, r#"{"error":"HTTP 403 Forbidden"}"#, forbidden("manage-users")),
        (Operation::CreateUser, 403, "", forbidden("manage-users")),
        (Operation::GetClient, 403, "", forbidden("view-clients")),
        (Operation::GetRole, 403, "", ErrorKind::Forbidden("role view-realm of realm-management")),
        (Operation::GetClientRole, 403, "", ErrorKind::Forbidden("role view-clients of realm-management")),
    ])
    .await;
}

#[tokio::test]
async fn a_role_that_is_gone_is_told_from_an_account_that_is_gone() {
    assert_kinds([
        (Operation::AddRoles, 404, r#"{"error":"Role not found"}"#, ErrorKind::NoSuchObject),
        (Operation::AddRoles, 404, r#"{"error":"Client not found"}"#, ErrorKind::NoSuchObject),
        (Operation::JoinGroup, 404, r#"{"error":"Group not found"}"#, ErrorKind::NoSuchObject),
        (Operation::JoinGroup, 404, r#"{"error":"User not found"}"#, ErrorKind::NotFound),
        (Operation::JoinGroup, 404, r#"{"error":"HTTP 404 Not Found"}"#, unexpected("status 404")),
        (Operation::GetUserProfile, 404, r#"{"error":"Role not found"}"#, unexpected("status 404")),
    ])
    .await;
}

#[tokio::test]
async fn a_role_that_was_never_there_is_no_error() {
    for (operation, text) in [
        (Operation::GetRole, r#"{"error":"Could not find role"}"#),
        (Operation::GetClientRole, r#"{"error":"Could not find client"}"#),
        (Operation::GetGroup, r#"{"error":"Group path does not exist"}"#),
    ] {
        let keycloak = MockServer::start().await;
        token_endpoint().respond_with(token(TOKEN)).mount(&keycloak).await;
        Mock::given(any()).respond_with(body(404, text)).mount(&keycloak).await;
        call(&client(&keycloak), operation).await.unwrap();
    }
}

#[tokio::test]
async fn roles_are_taken_away_by_name_and_never_all_of_them() {
    let keycloak = MockServer::start().await;
    token_endpoint().respond_with(token(TOKEN)).mount(&keycloak).await;
    let named = Mock::given(method("DELETE")).and(body_json(json!([{ "id": ID, "name": "r" }])));
    named.respond_with(ResponseTemplate::new(204)).expect(1).mount(&keycloak).await;
    let client = client(&keycloak);
    client.remove_roles(&id(), None, &[role()]).await.unwrap();
    client.remove_roles(&id(), None, &[]).await.unwrap();
}

#[tokio::test]
async fn a_missing_realm_is_told_from_a_missing_account() {
    assert_kinds([
        (Operation::GetToken, 404, r#"{"error":"Realm does not exist"}"#, ErrorKind::RealmNotFound),
        (Operation::GetUser, 404, r#"{"error":"Realm not found."}"#, ErrorKind::RealmNotFound),
        (Operation::DeleteUser, 404, r#"{"error":"Realm not found."}"#, ErrorKind::RealmNotFound),
        (Operation::UpdateUser, 404, r#"{"error":"User not found"}"#, ErrorKind::NotFound),
        (Operation::ResetPassword, 404, r#"{"error":"User not found"}"#, ErrorKind::NotFound),
        (Operation::GetCredentials, 404, r#"{"error":"User not found"}"#, ErrorKind::NotFound),
    ])
    .await;
}

#[tokio::test]
async fn an_account_that_the_server_does_not_know_is_none_and_needs_no_deletion() {
    let keycloak = keycloak(body(404, r#"{"error":"User not found"}"#)).await;
    let client = client(&keycloak);
    assert_eq!(client.user(&id()).await.unwrap(), None);
    client.delete_user(&id()).await.unwrap();
}

#[tokio::test]
async fn an_account_that_the_server_does_not_know_has_no_sessions() {
    client(&keycloak(body(404, r#"{"error":"User not found"}"#)).await).end_sessions(&id()).await.unwrap();
}

#[tokio::test]
async fn an_offline_session_that_has_ended_meanwhile_is_no_failure() {
    let keycloak = MockServer::start().await;
    token_endpoint().respond_with(token(TOKEN)).mount(&keycloak).await;
    let logout = Mock::given(method("POST")).and(path(format!("/admin/realms/staff/users/{ID}/logout")));
    logout.respond_with(ResponseTemplate::new(204)).expect(1).mount(&keycloak).await;
    let consents = json!([{ "clientId": "app", "additionalGrants": [{ "client": "c1", "key": "Offline Token" }] }]);
    let list = |tail: &str| Mock::given(method("GET")).and(path(format!("/admin/realms/staff/users/{ID}/{tail}")));
    list("consents").respond_with(ResponseTemplate::new(200).set_body_json(consents)).mount(&keycloak).await;
    let sessions = json!([{ "id": "s-1", "username": "johndoe" }, { "id": "s-2" }]);
    list("offline-sessions/c1").respond_with(ResponseTemplate::new(200).set_body_json(sessions)).mount(&keycloak).await;
    for (session, answer) in [("s-1", body(404, r#"{"error":"Sesssion not found"}"#)), ("s-2", body(204, ""))] {
        let delete = Mock::given(method("DELETE")).and(path(format!("/admin/realms/staff/sessions/{session}")));
        delete.and(query_param("isOffline", "true")).respond_with(answer).expect(1).mount(&keycloak).await;
    }
    client(&keycloak).end_sessions(&id()).await.unwrap();
}

#[tokio::test]
async fn an_id_of_dots_leads_nowhere() {
    for dots in [".", "..", ""] {
        let keycloak = keycloak(ResponseTemplate::new(200).set_body_json(json!([{ "id": dots }]))).await;
        let kind = client(&keycloak).offline_sessions(&id(), "client").await.unwrap_err().kind;
        assert_eq!(kind, unexpected("an id of another form"));
    }
}

#[tokio::test]
async fn a_404_of_something_else_does_not_say_that_the_account_is_gone() {
    let gateway = "<html><body>404 page not found</body></html>";
    let spring = r#"{"timestamp":"2026-01-01T00:00:00Z","status":404,"error":"Not Found","path":"/admin"}"#;
    let other_path = r#"{"error":"Unable to find matching target resource method"}"#;
    for operation in ALL {
        for text in [gateway, spring, other_path, "", "{}", r#"{"error":"User not fou"#] {
            assert_kinds([(operation, 404, text, unexpected("status 404"))]).await;
        }
    }
}

#[tokio::test]
async fn a_conflict_says_what_is_taken() {
    let username = r#"{"errorMessage":"User exists with same username"}"#;
    let email = r#"{"errorMessage":"User exists with same email"}"#;
    let either = r#"{"errorMessage":"User exists with same username or email"}"#;
    assert_kinds([
        (Operation::CreateUser, 409, username, ErrorKind::Conflict(ConflictWith::Username)),
        (Operation::UpdateUser, 409, username, ErrorKind::Conflict(ConflictWith::Username)),
        (Operation::CreateUser, 409, email, ErrorKind::Conflict(ConflictWith::Email)),
        (Operation::UpdateUser, 409, email, ErrorKind::Conflict(ConflictWith::Email)),
        (Operation::CreateUser, 409, either, ErrorKind::Conflict(ConflictWith::Either)),
    ])
    .await;
}

#[tokio::test]
async fn a_refused_value_is_named_with_its_field() {
    let one = r#"{"field":"email","errorMessage":"error-invalid-email","params":["email"]}"#;
    let several = r#"{"errors":[
        {"field":"firstName","errorMessage":"error-person-name-invalid-character","params":["firstName"]},
        {"field":"team","errorMessage":"error-invalid-multivalued-size","params":["team",0,1]}]}"#;
    let message = r#"{"errorMessage":"User is read only!"}"#;
    let oauth = r#"{"error":"No password provided","error_description":"For more on this error consult the log."}"#;
    let name_problem = "has a character that a name may not have";
    let size_problem = "has a number of values that the user profile does not allow";
    assert_kinds([
        (Operation::CreateUser, 400, one, rejected(&[(Some("email"), "is not a valid e-mail address")])),
        (
            Operation::UpdateUser,
            400,
            several,
            rejected(&[(Some("firstName"), name_problem), (Some("team"), size_problem)]),
        ),
        (Operation::UpdateUser, 400, message, rejected(&[(None, "the account lives in a read-only directory")])),
        (Operation::ResetPassword, 400, oauth, rejected(&[(None, "was refused by the realm")])),
    ])
    .await;
}

#[tokio::test]
async fn a_refused_password_says_which_rule_it_breaks() {
    let short =
        r#"{"error":"invalidPasswordMinLengthMessage","error_description":"Invalid password: minimum length 8."}"#;
    let new_rule = r#"{"error":"invalidPasswordMoonPhaseMessage","error_description":"Not tonight."}"#;
    let used =
        r#"{"error":"invalidPasswordHistoryMessage","error_description":"Must not equal any of last 5 passwords."}"#;
    let created = r#"{"errorMessage":"invalidPasswordMinDigitsMessage"}"#;
    assert_kinds([
        (Operation::ResetPassword, 400, short, ErrorKind::PasswordRejected("it is too short")),
        (Operation::CreateUser, 400, created, ErrorKind::PasswordRejected("it has too few digits")),
        (Operation::ResetPassword, 400, new_rule, ErrorKind::PasswordRejected("it breaks a rule of the policy")),
        (Operation::ResetPassword, 400, used, ErrorKind::PasswordInHistory),
    ])
    .await;
}

#[tokio::test]
async fn trouble_of_the_server_is_told_from_a_refused_value() {
    let catch_all = r#"{"errorMessage":"Could not update user!"}"#;
    let locked = r#"{"errorMessage":"Could not create user"}"#;
    let password = r#"{"error":"Database operation failed","error_description":"Database operation failed"}"#;
    let unknown = r#"{"error":"unknown_error","error_description":"For more on this error consult the server log."}"#;
    assert_kinds([
        (Operation::UpdateUser, 400, catch_all, ErrorKind::Server(400)),
        (Operation::CreateUser, 400, locked, ErrorKind::Server(400)),
        (Operation::ResetPassword, 400, password, ErrorKind::Server(400)),
        (Operation::ResetPassword, 500, unknown, ErrorKind::Server(500)),
        (Operation::GetUser, 502, "<html>Bad Gateway</html>", ErrorKind::Server(502)),
        (Operation::GetToken, 503, "", ErrorKind::Server(503)),
        (Operation::GetUser, 599, "", ErrorKind::Server(599)),
    ])
    .await;
}

#[tokio::test]
async fn a_conflict_that_names_nothing_taken_is_a_lost_race() {
    for operation in ALL {
        for text in [r#"{"error":"conflict"}"#, "", r#"{"errorMessage":"User exists with sa"#] {
            assert_kinds([(operation, 409, text, ErrorKind::Server(409))]).await;
        }
    }
}

#[tokio::test]
async fn a_call_that_brings_no_values_cannot_have_one_refused() {
    let text = r#"{"field":"email","errorMessage":"error-invalid-email","params":["email"]}"#;
    for operation in [Operation::GetUser, Operation::FindUsers, Operation::DeleteUser, Operation::GetUserProfile] {
        assert_kinds([(operation, 400, text, unexpected("status 400"))]).await;
    }
}

#[tokio::test]
async fn a_write_is_not_done_when_something_before_keycloak_answers_with_a_page() {
    for operation in [Operation::CreateUser, Operation::UpdateUser, Operation::DeleteUser, Operation::ResetPassword] {
        for text in ["<html>Sign in</html>", "", r#"[{"id":"8c7d2f3e-00"#] {
            assert_kinds([(operation, 200, text, unexpected("status 200"))]).await;
        }
    }
}

#[tokio::test]
async fn a_400_that_keycloak_did_not_write_refuses_no_value() {
    for text in
        ["<html>Bad Request</html>", "", "{}", r#"{"errorMessage":"error-invalid-em"#, "[]", r#"{"message":"no"}"#]
    {
        assert_kinds([(Operation::UpdateUser, 400, text, unexpected("status 400"))]).await;
    }
}

#[tokio::test]
async fn a_server_that_asks_for_fewer_requests_is_heard() {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    for operation in [Operation::GetToken, Operation::GetUser, Operation::CreateUser] {
        for (status, retry_after, expected) in [
            (429, None, ErrorKind::Throttled(None)),
            (429, Some("7"), ErrorKind::Throttled(seconds(7))),
            (503, Some("120"), ErrorKind::Throttled(seconds(120))),
            (429, Some("0"), ErrorKind::Throttled(seconds(1))),
            (429, Some("86400"), ErrorKind::Throttled(seconds(300))),
            (429, Some("18446744073709551615"), ErrorKind::Throttled(seconds(300))),
            (429, Some("Wed, 21 Oct 2026 07:28:00 GMT"), ErrorKind::Throttled(None)),
            (429, Some("-5"), ErrorKind::Throttled(None)),
            (503, None, ErrorKind::Server(503)),
            (500, Some("7"), ErrorKind::Server(500)),
        ] {
            let answer = ResponseTemplate::new(status);
            let answer =
                retry_after.into_iter().fold(answer, |answer, value| answer.insert_header("retry-after", value));
            assert_eq!(error(operation, answer).await.kind, expected, "{status} {retry_after:?}");
        }
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = MockServer::start().await;
    Mock::given(any()).respond_with(token(TOKEN)).expect(0).mount(&elsewhere).await;
    for status in [301, 302, 303, 307, 308] {
        for operation in ALL {
            let answer = ResponseTemplate::new(status).insert_header("location", elsewhere.uri());
            assert_eq!(error(operation, answer).await.kind, unexpected(&format!("status {status}")));
        }
    }
}

#[tokio::test]
async fn a_success_that_is_not_the_expected_json_is_not_believed() {
    for operation in [
        Operation::GetToken,
        Operation::GetUser,
        Operation::FindUsers,
        Operation::GetUserProfile,
        Operation::GetRealm,
        Operation::FindOfflineSessions,
    ] {
        for text in ["<html>Sign in</html>", "", r#"{"id":"8c7d2f3e","usern"#, "[{}]", "7"] {
            let kind = error(operation, body(200, text)).await.kind;
            let ErrorKind::Unexpected(detail) = kind else { panic!("{operation:?} of {text}: {kind:?}") };
            assert!(detail.starts_with("not the expected JSON at line "), "{detail}");
        }
    }
}

#[tokio::test]
async fn an_id_that_could_lead_elsewhere_is_not_believed() {
    let odd = r#"{"id":"../../master/users/1","username":"johndoe"}"#;
    assert_kinds([(Operation::GetUser, 200, odd, unexpected("an id of another form"))]).await;
    let keycloak = keycloak(body(200, &format!("[{odd}]"))).await;
    assert_eq!(client(&keycloak).user_named("johndoe").await.unwrap(), None);
}

#[tokio::test]
async fn an_answer_of_more_than_four_mebibytes_is_not_read() {
    let padded = |length: usize| {
        let text = user("johndoe", 1).to_string();
        let padding = " ".repeat(length - text.len());
        body(200, &(text + &padding))
    };
    let too_large = error(Operation::GetUser, padded((4 << 20) + 1)).await.kind;
    assert_eq!(too_large, unexpected("more than 4194304 bytes"));
    let keycloak = keycloak(padded(4 << 20)).await;
    assert!(client(&keycloak).user(&id()).await.unwrap().is_some());
}

// No answer

/// A server that answers each connection with the next of these bytes, and hangs up.
fn raw_server(answers: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for answer in answers {
            let (mut connection, _) = listener.accept().unwrap();
            let _ = connection.read(&mut [0; 8192]).unwrap();
            connection.write_all(answer.as_bytes()).unwrap();
        }
    });
    url
}

#[tokio::test]
async fn a_refused_connection_is_unreachable_and_says_why() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = client_of(server(&format!("http://{nobody}"))).user(&id()).await.unwrap_err();
    assert_eq!(error.operation, Operation::GetToken);
    let ErrorKind::Unreachable(reason) = &error.kind else { panic!("{error:?}") };
    assert!(reason.to_lowercase().contains("connection refused"), "{reason}");
}

#[tokio::test]
async fn what_is_not_http_is_unreachable_and_is_not_repeated() {
    for scheme in ["http", "https"] {
        let url = raw_server(vec![format!("SSH-2.0-{FOREIGN}\r\n")]).replace("http", scheme);
        let error = client_of(server(&url)).user(&id()).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Unreachable(_)), "{error:?}");
        assert!(!format!("{error} {error:?}").contains(FOREIGN), "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    let login = json!({ "access_token": TOKEN, "expires_in": 60 }).to_string();
    let login = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{login}", login.len());
    let broken = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{".to_owned();
    let error = client_of(server(&raw_server(vec![login, broken]))).user(&id()).await.unwrap_err();
    assert_eq!(error.operation, Operation::GetUser);
    assert!(matches!(error.kind, ErrorKind::Unreachable(_)), "{error:?}");
}

#[test]
fn certificates_that_cannot_be_read_are_refused() {
    let broken = "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n";
    for pem in ["", "no certificate", broken] {
        assert_eq!(CertificateAuthorities::from_pem(pem.as_bytes()).unwrap_err(), InvalidCertificates, "{pem}");
    }
}

// What must not be repeated

#[test]
fn what_a_certificate_says_is_not_repeated() {
    let expected = rustls::pki_types::ServerName::try_from("sso.example.com").unwrap();
    let presented = vec![format!("DnsName({FOREIGN:?})")];
    for (problem, ours) in [
        (
            CertificateError::NotValidForNameContext { expected, presented },
            "its certificate is for another name than that of the URL",
        ),
        (CertificateError::UnknownIssuer, "its certificate comes from an authority that is not trusted"),
        (CertificateError::Expired, "its certificate has expired"),
        (CertificateError::BadEncoding, "its certificate is not accepted"),
    ] {
        let error = rustls::Error::InvalidCertificate(problem);
        assert_eq!(reason(&error), ours);
        // As it arrives: wrapped by the TLS stream, and again by the connector.
        let wrapped = std::io::Error::other(std::io::Error::other(error));
        assert_eq!(reason(&wrapped), ours);
    }
}

#[tokio::test]
async fn nothing_that_the_server_sent_is_in_the_error() {
    let foreign = [
        json!({ "error": FOREIGN, "error_description": FOREIGN }),
        json!({ "error": "invalid_client", "error_description": FOREIGN }),
        json!({ "error": "User not found", "error_description": FOREIGN }),
        json!({ "error": "Realm not found.", "error_description": FOREIGN }),
        json!({ "error": "invalidPasswordMinLengthMessage", "error_description": FOREIGN }),
        json!({ "error": format!("invalidPassword{FOREIGN}Message") }),
        json!({ "error": format!("invalidPasswordHistory{FOREIGN}") }),
        json!({ "error": format!("Realm {FOREIGN}") }),
        json!({ "errorMessage": FOREIGN, "params": [FOREIGN] }),
        json!({ "errors": [{ "errorMessage": FOREIGN, "params": [FOREIGN] }, { "field": "team", "errorMessage": FOREIGN }] }),
        json!({ FOREIGN: FOREIGN }),
        json!(FOREIGN),
    ];
    let html = format!("<html><title>{FOREIGN}</title></html>");
    let bodies: Vec<String> = foreign.iter().map(Value::to_string).chain([html, FOREIGN.to_owned()]).collect();
    for status in [200, 302, 400, 401, 403, 404, 409, 418, 429, 500, 503] {
        for text in &bodies {
            let answer = body(status, text).insert_header("retry-after", FOREIGN).insert_header("location", FOREIGN);
            let keycloak = keycloak(answer.clone()).await;
            let logged_in = client(&keycloak);
            for operation in ALL {
                if let Err(error) = call(&logged_in, operation).await {
                    assert!(!format!("{error} {error:?}").contains(FOREIGN), "{status} {text}: {error:?}");
                }
            }
            if status != 200 {
                let error = error(Operation::GetToken, answer).await;
                assert!(!format!("{error} {error:?}").contains(FOREIGN), "{status} {text}: {error:?}");
            }
        }
    }
}

#[tokio::test]
async fn the_name_of_a_field_is_cut_and_escaped() {
    let field = format!("a\n\u{1b}[31m{}", "x".repeat(100));
    let text = json!({ "field": field, "errorMessage": "error-empty" }).to_string();
    let shown = error(Operation::UpdateUser, body(400, &text)).await.to_string();
    assert!(shown.contains("a\\n\\u{1b}[31mxxx"), "{shown}");
    assert!(!shown.contains(&"x".repeat(65)), "{shown}");
}

#[tokio::test]
async fn no_password_and_no_token_is_shown_by_anything() {
    let unreachable = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refusing = keycloak(body(400, r#"{"errorMessage":"error-empty","field":"password"}"#)).await;
    for url in [refusing.uri(), format!("http://{unreachable}")] {
        let server = server(&url);
        let mut shown = format!("{server:?}");
        let client = client_of(server);
        for operation in ALL {
            let error = call(&client, operation).await.unwrap_err();
            shown = format!("{shown} {error} {error:?} {client:?}");
        }
        for secret in [PASSWORD, CLIENT_SECRET, TOKEN] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

// Tokens

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_request_repeated_once() {
    let keycloak = MockServer::start().await;
    token_endpoint().respond_with(token("old")).up_to_n_times(1).expect(1).mount(&keycloak).await;
    token_endpoint().respond_with(token("new")).expect(1).mount(&keycloak).await;
    let post = || Mock::given(method("POST")).and(path("/admin/realms/staff/users"));
    post().and(bearer_token("old")).respond_with(ResponseTemplate::new(401)).expect(1).mount(&keycloak).await;
    let created = ResponseTemplate::new(201).insert_header("location", format!("{}/users/{ID}", keycloak.uri()));
    post().and(bearer_token("new")).respond_with(created).expect(1).mount(&keycloak).await;

    let password = SecretString::from(PASSWORD);
    let made = client(&keycloak).create_user(&new_user(), Some((&password, true))).await.unwrap();
    assert_eq!(made, id());
    let bodies: Vec<Vec<u8>> = admin_requests(&keycloak).await.into_iter().map(|request| request.body).collect();
    assert_eq!(bodies[0], bodies[1]);
}

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

/// The requests without the logins.
async fn admin_requests(keycloak: &MockServer) -> Vec<wiremock::Request> {
    let mut requests = keycloak.received_requests().await.unwrap();
    requests.retain(|request| !request.url.path().ends_with("/token"));
    requests
}

/// Method, path and JSON body of the only request that was no login.
async fn sent(keycloak: &MockServer) -> (String, String, Value) {
    let requests = admin_requests(keycloak).await;
    let [request] = requests.as_slice() else { panic!("not one request: {requests:?}") };
    (request.method.to_string(), request.url.path().to_owned(), request.body_json().unwrap_or_default())
}

#[tokio::test]
async fn each_segment_of_a_path_is_encoded() {
    let keycloak = keycloak(body(404, r#"{"error":"User not found"}"#)).await;
    for (base, prefix) in [("", ""), ("/", ""), ("/auth", "/auth"), ("/auth/", "/auth")] {
        let url = keycloak.uri() + base;
        client_of(Server { realm: "a b/c;d".to_owned(), ..server(&url) }).user(&id()).await.unwrap();
        let requests = keycloak.received_requests().await.unwrap();
        let paths: Vec<&str> = requests.iter().rev().take(2).map(|request| request.url.path()).collect();
        let user = format!("{prefix}/admin/realms/a%20b%2Fc%3Bd/users/{ID}");
        let login = format!("{prefix}/realms/a%20b%2Fc%3Bd/protocol/openid-connect/token");
        assert_eq!(paths, [user, login]);
    }
}

#[tokio::test]
async fn a_creation_sends_what_is_set_and_the_password_with_it() {
    let keycloak =
        keycloak(ResponseTemplate::new(201).insert_header("location", format!("https://h/users/{ID}"))).await;
    let password = SecretString::from(PASSWORD);
    client(&keycloak).create_user(&new_user(), Some((&password, true))).await.unwrap();
    let expected = json!({
        "createdTimestamp": 1_764_000_000_123_i64, "username": "JohnDoe", "firstName": "John", "enabled": true,
        "credentials": [{ "type": "password", "value": PASSWORD, "temporary": true }],
    });
    assert_eq!(sent(&keycloak).await, ("POST".to_owned(), "/admin/realms/staff/users".to_owned(), expected));
}

#[tokio::test]
async fn a_disabled_account_is_created_as_one() {
    let keycloak = keycloak(ResponseTemplate::new(201).insert_header("location", ID)).await;
    client(&keycloak).create_user(&NewUser { enabled: false, ..new_user() }, None).await.unwrap();
    let (_, _, body) = sent(&keycloak).await;
    assert_eq!(body["enabled"], false);
    assert_eq!(body.get("credentials"), None);
}

#[tokio::test]
async fn an_update_sends_nothing_but_what_it_names() {
    let some = |text: &str| Some(text.to_owned());
    let complete = ProfileUpdate {
        username: some("johndoe"),
        first_name: some(""),
        last_name: some("Doe"),
        email: some("j@b.org"),
        attributes: Some(BTreeMap::from([("team".to_owned(), vec!["red".to_owned()])])),
        ..ProfileUpdate::default()
    };
    let all = json!({
        "username": "johndoe", "firstName": "", "lastName": "Doe", "email": "j@b.org", "attributes": { "team": ["red"] },
    });
    for (update, expected) in [
        (ProfileUpdate { last_name: some(""), ..ProfileUpdate::default() }, json!({ "lastName": "" })),
        (ProfileUpdate { enabled: Some(false), ..ProfileUpdate::default() }, json!({ "enabled": false })),
        (ProfileUpdate { email_verified: Some(true), ..ProfileUpdate::default() }, json!({ "emailVerified": true })),
        (complete.clone(), all),
        (
            ProfileUpdate { attributes: Some(BTreeMap::new()), ..complete },
            json!({
                "username": "johndoe", "firstName": "", "lastName": "Doe", "email": "j@b.org", "attributes": {},
            }),
        ),
    ] {
        let keycloak = keycloak(ResponseTemplate::new(204)).await;
        client(&keycloak).update_user(&id(), &update).await.unwrap();
        assert_eq!(sent(&keycloak).await, ("PUT".to_owned(), format!("/admin/realms/staff/users/{ID}"), expected));
    }
}

#[tokio::test]
async fn a_reset_sends_the_password_and_whether_it_is_temporary() {
    for temporary in [true, false] {
        let keycloak = keycloak(ResponseTemplate::new(204)).await;
        client(&keycloak).reset_password(&id(), &PASSWORD.into(), temporary).await.unwrap();
        let expected = json!({ "type": "password", "value": PASSWORD, "temporary": temporary });
        let path = format!("/admin/realms/staff/users/{ID}/reset-password");
        assert_eq!(sent(&keycloak).await, ("PUT".to_owned(), path, expected));
    }
}

#[tokio::test]
async fn a_deletion_is_one_request_by_id() {
    let keycloak = keycloak(ResponseTemplate::new(204)).await;
    client(&keycloak).delete_user(&id()).await.unwrap();
    let path = format!("/admin/realms/staff/users/{ID}");
    assert_eq!(sent(&keycloak).await, ("DELETE".to_owned(), path, Value::Null));
}

// What is read

#[tokio::test]
async fn the_id_of_a_new_account_is_the_last_part_of_the_location() {
    for location in [format!("https://sso.example.com/auth/admin/realms/staff/users/{ID}"), format!("/users/{ID}")] {
        let keycloak = keycloak(ResponseTemplate::new(201).insert_header("location", location)).await;
        assert_eq!(client(&keycloak).create_user(&new_user(), None).await.unwrap(), id());
    }
}

#[tokio::test]
async fn a_location_that_ends_in_no_id_is_refused() {
    let created = || ResponseTemplate::new(201);
    let mut answers = vec![created()];
    answers.extend(
        ["", "/users/", "/users/..", "/users/a%2fb", "/users/1?x=y", "/users/1#x", "/users/a b"]
            .map(|l| created().insert_header("location", l)),
    );
    for answer in answers {
        assert_eq!(error(Operation::CreateUser, answer).await.kind, unexpected("no id in the Location header"));
    }
}

#[tokio::test]
async fn an_account_is_read_with_what_keycloak_leaves_out() {
    let full = json!({
        "id": ID, "username": "johndoe", "createdTimestamp": 5, "firstName": "John", "lastName": "Doe",
        "email": "j@b.org", "emailVerified": true, "enabled": true, "attributes": { "team": ["red", "blue"] },
        "totp": false, "userProfileMetadata": { "attributes": [] }, "access": { "manage": true },
    });
    let found = client(&keycloak(body(200, &full.to_string())).await).user(&id()).await.unwrap().unwrap();
    assert_eq!((found.id, found.created_timestamp, found.username.as_str()), (id(), Some(5), "johndoe"));
    assert_eq!((found.first_name.as_str(), found.last_name.as_str(), found.email.as_str()), ("John", "Doe", "j@b.org"));
    assert!(found.email_verified && found.enabled);
    assert_eq!(found.attributes["team"], ["red", "blue"]);

    let bare = json!({ "id": ID, "username": "johndoe", "email": null, "attributes": null });
    let found = client(&keycloak(body(200, &bare.to_string())).await).user(&id()).await.unwrap().unwrap();
    assert_eq!((found.first_name, found.last_name, found.email), (String::new(), String::new(), String::new()));
    assert!(
        !found.email_verified && !found.enabled && found.created_timestamp.is_none() && found.attributes.is_empty()
    );
}

#[tokio::test]
async fn accounts_with_another_time_of_birth_are_left_out() {
    let mark = BirthMark::of(1_764_000_000, "uid");
    let moment = mark.milliseconds();
    let keycloak = MockServer::start().await;
    token_endpoint().respond_with(token(TOKEN)).mount(&keycloak).await;
    let anybody = json!([user("older", moment - 1), user("ours", moment), user("newer", moment + 1), { "id": ID, "username": "ageless" }]);
    Mock::given(path("/admin/realms/staff/users"))
        .and(query_param("createdAfter", moment.to_string()))
        .and(query_param("createdBefore", moment.to_string()))
        .respond_with(ResponseTemplate::new(200).set_body_json(anybody))
        .mount(&keycloak)
        .await;
    let found = client(&keycloak).users_born_at(mark).await.unwrap();
    assert_eq!(found.iter().map(|user| user.username.as_str()).collect::<Vec<_>>(), ["ours"]);
}

#[tokio::test]
async fn an_account_is_found_by_its_whole_name_without_regard_to_case() {
    let keycloak = MockServer::start().await;
    token_endpoint().respond_with(token(TOKEN)).mount(&keycloak).await;
    let similar = json!([user("john+doe2", 1), user("xjohn+doe", 2), user("JOHN+Doe", 3)]);
    let search = || Mock::given(path("/admin/realms/staff/users")).and(query_param("exact", "true"));
    search()
        .and(query_param("username", "John+doe"))
        .respond_with(ResponseTemplate::new(200).set_body_json(similar.clone()))
        .mount(&keycloak)
        .await;
    search()
        .and(query_param("username", "john"))
        .respond_with(ResponseTemplate::new(200).set_body_json(similar))
        .mount(&keycloak)
        .await;
    let client = client(&keycloak);
    let found = client.user_named("John+doe").await.unwrap().unwrap();
    assert_eq!(found.created_timestamp, Some(3));
    assert_eq!(client.user_named("john").await.unwrap(), None);
}

#[tokio::test]
async fn the_date_of_the_password_is_told_from_that_of_other_credentials() {
    let otp = json!({ "type": "otp", "createdDate": 1 });
    let password = json!({ "type": "password", "createdDate": 2, "userLabel": null });
    for (credentials, expected) in [(json!([otp, password]), Some(2)), (json!([otp]), None), (json!([]), None)] {
        let keycloak = keycloak(ResponseTemplate::new(200).set_body_json(credentials)).await;
        assert_eq!(client(&keycloak).password_created_date(&id()).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn the_user_profile_says_what_admins_may_write() {
    let attributes = json!([
        { "name": "team", "permissions": { "view": ["admin", "user"], "edit": ["admin"] } },
        { "name": "nickname", "permissions": { "edit": ["user"] } },
        { "name": "bare" },
    ]);
    for (policy, expected) in [
        (json!(null), UnmanagedPolicy::Disabled),
        (json!("DISABLED"), UnmanagedPolicy::Disabled),
        (json!("ENABLED"), UnmanagedPolicy::Enabled),
        (json!("ADMIN_EDIT"), UnmanagedPolicy::AdminEdit),
        (json!("ADMIN_VIEW"), UnmanagedPolicy::AdminView),
    ] {
        let profile = json!({ "attributes": attributes, "groups": [], "unmanagedAttributePolicy": policy });
        let keycloak = keycloak(ResponseTemplate::new(200).set_body_json(profile)).await;
        let read = client(&keycloak).user_profile().await.unwrap();
        assert_eq!(read.unmanaged, expected);
        let declared = [("team", true, false), ("nickname", false, true), ("bare", false, false)];
        assert_eq!(
            read.declared,
            declared.map(|(name, admin, user)| (name.to_owned(), Editors { admin, user })).into()
        );
    }
}

#[tokio::test]
async fn a_token_that_lives_for_ever_is_renewed_all_the_same() {
    let keycloak = MockServer::start().await;
    let login = json!({ "access_token": TOKEN, "expires_in": u64::MAX });
    token_endpoint().respond_with(ResponseTemplate::new(200).set_body_json(login)).mount(&keycloak).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(404)).mount(&keycloak).await;
    let error = client(&keycloak).user(&id()).await.unwrap_err();
    assert_eq!(error.operation, Operation::GetUser, "the login went well: {error}");
}

#[tokio::test]
async fn a_realm_is_absent_for_as_long_as_nothing_else_is_answered() {
    let keycloak = MockServer::start().await;
    token_endpoint().respond_with(token(TOKEN)).mount(&keycloak).await;
    let absent = || body(404, r#"{"error":"Realm not found."}"#);
    for answer in [absent(), absent(), body(500, "{}"), absent(), body(200, "[]")] {
        Mock::given(method("GET")).respond_with(answer).up_to_n_times(1).mount(&keycloak).await;
    }
    let client = client(&keycloak);
    let mut since = Vec::new();
    for _ in 0..5 {
        let _ = client.user_named("john").await;
        since.push(*client.absent_since.lock().unwrap());
    }
    assert!(since[0].is_some() && since[0] == since[1], "the first answer counts: {since:?}");
    assert_eq!((since[2], since[4]), (None, None));
    assert!(since[3] > since[0], "it starts over: {since:?}");
    assert_eq!(client.absent_for(), Duration::ZERO);
}

#[tokio::test]
async fn behind_a_closed_fence_only_reads_are_sent() {
    let keycloak = keycloak(body(200, &user("johndoe", 0).to_string())).await;
    let asked = std::sync::Arc::new(Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&asked);
    let closed = Fence::new(move |longest| {
        seen.lock().unwrap().push(longest);
        false
    });
    let client = Client { fence: closed, ..client(&keycloak) };
    let (password, update) = (SecretString::from(PASSWORD), ProfileUpdate::default());
    let outcomes = [
        client.create_user(&new_user(), None).await.map(drop),
        client.update_user(&id(), &update).await,
        client.reset_password(&id(), &password, false).await,
        client.delete_user(&id()).await,
    ];
    for outcome in outcomes {
        assert_eq!(outcome.unwrap_err().kind, ErrorKind::Fenced);
    }
    assert_eq!(*asked.lock().unwrap(), [REQUEST_TIMEOUT; 4], "each was asked for, with its timeout");
    client.user(&id()).await.unwrap();
    let sent = keycloak.received_requests().await.unwrap();
    assert_eq!(sent.iter().filter(|request| request.method.as_str() != "GET").count(), 1, "the login alone");
}
