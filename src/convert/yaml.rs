//! YAML that all readers understand alike: block style, and in double quotes every text that is not plainly a text.
//!
//! `serde_json` walks the value and this decides upon the notation, so that both formats say the same. What JSON
//! escapes, YAML reads in double quotes just so.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, Serializer};

use super::quotation::is_invisible;

/// Words that YAML 1.1 or some reader of it takes for something else, in upper or lower case.
const WORDS: [&str; 11] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];
/// What may stand anywhere within a plain text beside letters, digits and spaces: in block style none of it has a
/// meaning there.
const MARKS: &[u8] = b"-_./@+,'()&";

/// Appends a value, whose keys are texts, as the body of a document. It ends with a line feed, and no line of it is
/// `---`.
///
/// # Errors
/// The value cannot be serialised.
pub(super) fn append(buffer: &mut Vec<u8>, value: &impl Serialize) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut *buffer, Yaml::default()))?;
    buffer.push(b'\n');
    Ok(())
}

/// What was written last, on which it depends how the next thing is set apart.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Start,
    /// A key and its colon.
    Key,
    /// A hyphen and a space.
    Hyphen,
    /// Anything else.
    Other,
}

#[derive(Default)]
struct Yaml {
    place: Place,
    /// Where the keys or hyphens of each open object or list stand.
    columns: Vec<usize>,
    /// The text that is being written, as it would stand in double quotes; between texts, of no meaning.
    text: Vec<u8>,
    needs_quotes: bool,
}

impl Yaml {
    /// Sets a scalar apart from what precedes it.
    fn scalar<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.place == Place::Key {
            writer.write_all(b" ")?;
        }
        self.place = Place::Other;
        Ok(())
    }

    /// Opens an object or a list; `inset` is how far it stands in if it belongs to a key.
    fn open(&mut self, inset: usize) {
        let outer = self.columns.last().copied().unwrap_or_default();
        self.columns.push(match self.place {
            Place::Key => outer + inset,
            Place::Hyphen => outer + 2,
            Place::Start | Place::Other => outer,
        });
    }

    /// Closes it, and writes what stands for an empty one.
    fn close<W: ?Sized + Write>(&mut self, writer: &mut W, empty: &[u8]) -> io::Result<()> {
        self.columns.pop();
        if self.place == Place::Other {
            return Ok(());
        }
        self.scalar(writer)?;
        writer.write_all(empty)
    }

    /// Begins a line for a key or a hyphen; the first one of a list's item, or of the document, is on its line already.
    fn line<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if matches!(self.place, Place::Key | Place::Other) {
            writer.write_all(b"\n")?;
            self.text.clear();
            self.text.resize(self.columns.last().copied().unwrap_or_default(), b' ');
            writer.write_all(&self.text)?;
        }
        self.place = Place::Other;
        Ok(())
    }
}

macro_rules! written_as_in_json {
    ($($method:ident: $type:ty,)*) => {
        $(fn $method<W: ?Sized + Write>(&mut self, writer: &mut W, value: $type) -> io::Result<()> {
            self.scalar(writer)?;
            CompactFormatter.$method(writer, value)
        })*
    };
}

impl Formatter for Yaml {
    written_as_in_json! {
        write_bool: bool,
        write_i8: i8,
        write_i16: i16,
        write_i32: i32,
        write_i64: i64,
        write_i128: i128,
        write_u8: u8,
        write_u16: u16,
        write_u32: u32,
        write_u64: u64,
        write_u128: u128,
        write_f32: f32,
        write_f64: f64,
    }

    fn write_null<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.scalar(writer)?;
        CompactFormatter.write_null(writer)
    }

    fn begin_string<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.text.clear();
        self.needs_quotes = false;
        self.scalar(writer)
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, _: &mut W, fragment: &str) -> io::Result<()> {
        if fragment.bytes().all(is_plain) {
            self.text.extend_from_slice(fragment.as_bytes());
            return Ok(());
        }
        for character in fragment.chars() {
            self.needs_quotes |= match u8::try_from(character) {
                Ok(byte) if byte.is_ascii() => !is_plain(byte),
                _ => !character.is_alphanumeric(),
            };
            match u32::from(character) {
                _ if !is_invisible(character) => write!(self.text, "{character}")?,
                code @ ..=0xFFFF => write!(self.text, "\\u{code:04X}")?,
                code => write!(self.text, "\\U{code:08X}")?,
            }
        }
        Ok(())
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, _: &mut W, escape: CharEscape) -> io::Result<()> {
        self.needs_quotes = true;
        CompactFormatter.write_char_escape(&mut self.text, escape)
    }

    fn end_string<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if !self.needs_quotes && is_plainly_text(&self.text) {
            return writer.write_all(&self.text);
        }
        writer.write_all(b"\"")?;
        writer.write_all(&self.text)?;
        writer.write_all(b"\"")
    }

    fn begin_array<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.open(0);
        Ok(())
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"[]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, _: bool) -> io::Result<()> {
        self.line(writer)?;
        self.place = Place::Hyphen;
        writer.write_all(b"- ")
    }

    fn begin_object<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.open(2);
        Ok(())
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"{}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, _: bool) -> io::Result<()> {
        self.line(writer)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.place = Place::Key;
        writer.write_all(b":")
    }
}

