//! What each option does.

use super::*;

fn with(document: &str, options: Options) -> Run {
    run(&mut [("a.xml", &mut document.as_bytes())], options)
}

const ONE: &str = "<User><Id>0b4d</Id><Username>Mary Jones</Username><Enabled>1</Enabled><Credentials><Credential>\
    <Type>password</Type><Value>geheim</Value><Temporary>0</Temporary></Credential></Credentials></User>";
const MARY: &str = "mary-jones-9cb022444099";

#[test]
fn several_documents_in_one_file_are_taken_if_that_is_said() {
    let list = "<?xml version='1.0' encoding='UTF-8'?>\n<!DOCTYPE Users><Users><User><Username>anna</Username><Enabled>1</Enabled></User></Users>\n";
    let file = format!("{GOOD}{list}<!-- x -->\n\u{feff}<User><Username>bert</Username><Enabled>1</Enabled></User>");
    let run = with(&file, Options { input: Input::Concatenated, ..Options::default() });
    assert_eq!((run.summary.written, run.messages.len()), (3, 0), "{:?}", run.messages);
    breaks(&file, "1:62: error: a second document begins here; split the file, or say `--concatenated`");
    breaks(format!("{GOOD}{GOOD}"), "1:62: error: a second root element begins here; split the file");
    let broken = |behind: &str| {
        let run = with(&format!("{GOOD}{behind}"), Options { input: Input::Concatenated, ..Options::default() });
        assert_eq!((run.summary.written, run.summary.broken), (1, 1), "{behind}: {:?}", run.messages);
    };
    for behind in [
        "x",
        "<User>",
        "<?xml version='1.0' encoding='UTF-16'?><User/>",
        "<?xml version='1.0'?><?xml version='1.0'?><User/>",
        "<?xml version='1.0'?>",
        "<Group/>",
        "\u{feff}x",
    ] {
        broken(behind);
    }
}

#[test]
fn warnings_as_errors_leave_out_the_users_that_have_some() {
    let document = "<Users><User><Username>anna</Username><Enabled>1</Enabled></User>\
        <User><Username>bert</Username></User><User><Username>carl</Username></User>\
        <User><Username>dora</Username><Enabled>1</Enabled><Phone/></User></Users>";
    let run = with(document, Options { warnings: Warnings::Errors, ..Options::default() });
    let Summary { written, failed, warnings, errors, .. } = run.summary;
    assert_eq!((written, failed, warnings, errors, run.summary.is_complete()), (1, 3, 0, 3, false));
    assert!(run.messages.iter().all(|message| message.contains(": error: ")), "{:?}", run.messages);
}

#[test]
fn fail_fast_ends_with_the_first_error() {
    let one = "<Users><User><Username>anna</Username><Enabled>1</Enabled></User><User/>\
        <User><Username>bert</Username><Enabled>1</Enabled></User></Users>";
    let mut files: [(&str, &mut dyn Read); 2] = [("1.xml", &mut one.as_bytes()), ("2.xml", &mut GOOD.as_bytes())];
    let run = run(&mut files, Options { fail_fast: true, ..Options::default() });
    assert_eq!((run.summary.files, run.summary.written, run.messages.len()), (1, 1, 1));
}

#[test]
fn labels_annotations_and_the_name_of_the_export_are_in_every_manifest() {
    let texts = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
    let manifests = ManifestOptions {
        export_name: Some("hr".to_owned()),
        labels: texts("team", "no"),
        annotations: texts("example.com/why", "1_000\n---"),
        ..ManifestOptions::default()
    };
    let run = with(ONE, with_manifests(manifests));
    for line in ["    keycloakuser.dev/export: hr\n", "    team: \"no\"\n", "    example.com/why: \"1_000\\n---\"\n"] {
        assert_eq!(run.manifests.matches(line).count(), 2, "{line}: {}", run.manifests);
    }
    assert_eq!(run.manifests.matches("app.kubernetes.io/managed-by: keycloak-user-operator-convert\n").count(), 1);
}

