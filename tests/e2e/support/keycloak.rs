//! The witness: Keycloak as its own administrator sees it.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::bed;

/// The client whose service account the operator uses.
pub const OPERATOR_CLIENT: &str = "operator";
/// What that service account needs, of `realm-management`.
pub const OPERATOR_ROLES: [&str; 3] = ["manage-users", "view-realm", "view-clients"];
pub const OPERATOR_SECRET: &str = "operator-secret";

/// A realm of a test, as the server's administrator.
pub struct Admin {
    http: reqwest::Client,
    url: String,
    pub realm: String,
}

/// Settings of a realm in which accounts can be taken over: the operator may see which roles they hold.
pub fn adoptable() -> Value {
    let roles = json!({ "realm-management": ["manage-users", "view-clients"] });
    json!({
        "editUsernameAllowed": true,
        "users": [{ "username": format!("service-account-{OPERATOR_CLIENT}"), "enabled": true,
            "serviceAccountClientId": OPERATOR_CLIENT, "clientRoles": roles }],
    })
}

/// Settings of a realm whose events the operator may read.
pub fn with_events() -> Value {
    let roles = ["manage-users", "view-realm", "view-clients", "view-events"];
    json!({
        "eventsEnabled": true, "registrationAllowed": true,
        "users": [{ "username": format!("service-account-{OPERATOR_CLIENT}"), "enabled": true,
            "serviceAccountClientId": OPERATOR_CLIENT, "clientRoles": { "realm-management": roles } }],
    })
}

impl Admin {
    /// An administrator of that realm of the bed's Keycloak.
    pub fn of_bed(realm: &str) -> Self {
        Self::at(bed().keycloak_url(), realm)
    }

    pub fn at(url: &str, realm: &str) -> Self {
        Self { http: reqwest::Client::new(), url: url.to_owned(), realm: realm.to_owned() }
    }

    /// By a client, since a password costs a hash, and a test asks hundreds of times.
    async fn token(&self) -> String {
        let [id, secret] = bed().keycloak_admin_client();
        let form = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
        let url = format!("{}/realms/master/protocol/openid-connect/token", self.url);
        let response = self.http.post(url).form(&form).send().await.expect("Keycloak answers");
        let body: Value = response.json().await.expect("a token is JSON");
        body["access_token"].as_str().unwrap_or_else(|| panic!("no token: {body}")).to_owned()
    }

    /// A request below `/admin/realms`; the status and the body (null if it is empty).
    pub async fn request(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let mut request = self.http.request(method, format!("{}/admin/realms{path}", self.url));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.bearer_auth(self.token().await).send().await.expect("Keycloak answers");
        (response.status(), response.json().await.unwrap_or_default())
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.request(Method::GET, &format!("/{}{path}", self.realm), None).await;
        assert!(status.is_success(), "GET {path}: {status} {body}");
        body
    }

    /// A change, as a person in the admin console would make it.
    pub async fn change(&self, method: Method, path: &str, body: Value) {
        let (status, answer) = self.request(method.clone(), &format!("/{}{path}", self.realm), Some(body)).await;
        assert!(status.is_success(), "{method} {path}: {status} {answer}");
    }

    /// Makes the realm: admin events on, attributes outside the profile allowed, the operator's client with
    /// the roles that it needs, and a public client to log in with.
    pub async fn create_realm(&self, settings: Value) {
        let mut realm = json!({
            "realm": self.realm, "enabled": true, "adminEventsEnabled": true,
            "clients": [
                { "clientId": OPERATOR_CLIENT, "secret": OPERATOR_SECRET, "serviceAccountsEnabled": true,
                  "standardFlowEnabled": false, "publicClient": false },
                { "clientId": "login", "publicClient": true, "directAccessGrantsEnabled": true },
            ],
            "users": [{ "username": format!("service-account-{OPERATOR_CLIENT}"), "enabled": true,
                "serviceAccountClientId": OPERATOR_CLIENT, "clientRoles": { "realm-management": OPERATOR_ROLES } }],
        });
        for (key, value) in settings.as_object().into_iter().flatten() {
            realm[key] = value.clone();
        }
        let (status, body) = self.request(Method::POST, "", Some(realm)).await;
        assert_eq!(status, StatusCode::CREATED, "creating the realm: {body}");
        self.set_unmanaged_attributes("ADMIN_EDIT").await;
    }

