//! The process: probes, metrics, logs, and its end.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{ChildOperator, e2e_with, eventually, password_from};

async fn get(url: &str) -> (u16, String) {
    let response = reqwest::get(url).await.expect("the operator answers");
    (response.status().as_u16(), response.text().await.expect("text"))
}

#[test]
fn probes_metrics_and_logs_tell_what_happens_and_no_secret() {
    e2e_with("probes_metrics_and_logs", json!({}), async |world| {
        world.connect(json!({})).await;
        world.secret("kcuser-seen", &[("password", "never-to-be-logged")]).await;
        let chart = world.chart().await;
        let operator = ChildOperator::start(&chart, &world.namespace).await;
        assert_eq!(get(&operator.url("/livez")).await, (200, "ok".to_owned()));
        assert_eq!(get(&operator.url("/readyz")).await, (200, "ok".to_owned()));
        world
            .user(
                "seen",
                json!({ "username": "seen", "lastName": "Hidden-Value", "credentials": password_from("kcuser-seen") }),
            )
            .await;
        let id = world.until("seen", "Synced").await.status.unwrap().user_id.unwrap();
        world.user("bad", json!({ "username": "bad-one", "credentials": password_from("absent") })).await;
        world.until("bad", "SecretNotFound").await;

        let (status, metrics) = get(&operator.url("/metrics")).await;
        assert_eq!(status, 200);
        for line in [
            r#"keycloakuser_reconciles_total{outcome="applied"} 1"#,
            r#"keycloakuser_users{reason="Synced"} 1"#,
            r#"keycloakuser_users{reason="SecretNotFound"} 1"#,
            r#"keycloak_requests_total{operation="create_user",status="2xx"} 1"#,
            r#"keycloak_request_duration_seconds_count{operation="create_user"} 1"#,
        ] {
            assert!(metrics.lines().any(|found| found == line), "{line} is missing in\n{metrics}");
        }

        let log = operator.output();
        let lines: Vec<Value> =
            log.lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect();
        let change = lines.iter().find(|line| line["fields"]["change"] == "create").expect("a line for the change");
        assert_eq!(change["fields"]["account"], "seen");
        assert_eq!(change["fields"]["user_id"], id.as_str());
        assert_eq!(change["fields"]["user"], format!("{}/seen", world.namespace));
        assert_eq!(lines.iter().filter(|line| !line["fields"]["change"].is_null()).count(), 1, "one line per change");
        for secret in ["never-to-be-logged", "Hidden-Value", crate::support::OPERATOR_SECRET] {
            assert!(!log.contains(secret) && !metrics.contains(secret), "{secret} leaked");
        }
        let (took, status) = operator.terminate().await;
        assert!(status.success() && took < Duration::from_secs(10), "{status} after {took:?}");
    });
}

#[test]
fn a_stop_in_the_middle_of_work_is_graceful() {
    e2e_with("a_stop_in_the_middle_of_work", json!({}), async |world| {
        world.connect(json!({})).await;
        let chart = world.chart().await;
        for index in 0..60 {
            world.user(&format!("many-{index}"), json!({ "username": format!("many-{index}") })).await;
        }
        let operator = ChildOperator::spawn(&chart, &world.namespace);
        eventually(
            "the first accounts",
            async || if world.keycloak.users().await.is_empty() { Err(()) } else { Ok(()) },
        )
        .await;
        let (took, status) = operator.terminate().await;
        assert!(status.success() && took < Duration::from_secs(10), "{status} after {took:?}");
        let made = world.keycloak.users().await;
        for account in &made {
            let name = account["username"].as_str().unwrap();
            let known = world.get_user(name).await.status.unwrap().user_id;
            assert_eq!(known.as_deref(), account["id"].as_str(), "a pass that was begun was finished");
        }
        let _operator = world.operator().await;
        for index in 0..60 {
            world.until(&format!("many-{index}"), "Synced").await;
        }
        assert_eq!(world.keycloak.writes_of_operator().await.len(), 60, "each account was made once");
    });
}
