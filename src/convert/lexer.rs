//! From text to elements and character data. Everything that makes a document not well-formed and that the parser does
//! not find is found here; references are replaced, comments and processing instructions dropped, and names resolved
//! into the namespace of the root element.

use std::collections::BTreeSet;
use std::io::Read;
use std::mem;

use quick_xml::events::{BytesDecl, BytesPI, BytesStart, Event};
use quick_xml::name::{NamespaceResolver, QName, ResolveResult};
use quick_xml::{Error, errors::IllFormedError};

use super::encoding::Encoding;
use super::error::{DocumentError, MarkupError, Warning};
use super::grammar::{self, Attributes, Declaration, RawAttribute};
use super::options::Input;
use super::position::{Located, Position};
use super::source::Source;
use super::tag::Tag;

/// Deepest nesting of elements.
const MAX_DEPTH: usize = 128;
/// Most attributes of one tag.
const MAX_ATTRIBUTES: usize = 256;
/// The namespace of attributes that speak of a schema; nothing in it is looked at.
const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// What no element can be in: the parser sees to prefixes, and not to the default.
const RESERVED: [&str; 2] = ["http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2000/xmlns/"];
/// The namespace of the types of a schema.
const SCHEMA: &str = "http://www.w3.org/2001/XMLSchema";

/// A start tag.
#[derive(Debug)]
pub(super) struct Element {
    /// Where the tag begins.
    pub(super) at: Position,
    pub(super) tag: Tag,
    /// Its attributes, but for those of namespaces.
    pub(super) attributes: Vec<Located<TagAttribute>>,
}

/// What an XML attribute is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TagAttribute {
    /// The place of a schema.
    SchemaLocation,
    /// `xsi:type`, with the local name of the type if it is one of XML Schema itself.
    Type(Option<String>),
    /// Another attribute of that namespace.
    SchemaInstance(String),
    /// Any other, by its name.
    Other(String),
}

/// What the next piece of the document is.
#[derive(Debug)]
pub(super) enum Token {
    /// A start tag; an empty-element tag is followed by its end.
    Start(Element),
    /// The end of the innermost element.
    End,
    /// Character data, within the root element.
    Text,
    /// The end of the document, of which the root element is closed.
    Eof,
}

/// Reads the tokens of one document. After an error nothing more is read.
pub(super) struct Lexer<'r> {
    xml: quick_xml::Reader<Source<'r>>,
    buffer: Vec<u8>,
    scopes: NamespaceResolver,
    /// Where each open element begins.
    open: Vec<Position>,
    /// The last tag was an empty-element tag, whose end is due.
    end_is_due: bool,
    root: Option<Root>,
    has_doctype: bool,
    input: Input,
    remarks: Vec<Located<Warning>>,
}

struct Root {
    namespace: Option<String>,
}

impl<'r> Lexer<'r> {
    pub(super) fn new(bytes: &'r mut dyn Read, told: Option<Encoding>, input: Input) -> Self {
        let mut xml = quick_xml::Reader::from_reader(Source::new(bytes, told));
        xml.config_mut().enable_all_checks(true);
        Self {
            xml,
            buffer: Vec::new(),
            scopes: NamespaceResolver::default(),
            open: Vec::new(),
            end_is_due: false,
            root: None,
            has_doctype: false,
            input,
            remarks: Vec::new(),
        }
    }

    /// Where the token begins that was read last.
    pub(super) fn position(&self) -> Position {
        self.xml.get_ref().position()
    }

    /// Takes what is remarkable about the document as a whole.
    pub(super) fn take_remarks(&mut self) -> Vec<Located<Warning>> {
        let of_bytes = self.xml.get_mut().take_remarks().into_iter();
        let mut remarks: Vec<_> = of_bytes.map(|warning| Located::new(Position::START, warning)).collect();
        remarks.append(&mut self.remarks);
        remarks
    }

    /// The namespace of the root element, if it has one.
    pub(super) fn has_namespace(&self) -> bool {
        self.root.as_ref().is_some_and(|root| root.namespace.is_some())
    }

