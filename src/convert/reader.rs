//! From elements to users, one at a time. An element counts only where it belongs: `Value` within `Values` is an
//! attribute's, within `Credential` it is a password, and `value` within `access` is neither.

use std::io::Read;
use std::mem;

use secrecy::{ExposeSecret, SecretString};

use super::diagnostic::Reporter;
use super::error::{DocumentError, ShapeError, UserError, Warning};
use super::grammar;
use super::lexer::{Element, Lexer, Token};
use super::model::{Text, XmlAttribute, XmlCredential, XmlUser};
use super::position::{Located, Position};
use super::tag::Tag;

/// Longest value, in bytes: no Secret can hold more.
const MAX_VALUE: usize = 1024 * 1024;
/// Largest user, in bytes.
const MAX_USER: usize = 4 * MAX_VALUE;
/// What an element counts towards the largest user, beside its text.
const ELEMENT_COST: usize = 64;

const IN_USERS: &[Tag] = &[Tag::User];
const IN_USER: &[Tag] = &[
    Tag::Username,
    Tag::FirstName,
    Tag::LastName,
    Tag::Email,
    Tag::EmailVerified,
    Tag::Enabled,
    Tag::Attributes,
    Tag::Credentials,
];
const IN_ATTRIBUTES: &[Tag] = &[Tag::Attribute];
const IN_ATTRIBUTE: &[Tag] = &[Tag::Name, Tag::Values];
const IN_VALUES: &[Tag] = &[Tag::Value];
const IN_CREDENTIALS: &[Tag] = &[Tag::Credential];
const IN_CREDENTIAL: &[Tag] = &[Tag::Type, Tag::Value, Tag::Temporary];

/// What stands where a user is expected.
pub(super) enum Entry {
    /// A user that can be interpreted.
    User(Box<XmlUser>),
    /// What was to be a user, but is none; the reason has been reported.
    Rejected,
}

/// Reads the users of one document, and holds one of them at a time.
pub(super) struct UserReader<'r, 'd> {
    lexer: Lexer<'r>,
    report: &'r mut Reporter<'d>,
    state: State,
    /// The user that is being read has been reported as faulty.
    is_rejected: bool,
    /// The size of the user that is being read.
    size: usize,
    /// What stands between the elements.
    between: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Before,
    Within,
    After,
}

impl<'r, 'd> UserReader<'r, 'd> {
    pub(super) fn new(input: &'r mut dyn Read, report: &'r mut Reporter<'d>) -> Self {
        Self {
            lexer: Lexer::new(input),
            report,
            state: State::Before,
            is_rejected: false,
            size: 0,
            between: String::new(),
        }
    }

