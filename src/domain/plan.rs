//! The steps from what is to what shall be.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{DesiredUser, ObservedUser, UserId};

/// A part of an account, by the name that the spec has for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// `spec.username`
    Username,
    /// `spec.firstName`
    FirstName,
    /// `spec.lastName`
    LastName,
    /// `spec.email`
    Email,
    /// `spec.emailVerified`
    EmailVerified,
    /// `spec.enabled`
    Enabled,
    /// One of `spec.attributes`
    Attribute(String),
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Username => formatter.write_str("username"),
            Self::FirstName => formatter.write_str("firstName"),
            Self::LastName => formatter.write_str("lastName"),
            Self::Email => formatter.write_str("email"),
            Self::EmailVerified => formatter.write_str("emailVerified"),
            Self::Enabled => formatter.write_str("enabled"),
            Self::Attribute(name) => write!(formatter, "attributes[{}]", name.escape_debug()),
        }
    }
}

/// An account to be made. What is absent is left to Keycloak, but for `enabled`, whose absence would make a disabled
/// account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    /// Milliseconds: the birth mark.
    pub created_timestamp: i64,
    /// Name the user logs in with.
    pub username: String,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Whether the address counts as verified.
    pub email_verified: Option<bool>,
    /// Whether the account may log in.
    pub enabled: bool,
    /// Attributes that the profile keeps.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// Paths of groups, all of which exist.
    pub groups: Vec<String>,
    /// What the user is asked to do at the first login.
    pub required_actions: BTreeSet<String>,
}

/// A change of an existing account. `None` leaves a field as it is.
///
/// Keycloak clears the names and the e-mail address that are missing in a PUT with attributes, so [`Self::complete`]
/// is part of the type: attributes never travel alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileUpdate {
    /// Name the user logs in with.
    pub username: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Whether the address counts as verified.
    pub email_verified: Option<bool>,
    /// Whether the account may log in; only ever set when it changes, since `true` lifts a brute-force lock.
    pub enabled: Option<bool>,
    /// The complete map of attributes, ours and foreign; only set when one of them changes.
    pub attributes: Option<BTreeMap<String, Vec<String>>>,
}

impl ProfileUpdate {
    /// Whether the request is safe to send: no attributes, or attributes with names and e-mail address.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.attributes.is_none()
            || (self.username.is_some()
                && self.first_name.is_some()
                && self.last_name.is_some()
                && self.email.is_some())
    }
}

/// One request to Keycloak that changes something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// POST the account.
    Create(NewUser),
    /// PUT the fields named.
    Update {
        /// Account to change.
        id: UserId,
        /// What the request carries.
        update: ProfileUpdate,
        /// What it changes.
        fields: BTreeSet<Field>,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(_) => formatter.write_str("create"),
            Self::Update { fields, .. } => formatter.write_str(&update_of(fields)),
        }
    }
}

/// An update in words: the names of its fields, never values.
#[must_use]
pub fn update_of(fields: &BTreeSet<Field>) -> String {
    let names: Vec<String> = fields.iter().map(ToString::to_string).collect();
    format!("update {}", names.join(", "))
}

/// Something that is not as declared and that no request will change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Somebody else disabled the account.
    DisabledElsewhere,
    /// Brute-force protection locked the account.
    LockedOut,
    /// The user profile does not know these attributes: Keycloak would drop them without an error.
    AttributesUnknown(Vec<String>),
    /// The user profile does not let admins write these attributes.
    AttributesReadOnly(Vec<String>),
    /// The user profile does not let admins remove these attributes, which are ours and no longer declared.
    AttributesNotRemovable(Vec<String>),
}

/// What the resource put into the account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owned {
    /// Names of attributes.
    pub attributes: BTreeSet<String>,
    /// The value of `enabled` that was applied last.
    pub enabled: Option<bool>,
}

impl Owned {
    /// What is left of the record of an account that was found again: what the status says, and no more. Nobody knows who
    /// set what is not declared, nor who disabled the account: it counts as enabled by us, so that it is not switched on
    /// behind somebody's back.
    #[must_use]
    pub fn found_again(self) -> Self {
        Self { enabled: self.enabled.or(Some(true)), ..self }
    }
}

/// What an account that was taken over had before it was declared, and keeps when it is declared no more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preexisting {
    /// Names of attributes.
    pub attributes: BTreeSet<String>,
}

impl Preexisting {
    /// Notes what is declared and there, and was not put there by the resource. What was there before stays so for as
    /// long as it is there; what had to be put back is ours.
    pub fn note(&mut self, desired: &DesiredUser, account: &ObservedUser, owned: &Owned) {
        let declared =
            desired.attributes.iter().filter(|(_, values)| !values.is_empty()).map(|(name, _)| name.as_str());
        let found = declared.filter(|name| account.attributes.contains_key(*name) && !owned.attributes.contains(*name));
        self.attributes.extend(found.map(str::to_owned));
        self.attributes.retain(|name| account.attributes.contains_key(name));
    }

    /// What is left of what the resource would own.
    #[must_use]
    pub fn apart_from(&self, mut owned: Owned) -> Owned {
        owned.attributes.retain(|name| !self.attributes.contains(name));
        owned
    }
}

/// Everything there is to do, in order. Nothing to do means no write anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Requests, in the order in which they are made.
    pub steps: Vec<Step>,
    /// What stays undone, and why.
    pub notices: Vec<Notice>,
    /// What the resource owns once the steps are made.
    pub owned: Owned,
}
