//! From what people wrote to what may be relied on.

use std::collections::BTreeMap;
use std::fmt;

use super::desired_rights::{exact, length, required_actions, rights, together};
use super::{Attribute, Credential, CredentialSync, KeycloakUserSpec};
use crate::domain::{
    AttributeName, AttributeValue, DesiredUser, Flaw, MAX_ATTRIBUTES, MAX_VALUES, ProfileText, Username,
};

/// Most credentials of one resource.
const MAX_CREDENTIALS: usize = 1;
/// Longest name of an object, and of a key in one.
const MAX_REFERENCE: usize = 253;
/// Characters that the names of the attributes may have together: the status repeats them, and must stay small.
const MAX_ATTRIBUTE_CHARACTERS: usize = 4096;

/// A field that the schema refuses, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, such as `spec.attributes[2].values[0]`.
    pub field: String,
    /// What is wrong with it.
    pub flaw: Flaw,
}

impl std::error::Error for Violation {}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.field, self.flaw)
    }
}

/// Parses a spec into the account that it declares.
///
/// The API server has applied the same rules at admission, so this fails only for objects that went around it, and for
/// what the converter is about to write.
///
/// # Errors
/// The first field that breaks a rule.
pub fn desired_user(spec: &KeycloakUserSpec) -> Result<DesiredUser, Violation> {
    reference(&spec.connection_ref.name, "spec.connectionRef.name")?;
    credentials(&spec.credentials)?;
    Ok(DesiredUser {
        username: Username::parse(&spec.username).map_err(at("spec.username"))?,
        first_name: profile_text(spec.first_name.as_deref(), "spec.firstName")?,
        last_name: profile_text(spec.last_name.as_deref(), "spec.lastName")?,
        email: profile_text(spec.email.as_deref(), "spec.email")?,
        email_verified: spec.email_verified,
        enabled: spec.enabled,
        attributes: attributes(&spec.attributes)?,
        rights: rights(spec)?,
        exact: exact(&spec.exact)?,
        required_actions: required_actions(&spec.required_actions)?,
    })
}

fn credentials(declared: &[Credential]) -> Result<(), Violation> {
    if declared.len() > MAX_CREDENTIALS {
        return Err(at("spec.credentials")(Flaw::TooMany { max: MAX_CREDENTIALS }));
    }
    for (index, credential) in declared.iter().enumerate() {
        let path = format!("spec.credentials[{index}]");
        if credential.temporary == Some(true) && credential.sync == Some(CredentialSync::Enforce) {
            return Err(at(&format!("{path}.temporary"))(Flaw::EnforcedTemporary));
        }
        let source = &credential.value_from.secret_key_ref;
        reference(&source.name, &format!("{path}.valueFrom.secretKeyRef.name"))?;
        reference(&source.key, &format!("{path}.valueFrom.secretKeyRef.key"))?;
    }
    Ok(())
}

/// The name of an object, or of a key in one.
fn reference(name: &str, field: &str) -> Result<(), Violation> {
    match name.chars().count() {
        0 => Err(at(field)(Flaw::Blank)),
        length if length > MAX_REFERENCE => Err(at(field)(Flaw::TooLong { max: MAX_REFERENCE })),
        _ => Ok(()),
    }
}

fn attributes(declared: &[Attribute]) -> Result<BTreeMap<AttributeName, Vec<AttributeValue>>, Violation> {
    if declared.len() > MAX_ATTRIBUTES {
        return Err(at("spec.attributes")(Flaw::TooMany { max: MAX_ATTRIBUTES }));
    }
    together("spec.attributes", declared.iter().map(|attribute| length(&attribute.name)), MAX_ATTRIBUTE_CHARACTERS)?;
    let mut parsed = BTreeMap::new();
    for (index, attribute) in declared.iter().enumerate() {
        let path = format!("spec.attributes[{index}]");
        let name = AttributeName::parse(&attribute.name).map_err(at(&format!("{path}.name")))?;
        let values = attribute_values(&attribute.values, &path)?;
        if parsed.insert(name, values).is_some() {
            return Err(at(&format!("{path}.name"))(Flaw::Duplicate));
        }
    }
    Ok(parsed)
}

fn attribute_values(declared: &[String], path: &str) -> Result<Vec<AttributeValue>, Violation> {
    if declared.len() > MAX_VALUES {
        return Err(at(&format!("{path}.values"))(Flaw::TooMany { max: MAX_VALUES }));
    }
    let parse =
        |(index, value): (usize, &String)| AttributeValue::parse(value).map_err(at(&format!("{path}.values[{index}]")));
    declared.iter().enumerate().map(parse).collect()
}

fn profile_text(text: Option<&str>, field: &str) -> Result<Option<ProfileText>, Violation> {
    text.map(ProfileText::parse).transpose().map_err(at(field))
}

