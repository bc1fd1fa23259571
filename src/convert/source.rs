//! The text of a document as the XML parser reads it, and where its tokens stand.
//!
//! A fault in the bytes does not hide what precedes it: the text before it is handed out first. The text of the token
//! that is being parsed is kept, so that a byte of it can be turned into a line and a column.

use std::io::{self, BufRead, Read};

use super::decoder::{CHUNK, Decoder};
use super::encoding::Encoding;
use super::error::{DecodeError, DocumentError, Warning};
use super::position::{Located, Position};

/// Longest tag, comment or piece of text; a little above the longest value, so that the value's own limit is met first.
const MAX_TOKEN: usize = 1024 * 1024 + 2 * CHUNK;

/// A file as text.
pub(super) struct Source<'r> {
    decoder: Decoder<'r>,
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
    is_ended: bool,
    /// What ends the text; no more is read.
    fault: Option<DecodeError>,
}

impl<'r> Source<'r> {
    /// Text in the encoding that is told, or else in the one that the document shows.
    pub(super) fn new(input: &'r mut dyn Read, told: Option<Encoding>) -> Self {
        Self {
            decoder: Decoder::new(input, told),
            text: Vec::new(),
            start: 0,
            taken: 0,
            dropped: 0,
            position: Position::START,
            is_ended: false,
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

    /// The token that was taken last, as it stands in the document.
    pub(super) fn token(&self) -> &[u8] {
        &self.text[self.start..self.taken]
    }

    /// Takes what there is to say about the bytes.
    pub(super) fn take_remarks(&mut self) -> Vec<Warning> {
        self.decoder.take_remarks()
    }

    /// Whether that is the encoding in which the bytes are read.
    pub(super) fn is_in(&self, encoding: Option<Encoding>) -> bool {
        self.decoder.is_in(encoding)
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
        while !self.is_ended && self.fault.is_none() && self.text.len() == before {
            match self.decoder.read_into(&mut self.text) {
                Ok(is_more) => self.is_ended = !is_more,
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
        let mut source = Source::new(&mut input, None);
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
        assert!(fault(b"\x1F\x8B\x08\0").contains("zcat"));
    }

    #[test]
    fn ascii_has_no_byte_above_0x7f() {
        for text in ["ü", "\u{FFFD}"] {
            let document = format!("<?xml version='1.0' encoding='ascii'?>\ncd{text}");
            assert!(fault(document.as_bytes()).starts_with("2:3: there is a character that is not US-ASCII"));
        }
        assert!(fault(b"<?xml version='1.0' encoding='ascii'?>\ncd\xFC").starts_with("2:3: there is a character that"));
    }

    #[test]
    fn a_token_that_does_not_end_is_stopped() {
        let mut input = io::repeat(b'a');
        let mut source = Source::new(&mut input, None);
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
