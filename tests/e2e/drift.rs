//! What somebody changes in Keycloak is found by the realm's events. The periodic check is an hour away in all of these.

use k8s_openapi::jiff::Timestamp;
use keycloak_user_operator::api::{KeycloakConnection, RECONCILE_REQUESTED_AT};
use kube::api::{Patch, PatchParams};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Answer, Call, Fault, FaultProxy, Ledger, Operator, World, e2e_with, eventually, password_from, ready_reason,
    with_events,
};

/// More than are read each by itself at a start.
const MANY: u32 = 70;
const READS: &str = r#"keycloak_requests_total{operation="get_user",status="2xx"}"#;

async fn follow(world: &World) -> Operator {
    world.connect(json!({ "sync": { "sweepInterval": "1h", "events": "Follow" } })).await;
    let operator = world.operator().await;
    until_feed(world, "AdminEventsFollowed", "Following").await;
    operator
}

/// Waits until the connection says so of a feed; the message.
async fn until_feed(world: &World, condition: &str, reason: &str) -> String {
    eventually(&format!("{condition}: {reason}"), async || {
        let connection = world.api::<KeycloakConnection>().get("default").await.expect("the connection");
        let conditions = connection.status.unwrap_or_default().conditions;
        match conditions.into_iter().find(|found| found.type_ == condition) {
            Some(found) if found.reason == reason => Ok(found.message),
            other => Err(other),
        }
    })
    .await
}

#[test]
fn what_administrators_change_is_put_right_by_their_events() {
    e2e_with("what_administrators_change_is_put_right", with_events(), async |world| {
        for role in ["staff", "guest"] {
            world.keycloak.create_role(role).await;
        }
        world.keycloak.create_group("/team").await;
        let _operator = follow(&world).await;
        let spec = json!({
            "username": "anna", "lastName": "Doe", "realmRoles": ["staff"], "groups": ["/team"],
            "attributes": [{ "name": "floor", "values": ["2"] }],
        });
        world.user("anna", spec).await;
        world.until("anna", "Synced").await;
        let keycloak = &world.keycloak;

        keycloak.edit_user("anna", json!({ "lastName": "Roe", "attributes": { "floor": ["3"] } })).await;
        let is_declared =
            |account: &Value| account["lastName"] == "Doe" && account["attributes"]["floor"] == json!(["2"]);
        world.until_account("anna", "its profile again", is_declared).await;

        keycloak.give_role("anna", "guest").await;
        keycloak.take_role("anna", "staff").await;
        keycloak.leave("anna", "/team").await;
        eventually("its role and group again", async || {
            let (roles, groups) = (keycloak.roles_of("anna").await, keycloak.groups_of("anna").await);
            if roles.contains("staff") && groups.contains("/team") { Ok(()) } else { Err((roles, groups)) }
        })
        .await;
        // What a pass takes away, it takes away after it has given.
        world.reconcile_now("anna").await;
        assert!(keycloak.roles_of("anna").await.contains("guest"), "what somebody else gave stays");

        let first = keycloak.user_id("anna").await;
        keycloak.delete_user("anna").await;
        world
            .until_account("anna", "made anew", |account| account["id"] != first.as_str() && is_declared(account))
            .await;
    });
}

#[test]
fn the_operators_own_writes_wake_nobody() {
    e2e_with("the_operators_own_writes_wake_nobody", with_events(), async |world| {
        world.keycloak.create_role("staff").await;
        world.keycloak.create_group("/team").await;
        world.secret("kcuser-own", &[("password", "first-password")]).await;
        let operator = follow(&world).await;
        world.user("other", json!({ "username": "other" })).await;
        world.until("other", "Synced").await;
        let spec = |last_name: &str| {
            json!({
                "username": "own", "firstName": "Olga", "lastName": last_name, "email": "own@example.com", "realmRoles": ["staff"], "groups": ["/team"],
                "credentials": password_from("kcuser-own"),
            })
        };
        world.user("own", spec("Doe")).await;
        world.until("own", "Synced").await;
        world.user("own", spec("Roe")).await;
        world.until("own", "Synced").await;
        world.change_secret("kcuser-own", &[("password", "second-password")]).await;
        eventually("the new password", async || world.keycloak.login("own", "second-password").await).await;
        world.reconcile_now("own").await;

        // An edit of another account is a later event: once it is put right, those of ours have been read.
        let reads = operator.metric(READS);
        world.keycloak.edit_user("other", json!({ "email": "x@example.com" })).await;
        eventually("the edit was looked at", async || {
            let read = operator.metric(READS);
            if read > reads { Ok(()) } else { Err(read) }
        })
        .await;
        operator
            .stop_and(|operator| {
                assert_eq!(operator.metric(READS), reads + 1.0, "of `other`, by somebody else's event")
            })
            .await;
    });
}

