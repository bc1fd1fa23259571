//! Taking over an account that no resource created: only where both sides want it, never one that administers, and
//! without a change of what agrees.

use keycloak_user_operator::api::KeycloakUser;
use kube::Api;
use kube::api::{Patch, PatchParams};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    OPERATOR_CLIENT, OPERATOR_SECRET, World, adoptable, condition, e2e_with, eventually, password_from,
};

fn realm_with(settings: Value) -> Value {
    let mut realm = adoptable();
    for (key, value) in settings.as_object().into_iter().flatten() {
        realm[key] = value.clone();
    }
    realm
}

async fn grant(world: &World, usernames: &[&str]) {
    world.connect(json!({ "grants": { "usernames": usernames, "adoption": "Allowed" } })).await;
}

/// Waits for the refusal, and sees that nothing was written.
async fn refused(world: &World, name: &str, words: &str) {
    let user = eventually(&format!("{name} is refused for {words}"), async || {
        let user = world.until(name, "ForeignAccount").await;
        let message = condition(&user, "Ready").unwrap().message.clone();
        if message.contains(words) { Ok(user) } else { Err(message) }
    })
    .await;
    assert!(condition(&user, "Stalled").is_some_and(|stalled| stalled.status == "True"));
    let status = user.status.unwrap();
    assert_eq!((status.user_id, status.adopted), (None, None));
    assert_eq!(world.keycloak.writes_of_operator().await, Vec::<String>::new());
}

fn adopting(username: &str) -> Value {
    json!({ "username": username, "firstName": "Changed", "adoption": "Adopt" })
}

#[test]
fn taking_over_changes_what_differs_and_keeps_what_was_there() {
    e2e_with("taking_over_changes_what_differs", adoptable(), async |world| {
        grant(&world, &["*"]).await;
        let _operator = world.operator().await;
        let before = world
            .keycloak
            .create_user(json!({ "username": "jane", "enabled": true, "firstName": "Jane", "lastName": "Old",
                "attributes": { "team": ["red"], "theirs": ["x"] } }))
            .await;
        let spec = |attributes: Value| json!({ "username": "Jane", "lastName": "New", "adoption": "Adopt", "attributes": attributes });
        let [team, added] = [json!({ "name": "team", "values": ["red"] }), json!({ "name": "added", "values": ["1"] })];
        world.user("jane", spec(json!([team, added]))).await;
        let status = world.until("jane", "Synced").await.status.unwrap();
        assert_eq!(status.adopted, Some(true));
        assert_eq!(status.user_id.as_deref(), before["id"].as_str());
        assert_eq!(status.preexisting.attributes, ["team"]);
        assert_eq!(status.owned.attributes, ["added"]);
        world.until_event("jane", "Adopted").await;
        assert_eq!(world.events("jane", "DriftCorrected").await, 0);
        let account = world.keycloak.user("jane").await.unwrap();
        assert_eq!((&account["firstName"], &account["lastName"]), (&json!("Jane"), &json!("New")));
        assert_eq!(account["createdTimestamp"], before["createdTimestamp"]);

        world.user("jane", spec(json!([]))).await;
        world.until("jane", "Synced").await;
        let account = world.keycloak.user("jane").await.unwrap();
        assert_eq!(account["attributes"], json!({ "team": ["red"], "theirs": ["x"] }), "only what was added goes");
        world.delete_and_wait("jane").await;
        assert_eq!(world.keycloak.user("jane").await.unwrap(), account, "an account that was taken over stays");
        world.until_event("jane", "AccountKept").await;
    });
}

#[test]
fn taking_over_what_agrees_writes_nothing_and_sends_no_password() {
    e2e_with("taking_over_what_agrees", adoptable(), async |world| {
        grant(&world, &[]).await;
        let _operator = world.operator().await;
        let agrees = json!({ "username": "same", "firstName": "Same", "lastName": "Same", "enabled": true, "email": "same@example.com" });
        world.keycloak.create_user(agrees.clone()).await;
        world.secret("kcuser-same", &[("password", "of-the-secret")]).await;
        let mut spec = agrees;
        spec["adoption"] = json!("Adopt");
        spec["credentials"] = password_from("kcuser-same");
        world.user("same", spec).await;
        let user = world.until("same", "Synced").await;
        let credentials = condition(&user, "CredentialsSynced").unwrap();
        assert_eq!((credentials.status.as_str(), credentials.reason.as_str()), ("Unknown", "AssumedCurrent"));
        world.reconcile_now("same").await;
        assert_eq!(world.keycloak.writes_of_operator().await, Vec::<String>::new());
        assert_eq!(world.keycloak.password_created_date("same").await, None);

        world.change_secret("kcuser-same", &[("password", "another-one")]).await;
        eventually("the new password works", async || world.keycloak.login("same", "another-one").await).await;
    });
}

