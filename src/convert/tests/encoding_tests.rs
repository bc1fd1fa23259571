//! The encodings of documents, row by row of the table of encodings (docs/convert.md).

use super::*;

const NAME: &str = "J\u{fc}rgen";

/// A document whose Username is Jürgen, with this declaration.
fn document(declaration: &str) -> String {
    format!("{declaration}\n<User><Username>{NAME}</Username><Enabled>true</Enabled></User>")
}

fn declared(label: &str) -> String {
    document(&format!("<?xml version='1.0' encoding='{label}'?>"))
}

fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

fn told(label: &str, bytes: &[u8]) -> Run {
    run(&mut [("a.xml", &mut { bytes })], Options { encoding: Some(label.to_owned()), ..Options::default() })
}

fn is_jurgen(run: &Run) {
    assert_eq!(run.messages, [""; 0]);
    assert_eq!(spec(run).username, NAME);
}

#[test]
fn accepted_utf8_with_and_without_byte_order_mark() {
    for text in [document(""), declared("UTF-8"), declared("utf8"), document("<?xml version='1.0'?>")] {
        let text = text.trim_start();
        is_jurgen(&convert(text));
        is_jurgen(&convert(format!("\u{feff}{text}")));
    }
}

#[test]
fn accepted_utf16_with_byte_order_mark_or_declared() {
    for (order, label) in [(u16::to_le_bytes as fn(u16) -> [u8; 2], "UTF-16LE"), (u16::to_be_bytes, "UTF-16BE")] {
        for text in [document(""), declared("UTF-16"), declared(label)] {
            is_jurgen(&convert(utf16(&format!("\u{feff}{}", text.trim_start()), order)));
        }
        for text in [declared("UTF-16"), declared(label)] {
            is_jurgen(&convert(utf16(&text, order)));
        }
    }
    let long = declared("UTF-16").replace(" encoding", &format!("{} encoding", " ".repeat(1200)));
    is_jurgen(&convert(utf16(&long, u16::to_le_bytes)));
}

#[test]
fn the_size_of_reads_does_not_decide_upon_the_encoding() {
    for document in [utf16(&declared("UTF-16"), u16::to_le_bytes), latin1(&declared("ISO-8859-1"))] {
        for step in 1..16 {
            is_jurgen(&run(&mut [("a.xml", &mut Trickle(&document, step))], Options::default()));
        }
    }
}

#[test]
fn accepted_the_usual_encodings_of_one_byte() {
    for label in ["ISO-8859-1", "ISO-8859-15", "windows-1252", "latin1"] {
        is_jurgen(&convert(latin1(&declared(label))));
        let long = declared(label).replace(" encoding", &format!("{} encoding", " ".repeat(1200)));
        is_jurgen(&convert(latin1(&long)));
    }
    let euro = [b"<?xml version='1.0' encoding='ISO-8859-15'?><User><Username>a\xA4b".as_slice(), REST].concat();
    assert_eq!(spec(&convert(euro)).username, "a€b");
    is_jurgen(&convert(declared("US-ASCII").replace('\u{fc}', "&#252;")));
}

const REST: &[u8] = b"</Username><Enabled>true</Enabled></User>";

#[test]
fn accepted_east_asian_encodings() {
    for (label, bytes) in [
        ("Shift_JIS", b"\x8d\xb2\x93\xa1".as_slice()),
        ("GB18030", b"\xd7\xf4\xcc\xd9"),
        ("EUC-JP", b"\xba\xb4\xc6\xa3"),
    ] {
        let start = format!("<?xml version='1.0' encoding='{label}'?><User><Username>a").into_bytes();
        let run = convert([&start, bytes, REST].concat());
        assert_eq!(spec(&run).username, "a佐藤");
    }
}

#[test]
fn a_byte_order_mark_is_believed_before_the_declaration() {
    let utf8 = format!("\u{feff}{}", declared("ISO-8859-1"));
    let run = convert(&utf8);
    assert_eq!(spec(&run).username, NAME);
    warns(
        &run,
        "1:1: warning: the byte order mark says UTF-8, and the XML declaration `ISO-8859-1`; the mark is believed",
    );
    let run = convert(utf16(&format!("\u{feff}{}", declared("UTF-8")), u16::to_le_bytes));
    warns(
        &run,
        "1:1: warning: the byte order mark says UTF-16LE, and the XML declaration `UTF-8`; the mark is believed",
    );
    let run = convert(utf16(&format!("\u{feff}{}", declared("UTF-16LE")), u16::to_be_bytes));
    warns(
        &run,
        "1:1: warning: the byte order mark says UTF-16BE, and the XML declaration `UTF-16LE`; the mark is believed",
    );
}

#[test]
fn utf16_declared_over_utf8_bytes_is_an_error_that_says_so() {
    for label in ["UTF-16", "utf-16le", "UTF-16BE"] {
        breaks(
            declared(label),
            "1:1: error: the document declares UTF-16, but its bytes are of another encoding; correct the XML declaration, or say `--encoding utf-8`",
        );
    }
    is_jurgen(&told("utf-8", declared("UTF-16").as_bytes()));
}

