//! Conversions from end to end: bytes in, manifests and messages out.

use std::io::{self, Read, Write};

use proptest::prelude::*;
use serde::Deserialize;

use super::{ConvertError, Converter, Diagnostic, Options, Summary};
use crate::api::{KeycloakUserSpec, desired_user};

/// What a run gave.
#[derive(Debug, PartialEq)]
struct Run {
    manifests: String,
    messages: Vec<String>,
    summary: Summary,
}

fn run(files: &mut [(&str, &mut dyn Read)], options: Options) -> Run {
    let mut manifests = Vec::new();
    let mut messages = Vec::new();
    let report = |file: &str, found: &Diagnostic| messages.push(found.in_file(file).to_string());
    let mut converter = Converter::new(options, &mut manifests, report).unwrap();
    for (file, input) in files {
        converter.convert(file, input).unwrap();
    }
    let summary = converter.finish().unwrap();
    assert_eq!(summary.read, summary.written + summary.failed, "the counts add up");
    Run { manifests: String::from_utf8(manifests).unwrap(), messages, summary }
}

fn convert(document: impl AsRef<[u8]>) -> Run {
    run(&mut [("a.xml", &mut document.as_ref())], Options::default())
}

/// Converts one user with a username, enabled, and whatever is given.
fn user(content: &str) -> Run {
    convert(format!("<User><Username>jdoe</Username><Enabled>true</Enabled>\n{content}</User>"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    kind: String,
    spec: Option<KeycloakUserSpec>,
    string_data: Option<std::collections::BTreeMap<String, String>>,
}

/// Reads the manifests back, cut where `kubectl` cuts them.
fn read_back(manifests: &str) -> Vec<Manifest> {
    let mut documents: Vec<String> = Vec::new();
    for line in manifests.split_inclusive('\n') {
        match documents.last_mut() {
            _ if line.trim_end() == "---" => documents.push(String::new()),
            Some(document) => document.push_str(line),
            None => panic!("something stands in front of the first separator: {line}"),
        }
    }
    documents.iter().map(|document| serde_saphyr::from_str(document).unwrap()).collect()
}

fn spec(run: &Run) -> KeycloakUserSpec {
    assert_eq!((run.summary.written, run.summary.failed, run.summary.broken), (1, 0, 0), "{:?}", run.messages);
    let spec = read_back(&run.manifests).pop().unwrap().spec.unwrap();
    assert!(desired_user(&spec).is_ok());
    spec
}

fn password(run: &Run) -> Option<String> {
    let mut documents = read_back(&run.manifests);
    let user = documents.pop().unwrap();
    assert_eq!(user.kind, "KeycloakUser");
    let secret = documents.pop().map(|secret| {
        assert_eq!(secret.kind, "Secret");
        secret.string_data.unwrap().remove("password").unwrap()
    });
    assert_eq!(user.spec.unwrap().credentials.len(), usize::from(secret.is_some()));
    secret
}

/// Asserts that the user is converted, with this one warning.
fn warns(run: &Run, message: &str) {
    assert!(run.summary.is_complete(), "{:?}", run.messages);
    assert_eq!(run.messages, [format!("a.xml:{message}")]);
    assert_eq!((run.summary.written, run.summary.warnings), (1, 1));
}

/// Asserts that the only user is left out, and the file read to its end.
fn rejects(run: &Run, message: &str) {
    let start = format!("a.xml:{message}");
    assert!(run.messages.iter().any(|found| found.starts_with(&start)), "{:?}", run.messages);
    assert_eq!((run.manifests.as_str(), run.summary.failed, run.summary.broken), ("", 1, 0), "{:?}", run.messages);
    assert!(!run.summary.is_complete());
}

/// Asserts that the document is refused there, and nothing is written.
fn breaks(document: impl AsRef<[u8]>, message: &str) {
    let run = convert(document);
    let start = format!("a.xml:{message}");
    assert!(run.messages.iter().any(|found| found.starts_with(&start)), "{:?} instead of {message}", run.messages);
    assert_eq!((run.manifests.as_str(), run.summary.broken), ("", 1), "{:?}", run.messages);
    assert!(!run.summary.is_complete());
}

const GOOD: &str = "<User><Username>jdoe</Username><Enabled>true</Enabled></User>";

// Whole documents.

#[test]
fn the_example_of_the_schema_becomes_a_secret_and_a_user() {
    let run = convert(include_bytes!("../../tests/data/convert/example.xml"));
    assert_eq!(run.manifests, include_str!("../../tests/data/convert/example.yaml"));
    assert_eq!(run.messages, [""; 0]);
    assert_eq!(run.summary, Summary { files: 1, read: 1, written: 1, ..Summary::default() });
}

#[test]
fn an_export_becomes_users_without_secrets() {
    let run = convert(include_bytes!("../../tests/data/convert/export.xml"));
    assert_eq!(run.manifests, include_str!("../../tests/data/convert/export.yaml"));
    assert_eq!(
        run.messages,
        [
            "a.xml:11:9: warning: Keycloak's default profile refuses a character of this LastName",
            "a.xml:24:9: warning: Keycloak's default profile refuses usernames of less than 3 characters: `no`"
        ]
    );
}

#[test]
fn namespace_and_connection_are_written_when_given() {
    let options =
        Options { namespace: Some("people".to_owned()), connection: Some("staff".to_owned()), ..Options::default() };
    let document = "<User><Username>jdoe</Username><Enabled>1</Enabled><Credentials><Credential><Type>password</Type>\
        <Value>x</Value><Temporary>1</Temporary></Credential></Credentials></User>";
    let run = run(&mut [("-", &mut document.as_bytes())], options);
    assert_eq!(run.manifests.matches("  namespace: people\n").count(), 2);
    assert_eq!(spec(&run).connection_ref.name, "staff");
    assert_eq!(spec(&run).credentials[0].temporary, Some(true));
}

#[test]
fn the_default_connection_is_left_out() {
    assert!(!convert(GOOD).manifests.contains("connectionRef"));
}

#[test]
fn options_that_kubernetes_would_refuse_are_a_usage_error() {
    for (namespace, connection) in [(Some("A"), None), (Some("a.b"), None), (None, Some("a_b")), (None, Some(""))] {
        let options = Options {
            namespace: namespace.map(str::to_owned),
            connection: connection.map(str::to_owned),
            ..Options::default()
        };
        let error = Converter::new(options, Vec::new(), |_: &str, _: &Diagnostic| ()).err().unwrap();
        assert!(error.is_usage(), "{error}");
    }
}

#[test]
fn a_file_that_cannot_be_opened_is_counted() {
    let mut messages = Vec::new();
    let report = |file: &str, found: &Diagnostic| messages.push(found.in_file(file).to_string());
    let mut converter = Converter::new(Options::default(), Vec::new(), report).unwrap();
    converter.unreadable("b.xml", &io::Error::from(io::ErrorKind::NotFound));
    let summary = converter.finish().unwrap();
    assert_eq!((summary.files, summary.broken, summary.is_complete()), (1, 1, false));
    assert_eq!(messages, ["b.xml: error: the file cannot be opened: entity not found"]);
}

#[test]
fn a_file_that_cannot_be_read_on_is_broken_where_reading_stopped() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("disk on fire"))
        }
    }
    let mut input = b"<Users>\n".chain(Failing);
    let run = run(&mut [("a.xml", &mut input)], Options::default());
    assert_eq!(run.messages, ["a.xml:2:1: error: the file cannot be read: disk on fire"]);
}

