//! What is ours, what is somebody else's: fields that are not declared, attributes one by one, and the rules of PUT.

mod kills;
mod table;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{World, condition, e2e, e2e_with, eventually};

fn attributes(pairs: &[(&str, &[&str])]) -> Value {
    pairs.iter().map(|(name, values)| json!({ "name": name, "values": values })).collect()
}

async fn account(world: &World, name: &str) -> Value {
    world.keycloak.user(name).await.expect("the account")
}

#[test]
fn a_name_that_leaves_the_spec_leaves_the_account_and_nothing_else_does() {
    e2e("a_name_that_leaves_the_spec", async |world, _operator| {
        world
            .user("own", json!({ "username": "own", "attributes": attributes(&[("a", &["1"]), ("b", &["2"])]) }))
            .await;
        let user = world.until("own", "Synced").await;
        assert_eq!(user.status.unwrap().owned.attributes, ["a", "b"]);
        world.keycloak.edit_user("own", json!({ "attributes": { "a": ["1"], "b": ["2"], "c": ["3"] } })).await;
        world.user("own", json!({ "username": "own", "attributes": attributes(&[("b", &["2"])]) })).await;
        let user = world.until("own", "Synced").await;
        assert_eq!(user.status.unwrap().owned.attributes, ["b"]);
        assert_eq!(account(&world, "own").await["attributes"], json!({ "b": ["2"], "c": ["3"] }));
        world.user("own", json!({ "username": "own" })).await;
        world.until("own", "Synced").await;
        assert_eq!(account(&world, "own").await["attributes"], json!({ "c": ["3"] }));
    });
}

#[test]
fn an_empty_list_of_values_removes_what_somebody_else_put_there() {
    e2e("an_empty_list_of_values", async |world, _operator| {
        world.user("none", json!({ "username": "none" })).await;
        world.until("none", "Synced").await;
        world.keycloak.edit_user("none", json!({ "attributes": { "stale": ["x"], "kept": ["y"] } })).await;
        world.user("none", json!({ "username": "none", "attributes": attributes(&[("stale", &[])]) })).await;
        world.until("none", "Synced").await;
        assert_eq!(account(&world, "none").await["attributes"], json!({ "kept": ["y"] }));
    });
}

#[test]
fn a_changed_attribute_takes_neither_names_nor_address_away() {
    e2e("a_changed_attribute_takes_neither_names_nor_address_away", async |world, _operator| {
        world.user("whole", json!({ "username": "whole", "attributes": attributes(&[("a", &["1"])]) })).await;
        world.until("whole", "Synced").await;
        let by_hand =
            json!({ "firstName": "By", "lastName": "Hand", "email": "by.hand@example.com", "emailVerified": true });
        world.keycloak.edit_user("whole", by_hand).await;
        world.user("whole", json!({ "username": "whole", "attributes": attributes(&[("a", &["2"])]) })).await;
        let account =
            world.until_account("whole", "the new value", |user| user["attributes"]["a"] == json!(["2"])).await;
        assert_eq!(account["firstName"], "By");
        assert_eq!(account["lastName"], "Hand");
        assert_eq!(account["email"], "by.hand@example.com");
        assert_eq!(account["emailVerified"], true);
    });
}

#[test]
fn an_empty_name_is_cleared_and_an_absent_one_is_left() {
    e2e("an_empty_name_is_cleared_and_an_absent_one_is_left", async |world, _operator| {
        let full = json!({ "username": "names", "firstName": "F", "lastName": "L", "email": "names@example.com",
            "attributes": attributes(&[("a", &["1"])]) });
        world.user("names", full).await;
        world.until("names", "Synced").await;
        let less =
            json!({ "username": "names", "firstName": "", "email": "", "attributes": attributes(&[("a", &["1"])]) });
        world.user("names", less).await;
        world.until("names", "Synced").await;
        let account = account(&world, "names").await;
        assert_eq!((account.get("firstName"), account.get("email")), (None, None), "{account}");
        assert_eq!(account["lastName"], "L", "absent: not managed");
        assert_eq!(account["attributes"], json!({ "a": ["1"] }));
    });
}

#[test]
fn names_and_attributes_change_in_one_request() {
    e2e("names_and_attributes_change_in_one_request", async |world, _operator| {
        world
            .user("once", json!({ "username": "once", "firstName": "A", "attributes": attributes(&[("a", &["1"])]) }))
            .await;
        world.until("once", "Synced").await;
        world.user("once", json!({ "username": "once", "firstName": "", "attributes": attributes(&[("a", &["2"]), ("b", &["3"])]) })).await;
        world.until("once", "Synced").await;
        let account = account(&world, "once").await;
        assert_eq!(account["attributes"], json!({ "a": ["2"], "b": ["3"] }));
        assert_eq!(account.get("firstName"), None);
        assert_eq!(world.keycloak.writes_of_operator().await.len(), 2, "one POST and one PUT");
    });
}

