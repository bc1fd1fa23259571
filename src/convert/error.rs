//! What can go wrong, one enum per phase: reading bytes, reading markup, recognising the document, taking a user.
//!
//! Messages are sentences that say what to do. They name elements and usernames, never the text of a credential; of
//! markup that is broken they quote nothing, since it may be a password whose special characters were not escaped.

use std::io;

use super::position::{Located, Position};
use super::quotation::Quoted;
use crate::api::Violation;
use crate::domain::Flaw;

/// Stops the conversion altogether.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// `ManifestOptions::namespace` is not the name of a namespace.
    #[error("{} cannot be the name of a namespace; use lower-case letters, digits and `-`, at most 63 characters", Quoted(.0))]
    Namespace(String),
    /// The name of `ManifestOptions::connection` is not the name of an object.
    #[error("{} cannot be the name of a connection; use lower-case letters, digits, `-` and `.`, at most 253 characters", Quoted(.0))]
    Connection(String),
    /// `Options::encoding` is the label of no encoding that can be read.
    #[error("{} is not the label of an encoding that can be read; say for example utf-8, utf-16le or windows-1252", Quoted(.0))]
    Encoding(String),
    /// The key of a label or an annotation is none.
    #[error("{} cannot be the key of a label or an annotation; use letters, digits, `-`, `_` and `.`, at most 63 characters, with a domain and `/` in front at will", Quoted(.0))]
    Key(String),
    /// The value of a label, or the name of the export, is none.
    #[error("{} cannot be the value of a label; use letters, digits, `-`, `_` and `.`, at most 63 characters", Quoted(.0))]
    LabelValue(String),
    /// `NameOptions::prefix` cannot begin a name.
    #[error("{} cannot stand in front of names; use lower-case letters, digits and `-`, at most 11 characters", Quoted(.0))]
    NamePrefix(String),
    /// A name in `NameOptions::map` is not the name of an object.
    #[error("{} cannot be the name of an object; use lower-case letters, digits, `-` and `.`, at most 63 characters", Quoted(.0))]
    MappedName(String),
    /// A username stands in `NameOptions::map` in two spellings.
    #[error("the username {} has two names in the name map; upper and lower case do not matter, so remove one", Quoted(.0))]
    MappedTwice(String),
    /// The output took no more.
    #[error("the manifests could not be written: {0}")]
    Output(#[source] io::Error),
    /// A manifest could not be put into YAML or JSON, which is a fault of the converter.
    #[error("a manifest could not be put into words; please report this")]
    Manifest(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ConvertError {
    /// True if the reader of the output went away, as `head` does: no fault, there is just nobody left to write for.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// True if the options were wrong, and nothing was read.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        !matches!(self, Self::Output(_) | Self::Manifest(_))
    }
}

/// Why a document cannot be read on; what came before it has been converted.
pub(super) type DocumentError = Located<DocumentFlaw>;

/// See [`DocumentError`].
#[derive(Debug, thiserror::Error)]
pub(super) enum DocumentFlaw {
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Markup(#[from] MarkupError),
    #[error(transparent)]
    Shape(#[from] ShapeError),
}

/// The bytes are no text that XML allows.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecodeError {
    #[error("this is a {0} file; unpack it first, for example with `zcat` or `unzip -p`")]
    Compressed(&'static str),
    #[error("this looks like {0}, which is not read; convert the file to UTF-8 first, for example with `iconv`")]
    Unsupported(&'static str),
    #[error(
        "this looks like {0}, but neither a byte order mark nor the XML declaration says so; if it is, say `--encoding {0}`"
    )]
    UndeclaredUtf16(&'static str),
    #[error(
        "the document declares UTF-16, but its bytes are of another encoding; correct the XML declaration, or say `--encoding utf-8`"
    )]
    FalseUtf16,
    #[error("this looks like {found}, but the XML declaration says {}; correct it, or say `--encoding {found}`", Quoted(.label))]
    OtherThanDeclared { found: &'static str, label: String },
    #[error("the document declares the encoding {}, which is not known; convert the file to UTF-8, for example with `iconv`, or say what it is with `--encoding`", Quoted(.0))]
    UnknownEncoding(String),
    #[error(
        "byte 0x{byte:02X} is not UTF-8; if the file is in the usual encoding of Western Windows, say `--encoding windows-1252`"
    )]
    NotUtf8 { byte: u8 },
    #[error("the bytes that follow are not {0}; get the file again, or say what it is with `--encoding`")]
    NotInEncoding(&'static str),
    #[error("the file ends within a character; get it again, complete")]
    Truncated,
    #[error("the character U+{:04X} is not allowed in XML; remove it", u32::from(*.0))]
    Forbidden(char),
    #[error(
        "there is a character that is not US-ASCII, the encoding that the XML declaration names; correct the declaration"
    )]
    NotAscii,
    #[error("there is a second byte order mark; remove it")]
    SecondMark,
    #[error("a piece of text, a tag or a comment is longer than 1 MiB; shorten or split it")]
    TooLong,
    #[error("the file cannot be read: {0}")]
    Io(#[source] io::Error),
}

