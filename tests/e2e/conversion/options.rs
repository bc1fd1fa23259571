//! Each option of the command, and what is seen of it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use super::{Scratch, convert, converted};

const JANE: &str = "<User><Id>0b4d</Id><Username>Jane.Doe</Username><Credentials><Credential><Type>password</Type>\
    <Value>geheim</Value><Temporary>0</Temporary></Credential></Credentials></User>";

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What is written of Jane.
fn jane(arguments: &[&str]) -> String {
    String::from_utf8(converted(&convert(arguments, JANE.as_bytes())).to_vec()).unwrap()
}

macro_rules! seen {
    ($($test:ident: $arguments:expr => $($text:literal),+;)*) => {
        $(#[test]
        fn $test() {
            let (with, without) = (jane(&$arguments), jane(&[]));
            for text in [$($text),+] {
                assert!(with.contains(text), "{text}: {with}");
                assert!(!without.contains(text), "{text} without the option: {without}");
            }
        })*
    };
}

seen! {
    format_json_writes_objects: ["--format", "json"] => "{\"apiVersion\":\"v1\",\"kind\":\"Secret\"", "\"username\":\"Jane.Doe\"";
    data_writes_base64: ["--data"] => "\ndata:\n  password: Z2VoZWlt\n";
    namespace_is_written: ["--namespace", "people"] => "\n  namespace: people\n";
    connection_is_written: ["--connection", "corp"] => "\n  connectionRef:\n    kind: KeycloakConnection\n    name: corp\n";
    connection_can_have_a_kind: ["--connection", "ClusterKeycloakConnection/corp"] =>
        "\n  connectionRef:\n    kind: ClusterKeycloakConnection\n    name: corp\n";
    label_is_written_as_often_as_it_is_said: ["--label", "a=b", "--label", "c.example/d=no"] =>
        "\n    a: b\n", "\n    c.example/d: \"no\"\n";
    annotation_is_written: ["--annotation", "why=a=b"] => "\n  annotations:\n    why: \"a=b\"\n";
    export_name_is_a_label: ["--export-name", "hr"] => "\n    keycloakuser.dev/export: hr\n";
    name_prefix_stands_in_front: ["--name-prefix", "hr-"] => "\n  name: hr-jane.doe\n", "\n  name: kcuser-hr-jane.doe\n";
    default_enabled_is_written: ["--default-enabled", "false"] => "\n  enabled: false\n";
    keep_id_is_an_annotation: ["--keep-id"] => "\n    keycloakuser.dev/source-id: \"0b4d\"\n";
}

#[test]
fn string_data_is_what_is_written_anyway() {
    assert_eq!(jane(&["--string-data"]), jane(&[]));
    assert!(jane(&[]).contains("\nstringData:\n  password: geheim\n"));
}

#[test]
fn no_secrets_leaves_the_references() {
    let written = jane(&["--no-secrets"]);
    assert!(!written.contains("kind: Secret") && !written.contains("geheim"), "{written}");
    assert!(written.contains("        name: kcuser-jane.doe\n"), "{written}");
}

#[test]
fn strict_reads_standard_input_and_asks_for_the_schema() {
    let output = convert(&["--strict", "-"], JANE.as_bytes());
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), b"".as_slice()));
    assert!(
        told(&output).contains("-:1:7: error: by the schema, `Username` must stand here within User"),
        "{}",
        told(&output)
    );
}

#[test]
fn encoding_is_believed_before_the_document() {
    let document = b"<User><Username>J\xFCrgen</Username><Enabled>1</Enabled></User>";
    assert_eq!(convert(&[], document).status.code(), Some(1));
    let output = convert(&["--encoding", "windows-1252"], document);
    assert!(String::from_utf8_lossy(converted(&output)).contains("\n  username: Jürgen\n"));
}

#[test]
fn concatenated_takes_one_document_behind_the_other() {
    let two = format!("{JANE}\n{}", JANE.replace("Jane", "John"));
    assert_eq!(convert(&[], two.as_bytes()).status.code(), Some(1));
    let output = convert(&["--concatenated"], two.as_bytes());
    assert_eq!(String::from_utf8_lossy(converted(&output)).matches("kind: KeycloakUser\n").count(), 2);
}

