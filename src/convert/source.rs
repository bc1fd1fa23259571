//! From bytes to the text that the XML parser reads: UTF-8 without byte order mark, of allowed characters only, with
//! every line end turned into a line feed (XML 1.0, section 2.11).
//!
//! A fault in the bytes does not hide what precedes it: the text before it is handed out first. The text of the token
//! that is being parsed is kept, so that a byte of it can be turned into a line and a column.

use std::io::{self, BufRead, Read};

use super::error::{DecodeError, DocumentError};
use super::grammar;
use super::position::{Located, Position};

/// How many bytes are read at once.
const CHUNK: usize = 64 * 1024;
/// Longest tag, comment or piece of text; a little above the longest value, so that the value's own limit is met first.
const MAX_TOKEN: usize = 1024 * 1024 + 2 * CHUNK;
/// The byte order mark in UTF-8.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// A file as text.
pub(super) struct Source<'r> {
    input: &'r mut dyn Read,
    /// Bytes read; the first `carried` of them are the beginning of a character whose end has not been read.
    chunk: Box<[u8]>,
    carried: usize,
    is_started: bool,
    ended_with_return: bool,
    is_ascii: bool,
    /// The text from the token that is being parsed to the end of what has been decoded.
    text: Vec<u8>,
    /// The first byte of `text` that belongs to the token.
    start: usize,
    /// The first byte of `text` that the parser has not taken.
    taken: usize,
    /// How much text came before `text[0]`.
    dropped: u64,
    /// Where the token begins.
    position: Position,
    /// What ends the text; no more is read.
    fault: Option<DecodeError>,
}

impl<'r> Source<'r> {
    pub(super) fn new(input: &'r mut dyn Read) -> Self {
        Self {
            input,
            chunk: vec![0; CHUNK].into_boxed_slice(),
            carried: 0,
            is_started: false,
            ended_with_return: false,
            is_ascii: false,
            text: Vec::new(),
            start: 0,
            taken: 0,
            dropped: 0,
            position: Position::START,
            fault: None,
        }
    }

    /// Says that the next token begins at this byte of the text; what precedes it may be forgotten.
    pub(super) fn begin_token(&mut self, offset: u64) {
        let start = usize::try_from(offset.saturating_sub(self.dropped)).map_or(self.taken, |at| at.min(self.taken));
        if start > self.start {
            self.position.advance(&self.text[self.start..start]);
            self.start = start;
        }
    }

    /// Where the token begins.
    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// Where a byte of the token stands.
    pub(super) fn position_in_token(&self, offset: usize) -> Position {
        let end = self.text.len().min(self.start.saturating_add(offset));
        let mut position = self.position;
        position.advance(&self.text[self.start..end]);
        position
    }

    /// From here on no character outside US-ASCII is allowed, as the document itself declares.
    pub(super) fn require_ascii(&mut self) {
        self.is_ascii = true;
        if let Some(at) = self.text[self.taken..].iter().position(|byte| !byte.is_ascii()) {
            self.text.truncate(self.taken + at);
            self.fault = Some(DecodeError::NotAscii);
        }
    }

    /// The fault that ended the text, if there is one.
    pub(super) fn take_fault(&mut self) -> Option<DocumentError> {
        let fault = self.fault.take()?;
        let at = if matches!(fault, DecodeError::TooLong) {
            self.position
        } else {
            self.position_in_token(self.text.len() - self.start)
        };
        Some(Located::new(at, fault))
    }

    /// Decodes more text; there is none if `text` is as long as before and there is no fault.
    fn refill(&mut self) {
        self.forget();
        let before = self.text.len();
        while self.fault.is_none() && self.text.len() == before {
            match self.read() {
                Ok(0) => return,
                Ok(length) => self.decode(length),
                Err(fault) => self.fault = Some(fault),
            }
        }
        if self.text.len() - self.start > MAX_TOKEN {
            self.fault = Some(DecodeError::TooLong);
            self.text.truncate(before);
        }
    }

    fn forget(&mut self) {
        self.text.drain(..self.start);
        self.dropped += self.start as u64;
        self.taken -= self.start;
        self.start = 0;
    }

