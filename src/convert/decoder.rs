//! From bytes to the text of a document: UTF-8 without byte order mark, of allowed characters only, with every line
//! end turned into a line feed (XML 1.0, section 2.11).

use std::io::{self, Read};

use super::encoding::{self, Choice, Encoding};
use super::error::{DecodeError, Warning};
use super::grammar;

/// How many bytes are read at once.
pub(super) const CHUNK: usize = 64 * 1024;

/// The bytes of a file, and how they become text.
pub(super) struct Decoder<'r> {
    input: &'r mut dyn Read,
    told: Option<Encoding>,
    /// Bytes read and not decoded: the first `filled`.
    chunk: Box<[u8]>,
    filled: usize,
    scheme: Option<Scheme>,
    ended_with_return: bool,
    remarks: Vec<Warning>,
}

enum Scheme {
    Utf8,
    Ascii,
    Other(Box<Other>),
}

/// What is kept of an encoding that the library decodes.
struct Other {
    encoding: &'static encoding_rs::Encoding,
    decoder: encoding_rs::Decoder,
    text: Vec<u8>,
    /// A byte of 0x80 to 0x9F is worth a remark.
    is_widened: bool,
    /// There to see whether text that should have one byte a character is UTF-8 in truth.
    probe: Option<Probe>,
}

struct Probe {
    decoder: encoding_rs::Decoder,
    is_plain: bool,
}

impl<'r> Decoder<'r> {
    pub(super) fn new(input: &'r mut dyn Read, told: Option<Encoding>) -> Self {
        Self {
            input,
            told,
            chunk: vec![0; CHUNK].into_boxed_slice(),
            filled: 0,
            scheme: None,
            ended_with_return: false,
            remarks: Vec::new(),
        }
    }

    pub(super) fn take_remarks(&mut self) -> Vec<Warning> {
        std::mem::take(&mut self.remarks)
    }

    /// Whether that is the encoding that was chosen.
    pub(super) fn is_in(&self, encoding: Option<Encoding>) -> bool {
        match (&self.scheme, encoding) {
            (Some(Scheme::Utf8), Some(Encoding::Utf8)) | (Some(Scheme::Ascii), Some(Encoding::Ascii)) => true,
            (Some(Scheme::Other(other)), Some(Encoding::Other(encoding))) => other.encoding == encoding,
            _ => false,
        }
    }

    /// Appends text, up to a fault if there is one; false at the end.
    ///
    /// # Errors
    /// The bytes behind the text are none.
    pub(super) fn read_into(&mut self, text: &mut Vec<u8>) -> Result<bool, DecodeError> {
        let is_more = if self.scheme.is_none() { self.start()? } else { self.fill(|_| false)? };
        match self.scheme.take() {
            Some(Scheme::Other(mut other)) => {
                let decoded = self.other(&mut other, !is_more, text);
                self.scheme = Some(Scheme::Other(other));
                decoded?;
            }
            scheme => {
                let is_ascii = matches!(scheme, Some(Scheme::Ascii));
                self.scheme = scheme;
                self.utf8(is_ascii, !is_more, text)?;
            }
        }
        Ok(is_more)
    }

    /// Reads more bytes, until it is said to be enough but at least one; false at the end.
    fn fill(&mut self, is_too_little: impl Fn(&[u8]) -> bool) -> Result<bool, DecodeError> {
        let before = self.filled;
        while self.filled < CHUNK && (self.filled == before || is_too_little(&self.chunk[..self.filled])) {
            match self.input.read(&mut self.chunk[self.filled..]) {
                Ok(0) => break,
                Ok(length) => self.filled += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(DecodeError::Io(error)),
            }
        }
        Ok(self.filled > before)
    }

    fn start(&mut self) -> Result<bool, DecodeError> {
        let is_more = self.fill(encoding::needs_more)?;
        let Choice { encoding, mark, remark, is_widened } = encoding::choose(&self.chunk[..self.filled], self.told)?;
        self.remarks.extend(remark);
        self.chunk.copy_within(mark..self.filled, 0);
        self.filled -= mark;
        self.scheme = Some(match encoding {
            Encoding::Utf8 => Scheme::Utf8,
            Encoding::Ascii => Scheme::Ascii,
            Encoding::Other(encoding) => Scheme::Other(Box::new(Other::new(encoding, is_widened))),
        });
        Ok(is_more)
    }