    /// Reads the next token, and appends what it has of character data to `text`.
    ///
    /// # Errors
    /// The document is not well-formed, or its bytes are no text.
    pub(super) fn next(&mut self, text: &mut String) -> Result<Token, DocumentError> {
        let mut buffer = mem::take(&mut self.buffer);
        let token = loop {
            buffer.clear();
            match self.step(&mut buffer, text) {
                Ok(None) => {}
                Ok(Some(token)) => break Ok(token),
                Err(error) => break Err(error),
            }
        };
        self.buffer = buffer;
        token
    }

    fn step(&mut self, buffer: &mut Vec<u8>, text: &mut String) -> Result<Option<Token>, DocumentError> {
        if mem::take(&mut self.end_is_due) {
            return Ok(Some(self.end()));
        }
        let offset = self.xml.buffer_position();
        self.xml.get_mut().begin_token(offset);
        match self.xml.read_event_into(buffer) {
            Ok(Event::Start(tag)) => self.start(&tag).map(Some),
            Ok(Event::Empty(tag)) => {
                self.end_is_due = true;
                self.start(&tag).map(Some)
            }
            Ok(Event::End(_)) => Ok(Some(self.end())),
            Ok(Event::Text(piece)) => self.text(&piece, text),
            Ok(Event::CData(piece)) => self.inside_root(|| text.push_str(&piece)).map(Some),
            Ok(Event::GeneralRef(body)) => {
                let character = grammar::reference(&body).map_err(|error| self.flaw(0, error))?;
                self.inside_root(|| text.push(character)).map(Some)
            }
            Ok(Event::Comment(_)) => Ok(None),
            Ok(Event::PI(instruction)) => self.instruction(&instruction).map(|()| None),
            Ok(Event::Decl(declaration)) => self.declaration(offset, &declaration).map(|()| None),
            Ok(Event::DocType(_)) => self.doctype().map(|()| None),
            Ok(Event::Eof) => self.end_of_file().map(Some),
            Err(error) => Err(self.parser_error(&error)),
        }
    }

    /// A flaw at a byte of the token.
    fn flaw(&self, offset: usize, error: MarkupError) -> DocumentError {
        Located::new(self.xml.get_ref().position_in_token(offset), error)
    }

    fn inside_root(&self, append: impl FnOnce()) -> Result<Token, DocumentError> {
        if self.open.is_empty() {
            return Err(self.flaw(0, MarkupError::TextOutside));
        }
        append();
        Ok(Token::Text)
    }

    fn text(&self, piece: &str, text: &mut String) -> Result<Option<Token>, DocumentError> {
        if self.open.is_empty() {
            // Each of several documents may have its own byte order mark.
            let is_seam = |c: char| c == '\u{FEFF}' && self.is_between_documents();
            let visible = piece.find(|c| !grammar::SPACE.contains(&c) && !is_seam(c));
            return visible.map_or(Ok(None), |offset| Err(self.flaw(offset, MarkupError::TextOutside)));
        }
        // A search for one byte is much cheaper, and settles it for nearly every text.
        if piece.as_bytes().contains(&b']')
            && let Some(offset) = piece.find("]]>")
        {
            return Err(self.flaw(offset, MarkupError::SectionEnd));
        }
        text.push_str(piece);
        Ok(Some(Token::Text))
    }

    /// One document is complete, and another one may follow.
    fn is_between_documents(&self) -> bool {
        self.input == Input::Concatenated && self.open.is_empty() && self.root.is_some()
    }

    fn begin_document(&mut self) {
        self.root = None;
        self.has_doctype = false;
    }

