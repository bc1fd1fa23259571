//! How an account ends: by the policy of its deletion, by a date, and with its sessions in every case.

use keycloak_user_operator::api::KeycloakUser;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::support::{OPERATOR_CLIENT, Session, World, condition, e2e, e2e_with, eventually, password_from};

const PASSWORD: &str = "first-password";

/// A spec of somebody who can log in, with these fields beside.
fn spec(name: &str, fields: Value) -> Value {
    let mut spec = json!({ "username": name, "firstName": "F", "lastName": "L", "email": format!("{name}@example.com"),
        "credentials": password_from("kcuser") });
    for (key, value) in fields.as_object().expect("an object") {
        spec[key] = value.clone();
    }
    spec
}

/// Makes the user and gives it an online and an offline session.
async fn signed_in(world: &World, name: &str, fields: Value) -> [Session; 2] {
    world.secret("kcuser", &[("password", PASSWORD)]).await;
    world.user(name, spec(name, fields)).await;
    world.until(name, "Synced").await;
    let sessions =
        [world.keycloak.sign_in(name, PASSWORD, false).await, world.keycloak.sign_in(name, PASSWORD, true).await];
    for session in &sessions {
        world.keycloak.refresh(session).await.expect("the session works");
    }
    sessions
}

async fn until_ended(world: &World, sessions: &[Session; 2]) {
    for session in sessions {
        eventually("the refresh token is refused", async || match world.keycloak.refresh(session).await {
            Err(_) => Ok(()),
            Ok(()) => Err("it works"),
        })
        .await;
    }
}

/// Refused though the account may log in, so that it is the sessions that have ended.
async fn assert_ended_for_good(world: &World, name: &str, sessions: &[Session; 2]) {
    world.keycloak.login(name, PASSWORD).await.expect("the account is enabled");
    for session in sessions {
        world.keycloak.refresh(session).await.expect_err("the session has ended");
    }
    assert_eq!(world.keycloak.offline_sessions(name, "login").await, 0);
}

async fn is_enabled(world: &World, name: &str) -> bool {
    world.keycloak.user(name).await.expect("the account")["enabled"] == json!(true)
}

fn in_seconds(seconds: i64) -> String {
    let now = k8s_openapi::jiff::Timestamp::now().as_second();
    k8s_openapi::jiff::Timestamp::from_second(now + seconds).expect("a time").to_string()
}

#[test]
fn a_disabled_account_has_no_sessions_left_when_it_is_enabled_again() {
    e2e("ending_disabled", async |world, _operator| {
        let sessions = signed_in(&world, "off", json!({ "enabled": true })).await;
        world.user("off", spec("off", json!({ "enabled": false }))).await;
        world.until("off", "Synced").await;
        until_ended(&world, &sessions).await;
        world.user("off", spec("off", json!({ "enabled": true }))).await;
        world.until_account("off", "enabled", |account| account["enabled"] == json!(true)).await;
        assert_ended_for_good(&world, "off", &sessions).await;
    });
}

#[test]
fn sessions_that_a_crash_left_open_are_ended_by_the_next_pass() {
    e2e("ending_crash", async |world, operator| {
        let sessions = signed_in(&world, "crash", json!({ "enabled": true })).await;
        operator.stop().await;
        let patch = Patch::Merge(json!({ "status": { "sessionsToEnd": true } }));
        world.api::<KeycloakUser>().patch_status("crash", &PatchParams::default(), &patch).await.expect("the user");
        let _operator = world.operator().await;
        until_ended(&world, &sessions).await;
        eventually("the note is gone", async || {
            let status = world.get_user("crash").await.status.expect("a status");
            if status.sessions_to_end.is_none() { Ok(()) } else { Err(status) }
        })
        .await;
    });
}

#[test]
fn an_account_is_disabled_though_nothing_else_of_it_can_be_changed() {
    e2e("ending_disabled_first", async |world, _operator| {
        world.keycloak.create_user(json!({ "username": "other", "email": "taken@example.com", "enabled": true })).await;
        let sessions = signed_in(&world, "first", json!({ "enabled": true })).await;
        world.user("first", spec("first", json!({ "enabled": false, "email": "taken@example.com" }))).await;
        world.until("first", "EmailTaken").await;
        assert!(!is_enabled(&world, "first").await);
        until_ended(&world, &sessions).await;
    });
}

#[test]
fn a_deleted_account_leaves_no_session() {
    e2e("ending_deleted", async |world, _operator| {
        let sessions = signed_in(&world, "gone", json!({})).await;
        world.delete_and_wait("gone").await;
        assert_eq!(world.keycloak.user("gone").await, None);
        until_ended(&world, &sessions).await;
        for session in &sessions {
            assert!(!world.keycloak.accepts(session).await, "the server itself takes its access token no more");
        }
    });
}

#[test]
fn with_disable_the_account_stays_switched_off_and_its_sessions_are_ended() {
    e2e("ending_disable", async |world, _operator| {
        let sessions = signed_in(&world, "kept", json!({ "deletionPolicy": "Disable" })).await;
        world.delete_and_wait("kept").await;
        assert!(!is_enabled(&world, "kept").await);
        let note = world.until_event("kept", "AccountDisabled").await;
        assert!(note.contains("kept"), "{note}");
        world.keycloak.edit_user("kept", json!({ "enabled": true })).await;
        assert_ended_for_good(&world, "kept", &sessions).await;
    });
}