#[test]
fn an_account_is_taken_over_only_if_both_sides_want_it() {
    e2e_with("an_account_is_taken_over_only_if", adoptable(), async |world| {
        world.connect(json!({ "grants": { "usernames": ["*"] } })).await;
        let _operator = world.operator().await;
        world.keycloak.create_user(json!({ "username": "both", "enabled": true })).await;
        world.user("both", adopting("both")).await;
        refused(&world, "both", "grants.adoption").await;
        grant(&world, &["svc-*"]).await;
        refused(&world, "both", "grants.usernames").await;
        world.user("both", json!({ "username": "both", "firstName": "Changed" })).await;
        refused(&world, "both", "spec.adoption").await;
        world.user("both", json!({ "username": "both", "firstName": "Changed", "adoption": "Never" })).await;
        refused(&world, "both", "spec.adoption").await;
        grant(&world, &["both"]).await;
        world.user("both", adopting("both")).await;
        world.until("both", "Synced").await;
        assert_eq!(world.keycloak.user("both").await.unwrap()["firstName"], "Changed");
    });
}

#[test]
fn what_was_granted_and_is_no_longer_is_not_written_to() {
    e2e_with("what_was_granted_and_is_no_longer", adoptable(), async |world| {
        grant(&world, &["*"]).await;
        let _operator = world.operator().await;
        world.keycloak.create_user(json!({ "username": "until", "firstName": "Changed", "enabled": true })).await;
        world.user("until", adopting("until")).await;
        world.until("until", "Synced").await;
        world.connection("default", json!({ "grants": { "usernames": ["*"], "adoption": "Forbidden" } })).await;
        world.until_tried("default").await;
        world.user("until", json!({ "username": "until", "firstName": "Other", "adoption": "Adopt" })).await;
        let user = world.until("until", "ForeignAccount").await;
        assert!(condition(&user, "Ready").unwrap().message.contains("grants.adoption"));
        assert_eq!(world.keycloak.writes_of_operator().await, Vec::<String>::new());
    });
}

#[test]
fn an_account_that_administers_the_realm_is_not_taken_over() {
    let roles = json!({ "realm": [
        { "name": "admin" },
        { "name": "harmless" },
        { "name": "outer", "composite": true, "composites": { "realm": ["inner"] } },
        { "name": "inner", "composite": true, "composites": { "client": { "realm-management": ["view-users"] } } },
    ] });
    let groups = json!([
        { "name": "managers", "clientRoles": { "realm-management": ["realm-admin"] }, "subGroups": [{ "name": "child" }] },
        { "name": "by-composite", "realmRoles": ["outer"] },
    ]);
    e2e_with("an_account_that_administers", realm_with(json!({ "roles": roles, "groups": groups })), async |world| {
        grant(&world, &["*"]).await;
        let _operator = world.operator().await;
        let holders = [
            ("direct", json!({ "clientRoles": { "realm-management": ["query-users"] } })),
            ("admin-role", json!({ "realmRoles": ["admin"] })),
            ("by-group", json!({ "groups": ["/managers"] })),
            ("by-parent-group", json!({ "groups": ["/managers/child"] })),
            ("by-composite", json!({ "realmRoles": ["outer"] })),
            ("by-group-and-composite", json!({ "groups": ["/by-composite"] })),
        ];
        for (name, rights) in &holders {
            import(&world, name, rights.clone()).await;
            world.user(name, adopting(name)).await;
        }
        for (name, _) in &holders {
            refused(&world, name, "administers the realm").await;
        }
        import(
            &world,
            "harmless",
            json!({ "realmRoles": ["harmless"], "clientRoles": { "account": ["view-profile"] } }),
        )
        .await;
        world.user("harmless", adopting("harmless")).await;
        world.until("harmless", "Synced").await;

        let named = ["*", "by-group"];
        world.connection("default", json!({ "grants": { "usernames": named, "adoption": "Allowed" } })).await;
        world.until("by-group", "Synced").await;
        world.reconcile_now("direct").await;
        world.until("direct", "ForeignAccount").await;
    });
}

