//! One [`Realm`] per connection and process: the client with its token, and what is known of the realm.
//!
//! May use `keycloak` and `domain`; knows nothing of Kubernetes.

mod registry;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

pub use registry::{ConnectionName, RealmRegistry};

use crate::domain::UserProfile;
use crate::keycloak::{Client, KeycloakError};

/// How long the user profile is taken for current. It is read only when an attribute is about to be written.
const PROFILE_LIFETIME: Duration = Duration::from_secs(15);

/// A realm as its connection reaches it.
#[derive(Debug)]
pub struct Realm {
    client: Client,
    profile: Mutex<Option<(Instant, Arc<UserProfile>)>>,
}

impl Realm {
    /// A realm of which nothing is known yet.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, profile: Mutex::default() }
    }

    /// The client for this realm.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The realm's user profile, at most 15 s old. Many callers make one request.
    pub async fn user_profile(&self) -> Result<Arc<UserProfile>, KeycloakError> {
        let mut known = self.profile.lock().await;
        if let Some((read_at, profile)) = known.as_ref()
            && read_at.elapsed() < PROFILE_LIFETIME
        {
            return Ok(Arc::clone(profile));
        }
        let profile = Arc::new(self.client.user_profile().await?);
        *known = Some((Instant::now(), Arc::clone(&profile)));
        Ok(profile)
    }
}