    /// What the realm does with attributes that its profile does not declare (`DISABLED` to drop them).
    pub async fn set_unmanaged_attributes(&self, policy: &str) {
        let mut profile = self.get("/users/profile").await;
        if policy == "DISABLED" {
            profile.as_object_mut().expect("a profile").remove("unmanagedAttributePolicy");
        } else {
            profile["unmanagedAttributePolicy"] = json!(policy);
        }
        self.change(Method::PUT, "/users/profile", profile).await;
    }

    pub async fn delete_realm(&self) {
        self.request(Method::DELETE, &format!("/{}", self.realm), None).await;
    }

    /// The account of that name.
    pub async fn user(&self, username: &str) -> Option<Value> {
        let query = format!("/users?exact=true&username={}", username.replace('@', "%40"));
        let found = self.get(&query).await;
        found.as_array().and_then(|users| users.first()).cloned()
    }

    /// All accounts that are not service accounts.
    pub async fn users(&self) -> Vec<Value> {
        self.get("/users?max=1000").await.as_array().cloned().unwrap_or_default()
    }

    /// Makes an account that no resource declares.
    pub async fn create_user(&self, mut user: Value) -> Value {
        // Older than every resource: one of a thousand made in the same second would have its mark by chance.
        user.as_object_mut().expect("an object").entry("createdTimestamp").or_insert(json!(1_700_000_000_000_i64));
        self.change(Method::POST, "/users", user.clone()).await;
        let name = user["username"].as_str().expect("a username");
        self.user(name).await.expect("the account was made")
    }

    /// Changes an account by hand: fields given are set, all others stay.
    pub async fn edit_user(&self, username: &str, change: Value) {
        let user = self.user(username).await.expect("the account exists");
        let id = user["id"].as_str().expect("an id");
        let mut body = user.clone();
        for (key, value) in change.as_object().expect("an object") {
            body[key] = value.clone();
        }
        self.change(Method::PUT, &format!("/users/{id}"), body).await;
    }

    pub async fn delete_user(&self, username: &str) {
        let id = self.user(username).await.expect("the account exists")["id"].as_str().expect("an id").to_owned();
        let (status, _) = self.request(Method::DELETE, &format!("/{}/users/{id}", self.realm), None).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
    }

    /// Gives a role of a client to an account.
    pub async fn give_client_role(&self, user_id: &str, client: &str, role: &str) {
        let clients = self.get(&format!("/clients?clientId={client}")).await;
        let client = clients[0]["id"].as_str().expect("the client").to_owned();
        let role = self.get(&format!("/clients/{client}/roles/{role}")).await;
        self.change(Method::POST, &format!("/users/{user_id}/role-mappings/clients/{client}"), json!([role])).await;
    }

    /// What brute-force protection knows of the account.
    pub async fn login_failures(&self, username: &str) -> Value {
        let id = self.user(username).await.expect("the account exists")["id"].as_str().expect("an id").to_owned();
        self.get(&format!("/attack-detection/brute-force/users/{id}")).await
    }

    /// Creation date of the account's password.
    pub async fn password_created_date(&self, username: &str) -> Option<i64> {
        let id = self.user(username).await?["id"].as_str()?.to_owned();
        let credentials = self.get(&format!("/users/{id}/credentials")).await;
        let password = credentials.as_array()?.iter().find(|credential| credential["type"] == "password")?.clone();
        password["createdDate"].as_i64()
    }

    /// Writes that the operator's client made, oldest first: `CREATE users/…`, `ACTION users/…/reset-password`.
    pub async fn writes_of_operator(&self) -> Vec<String> {
        let clients = self.get(&format!("/clients?clientId={OPERATOR_CLIENT}")).await;
        let client = clients[0]["id"].as_str().expect("the operator's client").to_owned();
        let events = self.get("/admin-events?max=10000&direction=asc").await;
        let ours = |event: &&Value| event["authDetails"]["clientId"] == client.as_str();
        let line = |event: &Value| {
            let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
            format!("{} {}", text("operationType"), text("resourcePath"))
        };
        events.as_array().expect("events").iter().filter(ours).map(line).collect()
    }

