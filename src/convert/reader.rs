//! From elements to users, one at a time. An element counts only where it belongs: `Value` within `Values` is an
//! attribute's, within `Credential` it is a password, and `value` within `access` is neither.

use std::io::Read;

use super::diagnostic::Reporter;
use super::elements::Elements;
use super::error::{DocumentError, MarkupError, ShapeError, Warning};
use super::lexer::{Element, Token};
use super::model::{XmlAttribute, XmlCredential, XmlUser};
use super::options::{Input, Options};
use super::position::{Located, Position};
use super::schema;
use super::tag::Tag;

/// What stands where a user is expected.
pub(super) enum Entry {
    /// A user that can be interpreted.
    User(Box<XmlUser>),
    /// What was to be a user, but is none; the reason has been reported.
    Rejected,
}

/// Reads the users of one document, and holds one of them at a time.
pub(super) struct UserReader<'r, 'd> {
    elements: Elements<'r, 'd>,
    state: State,
    /// Entries of the list that is being read.
    listed: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Before,
    Within,
    After,
}

/// The number of users on a page of the exporting product, if nothing else is asked for.
const PAGE: u64 = 100;

impl<'r, 'd> UserReader<'r, 'd> {
    pub(super) fn new(input: &'r mut dyn Read, options: &'r Options, report: &'r mut Reporter<'d>) -> Self {
        Self { elements: Elements::new(input, options, report), state: State::Before, listed: 0 }
    }