    /// Reads bytes behind those carried, and returns how many bytes there are to decode; 0 at the end.
    fn read(&mut self) -> Result<usize, DecodeError> {
        let mut filled = self.carried;
        // The first bytes tell encodings apart, so there must be enough of them.
        let wanted = if self.is_started { filled + 1 } else { 2 * MARK.len() };
        while filled < wanted {
            match self.input.read(&mut self.chunk[filled..]) {
                Ok(0) => break,
                Ok(length) => filled += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(DecodeError::Io(error)),
            }
        }
        if self.is_started {
            return if filled == self.carried && filled > 0 { Err(DecodeError::Truncated) } else { Ok(filled) };
        }
        self.start_of_file(filled)
    }

    fn start_of_file(&mut self, filled: usize) -> Result<usize, DecodeError> {
        self.is_started = true;
        let bytes = &self.chunk[..filled];
        refuse_other_formats(bytes)?;
        let Some(rest) = bytes.strip_prefix(MARK) else {
            return Ok(filled);
        };
        if rest.starts_with(MARK) {
            return Err(DecodeError::SecondMark);
        }
        let length = rest.len();
        self.chunk.copy_within(MARK.len()..filled, 0);
        Ok(length)
    }

    fn decode(&mut self, length: usize) {
        let (valid, fault) = match std::str::from_utf8(&self.chunk[..length]) {
            Ok(text) => (text.len(), None),
            Err(error) if error.error_len().is_none() => (error.valid_up_to(), None),
            Err(error) => {
                let valid = error.valid_up_to();
                (valid, Some(DecodeError::NotUtf8 { byte: self.chunk[valid] }))
            }
        };
        let (allowed, forbidden) = self.allowed(valid);
        self.fault = forbidden.or(fault);
        self.append(allowed);
        self.chunk.copy_within(valid..length, 0);
        self.carried = length - valid;
    }

    /// How much of the first `length` bytes of the chunk may be handed out, and what stops the rest.
    fn allowed(&self, length: usize) -> (usize, Option<DecodeError>) {
        let bytes = &self.chunk[..length];
        let mut from = 0;
        while let Some(at) = bytes[from..].iter().position(|byte| is_suspect(*byte, self.is_ascii)) {
            let at = from + at;
            let character = decode_one(&bytes[at..]);
            if self.is_ascii && !character.is_ascii() {
                return (at, Some(DecodeError::NotAscii));
            }
            if !grammar::is_allowed(character) {
                return (at, Some(DecodeError::Forbidden(character)));
            }
            from = at + character.len_utf8();
        }
        (length, None)
    }

    /// Appends the first `length` bytes of the chunk, with the line ends of XML.
    fn append(&mut self, length: usize) {
        let bytes = &self.chunk[..length];
        if !self.ended_with_return && !bytes.contains(&b'\r') {
            self.text.extend_from_slice(bytes);
            return;
        }
        for byte in bytes {
            let follows_return = std::mem::replace(&mut self.ended_with_return, *byte == b'\r');
            match byte {
                b'\r' => self.text.push(b'\n'),
                b'\n' if follows_return => {}
                other => self.text.push(*other),
            }
        }
    }
}