#[test]
fn latin1_bytes_declared_as_utf8_are_an_error_with_place_byte_and_hint() {
    for text in [document("<?xml version='1.0'?>"), declared("UTF-8")] {
        breaks(
            latin1(&text),
            "2:18: error: byte 0xFC is not UTF-8; if the file is in the usual encoding of Western Windows, say `--encoding windows-1252`",
        );
        is_jurgen(&told("windows-1252", &latin1(&text)));
    }
}

#[test]
fn c1_bytes_declared_as_iso_8859_1_are_read_as_windows_1252_with_a_warning() {
    let bytes = |label: &str| {
        [format!("<?xml version='1.0' encoding='{label}'?><User><Username>ab").as_bytes(), b"\x80", REST].concat()
    };
    let run = convert(bytes("ISO-8859-1"));
    assert_eq!(spec(&run).username, "ab€");
    warns(
        &run,
        "1:1: warning: the document declares a part of ISO-8859, but contains byte 0x80; it is read as windows-1252",
    );
    assert_eq!(convert(bytes("windows-1252")).messages, [""; 0]);
}

#[test]
fn us_ascii_with_a_high_byte_is_an_error() {
    breaks(declared("US-ASCII"), "2:18: error: there is a character that is not US-ASCII");
    breaks(latin1(&declared("ascii")), "2:18: error: there is a character that is not US-ASCII");
}

#[test]
fn iso_8859_1_declared_over_utf8_is_converted_as_declared_with_a_warning() {
    let run = convert(declared("ISO-8859-1"));
    assert_eq!(spec(&run).username, "JÃ¼rgen");
    warns(&run, "1:1: warning: the document is read as windows-1252, as it declares, but all of it is valid UTF-8");
    is_jurgen(&told("utf-8", declared("ISO-8859-1").as_bytes()));
}

#[test]
fn unknown_encodings_are_an_error() {
    for label in ["UTF-7", "IBM037", "UTF-32", "x-unknown", "ISO-2022-CN", "x-user-defined"] {
        breaks(
            declared(label),
            &format!("1:1: error: the document declares the encoding `{label}`, which is not known"),
        );
    }
    breaks(b"\x4C\x6F\xA7\x94\x93", "1:1: error: this looks like EBCDIC");
    breaks(b"\xFF\xFE\0\0<\0\0\0", "1:1: error: this looks like UTF-32");
    breaks(b"\0\0\0<", "1:1: error: this looks like UTF-32");
    breaks(b"+ADw-User+AD4-", "1:1: error: there is text outside the root element");
}

#[test]
fn utf16_that_nothing_declares_is_an_error() {
    let text = document("");
    breaks(
        utf16(text.trim_start(), u16::to_le_bytes),
        "1:1: error: this looks like UTF-16LE, but neither a byte order mark",
    );
    breaks(
        utf16(&declared("UTF-8"), u16::to_be_bytes),
        "1:1: error: this looks like UTF-16BE, but the XML declaration says `UTF-8`",
    );
    breaks(
        utf16(&declared("UTF-16LE"), u16::to_be_bytes),
        "1:1: error: this looks like UTF-16BE, but the XML declaration says",
    );
    is_jurgen(&told("utf-16le", &utf16(text.trim_start(), u16::to_le_bytes)));
}

#[test]
fn bytes_that_are_no_text_are_an_error_and_never_a_replacement_character() {
    let sixteen = |text: &str| utf16(&format!("\u{feff}{text}"), u16::to_le_bytes);
    let mut odd = sixteen(&document("<?xml version='1.0'?>"));
    odd.push(b' ');
    breaks(odd, "2:64: error: the bytes that follow are not UTF-16LE");
    let mut lone = sixteen("<User><Username>a");
    lone.extend([0x00, 0xD8, b'b', 0]);
    breaks(lone, "1:18: error: the bytes that follow are not UTF-16LE");
    breaks(b"<User><Username>\xC0\xAF", "1:17: error: byte 0xC0 is not UTF-8");
    breaks(b"<User><Username>\xED\xA0\x80", "1:17: error: byte 0xED is not UTF-8");
    breaks(b"<User><Username>\xC3", "1:17: error: the file ends within a character");
    let start = "<?xml version='1.0' encoding='Shift_JIS'?><User><Username>a".as_bytes();
    breaks([start, b"\x8d"].concat(), "1:60: error: the bytes that follow are not Shift_JIS");
    breaks(sixteen("<User>\0</User>"), "1:7: error: the character U+0000 is not allowed in XML");
}

#[test]
fn compressed_files_are_named() {
    breaks(b"\x1F\x8B\x08\0\0\0", "1:1: error: this is a gzip file; unpack it first");
    breaks(b"PK\x03\x04\0\0", "1:1: error: this is a zip file; unpack it first");
}

#[test]
fn two_byte_order_marks_are_one_too_many() {
    breaks(format!("\u{feff}\u{feff}{GOOD}"), "1:1: error: there is a second byte order mark");
    breaks(
        utf16(&format!("\u{feff}\u{feff}{GOOD}"), u16::to_be_bytes),
        "1:1: error: there is a second byte order mark",
    );
    assert_eq!(told("utf-16be", &utf16(&format!("\u{feff}{GOOD}"), u16::to_be_bytes)).summary.written, 1);
}
