//! A user as the document has it: texts, and where they stand. Nothing is interpreted, nothing is shown: these types
//! have no `Debug`, since a user holds a password.

use secrecy::SecretString;

use super::position::{Located, Position};

/// The text of an element; absent if the document does not have the element.
pub(super) type Text = Option<Located<String>>;

/// The contents of one `User` element, of which each part is well placed.
pub(super) struct XmlUser {
    /// Where the element begins.
    pub(super) at: Position,
    pub(super) id: Text,
    pub(super) username: Text,
    pub(super) first_name: Text,
    pub(super) last_name: Text,
    pub(super) email: Text,
    pub(super) email_verified: Text,
    pub(super) enabled: Text,
    pub(super) attributes: Vec<XmlAttribute>,
    pub(super) credentials: Vec<XmlCredential>,
}

impl XmlUser {
    pub(super) fn new(at: Position) -> Self {
        Self {
            at,
            id: None,
            username: None,
            first_name: None,
            last_name: None,
            email: None,
            email_verified: None,
            enabled: None,
            attributes: Vec::new(),
            credentials: Vec::new(),
        }
    }
}

/// One `Attribute` element.
pub(super) struct XmlAttribute {
    pub(super) at: Position,
    pub(super) name: Text,
    pub(super) values: Vec<Located<String>>,
}

/// One `Credential` element.
pub(super) struct XmlCredential {
    pub(super) at: Position,
    pub(super) type_: Text,
    pub(super) value: Option<Located<SecretString>>,
    pub(super) temporary: Text,
}