/// Bytes that may begin a character that is not allowed: control characters, U+FFFE and U+FFFF (EF BF BE, EF BF BF),
/// and in US-ASCII all others.
fn is_suspect(byte: u8, is_ascii: bool) -> bool {
    (byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')) || byte == 0xEF || (is_ascii && !byte.is_ascii())
}

/// The first character of valid UTF-8.
fn decode_one(bytes: &[u8]) -> char {
    let text = bytes[..bytes.len().min(4)].utf8_chunks().next().map_or("", |chunk| chunk.valid());
    text.chars().next().unwrap_or('\0')
}

fn refuse_other_formats(bytes: &[u8]) -> Result<(), DecodeError> {
    match bytes {
        [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] | [0, b'<' | 0, ..] | [b'<', 0, ..] => Err(DecodeError::Utf16),
        [0x1F, 0x8B, ..] | [b'P', b'K', 3, 4, ..] => Err(DecodeError::Compressed),
        _ => Ok(()),
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Source<'_> {
    /// The text that is decoded and not taken. An error says only that there is a fault, which the source keeps.
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.taken == self.text.len() {
            if self.fault.is_none() {
                self.refill();
            }
            if self.taken == self.text.len() && self.fault.is_some() {
                return Err(io::Error::other("the text ends with a fault"));
            }
        }
        Ok(&self.text[self.taken..])
    }

    fn consume(&mut self, amount: usize) {
        self.taken = self.text.len().min(self.taken + amount);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Hands out a few bytes at a time.
    struct Trickle<'b>(&'b [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(buffer.len()).min(self.0.len());
            buffer[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    fn decode(bytes: &[u8], step: usize) -> (String, Option<String>) {
        let mut input = Trickle(bytes, step);
        let mut source = Source::new(&mut input);
        let mut text = Vec::new();
        while let Ok(more) = source.fill_buf() {
            let length = more.len();
            if length == 0 {
                break;
            }
            text.extend_from_slice(more);
            source.consume(length);
        }
        let fault = source.take_fault().map(|fault| format!("{}: {}", fault.at, fault.value));
        (String::from_utf8(text).unwrap(), fault)
    }

    fn fault(bytes: &[u8]) -> String {
        decode(bytes, 1024).1.unwrap()
    }

    #[test]
    fn line_ends_become_line_feeds() {
        for step in 1..5 {
            assert_eq!(decode(b"a\r\nb\rc\nd\r\r\n", step), ("a\nb\nc\nd\n\n".to_owned(), None));
        }
    }

    #[test]
    fn one_byte_order_mark_is_dropped() {
        assert_eq!(decode(b"\xEF\xBB\xBF<a/>", 2).0, "<a/>");
        assert!(fault(b"\xEF\xBB\xBF\xEF\xBB\xBF<a/>").starts_with("1:1: there is a second byte order mark"));
    }

    #[test]
    fn text_before_a_fault_is_handed_out() {
        let (text, fault) = decode("a\r\nü\u{1}b".as_bytes(), 3);
        assert_eq!(text, "a\nü");
        assert_eq!(fault.unwrap(), "2:2: the character U+0001 is not allowed in XML; remove it");
    }

    #[test]
    fn bytes_that_are_no_text_of_xml_are_refused() {
        assert!(fault(b"a\0").starts_with("1:2: the character U+0000"));
        assert!(fault(b"a\x1F").starts_with("1:2: the character U+001F"));
        assert!(fault("ab\u{FFFE}".as_bytes()).starts_with("1:3: the character U+FFFE"));
        assert!(fault("\u{FFFD}\u{FFFF}".as_bytes()).starts_with("1:2: the character U+FFFF"));
        assert!(fault(b"J\xFCrgen").starts_with("1:2: byte 0xFC is not UTF-8"));
        assert!(fault(b"a\xED\xA0\x80").starts_with("1:2: byte 0xED"), "a surrogate");
        assert!(fault(b"a\xC0\xAF").starts_with("1:2: byte 0xC0"), "an overlong form");
        assert!(fault(b"a\xC3").starts_with("1:2: the file ends within a character"));
    }

    #[test]
    fn other_formats_are_named() {
        assert!(fault(b"\xFF\xFE<\0").contains("UTF-16"));
        assert!(fault(b"\0<\0a").contains("UTF-16"));
        assert!(fault(b"\x1F\x8B\x08\0").contains("zcat"));
    }

    #[test]
    fn ascii_is_required_from_the_declaration_on() {
        for bytes in ["ab\ncdü", "ab\ncd\u{FFFD}"] {
            let mut input = bytes.as_bytes();
            let mut source = Source::new(&mut input);
            source.fill_buf().unwrap();
            source.consume(3);
            source.require_ascii();
            assert_eq!(source.fill_buf().unwrap(), b"cd");
            source.consume(2);
            assert!(source.fill_buf().is_err());
            assert_eq!(source.take_fault().unwrap().at, Position { line: 2, column: 3 });
        }
    }

    #[test]
    fn a_token_that_does_not_end_is_stopped() {
        let mut input = io::repeat(b'a');
        let mut source = Source::new(&mut input);
        while let Ok(more) = source.fill_buf() {
            let length = more.len();
            source.consume(length);
        }
        assert!(source.text.len() <= MAX_TOKEN + CHUNK);
        assert!(source.take_fault().unwrap().value.to_string().contains("1 MiB"));
    }

    proptest! {
        #[test]
        fn the_size_of_reads_does_not_matter(bytes in proptest::collection::vec(any::<u8>(), 0..200), step in 1usize..8) {
            prop_assert_eq!(decode(&bytes, step), decode(&bytes, 4096));
        }

        #[test]
        fn allowed_text_is_handed_out_as_it_is(text in "[ -\u{FFFD}\u{10000}-\u{10FFFF}\t\n]{0,80}", step in 1usize..8) {
            prop_assume!(!text.starts_with('\u{FEFF}') && !text.starts_with("PK\u{3}"));
            prop_assert_eq!(decode(text.as_bytes(), step), (text.clone(), None));
        }
    }
}
