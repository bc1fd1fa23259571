//! Every rule of well-formed XML that the parser leaves to us, and the limits of a document. The numbers of the checks
//! are those of the table of checks (docs/convert.md).

use super::*;

#[test]
fn check_01_no_text_outside_the_root_element() {
    breaks(format!("{GOOD}\n\nx"), "3:1: error: there is text outside the root element");
    breaks(format!("x{GOOD}"), "1:1: error: there is text outside the root element");
    breaks(format!("{GOOD}&amp;"), "1:62: error: there is text outside the root element");
    breaks(format!("{GOOD}<![CDATA[]]>"), "1:62: error: there is text outside the root element");
    breaks(format!("\u{feff}\u{feff}{GOOD}"), "1:1: error: there is a second byte order mark");
    assert_eq!(convert(format!("{GOOD}\n<!-- x --><?y?>\n")).summary.written, 1);
}

#[test]
fn check_02_no_nul_behind_the_root_element() {
    breaks(format!("{GOOD}\n\0\0"), "2:1: error: the character U+0000 is not allowed in XML");
}

#[test]
fn check_03_the_declaration_stands_first() {
    for start in [" ", "\n", "<!-- x -->", "<?x?>"] {
        let run = convert(format!("{start}<?xml version='1.0'?>{GOOD}"));
        assert!(run.messages[0].contains("the XML declaration must stand at the very beginning"), "{:?}", run.messages);
        assert_eq!((run.summary.written, run.summary.broken), (0, 1));
    }
    assert_eq!(convert(format!("\u{feff}<?xml version='1.0'?>{GOOD}")).summary.written, 1);
}

#[test]
fn check_04_the_declaration_stands_once() {
    breaks(format!("<?xml version='1.0'?><?xml version='1.0'?>{GOOD}"), "1:22: error: the XML declaration must stand");
    breaks("<User><?xml version='1.0'?></User>", "1:7: error: the XML declaration must stand");
    breaks(
        format!("{GOOD}<?xml version='1.0'?>"),
        "1:62: error: a second document begins here; split the file, or say `--concatenated`",
    );
    breaks(
        format!("<?XML version='1.0'?>{GOOD}"),
        "1:1: error: the name of a processing instruction must not be `xml`",
    );
}

#[test]
fn check_05_the_version_is_1_0() {
    breaks(format!("<?xml version='2.0'?>{GOOD}"), "1:1: error: the document declares an XML version other than 1.0");
    let run = convert(format!("<?xml version='1.1'?>{GOOD}"));
    warns(&run, "1:1: warning: the document declares XML 1.1, and is read by the rules of XML 1.0");
}

#[test]
fn check_06_the_end_of_a_section_does_not_stand_in_text() {
    breaks("<User><FirstName>\na]]>b</FirstName></User>", "2:2: error: text must not contain `]]>`");
    let run = user("<FirstName>]]&gt;<![CDATA[]]]]><![CDATA[>]]></FirstName>");
    assert_eq!(spec(&run).first_name.as_deref(), Some("]]>]]>"));
}

#[test]
fn check_07_no_raw_control_characters() {
    for character in ('\u{0}'..=' ').filter(|character| !"\t\n\r ".contains(*character)) {
        let message = format!("1:18: error: the character U+{:04X} is not allowed in XML", u32::from(character));
        breaks(format!("<User><LastName>a{character}</LastName></User>"), &message);
    }
    assert_eq!(spec(&user("<LastName>a\tb\nc\r</LastName>")).last_name.as_deref(), Some("a\tb\nc\n"));
}