#[test]
fn an_attribute_that_the_profile_drops_is_named_before_it_is_sent() {
    e2e("an_attribute_that_the_profile_drops_is_named", async |world, _operator| {
        world.keycloak.set_unmanaged_attributes("DISABLED").await;
        world
            .user(
                "drop",
                json!({ "username": "drop", "firstName": "F", "attributes": attributes(&[("unknown", &["1"])]) }),
            )
            .await;
        let user = world.until("drop", "AttributesNotAccepted").await;
        let accepted = condition(&user, "AttributesAccepted").unwrap();
        assert_eq!(accepted.status, "False");
        assert!(accepted.message.contains("unknown"), "{}", accepted.message);
        assert_eq!(account(&world, "drop").await["firstName"], "F", "the rest is applied");
        world.until_event("drop", "AttributesNotAccepted").await;
        let writes = world.keycloak.writes_of_operator().await;
        world.reconcile_now("drop").await;
        assert_eq!(world.keycloak.writes_of_operator().await, writes, "it is not sent again and again");

        world.keycloak.set_unmanaged_attributes("ADMIN_EDIT").await;
        eventually("the attribute is accepted", async || {
            let user = world.reconcile_now("drop").await;
            match condition(&user, "AttributesAccepted").unwrap().status.as_str() {
                "True" => Ok(()),
                _ => Err(user.status),
            }
        })
        .await;
        assert_eq!(account(&world, "drop").await["attributes"]["unknown"], json!(["1"]));
    });
}

#[test]
fn an_attribute_that_admins_may_only_view_is_named() {
    e2e("an_attribute_that_admins_may_only_view_is_named", async |world, _operator| {
        world.keycloak.set_unmanaged_attributes("ADMIN_VIEW").await;
        world.user("view", json!({ "username": "view", "attributes": attributes(&[("seen", &["1"])]) })).await;
        let user = world.until("view", "AttributesNotAccepted").await;
        assert!(condition(&user, "AttributesAccepted").unwrap().message.contains("seen"));
    });
}

#[test]
fn declared_attributes_follow_the_permissions_of_the_profile() {
    e2e("declared_attributes_follow_the_permissions", async |world, _operator| {
        let (_, mut profile) =
            world.keycloak.request(Method::GET, &format!("/{}/users/profile", world.keycloak.realm), None).await;
        let declared = profile["attributes"].as_array_mut().unwrap();
        declared.push(
            json!({ "name": "open", "permissions": { "view": ["admin"], "edit": ["admin"] }, "multivalued": true }),
        );
        declared.push(json!({ "name": "closed", "permissions": { "view": ["admin", "user"], "edit": [] } }));
        declared.push(json!({ "name": "bare" }));
        world.keycloak.change(Method::PUT, "/users/profile", profile).await;
        let declared = attributes(&[("open", &["1", "2"]), ("closed", &["x"]), ("bare", &["y"])]);
        world.user("perm", json!({ "username": "perm", "attributes": declared })).await;
        let user = world.until("perm", "AttributesNotAccepted").await;
        let message = &condition(&user, "AttributesAccepted").unwrap().message;
        assert!(message.contains("closed") && message.contains("bare") && !message.contains("open"), "{message}");
        let account = account(&world, "perm").await;
        assert_eq!(account["attributes"], json!({ "open": ["1", "2"] }));
    });
}

