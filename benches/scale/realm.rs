//! Keycloak's Admin API with one token for many requests.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Method, Response};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::support::{OPERATOR_CLIENT, OPERATOR_SECRET, bed};

/// Keycloak's tokens live for a minute.
const TOKEN_LIFETIME: Duration = Duration::from_secs(45);

/// A realm as the operator's client sees it.
pub struct RealmClient {
    http: reqwest::Client,
    realm: String,
    token: Mutex<Option<(Instant, String)>>,
    requests: AtomicUsize,
}

impl RealmClient {
    pub fn new(realm: &str) -> Self {
        let (http, realm) = (reqwest::Client::new(), realm.to_owned());
        Self { http, realm, token: Mutex::default(), requests: AtomicUsize::new(0) }
    }

    /// How many requests there were, those for tokens among them.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    async fn token(&self) -> String {
        let mut kept = self.token.lock().await;
        if let Some((asked, token)) = kept.as_ref()
            && asked.elapsed() < TOKEN_LIFETIME
        {
            return token.clone();
        }
        self.requests.fetch_add(1, Ordering::SeqCst);
        let form =
            [("grant_type", "client_credentials"), ("client_id", OPERATOR_CLIENT), ("client_secret", OPERATOR_SECRET)];
        let url = format!("{}/realms/{}/protocol/openid-connect/token", bed().keycloak_url(), self.realm);
        let answer = self.http.post(url).form(&form).send().await.expect("Keycloak answers");
        let body: Value = answer.json().await.expect("a token is JSON");
        let token = body["access_token"].as_str().unwrap_or_else(|| panic!("no token: {body}")).to_owned();
        *kept = Some((Instant::now(), token.clone()));
        token
    }

    /// A request below `/admin/realms/{realm}`.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Response {
        let token = self.token().await;
        self.requests.fetch_add(1, Ordering::SeqCst);
        let url = format!("{}/admin/realms/{}{path}", bed().keycloak_url(), self.realm);
        let mut request = self.http.request(method, url).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.expect("Keycloak answers")
    }

    /// What is read; null if it is not there.
    pub async fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, None).await.json().await.unwrap_or_default()
    }
}