fn is_plain(byte: u8) -> bool {
    const PLAIN: [bool; 256] = {
        let mut plain = [false; 256];
        let mut byte = 0;
        while byte < 128u8 {
            plain[byte as usize] = byte.is_ascii_alphanumeric() || byte == b' ';
            byte += 1;
        }
        let mut mark = 0;
        while mark < MARKS.len() {
            plain[MARKS[mark] as usize] = true;
            mark += 1;
        }
        plain
    };
    PLAIN[usize::from(byte)]
}

/// Whether a text of plain characters can only be taken for a text: numbers and dates begin otherwise.
fn is_plainly_text(text: &[u8]) -> bool {
    let starts_like_text = text.first().is_some_and(|first| first.is_ascii_alphabetic() || !first.is_ascii());
    starts_like_text && !text.ends_with(b" ") && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn yaml(value: &Value) -> String {
        let mut buffer = Vec::new();
        append(&mut buffer, value).unwrap();
        String::from_utf8(buffer).unwrap()
    }

    fn text(text: &str) -> String {
        yaml(&json!({ "a": text }))
    }

    #[test]
    fn objects_and_lists_stand_as_kubectl_prints_them() {
        let value = json!({
            "a": { "b": [{ "c": 1, "d": ["x", -2.5] }, "j doe"], "e": null },
            "f": [], "g": {}, "h": [[true, [false]], {}, { "i": { "j": 0 } }],
        });
        let expected = "\
a:
  b:
  - c: 1
    d:
    - x
    - -2.5
  - j doe
  e: null
f: []
g: {}
h:
- - true
  - - false
- {}
- i:
    j: 0
";
        assert_eq!(yaml(&value), expected);
        assert_eq!((yaml(&json!({})), yaml(&json!([{}]))), ("{}\n".to_owned(), "- {}\n".to_owned()));
    }

    #[test]
    fn a_text_of_letters_digits_spaces_and_a_few_marks_is_plain() {
        for plain in ["jdoe", "Mary Jones", "a.b-c_d@example.com", "Jürgen", "山田", "O'Brien (2, 3) & 4/5+6", "notes"]
        {
            assert_eq!(text(plain), format!("a: {plain}\n"));
        }
    }

    #[test]
    fn a_text_that_could_be_something_else_is_quoted() {
        for other in [
            "",
            "~",
            "7",
            "7 a",
            "0x1F",
            "-",
            "-1",
            ".5",
            "+1",
            "2001-12-14",
            "_1",
            "'a",
            "&a",
            "@a",
            "(a",
            " a",
            "a ",
            "a: b",
            "a:",
            "a #b",
            "a*",
            "a!",
            "[a]",
            "<<",
            "=",
            "---",
            "...",
            "\u{e9} ",
            "a\u{a0}b",
            "a\u{301}",
            "😀",
        ] {
            assert_eq!(text(other), format!("a: \"{other}\"\n"));
        }
        for word in WORDS {
            let capital = word[..1].to_uppercase() + &word[1..];
            for word in [word.to_owned(), word.to_uppercase(), capital] {
                assert_eq!(text(&word), format!("a: \"{word}\"\n"));
                assert_eq!(yaml(&json!({ &word: "x" })), format!("\"{word}\": x\n"));
            }
        }
    }

    #[test]
    fn what_a_reader_cannot_see_is_escaped() {
        let hidden = "\"\\\t\n\r\u{1}\u{7f}\u{85}\u{ad}\u{200b}\u{2028}\u{202e}\u{feff}\u{fffe}\u{e0041}";
        let escaped = r#""\"\\\t\n\r\u0001\u007F\u0085\u00AD\u200B\u2028\u202E\uFEFF\uFFFE\U000E0041""#;
        assert_eq!(text(hidden), format!("a: {escaped}\n"));
    }

    fn value() -> impl Strategy<Value = Value> {
        let text = || "\\PC{0,12}|[ -~]{0,8}|[a-z0-9:#\n\t -]{0,12}|(?s:.{0,6})";
        let leaf = prop_oneof![
            text().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            Just(Value::Null),
        ];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(text(), inner, 0..4).prop_map(|fields| fields.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_reads_back(value in value()) {
            let text = yaml(&value);
            let found = serde_saphyr::from_str::<Value>(&text).map_err(|error| error.to_string());
            prop_assert_eq!(found, Ok(value), "{}", text);
        }
    }
}