#[test]
fn with_orphan_the_account_stays_as_it_is_and_nothing_is_needed_for_it() {
    e2e("ending_orphan", async |world, _operator| {
        let sessions = signed_in(&world, "free", json!({ "deletionPolicy": "Orphan" })).await;
        let (account, writes) = (world.keycloak.user("free").await, world.keycloak.writes_of_operator().await);
        world.disconnect("default").await;
        world.delete_and_wait("free").await;
        assert_eq!(world.keycloak.user("free").await, account);
        assert_eq!(world.keycloak.writes_of_operator().await, writes);
        world.keycloak.refresh(&sessions[1]).await.expect("its sessions go on");
        world.until_event("free", "AccountKept").await;
    });
}

#[test]
fn an_account_that_was_taken_over_stays_unless_the_policy_says_otherwise_in_words() {
    // Taking over needs to see roles.
    let roles = json!({ "realm-management": ["manage-users", "view-clients"] });
    let realm = json!({ "users": [{ "username": format!("service-account-{OPERATOR_CLIENT}"), "enabled": true,
        "serviceAccountClientId": OPERATOR_CLIENT, "clientRoles": roles }] });
    e2e_with("ending_adopted", realm, async |world| {
        world.connect(json!({ "grants": { "usernames": ["*"], "adoption": "Allowed" } })).await;
        let _operator = world.operator().await;
        for (name, policy) in [("stays", None), ("goes", Some("Delete")), ("sleeps", Some("Disable"))] {
            world.keycloak.create_user(json!({ "username": name, "enabled": true })).await;
            let mut spec = json!({ "username": name, "adoption": "Adopt" });
            if let Some(policy) = policy {
                spec["deletionPolicy"] = json!(policy);
            }
            world.user(name, spec).await;
            world.until(name, "Synced").await;
            world.delete_and_wait(name).await;
        }
        assert!(is_enabled(&world, "stays").await);
        assert_eq!(world.keycloak.user("goes").await, None);
        assert!(!is_enabled(&world, "sleeps").await);
    });
}

#[test]
fn a_policy_that_is_changed_right_before_the_deletion_or_while_it_waits_is_honoured() {
    e2e("ending_policy", async |world, _operator| {
        for name in ["before", "after"] {
            world.user(name, json!({ "username": name })).await;
            world.until(name, "Synced").await;
        }
        world.user("before", json!({ "username": "before", "deletionPolicy": "Orphan" })).await;
        world.delete_and_wait("before").await;
        assert!(is_enabled(&world, "before").await);

        world.disconnect("default").await;
        world.until("after", "ConnectionNotFound").await;
        world.delete("after").await;
        eventually("it waits", async || {
            let user = world.get_user("after").await;
            let waits = condition(&user, "Ready").is_some_and(|ready| ready.message.contains("cannot be deleted"));
            if waits { Ok(()) } else { Err(user.status) }
        })
        .await;
        world.user("after", json!({ "username": "after", "deletionPolicy": "Orphan" })).await;
        world.until_gone("after").await;
        assert!(is_enabled(&world, "after").await);
    });
}

#[test]
fn an_account_is_disabled_when_its_time_is_over_and_not_earlier() {
    e2e("ending_expiry", async |world, _operator| {
        let sessions = signed_in(&world, "guest", json!({ "enabled": true })).await;
        let at = in_seconds(20);
        world.user("guest", spec("guest", json!({ "enabled": true, "expiresAt": at }))).await;
        world.until("guest", "Synced").await;
        let expires_at: k8s_openapi::jiff::Timestamp = at.parse().expect("a time");
        eventually("it is disabled", async || {
            let enabled = is_enabled(&world, "guest").await;
            let over = k8s_openapi::jiff::Timestamp::now() >= expires_at;
            assert!(enabled || over, "disabled before its time");
            if enabled { Err(()) } else { Ok(()) }
        })
        .await;
        let user = world.until("guest", "Expired").await;
        let ready = condition(&user, "Ready").expect("a condition");
        assert!(ready.status == "True" && ready.message.contains(&at), "{ready:?}");
        world.until_event("guest", "Expired").await;
        assert_eq!(world.events("guest", "DriftCorrected").await, 0, "that was no drift");
        until_ended(&world, &sessions).await;

        world.user("guest", spec("guest", json!({ "enabled": true }))).await;
        world.until("guest", "Synced").await;
        assert_ended_for_good(&world, "guest", &sessions).await;
    });
}

#[test]
fn more_time_switches_on_what_the_expiry_switched_off_and_nothing_else() {
    e2e("ending_more_time", async |world, _operator| {
        let (past, future) = (in_seconds(-60), in_seconds(3600));
        world.user("late", json!({ "username": "late", "expiresAt": past })).await;
        world.until("late", "Expired").await;
        assert!(!is_enabled(&world, "late").await, "made disabled");
        world.user("late", json!({ "username": "late", "expiresAt": future })).await;
        world.until("late", "Synced").await;
        assert!(is_enabled(&world, "late").await, "though nobody declared that");

        world.user("theirs", json!({ "username": "theirs", "enabled": true })).await;
        world.until("theirs", "Synced").await;
        world.keycloak.edit_user("theirs", json!({ "enabled": false })).await;
        world.user("theirs", json!({ "username": "theirs", "enabled": true, "expiresAt": past })).await;
        world.until("theirs", "Expired").await;
        world.user("theirs", json!({ "username": "theirs", "enabled": true, "expiresAt": future })).await;
        world.until("theirs", "DisabledElsewhere").await;
        assert!(!is_enabled(&world, "theirs").await, "somebody else had disabled it");
    });
}