/// Makes an account with roles and groups.
async fn import(world: &World, username: &str, rights: Value) {
    let mut user = json!({ "username": username, "enabled": true });
    for (key, value) in rights.as_object().unwrap() {
        user[key] = value.clone();
    }
    world.keycloak.change(Method::POST, "/partialImport", json!({ "ifResourceExists": "FAIL", "users": [user] })).await;
}

#[test]
fn an_account_that_came_to_administer_the_realm_is_not_written_to_any_more() {
    e2e_with("an_account_that_came_to_administer", adoptable(), async |world| {
        grant(&world, &["*"]).await;
        let _operator = world.operator().await;
        let account =
            world.keycloak.create_user(json!({ "username": "risen", "firstName": "Changed", "enabled": true })).await;
        world.secret("kcuser-risen", &[("password", "at-first")]).await;
        let spec = |first: &str| {
            let mut spec = adopting("risen");
            spec["firstName"] = json!(first);
            spec["credentials"] = password_from("kcuser-risen");
            spec
        };
        world.user("risen", spec("Changed")).await;
        world.until("risen", "Synced").await;
        world.keycloak.give_client_role(account["id"].as_str().unwrap(), "realm-management", "realm-admin").await;
        world.change_secret("kcuser-risen", &[("password", "to-get-in")]).await;
        world.until("risen", "ForeignAccount").await;
        world.user("risen", spec("Other")).await;
        world.until("risen", "ForeignAccount").await;
        assert_eq!(world.keycloak.writes_of_operator().await, Vec::<String>::new());
    });
}

#[test]
fn service_accounts_and_the_operators_own_account_are_never_taken_over() {
    let clients = json!([
        { "clientId": OPERATOR_CLIENT, "secret": OPERATOR_SECRET, "serviceAccountsEnabled": true,
          "standardFlowEnabled": false, "publicClient": false },
        { "clientId": "api", "serviceAccountsEnabled": true, "publicClient": false },
    ]);
    e2e_with("service_accounts_are_never_taken_over", realm_with(json!({ "clients": clients })), async |world| {
        let (of_api, own) = ("service-account-api", format!("service-account-{OPERATOR_CLIENT}"));
        grant(&world, &["*", of_api, &own]).await;
        let _operator = world.operator().await;
        world.user("of-api", adopting(of_api)).await;
        refused(&world, "of-api", "service account of a client").await;
        world.user("own", adopting(&own)).await;
        refused(&world, "own", "the operator logs in with it").await;
    });
}

#[test]
fn the_account_with_which_the_operator_logs_in_is_never_taken_over() {
    e2e_with("the_account_with_which_the_operator_logs_in", adoptable(), async |world| {
        let account = world
            .keycloak
            .create_user(json!({ "username": "robot", "email": "robot@example.com", "enabled": true, "firstName": "R",
                "lastName": "R", "credentials": [{ "type": "password", "value": "robot-password" }] }))
            .await;
        let id = account["id"].as_str().unwrap();
        for role in ["manage-users", "view-clients"] {
            world.keycloak.give_client_role(id, "realm-management", role).await;
        }
        world.secret("robot", &[("username", "Robot@example.com"), ("password", "robot-password")]).await;
        let auth = json!({ "password": { "secretRef": { "name": "robot" } } });
        let grants = json!({ "usernames": ["robot"], "adoption": "Allowed" });
        world.connection("default", json!({ "auth": auth, "grants": grants })).await;
        let _operator = world.operator().await;
        world.user("robot", adopting("robot")).await;
        refused(&world, "robot", "the operator logs in with it").await;
        assert_eq!(world.keycloak.user("robot").await.unwrap(), account);
    });
}