    fn utf8(&mut self, is_ascii: bool, is_end: bool, text: &mut Vec<u8>) -> Result<(), DecodeError> {
        let bytes = &self.chunk[..self.filled];
        let (valid, fault) = match std::str::from_utf8(bytes) {
            Ok(_) => (bytes.len(), None),
            Err(error) if error.error_len().is_none() => {
                (error.valid_up_to(), is_end.then_some(DecodeError::Truncated))
            }
            Err(error) => (error.valid_up_to(), Some(DecodeError::NotUtf8 { byte: bytes[error.valid_up_to()] })),
        };
        let (allowed, forbidden) = allowed(&bytes[..valid], is_ascii);
        append(&bytes[..allowed], &mut self.ended_with_return, text);
        self.chunk.copy_within(valid..self.filled, 0);
        self.filled -= valid;
        // In US-ASCII, what is not UTF-8 is no less foreign.
        let fault = fault.map(|fault| if is_ascii { DecodeError::NotAscii } else { fault });
        forbidden.or(fault).map_or(Ok(()), Err)
    }

    fn other(&mut self, other: &mut Other, is_end: bool, text: &mut Vec<u8>) -> Result<(), DecodeError> {
        let bytes = &self.chunk[..std::mem::take(&mut self.filled)];
        self.remarks.extend(other.remark(bytes, is_end));
        let fault = other.decode(bytes, is_end);
        let (allowed, forbidden) = allowed(&other.text, false);
        append(&other.text[..allowed], &mut self.ended_with_return, text);
        forbidden.or(fault).map_or(Ok(()), Err)
    }
}

impl Other {
    fn new(encoding: &'static encoding_rs::Encoding, is_widened: bool) -> Self {
        let probe = || Probe { decoder: encoding_rs::UTF_8.new_decoder_without_bom_handling(), is_plain: true };
        Self {
            encoding,
            decoder: encoding.new_decoder_without_bom_handling(),
            text: Vec::new(),
            is_widened,
            probe: encoding.is_single_byte().then(probe),
        }
    }

    /// Decodes the bytes into `text`, up to the first that are none.
    fn decode(&mut self, bytes: &[u8], is_end: bool) -> Option<DecodeError> {
        let (is_sound, written) = run(&mut self.decoder, bytes, is_end, &mut self.text);
        self.text.truncate(written);
        (!is_sound).then(|| DecodeError::NotInEncoding(self.encoding.name()))
    }

    fn remark(&mut self, bytes: &[u8], is_end: bool) -> Option<Warning> {
        if let Some(probe) = &mut self.probe {
            probe.is_plain &= bytes.is_ascii();
            let (is_utf8, _) = run(&mut probe.decoder, bytes, is_end, &mut self.text);
            if !is_utf8 {
                self.probe = None;
            } else if is_end && !probe.is_plain {
                return Some(Warning::Mojibake(self.encoding.name()));
            }
        }
        let byte = bytes.iter().find(|byte| (0x80..=0x9F).contains(*byte)).filter(|_| self.is_widened)?;
        self.is_widened = false;
        Some(Warning::Widened { byte: *byte, page: self.encoding.name() })
    }
}

/// Decodes the bytes into the front of `text`; gives whether all of them are sound, and how much text there is.
fn run(decoder: &mut encoding_rs::Decoder, bytes: &[u8], is_end: bool, text: &mut Vec<u8>) -> (bool, usize) {
    // One character can be kept from the bytes before.
    text.resize(3 * bytes.len() + 16, 0);
    let (result, _, written) = decoder.decode_to_utf8_without_replacement(bytes, text, is_end);
    (result == encoding_rs::DecoderResult::InputEmpty, written)
}

/// How much of valid UTF-8 may be handed out, and what stops the rest.
fn allowed(text: &[u8], is_ascii: bool) -> (usize, Option<DecodeError>) {
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|byte| is_suspect(*byte, is_ascii)) {
        let at = from + at;
        let character = decode_one(&text[at..]);
        if is_ascii && !character.is_ascii() {
            return (at, Some(DecodeError::NotAscii));
        }
        if !grammar::is_allowed(character) {
            return (at, Some(DecodeError::Forbidden(character)));
        }
        from = at + character.len_utf8();
    }
    (text.len(), None)
}

/// Appends text with the line ends of XML.
fn append(from: &[u8], ended_with_return: &mut bool, text: &mut Vec<u8>) {
    if !*ended_with_return && !from.contains(&b'\r') {
        text.extend_from_slice(from);
        return;
    }
    for byte in from {
        let follows_return = std::mem::replace(ended_with_return, *byte == b'\r');
        match byte {
            b'\r' => text.push(b'\n'),
            b'\n' if follows_return => {}
            other => text.push(*other),
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
