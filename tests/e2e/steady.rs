//! What costs nothing, what is put right, and what is not touched.

use keycloak_user_operator::api::KeycloakUser;
use kube::ResourceExt;
use reqwest::Method;
use serde_json::json;

use crate::support::{
    CONCURRENCY, ChildOperator, FaultProxy, Ledger, World, e2e, e2e_with, eventually, password_from, ready_reason,
};

const READS: &str = r#"keycloak_requests_total{operation="get_user",status="2xx"}"#;
/// Accounts that are thought to be unchanged are read together, by their ids.
const READS_TOGETHER: &str = r#"keycloak_requests_total{operation="find_users",status="2xx"}"#;

#[test]
fn an_unchanged_account_costs_one_read_per_check_and_no_write() {
    e2e_with("an_unchanged_account_costs_one_read_per_check_and_no_write", json!({}), async |world| {
        world.connect(json!({ "sync": { "sweepInterval": "1s" } })).await;
        world.secret("kcuser-jane", &[("password", "first-password")]).await;
        let operator = world.operator().await;
        let spec = json!({
            "username": "jane", "firstName": "Jane", "email": "jane@example.com", "enabled": true,
            "attributes": [{ "name": "team", "values": ["b", "a"] }], "credentials": password_from("kcuser-jane"),
        });
        world.user("jane", spec).await;
        let version = world.until("jane", "Synced").await.resource_version();
        let writes = world.keycloak.writes_of_operator().await;

        // Right after a check none is under way.
        let before = unchanged(&operator);
        eventually("one more check", async || if unchanged(&operator) > before { Ok(()) } else { Err(()) }).await;
        let (reads, passes) = (operator.metric(READS_TOGETHER), unchanged(&operator));
        eventually("five more checks", async || if unchanged(&operator) >= passes + 5.0 { Ok(()) } else { Err(()) })
            .await;
        operator
            .stop_and(|operator| {
                let (checks, read) = (unchanged(operator) - passes, operator.metric(READS_TOGETHER) - reads);
                // One may be under way.
                assert!(read == checks || read == checks + 1.0, "{read} reads for {checks} checks");
                for other in ["get_credentials", "update_user", "reset_password"] {
                    let asked =
                        operator.metric(&format!(r#"keycloak_requests_total{{operation="{other}",status="2xx"}}"#));
                    assert_eq!(asked, 0.0, "{other}");
                }
            })
            .await;
        assert_eq!(world.get_user("jane").await.resource_version(), version, "no write to the API server");
        assert_eq!(world.keycloak.writes_of_operator().await, writes, "no write to Keycloak");
        assert_eq!(writes.len(), 1, "one POST made the account: {writes:?}");
    });
}

fn unchanged(operator: &crate::support::Operator) -> f64 {
    operator.metric(r#"keycloakuser_reconciles_total{outcome="unchanged"}"#)
}

#[test]
fn an_unchanged_account_asks_the_api_server_for_no_write() {
    e2e_with("an_unchanged_account_asks_for_no_write", json!({}), async |world| {
        world.connect(json!({ "sync": { "sweepInterval": "1s" } })).await;
        let operator = ChildOperator::start(&world.chart().await, &world.namespace).await;
        world.user("still", json!({ "username": "still", "enabled": true })).await;
        world.until("still", "Synced").await;
        // A write that changes nothing leaves the resourceVersion as it is, so the right to write is taken away.
        world.may_write_status(false).await;
        let passes = async || {
            let metrics = reqwest::get(operator.url("/metrics")).await.unwrap().text().await.unwrap();
            let name = r#"keycloakuser_reconciles_total{outcome="unchanged"} "#;
            metrics.lines().find_map(|line| line.strip_prefix(name)).map_or(0, |value| value.parse::<u32>().unwrap())
        };
        let before = passes().await;
        eventually("three more checks", async || if passes().await >= before + 3 { Ok(()) } else { Err(()) }).await;
        let log = operator.output();
        assert!(!log.contains("cannot be written"), "{log}");
    });
}

#[test]
fn a_new_account_costs_two_writes_to_the_api_server() {
    e2e("a_new_account_costs_two_writes_to_the_api_server", async |world, _operator| {
        world.user("two", json!({ "username": "two-writes" })).await;
        let user = world.until("two", "Synced").await;
        let managers: Vec<(&str, &str)> = user
            .metadata
            .managed_fields
            .as_ref()
            .unwrap()
            .iter()
            .filter(|entry| entry.manager.as_deref() != Some("test"))
            .map(|entry| (entry.operation.as_deref().unwrap(), entry.subresource.as_deref().unwrap_or("main")))
            .collect();
        assert_eq!(managers.len(), 2, "the finalizer and the status: {managers:?}");
        let after = world.reconcile_now("two").await;
        let again = world.reconcile_now("two").await;
        assert_eq!(user.status.unwrap().user_id, after.status.unwrap().user_id);
        assert_eq!(again.status.unwrap().conditions[0].last_transition_time, user_ready_time(&world, "two").await);
    });
}

async fn user_ready_time(world: &World, name: &str) -> k8s_openapi::apimachinery::pkg::apis::meta::v1::Time {
    world.get_user(name).await.status.unwrap().conditions[0].last_transition_time.clone()
}

#[test]
fn an_edit_by_hand_is_put_right_and_told() {
    e2e_with("an_edit_by_hand_is_put_right_and_told", json!({}), async |world| {
        world.connect(json!({ "sync": { "sweepInterval": "1s" } })).await;
        let _operator = world.operator().await;
        let attributes = json!([{ "name": "team", "values": ["blue"] }]);
        world.user("edited", json!({ "username": "edited", "lastName": "Doe", "attributes": attributes })).await;
        world.until("edited", "Synced").await;
        world
            .keycloak
            .edit_user("edited", json!({ "lastName": "Roe", "attributes": { "team": ["crimson"], "other": ["x"] } }))
            .await;
        let account = world
            .until_account("edited", "the declared values", |account| {
                account["lastName"] == "Doe" && account["attributes"]["team"] == json!(["blue"])
            })
            .await;
        assert_eq!(account["attributes"]["other"], json!(["x"]), "what somebody else added stays");
        let note = world.until_event("edited", "DriftCorrected").await;
        assert!(note.contains("lastName") && note.contains("attributes[team]"), "{note}");
        assert!(!note.contains("Roe") && !note.contains("crimson"), "names of fields, never values: {note}");
    });
}

#[test]
fn an_account_that_vanished_is_made_again_with_its_password() {
    e2e_with("an_account_that_vanished_is_made_again_with_its_password", json!({}), async |world| {
        world.connect(json!({ "sync": { "sweepInterval": "1s" } })).await;
        world.secret("kcuser-gone", &[("password", "still-the-same")]).await;
        let _operator = world.operator().await;
        let spec = json!({ "username": "gone", "firstName": "G", "lastName": "One", "email": "gone@example.com",
            "credentials": password_from("kcuser-gone") });
        world.user("gone", spec).await;
        let first = world.until("gone", "Synced").await.status.unwrap().user_id;
        world.keycloak.delete_user("gone").await;
        let again = eventually("another account", async || {
            let user = world.get_user("gone").await;
            let id = user.status.as_ref().unwrap().user_id.clone();
            if id != first && ready_reason(&user) == Some("Synced") { Ok(id) } else { Err(user.status) }
        })
        .await;
        let account = world.keycloak.user("gone").await.unwrap();
        assert_eq!(account["id"].as_str(), again.as_deref());
        world.keycloak.login("gone", "still-the-same").await.expect("the password was set again");
        assert!(world.until_event("gone", "DriftCorrected").await.contains("missing"));
    });
}

#[test]
fn a_renamed_resource_field_renames_the_account() {
    e2e("a_renamed_resource_field_renames_the_account", async |world, _operator| {
        world.keycloak.change(Method::PUT, "", json!({ "editUsernameAllowed": true })).await;
        world.user("renamed", json!({ "username": "Before" })).await;
        let id = world.until("renamed", "Synced").await.status.unwrap().user_id;
        world.user("renamed", json!({ "username": "After" })).await;
        let account = world.until_account("after", "exists", |_| true).await;
        assert_eq!(account["id"].as_str(), id.as_deref());
        let status = world.until("renamed", "Synced").await.status.unwrap();
        assert_eq!(status.username.as_deref(), Some("after"));
    });
}

#[test]
fn a_realm_that_forbids_renaming_is_reported() {
    e2e("a_realm_that_forbids_renaming_is_reported", async |world, _operator| {
        world.user("fixed", json!({ "username": "fixed-name" })).await;
        world.until("fixed", "Synced").await;
        world.user("fixed", json!({ "username": "other-name" })).await;
        let user = world.until("fixed", "ValueRejected").await;
        assert!(user.status.unwrap().conditions[0].message.contains("username may not be changed"));
    });
}

#[test]
fn a_suspended_user_is_not_looked_at_and_its_deletion_waits() {
    e2e("a_suspended_user_is_not_looked_at_and_its_deletion_waits", async |world, operator| {
        world.user("pause", json!({ "username": "pause", "firstName": "A" })).await;
        world.until("pause", "Synced").await;
        world.user("pause", json!({ "username": "pause", "firstName": "B", "suspend": true })).await;
        world.until("pause", "Suspended").await;
        let reads = operator.metric(READS);
        world.delete("pause").await;
        eventually("a condition that says that the deletion waits", async || {
            let user: KeycloakUser = world.get_user("pause").await;
            let message = user.status.unwrap().conditions[0].message.clone();
            if message.contains("deletion waits") { Ok(()) } else { Err(message) }
        })
        .await;
        assert_eq!(operator.metric(READS), reads, "no request");
        assert_eq!(world.keycloak.user("pause").await.unwrap()["firstName"], "A");
        let resume = serde_json::json!({ "spec": { "suspend": false } });
        let api: kube::Api<KeycloakUser> = world.api();
        api.patch("pause", &Default::default(), &kube::api::Patch::Merge(resume)).await.unwrap();
        world.until_gone("pause").await;
        assert_eq!(world.keycloak.user("pause").await, None);
    });
}

#[test]
fn resources_that_were_there_before_the_operator_are_brought_in_line() {
    e2e_with("resources_that_were_there_before", json!({}), async |world| {
        world.connect(json!({})).await;
        for index in 0..20 {
            world.user(&format!("early-{index}"), json!({ "username": format!("early-{index}") })).await;
        }
        let operator = world.operator().await;
        for index in 0..20 {
            world.until(&format!("early-{index}"), "Synced").await;
        }
        let tokens = operator.metric(r#"keycloak_requests_total{operation="get_token",status="2xx"}"#);
        assert_eq!(tokens, 1.0, "one token for all of them");
        assert_eq!(world.keycloak.users().await.len(), 20);
    });
}

#[test]
fn no_more_passes_run_at_one_time_than_are_allowed() {
    e2e_with("no_more_passes_run_at_one_time", json!({}), async |world| {
        let proxy = FaultProxy::before_keycloak("operator", &Ledger::default());
        world.connect(json!({ "url": proxy.url() })).await;
        for index in 0..40 {
            world.user(&format!("crowd-{index}"), json!({ "username": format!("crowd-{index}") })).await;
        }
        let _operator = world.operator().await;
        for index in 0..40 {
            world.until(&format!("crowd-{index}"), "Synced").await;
        }
        // One more tries the connection itself.
        let allowed = usize::from(CONCURRENCY) + 1;
        let most = proxy.most_at_once();
        assert!((2..=allowed).contains(&most), "{most} requests at one time");
    });
}

#[test]
fn a_restart_with_nothing_changed_writes_nothing() {
    e2e_with("a_restart_with_nothing_changed_writes_nothing", json!({}), async |world| {
        world.connect(json!({})).await;
        world.secret("kcuser-calm", &[("password", "calm-password")]).await;
        let operator = world.operator().await;
        let spec = json!({ "username": "calm", "credentials": password_from("kcuser-calm") });
        world.user("calm", spec).await;
        let version = world.until("calm", "Synced").await.resource_version();
        operator.stop().await;
        let writes = world.keycloak.writes_of_operator().await;
        let operator = world.operator().await;
        eventually("a pass", async || if unchanged(&operator) >= 1.0 { Ok(()) } else { Err(()) }).await;
        operator.stop().await;
        assert_eq!(world.get_user("calm").await.resource_version(), version);
        assert_eq!(world.keycloak.writes_of_operator().await, writes);
    });
}
