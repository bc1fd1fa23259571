//! From what people wrote to what may be relied on.

use std::collections::BTreeMap;
use std::fmt;

use super::{Attribute, KeycloakUserSpec};
use crate::domain::{
    AttributeName, AttributeValue, DesiredUser, Flaw, MAX_ATTRIBUTES, MAX_VALUES, ProfileText, Username,
};

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
    Ok(DesiredUser {
        username: Username::parse(&spec.username).map_err(at("spec.username"))?,
        first_name: profile_text(spec.first_name.as_deref(), "spec.firstName")?,
        last_name: profile_text(spec.last_name.as_deref(), "spec.lastName")?,
        email: profile_text(spec.email.as_deref(), "spec.email")?,
        email_verified: spec.email_verified,
        enabled: spec.enabled,
        attributes: attributes(&spec.attributes)?,
    })
}

fn attributes(declared: &[Attribute]) -> Result<BTreeMap<AttributeName, Vec<AttributeValue>>, Violation> {
    if declared.len() > MAX_ATTRIBUTES {
        return Err(at("spec.attributes")(Flaw::TooMany { max: MAX_ATTRIBUTES }));
    }
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

fn at(field: &str) -> impl Fn(Flaw) -> Violation + use<> {
    let field = field.to_owned();
    move |flaw| Violation { field: field.clone(), flaw }
}
