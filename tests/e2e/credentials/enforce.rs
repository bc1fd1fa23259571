//! A password that is put back, and realms whose policy does not allow it.

use serde_json::{Value, json};

use super::*;
use crate::support::{Operator, e2e_with};

fn sent(operator: &Operator, status: &str) -> f64 {
    operator.metric(&format!(r#"keycloak_requests_total{{operation="reset_password",status="{status}"}}"#))
}

fn refused() -> (String, String) {
    ("False".to_owned(), "PolicyRefused".to_owned())
}

#[test]
fn a_password_that_somebody_else_changed_is_put_back_once_each_time() {
    e2e_with("a_password_is_put_back_once", realm(NO_HISTORY), async |world| {
        world.connect(json!({})).await;
        let _operator = world.operator().await;
        make(&world, "held", json!({ "sync": "Enforce" })).await;
        for round in 1..=2 {
            set_by_hand(&world, "held", THEIRS).await;
            for _ in 0..3 {
                world.reconcile_now("held").await;
            }
            assert_eq!(resets_of(&world, "held").await, round);
            world.keycloak.login("held", FIRST).await.expect("the declared one");
            world.keycloak.login("held", THEIRS).await.expect_err("theirs is gone");
            assert_eq!(world.events("held", "DriftCorrected").await, round);
        }
        let note = world.until_event("held", "DriftCorrected").await;
        assert!(note.contains("the password, which somebody else had changed"), "{note}");
    });
}

#[test]
fn where_the_policy_cannot_be_read_the_first_refusal_is_told_and_not_repeated() {
    e2e_with("where_the_policy_cannot_be_read", realm(HISTORY), async |world| {
        world.connect(json!({})).await;
        let operator = world.operator().await;
        make(&world, "held", json!({ "sync": "Enforce" })).await;
        set_by_hand(&world, "held", THEIRS).await;
        let user = world.reconcile_now("held").await;
        assert_eq!(synced(&user), refused());
        let message = condition(&user, "CredentialsSynced").unwrap().message.clone();
        assert!(message.contains("it was used before"), "{message}");
        assert_eq!(condition(&user, "Stalled").unwrap().reason, "PolicyRefused");
        world.until_event("held", "PolicyRefused").await;
        // Another user comes and is brought in line: meanwhile the first one is left in peace.
        make(&world, "other", json!({})).await;
        assert_eq!((sent(&operator, "4xx"), sent(&operator, "2xx")), (1.0, 0.0));
        world.keycloak.login("held", THEIRS).await.expect("it stays");

        set_value(&world, "held", SECOND).await;
        until_login(&world, "held", SECOND).await;
        until_synced(&world, "held", "True", "Synced").await;
        world.keycloak.login("held", THEIRS).await.expect_err("theirs is gone");

        set_by_hand(&world, "held", "another-choice-of-theirs-8").await;
        assert_eq!(synced(&world.reconcile_now("held").await), refused());
        set_policy(&world, NO_HISTORY).await;
        assert_eq!(synced(&world.reconcile_now("held").await).0, "True", "the policy allows it now");
        world.keycloak.login("held", SECOND).await.expect("it is put back");
        assert_eq!(sent(&operator, "2xx"), 2.0);
    });
}

/// The operator may read the realm as well.
fn seen_realm(policy: &str) -> Value {
    realm_seen_with(policy, &["manage-users", "view-realm"])
}

#[test]
fn where_the_policy_can_be_read_it_is_told_at_once_that_it_makes_enforcing_impossible() {
    e2e_with("a_policy_that_makes_enforcing_impossible", seen_realm(HISTORY), async |world| {
        world.connect(json!({})).await;
        let operator = world.operator().await;
        world.secret("kcuser-held", &[("password", FIRST)]).await;
        world.user("held", spec("held", json!({ "sync": "Enforce" }))).await;
        let user = world.until("held", "EnforceImpossible").await;
        assert_eq!(synced(&user), ("False".to_owned(), "EnforceImpossible".to_owned()));
        let message = condition(&user, "Ready").unwrap().message.clone();
        assert!(message.contains("passwordHistory(5)"), "{message}");
        assert_eq!(condition(&user, "Stalled").unwrap().status, "True");
        world.keycloak.login("held", FIRST).await.expect("the account has its password all the same");

        set_by_hand(&world, "held", THEIRS).await;
        let user = world.reconcile_now("held").await;
        assert!(condition(&user, "CredentialsSynced").unwrap().message.contains("somebody else has changed"));
        assert_eq!((sent(&operator, "4xx"), sent(&operator, "2xx")), (0.0, 0.0), "it is not even tried");

        set_value(&world, "held", SECOND).await;
        until_login(&world, "held", SECOND).await;
        // The date of the new password is noted.
        world.reconcile_now("held").await;
        set_by_hand(&world, "held", "another-choice-of-theirs-8").await;
        set_policy(&world, NO_HISTORY).await;
        eventually("it is put back", async || {
            let user = world.reconcile_now("held").await;
            if synced(&user).0 == "True" { Ok(()) } else { Err(synced(&user)) }
        })
        .await;
        world.keycloak.login("held", SECOND).await.expect("the declared one");
        assert_eq!((sent(&operator, "4xx"), sent(&operator, "2xx")), (0.0, 2.0));
    });
}

#[test]
fn a_history_of_one_password_does_not_stand_in_the_way() {
    let policy = "passwordHistory(1) and length(12)";
    e2e_with("a_history_of_one_password", seen_realm(policy), async |world| {
        world.connect(json!({})).await;
        let _operator = world.operator().await;
        make(&world, "held", json!({ "sync": "Enforce" })).await;
        set_by_hand(&world, "held", THEIRS).await;
        world.reconcile_now("held").await;
        until_login(&world, "held", FIRST).await;
        until_synced(&world, "held", "True", "Synced").await;
    });
}
