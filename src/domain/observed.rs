//! What an account is.

use std::collections::{BTreeMap, BTreeSet};

use super::UserId;

/// An account as Keycloak has it. Absent names are empty strings, as Keycloak makes no difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedUser {
    /// Keycloak's id.
    pub id: UserId,
    /// Time of creation in milliseconds: the birth mark of accounts that we made.
    pub created_timestamp: Option<i64>,
    /// Name the user logs in with.
    pub username: String,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// E-mail address.
    pub email: String,
    /// Whether the address counts as verified.
    pub email_verified: bool,
    /// Whether the account may log in.
    pub enabled: bool,
    /// All attributes that the caller may see.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// What the user has to do at the next login.
    pub required_actions: BTreeSet<String>,
}

impl ObservedUser {
    /// The attribute in which Keycloak says why it switched an account off (seen on 26.7.3).
    pub const DISABLED_REASON: &str = "disabledReason";

    /// What the names of accounts begin with that belong to clients. Keycloak does not let such an account be renamed
    /// (seen on 26.7.3).
    const SERVICE_ACCOUNT: &str = "service-account-";

    /// Whether the account belongs to a client.
    #[must_use]
    pub fn is_service_account(&self) -> bool {
        self.username.to_lowercase().starts_with(Self::SERVICE_ACCOUNT)
    }

    /// True when Keycloak itself switched the account off: a permanent lockout by brute-force protection leaves the
    /// attribute `disabledReason` (seen on 26.7.3).
    #[must_use]
    pub fn is_locked_out(&self) -> bool {
        !self.enabled && self.attributes.contains_key(Self::DISABLED_REASON)
    }
}
