//! Which encoding a document is in: told by its user, else by a byte order mark, else by the first bytes, else by the
//! XML declaration. What they disagree about is an error or a remark, never a guess.

use super::error::{DecodeError, Warning};
use super::grammar;

const MARK_OF_UTF8: &[u8] = b"\xEF\xBB\xBF";
const MARK_OF_UTF16_LE: &[u8] = b"\xFF\xFE";
const MARK_OF_UTF16_BE: &[u8] = b"\xFE\xFF";

/// How bytes become text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// UTF-8, which the parser reads as it is.
    Utf8,
    /// UTF-8 without any byte above 0x7F.
    Ascii,
    /// Whatever else can be decoded.
    Other(&'static encoding_rs::Encoding),
}

impl Encoding {
    /// The encoding of a label, as the Encoding Standard of the web lists them.
    pub(super) fn of_label(label: &str) -> Option<Self> {
        if is_ascii(label) {
            return Some(Self::Ascii);
        }
        let found = encoding_rs::Encoding::for_label_no_replacement(label.as_bytes())?;
        if found == encoding_rs::X_USER_DEFINED {
            return None;
        }
        Some(if found == encoding_rs::UTF_8 { Self::Utf8 } else { Self::Other(found) })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Ascii => "US-ASCII",
            Self::Other(encoding) => encoding.name(),
        }
    }

    fn mark(self) -> &'static [u8] {
        match self {
            Self::Utf8 | Self::Ascii => MARK_OF_UTF8,
            Self::Other(encoding) if encoding == encoding_rs::UTF_16LE => MARK_OF_UTF16_LE,
            Self::Other(encoding) if encoding == encoding_rs::UTF_16BE => MARK_OF_UTF16_BE,
            Self::Other(_) => b"",
        }
    }

    fn is_utf16(self) -> bool {
        self == UTF16_LE || self == UTF16_BE
    }
}

const UTF16_LE: Encoding = Encoding::Other(encoding_rs::UTF_16LE);
const UTF16_BE: Encoding = Encoding::Other(encoding_rs::UTF_16BE);

/// What was decided about a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) encoding: Encoding,
    /// The length of the byte order mark.
    pub(super) mark: usize,
    /// What there is to say about it.
    pub(super) remark: Option<Warning>,
    /// The document says ISO-8859, and is read as the code page that has printable characters at 0x80 to 0x9F.
    pub(super) is_widened: bool,
}

impl Choice {
    fn plain(encoding: Encoding, mark: &[u8]) -> Self {
        Self { encoding, mark: mark.len(), remark: None, is_widened: false }
    }
}

/// True if more than these first bytes are needed to choose.
pub(super) fn needs_more(start: &[u8]) -> bool {
    let text = narrowed(start);
    let may_be_declaration = is_declaration(&text) || (!text.is_empty() && "<?xml".starts_with(&text));
    start.len() < 2 * MARK_OF_UTF8.len() || (may_be_declaration && !start.contains(&b'>'))
}

/// Chooses the encoding by the first bytes, which reach at least to the end of the XML declaration.
///
/// # Errors
/// The bytes are no text, or not in the encoding that the document declares.
pub(super) fn choose(start: &[u8], told: Option<Encoding>) -> Result<Choice, DecodeError> {
    refuse_other_formats(start)?;
    if let Some(encoding) = told {
        let mark = if start.starts_with(encoding.mark()) { encoding.mark() } else { b"" };
        return without_second_mark(start, Choice::plain(encoding, mark));
    }
    let label = declared_label(&narrowed(start));
    let choice = match marked(start) {
        Some(encoding) => by_mark(encoding, label.as_deref()),
        None => by_declaration(by_pattern(start), label)?,
    };
    without_second_mark(start, choice)
}

fn without_second_mark(start: &[u8], choice: Choice) -> Result<Choice, DecodeError> {
    let mark = &start[..choice.mark];
    if !mark.is_empty() && start[mark.len()..].starts_with(mark) { Err(DecodeError::SecondMark) } else { Ok(choice) }
}

fn marked(start: &[u8]) -> Option<Encoding> {
    [Encoding::Utf8, UTF16_LE, UTF16_BE].into_iter().find(|encoding| start.starts_with(encoding.mark()))
}