#[test]
fn what_a_user_changes_in_the_account_console_is_put_right() {
    e2e_with("what_a_user_changes_is_put_right", with_events(), async |world| {
        world.secret("kcuser-self", &[("password", "first-password")]).await;
        let _operator = follow(&world).await;
        until_feed(&world, "UserEventsFollowed", "Following").await;
        let spec = json!({
            "username": "self", "firstName": "Selma", "lastName": "Doe", "email": "self@example.com",
            "emailVerified": true, "credentials": password_from("kcuser-self"),
        });
        world.user("self", spec).await;
        world.until("self", "Synced").await;

        let session = world.keycloak.sign_in("self", "first-password", false).await;
        let mine = json!({ "username": "self", "firstName": "Selma", "lastName": "Roe", "email": "self@example.com" });
        world.keycloak.edit_own_account(&session, mine).await;
        let is_declared = |account: &Value| account["lastName"] == "Doe";
        eventually("a repair of the operator", async || {
            let writes = world.keycloak.writes_of_operator().await;
            if writes.len() == 2 { Ok(()) } else { Err(writes) }
        })
        .await;
        let account = world.until_account("self", "the declared name", is_declared).await;
        let path = format!("users/{}", account["id"].as_str().expect("an id"));
        let updates = world.keycloak.get(&format!("/admin-events?operationTypes=UPDATE&resourcePath={path}")).await;
        assert_eq!(updates.as_array().map(Vec::len), Some(1), "the repair; no admin event told of the edit: {updates}");
    });
}

#[test]
fn a_role_or_group_that_changes_wakes_those_who_have_it() {
    e2e_with("a_role_or_group_that_changes", with_events(), async |world| {
        world.keycloak.create_role("staff").await;
        world.keycloak.create_group("/team").await;
        world.keycloak.create_group("/crew").await;
        let _operator = follow(&world).await;
        for (name, spec) in [
            ("in-group", json!({ "username": "in-group", "groups": ["/team"] })),
            ("renamed", json!({ "username": "renamed", "groups": ["/crew"] })),
            ("has-role", json!({ "username": "has-role", "realmRoles": ["staff"] })),
        ] {
            world.user(name, spec).await;
            world.until(name, "Synced").await;
        }
        world.keycloak.delete_group("/team").await;
        world.keycloak.rename_group("/crew", "squad").await;
        world.until("in-group", "UnknownName").await;
        world.until("renamed", "UnknownName").await;
        world.keycloak.delete_role("staff").await;
        world.until("has-role", "UnknownName").await;
    });
}

#[test]
fn a_role_that_is_made_composite_is_told_of_to_those_who_have_it() {
    e2e_with("a_role_that_is_made_composite", with_events(), async |world| {
        world.keycloak.create_client("app").await;
        for role in ["staff", "app/viewer"] {
            world.keycloak.create_role(role).await;
        }
        let _operator = follow(&world).await;
        let viewer = json!([{ "client": "app", "roles": ["viewer"] }]);
        world.user("of-realm", json!({ "username": "of-realm", "realmRoles": ["staff"] })).await;
        world.user("of-client", json!({ "username": "of-client", "clientRoles": viewer })).await;
        for (name, role) in [("of-realm", "staff"), ("of-client", "app/viewer")] {
            world.until(name, "Synced").await;
            world.keycloak.add_composite(role, "realm-management/realm-admin").await;
            world.until(name, "RightNotGranted").await;
            world.keycloak.take_composite(role, "realm-management/realm-admin").await;
            world.until(name, "Synced").await;
        }
    });
}

/// The newest admin event.
async fn newest_event(world: &World) -> Value {
    world.keycloak.get("/admin-events?max=1").await[0].clone()
}

#[test]
fn a_change_of_the_realm_itself_whose_event_has_no_path_hides_no_other() {
    e2e_with("a_change_of_the_realm_itself", with_events(), async |world| {
        let _operator = follow(&world).await;
        world.user("anna", json!({ "username": "anna", "lastName": "Doe" })).await;
        world.until("anna", "Synced").await;
        for name in ["Staff", "All staff"] {
            world.keycloak.change(Method::PUT, "", json!({ "displayName": name })).await;
            let event = newest_event(&world).await;
            assert_eq!((&event["resourceType"], event.get("resourcePath")), (&json!("REALM"), None), "{event}");
            world.keycloak.edit_user("anna", json!({ "lastName": "Roe" })).await;
            world.until_account("anna", "put right", |account| account["lastName"] == "Doe").await;
        }
    });
}