#[test]
fn a_change_that_keycloak_does_not_keep_is_told_and_not_made_for_ever() {
    let realm = json!({ "registrationEmailAsUsername": true });
    e2e_with("a_change_that_keycloak_does_not_keep", realm, async |world| {
        world.connect(json!({ "sync": { "sweepInterval": "1s" } })).await;
        let operator = world.operator().await;
        world.user("mail", json!({ "username": "someone", "email": "someone@example.com" })).await;
        let user = world.until("mail", "NotKept").await;
        assert!(condition(&user, "Ready").unwrap().message.contains("update username"), "{:?}", user.status);
        assert_eq!(world.keycloak.users().await.len(), 1);

        let passes = || operator.metric(r#"keycloakuser_reconciles_total{outcome="blocked"}"#);
        let before = passes();
        eventually("three more checks", async || if passes() >= before + 3.0 { Ok(()) } else { Err(()) }).await;
        let writes = world.keycloak.writes_of_operator().await;
        assert_eq!(writes.len(), 2, "the POST, and one PUT: {writes:?}");
        world.reconcile_now("mail").await;
        assert_eq!(world.keycloak.writes_of_operator().await.len(), 3, "who asks for a pass gets another try");
        assert_eq!(world.events("mail", "DriftCorrected").await, 0, "nothing was put right");
        world.delete_and_wait("mail").await;
        assert_eq!(world.keycloak.users().await, Vec::<Value>::new());
    });
}

#[test]
fn what_was_noted_before_a_crash_is_taken_away_if_the_spec_no_longer_names_it() {
    e2e("what_was_noted_before_a_crash", async |world, operator| {
        world.user("noted", json!({ "username": "noted", "attributes": attributes(&[("a", &["1"])]) })).await;
        world.until("noted", "Synced").await;
        operator.stop().await;
        // As if the process had died after the request that set b, and the spec had changed back since.
        world.keycloak.edit_user("noted", json!({ "attributes": { "a": ["1"], "b": ["2"], "c": ["3"] } })).await;
        let api: kube::Api<keycloak_user_operator::api::KeycloakUser> = world.api();
        let status = kube::api::Patch::Merge(json!({ "status": { "owned": { "attributes": ["a", "b"] } } }));
        api.patch_status("noted", &kube::api::PatchParams::default(), &status).await.unwrap();
        let _operator = world.operator().await;
        let account = world.until_account("noted", "without b", |user| user["attributes"].get("b").is_none()).await;
        assert_eq!(account["attributes"], json!({ "a": ["1"], "c": ["3"] }));
        eventually("b is no longer noted as ours", async || {
            let owned = world.get_user("noted").await.status.unwrap().owned;
            if owned.attributes == ["a"] { Ok(()) } else { Err(owned) }
        })
        .await;
        world.until("noted", "Synced").await;
    });
}

#[test]
fn a_status_that_was_lost_costs_nobody_an_attribute_and_switches_nobody_on() {
    e2e("a_status_that_was_lost_costs_nobody_an_attribute", async |world, _operator| {
        let both = attributes(&[("a", &["1"]), ("b", &["2"])]);
        world.user("lost", json!({ "username": "lost", "enabled": true, "attributes": both })).await;
        let id = world.until("lost", "Synced").await.status.unwrap().user_id;
        let by_hand = json!({ "a": ["1"], "b": ["2"], "theirs": ["3"] });
        world.keycloak.edit_user("lost", json!({ "attributes": by_hand, "enabled": false })).await;
        let writes = world.keycloak.writes_of_operator().await;
        let nothing = json!({ "status": { "userId": null, "username": null, "owned": null, "conditions": null } });
        let api: kube::Api<keycloak_user_operator::api::KeycloakUser> = world.api();
        api.patch_status("lost", &Default::default(), &kube::api::Patch::Merge(nothing)).await.unwrap();
        let user = world.reconcile_now("lost").await;
        assert_eq!(condition(&user, "Ready").unwrap().reason, "DisabledElsewhere");
        let status = user.status.unwrap();
        assert_eq!(status.user_id, id, "the same account");
        assert_eq!(status.owned.attributes, ["a", "b"], "what is declared is ours again");
        assert_eq!(account(&world, "lost").await["attributes"], by_hand);
        assert_eq!(world.keycloak.writes_of_operator().await, writes);
        let one = attributes(&[("a", &["1"])]);
        world.user("lost", json!({ "username": "lost", "enabled": true, "attributes": one })).await;
        world.until("lost", "DisabledElsewhere").await;
        assert_eq!(account(&world, "lost").await["attributes"], json!({ "a": ["1"], "theirs": ["3"] }));
    });
}

#[test]
fn an_attribute_is_noted_as_ours_before_it_is_sent() {
    e2e("an_attribute_is_noted_as_ours_before_it_is_sent", async |world, _operator| {
        world.user("early", json!({ "username": "early" })).await;
        world.until("early", "Synced").await;
        // Too many values for the profile: the request is refused, but the note was made before.
        let (_, mut profile) =
            world.keycloak.request(Method::GET, &format!("/{}/users/profile", world.keycloak.realm), None).await;
        let single = json!({ "name": "single", "permissions": { "view": ["admin"], "edit": ["admin"] } });
        profile["attributes"].as_array_mut().unwrap().push(single);
        world.keycloak.change(Method::PUT, "/users/profile", profile).await;
        world.user("early", json!({ "username": "early", "attributes": attributes(&[("single", &["1", "2"])]) })).await;
        let user = world.until("early", "ValueRejected").await;
        assert!(condition(&user, "Ready").unwrap().message.contains("single"), "{:?}", user.status);
        assert_eq!(user.status.unwrap().owned.attributes, ["single"]);
    });
}
