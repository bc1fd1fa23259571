//! What an answer means.

use super::*;

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