#[test]
fn a_closed_pipe_can_be_told_from_other_failures() {
    struct Closed(io::ErrorKind);
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let fail = |kind| {
        let mut converter = Converter::new(Options::default(), Closed(kind), |_: &str, _: &Diagnostic| ()).unwrap();
        converter.convert("a.xml", &mut GOOD.as_bytes()).unwrap_err()
    };
    assert!(fail(io::ErrorKind::BrokenPipe).is_closed_pipe());
    let full = fail(io::ErrorKind::StorageFull);
    assert!(!full.is_closed_pipe() && matches!(full, ConvertError::Output(_)));
}

#[test]
fn a_faulty_user_or_file_does_not_stop_the_others() {
    let one = "<Users><User><Username>anna</Username><Enabled>maybe</Enabled></User>\
        <User><Username>bert</Username><Enabled>true</Enabled></User></Users>";
    let two = "<Users><User><Username>carl</Username><Enabled>true</Enabled></User><User></Users>";
    let mut files: [(&str, &mut dyn Read); 3] =
        [("1.xml", &mut one.as_bytes()), ("2.xml", &mut two.as_bytes()), ("3.xml", &mut GOOD.as_bytes())];
    let run = run(&mut files, Options::default());
    let summary = Summary { files: 3, read: 4, written: 3, failed: 1, broken: 1, warnings: 0 };
    assert_eq!(run.summary, summary);
    assert_eq!(summary.to_string(), "users: 4 read, 3 written, 1 failed; files: 3 read, 1 broken; warnings: 0");
    for name in ["bert", "carl", "jdoe"] {
        assert!(run.manifests.contains(&format!("\n  username: {name}\n")), "{}", run.manifests);
    }
    assert_eq!(
        run.messages,
        [
            "1.xml:1:39: error: `Enabled` must be true or false",
            "2.xml:1:75: error: this end tag does not belong to the element that begins at 1:69; correct one of the two, \
            and write `<` in text as `&lt;`",
        ]
    );
}

