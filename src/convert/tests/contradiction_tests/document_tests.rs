//! Rows 21 to 32: what is around and between the users, and in all of them alike.

use super::*;

#[test]
fn row_21_an_element_that_stands_twice_says_the_same() {
    for (element, text) in [("Username", "JohnDoe"), ("Email", "j@example.com"), ("Value", "geheim"), ("Name", "a")] {
        let once = format!("<{element}>{text}</{element}>");
        let twice = with(&once, &format!("{once}{once}"));
        one_warning(&twice, &format!("`{element}` stands twice"));
        strict_refuses(twice, &format!("not `{element}`; correct it"));
        let other = with(&once, &format!("{once}<{element}>other</{element}>"));
        refused(other, &format!("error: `{element}` stands twice, with different text; remove one"));
    }
}

#[test]
fn row_22_unknown_elements_and_xml_attributes_are_skipped_with_one_warning_a_name() {
    let document = with("<FirstName>", "<Phone a='1'>1<x><Username>eve</Username></x></Phone><Phone/><FirstName>");
    assert_eq!(
        one_warning(&document, "1:35: warning: the element `Phone` is not known, and is left out").username,
        "JohnDoe"
    );
    strict_refuses(document, "`FirstName` must stand here within User, not `Phone`");
    let document = with("<Email>", "<Email\n kind='work'>").replace("<Attributes>", "<Attributes kind='x'>");
    one_warning(&document, "2:2: warning: the XML attribute `kind` is not known, and is left out");
    strict_refuses(document, "2:2: error: by the schema, the XML attribute `kind` is not allowed");
    let document = format!("<Users>{FULL}<Group><Name>x</Name></Group></Users>");
    one_warning(&document, "the element `Group` is not known");
    let run = strictly(document);
    assert_eq!((run.summary.written, run.summary.failed), (1, 1), "{:?}", run.messages);
}

#[test]
fn row_23_text_between_elements_is_left_out() {
    let document = with("<Attributes>", "<Attributes>x &amp; y<!-- z -->");
    one_warning(&document, "warning: there is text between the elements of `Attributes`, which is left out");
    strict_refuses(document, "error: by the schema, there is text between the elements of `Attributes`");
    strict_takes(with("<Attributes>", "<Attributes> <!-- z -->\n<?x?>"));
}

#[test]
fn row_24_an_element_within_a_value_is_an_error() {
    let document = with("<FirstName>John", "<FirstName>J<b>o</b>hn");
    refused(&document, "1:47: error: `FirstName` contains an element where only text can be");
    strict_refuses(document, "`FirstName` contains an element where only text can be");
    refused(with("geheim", "ge<b>hei</b>m"), "`Value` contains an element where only text can be");
}

#[test]
fn row_25_several_users_stand_in_users() {
    let document = format!("<Users>{FULL}{}</Users>", FULL.replace("JohnDoe", "JaneDoe"));
    let lenient = convert(&document);
    assert_eq!((lenient.summary.written, lenient.messages.len()), (2, 0));
    let bad = FULL.replace("JohnDoe", "jim doe").replace("<Enabled>true</Enabled>", "");
    let run = strictly(document.replace("</Users>", &format!("{bad}</Users>")));
    assert_eq!((run.summary.written, run.summary.failed), (2, 1), "each User is checked: {:?}", run.messages);
    strict_refuses(format!("{FULL}{FULL}"), "a second root element begins here");
}

#[test]
fn row_26_the_root_is_user_or_users() {
    for root in ["Username", "Attributes", "Credential", "Value"] {
        let document = format!("<{root}>a</{root}>");
        let words = format!("1:1: error: the root element is `{root}`, but only `User` and `Users` are converted");
        refused(&document, &words);
        strict_refuses(document, &words);
    }
}

#[test]
fn row_27_namespaces_are_read_by_local_names_with_one_warning() {
    let words = "the elements are in a namespace; they are recognised by their local names";
    for document in [
        with("<User>", "<User xmlns='urn:x'>"),
        "<x:User xmlns:x='urn:x'><x:Username>JohnDoe</x:Username><Enabled>true</Enabled></x:User>".to_owned(),
    ] {
        assert_eq!(one_warning(&document, words).username, "JohnDoe");
        strict_refuses(document, "the elements are in a namespace, which the schema does not have");
    }
    let document = with("<FirstName>", "<y:Email xmlns:y='urn:y'>a@b</y:Email><FirstName>");
    one_warning(&document, "the element `Email` is not known");
    strict_refuses(document, "`FirstName` must stand here");
}