    fn declaration(&mut self, offset: u64, declaration: &BytesDecl<'_>) -> Result<(), DocumentError> {
        let is_first = offset == 0;
        if !is_first {
            if !self.is_between_documents() {
                let is_behind = self.open.is_empty() && self.root.is_some();
                let flaw = if is_behind { MarkupError::SecondDocument } else { MarkupError::LateDeclaration };
                return Err(self.flaw(0, flaw));
            }
            self.begin_document();
        }
        let text = declaration.strip_prefix("xml").unwrap_or_default();
        let declared = Declaration::parse(text).map_err(|error| self.flaw(0, error))?;
        if declared.is_version_11 {
            self.remarks.push(Located::new(self.position(), Warning::Version11));
        }
        if let Some(label) = declared.encoding.filter(|_| !is_first)
            && !self.xml.get_ref().is_in(Encoding::of_label(label))
        {
            return Err(self.flaw(0, MarkupError::OtherEncoding));
        }
        Ok(())
    }

    fn doctype(&mut self) -> Result<(), DocumentError> {
        if self.is_between_documents() {
            self.begin_document();
        }
        let token = std::str::from_utf8(self.xml.get_ref().token()).unwrap_or_default();
        if self.root.is_some() || self.has_doctype || !grammar::is_bare_doctype(token) {
            return Err(self.flaw(0, MarkupError::Doctype));
        }
        self.has_doctype = true;
        Ok(())
    }

    fn instruction(&self, instruction: &BytesPI<'_>) -> Result<(), DocumentError> {
        let target = instruction.target();
        if target.eq_ignore_ascii_case("xml") {
            return Err(self.flaw(0, MarkupError::Instruction));
        }
        if grammar::is_local_name(target) { Ok(()) } else { Err(self.flaw(2, MarkupError::Name)) }
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<Token, DocumentError> {
        if self.is_between_documents() {
            self.begin_document();
        }
        if self.open.is_empty() && self.root.is_some() {
            return Err(self.flaw(0, MarkupError::SecondRoot));
        }
        if self.open.len() == MAX_DEPTH {
            return Err(self.flaw(0, MarkupError::TooDeep));
        }
        if !grammar::is_qualified_name(tag.name().into_inner()) {
            return Err(self.flaw(1, MarkupError::Name));
        }
        let at = self.position();
        self.open.push(at);
        self.scopes.push(tag).map_err(|_| self.flaw(0, MarkupError::Namespaces))?;
        let tag_of_name = self.resolve(tag)?;
        Ok(Token::Start(Element { at, tag: tag_of_name, attributes: self.attributes(tag)? }))
    }

    fn end(&mut self) -> Token {
        self.open.pop();
        self.scopes.pop();
        Token::End
    }

    fn resolve(&mut self, tag: &BytesStart<'_>) -> Result<Tag, DocumentError> {
        let (resolved, local) = self.scopes.resolve_element(tag.name());
        let namespace = match resolved {
            ResolveResult::Unbound => None,
            ResolveResult::Bound(namespace) => Some(namespace.into_inner()),
            ResolveResult::Unknown(_) => return Err(self.flaw(1, MarkupError::UnboundPrefix)),
        };
        let local = local.into_inner();
        match (&self.root, namespace) {
            (Some(_), None) => {}
            (Some(root), found) if root.namespace.as_deref() == found => {}
            (Some(_), Some(_)) => return Ok(Tag::Foreign(local.to_owned())),
            (None, found) => {
                let namespace = found.map(str::to_owned);
                if namespace.is_some() {
                    self.remarks.push(Located::new(self.position(), Warning::Namespace));
                }
                self.root = Some(Root { namespace });
            }
        }
        Ok(Tag::of(local))
    }

    /// Checks the attributes, and says what they are about.
    fn attributes(&self, tag: &BytesStart<'_>) -> Result<Vec<Located<TagAttribute>>, DocumentError> {
        let raw = tag.attributes_raw();
        if raw.is_empty() {
            return Ok(Vec::new());
        }
        let before = 1 + tag.len() - raw.len();
        let (mut names, mut expanded, mut found) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        for attribute in Attributes::new(raw) {
            let RawAttribute { offset, name, value } =
                attribute.map_err(|(offset, error)| self.flaw(before + offset, error))?;
            let offset = before + offset;
            if names.len() == MAX_ATTRIBUTES {
                return Err(self.flaw(offset, MarkupError::TooManyAttributes));
            }
            let (namespace, local) = self.expand(name).map_err(|error| self.flaw(offset, error))?;
            // One name can have two prefixes.
            if !names.insert(name) || namespace.is_some_and(|namespace| !expanded.insert((namespace, local))) {
                return Err(self.flaw(offset, MarkupError::AttributeTwice));
            }
            let is_undone = name.starts_with("xmlns:") && value.is_empty();
            if is_undone || (name == "xmlns" && RESERVED.contains(&value)) {
                return Err(self.flaw(offset, MarkupError::Namespaces));
            }
            if QName(name).as_namespace_binding().is_none() {
                let about = self.about(namespace, local, name, value);
                found.push(Located::new(self.xml.get_ref().position_in_token(offset), about));
            }
        }
        Ok(found)
    }

    /// The namespace and the local name of an attribute.
    fn expand<'s>(&'s self, name: &'s str) -> Result<(Option<&'s str>, &'s str), MarkupError> {
        match self.scopes.resolve_attribute(QName(name)) {
            (ResolveResult::Unbound, local) => Ok((None, local.into_inner())),
            (ResolveResult::Bound(namespace), local) => Ok((Some(namespace.into_inner()), local.into_inner())),
            (ResolveResult::Unknown(_), _) => Err(MarkupError::UnboundPrefix),
        }
    }

