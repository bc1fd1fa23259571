//! What an account shall be.

use std::collections::{BTreeMap, BTreeSet};

use super::{AttributeName, AttributeValue, ProfileText, RightKind, RightName, Username};

/// An account as its resource declares it. `None` means "not managed".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredUser {
    /// Name the user logs in with.
    pub username: Username,
    /// First name.
    pub first_name: Option<ProfileText>,
    /// Last name.
    pub last_name: Option<ProfileText>,
    /// E-mail address.
    pub email: Option<ProfileText>,
    /// Whether the address counts as verified.
    pub email_verified: Option<bool>,
    /// Whether the account may log in.
    pub enabled: Option<bool>,
    /// Declared attributes; no values means "must be absent".
    pub attributes: BTreeMap<AttributeName, Vec<AttributeValue>>,
    /// Declared roles and groups.
    pub rights: BTreeSet<RightName>,
    /// Fields of which everything goes that is not declared.
    pub exact: Exact,
    /// What the user shall be asked to do.
    pub required_actions: BTreeSet<String>,
}

/// Fields of which everything goes that is not declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exact {
    /// Those that give rights.
    pub rights: BTreeSet<RightKind>,
    /// `spec.attributes`
    pub attributes: bool,
    /// `spec.requiredActions`
    pub required_actions: bool,
}