#[test]
fn a_single_user_is_written_only_when_the_whole_document_is_sound() {
    breaks(format!("{GOOD}{GOOD}"), "1:62: error: a second root element begins here");
}

#[test]
fn the_second_of_two_users_that_differ_by_case_is_an_error() {
    let twin = "<User>\n<Username>JDoe</Username><Enabled>true</Enabled></User>";
    let mut files: [(&str, &mut dyn Read); 2] = [("1.xml", &mut GOOD.as_bytes()), ("2.xml", &mut twin.as_bytes())];
    let run = run(&mut files, Options::default());
    assert_eq!((run.summary.written, run.summary.failed), (1, 1));
    assert!(run.messages[0].starts_with("2.xml:2:1: error: an earlier user has the object name `jdoe` already"));
}

#[test]
fn a_user_that_failed_takes_no_name() {
    let run = convert(format!("<Users><User><Username>jdoe</Username><Enabled>x</Enabled></User>{GOOD}</Users>"));
    assert_eq!((run.summary.written, run.summary.failed), (1, 1));
}

// Leniency, row by row of the decisions on prose against schema.

#[test]
fn only_the_username_is_required_and_a_missing_enabled_is_written_out() {
    let document = "<Users><User><Username>anna</Username></User><User><Username>bert</Username></User></Users>";
    let run = run(&mut [("a.xml", &mut document.as_bytes())], Options { default_enabled: false, ..Options::default() });
    assert_eq!(run.manifests.matches("  enabled: false\n").count(), 2);
    assert_eq!(
        run.messages,
        ["a.xml:1:8: warning: Enabled is missing; false is written out, for this user and all others without it"]
    );
    assert_eq!(spec(&convert("<User><Username>anna</Username></User>")).enabled, Some(true));
}

#[test]
fn usernames_are_kept_and_warned_of_when_the_default_profile_refuses_them() {
    let named = |name: &str| convert(format!("<User><Username>{name}</Username><Enabled>1</Enabled></User>"));
    for name in ["john@example.com", "4711", "JohnDoe", "佐藤さん"] {
        let run = named(name);
        assert_eq!((spec(&run).username.as_str(), run.messages.len()), (name, 0));
    }
    warns(&named("j doe"), "1:7: warning: Keycloak's default profile refuses a character of the username `j doe`");
    warns(&named("al"), "1:7: warning: Keycloak's default profile refuses usernames of less than 3 characters: `al`");
    assert_eq!(spec(&named(" j:doe ")).username, " j:doe ");
}

#[test]
fn names_of_persons_are_free_text() {
    for name in ["von der Leyen", "O'Brien", "Mary Jane", "𠮷田"] {
        let run = user(&format!("<FirstName>{name}</FirstName>"));
        assert_eq!((spec(&run).first_name.as_deref(), run.messages.len()), (Some(name), 0));
    }
    let run = user("<LastName>Doe (Ext)</LastName>");
    warns(&run, "2:1: warning: Keycloak's default profile refuses a character of this LastName");
}