#[test]
fn keep_id_writes_the_id_of_the_export_as_an_annotation() {
    let run = with(ONE, Options { keep_id: true, ..Options::default() });
    assert_eq!(run.manifests.matches("  annotations:\n    keycloakuser.dev/source-id: \"0b4d\"\n").count(), 1);
    assert!(!with(ONE, Options::default()).manifests.contains("0b4d"));
}

#[test]
fn a_prefix_stands_in_front_of_every_name_but_those_of_the_map() {
    let names = |prefix: &str, map: &[(&str, &str)]| {
        let map = map.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        with(ONE, Options { names: NameOptions { prefix: prefix.to_owned(), map }, ..Options::default() })
    };
    let run = names("hr-", &[]);
    assert!(run.manifests.contains(&format!("\n  name: kcuser-hr-{MARY}\n")), "{}", run.manifests);
    assert!(run.manifests.contains(&format!("\n  name: hr-{MARY}\n")));
    let run = names("hr-", &[("MARY JONES", "mary"), ("bert", "x")]);
    assert!(run.manifests.contains("\n  name: kcuser-mary\n") && run.manifests.contains("\n  name: mary\n"));
    assert_eq!(run.summary.renamed, 1);
}

#[test]
fn a_name_of_the_map_that_is_taken_is_an_error() {
    let names =
        NameOptions { prefix: String::new(), map: BTreeMap::from([("Mary Jones".to_owned(), "jdoe".to_owned())]) };
    let run = with(&format!("<Users>{GOOD}{ONE}</Users>"), Options { names, ..Options::default() });
    assert_eq!((run.summary.written, run.summary.failed), (1, 1));
    let taken = "an earlier user has the object name `jdoe` already";
    assert!(run.messages.iter().any(|message| message.contains(taken)), "{:?}", run.messages);
}

#[test]
fn json_has_an_object_on_each_line() {
    let run = with(ONE, with_manifests(ManifestOptions { format: Format::Json, ..ManifestOptions::default() }));
    let objects: Vec<serde_json::Value> =
        run.manifests.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((objects.len(), &objects[0]["stringData"]["password"]), (2, &"geheim".into()));
    assert_eq!(objects[1]["spec"]["username"], "Mary Jones");
}

#[test]
fn passwords_are_written_as_text_or_in_base64_or_not_at_all() {
    let secrets = |secrets| with(ONE, with_manifests(ManifestOptions { secrets, ..ManifestOptions::default() }));
    assert!(secrets(Secrets::StringData).manifests.contains("\nstringData:\n  password: geheim\n"));
    assert!(secrets(Secrets::Data).manifests.contains("\ndata:\n  password: Z2VoZWlt\n"));
    let run = secrets(Secrets::LeftOut);
    assert!(!run.manifests.contains("kind: Secret") && !run.manifests.contains("geheim"), "{}", run.manifests);
    assert!(run.manifests.contains(&format!("        name: kcuser-{MARY}\n")), "the reference stays");
}

#[test]
fn every_written_user_is_told_with_its_objects() {
    let mut told = Vec::new();
    let events = |event: Event<'_>| {
        if let Event::Written { file, user } = event {
            told.push(format!("{file}:{} {} {} {:?}", user.position, user.username, user.name, user.secret));
        }
    };
    let mut converter = Converter::new(Options::default(), Vec::new(), events).unwrap();
    converter.convert("a.xml", &mut format!("<Users>{GOOD}\n{ONE}</Users>").as_bytes()).unwrap();
    let secret = format!("kcuser-{MARY}");
    let expected = format!("a.xml:2:20 Mary Jones {MARY} {:?}", Some(secret.as_str()));
    assert_eq!(told, ["a.xml:1:14 jdoe jdoe None".to_owned(), expected]);
}
