//! Manifests in files and directories.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::*;
use crate::convert::{Directory, Output, PruneError, WholeFile};

/// A directory that is gone with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("kuo-convert-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The names of the files, the index apart.
    fn files(&self) -> Vec<String> {
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<String> = fs::read_dir(&self.0).unwrap().map(name).collect();
        names.sort();
        names.retain(|name| name != ".keycloak-user-operator-convert");
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A list of users, with a password where the name ends with `!`.
fn list(names: &[&str]) -> String {
    let user = |name: &&str| match name.strip_suffix('!') {
        Some(name) => {
            GOOD.replace("jdoe", name).replace("</User>", &format!("<Credentials>{PASSWORD}</Credentials></User>"))
        }
        None => GOOD.replace("jdoe", name),
    };
    format!("<Users>{}</Users>", names.iter().map(user).collect::<String>())
}

/// Converts into the directory.
fn into(scratch: &Scratch, document: &str, overwrites: bool) -> (Summary, Directory, Vec<String>) {
    let mut messages = Vec::new();
    let directory = Directory::open(&scratch.0, Format::Yaml, overwrites).unwrap();
    let mut converter =
        Converter::new(Options::default(), directory, |event: Event<'_>| messages.extend(message(event))).unwrap();
    converter.convert("a.xml", &mut document.as_bytes()).unwrap();
    let (summary, directory) = converter.finish().unwrap();
    (summary, directory, messages)
}

#[test]
fn a_directory_has_a_file_for_each_user_private_where_there_is_a_password() {
    let scratch = Scratch::new("private");
    let (summary, ..) = into(&scratch, &list(&["anna!", "Bert", "m j"]), false);
    assert_eq!(summary.written, 3);
    assert_eq!(scratch.files().len(), 3);
    assert_eq!(mode(&scratch.path("anna.yaml")), 0o600);
    assert_eq!(mode(&scratch.path("bert.yaml")) & 0o444, 0o444);
    let anna = fs::read_to_string(scratch.path("anna.yaml")).unwrap();
    assert!(anna.contains("kind: Secret") && anna.contains("kind: KeycloakUser"), "{anna}");
}

#[test]
fn a_file_with_another_text_is_replaced_only_by_force() {
    let scratch = Scratch::new("force");
    into(&scratch, &list(&["anna", "bert"]), false);
    let (summary, ..) = into(&scratch, &list(&["anna", "bert"]), false);
    assert!(summary.is_complete(), "the same text is no harm");
    fs::write(scratch.path("anna.yaml"), "mine").unwrap();
    let (summary, _, messages) = into(&scratch, &list(&["anna", "bert"]), false);
    assert_eq!((summary.written, summary.failed), (1, 1));
    assert!(messages[0].contains("anna.yaml is there with another text; say `--force` to replace it"), "{messages:?}");
    assert_eq!(fs::read_to_string(scratch.path("anna.yaml")).unwrap(), "mine");
    let (summary, ..) = into(&scratch, &list(&["anna", "bert"]), true);
    assert!(summary.is_complete() && fs::read_to_string(scratch.path("anna.yaml")).unwrap().contains("anna"));
}

#[test]
fn a_link_is_not_followed_out_of_the_directory() {
    let scratch = Scratch::new("link");
    let elsewhere = Scratch::new("elsewhere");
    fs::write(elsewhere.path("x"), "x").unwrap();
    symlink(elsewhere.path("x"), scratch.path("anna.yaml")).unwrap();
    let (summary, ..) = into(&scratch, &list(&["anna"]), true);
    assert_eq!((summary.written, summary.failed), (0, 1));
    assert_eq!(fs::read_to_string(elsewhere.path("x")).unwrap(), "x");
}

#[test]
fn prune_removes_the_files_of_users_that_are_gone_and_no_others() {
    let scratch = Scratch::new("prune");
    let names: Vec<String> = (0..30).map(|number| format!("user{number:02}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    into(&scratch, &list(&all), false);
    fs::write(scratch.path("mine.yaml"), "mine").unwrap();
    let (summary, directory, _) = into(&scratch, &list(&all[3..]), false);
    assert_eq!(scratch.files().len(), 31, "nothing is removed unless it is asked for");
    let removed = directory.prune(&summary, 10).unwrap();
    assert_eq!(removed, ["user00.yaml", "user01.yaml", "user02.yaml"]);
    assert_eq!((scratch.files().len(), scratch.files()[0].as_str()), (28, "mine.yaml"));
    let (summary, directory, _) = into(&scratch, &list(&all[3..]), false);
    assert_eq!(directory.prune(&summary, 10).unwrap(), [""; 0]);
}

#[test]
fn prune_refuses_when_part_of_the_input_failed_or_may_be_missing_or_too_much_would_go() {
    let scratch = Scratch::new("refused");
    let names: Vec<String> = (0..101).map(|number| format!("user{number:03}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    into(&scratch, &list(&all), false);
    let refusal = |document: &str, limit| {
        let (summary, directory, _) = into(&scratch, document, false);
        let refusal = directory.prune(&summary, limit).unwrap_err();
        assert!(refusal.to_string().starts_with("nothing was removed, since"), "{refusal}");
        assert_eq!(scratch.files().len(), 101);
        refusal
    };
    assert!(matches!(refusal(&list(&all[1..]), 100), PruneError::OnePage));
    assert!(matches!(refusal(&list(&all[2..]).replace("user100", ""), 100), PruneError::Incomplete));
    assert!(matches!(refusal(&list(&all[11..]), 10), PruneError::Limit { gone: 11, listed: 101, limit: 10 }));
    assert!(matches!(refusal("<Users/>", 99), PruneError::Limit { .. }));
    let (summary, directory, _) = into(&scratch, &list(&all[11..]), false);
    assert_eq!(directory.prune(&summary, 11).unwrap().len(), 11);
}

#[test]
fn an_index_cannot_name_a_file_elsewhere() {
    let scratch = Scratch::new("index");
    let (summary, ..) = into(&scratch, &list(&["anna"]), false);
    assert!(summary.is_complete());
    fs::write(scratch.path("notes.txt"), "mine").unwrap();
    fs::write(scratch.path(".keycloak-user-operator-convert"), "../../x.yaml\nnotes.txt\n/etc/x.yaml\n.yaml\n")
        .unwrap();
    let (summary, directory, _) = into(&scratch, &list(&["anna"]), false);
    assert_eq!(directory.prune(&summary, 100).unwrap(), [""; 0]);
    assert_eq!(scratch.files(), ["anna.yaml", "notes.txt"]);
}

#[test]
fn a_file_appears_whole_or_not_at_all() {
    let scratch = Scratch::new("whole");
    let path = scratch.path("all.yaml");
    let mut file = WholeFile::create(&path, true).unwrap();
    file.write_all(b"half").unwrap();
    drop(file);
    assert_eq!(scratch.files(), [""; 0]);
    let mut file = WholeFile::create(&path, true).unwrap();
    file.write_all(b"whole").unwrap();
    Output::finish(&mut file).unwrap();
    assert!(!path.exists(), "it is moved to its place at the very end");
    file.commit().unwrap();
    assert_eq!((fs::read_to_string(&path).unwrap().as_str(), mode(&path)), ("whole", 0o600));
}
