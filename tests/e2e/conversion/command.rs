//! The command by itself: exit codes, streams, files, and what a person sees.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::{Scratch, binary, convert, converted, example};

fn list(count: usize) -> String {
    let user = |n| format!("<User><Username>user{n}</Username><Enabled>1</Enabled></User>");
    format!("<Users>{}</Users>", (0..count).map(user).collect::<String>())
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a line of shell in which `$convert` is the command.
fn shell(line: &str) -> Output {
    let program = binary().get_program().to_str().unwrap().to_owned();
    Command::new("bash").args(["-c", line]).env("convert", program + " convert").output().expect("bash")
}

#[test]
fn exit_codes_say_what_happened() {
    for usage in [
        &["--namespace", "Not A Name"][..],
        &["--no-such-option"],
        &["--prune"],
        &["--connection", "Nonsense/name"],
        &["--encoding", "utf-7"],
        &["--name-map", "no-such-file"],
        &["--data", "--no-secrets"],
    ] {
        assert_eq!(convert(usage, b"").status.code(), Some(2), "{usage:?}");
    }
    assert_eq!(convert(&["no-such-file.xml"], b"").status.code(), Some(1));
    let warned = convert(&[], b"<User><Username>anna</Username></User>");
    assert_eq!(warned.status.code(), Some(0), "{}", errors(&warned));
    assert!(errors(&warned).contains("-:1:1: warning: Enabled is missing"), "{}", errors(&warned));
    let broken = convert(&[], b"<Users><User><Username>whole</Username><Enabled>1</Enabled></User><User>");
    assert_eq!(broken.status.code(), Some(1));
    let output = String::from_utf8(broken.stdout.clone()).unwrap();
    assert!(output.contains("username: whole"), "{output}");
    assert!(errors(&broken).contains("-:1:"), "{}", errors(&broken));
    assert!(
        errors(&broken).ends_with("1 failed; files: 1 read, 1 broken; warnings: 0\n")
            || errors(&broken).contains("users: 1 read, 1 written")
    );
}

#[test]
fn more_than_twenty_warnings_of_a_kind_are_counted_and_quiet_leaves_errors() {
    let users: String =
        (0..23).map(|n| format!("<User><Username>u {n:02}</Username><Enabled>1</Enabled></User>")).collect();
    let document = format!("<Users>{users}<User/></Users>");
    let output = convert(&[], document.as_bytes());
    let told = errors(&output);
    assert_eq!(told.matches(": warning: Keycloak's default profile refuses").count(), 20, "{told}");
    assert!(
        told.contains("-: warning: 3 more: usernames with a character that Keycloak's default profile refuses"),
        "{told}"
    );
    let quiet = convert(&["--quiet"], document.as_bytes());
    assert_eq!(errors(&quiet).lines().count(), 1, "{}", errors(&quiet));
    assert!(errors(&quiet).contains(": error: the user has no Username"), "{}", errors(&quiet));
}

#[test]
fn directories_are_read_by_name_and_below_only_if_that_is_said() {
    let scratch = Scratch::new("directories");
    fs::create_dir_all(scratch.path("in/below")).unwrap();
    for (file, name) in [("in/b.xml", "bert"), ("in/a.xml", "anna"), ("in/c.txt", "carl"), ("in/below/d.xml", "dora")] {
        fs::write(scratch.path(file), format!("<User><Username>{name}</Username><Enabled>1</Enabled></User>")).unwrap();
    }
    let names = |arguments: &[&str]| -> Vec<String> {
        let output = convert(arguments, b"");
        let text = String::from_utf8(converted(&output).to_vec()).unwrap();
        text.lines().filter_map(|line| line.strip_prefix("  username: ")).map(str::to_owned).collect()
    };
    assert_eq!(names(&[&scratch.text("in")]), ["anna", "bert"]);
    assert_eq!(names(&["-r", &scratch.text("in")]), ["anna", "bert", "dora"]);
    assert_eq!(names(&[&scratch.text("in/c.txt"), &scratch.text("in/a.xml")]), ["carl", "anna"]);
}

#[test]
fn a_second_run_writes_the_same_bytes() {
    let document = list(500);
    assert_eq!(converted(&convert(&[], document.as_bytes())), converted(&convert(&["-"], document.as_bytes())));
}

#[test]
fn a_closed_pipe_is_a_normal_end() {
    let scratch = Scratch::new("pipe");
    fs::write(scratch.path("a.xml"), list(5000)).unwrap();
    let output = shell(&format!("set -o pipefail; $convert {} | head -n 1", scratch.text("a.xml")));
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), b"---\n".as_slice()), "{}", errors(&output));
}