#[test]
fn empty_elements_mean_absent() {
    let run = user(
        "<FirstName/><LastName></LastName><Email></Email><EmailVerified> </EmailVerified><Attributes/><Credentials/>",
    );
    let spec = spec(&run);
    assert_eq!((spec.first_name, spec.last_name, spec.email, spec.email_verified), (None, None, None, None));
    assert_eq!(run.messages, [""; 0]);
}

#[test]
fn a_user_without_username_cannot_be_converted() {
    for document in ["<User></User>", "<User><Username/></User>", "<User><Id>1</Id><Enabled>true</Enabled></User>"] {
        rejects(
            &convert(document),
            "1:1: error: the user has no Username, and cannot be converted without one; add it",
        );
    }
    rejects(&convert("<User>\n<Username> \t</Username></User>"), "2:1: error: spec.username must not be blank");
}

#[test]
fn email_addresses_are_trimmed_and_looked_at() {
    let run = user("<Email> a@example.com\n</Email>");
    warns(&run, "2:1: warning: white space around the Email is removed");
    assert_eq!(spec(&run).email.as_deref(), Some("a@example.com"));
    for email in ["example.com", "a b@example.com"] {
        let run = user(&format!("<Email>{email}</Email>"));
        warns(&run, "2:1: warning: this Email is not an e-mail address: it has no `@`, or white space");
        assert_eq!(spec(&run).email.as_deref(), Some(email));
    }
}

#[test]
fn truth_values_are_those_of_the_schema_and_upper_case_with_a_warning() {
    for (text, value) in [("true", true), ("1", true), ("false", false), ("0", false), ("\n true \n", true)] {
        let run = user(&format!("<EmailVerified>{text}</EmailVerified>"));
        assert_eq!((spec(&run).email_verified, run.messages.len()), (Some(value), 0));
    }
    let run = user("<EmailVerified>True</EmailVerified>");
    warns(&run, "2:1: warning: `EmailVerified` is taken for true or false; write it in lower case");
    rejects(&user("<EmailVerified>yes</EmailVerified>"), "2:1: error: `EmailVerified` must be true or false");
    rejects(&user("<EmailVerified>t\u{2}ue</EmailVerified>".replace('\u{2}', "&#114;&amp;").as_str()), "2:1: error");
}

#[test]
fn attributes_without_values_or_without_everything_are_dropped_with_a_warning() {
    let attribute = |content: &str| user(&format!("<Attributes><Attribute>{content}</Attribute></Attributes>"));
    for content in
        ["<Name>a</Name><Values/>", "<Name>a</Name>", "<Name>a</Name><Values><Value/><Value> </Value></Values>"]
    {
        warns(&attribute(content), "2:13: warning: the attribute `a` has no values, and is left out");
    }
    for content in ["", "<Name/><Values><Value/></Values>"] {
        warns(&attribute(content), "2:13: warning: an attribute without name and values is left out");
    }
    let run = attribute("<Name>a</Name><Values><Value>1</Value><Value/></Values>");
    warns(&run, "2:62: warning: a blank value of the attribute `a` is left out, as Keycloak would");
    assert_eq!(spec(&run).attributes[0].values, ["1"]);
    let run = attribute("<Values><Value>1</Value></Values>");
    rejects(&run, "2:13: error: an attribute has values but no Name; add it");
}

#[test]
fn attributes_of_one_name_are_joined_in_order_with_a_warning() {
    let one = |values: &str| format!("<Attribute><Name>a b</Name><Values>{values}</Values></Attribute>");
    let run = user(&format!(
        "<Attributes>{}\n{}</Attributes>",
        one("<Value>2</Value><Value>3</Value>"),
        one("<Value>1</Value>")
    ));
    warns(&run, "3:1: warning: the attribute `a b` stands twice; the values are joined");
    assert_eq!(spec(&run).attributes[0].values, ["2", "3", "1"]);
}

fn credentials(content: &str) -> Run {
    user(&format!("<Credentials>{content}</Credentials>"))
}

const PASSWORD: &str =
    "<Credential><Type>password</Type><Value>geheim</Value><Temporary>false</Temporary></Credential>";

