//! What the server sent, and what was sent to it, is shown by nothing.

use super::*;

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
