//! What people change by hand in Keycloak, and how it is seen that it was put right.

use reqwest::Method;
use serde_json::{Value, json};

use crate::realm::RealmClient;
use crate::stage::{Stage, name_of};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    Profile,
    Role,
    Group,
    Password,
    Deletion,
}

/// An edit that was made.
pub struct Made {
    edit: Edit,
    name: String,
    id: String,
    /// When the password was set by hand.
    password_set: i64,
}

impl Edit {
    /// The edit of that number, each kind as often; the password is that of an account where it is enforced.
    pub fn of(number: usize) -> Self {
        [Self::Profile, Self::Role, Self::Group, Self::Password, Self::Deletion][number % 5]
    }

    /// Makes it, as an administrator would.
    pub async fn make(self, stage: &Stage, index: usize) -> Made {
        let (keycloak, name) = (&stage.world.keycloak, name_of(index));
        let id = keycloak.user_id(&name).await;
        let mut password_set = 0;
        match self {
            Self::Profile => keycloak.edit_user(&name, json!({ "firstName": "By hand" })).await,
            Self::Role => keycloak.take_role(&name, "staff").await,
            Self::Group => keycloak.leave(&name, "/staff").await,
            Self::Deletion => keycloak.delete_user(&name).await,
            Self::Password => {
                let body = json!({ "type": "password", "temporary": false, "value": "by-hand-by-hand" });
                keycloak.change(Method::PUT, &format!("/users/{id}/reset-password"), body).await;
                password_set = keycloak.password_created_date(&name).await.expect("a password");
            }
        }
        Made { edit: self, name, id, password_set }
    }
}

impl Made {
    /// Whether the account is as declared again. One request, two after a deletion.
    pub async fn is_put_right(&self, keycloak: &RealmClient) -> bool {
        let Self { name, id, .. } = self;
        match self.edit {
            Edit::Profile => keycloak.get(&format!("/users/{id}")).await["firstName"] == "First",
            Edit::Role => has(&keycloak.get(&format!("/users/{id}/role-mappings/realm")).await, "name", "staff"),
            Edit::Group => has(&keycloak.get(&format!("/users/{id}/groups")).await, "path", "/staff"),
            Edit::Password => {
                let credentials = keycloak.get(&format!("/users/{id}/credentials")).await;
                credentials[0]["createdDate"].as_i64().is_some_and(|created| created > self.password_set)
            }
            Edit::Deletion => {
                let found = keycloak.get(&format!("/users?exact=true&username={name}")).await;
                let Some(id) = found[0]["id"].as_str() else {
                    return false;
                };
                has(&keycloak.get(&format!("/users/{id}/role-mappings/realm")).await, "name", "staff")
            }
        }
    }
}

fn has(list: &Value, key: &str, value: &str) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|entry| entry[key] == value))
}