    /// Whether somebody can log in so; the error of Keycloak if not.
    pub async fn login(&self, username: &str, password: &str) -> Result<(), String> {
        let form = [("grant_type", "password"), ("client_id", "login"), ("username", username), ("password", password)];
        let url = format!("{}/realms/{}/protocol/openid-connect/token", self.url, self.realm);
        let response = self.http.post(url).form(&form).send().await.expect("Keycloak answers");
        if response.status().is_success() {
            return Ok(());
        }
        let body: Value = response.json().await.unwrap_or_default();
        Err(body["error_description"].as_str().unwrap_or_default().to_owned())
    }

    /// Logs in and keeps the tokens; offline ones outlive the login.
    pub async fn sign_in(&self, username: &str, password: &str, offline: bool) -> Session {
        let scope = if offline { "openid offline_access" } else { "openid" };
        let form = [("grant_type", "password"), ("username", username), ("password", password), ("scope", scope)];
        self.tokens(&form).await.expect("the login works")
    }

    /// Whether the session can be gone on with; the error of Keycloak if not.
    pub async fn refresh(&self, session: &Session) -> Result<(), String> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", session.refresh_token.as_str())];
        self.tokens(&form).await.map(drop)
    }

    async fn tokens(&self, form: &[(&str, &str)]) -> Result<Session, String> {
        let url = format!("{}/realms/{}/protocol/openid-connect/token", self.url, self.realm);
        let form: Vec<_> = form.iter().chain(&[("client_id", "login")]).collect();
        let response = self.http.post(url).form(&form).send().await.expect("Keycloak answers");
        let body: Value = response.json().await.expect("an answer is JSON");
        let token = |name: &str| body[name].as_str().map(str::to_owned).ok_or_else(|| body.to_string());
        Ok(Session { access_token: token("access_token")?, refresh_token: token("refresh_token")? })
    }

    /// A change that somebody makes to their own account, as the account console sends it.
    pub async fn edit_own_account(&self, session: &Session, account: Value) {
        let url = format!("{}/realms/{}/account", self.url, self.realm);
        let request = self.http.post(url).json(&account).header("accept", "application/json");
        let response = request.bearer_auth(&session.access_token).send().await.expect("Keycloak answers");
        assert!(response.status().is_success(), "{}", response.status());
    }

    /// Whether Keycloak itself still takes the access token.
    pub async fn accepts(&self, session: &Session) -> bool {
        let url = format!("{}/realms/{}/protocol/openid-connect/userinfo", self.url, self.realm);
        let response = self.http.get(url).bearer_auth(&session.access_token).send().await.expect("Keycloak answers");
        response.status().is_success()
    }

    /// How many offline sessions the account has with a client.
    pub async fn offline_sessions(&self, username: &str, client: &str) -> usize {
        let id = self.user(username).await.expect("the account exists")["id"].as_str().expect("an id").to_owned();
        let clients = self.get(&format!("/clients?clientId={client}")).await;
        let client = clients[0]["id"].as_str().expect("the client").to_owned();
        self.get(&format!("/users/{id}/offline-sessions/{client}")).await.as_array().expect("sessions").len()
    }

    /// How many accounts there are that are not service accounts.
    pub async fn count_users(&self) -> usize {
        let count = self.get("/users/count").await.as_u64().expect("a number");
        usize::try_from(count).expect("a small number")
    }

    /// When accounts were deleted, in milliseconds, oldest first.
    pub async fn deletion_times(&self) -> Vec<i64> {
        let events = self.get("/admin-events?max=1000&direction=asc&operationTypes=DELETE&resourceTypes=USER").await;
        events.as_array().expect("events").iter().map(|event| event["time"].as_i64().expect("a time")).collect()
    }
}

/// What a login gave.
pub struct Session {
    access_token: String,
    refresh_token: String,
}