#[test]
fn warnings_as_errors_leave_users_out() {
    let output = convert(&["--warnings-as-errors"], JANE.as_bytes());
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), b"".as_slice()));
    assert!(told(&output).contains("error: Enabled is missing"), "{}", told(&output));
}

#[test]
fn fail_fast_ends_with_the_first_error() {
    let scratch = Scratch::new("fail-fast");
    fs::write(scratch.path("1.xml"), "<User/>").unwrap();
    fs::write(scratch.path("2.xml"), JANE).unwrap();
    let files = [scratch.text("1.xml"), scratch.text("2.xml")];
    let run = |arguments: &[&str]| convert(&[arguments, &[files[0].as_str(), files[1].as_str()]].concat(), b"");
    assert!(run(&["--fail-fast"]).stdout.is_empty());
    let both = run(&[]);
    assert_eq!((both.status.code(), both.stdout.is_empty()), (Some(1), false));
}

fn list(names: impl IntoIterator<Item = usize>) -> String {
    let user = |n| format!("<User><Username>user{n:03}</Username><Enabled>1</Enabled></User>");
    format!("<Users>{}</Users>", names.into_iter().map(user).collect::<String>())
}

#[test]
fn prune_removes_who_has_left_and_refuses_what_looks_like_a_mistake() {
    let scratch = Scratch::new("prune");
    let directory = scratch.text("out");
    let files = || fs::read_dir(&directory).unwrap().count() - 1; // without the index
    let run = |document: String, more: &[&str]| {
        let output = convert(&[&["--output-dir", &directory, "--prune"], more].concat(), document.as_bytes());
        (output.status.code(), told(&output), files())
    };
    assert_eq!(run(list(0..120), &[]).2, 120);
    let refused = |document: String, more: &[&str], why: &str| {
        let (code, told, files) = run(document, more);
        assert!(code == Some(1) && told.contains(why) && files == 120, "{why}: {code:?} {files} {told}");
    };
    refused(list(0..100), &["--prune-limit", "100"], "nothing was removed, since a file has exactly 100 users");
    refused(
        list(0..107),
        &[],
        "nothing was removed, since 13 of 120 files are of users that are no longer in the input, more than 10 %",
    );
    refused(list(1..120).replace("user007", ""), &[], "nothing was removed, since not every user was converted");
    refused("<Users><User>".to_owned(), &[], "nothing was removed, since not every user was converted");
    let (code, told, files) = run(list(0..108), &[]);
    assert!(code == Some(0) && files == 108 && told.contains("removed: 12 files"), "{code:?} {files} {told}");
    let (code, told, files) = run(list(0..54), &["--prune-limit", "50"]);
    assert!(code == Some(0) && files == 54 && told.contains("removed: 54 files"), "{code:?} {files} {told}");
}

#[test]
fn without_force_no_file_of_the_directory_is_replaced() {
    let scratch = Scratch::new("force");
    let directory = scratch.text("out");
    converted(&convert(&["--output-dir", &directory], JANE.as_bytes()));
    let changed = JANE.replace("geheim", "anders");
    let output = convert(&["--output-dir", &directory], changed.as_bytes());
    assert!(
        output.status.code() == Some(1) && told(&output).contains("say `--force` to replace it"),
        "{}",
        told(&output)
    );
    let read = || fs::read_to_string(scratch.path("out/jane.doe.yaml")).unwrap();
    assert!(read().contains("geheim"));
    converted(&convert(&["--output-dir", &directory, "--force"], changed.as_bytes()));
    assert!(read().contains("anders"));
}

#[test]
fn the_stylesheet_of_the_manual_makes_users_of_a_foreign_format() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut xsltproc = Command::new("xsltproc");
    let made =
        xsltproc.arg(examples.join("staff-to-users.xsl")).arg(examples.join("staff.xml")).output().expect("xsltproc");
    let output = convert(&[], &made.stdout);
    let manifests = String::from_utf8(converted(&output).to_vec()).unwrap();
    for lines in [
        "  username: grace.hopper\n  firstName: Grace\n  lastName: Hopper\n  email: grace.hopper@example.com\n  enabled: true\n",
        "  username: alan.turing\n  firstName: Alan\n  lastName: Turing\n  email: alan.turing@example.com\n  enabled: false\n",
    ] {
        assert!(manifests.contains(lines), "{manifests}");
    }
}
