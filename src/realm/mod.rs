//! One [`Realm`] per connection and process: the client with its token, and what is known of the realm.
//!
//! May use `keycloak` and `domain`; knows nothing of Kubernetes.

mod awaited;
mod census;
mod directory;
mod observer;
mod registry;

use std::sync::Arc;
use std::time::Duration;

pub use awaited::{AwaitedName, Wake};
pub use census::{Census, Sighting};
pub use directory::{Directory, Use};
pub use observer::{Observer, Start};
pub use registry::{ConnectionName, RealmRegistry};

use tokio::time::Instant;

use awaited::Waiters;
use census::Accounts;

use crate::domain::{PasswordPolicy, UserProfile};
use crate::keycloak::{Client, Kept, KeycloakError};

/// How long the user profile is taken for current. It is read only when an attribute is about to be written.
const PROFILE_LIFETIME: Duration = Duration::from_secs(15);
/// How long the password policy is taken for current. It is read only where a password is enforced.
const POLICY_LIFETIME: Duration = Duration::from_secs(15);

/// How long the realm's key is taken for current; a new one is a matter of months. It is read only where two resources
/// declare one name.
const IDENTITY_LIFETIME: Duration = Duration::from_mins(10);

/// A realm as its connection reaches it.
#[derive(Debug)]
pub struct Realm {
    client: Client,
    profile: Kept<Arc<UserProfile>, KeycloakError>,
    policy: Kept<Option<PasswordPolicy>, KeycloakError>,
    directory: Directory,
    identity: Kept<Arc<str>, KeycloakError>,
    waiters: Waiters,
    accounts: Accounts,
    opened: Instant,
}

impl Realm {
    /// A realm of which nothing is known yet.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self {
            client,
            profile: Kept::default(),
            policy: Kept::default(),
            directory: Directory::default(),
            identity: Kept::default(),
            waiters: Waiters::default(),
            accounts: Accounts::default(),
            opened: Instant::now(),
        }
    }

    /// The client for this realm.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What is known of the names of roles, groups and clients.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// For how long the realm has been open.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.opened.elapsed()
    }

    /// The time until the next periodic check of all accounts, which many share so that they can be read together.
    #[must_use]
    pub fn until_next_sweep(&self, interval: Duration) -> Duration {
        let (interval, open) = (interval.max(Duration::from_secs(1)), self.age());
        interval.mul_f64(1.0 - open.div_duration_f64(interval).fract())
    }

    /// The realm's user profile, at most 15 s old. Many callers make one request.
    pub async fn user_profile(&self) -> Result<Arc<UserProfile>, KeycloakError> {
        self.profile.get(async || Ok((Arc::new(self.client.user_profile().await?), PROFILE_LIFETIME))).await
    }

    /// What tells the realm from all others, by whatever host name it is reached: its name and its public key, which
    /// needs no right to be read.
    pub async fn identity(&self) -> Result<Arc<str>, KeycloakError> {
        self.identity.get(async || Ok((self.client.realm_identity().await?.into(), IDENTITY_LIFETIME))).await
    }

    /// The realm's password policy, at most 15 s old; `None` where the connection's account may not read it.
    pub async fn password_policy(&self) -> Result<Option<PasswordPolicy>, KeycloakError> {
        self.policy.get(async || Ok((self.client.password_policy().await?, POLICY_LIFETIME))).await
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;
    use serde_json::json;
    use wiremock::matchers::{any, path_regex};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::keycloak::{Fence, KeycloakMetrics, Login, Server};

    async fn keycloak() -> (MockServer, Realm) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let keycloak = MockServer::start().await;
        let token = ResponseTemplate::new(200).set_body_json(json!({ "access_token": "t", "expires_in": 60 }));
        Mock::given(path_regex("/token$")).respond_with(token).mount(&keycloak).await;
        let login = Login::ClientCredentials { id: "operator".to_owned(), secret: "secret".into() };
        let url = keycloak.uri().parse().unwrap();
        let server = Server { url, realm: "staff".to_owned(), login, certificate_authorities: None };
        (keycloak, Realm::new(Client::new(server, KeycloakMetrics::default(), Fence::new(|_| true)).unwrap()))
    }

    fn profile() -> ResponseTemplate {
        ResponseTemplate::new(200).set_body_json(json!({ "attributes": [] }))
    }

    #[tokio::test]
    async fn many_callers_read_the_user_profile_once() {
        let (keycloak, realm) = keycloak().await;
        Mock::given(any()).respond_with(profile()).expect(1).mount(&keycloak).await;
        for outcome in join_all((0..20).map(|_| realm.user_profile())).await {
            outcome.unwrap();
        }
    }
}
