//! Sessions end with the password, where it is asked for.

use serde_json::{Value, json};

use super::*;
use crate::support::{bed, e2e_with};

/// Logs in and gives the refresh token, of a session that is online or offline.
pub(super) async fn session(world: &World, name: &str, scope: &str) -> String {
    let form = [("grant_type", "password"), ("username", name), ("password", FIRST), ("scope", scope)];
    let answer = token(world, &form).await;
    answer["refresh_token"].as_str().unwrap_or_else(|| panic!("no session: {answer}")).to_owned()
}

pub(super) async fn is_alive(world: &World, refresh_token: &str) -> bool {
    let answer = token(world, &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await;
    answer["access_token"].is_string()
}

async fn token(world: &World, fields: &[(&str, &str)]) -> Value {
    let url = format!("{}/realms/{}/protocol/openid-connect/token", bed().keycloak_url(), world.keycloak.realm);
    let form: Vec<_> = fields.iter().chain(&[("client_id", "login")]).collect();
    reqwest::Client::new().post(url).form(&form).send().await.expect("Keycloak answers").json().await.expect("JSON")
}

#[test]
fn sessions_end_with_a_new_password_if_that_is_asked_for() {
    e2e_with("sessions_end_with_a_new_password", realm(HISTORY), async |world| {
        world.connect(json!({})).await;
        let _operator = world.operator().await;
        for (name, ends) in [("kept", json!(null)), ("no", json!(false)), ("ended", json!(true))] {
            let name = format!("sessions-{name}");
            let credential = if ends.is_null() { json!({}) } else { json!({ "revokeSessions": ends }) };
            make(&world, &name, credential).await;
            let sessions =
                [session(&world, &name, "openid").await, session(&world, &name, "openid offline_access").await];
            let secret = format!("kcuser-{name}");
            world.change_secret(&secret, &[("other", "key")]).await;
            world.until_secret_seen(&name, &secret).await;
            for token in &sessions {
                assert!(is_alive(&world, token).await, "{name}: nothing was sent");
            }
            set_value(&world, &name, SECOND).await;
            until_login(&world, &name, SECOND).await;
            world.reconcile_now(&name).await;
            for token in &sessions {
                assert_eq!(is_alive(&world, token).await, ends != json!(true), "{name}");
            }
            world.keycloak.login(&name, FIRST).await.expect_err("the old password");
        }
    });
}
