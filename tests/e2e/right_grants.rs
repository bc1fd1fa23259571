//! What a connection grants is judged by what a role or group comes to: each way of becoming an administrator that is
//! known, and the patterns.

use std::time::{Duration, Instant};

use keycloak_user_operator::api::KeycloakUser;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{OPERATOR_CLIENT, World, condition, e2e, e2e_with, eventually};

const ADMIN: &str = "realm-management/realm-admin";
const ADMIN_IN_WORDS: &str = "clientRoles[realm-management/realm-admin]";

/// Declares rights, and expects that they are refused for that way; the account is made without them.
async fn refused(world: &World, name: &str, rights: Value, way: &str) -> KeycloakUser {
    let mut spec = json!({ "username": name, "firstName": "F" });
    for (field, value) in rights.as_object().unwrap() {
        spec[field] = value.clone();
    }
    world.user(name, spec).await;
    let user = world.until(name, "RightNotGranted").await;
    let message = &condition(&user, "Ready").unwrap().message;
    assert!(message.contains(way), "{way} is missing in: {message}");
    assert_eq!(world.keycloak.user(name).await.unwrap()["firstName"], "F", "the rest is applied");
    assert!(world.keycloak.roles_of(name).await.is_empty());
    assert!(world.keycloak.groups_of(name).await.is_empty());
    assert!(condition(&user, "Stalled").is_some());
    user
}

#[test]
fn no_known_way_leads_to_the_administration_of_the_realm() {
    e2e("no_known_way_leads_to_the_administration", async |world, _operator| {
        let keycloak = &world.keycloak;
        for role in ["inner", "outer"] {
            keycloak.create_role(role).await;
        }
        keycloak.add_composite("inner", ADMIN).await;
        keycloak.add_composite("outer", "inner").await;
        keycloak.create_group("/admins/of/all").await;
        keycloak.create_group("/nested").await;
        keycloak.give_to_group("/admins", ADMIN).await;
        keycloak.give_to_group("/nested", "outer").await;
        let direct = json!({ "clientRoles": [{ "client": "realm-management", "roles": ["realm-admin"] }] });
        refused(&world, "direct", direct, ADMIN_IN_WORDS).await;
        let composite = format!("realmRoles[inner] > {ADMIN_IN_WORDS}");
        refused(&world, "composite", json!({ "realmRoles": ["inner"] }), &composite).await;
        let nested = format!("realmRoles[outer] > realmRoles[inner] > {ADMIN_IN_WORDS}");
        refused(&world, "nested", json!({ "realmRoles": ["outer"] }), &nested).await;
        refused(&world, "member", json!({ "groups": ["/admins"] }), &format!("groups[/admins] > {ADMIN_IN_WORDS}"))
            .await;
        let child = format!("groups[/admins/of/all] > groups[/admins/of] > groups[/admins] > {ADMIN_IN_WORDS}");
        refused(&world, "child", json!({ "groups": ["/admins/of/all"] }), &child).await;
        let through = format!("groups[/nested] > {nested}");
        refused(&world, "through", json!({ "groups": ["/nested"] }), &through).await;
        world.until_event("child", "RightNotGranted").await;
        // The operator's own account holds admin roles; no resource may lend itself others through it.
        let own = format!("service-account-{OPERATOR_CLIENT}");
        assert!(!keycloak.roles_of(&own).await.contains(ADMIN));
    });
}

#[test]
fn an_existing_account_is_refused_as_a_new_one() {
    e2e("an_existing_account_is_refused_as_a_new_one", async |world, _operator| {
        world.keycloak.create_group("/admins/all").await;
        world.keycloak.give_to_group("/admins", ADMIN).await;
        world.user("there", json!({ "username": "there", "firstName": "F" })).await;
        world.until("there", "Synced").await;
        refused(&world, "there", json!({ "groups": ["/admins/all"] }), ADMIN_IN_WORDS).await;
        let direct = json!({ "clientRoles": [{ "client": "realm-management", "roles": ["manage-users"] }] });
        refused(&world, "there", direct, "clientRoles[realm-management/manage-users]").await;
        assert!(world.keycloak.writes_of_operator().await.iter().all(|write| !write.contains("role-mappings")));
    });
}