/// A partial import that puts what it brings in the place of what is there.
async fn import(world: &World, what: &str, entries: Value) {
    let import = json!({ "ifResourceExists": "OVERWRITE", what: entries });
    world.keycloak.change(Method::POST, "/partialImport", import).await;
    // The operator may still be at work on what came of the last one.
    let event = world.keycloak.get("/admin-events?max=1&resourceTypes=REALM").await[0].clone();
    assert_eq!((&event["operationType"], &event["resourceType"]), (&json!("UPDATE"), &json!("REALM")), "{event}");
}

#[test]
fn what_a_partial_import_has_replaced_is_looked_at_though_its_events_name_what_came_alone() {
    e2e_with("what_a_partial_import_has_replaced", with_events(), async |world| {
        world.keycloak.create_group("/team").await;
        let _operator = follow(&world).await;
        for name in ["anna", "bert"] {
            world.user(name, json!({ "username": name, "lastName": "Doe", "groups": ["/team"] })).await;
            world.until(name, "Synced").await;
        }
        let (anna, bert) = (world.keycloak.user("anna").await.unwrap(), world.keycloak.user("bert").await.unwrap());

        import(&world, "groups", json!([{ "name": "team", "path": "/team" }])).await;
        for name in ["anna", "bert"] {
            eventually(&format!("{name} is in the new group"), async || {
                let groups = world.keycloak.groups_of(name).await;
                if groups.contains("/team") { Ok(()) } else { Err(groups) }
            })
            .await;
        }

        // An export keeps the moment of creation, and with it the mark.
        let exported = json!({ "username": "anna", "enabled": true, "lastName": "Roe", "createdTimestamp": anna["createdTimestamp"] });
        import(&world, "users", json!([exported])).await;
        let account = world.until_account("anna", "put right", |account| account["lastName"] == "Doe").await;
        assert_ne!(account["id"], anna["id"], "the import made it anew");
        import(&world, "users", json!([{ "username": "bert", "enabled": true, "lastName": "Roe" }])).await;
        world.until("bert", "ForeignAccount").await;
        let account = world.keycloak.user("bert").await.unwrap();
        assert_eq!(
            (&account["lastName"], account["id"] != bert["id"]),
            (&json!("Roe"), true),
            "not ours, and left alone"
        );
    });
}

#[test]
fn deleted_events_are_noticed_and_every_account_is_looked_at() {
    e2e_with("deleted_events_are_noticed", with_events(), async |world| {
        let _operator = follow(&world).await;
        for name in ["hidden", "shown"] {
            world.user(name, json!({ "username": name, "lastName": "Doe" })).await;
            world.until(name, "Synced").await;
        }
        let keycloak = &world.keycloak;
        // Both are read before the events go, or there would be no known one to miss.
        keycloak.edit_user("shown", json!({ "lastName": "Roe" })).await;
        world.until_account("shown", "put right", |account| account["lastName"] == "Doe").await;

        keycloak.change(Method::PUT, "/events/config", json!({ "adminEventsEnabled": false })).await;
        keycloak.edit_user("hidden", json!({ "lastName": "Roe" })).await;
        keycloak.change(Method::DELETE, "/admin-events", json!({})).await;
        keycloak.change(Method::PUT, "/events/config", json!({ "adminEventsEnabled": true })).await;
        world.until_account("hidden", "put right", |account| account["lastName"] == "Doe").await;
    });
}

