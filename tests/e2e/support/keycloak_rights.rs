//! The witness for roles and groups.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::Admin;

/// A role by the words that the tests have for it: `name`, or `client/name`.
fn split(role: &str) -> (Option<&str>, &str) {
    role.split_once('/').map_or((None, role), |(client, name)| (Some(client), name))
}

impl Admin {
    pub async fn user_id(&self, username: &str) -> String {
        self.user(username).await.expect("the account exists")["id"].as_str().expect("an id").to_owned()
    }

    /// The UUID of a client.
    pub async fn client_uuid(&self, client: &str) -> String {
        let clients = self.get(&format!("/clients?clientId={client}")).await;
        clients[0]["id"].as_str().unwrap_or_else(|| panic!("no client {client}")).to_owned()
    }

    async fn roles_path(&self, client: Option<&str>) -> String {
        match client {
            Some(client) => format!("/clients/{}/roles", self.client_uuid(client).await),
            None => "/roles".to_owned(),
        }
    }

    pub async fn create_client(&self, client: &str) {
        self.change(Method::POST, "/clients", json!({ "clientId": client, "publicClient": true })).await;
    }

    pub async fn create_role(&self, role: &str) {
        let (client, name) = split(role);
        self.change(Method::POST, &self.roles_path(client).await, json!({ "name": name })).await;
    }

    /// The role as Keycloak has it.
    pub async fn role(&self, role: &str) -> Value {
        let (client, name) = split(role);
        let name = name.replace('%', "%25").replace(';', "%3B");
        self.get(&format!("{}/{name}", self.roles_path(client).await)).await
    }

    pub async fn rename_role(&self, role: &str, name: &str) {
        let mut body = self.role(role).await;
        body["name"] = json!(name);
        let path = format!("/roles-by-id/{}", body["id"].as_str().expect("an id"));
        self.change(Method::PUT, &path, body).await;
    }

    pub async fn delete_role(&self, role: &str) {
        let id = self.role(role).await["id"].as_str().expect("an id").to_owned();
        self.change(Method::DELETE, &format!("/roles-by-id/{id}"), json!({})).await;
    }

    /// Makes a role one that is made of another too.
    pub async fn add_composite(&self, role: &str, part: &str) {
        let (role, part) = (self.role(role).await, self.role(part).await);
        let path = format!("/roles-by-id/{}/composites", role["id"].as_str().expect("an id"));
        self.change(Method::POST, &path, json!([part])).await;
    }

    /// Makes a role one that is no longer made of another.
    pub async fn take_composite(&self, role: &str, part: &str) {
        let (role, part) = (self.role(role).await, self.role(part).await);
        let path = format!("/roles-by-id/{}/composites", role["id"].as_str().expect("an id"));
        self.change(Method::DELETE, &path, json!([part])).await;
    }

    /// Makes a group and those above it that are not there; its id.
    pub async fn create_group(&self, path: &str) -> String {
        let mut above: Option<String> = None;
        let mut so_far = String::new();
        for name in path.split('/').skip(1) {
            so_far = format!("{so_far}/{name}");
            if self.group(&so_far).await.is_none() {
                let place = above.map_or("/groups".to_owned(), |id| format!("/groups/{id}/children"));
                self.change(Method::POST, &place, json!({ "name": name })).await;
            }
            above = self.group(&so_far).await;
        }
        above.expect("the group was made")
    }

    /// The id of the group at that path.
    pub async fn group(&self, path: &str) -> Option<String> {
        let path = path.replace(' ', "%20");
        let (status, body) = self.request(Method::GET, &format!("/{}/group-by-path{path}", self.realm), None).await;
        status.is_success().then(|| body["id"].as_str().expect("an id").to_owned())
    }

    pub async fn rename_group(&self, path: &str, name: &str) {
        let id = self.group(path).await.expect("the group");
        self.change(Method::PUT, &format!("/groups/{id}"), json!({ "name": name })).await;
    }

    pub async fn delete_group(&self, path: &str) {
        let id = self.group(path).await.expect("the group");
        self.change(Method::DELETE, &format!("/groups/{id}"), json!({})).await;
    }

    /// Gives a role to every member of a group.
    pub async fn give_to_group(&self, path: &str, role: &str) {
        let id = self.group(path).await.expect("the group");
        self.map_role(&format!("/groups/{id}"), role, Method::POST).await;
    }

    async fn map_role(&self, holder: &str, role: &str, method: Method) {
        let container = match split(role).0 {
            Some(client) => format!("clients/{}", self.client_uuid(client).await),
            None => "realm".to_owned(),
        };
        let path = format!("{holder}/role-mappings/{container}");
        self.change(method, &path, json!([self.role(role).await])).await;
    }

    /// Gives a role to an account by hand.
    pub async fn give_role(&self, username: &str, role: &str) {
        self.map_role(&format!("/users/{}", self.user_id(username).await), role, Method::POST).await;
    }

    /// Takes a role from an account by hand.
    pub async fn take_role(&self, username: &str, role: &str) {
        self.map_role(&format!("/users/{}", self.user_id(username).await), role, Method::DELETE).await;
    }

    /// Puts an account into a group by hand.
    pub async fn join(&self, username: &str, path: &str) {
        let (user, group) = (self.user_id(username).await, self.group(path).await.expect("the group"));
        self.change(Method::PUT, &format!("/users/{user}/groups/{group}"), json!({})).await;
    }

    /// Takes an account out of a group by hand.
    pub async fn leave(&self, username: &str, path: &str) {
        let (user, group) = (self.user_id(username).await, self.group(path).await.expect("the group"));
        self.change(Method::DELETE, &format!("/users/{user}/groups/{group}"), json!({})).await;
    }

    /// Roles that the account itself was given, but for the realm's default role: `name`, `client/name`.
    pub async fn roles_of(&self, username: &str) -> BTreeSet<String> {
        let id = self.user_id(username).await;
        let mappings = self.get(&format!("/users/{id}/role-mappings")).await;
        let names = |list: &Value| -> Vec<String> {
            let all = list.as_array().into_iter().flatten();
            all.map(|role| role["name"].as_str().expect("a name").to_owned()).collect()
        };
        let mut roles: BTreeSet<String> = names(&mappings["realmMappings"]).into_iter().collect();
        roles.retain(|role| !role.starts_with("default-roles-"));
        for (client, of_client) in mappings["clientMappings"].as_object().into_iter().flatten() {
            roles.extend(names(&of_client["mappings"]).into_iter().map(|role| format!("{client}/{role}")));
        }
        roles
    }

    /// Whether the account has the realm's default role.
    pub async fn has_default_role(&self, username: &str) -> bool {
        let id = self.user_id(username).await;
        let mappings = self.get(&format!("/users/{id}/role-mappings")).await;
        let roles = mappings["realmMappings"].as_array().cloned().unwrap_or_default();
        roles.iter().any(|role| role["name"].as_str().is_some_and(|name| name.starts_with("default-roles-")))
    }

    /// Paths of the groups of an account.
    pub async fn groups_of(&self, username: &str) -> BTreeSet<String> {
        let id = self.user_id(username).await;
        let groups = self.get(&format!("/users/{id}/groups")).await;
        let all = groups.as_array().into_iter().flatten();
        all.map(|group| group["path"].as_str().expect("a path").to_owned()).collect()
    }
}