#[test]
fn two_passwords_are_an_error_and_other_types_are_dropped_with_a_warning() {
    rejects(
        &credentials(&format!("{PASSWORD}\n{PASSWORD}")),
        "3:1: error: the user has two passwords; remove one Credential",
    );
    let run = credentials(&format!("{PASSWORD}<Credential><Type>otp</Type><Value>geheim</Value></Credential>"));
    warns(&run, "2:109: warning: a Credential whose Type is not `password` is left out");
    assert_eq!(password(&run).as_deref(), Some("geheim"));
}

#[test]
fn a_type_in_upper_case_or_none_is_a_password_with_a_warning() {
    let typed = |type_: &str| credentials(&PASSWORD.replace("<Type>password</Type>", type_));
    warns(&typed(""), "2:14: warning: a Credential has no Type, and is taken for a password");
    warns(&typed("<Type/>"), "2:14: warning: a Credential has no Type, and is taken for a password");
    let run = typed("<Type>Password</Type>");
    warns(&run, "2:14: warning: the Type of a Credential is taken for `password`; write it in lower case");
    assert_eq!(password(&run).as_deref(), Some("geheim"));
}

#[test]
fn a_blank_password_makes_no_secret_but_a_warning() {
    for value in ["<Value/>", "<Value> \n</Value>", ""] {
        let run = credentials(&PASSWORD.replace("<Value>geheim</Value>", value));
        warns(&run, "2:14: warning: the password is blank, which Keycloak refuses; no Secret is written");
        assert_eq!(password(&run), None);
    }
}

#[test]
fn a_missing_temporary_is_false_with_a_warning() {
    let run = credentials(&PASSWORD.replace("<Temporary>false</Temporary>", ""));
    warns(&run, "2:14: warning: a Credential has no Temporary; false is written");
    assert_eq!(spec(&run).credentials[0].temporary, Some(false));
    rejects(&credentials(&PASSWORD.replace("false", "geheim")), "2:68: error: `Temporary` must be true or false");
}

#[test]
fn an_element_twice_must_say_the_same() {
    let run = user("<Username>jdoe</Username>");
    warns(&run, "2:1: warning: `Username` stands twice");
    rejects(&user("<Username>jane</Username>"), "2:1: error: `Username` stands twice, with different text; remove one");
    let twice =
        |second: &str| credentials(&PASSWORD.replace("<Temporary>", &format!("<Value>{second}</Value><Temporary>")));
    warns(&twice("geheim"), "2:68: warning: `Value` stands twice");
    rejects(&twice("anders"), "2:68: error: `Value` stands twice");
}

#[test]
fn unknown_elements_and_attributes_are_named_once_and_skipped() {
    let run = user("<Phone a='1'>1<x><Username>eve</Username></x></Phone><Phone/>");
    warns(&run, "2:1: warning: the element `Phone` is not known, and is left out");
    assert_eq!(spec(&run).username, "jdoe");
    let run = user("<Email\n kind='work'>a@b</Email><Attributes kind='x'/>");
    warns(&run, "3:2: warning: the XML attribute `kind` is not known, and is left out");
}

#[test]
fn an_element_in_the_wrong_place_does_not_count() {
    let run = user("<access><entry><key>a</key><value>true</value></entry></access><Value>x</Value><Name>y</Name>");
    assert_eq!(run.messages.len(), 2);
    assert_eq!(spec(&run).username, "jdoe");
    let run = user("<Attributes><Username>eve</Username></Attributes>");
    warns(&run, "2:13: warning: the element `Username` is not known, and is left out");
}

#[test]
fn text_between_elements_is_warned_of() {
    let run = user("<Attributes>x &amp; y<!-- z --></Attributes>");
    warns(&run, "2:13: warning: there is text between the elements of `Attributes`, which is left out");
}

#[test]
fn an_element_within_a_value_rejects_the_user() {
    rejects(
        &user("<FirstName>J<b>o</b>e</FirstName>"),
        "2:13: error: `FirstName` contains an element where only text can be",
    );
}