    /// What is found about the file is told to it.
    pub(super) fn report(&mut self) -> &mut Reporter<'d> {
        self.elements.report
    }

    /// The next user; absent after the last one. A single `User` is handed out when the whole document has been read,
    /// a user within `Users`, or of one document among several, as soon as it is complete.
    ///
    /// # Errors
    /// The document cannot be read on. The users handed out before are complete.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, DocumentError> {
        let entry = self.advance();
        self.elements.report_remarks();
        entry
    }

    /// True if a list of exactly one page has been read: it may have been cut.
    pub(super) fn is_one_page(&self) -> bool {
        self.state == State::After && self.listed == PAGE
    }

    fn advance(&mut self) -> Result<Option<Entry>, DocumentError> {
        while self.state != State::After {
            if self.state == State::Within {
                if let Some(entry) = self.entry()? {
                    self.listed += 1;
                    return Ok(Some(entry));
                }
                self.finish()?;
                continue;
            }
            match self.root()? {
                None => self.state = State::After,
                Some(root) if root.tag == Tag::User => {
                    self.elements.begin_user();
                    self.elements.check_attributes(&root);
                    let entry = self.user(root.at)?;
                    self.finish()?;
                    return Ok(Some(entry));
                }
                Some(root) => {
                    self.elements.check_attributes(&root);
                    self.state = State::Within;
                }
            }
        }
        Ok(None)
    }

    /// The root element; absent if there are no more documents.
    fn root(&mut self) -> Result<Option<Element>, DocumentError> {
        let token = self.elements.outside()?;
        self.elements.report_remarks();
        match token {
            Token::Start(root) if matches!(root.tag, Tag::User | Tag::Users) => {
                if self.elements.is_strict() && self.elements.lexer.has_namespace() {
                    return Err(Located::new(root.at, ShapeError::Namespace));
                }
                Ok(Some(root))
            }
            Token::Start(root) => {
                let name = root.tag.name().to_owned();
                let hint = root_hint(&name);
                Err(Located::new(root.at, ShapeError::Root { name, hint }))
            }
            Token::Eof => Ok(None),
            Token::Text | Token::End => Err(Located::new(self.elements.lexer.position(), MarkupError::NoRoot)),
        }
    }

    /// Reads what is behind the root element: nothing, or another document.
    fn finish(&mut self) -> Result<(), DocumentError> {
        self.state = State::Before;
        if self.elements.options.input == Input::OneDocument {
            while !matches!(self.elements.outside()?, Token::Eof) {}
            self.state = State::After;
        }
        Ok(())
    }

    /// The next child of `Users` that is a user, or was to be one.
    fn entry(&mut self) -> Result<Option<Entry>, DocumentError> {
        let mut children = schema::USERS.start();
        self.elements.begin_user();
        while let Some(child) = self.elements.child(&mut children)? {
            if child.tag == Tag::User {
                return self.user(child.at).map(Some);
            }
            self.elements.stray(child, &children)?;
            if self.elements.take_rejection() {
                return Ok(Some(Entry::Rejected));
            }
            self.elements.begin_user();
        }
        Ok(None)
    }

    fn user(&mut self, at: Position) -> Result<Entry, DocumentError> {
        let mut user = XmlUser::new(at);
        let mut children = schema::USER.start();
        while let Some(child) = self.elements.child(&mut children)? {
            match child.tag {
                Tag::Username => self.elements.text_into(&mut user.username, "Username", &child)?,
                Tag::FirstName => self.elements.text_into(&mut user.first_name, "FirstName", &child)?,
                Tag::LastName => self.elements.text_into(&mut user.last_name, "LastName", &child)?,
                Tag::Email => self.elements.text_into(&mut user.email, "Email", &child)?,
                Tag::EmailVerified => self.elements.text_into(&mut user.email_verified, "EmailVerified", &child)?,
                Tag::Enabled => self.elements.text_into(&mut user.enabled, "Enabled", &child)?,
                Tag::Attributes => self.attributes(&mut user.attributes)?,
                Tag::Credentials => self.credentials(&mut user.credentials)?,
                Tag::Id if self.elements.options.keep_id => self.elements.text_into(&mut user.id, "Id", &child)?,
                Tag::RequiredActions => self.required_actions(child.at)?,
                Tag::Id | Tag::CreatedTimestamp | Tag::Totp | Tag::NotBefore | Tag::Access => self.elements.skip()?,
                _ => self.elements.stray(child, &children)?,
            }
        }
        Ok(if self.elements.take_rejection() { Entry::Rejected } else { Entry::User(Box::new(user)) })
    }

    fn attributes(&mut self, attributes: &mut Vec<XmlAttribute>) -> Result<(), DocumentError> {
        let mut children = schema::ATTRIBUTES.start();
        while let Some(child) = self.elements.child(&mut children)? {
            match child.tag {
                Tag::Attribute => attributes.push(self.attribute(child.at)?),
                _ => self.elements.stray(child, &children)?,
            }
        }
        Ok(())
    }

    fn attribute(&mut self, at: Position) -> Result<XmlAttribute, DocumentError> {
        let mut attribute = XmlAttribute { at, name: None, values: Vec::new() };
        let mut children = schema::ATTRIBUTE.start();
        while let Some(child) = self.elements.child(&mut children)? {
            match child.tag {
                Tag::Name => self.elements.text_into(&mut attribute.name, "Name", &child)?,
                Tag::Values => self.values(&mut attribute.values)?,
                _ => self.elements.stray(child, &children)?,
            }
        }
        Ok(attribute)
    }

    fn values(&mut self, values: &mut Vec<Located<String>>) -> Result<(), DocumentError> {
        let mut children = schema::VALUES.start();
        while let Some(child) = self.elements.child(&mut children)? {
            match child.tag {
                Tag::Value => values.extend(self.elements.text(&child)?),
                _ => self.elements.stray(child, &children)?,
            }
        }
        Ok(())
    }

    fn credentials(&mut self, credentials: &mut Vec<XmlCredential>) -> Result<(), DocumentError> {
        let mut children = schema::CREDENTIALS.start();
        while let Some(child) = self.elements.child(&mut children)? {
            match child.tag {
                Tag::Credential => credentials.push(self.credential(child.at)?),
                _ => self.elements.stray(child, &children)?,
            }
        }
        Ok(())
    }

    fn credential(&mut self, at: Position) -> Result<XmlCredential, DocumentError> {
        let mut credential = XmlCredential { at, type_: None, value: None, temporary: None };
        let mut children = schema::CREDENTIAL.start();
        while let Some(child) = self.elements.child(&mut children)? {
            match child.tag {
                Tag::Type => self.elements.text_into(&mut credential.type_, "Type", &child)?,
                Tag::Temporary => self.elements.text_into(&mut credential.temporary, "Temporary", &child)?,
                Tag::Value => self.elements.secret_into(&mut credential.value, &child)?,
                _ => self.elements.stray(child, &children)?,
            }
        }
        Ok(credential)
    }

    /// What was to be done before the next login, of which only text is known.
    fn required_actions(&mut self, at: Position) -> Result<(), DocumentError> {
        if self.elements.skip_text()? {
            self.elements.warn(at, Warning::RequiredActions);
        }
        Ok(())
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