#[test]
fn a_role_that_became_an_admin_role_is_given_to_nobody_else_and_told_of_who_has_it() {
    e2e("a_role_that_became_an_admin_role", async |world, _operator| {
        world.keycloak.create_role("harmless").await;
        world.user("first", json!({ "username": "first", "realmRoles": ["harmless"] })).await;
        world.until("first", "Synced").await;
        world.keycloak.add_composite("harmless", ADMIN).await;
        until_judged_anew().await;
        let way = format!("realmRoles[harmless] > {ADMIN_IN_WORDS}");
        refused(&world, "second", json!({ "realmRoles": ["harmless"] }), &way).await;
        // Whoever has it keeps it: taking a role from everybody who has it is for a person to decide.
        world.reconcile_now("first").await;
        let user = world.until("first", "RightNotGranted").await;
        assert!(condition(&user, "Ready").unwrap().message.contains(&way));
        assert!(world.keycloak.roles_of("first").await.contains("harmless"));
        world.user("first", json!({ "username": "first" })).await;
        world.until("first", "Synced").await;
        assert!(world.keycloak.roles_of("first").await.is_empty());
    });
}

/// Refused before there is an account; given once the realm is as it was.
async fn no_account_is_made(world: &World, name: &str, way: &str) {
    world.user(name, json!({ "username": name })).await;
    let user = world.until(name, "NotGranted").await;
    let message = &condition(&user, "Ready").unwrap().message;
    assert!(message.contains("what the realm gives to every account") && message.contains(way), "{message}");
    assert!(message.contains("administers Keycloak"), "{message}");
    assert_eq!(user.status.unwrap().user_id, None);
    assert!(world.keycloak.user(name).await.is_none());
}

#[test]
fn no_account_is_made_that_the_realm_would_make_an_administrator() {
    e2e("no_account_is_made_that_the_realm_would_make", async |world, _operator| {
        let keycloak = &world.keycloak;
        let default = &format!("default-roles-{}", keycloak.realm);
        let to_default = &format!("realmRoles[{default}]");
        for role in ["inner", "outer"] {
            keycloak.create_role(role).await;
        }
        world.user("before", json!({ "username": "before" })).await;
        world.until("before", "Synced").await;
        keycloak.add_composite(default, ADMIN).await;
        until_judged_anew().await;
        no_account_is_made(&world, "direct", &format!("{to_default} > {ADMIN_IN_WORDS}")).await;
        keycloak.take_composite(default, ADMIN).await;
        until_judged_anew().await;
        world.reconcile_now("direct").await;
        world.until("direct", "Synced").await;

        keycloak.add_composite(default, "outer").await;
        keycloak.add_composite("outer", "inner").await;
        world.user("harmless", json!({ "username": "harmless" })).await;
        world.until("harmless", "Synced").await;
        keycloak.add_composite("inner", ADMIN).await;
        until_judged_anew().await;
        let nested = format!("{to_default} > realmRoles[outer] > realmRoles[inner] > {ADMIN_IN_WORDS}");
        no_account_is_made(&world, "nested", &nested).await;
        keycloak.take_composite("inner", ADMIN).await;

        let group = keycloak.create_group("/everybody/new").await;
        keycloak.change(Method::PUT, &format!("/default-groups/{group}"), json!({})).await;
        keycloak.give_to_group("/everybody", ADMIN).await;
        until_judged_anew().await;
        let way = format!("groups[/everybody/new] > groups[/everybody] > {ADMIN_IN_WORDS}");
        no_account_is_made(&world, "member", &way).await;
        world
            .connect(
                json!({ "grants": { "clientRoles": [{ "client": "realm-management", "roles": ["realm-admin"] }] } }),
            )
            .await;
        world.until("member", "Synced").await;
        assert!(keycloak.groups_of("member").await.contains("/everybody/new"), "it is granted in words");
        // Whoever was there before is not touched.
        world.reconcile_now("before").await;
        world.until("before", "Synced").await;
    });
}