#[test]
fn check_08_no_raw_noncharacters_and_no_surrogates() {
    for character in ['\u{fffe}', '\u{ffff}'] {
        breaks(format!("<User><LastName>a{character}</LastName></User>"), "1:18: error: the character U+FFF");
    }
    for surrogate in [b"\xed\xa0\x80", b"\xed\xbf\xbf"] {
        let document = [b"<User><LastName>a".as_slice(), surrogate, b"</LastName></User>"].concat();
        breaks(document, "1:18: error: byte 0xED is not UTF-8");
    }
    assert_eq!(spec(&user("<LastName>\u{fffd}</LastName>")).last_name.as_deref(), Some("\u{fffd}"));
}

#[test]
fn check_09_references_stand_for_allowed_characters_only() {
    for reference in ["&#1;", "&#x1F;", "&#xFFFE;", "&#0;", "&#xD800;"] {
        let document = format!("<?xml version='1.1'?><User><LastName>a{reference}</LastName></User>");
        breaks(document, "1:39: error: this reference does not stand for a character that XML allows");
    }
    breaks("<User>&nbsp;</User>", "1:7: error: this entity is not known");
    breaks("<User>a & b</User>", "1:9: error: this `&` begins no complete reference");
    breaks("<User>a &amp b</User>", "1:9: error: this `&` begins no complete reference");
}

#[test]
fn check_10_attribute_values_have_no_less_than_sign() {
    breaks("<User\n a='1' b='x<y'/>", "2:12: error: an attribute value must not contain `<`");
    breaks("<User a='&x;'/>", "1:10: error: this entity is not known");
}

#[test]
fn check_11_names_start_like_names() {
    breaks("<User><1a/></User>", "1:8: error: this is not a name in XML");
    breaks("<User 1a='x'/>", "1:7: error: this is not a name in XML");
    breaks("<User>< a/></User>", "1:8: error: this is not a name in XML");
    breaks("<User><?1?></User>", "1:9: error: this is not a name in XML");
}

#[test]
fn check_12_a_document_in_ascii_has_no_other_characters() {
    let document = "<?xml version='1.0' encoding='US-ASCII'?>\n<User><Username>jürgen</Username></User>";
    breaks(document, "2:18: error: there is a character that is not US-ASCII");
    let run = convert("<?xml version='1.0' encoding='us-ascii'?><User><Username>j&#252;rgen</Username></User>");
    assert_eq!(spec(&run).username, "jürgen");
}

#[test]
fn tags_fit_together() {
    breaks("", "1:1: error: the document has no root element");
    breaks("<!-- x -->\n", "2:1: error: the document has no root element");
    breaks("<Users>\n<User>", "2:7: error: the file ends before the element that begins at 2:1 is closed");
    breaks("<User></Users>", "1:7: error: this end tag does not belong to the element that begins at 1:1");
    breaks("<User></User x='1'>", "1:7: error: this end tag does not belong to the element that begins at 1:1");
    breaks(format!("{GOOD}</User>"), "1:62: error: this end tag closes nothing");
    breaks("<User a='1' a='2'/>", "1:13: error: this attribute stands twice in one tag");
    let twice = "<User xmlns:x='u' xmlns:y='u' x:a='1' y:a='2'/>";
    breaks(twice, "1:39: error: this attribute stands twice in one tag");
    for reserved in ["http://www.w3.org/2000/xmlns/", "http://www.w3.org/XML/1998/namespace"] {
        let document = format!("<User xmlns='{reserved}'/>");
        breaks(document, "1:7: error: the namespaces of this element are malformed");
    }
    breaks("<User xmlns:p=''/>", "1:7: error: the namespaces of this element are malformed");
    breaks("<User a='1'b='2'/>", "1:12: error: this attribute is malformed");
    breaks("<User><FirstName", "1:7: error: this markup is not complete");
    breaks("<User><!-- x", "1:7: error: this markup is not complete");
    breaks("<User><![CDATA[ x", "1:7: error: this markup is not complete");
    breaks("<User><!-- a -- b --></User>", "1:7: error: a comment must not contain `--`");
    breaks("<User><!-- a ---></User>", "1:7: error: a comment must not contain `--`");
}

