//! Conversions from end to end: bytes in, manifests and messages out.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use k8s_openapi::ByteString;
use proptest::prelude::*;
use serde::Deserialize;

use super::{
    ConvertError, Converter, Event, Format, Input, ManifestOptions, Mode, NameOptions, Options, Secrets, Summary,
    Warnings,
};
use crate::api::{ConnectionReference, KeycloakUserSpec, desired_user};

mod contradiction_tests;
mod document_tests;
mod encoding_tests;
mod form_tests;
mod fuzz_tests;
mod hostile_tests;
mod manual_tests;
mod naming_tests;
mod option_tests;
mod output_tests;
mod shape_tests;
mod yaml_tests;

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
    let events = |event: Event<'_>| messages.extend(message(event));
    let mut converter = Converter::new(options, &mut manifests, events).unwrap();
    for (file, input) in files {
        converter.convert(file, input).unwrap();
    }
    let (summary, _) = converter.finish().unwrap();
    assert_eq!(summary.read, summary.written + summary.failed, "the counts add up");
    Run { manifests: String::from_utf8(manifests).unwrap(), messages, summary }
}

fn message(event: Event<'_>) -> Option<String> {
    match event {
        Event::Found { file, diagnostic } => Some(diagnostic.in_file(file).to_string()),
        Event::Written { .. } => None,
    }
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
    string_data: Option<BTreeMap<String, String>>,
    data: Option<BTreeMap<String, ByteString>>,
}

impl Manifest {
    /// The password of a Secret.
    fn password(self) -> String {
        assert_eq!(self.kind, "Secret");
        match (self.string_data, self.data) {
            (Some(mut texts), None) => texts.remove("password").unwrap(),
            (None, Some(mut bytes)) => String::from_utf8(bytes.remove("password").unwrap().0).unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

/// Reads the manifests back, cut where `kubectl` cuts them. A reader that knows which type is wanted would take a number
/// for a text.
fn read_back(manifests: &str) -> Vec<Manifest> {
    let mut documents: Vec<String> = Vec::new();
    for line in manifests.split_inclusive('\n') {
        match documents.last_mut() {
            _ if line.trim_end() == "---" => documents.push(String::new()),
            Some(document) => document.push_str(line),
            None => panic!("something stands in front of the first separator: {line}"),
        }
    }
    let untyped = documents.iter().map(|document| serde_saphyr::from_str::<serde_json::Value>(document).unwrap());
    untyped.map(|document| serde_json::from_value(document).unwrap()).collect()
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
    let secret = documents.pop().map(Manifest::password);
    assert_eq!(user.spec.unwrap().credentials.len(), usize::from(secret.is_some()));
    secret
}

/// Asserts that the user is converted, with one warning that begins like this.
fn warns(run: &Run, message: &str) {
    assert!(run.summary.is_complete(), "{:?}", run.messages);
    assert_eq!(run.messages.len(), 1, "{:?}", run.messages);
    assert!(run.messages[0].starts_with(&format!("a.xml:{message}")), "{:?} instead of {message}", run.messages);
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

fn with_manifests(manifests: ManifestOptions) -> Options {
    Options { manifests, ..Options::default() }
}

fn named(name: &str) -> ConnectionReference {
    ConnectionReference { name: name.to_owned(), ..ConnectionReference::default() }
}

#[test]
fn namespace_and_connection_are_written_when_given() {
    let options = with_manifests(ManifestOptions {
        namespace: Some("people".to_owned()),
        connection: named("staff"),
        ..ManifestOptions::default()
    });
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
    let texts = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
    let manifests = |change: &dyn Fn(&mut ManifestOptions)| {
        let mut options = Options::default();
        change(&mut options.manifests);
        options
    };
    let names = |prefix: &str, map: BTreeMap<String, String>| Options {
        names: NameOptions { prefix: prefix.to_owned(), map },
        ..Options::default()
    };
    let both = BTreeMap::from([("A".to_owned(), "x".to_owned()), ("a".to_owned(), "y".to_owned())]);
    for options in [
        manifests(&|options| options.namespace = Some("A".to_owned())),
        manifests(&|options| options.namespace = Some("a.b".to_owned())),
        manifests(&|options| options.connection = named("a_b")),
        manifests(&|options| options.connection = named("")),
        manifests(&|options| options.export_name = Some("a b".to_owned())),
        manifests(&|options| options.export_name = Some(String::new())),
        manifests(&|options| options.labels = texts("a b", "c")),
        manifests(&|options| options.labels = texts("", "c")),
        manifests(&|options| options.labels = texts("a/b/c", "c")),
        manifests(&|options| options.labels = texts("a", "-b")),
        manifests(&|options| options.labels = texts("a", &"b".repeat(64))),
        manifests(&|options| options.annotations = texts("A_/b", "c")),
        names("Corp-", BTreeMap::new()),
        names("twelve-char-", BTreeMap::new()),
        names("", texts("mary", "Mary Jones")),
        names("", texts("mary", "")),
        names("", both),
        Options { encoding: Some("utf-7".to_owned()), ..Options::default() },
    ] {
        let error = Converter::new(options.clone(), Vec::new(), |_: Event<'_>| ()).err();
        let error = error.unwrap_or_else(|| panic!("{options:?}"));
        assert!(error.is_usage() && error.to_string().contains('`'), "{error}");
    }
}

#[test]
fn a_file_that_cannot_be_opened_is_counted() {
    let mut messages = Vec::new();
    let events = |event: Event<'_>| messages.extend(message(event));
    let mut converter = Converter::new(Options::default(), Vec::new(), events).unwrap();
    converter.unreadable("b.xml", &io::Error::from(io::ErrorKind::NotFound));
    let (summary, _) = converter.finish().unwrap();
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
        let mut converter = Converter::new(Options::default(), Closed(kind), |_: Event<'_>| ()).unwrap();
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
    let summary = Summary { files: 3, read: 4, written: 3, failed: 1, broken: 1, errors: 2, ..Summary::default() };
    assert_eq!(run.summary, summary);
    assert_eq!(
        summary.to_string(),
        "users: 4 read, 3 written (0 under another name), 1 failed; files: 3 read, 1 broken; warnings: 0"
    );
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

fn credentials(content: &str) -> Run {
    user(&format!("<Credentials>{content}</Credentials>"))
}

const PASSWORD: &str =
    "<Credential><Type>password</Type><Value>geheim</Value><Temporary>false</Temporary></Credential>";

/// Contents of a credential with a mistake beside the password, so that a message about it might tell the password.
fn betraying(secret: &str) -> [String; 15] {
    [
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
    ]
}

/// Hands out a few bytes at a time.
struct Trickle<'b>(&'b [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.1.min(buffer.len());
        self.0.read(&mut buffer[..length])
    }
}
