//! Tokens: one per server, renewed early, by one caller at a time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How to log in.
#[derive(Clone)]
pub enum Login {
    /// The service account of a confidential client in the managed realm.
    ClientCredentials {
        /// Client ID.
        id: String,
        /// Client secret.
        secret: SecretString,
    },
    /// A user, by the client `admin-cli`.
    Password {
        /// Realm of the user; the managed realm if absent.
        realm: Option<String>,
        /// Username.
        username: String,
        /// Password.
        password: SecretString,
    },
}

impl Login {
    pub(super) fn realm<'a>(&'a self, managed: &'a str) -> &'a str {
        match self {
            Self::Password { realm: Some(realm), .. } => realm,
            Self::Password { realm: None, .. } | Self::ClientCredentials { .. } => managed,
        }
    }

    pub(super) fn form(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::ClientCredentials { id, secret } => {
                vec![("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret.expose_secret())]
            }
            Self::Password { username, password, .. } => vec![
                ("grant_type", "password"),
                ("client_id", "admin-cli"),
                ("username", username),
                ("password", password.expose_secret()),
            ],
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ClientCredentials { .. } => "Login::ClientCredentials",
            Self::Password { .. } => "Login::Password",
        })
    }
}

/// A token and the moment from which on it is not used any more.
#[derive(Clone, Debug)]
pub(super) struct Token {
    value: Arc<SecretString>,
    renew_at: Instant,
}

impl Token {
    /// A token with that lifetime. It is renewed when three quarters of its life are over, so that a request never
    /// travels with one that expires on the way.
    pub(super) fn new(value: SecretString, lifetime: Duration) -> Self {
        Self { value: Arc::new(value), renew_at: Instant::now() + lifetime.mul_f64(0.75) }
    }

    pub(super) fn expose(&self) -> &str {
        self.value.expose_secret()
    }
}

/// Keeps the current token. The lock is held while a new one is fetched: all other callers wait for that one.
#[derive(Debug, Default)]
pub(super) struct TokenCache(Mutex<Option<Token>>);

impl TokenCache {
    /// The current token, or a new one from `fetch`.
    pub(super) async fn get<E>(&self, fetch: impl AsyncFnOnce() -> Result<Token, E>) -> Result<Token, E> {
        let mut current = self.0.lock().await;
        if let Some(token) = current.as_ref().filter(|token| Instant::now() < token.renew_at) {
            return Ok(token.clone());
        }
        let token = fetch().await?;
        *current = Some(token.clone());
        Ok(token)
    }

    /// Forgets a token that the server refused, unless another caller has replaced it already.
    pub(super) async fn forget(&self, refused: &Token) {
        let mut current = self.0.lock().await;
        if current.as_ref().is_some_and(|token| Arc::ptr_eq(&token.value, &refused.value)) {
            *current = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const LIFETIME: Duration = Duration::from_mins(1);

    /// Hands out tokens of that lifetime, and counts them.
    struct Fetches(AtomicUsize, Duration);

    impl Fetches {
        fn of(lifetime: Duration) -> Self {
            Self(AtomicUsize::new(0), lifetime)
        }

        async fn fetch(&self) -> Result<Token, Infallible> {
            self.0.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok(Token::new("t".into(), self.1))
        }

        fn count(&self) -> usize {
            self.0.load(Ordering::SeqCst)
        }
    }

    #[tokio::test]
    async fn many_callers_fetch_one_token() {
        let (cache, fetches) = (TokenCache::default(), Fetches::of(LIFETIME));
        futures::future::join_all((0..50).map(|_| cache.get(|| fetches.fetch()))).await;
        assert_eq!(fetches.count(), 1);
    }

    #[tokio::test]
    async fn a_token_is_used_for_three_quarters_of_its_life() {
        let before = Instant::now();
        let token = Token::new("t".into(), LIFETIME);
        assert!((before + LIFETIME * 3 / 4..=Instant::now() + LIFETIME * 3 / 4).contains(&token.renew_at));
    }

    #[tokio::test]
    async fn a_token_whose_time_is_over_is_not_used_again() {
        let (cache, fetches) = (TokenCache::default(), Fetches::of(Duration::ZERO));
        cache.get(|| fetches.fetch()).await.unwrap();
        cache.get(|| fetches.fetch()).await.unwrap();
        assert_eq!(fetches.count(), 2);
    }

    #[tokio::test]
    async fn a_failed_login_is_not_kept() {
        let (cache, fetches) = (TokenCache::default(), Fetches::of(LIFETIME));
        assert_eq!(cache.get(async || Err("refused")).await.unwrap_err(), "refused");
        cache.get(|| fetches.fetch()).await.unwrap();
        assert_eq!(fetches.count(), 1);
    }

    #[tokio::test]
    async fn a_refused_token_is_forgotten_once() {
        let (cache, fetches) = (TokenCache::default(), Fetches::of(LIFETIME));
        let old = cache.get(|| fetches.fetch()).await.unwrap();
        cache.forget(&old).await;
        cache.get(|| fetches.fetch()).await.unwrap();
        cache.forget(&old).await;
        cache.get(|| fetches.fetch()).await.unwrap();
        assert_eq!(fetches.count(), 2);
    }

    #[test]
    fn neither_a_login_nor_a_token_shows_its_secret() {
        let client = Login::ClientCredentials { id: "operator".to_owned(), secret: "hunter2".into() };
        let user = Login::Password { realm: None, username: "admin".to_owned(), password: "hunter2".into() };
        for shown in
            [format!("{client:?}"), format!("{user:?}"), format!("{:?}", Token::new("hunter2".into(), LIFETIME))]
        {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}
