//! The schema as printed: which elements stand in which, in what order and how often, and what their text may be.
//! Only `--strict` asks for it; the documents of the product itself do not keep it.

use super::error::{SchemaFlaw, UserError};
use super::grammar;
use super::model::{Text, XmlCredential, XmlUser};
use super::ncname::is_ncname;
use super::position::Located;
use super::tag::Tag;

/// How the children of an element stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// The schema does not know the element.
    Free,
    /// Each once, in this order.
    Sequence,
    /// One child, at least once.
    Repeated,
}

/// What may stand within an element.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) parent: &'static str,
    pub(super) children: &'static [Tag],
    order: Order,
}

pub(super) static USERS: Model = Model { parent: "Users", children: &[Tag::User], order: Order::Free };
pub(super) static USER: Model = Model {
    parent: "User",
    children: &[
        Tag::Username,
        Tag::FirstName,
        Tag::LastName,
        Tag::Email,
        Tag::EmailVerified,
        Tag::Enabled,
        Tag::Attributes,
        Tag::Credentials,
    ],
    order: Order::Sequence,
};
pub(super) static ATTRIBUTES: Model =
    Model { parent: "Attributes", children: &[Tag::Attribute], order: Order::Repeated };
pub(super) static ATTRIBUTE: Model =
    Model { parent: "Attribute", children: &[Tag::Name, Tag::Values], order: Order::Sequence };
pub(super) static VALUES: Model = Model { parent: "Values", children: &[Tag::Value], order: Order::Repeated };
pub(super) static CREDENTIALS: Model =
    Model { parent: "Credentials", children: &[Tag::Credential], order: Order::Sequence };
pub(super) static CREDENTIAL: Model =
    Model { parent: "Credential", children: &[Tag::Type, Tag::Value, Tag::Temporary], order: Order::Sequence };

/// How far the children of one element have come.
pub(super) struct Children {
    pub(super) model: &'static Model,
    taken: usize,
    /// One fault is told; what follows from it is not.
    is_faulty: bool,
}

impl Model {
    pub(super) fn start(&'static self) -> Children {
        Children { model: self, taken: 0, is_faulty: false }
    }

    /// True if the schema says nothing of the element.
    pub(super) fn is_free(&self) -> bool {
        self.order == Order::Free
    }
}

impl Children {
    /// Takes the next child, and says what the schema has against it.
    pub(super) fn take(&mut self, tag: &Tag) -> Option<SchemaFlaw> {
        let expected = match self.model.order {
            Order::Free => return None,
            Order::Sequence => self.model.children.get(self.taken),
            Order::Repeated => self.model.children.first(),
        };
        self.taken += 1;
        if self.is_faulty || expected == Some(tag) {
            return None;
        }
        self.is_faulty = true;
        let (parent, found) = (self.model.parent, tag.name().to_owned());
        Some(match expected {
            Some(expected) => SchemaFlaw::Other { parent, expected: expected.known_name(), found },
            None => SchemaFlaw::Surplus { parent, found },
        })
    }

    /// What is missing at the end.
    pub(super) fn end(&self) -> Option<SchemaFlaw> {
        let missing = match self.model.order {
            Order::Sequence => self.model.children.get(self.taken),
            Order::Repeated if self.taken == 0 => self.model.children.first(),
            Order::Free | Order::Repeated => None,
        };
        let missing = missing.filter(|_| !self.is_faulty)?;
        Some(SchemaFlaw::Missing { parent: self.model.parent, expected: missing.known_name() })
    }
}

/// The type of an element's text; absent where the schema has none.
pub(super) fn type_of(tag: &Tag) -> Option<&'static str> {
    match tag {
        Tag::Username | Tag::FirstName | Tag::LastName | Tag::Type => Some("NCName"),
        Tag::EmailVerified | Tag::Enabled | Tag::Temporary => Some("boolean"),
        Tag::Email | Tag::Name | Tag::Value => Some("string"),
        _ => None,
    }
}

/// Checks the texts of a user, and takes off the white space that the schema gives no meaning.
///
/// # Errors
/// The first text that is not of its type.
pub(super) fn check(user: &mut XmlUser) -> Result<(), Located<UserError>> {
    name(&mut user.username, "Username")?;
    name(&mut user.first_name, "FirstName")?;
    name(&mut user.last_name, "LastName")?;
    boolean(&user.email_verified, "EmailVerified")?;
    boolean(&user.enabled, "Enabled")?;
    for XmlCredential { type_, temporary, .. } in &mut user.credentials {
        name(type_, "Type")?;
        boolean(temporary, "Temporary")?;
    }
    Ok(())
}

fn name(text: &mut Text, element: &'static str) -> Result<(), Located<UserError>> {
    let Some(text) = text else { return Ok(()) };
    let trimmed = text.value.trim_matches(grammar::SPACE);
    if !is_ncname(trimmed) {
        return Err(Located::new(text.at, SchemaFlaw::NotName(element)));
    }
    if trimmed.len() < text.value.len() {
        text.value = trimmed.to_owned();
    }
    Ok(())
}

fn boolean(text: &Text, element: &'static str) -> Result<(), Located<UserError>> {
    let Some(text) = text else { return Ok(()) };
    match text.value.trim_matches(grammar::SPACE) {
        "true" | "false" | "1" | "0" => Ok(()),
        _ => Err(Located::new(text.at, SchemaFlaw::NotBoolean(element))),
    }
}
