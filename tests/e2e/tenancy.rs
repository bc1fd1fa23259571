//! What the users of a connection cannot be, whoever writes them.

use serde_json::{Value, json};

use crate::support::{Chart, ChildOperator, World, condition, e2e_with, eventually};

/// Waits for the refusal; its message names the rule, the value and the connection.
async fn not_granted(world: &World, name: &str, rule: &str, value: &str) {
    let user = world.until(name, "NotGranted").await;
    let message = &condition(&user, "Ready").unwrap().message;
    for word in ["KeycloakConnection default", rule, value] {
        assert!(message.contains(word), "{word:?} is missing in: {message}");
    }
    assert!(condition(&user, "Stalled").is_some(), "only a person can help");
}

/// What one grant keeps out, at the creation of an account and at a change.
struct Fence {
    grants: Value,
    rule: &'static str,
    /// What the message quotes.
    value: &'static str,
    refused: Value,
    accepted: Value,
}

fn user(fields: Value) -> Value {
    let mut spec = json!({ "username": "fenced", "firstName": "F", "lastName": "L", "email": "fenced@example.com" });
    for (key, value) in fields.as_object().unwrap() {
        spec[key] = value.clone();
    }
    spec
}

fn attribute(name: &str, values: &[&str]) -> Value {
    user(json!({ "attributes": [{ "name": name, "values": values }] }))
}

async fn stays_out(world: &World, fence: &Fence) {
    world.connect(json!({ "grants": fence.grants })).await;
    let _operator = world.operator().await;
    world.user("f", fence.refused.clone()).await;
    not_granted(world, "f", fence.rule, fence.value).await;
    assert_eq!(world.keycloak.user("fenced").await, None, "{}: no account", fence.rule);
    world.user("f", fence.accepted.clone()).await;
    world.until("f", "Synced").await;
    let before = world.keycloak.user("fenced").await;
    world.user("f", fence.refused.clone()).await;
    not_granted(world, "f", fence.rule, fence.value).await;
    assert_eq!(world.keycloak.user("fenced").await, before, "{}: no change", fence.rule);
    world.connection("default", json!({})).await;
    world.until("f", "Synced").await;
}

#[test]
fn an_email_domain_that_is_not_granted_is_refused() {
    let fence = Fence {
        grants: json!({ "emailDomains": ["example.com"] }),
        rule: "grants.emailDomains",
        value: "evil.example.org",
        refused: user(json!({ "email": "fenced@evil.example.org" })),
        accepted: user(json!({ "email": "Fenced@Example.COM" })),
    };
    e2e_with("an_email_domain_that_is_not_granted", json!({}), async |world| stays_out(&world, &fence).await);
}

#[test]
fn a_verified_address_that_is_not_granted_is_refused() {
    let fence = Fence {
        grants: json!({ "emailVerified": "Forbidden" }),
        rule: "grants.emailVerified",
        value: "emailVerified: true",
        refused: user(json!({ "emailVerified": true })),
        accepted: user(json!({ "emailVerified": false })),
    };
    e2e_with("a_verified_address_that_is_not_granted", json!({}), async |world| stays_out(&world, &fence).await);
}

#[test]
fn an_attribute_that_is_not_granted_is_refused() {
    let fence = Fence {
        grants: json!({ "attributes": ["team"] }),
        rule: "grants.attributes",
        value: "clearance",
        refused: attribute("clearance", &["top"]),
        accepted: attribute("team", &["blue"]),
    };
    e2e_with("an_attribute_that_is_not_granted", json!({}), async |world| stays_out(&world, &fence).await);
}

#[test]
fn a_host_that_the_operator_may_not_connect_to_is_refused() {
    e2e_with("a_host_that_is_not_allowed", json!({}), async |world| {
        let values = ["allowedHosts={127.0.0.1,*.example.com}"];
        let chart = Chart::apply_release(&world.client, &world.namespace, &world.namespace, &values).await;
        world.connect(json!({ "url": "http://localhost:1/" })).await;
        let _operator = ChildOperator::start(&chart, &world.namespace).await;
        world.user("h", json!({ "username": "hosted" })).await;
        for (url, host) in [
            ("http://localhost:1/", "localhost"),
            ("http://sso.example.com.evil.org", "sso.example.com.evil.org"),
            ("http://169.254.169.254/latest", "169.254.169.254"),
            ("http://2852039166", "169.254.169.254"),
        ] {
            world.connection("default", json!({ "url": url })).await;
            eventually(&format!("{url} is refused"), async || {
                let ready = condition(&world.get_user("h").await, "Ready").cloned();
                match ready.filter(|ready| ready.reason == "HostNotAllowed" && ready.message.contains(host)) {
                    Some(_) => Ok(()),
                    None => Err(world.get_user("h").await.status),
                }
            })
            .await;
        }
        world.connection("default", json!({})).await;
        world.until("h", "Synced").await;
    });
}

#[test]
fn a_metadata_address_is_refused_where_all_hosts_are_allowed() {
    e2e_with("a_metadata_address", json!({}), async |world| {
        world.connect(json!({ "url": "http://[::ffff:169.254.169.254]/latest/meta-data" })).await;
        let _operator = world.operator().await;
        world.user("m", json!({ "username": "metadata" })).await;
        let user = world.until("m", "HostNotAllowed").await;
        assert!(condition(&user, "Ready").unwrap().message.contains("metadata service"));
    });
}

#[test]
fn somebody_elses_attribute_cannot_be_taken_away_without_a_grant() {
    e2e_with("somebody_elses_attribute", json!({}), async |world| {
        world.connect(json!({ "grants": { "attributes": ["team"] } })).await;
        let _operator = world.operator().await;
        world.user("f", attribute("team", &["blue"])).await;
        world.until("f", "Synced").await;
        world.keycloak.edit_user("fenced", json!({ "attributes": { "team": ["blue"], "clearance": ["low"] } })).await;
        world.user("f", attribute("clearance", &[])).await;
        not_granted(&world, "f", "grants.attributes", "clearance").await;
        assert_eq!(world.keycloak.user("fenced").await.unwrap()["attributes"]["clearance"], json!(["low"]));
    });
}

#[test]
fn the_mark_of_a_verified_address_does_not_pass_to_another_without_a_grant() {
    e2e_with("the_mark_of_a_verified_address", json!({}), async |world| {
        world.connect(json!({ "grants": { "emailVerified": "Forbidden" } })).await;
        let _operator = world.operator().await;
        world.user("f", user(json!({}))).await;
        world.until("f", "Synced").await;
        world.keycloak.edit_user("fenced", json!({ "emailVerified": true })).await;
        world.user("f", user(json!({ "email": "boss@example.com" }))).await;
        not_granted(&world, "f", "grants.emailVerified", "emailVerified: false").await;
        assert_eq!(world.keycloak.user("fenced").await.unwrap()["email"], "fenced@example.com");
        world.user("f", user(json!({ "email": "boss@example.com", "emailVerified": false }))).await;
        world.until("f", "Synced").await;
        let account = world.keycloak.user("fenced").await.unwrap();
        assert_eq!((&account["email"], &account["emailVerified"]), (&json!("boss@example.com"), &json!(false)));
    });
}