#[test]
fn only_user_and_users_are_converted() {
    breaks(
        "<user/>",
        "1:1: error: the root element is `user`, but only `User` and `Users` are converted: did you mean `User`?",
    );
    breaks(
        "<USERS/>",
        "1:1: error: the root element is `USERS`, but only `User` and `Users` are converted: did you mean `Users`?",
    );
    breaks("<!-- x -->\n<Username>a</Username>", "2:1: error: the root element is `Username`");
    breaks(
        "<entity-engine-xml/>",
        "1:1: error: the root element is `entity-engine-xml`, but only `User` and `Users` are converted; a backup of Jira",
    );
    breaks(
        "<Group/>",
        "1:1: error: the root element is `Group`, but only `User` and `Users` are converted; this document describes no user",
    );
}

#[test]
fn names_in_the_wrong_case_are_not_passed_over() {
    rejects(&user("<enabled>false</enabled>"), "2:1: error: `enabled` is not known: did you mean `Enabled`?");
    let run = convert(format!("<Users><user/>{GOOD}</Users>"));
    assert_eq!((run.summary.written, run.summary.failed), (1, 1));
    assert_eq!(run.messages, ["a.xml:1:8: error: `user` is not known: did you mean `User`?"]);
}

#[test]
fn users_within_users_are_not_passed_over() {
    rejects(&user(GOOD), "2:1: error: `User` cannot stand within a user");
    rejects(
        &convert(format!("<Users><Users>{GOOD}</Users></Users>")),
        "1:8: error: `Users` cannot stand within `Users`",
    );
}

#[test]
fn namespaced_documents_are_read_by_local_names_with_one_warning() {
    for document in [
        "<User xmlns='urn:x'><Username>jdoe</Username><Enabled>true</Enabled></User>",
        "<x:User xmlns:x='urn:x'><x:Username>jdoe</x:Username><Enabled>true</Enabled></x:User>",
    ] {
        warns(
            &convert(document),
            "1:1: warning: the elements are in a namespace; they are recognised by their local names",
        );
    }
    let run = convert(
        "<User xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:noNamespaceSchemaLocation='user.xsd'>\
        <Username>jdoe</Username><Enabled xsi:type='x'>true</Enabled></User>",
    );
    assert_eq!((run.summary.written, run.messages.len()), (1, 0));
}

#[test]
fn elements_of_another_namespace_are_not_passed_over() {
    rejects(
        &user("<y:Email xmlns:y='urn:y'>a@b</y:Email>"),
        "2:1: error: `Email` is in a namespace other than that of the root",
    );
    let run = convert("<Users><User xmlns='urn:y'><Username>jdoe</Username></User></Users>");
    rejects(&run, "1:8: error: `User` is in a namespace other than that of the root element");
    breaks("<User><y:Email/></User>", "1:8: error: this prefix is bound to no namespace");
    breaks("<User y:a='1'/>", "1:7: error: this prefix is bound to no namespace");
    breaks("<User xmlns:xml='urn:y'/>", "1:1: error: the namespaces of this element are malformed");
}

#[test]
fn control_characters_in_a_username_reject_the_user_and_are_escaped() {
    rejects(
        &convert("<User><Username>j\u{7f}doe</Username></User>"),
        "1:7: error: spec.username must not contain control characters",
    );
    let run = convert("<User><Username>j&#10;doe</Username></User>");
    rejects(&run, "1:7: error: spec.username must not contain control characters");
    assert!(run.messages.iter().all(|message| !message.contains('\n')));
}

#[test]
fn what_the_schema_would_refuse_is_an_error_where_it_stands() {
    let attribute = "<Attribute><Name>firstName</Name><Values><Value>x</Value></Values></Attribute>";
    rejects(
        &user(&format!("<Attributes>{attribute}</Attributes>")),
        "2:13: error: spec.attributes[0].name is a field of spec",
    );
    rejects(
        &user(&format!("<LastName>{}</LastName>", "x".repeat(256))),
        "2:1: error: spec.lastName must not be longer than 255",
    );
}

// Well-formedness.