#[test]
fn row_27_attributes_of_schemas_are_no_fault() {
    let xsi = "xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xmlns:xs='http://www.w3.org/2001/XMLSchema'";
    for (attribute, is_valid) in [
        ("xsi:noNamespaceSchemaLocation='user.xsd'", true),
        ("xsi:schemaLocation='a b'", true),
        ("xsi:nil='false'", false),
        ("xsi:type='xs:string'", false),
    ] {
        let document = with("<User>", &format!("<User {xsi} {attribute}>"));
        silent(&document);
        if is_valid { drop(strict_takes(document)) } else { strict_refuses(document, "is not allowed") }
    }
    let typed = |type_: &str| {
        with("<User>", &format!("<User {xsi}>")).replace("<Email>", &format!("<Email xsi:type='{type_}'>"))
    };
    strict_takes(typed("xs:string"));
    strict_refuses(typed("xs:integer"), "the XML attribute `xsi:type` is not allowed");
    strict_refuses(with("<Email>", "<Email xml:space='preserve'>"), "the XML attribute `xml:space` is not allowed");
}

#[test]
fn row_28_usernames_that_differ_by_case_are_one_user() {
    let twin = FULL.replace("JohnDoe", "johndoe");
    let run = convert(format!("<Users>{FULL}\n{twin}</Users>"));
    assert_eq!((run.summary.written, run.summary.failed), (1, 1));
    assert!(run.manifests.contains("\n  username: JohnDoe\n"), "{}", run.manifests);
    assert!(run.messages[0].starts_with("a.xml:2:7: error: an earlier user has the object name `johndoe` already"));
}

#[test]
fn row_29_a_line_feed_in_a_username_cannot_be_declared_and_is_escaped() {
    let document = with("JohnDoe", "John\nDoe");
    refused(&document, "1:7: error: spec.username must not contain control characters");
    strict_refuses(&document, "`Username` must be a name in XML");
    let run = convert(format!("<Users>{FULL}{}</Users>", with("JohnDoe", "service-account-a\nb")));
    assert!(run.messages.iter().any(|message| message.contains("`service-account-a\\u{a}b`")), "{:?}", run.messages);
    assert!(run.messages.iter().all(|message| !message.contains('\n')));
    assert_eq!(super::spec(&strict_takes(with("JohnDoe", "\n JohnDoe "))).username, "JohnDoe", "NCName collapses");
}

#[test]
fn row_30_the_desire_of_a_user_for_a_name_has_no_meaning() {
    assert_eq!(silent(with("JohnDoe", "desired")).username, "desired");
}

#[test]
fn row_31_names_of_elements_keep_their_case() {
    refused(
        "<user/>",
        "1:1: error: the root element is `user`, but only `User` and `Users` are converted: did you mean `User`?",
    );
    refused("<USERS/>", "did you mean `Users`?");
    let document = FULL.replace("Enabled>", "enabled>");
    refused(&document, "error: `enabled` is not known: did you mean `Enabled`?");
    strict_refuses(document, "`Enabled` must stand here within User, not `enabled`");
    let run = convert(format!("<Users><user/>{FULL}</Users>"));
    assert_eq!((run.summary.written, run.summary.failed), (1, 1));
    assert_eq!(run.messages, ["a.xml:1:8: error: `user` is not known: did you mean `User`?"]);
}

#[test]
fn row_32_passwords_are_in_no_message() {
    let secret = "hunter2";
    for credential in betraying(secret) {
        let document = with(
            "<Credential><Type>password</Type><Value>geheim</Value><Temporary>false</Temporary>",
            &format!("<Credential>{credential}"),
        );
        for run in [convert(&document), strictly(&document)] {
            assert!(!format!("{:?}", run.messages).contains(secret), "{:?}", run.messages);
            assert!(!run.messages.is_empty());
        }
    }
}