fn by_mark(encoding: Encoding, label: Option<&str>) -> Choice {
    let plain = Choice::plain(encoding, encoding.mark());
    let Some(label) = label else { return plain };
    let agrees = match encoding {
        Encoding::Utf8 => Encoding::of_label(label) == Some(Encoding::Utf8),
        _ => is_utf16(label) || Encoding::of_label(label) == Some(encoding),
    };
    if agrees {
        return plain;
    }
    let remark = Warning::MarkDisagrees { mark: encoding.name(), declared: label.to_owned() };
    Choice { remark: Some(remark), ..plain }
}

/// UTF-16 shows itself in the first tag.
fn by_pattern(start: &[u8]) -> Option<Encoding> {
    match start {
        [b'<', 0, ..] => Some(UTF16_LE),
        [0, b'<', ..] => Some(UTF16_BE),
        _ => None,
    }
}

fn by_declaration(pattern: Option<Encoding>, label: Option<String>) -> Result<Choice, DecodeError> {
    let Some(label) = label else {
        return pattern
            .map_or(Ok(Choice::plain(Encoding::Utf8, b"")), |found| Err(DecodeError::UndeclaredUtf16(found.name())));
    };
    let declared = Encoding::of_label(&label);
    match (pattern, declared) {
        (Some(found), _) if is_utf16(&label) || declared == Some(found) => Ok(Choice::plain(found, b"")),
        (Some(found), _) => Err(DecodeError::OtherThanDeclared { found: found.name(), label }),
        (None, Some(declared)) if declared.is_utf16() => Err(DecodeError::FalseUtf16),
        (None, Some(declared)) => {
            Ok(Choice { is_widened: is_widened(declared, &label), ..Choice::plain(declared, b"") })
        }
        (None, None) => Err(DecodeError::UnknownEncoding(label)),
    }
}

/// `UTF-16` alone leaves the order of bytes to the mark.
fn is_utf16(label: &str) -> bool {
    label.eq_ignore_ascii_case("UTF-16")
}

fn is_ascii(label: &str) -> bool {
    ["US-ASCII", "ASCII", "ANSI_X3.4-1968"].iter().any(|name| label.eq_ignore_ascii_case(name))
}

/// The web reads the labels of some parts of ISO-8859 as the Windows code pages that extend them.
fn is_widened(encoding: Encoding, label: &str) -> bool {
    encoding.name().starts_with("windows-") && !["125", "874"].iter().any(|page| label.contains(page))
}

/// The text of a declaration, whether its characters have one byte or two.
fn narrowed(start: &[u8]) -> String {
    let start = marked(start).map_or(start, |encoding| &start[encoding.mark().len()..]);
    let wide = start.first() == Some(&0) || start.get(1) == Some(&0);
    let bytes = start.iter().filter(|byte| !wide || **byte != 0);
    bytes.map_while(|byte| byte.is_ascii().then(|| char::from(*byte))).collect()
}

fn is_declaration(text: &str) -> bool {
    text.strip_prefix("<?xml").is_some_and(|rest| rest.is_empty() || rest.starts_with(grammar::SPACE))
}

/// The encoding that the XML declaration names. What else is wrong with it is found by the lexer.
fn declared_label(text: &str) -> Option<String> {
    let (declaration, _) = text.split_once("?>").filter(|_| is_declaration(text))?;
    let items = grammar::Attributes::new(declaration.strip_prefix("<?xml")?);
    let named = items.map_while(Result::ok).find(|item| item.name == "encoding");
    named.map(|item| item.value.to_owned())
}

fn refuse_other_formats(bytes: &[u8]) -> Result<(), DecodeError> {
    match bytes {
        [0x1F, 0x8B, ..] => Err(DecodeError::Compressed("gzip")),
        [b'P', b'K', 3, 4, ..] => Err(DecodeError::Compressed("zip")),
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] | [b'<', 0, 0, 0, ..] | [0, 0, 0, b'<', ..] => {
            Err(DecodeError::Unsupported("UTF-32"))
        }
        [0x4C, 0x6F, 0xA7, 0x94, ..] => Err(DecodeError::Unsupported("EBCDIC")),
        _ => Ok(()),
    }
}
