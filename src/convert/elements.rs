//! One element at a time: its children, its text, and what has no business in it.

use std::io::Read;
use std::mem;

use secrecy::{ExposeSecret, SecretString};

use super::diagnostic::Reporter;
use super::error::{DocumentError, SchemaFlaw, ShapeError, UserError, Warning};
use super::grammar;
use super::lexer::{Element, Lexer, TagAttribute, Token};
use super::model::Text;
use super::options::{Mode, Options, Warnings};
use super::position::{Located, Position};
use super::schema::{self, Children};
use super::tag::Tag;

/// Longest value, in bytes: no Secret can hold more.
const MAX_VALUE: usize = 1024 * 1024;
/// Largest user, in bytes.
const MAX_USER: usize = 4 * MAX_VALUE;
/// What an element counts towards the largest user, beside its text.
const ELEMENT_COST: usize = 64;

/// Reads the elements of one document, and judges where they stand.
pub(super) struct Elements<'r, 'd> {
    pub(super) lexer: Lexer<'r>,
    pub(super) report: &'r mut Reporter<'d>,
    pub(super) options: &'r Options,
    /// The user that is being read has been reported as faulty.
    is_rejected: bool,
    /// The size of the user that is being read.
    size: usize,
    /// What stands between the elements.
    between: String,
}

impl<'r, 'd> Elements<'r, 'd> {
    pub(super) fn new(input: &'r mut dyn Read, options: &'r Options, report: &'r mut Reporter<'d>) -> Self {
        Self {
            lexer: Lexer::new(input, options.told_encoding(), options.input),
            report,
            options,
            is_rejected: false,
            size: 0,
            between: String::new(),
        }
    }

    /// What is read from here on belongs to another user.
    pub(super) fn begin_user(&mut self) {
        self.is_rejected = false;
        self.size = 0;
    }

    /// Whether the user that is being read has been rejected; it is asked once.
    pub(super) fn take_rejection(&mut self) -> bool {
        mem::take(&mut self.is_rejected)
    }

    /// The next token outside the root element, or its start.
    pub(super) fn outside(&mut self) -> Result<Token, DocumentError> {
        self.between.clear();
        self.lexer.next(&mut self.between)
    }

    pub(super) fn report_remarks(&mut self) {
        for remark in self.lexer.take_remarks() {
            self.report.warning(&remark);
        }
    }

    /// The next element; absent at the end of the one around it.
    pub(super) fn child(&mut self, children: &mut Children) -> Result<Option<Element>, DocumentError> {
        let mut is_told = false;
        loop {
            self.between.clear();
            match self.lexer.next(&mut self.between)? {
                Token::Start(child) => {
                    self.charge(ELEMENT_COST)?;
                    if self.is_strict()
                        && let Some(flaw) = children.take(&child.tag)
                    {
                        self.reject(child.at, flaw);
                    }
                    if !matches!(child.tag, Tag::Other(_) | Tag::Foreign(_)) {
                        self.check_attributes(&child);
                    }
                    return Ok(Some(child));
                }
                Token::Text if is_told || grammar::is_blank(&self.between) => {}
                Token::Text => {
                    is_told = true;
                    let (at, parent) = (self.lexer.position(), children.model.parent);
                    if self.is_strict() {
                        self.reject(at, SchemaFlaw::StrayText(parent));
                    } else {
                        self.warn(at, Warning::StrayText(parent));
                    }
                }
                Token::End | Token::Eof => {
                    if self.is_strict()
                        && let Some(flaw) = children.end()
                    {
                        self.reject(self.lexer.position(), flaw);
                    }
                    return Ok(None);
                }
            }
        }
    }

    /// The text of an element: all pieces in order. Absent if there is an element in it, which is reported.
    pub(super) fn text(&mut self, element: &Element) -> Result<Text, DocumentError> {
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

    pub(super) fn text_into(
        &mut self,
        slot: &mut Text,
        name: &'static str,
        element: &Element,
    ) -> Result<(), DocumentError> {
        let found = self.text(element)?;
        self.keep(slot, found, name, |one, other| one == other);
        Ok(())
    }

    pub(super) fn secret_into(
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
    pub(super) fn stray(&mut self, element: Element, children: &Children) -> Result<(), DocumentError> {
        let (at, parent) = (element.at, children.model.parent);
        let is_list = children.model.is_free();
        let meant = Tag::meant_by(element.tag.name(), children.model.children);
        match (element.tag, meant) {
            (Tag::Other(found), Some(meant)) => self.reject(at, UserError::WrongCase { found, meant }),
            (Tag::Users, _) if is_list => self.reject(at, UserError::NestedUsers("Users".to_owned())),
            (tag @ (Tag::User | Tag::Users), _) => self.reject(at, UserError::Nested(tag.name().to_owned())),
            (tag, _) if self.is_strict() && is_list => {
                self.reject(at, SchemaFlaw::Unknown { parent, found: tag.name().to_owned() });
            }
            // The order of the schema has been missed already.
            _ if self.is_strict() => {}
            (tag, _) => self.warn(at, Warning::UnknownElement(tag.name().to_owned())),
        }
        self.skip()
    }

    /// Skips what is left of an element.
    pub(super) fn skip(&mut self) -> Result<(), DocumentError> {
        self.skip_text().map(drop)
    }

    /// Skips what is left of an element, and tells whether there was text in it.
    pub(super) fn skip_text(&mut self) -> Result<bool, DocumentError> {
        let (mut depth, mut has_text) = (1, false);
        while depth > 0 {
            self.between.clear();
            match self.lexer.next(&mut self.between)? {
                Token::Start(_) => depth += 1,
                Token::End => depth -= 1,
                Token::Text => has_text |= !grammar::is_blank(&self.between),
                Token::Eof => break,
            }
        }
        Ok(has_text)
    }

    fn charge(&mut self, bytes: usize) -> Result<(), DocumentError> {
        self.size += bytes;
        if self.size > MAX_USER {
            return Err(Located::new(self.lexer.position(), ShapeError::UserTooLong));
        }
        Ok(())
    }

    pub(super) fn check_attributes(&mut self, element: &Element) {
        for Located { at, value } in &element.attributes {
            let name = match value {
                TagAttribute::Type(type_) if self.is_type_of(element, type_.as_deref()) => continue,
                TagAttribute::Type(_) => "xsi:type",
                TagAttribute::SchemaInstance(name) if self.is_strict() => name,
                TagAttribute::SchemaLocation | TagAttribute::SchemaInstance(_) => continue,
                TagAttribute::Other(name) => name,
            };
            if self.is_strict() {
                self.reject(*at, SchemaFlaw::Attribute(name.to_owned()));
            } else {
                self.warn(*at, Warning::UnknownAttribute(name.to_owned()));
            }
        }
    }

    /// Whether a type that the document itself names is that of the schema; leniently it does not matter.
    fn is_type_of(&self, element: &Element, type_: Option<&str>) -> bool {
        !self.is_strict() || (type_.is_some() && type_ == schema::type_of(&element.tag))
    }

    pub(super) fn is_strict(&self) -> bool {
        self.options.mode == Mode::Strict
    }

    pub(super) fn warn(&mut self, at: Position, warning: Warning) {
        self.is_rejected |= self.options.warnings == Warnings::Errors;
        self.report.warning(&Located::new(at, warning));
    }

    fn reject(&mut self, at: Position, error: impl Into<UserError>) {
        self.is_rejected = true;
        self.report.error(&Located::<UserError>::new(at, error));
    }
}