#[test]
fn accounts_that_were_made_shortly_before_a_restart_are_read_together() {
    e2e_with("accounts_made_before_a_restart", with_events(), async |world| {
        let operator = follow(&world).await;
        let names: Vec<String> = (0..MANY).map(|index| format!("user-{index}")).collect();
        for name in &names {
            world.user(name, json!({ "username": name })).await;
        }
        for name in &names {
            world.until(name, "Synced").await;
        }
        operator.stop().await;
        // Clocks of servers are told in seconds, and events come late.
        eventually("the newest event is old", async || {
            let newest = newest_event(&world).await["time"].as_i64().expect("a time");
            let age = Timestamp::now().as_millisecond() - newest;
            if age > 5000 { Ok(()) } else { Err(age) }
        })
        .await;
        let operator = world.operator().await;
        eventually("all have been found as they were", async || {
            let found = operator.metric(r#"keycloakuser_users{reason="Synced"}"#);
            if found == f64::from(MANY) { Ok(()) } else { Err(found) }
        })
        .await;
        // Once a later event was looked at, all before have been read.
        world.keycloak.edit_user("user-0", json!({ "email": "x@example.com" })).await;
        eventually("the edit was looked at", async || {
            let read = operator.metric(READS);
            if read > 0.0 { Ok(()) } else { Err(read) }
        })
        .await;
        operator.stop_and(|operator| assert_eq!(operator.metric(READS), 1.0, "the one that was edited")).await;
    });
}

#[test]
fn what_was_changed_while_a_feed_was_off_is_found_when_it_is_switched_on() {
    e2e_with("what_was_changed_while_a_feed_was_off", with_events(), async |world| {
        let keycloak = &world.keycloak;
        keycloak.change(Method::PUT, "/events/config", json!({ "adminEventsEnabled": false })).await;
        world.connect(json!({ "sync": { "sweepInterval": "1h", "events": "Follow" } })).await;
        let _operator = world.operator().await;
        until_feed(&world, "AdminEventsFollowed", "EventsOff").await;
        world.user("hidden", json!({ "username": "hidden", "lastName": "Doe" })).await;
        world.until("hidden", "Synced").await;
        keycloak.edit_user("hidden", json!({ "lastName": "Roe" })).await;
        keycloak.change(Method::PUT, "/events/config", json!({ "adminEventsEnabled": true })).await;
        // It has the connection looked at, and no user.
        let asked = Patch::Merge(json!({ "metadata": { "annotations": { RECONCILE_REQUESTED_AT: "now" } } }));
        let connections = world.api::<KeycloakConnection>();
        connections.patch("default", &PatchParams::default(), &asked).await.expect("the connection");
        until_feed(&world, "AdminEventsFollowed", "Following").await;
        world.until_account("hidden", "put right", |account| account["lastName"] == "Doe").await;
    });
}

#[test]
fn a_feed_that_cannot_be_read_is_named_on_the_connection() {
    e2e_with("a_feed_that_cannot_be_read_is_named", json!({}), async |world| {
        world.connect(json!({ "sync": { "sweepInterval": "1h" } })).await;
        let _operator = world.operator().await;
        world.connection("default", json!({ "sync": { "events": "Follow" } })).await;
        let message = until_feed(&world, "AdminEventsFollowed", "Forbidden").await;
        assert!(message.contains("view-events"), "{message}");
        until_feed(&world, "UserEventsFollowed", "Forbidden").await;
        let ready = until_feed(&world, "Ready", "Synced").await;
        assert!(ready.contains("logged in"), "the connection works all the same: {ready}");

        let account = world.keycloak.user("service-account-operator").await.expect("the operator's account");
        let id = account["id"].as_str().expect("an id");
        world.keycloak.give_client_role(id, "realm-management", "view-events").await;
        // A new spec is a reason for a pass at once, and a new Secret for a token with the new role.
        world.connect(json!({ "sync": { "events": "Follow", "sweepInterval": "2h" } })).await;
        until_feed(&world, "AdminEventsFollowed", "Following").await;
        let message = until_feed(&world, "UserEventsFollowed", "EventsOff").await;
        assert!(message.contains("does not record"), "{message}");

        world.connection("default", json!({ "sync": { "events": "Ignore" } })).await;
        eventually("nothing is said of feeds that are not asked for", async || {
            let connection = world.api::<KeycloakConnection>().get("default").await.expect("the connection");
            let conditions = connection.status.unwrap_or_default().conditions;
            if conditions.iter().any(|c| c.type_.ends_with("Followed")) { Err(conditions) } else { Ok(()) }
        })
        .await;
    });
}

#[test]
fn what_changes_while_a_feed_fails_is_found_when_it_works_again() {
    e2e_with("what_changes_while_a_feed_fails", with_events(), async |world| {
        let ledger = Ledger::default();
        let proxy = FaultProxy::before_keycloak("operator", &ledger);
        world.connect(json!({ "url": proxy.url(), "sync": { "events": "Follow", "sweepInterval": "1h" } })).await;
        let _operator = world.operator().await;
        until_feed(&world, "AdminEventsFollowed", "Following").await;
        world.user("behind", json!({ "username": "behind", "lastName": "Doe" })).await;
        world.until("behind", "Synced").await;

        let is_feed = |call: &Call| call.path.ends_with("/admin-events");
        proxy.inject(Fault::Answer(Answer::bare(502)), is_feed);
        let polls = || ledger.records().iter().filter(|record| is_feed(&record.call)).count();
        let before = polls();
        eventually("a poll that fails", async || if polls() > before { Ok(()) } else { Err(()) }).await;
        world.keycloak.edit_user("behind", json!({ "lastName": "Roe" })).await;
        proxy.heal();
        world.until_account("behind", "put right", |account| account["lastName"] == "Doe").await;
        assert_eq!(ready_reason(&world.get_user("behind").await), Some("Synced"), "a feed is no matter of an account");
    });
}