#[test]
fn limit_elements_nest_128_deep() {
    let nested =
        |depth| format!("<User><Username>jdoe</Username>{}{}</User>", "<a>".repeat(depth), "</a>".repeat(depth));
    assert_eq!(convert(nested(127)).summary.written, 1);
    breaks(nested(128), "1:413: error: elements are nested deeper than 128 levels");
}

#[test]
fn limit_a_tag_has_256_attributes() {
    let document = |count: usize| {
        let attributes: String =
            (0..count).flat_map(|number| [" a".to_owned(), number.to_string(), "='1'".to_owned()]).collect();
        format!("<User{attributes}><Username>jdoe</Username><Enabled>1</Enabled></User>")
    };
    assert_eq!(convert(document(256)).summary.written, 1);
    breaks(document(257), "1:2201: error: a tag has more than 256 attributes");
}

#[test]
fn limit_a_value_has_1_mib_and_a_user_4_mib() {
    let value = |length: usize| {
        format!(
            "<User><Username>jdoe</Username><Enabled>1</Enabled><Credentials><Credential><Type>password</Type>\
        <Temporary>0</Temporary><Value>{}</Value></Credential></Credentials></User>",
            "x".repeat(length)
        )
    };
    assert_eq!(convert(value(1024 * 1024)).summary.written, 1);
    breaks(value(1024 * 1024 + 1), "1:122: error: a value is longer than 1 MiB");
    breaks(value(2 * 1024 * 1024), "1:129: error: a piece of text, a tag or a comment is longer than 1 MiB");
    breaks(format!("<User>{}</User>", "<Phone/>".repeat(70_000)), "1:524295: error: a user is larger than 4 MiB");
    let many = format!("<Users>{}{GOOD}</Users>", "<Phone/>".repeat(70_000));
    assert_eq!(convert(many).summary.written, 1);
}

#[test]
fn limit_a_keycloak_user_has_512_kib() {
    let attributes = |count: usize| {
        let values = format!("<Value>{}</Value>", "x".repeat(2000)).repeat(26);
        let attribute = |number| format!("<Attribute><Name>n{number}</Name><Values>{values}</Values></Attribute>");
        format!("<Attributes>{}</Attributes>", (0..count).map(attribute).collect::<String>())
    };
    assert_eq!(user(&attributes(10)).summary.written, 1);
    rejects(&user(&attributes(11)), "1:7: error: the KeycloakUser would be larger than 512 KiB");
}

#[test]
fn hostile_documents_open_nothing_and_expand_nothing() {
    for document in [
        "<!DOCTYPE User [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><User><Username>&a;</Username></User>",
        "<!DOCTYPE User SYSTEM 'http://127.0.0.1:9/user.dtd'><User/>",
        "<!DOCTYPE User PUBLIC 'a' 'http://127.0.0.1:9/user.dtd'><User/>",
        "<!DOCTYPE User [<!ENTITY % p SYSTEM 'http://127.0.0.1:9/p'> %p;]><User/>",
        "<!DOCTYPE User [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><User><Username>&b;</Username></User>",
        "<!DOCTYPE User []><User/>",
        "<!doctype User><User/>",
        "<!DOCTYPEUser><User/>",
        "<!DOCTYPE User><!DOCTYPE User><User/>",
    ] {
        breaks(document, "1:");
    }
    breaks("<User/><!DOCTYPE User>", "1:8: error: a document type declaration may name the root element");
    let run = convert(format!("<!DOCTYPE User>\n{GOOD}"));
    assert_eq!((run.summary.written, run.messages.len()), (1, 0), "a bare one is no harm");
    let include = "<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='/etc/passwd'/>";
    warns(&user(include), "2:1: warning: the element `include` is not known, and is left out");
    let run = convert(format!("<?xml-stylesheet href='http://127.0.0.1:9/x.xsl'?>{GOOD}"));
    assert_eq!((run.summary.written, run.messages.len()), (1, 0));
}
