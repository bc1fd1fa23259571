//! Strings that have been looked at: what holds one of these types holds a value that the schema of the resource
//! accepts. Lengths count characters, as the schema does.

use std::fmt;

/// Longest username, name or e-mail address: the width of Keycloak's columns.
pub const MAX_PROFILE_LENGTH: usize = 255;
/// Longest attribute value: Keycloak's own limit for an attribute without a validator.
pub const MAX_VALUE_LENGTH: usize = 2048;
/// Most attributes of one resource.
pub const MAX_ATTRIBUTES: usize = 64;
/// Most values of one attribute.
pub const MAX_VALUES: usize = 64;

/// Longest path of a group.
pub(super) const MAX_PATH_LENGTH: usize = 1024;

/// Attribute names that Keycloak takes for profile fields: an attribute `firstName` would set the first name (seen on
/// 26.7.3).
const PROFILE_FIELDS: [&str; 4] = ["username", "email", "firstName", "lastName"];

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Empty, or nothing but white space.
    #[error("must not be blank")]
    Blank,
    /// Contains a control character.
    #[error("must not contain control characters")]
    ControlCharacters,
    /// Longer than the limit.
    #[error("must not be longer than {max} characters")]
    TooLong {
        /// The limit, in characters.
        max: usize,
    },
    /// More entries than the limit.
    #[error("must not have more than {max} entries")]
    TooMany {
        /// The limit.
        max: usize,
    },
    /// Names a field of the profile.
    #[error("is a field of spec, not an attribute")]
    ProfileField,
    /// Not a path of names.
    #[error(
        "must be a path of names, such as /staff/engineering: without empty names, `.` or `..`, and without a `/` at its end"
    )]
    NotAPath,
    /// More characters than the limit, all entries together.
    #[error("must not have more than {max} characters together")]
    TooLongTogether {
        /// The limit, in characters.
        max: usize,
    },
    /// The same entry twice.
    #[error("must not appear twice")]
    Duplicate,
    /// A temporary password that is enforced.
    #[error("must not be true where sync is Enforce, which would undo what the user is asked to do")]
    EnforcedTemporary,
}

/// The name a user logs in with, as declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// Accepts 1 to 255 characters, not blank, without control characters.
    ///
    /// # Errors
    /// The [`Flaw`] that the schema would name too.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        visible(text)?;
        at_most(text, MAX_PROFILE_LENGTH)?;
        Ok(Self(text.to_owned()))
    }

    /// The name as declared.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as Keycloak stores it for local users.
    #[must_use]
    pub fn canonical(&self) -> String {
        self.0.to_lowercase()
    }
}

impl fmt::Display for Username {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A first name, last name or e-mail address; empty means "must be empty".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileText(String);

impl ProfileText {
    /// Accepts up to 255 characters.
    ///
    /// # Errors
    /// [`Flaw::TooLong`].
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        at_most(text, MAX_PROFILE_LENGTH)?;
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Name of a user attribute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttributeName(String);

impl AttributeName {
    /// Accepts 1 to 255 characters, not blank, without control characters, and none of the profile's own fields.
    ///
    /// # Errors
    /// The [`Flaw`] that the schema would name too.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        if PROFILE_FIELDS.contains(&text) {
            return Err(Flaw::ProfileField);
        }
        visible(text)?;
        at_most(text, MAX_PROFILE_LENGTH)?;
        Ok(Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Value of a user attribute: not blank, since Keycloak drops blank ones without an error.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttributeValue(String);

impl AttributeValue {
    /// Accepts up to 2048 characters with at least one that is not white space.
    ///
    /// # Errors
    /// The [`Flaw`] that the schema would name too.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        if is_blank(text) {
            return Err(Flaw::Blank);
        }
        at_most(text, MAX_VALUE_LENGTH)?;
        Ok(Self(text.to_owned()))
    }

    /// The value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Keycloak's id of an account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(String);

impl UserId {
    /// Accepts what Keycloak's ids are made of: letters, digits, `-`, `_` and `:` (a UUID, or `f:…:…` for accounts of
    /// a directory). Whoever may write a status must not choose a path of the Admin API with it.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':');
        (!id.is_empty() && id.len() <= MAX_PROFILE_LENGTH && id.chars().all(valid)).then(|| Self(id.to_owned()))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Checks the name of a role or a client: 1 to 255 characters, not blank, without control characters.
///
/// # Errors
/// The [`Flaw`] that the schema would name too.
pub fn check_name(text: &str) -> Result<(), Flaw> {
    visible(text)?;
    at_most(text, MAX_PROFILE_LENGTH)
}

/// Checks the path of a group: names that are not blank, each after a `/`. There is one spelling for each path.
///
/// # Errors
/// The [`Flaw`] that the schema would name too.
pub fn check_path(path: &str) -> Result<(), Flaw> {
    if path.chars().any(|c| c.is_ascii_control()) {
        return Err(Flaw::ControlCharacters);
    }
    at_most(path, MAX_PATH_LENGTH)?;
    let names = path.strip_prefix('/').ok_or(Flaw::NotAPath)?;
    let flawed = |name: &str| is_blank(name) || matches!(name, "." | "..");
    if names.split('/').any(flawed) { Err(Flaw::NotAPath) } else { Ok(()) }
}

fn visible(text: &str) -> Result<(), Flaw> {
    if is_blank(text) {
        return Err(Flaw::Blank);
    }
    if text.chars().any(|c| c.is_ascii_control()) {
        return Err(Flaw::ControlCharacters);
    }
    Ok(())
}

/// White space as the schema's `\s` (RE2) has it, so that this function and the API server agree.
fn is_blank(text: &str) -> bool {
    text.chars().all(|c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}'))
}

fn at_most(text: &str, max: usize) -> Result<(), Flaw> {
    if text.chars().count() > max { Err(Flaw::TooLong { max }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_username_is_kept_as_declared_and_compared_in_lower_case() {
        let name = Username::parse("JohnDoe").unwrap();
        assert_eq!(name.as_str(), "JohnDoe");
        assert_eq!(name.canonical(), "johndoe");
    }

    #[test]
    fn profile_fields_are_no_attribute_names() {
        assert_eq!(AttributeName::parse("firstName"), Err(Flaw::ProfileField));
        assert!(AttributeName::parse("firstname").is_ok());
    }

    #[test]
    fn blank_and_control_characters_are_refused() {
        assert_eq!(Username::parse(" \t"), Err(Flaw::Blank));
        assert_eq!(Username::parse("a\u{0}b"), Err(Flaw::ControlCharacters));
        assert_eq!(AttributeValue::parse(""), Err(Flaw::Blank));
        assert!(AttributeValue::parse("line\nbreak").is_ok());
    }

    #[test]
    fn an_id_cannot_lead_elsewhere() {
        assert!(UserId::parse("8c7d2f3e-0000-4000-8000-000000000000").is_some());
        for id in ["", "..", "a/b", "a%2fb", "profile?x"] {
            assert_eq!(UserId::parse(id), None, "{id}");
        }
    }

    #[test]
    fn lengths_count_characters() {
        assert!(Username::parse(&"ü".repeat(255)).is_ok());
        assert_eq!(Username::parse(&"ü".repeat(256)), Err(Flaw::TooLong { max: 255 }));
    }
}