#[test]
fn text_outside_the_root_element_is_refused() {
    breaks(format!("{GOOD}\n\nx"), "3:1: error: there is text outside the root element");
    breaks(format!("x{GOOD}"), "1:1: error: there is text outside the root element");
    breaks(format!("{GOOD}&amp;"), "1:62: error: there is text outside the root element");
    breaks(format!("{GOOD}<![CDATA[]]>"), "1:62: error: there is text outside the root element");
    breaks(format!("\u{feff}\u{feff}{GOOD}"), "1:1: error: there is a second byte order mark");
    assert_eq!(convert(format!("{GOOD}\n<!-- x --><?y?>\n")).summary.written, 1);
}

#[test]
fn padding_with_nul_is_refused() {
    breaks(format!("{GOOD}\n\0\0"), "2:1: error: the character U+0000 is not allowed in XML");
}

#[test]
fn the_declaration_stands_first_and_once() {
    for start in [" ", "\n", "<!-- x -->", "<?x?>"] {
        let run = convert(format!("{start}<?xml version='1.0'?>{GOOD}"));
        assert!(run.messages[0].contains("the XML declaration must stand at the very beginning"), "{:?}", run.messages);
    }
    breaks(format!("<?xml version='1.0'?><?xml version='1.0'?>{GOOD}"), "1:22: error: the XML declaration must stand");
    breaks(format!("{GOOD}<?xml version='1.0'?>"), "1:62: error: the XML declaration must stand");
    breaks(
        format!("<?XML version='1.0'?>{GOOD}"),
        "1:1: error: the name of a processing instruction must not be `xml`",
    );
    assert_eq!(convert(format!("\u{feff}<?xml version='1.0'?>{GOOD}")).summary.written, 1);
}

#[test]
fn the_version_is_1_0() {
    breaks(format!("<?xml version='2.0'?>{GOOD}"), "1:1: error: the document declares an XML version other than 1.0");
    let run = convert(format!("<?xml version='1.1'?>{GOOD}"));
    warns(&run, "1:1: warning: the document declares XML 1.1, and is read by the rules of XML 1.0");
}

#[test]
fn the_end_of_a_section_does_not_stand_in_text() {
    breaks("<User><FirstName>\na]]>b</FirstName></User>", "2:2: error: text must not contain `]]>`");
    let run = user("<FirstName>]]&gt;<![CDATA[]]]]><![CDATA[>]]></FirstName>");
    assert_eq!(spec(&run).first_name.as_deref(), Some("]]>]]>"));
}

#[test]
fn raw_control_characters_are_refused() {
    for character in ['\u{0}', '\u{1}', '\u{8}', '\u{b}', '\u{c}', '\u{1f}', '\u{fffe}', '\u{ffff}'] {
        breaks(format!("<User><LastName>a{character}</LastName></User>"), "1:18: error: the character U+");
    }
    breaks(b"<User><LastName>a\xed\xa0\x80</LastName></User>", "1:18: error: byte 0xED is not UTF-8");
}

#[test]
fn references_stand_for_allowed_characters_only() {
    for reference in ["&#1;", "&#x1F;", "&#xFFFE;", "&#0;", "&#xD800;"] {
        let document = format!("<?xml version='1.1'?><User><LastName>a{reference}</LastName></User>");
        breaks(document, "1:39: error: this reference does not stand for a character that XML allows");
    }
    breaks("<User>&nbsp;</User>", "1:7: error: this entity is not known");
    breaks("<User>a & b</User>", "1:9: error: this `&` begins no complete reference");
    breaks("<User>a &amp b</User>", "1:9: error: this `&` begins no complete reference");
}

#[test]
fn attribute_values_have_no_less_than_sign() {
    breaks("<User\n a='1' b='x<y'/>", "2:12: error: an attribute value must not contain `<`");
    breaks("<User a='&x;'/>", "1:10: error: this entity is not known");
}

#[test]
fn names_start_like_names() {
    breaks("<User><1a/></User>", "1:8: error: this is not a name in XML");
    breaks("<User 1a='x'/>", "1:7: error: this is not a name in XML");
    breaks("<User>< a/></User>", "1:8: error: this is not a name in XML");
    breaks("<User><?1?></User>", "1:9: error: this is not a name in XML");
}