    /// What is found about the file is told to it.
    pub(super) fn report(&mut self) -> &mut Reporter<'d> {
        self.report
    }

    /// The next user; absent after the last one. A single `User` is handed out when the whole document has been read,
    /// a user within `Users` as soon as it is complete.
    ///
    /// # Errors
    /// The document cannot be read on. The users handed out before are complete.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, DocumentError> {
        if self.state == State::Before {
            let root = self.root()?;
            if root.tag == Tag::User {
                let entry = self.user(root.at)?;
                self.finish()?;
                return Ok(Some(entry));
            }
            self.state = State::Within;
        }
        if self.state == State::Within {
            if let Some(entry) = self.entry()? {
                return Ok(Some(entry));
            }
            self.finish()?;
        }
        Ok(None)
    }

    fn root(&mut self) -> Result<Element, DocumentError> {
        let token = self.lexer.next(&mut self.between)?;
        for remark in self.lexer.take_remarks() {
            self.report.warning(&remark);
        }
        match token {
            Token::Start(root) if matches!(root.tag, Tag::User | Tag::Users) => {
                self.warn_of_attributes(&root);
                Ok(root)
            }
            Token::Start(root) => {
                let name = root.tag.name().to_owned();
                let hint = root_hint(&name);
                Err(Located::new(root.at, ShapeError::Root { name, hint }))
            }
            Token::Text | Token::End | Token::Eof => {
                Err(Located::new(self.lexer.position(), super::error::MarkupError::NoRoot))
            }
        }
    }

    fn finish(&mut self) -> Result<(), DocumentError> {
        self.state = State::After;
        while !matches!(self.lexer.next(&mut self.between)?, Token::Eof) {}
        Ok(())
    }

    /// The next child of `Users` that is a user, or was to be one.
    fn entry(&mut self) -> Result<Option<Entry>, DocumentError> {
        while let Some(child) = self.child("Users")? {
            self.is_rejected = false;
            self.size = 0;
            if child.tag == Tag::User {
                return self.user(child.at).map(Some);
            }
            self.stray(child, IN_USERS)?;
            if mem::take(&mut self.is_rejected) {
                return Ok(Some(Entry::Rejected));
            }
        }
        Ok(None)
    }

    fn user(&mut self, at: Position) -> Result<Entry, DocumentError> {
        let mut user = XmlUser::new(at);
        while let Some(child) = self.child("User")? {
            match child.tag {
                Tag::Username => self.text_into(&mut user.username, "Username", &child)?,
                Tag::FirstName => self.text_into(&mut user.first_name, "FirstName", &child)?,
                Tag::LastName => self.text_into(&mut user.last_name, "LastName", &child)?,
                Tag::Email => self.text_into(&mut user.email, "Email", &child)?,
                Tag::EmailVerified => self.text_into(&mut user.email_verified, "EmailVerified", &child)?,
                Tag::Enabled => self.text_into(&mut user.enabled, "Enabled", &child)?,
                Tag::Attributes => self.attributes(&mut user.attributes)?,
                Tag::Credentials => self.credentials(&mut user.credentials)?,
                Tag::Id | Tag::CreatedTimestamp | Tag::Totp | Tag::NotBefore | Tag::Access => self.skip()?,
                _ => self.stray(child, IN_USER)?,
            }
        }
        Ok(if mem::take(&mut self.is_rejected) { Entry::Rejected } else { Entry::User(Box::new(user)) })
    }

    fn attributes(&mut self, attributes: &mut Vec<XmlAttribute>) -> Result<(), DocumentError> {
        while let Some(child) = self.child("Attributes")? {
            match child.tag {
                Tag::Attribute => attributes.push(self.attribute(child.at)?),
                _ => self.stray(child, IN_ATTRIBUTES)?,
            }
        }
        Ok(())
    }

    fn attribute(&mut self, at: Position) -> Result<XmlAttribute, DocumentError> {
        let mut attribute = XmlAttribute { at, name: None, values: Vec::new() };
        while let Some(child) = self.child("Attribute")? {
            match child.tag {
                Tag::Name => self.text_into(&mut attribute.name, "Name", &child)?,
                Tag::Values => self.values(&mut attribute.values)?,
                _ => self.stray(child, IN_ATTRIBUTE)?,
            }
        }
        Ok(attribute)
    }

    fn values(&mut self, values: &mut Vec<Located<String>>) -> Result<(), DocumentError> {
        while let Some(child) = self.child("Values")? {
            match child.tag {
                Tag::Value => values.extend(self.text(&child)?),
                _ => self.stray(child, IN_VALUES)?,
            }
        }
        Ok(())
    }

    fn credentials(&mut self, credentials: &mut Vec<XmlCredential>) -> Result<(), DocumentError> {
        while let Some(child) = self.child("Credentials")? {
            match child.tag {
                Tag::Credential => credentials.push(self.credential(child.at)?),
                _ => self.stray(child, IN_CREDENTIALS)?,
            }
        }
        Ok(())
    }

    fn credential(&mut self, at: Position) -> Result<XmlCredential, DocumentError> {
        let mut credential = XmlCredential { at, type_: None, value: None, temporary: None };
        while let Some(child) = self.child("Credential")? {
            match child.tag {
                Tag::Type => self.text_into(&mut credential.type_, "Type", &child)?,
                Tag::Temporary => self.text_into(&mut credential.temporary, "Temporary", &child)?,
                Tag::Value => self.secret_into(&mut credential.value, &child)?,
                _ => self.stray(child, IN_CREDENTIAL)?,
            }
        }
        Ok(credential)
    }

    /// The next element within `parent`; absent at its end.
    fn child(&mut self, parent: &'static str) -> Result<Option<Element>, DocumentError> {
        let mut is_told = false;
        loop {
            self.between.clear();
            match self.lexer.next(&mut self.between)? {
                Token::Start(child) => {
                    self.charge(ELEMENT_COST)?;
                    if !matches!(child.tag, Tag::Other(_) | Tag::Foreign(_)) {
                        self.warn_of_attributes(&child);
                    }
                    return Ok(Some(child));
                }
                Token::Text if is_told || grammar::is_blank(&self.between) => {}
                Token::Text => {
                    is_told = true;
                    self.warn(self.lexer.position(), Warning::StrayText(parent));
                }
                Token::End | Token::Eof => return Ok(None),
            }
        }
    }

    /// The text of an element: all pieces in order. Absent if there is an element in it, which is reported.
    fn text(&mut self, element: &Element) -> Result<Text, DocumentError> {
        let mut text = String::new();
        let mut is_faulty = false;
        loop {
            match self.lexer.next(&mut text)? {
                Token::Text if text.len() > MAX_VALUE => {
                    return Err(Located::new(element.at, ShapeError::ValueTooLong));
                }
                Token::Text => {}
                Token::Start(child) => {
                    is_faulty = true;
                    self.reject(child.at, UserError::ElementInValue(element.tag.name().to_owned()));
                    self.skip()?;
                }
                Token::End | Token::Eof => break,
            }
        }
        self.charge(text.len())?;
        Ok((!is_faulty).then(|| Located::new(element.at, text)))
    }

    fn text_into(&mut self, slot: &mut Text, name: &'static str, element: &Element) -> Result<(), DocumentError> {
        let found = self.text(element)?;
        self.keep(slot, found, name, |one, other| one == other);
        Ok(())
    }

    fn secret_into(
        &mut self,
        slot: &mut Option<Located<SecretString>>,
        element: &Element,
    ) -> Result<(), DocumentError> {
        let found = self.text(element)?;
        let secret = found.map(|found| Located::new(found.at, SecretString::from(found.value)));
        self.keep(slot, secret, "Value", |one, other| one.expose_secret() == other.expose_secret());
        Ok(())
    }

    /// Fills a slot; what fills it a second time must be the same.
    fn keep<T>(
        &mut self,
        slot: &mut Option<Located<T>>,
        found: Option<Located<T>>,
        name: &'static str,
        are_same: impl FnOnce(&T, &T) -> bool,
    ) {
        match (slot.as_ref(), found) {
            (_, None) => {}
            (None, found) => *slot = found,
            (Some(first), Some(second)) if are_same(&first.value, &second.value) => {
                self.warn(second.at, Warning::Repeated(name));
            }
            (Some(_), Some(second)) => self.reject(second.at, UserError::Contradiction(name.to_owned())),
        }
    }

    /// An element that has no business where it stands. What may be a part of the user rejects it, so that nothing is
    /// lost unseen; the rest is left out with a warning.
    fn stray(&mut self, element: Element, expected: &[Tag]) -> Result<(), DocumentError> {
        let at = element.at;
        let meant = Tag::meant_by(element.tag.name(), expected);
        match (element.tag, meant) {
            (Tag::Foreign(name), _) => self.reject(at, UserError::ForeignNamespace(name)),
            (Tag::Other(found), Some(meant)) => self.reject(at, UserError::WrongCase { found, meant }),
            (Tag::Users, _) if expected == IN_USERS => self.reject(at, UserError::NestedUsers("Users".to_owned())),
            (tag @ (Tag::User | Tag::Users), _) => self.reject(at, UserError::Nested(tag.name().to_owned())),
            (tag, _) => self.warn(at, Warning::UnknownElement(tag.name().to_owned())),
        }
        self.skip()
    }

    /// Skips what is left of an element.
    fn skip(&mut self) -> Result<(), DocumentError> {
        let mut depth = 1;
        while depth > 0 {
            self.between.clear();
            match self.lexer.next(&mut self.between)? {
                Token::Start(_) => depth += 1,
                Token::End => depth -= 1,
                Token::Text => {}
                Token::Eof => break,
            }
        }
        Ok(())
    }

    fn charge(&mut self, bytes: usize) -> Result<(), DocumentError> {
        self.size += bytes;
        if self.size > MAX_USER {
            return Err(Located::new(self.lexer.position(), ShapeError::UserTooLong));
        }
        Ok(())
    }

    fn warn_of_attributes(&mut self, element: &Element) {
        for attribute in &element.attributes {
            self.warn(attribute.at, Warning::UnknownAttribute(attribute.value.clone()));
        }
    }

    fn warn(&mut self, at: Position, warning: Warning) {
        self.report.warning(&Located::new(at, warning));
    }

    fn reject(&mut self, at: Position, error: UserError) {
        self.is_rejected = true;
        self.report.error(&Located::<UserError>::new(at, error));
    }
}

/// What a person can do about a root element that is not converted.
fn root_hint(name: &str) -> &'static str {
    match name {
        _ if name.eq_ignore_ascii_case("User") => ": did you mean `User`?",
        _ if name.eq_ignore_ascii_case("Users") => ": did you mean `Users`?",
        "dsml" | "batchResponse" | "batchRequest" => "; DSML is not supported, transform it into `Users` first",
        "entity-engine-xml" => "; a backup of Jira is not supported, transform it into `Users` first",
        "enterprise" => "; IMS Enterprise is not supported, transform it into `Users` first",
        "server-data" => "; XEP-0227 is not supported, transform it into `Users` first",
        "Group" | "ParentGroup" | "Role" | "Id" | "KeycloakListUsersParameters" => {
            "; this document describes no user, leave it out"
        }
        _ => "; transform the document first",
    }
}
