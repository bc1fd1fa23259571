//! How to log in, and for how long a token is used.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

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

    /// The username of the account that logs in, if it lives in that realm.
    pub(super) fn username_in(&self, managed: &str) -> Option<String> {
        match self {
            Self::ClientCredentials { id, .. } => Some(format!("service-account-{id}")),
            Self::Password { username, .. } if self.realm(managed) == managed => Some(username.clone()),
            Self::Password { .. } => None,
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

/// The longest time for which a token is used, whatever the server says of it.
const LONGEST: Duration = Duration::from_hours(24);

/// A token that a server gave.
#[derive(Clone, Debug)]
pub(super) struct Token(Arc<SecretString>);

impl Token {
    pub(super) fn new(value: String) -> Self {
        Self(Arc::new(SecretString::from(value)))
    }

    /// The server's time in milliseconds when it gave the token, if it is one that says so (a JWT, RFC 7519).
    pub(super) fn issued_at(&self) -> Option<i64> {
        #[derive(Deserialize)]
        struct Claims {
            iat: i64,
        }
        let claims = self.expose().split('.').nth(1)?;
        let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
        serde_json::from_slice::<Claims>(&claims).ok()?.iat.checked_mul(1000)
    }

    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether it is the very same, not only one that looks so.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// How long to use a token that lives for so many seconds: three quarters of it, so that a request never travels with
/// one that expires on the way.
pub(super) fn time_of_use(seconds: u64) -> Duration {
    Duration::from_secs(seconds).min(LONGEST).mul_f64(0.75)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_used_for_three_quarters_of_its_life_and_for_less_than_a_day() {
        assert_eq!(time_of_use(60), Duration::from_secs(45));
        assert_eq!(time_of_use(u64::MAX), Duration::from_hours(18));
    }

    #[test]
    fn a_token_tells_the_time_of_its_server() {
        let token = |claims: &str| Token::new(format!("header.{}.signature", URL_SAFE_NO_PAD.encode(claims)));
        assert_eq!(token(r#"{"exp":1764000060,"iat":1764000000}"#).issued_at(), Some(1_764_000_000_000));
        for other in [token("{}"), token("no JSON"), token(r#"{"iat":9223372036854775807}"#)] {
            assert_eq!(other.issued_at(), None);
        }
        assert_eq!(Token::new("opaque".to_owned()).issued_at(), None);
    }

    #[test]
    fn neither_a_login_nor_a_token_shows_its_secret() {
        let client = Login::ClientCredentials { id: "operator".to_owned(), secret: "hunter2".into() };
        let user = Login::Password { realm: None, username: "admin".to_owned(), password: "hunter2".into() };
        for shown in [format!("{client:?}"), format!("{user:?}"), format!("{:?}", Token::new("hunter2".to_owned()))] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}