    fn about(&self, namespace: Option<&str>, local: &str, name: &str, value: &str) -> TagAttribute {
        match (namespace, local) {
            (Some(SCHEMA_INSTANCE), "schemaLocation" | "noNamespaceSchemaLocation") => TagAttribute::SchemaLocation,
            (Some(SCHEMA_INSTANCE), "type") => TagAttribute::Type(self.schema_type(value.trim_matches(grammar::SPACE))),
            (Some(SCHEMA_INSTANCE), _) => TagAttribute::SchemaInstance(name.to_owned()),
            _ => TagAttribute::Other(name.to_owned()),
        }
    }

    fn schema_type(&self, name: &str) -> Option<String> {
        match self.scopes.resolve_element(QName(name)) {
            (ResolveResult::Bound(namespace), local) if namespace.into_inner() == SCHEMA => {
                Some(local.into_inner().to_owned())
            }
            _ => None,
        }
    }

    fn end_of_file(&self) -> Result<Token, DocumentError> {
        match (self.open.last(), &self.root) {
            (Some(opened), _) => Err(self.flaw(0, MarkupError::Unfinished { opened: *opened })),
            (None, None) => Err(self.flaw(0, MarkupError::NoRoot)),
            (None, Some(_)) => Ok(Token::Eof),
        }
    }

    /// What the parser found, in our words: its own quote the document.
    fn parser_error(&mut self, error: &Error) -> DocumentError {
        let flaw = match error {
            // The source keeps what it could not read; a fault that the parser has not reached does not count yet.
            Error::Io(_) => match self.xml.get_mut().take_fault() {
                Some(fault) => return fault,
                None => MarkupError::Unreadable,
            },
            Error::Syntax(_) => MarkupError::Unclosed,
            Error::IllFormed(IllFormedError::MismatchedEndTag { .. }) => match self.open.last() {
                Some(opened) => MarkupError::MismatchedEnd { opened: *opened },
                None => MarkupError::StrayEnd,
            },
            Error::IllFormed(IllFormedError::UnmatchedEndTag(_)) => MarkupError::StrayEnd,
            Error::IllFormed(IllFormedError::DoubleHyphenInComment) => MarkupError::CommentHyphens,
            Error::IllFormed(IllFormedError::UnclosedReference) => MarkupError::Ampersand,
            Error::IllFormed(IllFormedError::MissingDoctypeName) => MarkupError::Doctype,
            _ => MarkupError::Unreadable,
        };
        // The parser reports all of these where the token begins.
        self.flaw(0, flaw)
    }
}