/// The text is not well-formed XML, or uses a part of XML that is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum MarkupError {
    #[error("the XML declaration must stand at the very beginning of the file; remove what is in front of it")]
    LateDeclaration,
    #[error("a second document begins here; split the file, or say `--concatenated`")]
    SecondDocument,
    #[error("the XML declaration is malformed; write `<?xml version=\"1.0\" encoding=\"UTF-8\"?>`")]
    Declaration,
    #[error("the document declares an XML version other than 1.0; export it as XML 1.0")]
    Version,
    #[error("this document declares another encoding than the first one; convert it by itself")]
    OtherEncoding,
    #[error(
        "a document type declaration may name the root element and nothing else, once and before it; remove the rest of it"
    )]
    Doctype,
    #[error("there is text outside the root element; remove it")]
    TextOutside,
    #[error("the document has no root element; expected `User` or `Users`")]
    NoRoot,
    #[error(
        "a second root element begins here; split the file, put all users into one `Users` element, or say `--concatenated`"
    )]
    SecondRoot,
    #[error("the file ends before the element that begins at {opened} is closed; get the file again, complete")]
    Unfinished { opened: Position },
    #[error(
        "this end tag does not belong to the element that begins at {opened}; correct one of the two, and write `<` in text as `&lt;`"
    )]
    MismatchedEnd { opened: Position },
    #[error("this end tag closes nothing; remove it")]
    StrayEnd,
    #[error("this markup is not complete; close it, and write `<` in text as `&lt;`")]
    Unclosed,
    #[error("a comment must not contain `--`; remove it")]
    CommentHyphens,
    #[error("text must not contain `]]>`; write `]]&gt;`")]
    SectionEnd,
    #[error("this `&` begins no complete reference; write `&` as `&amp;`")]
    Ampersand,
    #[error("this entity is not known: only amp, lt, gt, apos and quot are; write the character itself")]
    Entity,
    #[error("this reference does not stand for a character that XML allows; remove it")]
    CharacterReference,
    #[error("an attribute value must not contain `<`; write `&lt;`")]
    LessThan,
    #[error("this is not a name in XML: names begin with a letter or `_`; write `<` in text as `&lt;`")]
    Name,
    #[error("this attribute is malformed; write name=\"value\", with white space in front")]
    Attribute,
    #[error("this attribute stands twice in one tag; remove one")]
    AttributeTwice,
    #[error("a tag has more than 256 attributes; this is no export of users")]
    TooManyAttributes,
    #[error("the name of a processing instruction must not be `xml`; remove it")]
    Instruction,
    #[error("this prefix is bound to no namespace; bind or remove it")]
    UnboundPrefix,
    #[error("the namespaces of this element are malformed, or there are more than 128; remove some")]
    Namespaces,
    #[error("elements are nested deeper than 128 levels; this is no export of users")]
    TooDeep,
    #[error("this markup cannot be read; correct it")]
    Unreadable,
}

/// The document is well-formed, but not one that is converted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum ShapeError {
    #[error("the root element is {}, but only `User` and `Users` are converted{hint}", Quoted(.name))]
    Root { name: String, hint: &'static str },
    #[error("the elements are in a namespace, which the schema does not have; remove it, or leave out `--strict`")]
    Namespace,
    #[error("a value is longer than 1 MiB, which no Secret can hold; shorten it")]
    ValueTooLong,
    #[error("a user is larger than 4 MiB, which no resource can be; split or shorten it")]
    UserTooLong,
}