#[test]
fn a_full_disk_is_an_error_and_leaves_no_half_file() {
    let scratch = Scratch::new("full");
    fs::write(scratch.path("a.xml"), list(5000)).unwrap();
    let output = shell(&format!("$convert {} > /dev/full", scratch.text("a.xml")));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        errors(&output).contains("error: the manifests could not be written: No space left"),
        "{}",
        errors(&output)
    );
    // The largest file may have 1 KiB.
    for arguments in ["-o out.yaml", "--secrets-out out.yaml -o /dev/null", "--report out.yaml"] {
        let small =
            format!("cd {}; trap '' XFSZ; ulimit -f 1; $convert a.xml {arguments} > /dev/null", scratch.0.display());
        let output = shell(&small);
        assert_eq!(
            output.status.code(),
            Some(if arguments.starts_with("--secrets") { 0 } else { 1 }),
            "{}",
            errors(&output)
        );
        let mut left: Vec<_> = fs::read_dir(&scratch.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.retain(|name| !(arguments.starts_with("--secrets") && name == "out.yaml"));
        assert_eq!(left, ["a.xml"], "{arguments}");
        let _ = fs::remove_file(scratch.path("out.yaml"));
    }
}

#[test]
fn files_with_secrets_are_private_and_secrets_can_go_elsewhere() {
    let scratch = Scratch::new("secrets");
    let mode = |name: &str| fs::metadata(scratch.path(name)).unwrap().permissions().mode() & 0o777;
    let read = |name: &str| fs::read_to_string(scratch.path(name)).unwrap();
    converted(&convert(&["-o", &scratch.text("all.yaml"), &example()], b""));
    assert_eq!(mode("all.yaml"), 0o600);
    let output = convert(&["--secrets-out", &scratch.text("secrets.yaml"), &example()], b"");
    assert!(!String::from_utf8_lossy(converted(&output)).contains("kind: Secret"));
    assert!(mode("secrets.yaml") == 0o600 && read("secrets.yaml").contains("kind: Secret"));
    let directory = scratch.text("manifests");
    let secrets = scratch.text("secrets.yaml");
    converted(&convert(&["--output-dir", &directory, "--secrets-out", &secrets, &example()], b""));
    assert!(!read("manifests/johndoe.yaml").contains("password123") && mode("manifests/johndoe.yaml") & 0o044 == 0o044);
    converted(&convert(&["--output-dir", &directory, "--force", &example()], b""));
    assert!(mode("manifests/johndoe.yaml") == 0o600 && read("manifests/johndoe.yaml").contains("password123"));
}

#[test]
fn the_report_has_counts_every_diagnostic_and_every_user_with_its_objects() {
    let scratch = Scratch::new("report");
    let users: String =
        (0..23).map(|n| format!("<User><Username>u {n:02}</Username><Enabled>1</Enabled></User>\n")).collect();
    fs::write(scratch.path("a.xml"), format!("<Users>\n{users}<User/></Users>")).unwrap();
    let report = scratch.text("report.json");
    let output = convert(&["--report", &report, &scratch.text("a.xml"), &example()], b"");
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap();
    let summary = json!({
        "files": 2, "brokenFiles": 0, "usersRead": 25, "usersWritten": 24, "usersRenamed": 23, "usersFailed": 1,
        "errors": 1, "warnings": 23,
    });
    assert_eq!(report["summary"], summary);
    assert_eq!(report["users"].as_array().unwrap().len(), 24);
    let john = json!({
        "file": example(), "line": 3, "column": 2, "username": "JohnDoe", "keycloakUser": "johndoe",
        "secret": "kcuser-johndoe",
    });
    assert_eq!(report["users"][23], john);
    let diagnostics = report["diagnostics"].as_array().unwrap();
    assert_eq!(diagnostics.len(), 24, "those that a terminal does not show are among them");
    assert_eq!((&diagnostics[23]["line"], &diagnostics[23]["severity"]), (&json!(25), &json!("error")));
    assert!(!report.to_string().contains("password123"));
}

#[test]
fn a_name_map_is_yaml_or_json() {
    let scratch = Scratch::new("map");
    for text in ["JOHNDOE: john", "{\"johndoe\": \"john\"}", "# x\n\"johnDoe\": 'john'\n"] {
        fs::write(scratch.path("map"), text).unwrap();
        let output = convert(&["--name-map", &scratch.text("map"), &example()], b"");
        assert!(String::from_utf8_lossy(converted(&output)).contains("\n  name: john\n"), "{text}");
    }
    for text in ["a: b\na: c", "- a", "a: {b: c}"] {
        fs::write(scratch.path("map"), text).unwrap();
        assert_eq!(convert(&["--name-map", &scratch.text("map"), &example()], b"").status.code(), Some(2), "{text}");
    }
}

#[test]
fn a_long_input_shows_how_far_it_is_on_a_terminal_and_nowhere_else() {
    let scratch = Scratch::new("progress");
    fs::write(scratch.path("a.xml"), list(200_000)).unwrap();
    let line = format!("$convert {} > /dev/null", scratch.text("a.xml"));
    let seen = |line: &str| {
        let output = shell(&format!("TERM=xterm script --quiet --return --command \"{line}\" /dev/null"));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let bar = seen(&line);
    assert!(bar.contains(" left") && bar.contains('%') && bar.contains("200000 written"), "{bar}");
    assert!(!seen(&format!("{line} --quiet")).contains('%'));
    let piped = shell(&line);
    assert!(!errors(&piped).contains('\r') && !errors(&piped).contains('\u{1b}'), "{}", errors(&piped));
}
