//! Nothing changes, and nothing is sent.

use std::time::{Duration, Instant};

use keycloak_user_operator::api::RECONCILE_REQUESTED_AT;
use serde_json::json;

use super::{HISTORY, make, realm};
use crate::support::{Operator, World, e2e_with};

const PASSES: usize = 1000;

fn requests(operator: &Operator, operation: &str) -> f64 {
    let of =
        |status| operator.metric(&format!(r#"keycloak_requests_total{{operation="{operation}",status="{status}"}}"#));
    ["2xx", "4xx", "5xx", "error"].into_iter().map(of).sum()
}

/// Asks for a pass, and for the next one as soon as it is answered.
async fn reconcile(world: &World, name: &str, times: usize) {
    for pass in 0..times {
        let value = pass.to_string();
        world.annotate(name, RECONCILE_REQUESTED_AT, &value).await;
        let deadline = Instant::now() + Duration::from_secs(60);
        while world.get_user(name).await.status.unwrap_or_default().last_handled_reconcile_at.as_ref() != Some(&value) {
            assert!(Instant::now() < deadline, "pass {pass} is not answered");
        }
    }
}

#[test]
fn a_thousand_passes_over_an_unchanged_user_ask_for_no_credential() {
    e2e_with("a_thousand_passes", realm(HISTORY), async |world| {
        world.connect(json!({})).await;
        let operator = world.operator().await;
        make(&world, "steady", json!({})).await;
        let reads = requests(&operator, "get_user");
        reconcile(&world, "steady", PASSES).await;
        assert!(requests(&operator, "get_user") - reads >= PASSES as f64, "each pass looked at the account");
        for operation in ["get_credentials", "reset_password", "get_realm", "update_user"] {
            assert_eq!(requests(&operator, operation), 0.0, "{operation}");
        }
        assert_eq!(world.keycloak.writes_of_operator().await.len(), 1, "the creation");
    });
}

#[test]
fn an_enforced_password_costs_one_more_read_in_each_pass_and_no_write() {
    e2e_with("an_enforced_password_costs_one_more_read", realm(HISTORY), async |world| {
        world.connect(json!({})).await;
        let operator = world.operator().await;
        make(&world, "guarded", json!({ "sync": "Enforce" })).await;
        let before = (requests(&operator, "get_user"), requests(&operator, "get_credentials"));
        reconcile(&world, "guarded", 30).await;
        let passes = requests(&operator, "get_user") - before.0;
        assert!(passes >= 30.0);
        assert_eq!(requests(&operator, "get_credentials") - before.1, passes);
        assert_eq!(world.keycloak.writes_of_operator().await.len(), 1, "the creation");
    });
}
