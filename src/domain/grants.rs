//! What users of a connection may be and may be given.
//!
//! A grant is judged when a value is about to be written, so that what is there already stays as it is.

use std::collections::BTreeSet;

use super::{DesiredUser, Field, ObservedUser, RightGrants, RightRefusal};

/// What a connection grants to its users. The default grants everything that needs no words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants {
    /// Usernames, without regard to case.
    pub usernames: Patterns,
    /// Domains of e-mail addresses, without regard to case.
    pub email_domains: Patterns,
    /// Whether an address may count as verified because a resource says so.
    pub email_verified: bool,
    /// Names of attributes.
    pub attributes: Patterns,
    /// Whether accounts may be taken over that no resource created.
    pub adoption: bool,
    /// Roles and groups.
    pub rights: RightGrants,
}

impl Default for Grants {
    fn default() -> Self {
        Self {
            usernames: Patterns::default(),
            email_domains: Patterns::default(),
            email_verified: true,
            attributes: Patterns::default(),
            adoption: false,
            rights: RightGrants::default(),
        }
    }
}

/// What a connection does not grant, and by which rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotGranted {
    /// The username.
    #[error("grants.usernames do not allow the username {0}")]
    Username(String),
    /// The domain of the e-mail address.
    #[error("grants.emailDomains do not allow the e-mail domain {0}")]
    EmailDomain(String),
    /// An address without a domain, where domains are granted.
    #[error("grants.emailDomains do not allow an e-mail address without a domain")]
    NoEmailDomain,
    /// A verified address.
    #[error("grants.emailVerified does not allow emailVerified: true")]
    EmailVerified,
    /// Another address in the place of a verified one.
    #[error(
        "grants.emailVerified does not allow to put another e-mail address in the place of one that counts as verified, unless the resource says emailVerified: false"
    )]
    VerifiedEmail,
    /// The attribute that names the owner of an account.
    #[error(
        "the attribute {0} names the resource that an account belongs to (ownerAttribute), and is written by the operator alone"
    )]
    OwnerAttribute(String),
    /// What the realm gives to every account, so that it cannot be left out.
    #[error("what the realm gives to every account: {0}")]
    RealmDefaults(RightRefusal),
    /// An attribute.
    #[error("grants.attributes do not allow the attribute {0}")]
    Attribute(String),
}

impl Grants {
    /// Whether an account may be made so.
    ///
    /// # Errors
    /// The first value that is not granted.
    pub fn check_creation(&self, desired: &DesiredUser) -> Result<(), NotGranted> {
        self.check(desired, None, &given(desired))
    }

    /// Whether these fields of an account may be changed so.
    ///
    /// # Errors
    /// The first value that is not granted.
    pub fn check_change(
        &self,
        desired: &DesiredUser,
        observed: &ObservedUser,
        fields: &BTreeSet<Field>,
    ) -> Result<(), NotGranted> {
        self.check(desired, Some(observed), fields)
    }

    fn check(
        &self,
        desired: &DesiredUser,
        observed: Option<&ObservedUser>,
        fields: &BTreeSet<Field>,
    ) -> Result<(), NotGranted> {
        fields.iter().try_for_each(|field| match field {
            Field::Username if !self.usernames.allow(desired.username.as_str()) => {
                Err(NotGranted::Username(shown(desired.username.as_str())))
            }
            Field::Email => self.check_email(desired, observed),
            Field::EmailVerified if desired.email_verified == Some(true) && !self.email_verified => {
                Err(NotGranted::EmailVerified)
            }
            Field::Attribute(name) if declares(desired, name) && !self.attributes.allow(name) => {
                Err(NotGranted::Attribute(shown(name)))
            }
            Field::Username
            | Field::EmailVerified
            | Field::Attribute(_)
            | Field::FirstName
            | Field::LastName
            | Field::Enabled => Ok(()),
        })
    }

    /// Keycloak lets an address that an administrator changes count as verified if the old one did.
    fn check_email(&self, desired: &DesiredUser, observed: Option<&ObservedUser>) -> Result<(), NotGranted> {
        let address = desired.email.as_ref().map_or("", |text| text.as_str());
        if address.is_empty() {
            return Ok(());
        }
        if !self.email_domains.is_empty() {
            let (_, domain) = address.rsplit_once('@').ok_or(NotGranted::NoEmailDomain)?;
            if !self.email_domains.allow(domain) {
                return Err(NotGranted::EmailDomain(shown(domain)));
            }
        }
        let stays_verified = desired.email_verified != Some(false) && observed.is_some_and(|user| user.email_verified);
        if stays_verified && !self.email_verified { Err(NotGranted::VerifiedEmail) } else { Ok(()) }
    }
}

/// The fields that a creation gives a value to.
fn given(desired: &DesiredUser) -> BTreeSet<Field> {
    let attributes = desired.attributes.iter().filter(|(_, values)| !values.is_empty());
    [Field::Username, Field::Email, Field::EmailVerified]
        .into_iter()
        .chain(attributes.map(|(name, _)| Field::Attribute(name.as_str().to_owned())))
        .collect()
}

/// What is no longer declared is ours, and may always be taken away.
fn declares(desired: &DesiredUser, attribute: &str) -> bool {
    desired.attributes.keys().any(|name| name.as_str() == attribute)
}

/// So much of a value as a message shows.
fn shown(value: &str) -> String {
    value.escape_debug().take(255).collect()
}

/// Patterns in which `*` stands for any characters; none at all matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns {
    patterns: Vec<String>,
    ignores_case: bool,
}

impl Patterns {
    /// Patterns for which `A` and `a` are two letters.
    #[must_use]
    pub fn exact(patterns: &[String]) -> Self {
        Self { patterns: patterns.to_vec(), ignores_case: false }
    }

    /// Patterns for which `A` and `a` are the same.
    #[must_use]
    pub fn ignoring_case(patterns: &[String]) -> Self {
        Self { patterns: patterns.iter().map(|pattern| pattern.to_lowercase()).collect(), ignores_case: true }
    }

    /// Whether there is no pattern, so that everything is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether there is no pattern, or one that matches.
    #[must_use]
    pub fn allow(&self, text: &str) -> bool {
        let text = if self.ignores_case { text.to_lowercase() } else { text.to_owned() };
        self.is_empty() || self.patterns.iter().any(|pattern| matches(pattern, &text))
    }

    /// Whether that very name is granted, and not only by a pattern.
    #[must_use]
    pub fn name(&self, username: &str) -> bool {
        let name = username.to_lowercase();
        self.ignores_case && !name.contains('*') && self.patterns.contains(&name)
    }
}

/// Matches piece by piece: the first and the last piece are anchored, those between are found from the left.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut remaining) = text.strip_prefix(first) else {
        return false;
    };
    let (between, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in between.split('*') {
        let Some(at) = remaining.find(piece) else {
            return false;
        };
        remaining = &remaining[at + piece.len()..];
    }
    remaining.ends_with(last)
}

#[cfg(test)]
#[path = "grants_tests.rs"]
mod tests;