#[test]
fn a_document_in_ascii_has_no_other_characters() {
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
    breaks("<User a='1'b='2'/>", "1:12: error: this attribute is malformed");
    breaks("<User><FirstName", "1:7: error: this markup is not complete");
    breaks("<User><!-- x", "1:7: error: this markup is not complete");
    breaks("<User><![CDATA[ x", "1:7: error: this markup is not complete");
    breaks("<User><!-- a -- b --></User>", "1:7: error: a comment must not contain `--`");
    breaks("<User><!-- a ---></User>", "1:7: error: a comment must not contain `--`");
}

#[test]
fn elements_nest_128_deep() {
    let nested =
        |depth| format!("<User><Username>jdoe</Username>{}{}</User>", "<a>".repeat(depth), "</a>".repeat(depth));
    assert_eq!(convert(nested(127)).summary.written, 1);
    breaks(nested(128), "1:413: error: elements are nested deeper than 128 levels");
}

#[test]
fn document_types_and_other_encodings_are_refused() {
    for doctype in [
        "<!DOCTYPE User>",
        "<!doctype User>",
        "<!DOCTYPE User [<!ENTITY a 'b'>]>",
        "<!DOCTYPE User SYSTEM 'file:///etc/passwd'>",
    ] {
        breaks(format!("{doctype}{GOOD}"), "1:1: error: ");
    }
    breaks(
        format!("<?xml version='1.0' encoding='ISO-8859-1'?>{GOOD}"),
        "1:1: error: the document declares the encoding `ISO-8859-1`",
    );
    breaks(
        format!("<?xml version='1.0' encoding='UTF-16'?>{GOOD}"),
        "1:1: error: the document declares UTF-16, but its bytes are UTF-8",
    );
    breaks(b"\xFF\xFE<\0U\0", "1:1: error: this looks like UTF-16");
    breaks(b"<User>\n<Username>j\xFCrgen</Username></User>", "2:12: error: byte 0xFC is not UTF-8");
}

#[test]
fn values_and_users_have_a_largest_size() {
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
fn line_ends_and_pieces_of_a_value_are_put_together() {
    let run = credentials(
        "\r\n<Credential><Value>\r\n a<!-- b --><![CDATA[<c>\r]]>&#13;<?d?>&lt;\t </Value><Type>password</Type><Temporary>0</Temporary></Credential>",
    );
    assert_eq!(password(&run).as_deref(), Some("\n a<c>\n\r<\t "));
}

// Safety.

#[test]
fn passwords_are_in_no_message() {
    let secret = "hunter2";
    for credential in [
        format!("<Value>{secret}</Value>"),
        format!("<Value>a</Value><Value>{secret}</Value>"),
        format!("<Value>a<{secret}></Value>"),
        format!("<Value>a<{secret}/></Value>"),
        format!("<Value>a</{secret}></Value>"),
        format!("<Value>a&{secret};</Value>"),
        format!("<Value>a&{secret}</Value>"),
        format!("<Value>a]]>{secret}</Value>"),
        format!("<Value>{secret}\u{1}</Value>"),
        format!("<Value>a<!{secret}></Value>"),
        format!("<Value>a<?{secret} </Value>"),
        format!("<Value>{secret}"),
        secret.to_owned(),
        format!("<Type>{secret}</Type><Value>{secret}</Value>"),
        format!("<Temporary>{secret}</Temporary><Value>{secret}</Value>"),
    ] {
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

#[test]
fn long_and_multi_line_texts_stay_on_one_line() {
    // A block scalar that begins with a tab is refused by libyaml and by kubectl.
    let run = credentials(&PASSWORD.replace("geheim", "&#9;\nx"));
    assert!(run.manifests.contains("\n  password: \"\\t\\nx\"\n"), "{}", run.manifests);
    let name = "long name ".repeat(20);
    let run = user(&format!("<LastName>{name}</LastName>"));
    assert!(run.manifests.lines().any(|line| line.contains(&name)), "{}", run.manifests);
}

/// Sends a text through XML and YAML, as password, name and value of an attribute, and last name.
fn assert_survives(text: &str) {
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

/// Hands out a few bytes at a time.
struct Trickle<'b>(&'b [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.1.min(buffer.len());
        self.0.read(&mut buffer[..length])
    }
}