/// What was read before a write answers for others for 1 s at most (docs/decisions.md).
async fn until_judged_anew() {
    let begun = Instant::now();
    let is_over = async || if begun.elapsed() > Duration::from_secs(1) { Ok(()) } else { Err(begun.elapsed()) };
    eventually("what was read is too old to be used", is_over).await;
}

#[test]
fn patterns_say_what_may_be_given() {
    e2e_with("patterns_say_what_may_be_given", json!({}), async |world| {
        let grants = json!({ "realmRoles": ["staff-*"], "groups": ["/staff/**"],
            "clientRoles": [{ "client": "app-*", "roles": ["read*"] }] });
        world.connect(json!({ "grants": grants })).await;
        let keycloak = &world.keycloak;
        for role in ["staff-base", "other"] {
            keycloak.create_role(role).await;
        }
        for client in ["app-one", "elsewhere"] {
            keycloak.create_client(client).await;
            keycloak.create_role(&format!("{client}/reader")).await;
            keycloak.create_role(&format!("{client}/writer")).await;
        }
        for path in ["/staff/eng/core", "/staff/mixed", "/guests"] {
            keycloak.create_group(path).await;
        }
        keycloak.give_to_group("/staff/mixed", "other").await;
        let _operator = world.operator().await;
        let allowed = json!({ "username": "allowed", "realmRoles": ["staff-base"], "groups": ["/staff/eng/core"],
            "clientRoles": [{ "client": "app-one", "roles": ["reader"] }] });
        world.user("allowed", allowed).await;
        world.until("allowed", "Synced").await;
        refused(&world, "role", json!({ "realmRoles": ["other"] }), "realmRoles[other] is not among grants.realmRoles")
            .await;
        refused(&world, "guest", json!({ "groups": ["/guests"] }), "groups[/guests] is not among grants.groups").await;
        refused(&world, "top", json!({ "groups": ["/staff"] }), "groups[/staff] is not among grants.groups").await;
        let mixed = "groups[/staff/mixed] > realmRoles[other] is not among grants.realmRoles";
        refused(&world, "mixed", json!({ "groups": ["/staff/mixed"] }), mixed).await;
        let writer = json!({ "clientRoles": [{ "client": "app-one", "roles": ["writer"] }] });
        refused(&world, "writer", writer, "clientRoles[app-one/writer] is not among grants.clientRoles").await;
        let elsewhere = json!({ "clientRoles": [{ "client": "elsewhere", "roles": ["reader"] }] });
        refused(&world, "elsewhere", elsewhere, "clientRoles[elsewhere/reader]").await;
    });
}

#[test]
fn a_right_that_is_missing_in_keycloak_is_named_and_only_where_it_is_needed() {
    let realm = json!({ "users": [{ "username": format!("service-account-{OPERATOR_CLIENT}"), "enabled": true,
        "serviceAccountClientId": OPERATOR_CLIENT, "clientRoles": { "realm-management": ["manage-users"] } }] });
    e2e_with("a_right_that_is_missing_in_keycloak_is_named", realm, async |world| {
        world.connect(json!({})).await;
        world.keycloak.create_role("base").await;
        world.keycloak.create_client("app").await;
        world.keycloak.create_role("app/reader").await;
        world.keycloak.create_group("/plain").await;
        let _operator = world.operator().await;
        world.user("plain", json!({ "username": "plain", "groups": ["/plain"] })).await;
        world.until("plain", "Synced").await;
        world.user("of-realm", json!({ "username": "of-realm", "realmRoles": ["base"] })).await;
        let user = world.until("of-realm", "Forbidden").await;
        assert!(condition(&user, "Ready").unwrap().message.contains("role view-realm of realm-management"));
        let spec = json!({ "username": "of-client", "clientRoles": [{ "client": "app", "roles": ["reader"] }] });
        world.user("of-client", spec).await;
        let user = world.until("of-client", "Forbidden").await;
        assert!(condition(&user, "Ready").unwrap().message.contains("role view-clients of realm-management"));
    });
}
