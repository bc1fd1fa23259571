//! Documents and texts that nobody means well: no password is told, no text is changed, nothing panics.

use super::*;

#[test]
fn passwords_are_in_no_message() {
    let secret = "hunter2";
    for credential in betraying(secret) {
        let run = credentials(&format!("<Credential>{credential}</Credential>"));
        assert!(!format!("{:?}", run.messages).contains(secret), "{:?}", run.messages);
        assert!(!run.messages.is_empty());
    }
}

#[test]
fn hostile_strings_survive() {
    for text in [
        "No",
        "y",
        "NULL",
        "~",
        "1_000",
        "0x1F",
        "0o17",
        "1:30",
        "2001-01-01",
        ".5",
        "1e3",
        "---",
        "--- a",
        "a\n---\nb",
        "...",
        "- a",
        "? a",
        "a: b",
        "a #b",
        "#a",
        "&a",
        "*a",
        "!a",
        "|",
        ">",
        "%a",
        "@a",
        "`a`",
        "'",
        "\"",
        "\\",
        "{a}",
        "[a]",
        "<<",
        "=",
        " a",
        "a ",
        "\ta",
        "\t\na",
        "a\t",
        "a\nb",
        "\na\n\n",
        "a\rb",
        "\u{85}",
        "\u{2028}",
        "\u{2029}",
        "\u{7f}",
        "\u{9b}",
        "\u{feff}a",
        "\u{202e}a",
        "\u{200b}",
        "\u{a0}",
        "😀",
        "e\u{301}",
        "山田",
        "{{ .Values.x }}",
    ] {
        assert_survives(text);
    }
}

/// Sends a text through XML and YAML, as password, name and value of an attribute, and last name.
pub(super) fn assert_survives(text: &str) {
    let references: Vec<String> = text.chars().map(|c| format!("&#{};", u32::from(c))).collect();
    let xml = references.concat();
    let named: String = if text.chars().any(|c| c.is_ascii_control()) { "name".to_owned() } else { xml.clone() };
    let run = user(&format!(
        "<LastName>{xml}</LastName><Attributes><Attribute><Name>{named}</Name><Values><Value>x{xml}</Value></Values></Attribute>\
         </Attributes><Credentials><Credential><Type>password</Type><Value>{xml}x</Value><Temporary>0</Temporary></Credential></Credentials>"
    ));
    let spec = spec(&run);
    assert_eq!(spec.last_name.as_deref().unwrap_or_default(), text);
    assert_eq!(spec.attributes[0].values, [format!("x{text}")]);
    assert!(named == "name" || spec.attributes[0].name == text);
    assert_eq!(password(&run), Some(format!("{text}x")));
}

proptest! {
    #[test]
    fn every_text_survives(text in "[ -~]{1,12}|[a-z0-9:#\n\t -]{1,30}|\\PC{1,20}") {
        prop_assume!(!text.trim().is_empty() && !["username", "email", "firstName", "lastName"].contains(&text.as_str()));
        assert_survives(&text);
    }

    #[test]
    fn no_bytes_make_the_converter_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        convert(bytes);
    }

    #[test]
    fn no_markup_makes_the_converter_panic_and_the_size_of_reads_does_not_matter(
        pieces in proptest::collection::vec(piece(), 0..30),
        step in 1usize..5,
    ) {
        let document = format!("<Users>{}", pieces.concat());
        let whole = convert(&document);
        let mut trickle = Trickle(document.as_bytes(), step);
        prop_assert_eq!(run(&mut [("a.xml", &mut trickle)], Options::default()), whole);
    }
}

fn piece() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "<User>",
        "</User>",
        "</Users>",
        "<Users>",
        "<Username>",
        "</Username>",
        "jdoe",
        "<Enabled>true</Enabled>",
        "<",
        ">",
        "&",
        ";",
        "&amp;",
        "&#10;",
        "<!--",
        "-->",
        "--",
        "<![CDATA[",
        "]]>",
        "]",
        "<?",
        "?>",
        "<?xml version='1.0'?>",
        " a='1'",
        "<a b=\"",
        "\"",
        "'",
        "/>",
        "\r\n",
        "\r",
        "ü",
        "\u{0}",
        "<!DOCTYPE",
        "<Attributes>",
        "</Attributes>",
        "<Attribute>",
        "<Name>x</Name>",
        "<Value>1</Value>",
        "<Credentials><Credential>",
        "xmlns='x'",
        "<x:y",
        " xmlns:x='z'",
        "!",
        "-",
        "<User><Username>anna</Username></User>",
        "<User><Username>bert</Username></User>",
    ])
}