/// Why one user is not converted; the others are.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum UserError {
    #[error("the user has no Username, and cannot be converted without one; add it")]
    NoUsername,
    #[error("{} contains an element where only text can be; write `<` in text as `&lt;`", Quoted(.0))]
    ElementInValue(String),
    #[error("{} stands twice, with different text; remove one", Quoted(.0))]
    Contradiction(String),
    #[error("{} is not known: did you mean {}?", Quoted(.found), Quoted(.meant))]
    WrongCase { found: String, meant: &'static str },
    #[error("{} cannot stand within a user; close the user in front of it", Quoted(.0))]
    Nested(String),
    #[error("{} cannot stand within `Users`; write one `Users` element around all users", Quoted(.0))]
    NestedUsers(String),
    #[error("{} must be true or false", Quoted(.0))]
    NotBoolean(&'static str),
    #[error("an attribute has values but no Name; add it")]
    UnnamedAttribute,
    #[error("the user has two passwords; remove one Credential")]
    TwoPasswords,
    #[error("{0}, so that no KeycloakUser can declare it")]
    Violation(Violation),
    #[error("by the schema, {0}; correct it, or leave out `--strict`")]
    Schema(#[from] SchemaFlaw),
    #[error(
        "the username {} belongs to the service account of a client, which Keycloak manages itself; leave the user out",
        Quoted(.0)
    )]
    ServiceAccount(String),
    #[error("{0}")]
    Refused(String),
    #[error("the KeycloakUser would be larger than 512 KiB; shorten the user")]
    TooLarge,
    #[error("an earlier user has the object name {} already, as has every spelling of one username in upper and lower case; remove or rename {}", Quoted(.name), Quoted(.username))]
    NameTaken { username: String, name: String },
}