#[test]
fn a_status_written_by_hand_gains_only_what_the_rules_give() {
    e2e_with("a_status_written_by_hand_gains_only", adoptable(), async |world| {
        grant(&world, &["svc-*"]).await;
        let _operator = world.operator().await;
        let boss = world.keycloak.create_user(json!({ "username": "boss", "enabled": true })).await;
        let admin = world.keycloak.create_user(json!({ "username": "svc-admin", "enabled": true })).await;
        world.keycloak.give_client_role(admin["id"].as_str().unwrap(), "realm-management", "realm-admin").await;
        let users: Api<KeycloakUser> = world.api();
        let other = world.keycloak.create_user(json!({ "username": "svc-other", "enabled": true })).await;
        for (name, victim, adopted, words) in [
            ("thief", &boss, true, "grants.usernames"),
            ("burglar", &admin, true, "administers the realm"),
            ("pickpocket", &other, false, "by its exact username alone"),
        ] {
            let mut spec = adopting("svc-mine");
            spec["suspend"] = json!(true);
            world.user(name, spec).await;
            world.until(name, "Suspended").await;
            let forged = json!({ "status": { "userId": victim["id"], "username": "svc-mine", "adopted": adopted } });
            users.patch_status(name, &PatchParams::default(), &Patch::Merge(forged)).await.unwrap();
            world.user(name, adopting("svc-mine")).await;
            let user = world.until(name, "ForeignAccount").await;
            assert!(condition(&user, "Ready").unwrap().message.contains(words), "{:?}", user.status);
            world.delete_and_wait(name).await;
        }
        assert_eq!(world.keycloak.user("boss").await.unwrap(), boss);
        assert_eq!(world.keycloak.user("svc-admin").await.unwrap(), admin);
        assert_eq!(world.keycloak.user("svc-other").await.unwrap(), other);
        assert_eq!(world.keycloak.writes_of_operator().await, Vec::<String>::new());
    });
}

#[test]
fn a_right_that_taking_over_needs_is_named() {
    let only = json!([{ "username": format!("service-account-{OPERATOR_CLIENT}"), "enabled": true,
        "serviceAccountClientId": OPERATOR_CLIENT, "clientRoles": { "realm-management": ["manage-users"] } }]);
    e2e_with("a_right_that_taking_over_needs", json!({ "users": only }), async |world| {
        grant(&world, &["*"]).await;
        let _operator = world.operator().await;
        world.keycloak.create_user(json!({ "username": "unread", "enabled": true })).await;
        world.user("unread", adopting("unread")).await;
        let user = world.until("unread", "Forbidden").await;
        assert!(condition(&user, "Ready").unwrap().message.contains("view-clients"), "{:?}", user.status);
        assert_eq!(world.keycloak.writes_of_operator().await, Vec::<String>::new());
    });
}

#[test]
fn an_account_that_was_taken_over_is_renamed_with_its_resource() {
    e2e_with("an_account_that_was_taken_over_is_renamed", adoptable(), async |world| {
        grant(&world, &["svc-*"]).await;
        let _operator = world.operator().await;
        let account = world.keycloak.create_user(json!({ "username": "svc-old", "enabled": true })).await;
        world.keycloak.create_user(json!({ "username": "svc-foreign", "enabled": true })).await;
        world.user("moves", adopting("svc-old")).await;
        world.until("moves", "Synced").await;
        world.user("moves", adopting("svc-new")).await;
        world.until("moves", "Synced").await;
        assert_eq!(world.keycloak.user("svc-new").await.unwrap()["id"], account["id"]);
        world.user("moves", adopting("svc-foreign")).await;
        world.until("moves", "UsernameTaken").await;
        world.user("moves", adopting("boss")).await;
        world.until("moves", "NotGranted").await;
        assert_eq!(world.keycloak.user("svc-new").await.unwrap()["id"], account["id"]);
    });
}

#[test]
fn an_address_that_is_the_name_of_another_account_is_named() {
    e2e_with("an_address_that_is_the_name_of_another", adoptable(), async |world| {
        grant(&world, &["*"]).await;
        let _operator = world.operator().await;
        let foreign = world.keycloak.create_user(json!({ "username": "boss@example.com", "enabled": true })).await;
        let spec = |email: &str| {
            json!({ "username": "mine", "email": email, "adoption": "Adopt",
                "attributes": [{ "name": "a", "values": [email] }] })
        };
        world.user("mine", spec("Boss@example.com")).await;
        world.until("mine", "EmailTaken").await;
        world.user("mine", spec("mine@example.com")).await;
        world.until("mine", "Synced").await;
        world.user("mine", spec("boss@example.com")).await;
        world.until("mine", "EmailTaken").await;
        assert_eq!(world.keycloak.user("boss@example.com").await.unwrap(), foreign);
        let by_address = json!({ "username": "else", "email": "else@example.com", "enabled": true });
        world.keycloak.create_user(by_address).await;
        world.user("name", adopting("else@example.com")).await;
        world.until("name", "UsernameTaken").await;
    });
}
