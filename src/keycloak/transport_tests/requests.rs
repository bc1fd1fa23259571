//! What a request looks like, and what is read out of its answer.

use super::*;

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