/// What the schema has against a user, beyond what is never taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum SchemaFlaw {
    #[error("{} must stand here within {parent}, not {}", Quoted(.expected), Quoted(.found))]
    Other { parent: &'static str, expected: &'static str, found: String },
    #[error("nothing more may stand within {parent}, but {} follows", Quoted(.found))]
    Surplus { parent: &'static str, found: String },
    #[error("{} is missing at the end of {parent}", Quoted(.expected))]
    Missing { parent: &'static str, expected: &'static str },
    #[error("{} is not known within {parent}", Quoted(.found))]
    Unknown { parent: &'static str, found: String },
    #[error("there is text between the elements of {}", Quoted(.0))]
    StrayText(&'static str),
    #[error("the XML attribute {} is not allowed", Quoted(.0))]
    Attribute(String),
    #[error(
        "{} must be a name in XML (NCName): letters, digits, `.`, `-` and `_` of XML 1.0, fourth edition, no digit first",
        Quoted(.0)
    )]
    NotName(&'static str),
    #[error("{} must be true, false, 1 or 0", Quoted(.0))]
    NotBoolean(&'static str),
}

/// What was remarkable about a user.
pub(super) type Notes = Vec<Located<Warning>>;

/// What was converted, but should be looked at.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum Warning {
    #[error("the document declares XML 1.1, and is read by the rules of XML 1.0")]
    Version11,
    #[error("the byte order mark says {mark}, and the XML declaration {}; the mark is believed", Quoted(.declared))]
    MarkDisagrees { mark: &'static str, declared: String },
    #[error("the document declares a part of ISO-8859, but contains byte 0x{byte:02X}; it is read as {page}")]
    Widened { byte: u8, page: &'static str },
    #[error(
        "the document is read as {0}, as it declares, but all of it is valid UTF-8: if letters look wrong, say `--encoding utf-8`"
    )]
    Mojibake(&'static str),
    #[error(
        "there are exactly 100 users, the size of a page of the exporting product: if there should be more, export with a limit"
    )]
    HundredUsers,
    #[error("the elements are in a namespace; they are recognised by their local names")]
    Namespace,
    #[error("Enabled is missing; {} is written out, for this user and all others without it", default)]
    NoEnabled { default: bool },
    #[error("the element {} is not known, and is left out", Quoted(.0))]
    UnknownElement(String),
    #[error("the XML attribute {} is not known, and is left out", Quoted(.0))]
    UnknownAttribute(String),
    #[error("there is text between the elements of {}, which is left out", Quoted(.0))]
    StrayText(&'static str),
    #[error("{} stands twice", Quoted(.0))]
    Repeated(&'static str),
    #[error("Keycloak's default profile refuses usernames of less than 3 characters: {}", Quoted(.0))]
    ShortUsername(String),
    #[error("Keycloak's default profile refuses a character of the username {}", Quoted(.0))]
    UsernameCharacter(String),
    #[error("Keycloak's default profile refuses a character of this {0}")]
    NameCharacter(&'static str),
    #[error("white space around the Email is removed")]
    EmailTrimmed,
    #[error("this Email is not an e-mail address: it has no `@`, or white space")]
    EmailForm,
    #[error("{} is taken for true or false; write it in lower case", Quoted(.0))]
    BooleanCase(&'static str),
    #[error("the RequiredActions are left out")]
    RequiredActions,
    #[error("this {0} contains characters that a reader cannot see, or that turn the direction of text")]
    Invisible(&'static str),
    #[error(
        "this {0} contains a character of U+007F to U+009F, or U+FEFF, which `kubectl apply --server-side` does not deliver; remove it"
    )]
    Undeliverable(&'static str),
    #[error("the attribute {} is left out: its name {flaw}", Quoted(.name))]
    AttributeName { name: String, flaw: Flaw },
    #[error("an attribute without name and values is left out")]
    EmptyAttribute,
    #[error("the attribute {} has no values, and is left out", Quoted(.0))]
    NoValues(String),
    #[error("a blank value of the attribute {} is left out, as Keycloak would", Quoted(.0))]
    BlankValue(String),
    #[error("the attribute {} stands twice; the values are joined", Quoted(.0))]
    Merged(String),
    #[error("a Credential whose Type is not `password` is left out")]
    OtherCredential,
    #[error("a Credential has no Type, and is taken for a password")]
    NoType,
    #[error("the Type of a Credential is taken for `password`; write it in lower case")]
    TypeCase,
    #[error("the password is blank, which Keycloak refuses; no Secret is written")]
    BlankPassword,
    #[error("a Credential has no Temporary; false is written")]
    NoTemporary,
}

impl Warning {
    /// What to call many of them.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Version11 => "documents that declare XML 1.1",
            Self::MarkDisagrees { .. } => "byte order marks that contradict the declaration",
            Self::Widened { .. } => "documents in a code page of Windows",
            Self::Mojibake(_) => "documents that may be UTF-8",
            Self::HundredUsers => "documents of exactly 100 users",
            Self::RequiredActions => "users with RequiredActions",
            Self::Invisible(_) => "texts with characters that cannot be seen",
            Self::Undeliverable(_) => "texts with characters that kubectl does not deliver",
            Self::AttributeName { .. } => "attributes whose name cannot be declared",
            Self::Namespace => "documents in a namespace",
            Self::NoEnabled { .. } => "users without Enabled",
            Self::UnknownElement(_) => "names of unknown elements",
            Self::UnknownAttribute(_) => "names of unknown XML attributes",
            Self::StrayText(_) => "texts between elements",
            Self::Repeated(_) => "repeated elements",
            Self::ShortUsername(_) => "usernames of less than 3 characters",
            Self::UsernameCharacter(_) => "usernames with a character that Keycloak's default profile refuses",
            Self::NameCharacter(_) => "names with a character that Keycloak's default profile refuses",
            Self::EmailTrimmed => "e-mail addresses with white space around them",
            Self::EmailForm => "e-mail addresses that are none",
            Self::BooleanCase(_) => "truth values that are not in lower case",
            Self::EmptyAttribute => "empty attributes",
            Self::NoValues(_) => "attributes without values",
            Self::BlankValue(_) => "blank attribute values",
            Self::Merged(_) => "attributes that stand twice",
            Self::OtherCredential => "credentials other than passwords",
            Self::NoType => "credentials without Type",
            Self::TypeCase => "types that are not in lower case",
            Self::BlankPassword => "blank passwords",
            Self::NoTemporary => "credentials without Temporary",
        }
    }

    /// The name under which one warning in a file is enough; absent where each is shown.
    pub(super) fn once_per(&self) -> Option<&str> {
        match self {
            Self::UnknownElement(name) | Self::UnknownAttribute(name) => Some(name),
            Self::NoEnabled { .. } => Some("Enabled"),
            Self::RequiredActions => Some("RequiredActions"),
            _ => None,
        }
    }
}
