//! Create, update and remove.

use serde_json::json;

use crate::support::{condition, e2e, eventually};

#[test]
fn an_account_is_created_updated_and_removed() {
    e2e("an_account_is_created_updated_and_removed", async |world, operator| {
        world.secret("kcuser-johndoe", &[("password", "password123")]).await;
        let spec = |first_name: &str| {
            json!({
                "username": "JohnDoe", "firstName": first_name, "lastName": "Doe", "email": "John.Doe@example.com",
                "emailVerified": true, "enabled": true,
                "attributes": [{ "name": "Employment Relationship", "values": ["Software Developer", "Sub-Team Lead"] }],
                "credentials": [{ "type": "password",
                    "valueFrom": { "secretKeyRef": { "name": "kcuser-johndoe", "key": "password" } } }],
            })
        };
        world.user("johndoe", spec("John")).await;
        let user = world.until("johndoe", "Synced").await;
        assert_eq!(condition(&user, "Ready").unwrap().status, "True");

        let account = world.keycloak.user("johndoe").await.expect("the account");
        assert_eq!(account["id"].as_str(), user.status.as_ref().unwrap().user_id.as_deref());
        assert_eq!(account["firstName"], "John");
        assert_eq!(account["lastName"], "Doe");
        assert_eq!(account["email"], "john.doe@example.com");
        assert_eq!((&account["emailVerified"], &account["enabled"]), (&json!(true), &json!(true)));
        let mut values: Vec<&str> = account["attributes"]["Employment Relationship"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|v| v.as_str())
            .collect();
        values.sort_unstable();
        assert_eq!(values, ["Software Developer", "Sub-Team Lead"]);
        world.keycloak.login("johndoe", "password123").await.expect("the password of the Secret");

        world.user("johndoe", spec("Johnny")).await;
        eventually("the new first name", async || {
            let account = world.keycloak.user("johndoe").await.expect("the account");
            if account["firstName"] == "Johnny" { Ok(()) } else { Err(account) }
        })
        .await;

        world.delete_and_wait("johndoe").await;
        assert_eq!(world.keycloak.user("johndoe").await, None);
        let id = account["id"].as_str().unwrap();
        let expected = [format!("CREATE users/{id}"), format!("UPDATE users/{id}"), format!("DELETE users/{id}")];
        assert_eq!(world.keycloak.writes_of_operator().await, expected);
        operator.stop().await;
    });
}
