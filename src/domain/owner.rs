//! The user attribute in which an account names the resource that it belongs to.

use super::{AttributeName, AttributeValue, DesiredUser, Flaw, ObservedUser};

/// The attribute, and what stands in it on the account of one resource: `<instance>/<namespace>/<name>`.
///
/// It is worth as much as the user profile protects it: only where admins alone may write it does it prove anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerAttribute {
    name: AttributeName,
    value: AttributeValue,
    instance: String,
}

/// Whom an account names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedOwner {
    /// Nobody.
    Nobody,
    /// The resource in question.
    Ours,
    /// Another resource of the same instance of the operator.
    OfInstance {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// Something else: another instance of the operator, or what no operator wrote.
    Elsewhere,
}

impl OwnerAttribute {
    /// The attribute on the account of that resource.
    ///
    /// # Errors
    /// The [`Flaw`] of the name of the attribute.
    pub fn parse(attribute: &str, instance: &str, namespace: &str, name: &str) -> Result<Self, Flaw> {
        Ok(Self {
            name: AttributeName::parse(attribute)?,
            value: AttributeValue::parse(&format!("{instance}/{namespace}/{name}"))?,
            instance: instance.to_owned(),
        })
    }

    /// Name of the attribute.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// What stands in it.
    #[must_use]
    pub fn value(&self) -> &str {
        self.value.as_str()
    }

    /// Whom the account names.
    #[must_use]
    pub fn read(&self, account: &ObservedUser) -> NamedOwner {
        match account.attributes.get(self.name()).map(Vec::as_slice).unwrap_or_default() {
            [] => NamedOwner::Nobody,
            [value] if value == self.value() => NamedOwner::Ours,
            [value] => self.resource(value).unwrap_or(NamedOwner::Elsewhere),
            [..] => NamedOwner::Elsewhere,
        }
    }

    fn resource(&self, value: &str) -> Option<NamedOwner> {
        let resource = value.strip_prefix(&self.instance)?.strip_prefix('/')?;
        let (namespace, name) = resource.split_once('/')?;
        Some(NamedOwner::OfInstance { namespace: namespace.to_owned(), name: name.to_owned() })
    }

    /// What shall be, with this attribute.
    #[must_use]
    pub fn declare(&self, desired: &DesiredUser) -> DesiredUser {
        let mut desired = desired.clone();
        desired.attributes.insert(self.name.clone(), vec![self.value.clone()]);
        desired
    }

    /// Whether the attribute is among what shall be.
    #[must_use]
    pub fn is_declared_by(&self, desired: &DesiredUser) -> bool {
        desired.attributes.contains_key(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::domain::UserId;

    fn account(values: &[&str]) -> ObservedUser {
        let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        ObservedUser {
            id: UserId::parse("8c7d2f3e-0000-4000-8000-000000000000").unwrap(),
            created_timestamp: Some(1),
            username: "jane".to_owned(),
            first_name: String::new(),
            last_name: String::new(),
            email: String::new(),
            email_verified: false,
            enabled: true,
            attributes: BTreeMap::from([("owner".to_owned(), values)]),
            required_actions: BTreeSet::new(),
        }
    }

    #[test]
    fn an_account_names_the_resource_another_one_or_something_else() {
        let attribute = OwnerAttribute::parse("owner", "prod", "people", "jane").unwrap();
        let other = NamedOwner::OfInstance { namespace: "people".to_owned(), name: "joan".to_owned() };
        for (values, named) in [
            (&[][..], NamedOwner::Nobody),
            (&["prod/people/jane"], NamedOwner::Ours),
            (&["prod/people/joan"], other),
            (&["prod/people"], NamedOwner::Elsewhere),
            (&["Prod/people/jane"], NamedOwner::Elsewhere),
            (&["prod2/people/jane"], NamedOwner::Elsewhere),
            (&["prod/people/jane", "x"], NamedOwner::Elsewhere),
        ] {
            assert_eq!(attribute.read(&account(values)), named, "{values:?}");
        }
    }
}