pub(super) fn at(field: &str) -> impl Fn(Flaw) -> Violation + use<> {
    let field = field.to_owned();
    move |flaw| Violation { field: field.clone(), flaw }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{CredentialType, SecretKeyReference, ValueSource};
    use crate::domain::{MAX_PROFILE_LENGTH, MAX_VALUE_LENGTH};

    fn spec(username: &str) -> KeycloakUserSpec {
        KeycloakUserSpec { username: username.to_owned(), ..KeycloakUserSpec::default() }
    }

    fn attribute(name: &str, values: &[&str]) -> Attribute {
        Attribute { name: name.to_owned(), values: values.iter().map(|value| (*value).to_owned()).collect() }
    }

    fn temporary_password() -> Credential {
        let secret_key_ref = SecretKeyReference { name: "s".to_owned(), key: "password".to_owned() };
        Credential {
            type_: CredentialType::Password,
            temporary: Some(true),
            sync: None,
            revoke_sessions: None,
            value_from: ValueSource { secret_key_ref },
        }
    }

    fn long(length: usize) -> String {
        "x".repeat(length)
    }

    #[test]
    fn what_is_absent_is_not_managed() {
        let desired = desired_user(&spec("JohnDoe")).unwrap();
        assert_eq!(desired.username.as_str(), "JohnDoe");
        assert_eq!((desired.first_name, desired.last_name, desired.email), (None, None, None));
        assert_eq!((desired.email_verified, desired.enabled), (None, None));
        assert!(desired.attributes.is_empty());
    }

    #[test]
    fn what_is_declared_is_kept_as_it_is() {
        let mut spec = spec("JohnDoe");
        (spec.first_name, spec.email) = (Some(String::new()), Some("John.Doe@example.com".to_owned()));
        (spec.email_verified, spec.enabled) = (Some(false), Some(true));
        spec.attributes = vec![attribute("team", &["b", "a", "a"]), attribute("gone", &[])];
        let desired = desired_user(&spec).unwrap();
        assert_eq!(desired.first_name.unwrap().as_str(), "");
        assert_eq!(desired.email.unwrap().as_str(), "John.Doe@example.com");
        assert_eq!((desired.email_verified, desired.enabled), (Some(false), Some(true)));
        let attributes: Vec<(&str, Vec<&str>)> = desired
            .attributes
            .iter()
            .map(|(name, values)| (name.as_str(), values.iter().map(AttributeValue::as_str).collect()))
            .collect();
        assert_eq!(attributes, [("gone", vec![]), ("team", vec!["b", "a", "a"])]);
    }

    #[test]
    fn a_violation_names_the_field_and_the_flaw() {
        type Change = fn(&mut KeycloakUserSpec);
        let too_long = Flaw::TooLong { max: MAX_PROFILE_LENGTH };
        let table: [(Change, &str, Flaw); 14] = [
            (|spec| spec.username = String::new(), "spec.username", Flaw::Blank),
            (|spec| spec.username = "a\tb".to_owned(), "spec.username", Flaw::ControlCharacters),
            (|spec| spec.first_name = Some(long(MAX_PROFILE_LENGTH + 1)), "spec.firstName", too_long.clone()),
            (|spec| spec.last_name = Some(long(MAX_PROFILE_LENGTH + 1)), "spec.lastName", too_long.clone()),
            (|spec| spec.email = Some(long(MAX_PROFILE_LENGTH + 1)), "spec.email", too_long.clone()),
            (|spec| spec.attributes[1].name = "email".to_owned(), "spec.attributes[1].name", Flaw::ProfileField),
            (|spec| spec.attributes[0].name = " ".to_owned(), "spec.attributes[0].name", Flaw::Blank),
            (|spec| spec.attributes[1].name = "first".to_owned(), "spec.attributes[1].name", Flaw::Duplicate),
            (|spec| spec.attributes[1].values[1] = " \n".to_owned(), "spec.attributes[1].values[1]", Flaw::Blank),
            (
                |spec| spec.attributes[1].values[0] = long(MAX_VALUE_LENGTH + 1),
                "spec.attributes[1].values[0]",
                Flaw::TooLong { max: MAX_VALUE_LENGTH },
            ),
            (
                |spec| spec.attributes[0].values = vec!["x".to_owned(); MAX_VALUES + 1],
                "spec.attributes[0].values",
                Flaw::TooMany { max: MAX_VALUES },
            ),
            (
                |spec| spec.attributes = (0..=MAX_ATTRIBUTES).map(|n| attribute(&n.to_string(), &[])).collect(),
                "spec.attributes",
                Flaw::TooMany { max: MAX_ATTRIBUTES },
            ),
            (
                |spec| spec.attributes = (0..41).map(|n| attribute(&format!("{n:0100}"), &[])).collect(),
                "spec.attributes",
                Flaw::TooLongTogether { max: MAX_ATTRIBUTE_CHARACTERS },
            ),
            (
                |spec| spec.credentials[0].sync = Some(CredentialSync::Enforce),
                "spec.credentials[0].temporary",
                Flaw::EnforcedTemporary,
            ),
        ];
        for (change, field, flaw) in table {
            let mut spec = spec("john");
            spec.attributes = vec![attribute("first", &["x"]), attribute("second", &["x", "y"])];
            spec.credentials = vec![temporary_password()];
            assert!(desired_user(&spec).is_ok());
            change(&mut spec);
            assert_eq!(desired_user(&spec).unwrap_err(), Violation { field: field.to_owned(), flaw });
        }
    }

    #[test]
    fn as_much_as_the_limits_allow_is_accepted() {
        let mut spec = spec(&long(MAX_PROFILE_LENGTH));
        spec.email = Some(long(MAX_PROFILE_LENGTH));
        let value = long(MAX_VALUE_LENGTH);
        let values = [value.as_str(); MAX_VALUES];
        spec.attributes = (0..MAX_ATTRIBUTES).map(|n| attribute(&n.to_string(), &values)).collect();
        assert!(desired_user(&spec).is_ok());
    }

    #[test]
    fn a_violation_reads_as_a_sentence() {
        let violation = Violation { field: "spec.username".to_owned(), flaw: Flaw::TooLong { max: 255 } };
        assert_eq!(violation.to_string(), "spec.username must not be longer than 255 characters");
    }
}
