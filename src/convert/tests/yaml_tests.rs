//! What other writers of YAML get wrong, row by row, and ours must not. Independent readers have the same strings in
//! the end-to-end tests.

use super::hostile_tests::assert_survives;
use super::*;

fn assert_all_survive<'t>(texts: impl IntoIterator<Item = &'t str>) {
    texts.into_iter().for_each(assert_survives);
}

/// Not every reader in these tests has the rules of YAML 1.1, so what is written is looked at too.
fn assert_all_quoted<'t>(texts: impl IntoIterator<Item = &'t str>) {
    for text in texts {
        assert_survives(text);
        let run = user(&format!("<LastName>{}</LastName>", text.replace('<', "&lt;")));
        assert!(run.manifests.contains(&format!("  lastName: \"{text}\"\n")), "{text}: {}", run.manifests);
    }
}

#[test]
fn emitter_our_own_leaves_plain_what_nobody_misunderstands_and_no_more() {
    let run = user("<FirstName>Jürgen</FirstName><LastName>Mc Coy-O'Hara</LastName><Email>j@example.com</Email>");
    for line in ["  firstName: Jürgen\n", "  lastName: Mc Coy-O'Hara\n", "  email: j@example.com\n"] {
        assert!(run.manifests.contains(line), "{}", run.manifests);
    }
    let run = user("<FirstName>A: B</FirstName><LastName>9to5</LastName>");
    assert!(run.manifests.contains("  firstName: \"A: B\"\n  lastName: \"9to5\"\n"), "{}", run.manifests);
}

#[test]
fn emitter_our_own_leaves_no_key_so_long_that_it_would_need_a_question_mark() {
    let key = format!("{}/{}", vec!["d".repeat(63); 4].join(".").split_at(253).0, "k".repeat(63));
    let annotations = BTreeMap::from([(key.clone(), "x".to_owned())]);
    let options = with_manifests(ManifestOptions { annotations, ..ManifestOptions::default() });
    let run = run(&mut [("a.xml", &mut GOOD.as_bytes())], options);
    assert!(key.len() == 317 && run.manifests.contains(&format!("    {key}: x\n")), "{}", run.manifests);
}

#[test]
fn emitter_serde_saphyr_default_a_text_that_begins_with_a_tab_and_a_line_feed() {
    assert_all_survive(["\t\nx", "\t\n", "\tx\ny", "\t\t\n\t"]);
}

#[test]
fn emitter_serde_saphyr_default_a_long_text_is_not_folded() {
    let long = "long name ".repeat(20);
    let run = user(&format!("<LastName>{long}</LastName>"));
    assert!(run.manifests.contains(&format!("  lastName: \"{long}\"\n")), "{}", run.manifests);
}

#[test]
fn emitter_serde_saphyr_with_every_text_in_quotes_is_not_needed() {
    assert!(!convert(GOOD).manifests.contains('"'));
}

#[test]
fn emitter_serde_yaml_and_its_forks_words_become_booleans() {
    assert_all_quoted([
        "y", "Y", "n", "N", "yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF",
    ]);
}

#[test]
fn emitter_serde_yaml_and_its_forks_texts_become_numbers() {
    assert_all_quoted(["0X1F", "1_000", "0x_1", "1_000.5", "1__0", "685_230.15", "0.1_5"]);
}

#[test]
fn emitter_serde_yaml_and_its_forks_texts_become_dates_and_times() {
    assert_all_quoted(["1:30", "12:34:56", "2001-12-14", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43.10 -5"]);
}

#[test]
fn emitter_serde_yaml_and_its_forks_a_merge_key_is_refused() {
    assert_all_quoted(["<<", "="]);
}

#[test]
fn emitter_noyalib_a_text_of_more_than_1024_characters() {
    let run = credentials(&PASSWORD.replace("geheim", &"é: ".repeat(700)));
    assert_eq!(password(&run), Some("é: ".repeat(700)));
}

#[test]
fn emitter_yaml_rust2_and_json_raw_characters_that_yaml_does_not_allow() {
    let raw: Vec<String> =
        ('\u{7f}'..='\u{9f}').chain(['\u{feff}']).map(|character| format!("a{character}b")).collect();
    assert_all_survive(raw.iter().map(String::as_str));
    let run = user(&format!("<LastName>{}</LastName>", raw.concat()));
    assert!(run.manifests.chars().all(|c| !matches!(c, '\u{7f}'..='\u{9f}' | '\u{feff}')), "{}", run.manifests);
}

#[test]
fn emitter_json_line_breaks_of_unicode() {
    assert_all_survive(["a\u{85}b", "a\u{2028}b", "a\u{2029}b", "\u{2028}", "\u{85}"]);
    let run = user("<LastName>a\u{85}b\u{2028}c\u{2029}d</LastName>");
    assert!(run.manifests.contains("  lastName: \"a\\u0085b\\u2028c\\u2029d\"\n"), "{}", run.manifests);
}

#[test]
fn stream_a_separator_stands_alone_on_its_line_and_in_front_of_every_document() {
    let run = credentials(&PASSWORD.replace("geheim", "\n---\n--- x\n...\n"));
    let separators: Vec<&str> = run.manifests.lines().filter(|line| line.starts_with("---")).collect();
    assert_eq!((separators, run.manifests.starts_with("---\n")), (vec!["---", "---"], true));
}

#[test]
fn stream_the_secret_comes_before_its_user() {
    let kinds: Vec<String> = read_back(&credentials(PASSWORD).manifests).into_iter().map(|one| one.kind).collect();
    assert_eq!(kinds, ["Secret", "KeycloakUser"]);
}

#[test]
fn stream_names_that_look_like_something_else_are_quoted() {
    for name in ["null", "true", "0123", "yes"] {
        let run = convert(GOOD.replace("jdoe", name));
        assert!(run.manifests.contains(&format!("\n  name: \"{name}\"\n")), "{}", run.manifests);
    }
}

macro_rules! not_used {
    ($($test:ident: $($library:literal),+;)*) => {
        $(#[test]
        fn $test() {
            for library in [$($library),+] {
                assert!(!LOCK.contains(&format!("name = \"{library}\"\n")), "{library} is a dependency");
                assert!(DENY.contains(&format!("crate = \"{library}\"")), "{library} is not banned");
            }
        })*
    };
}

const LOCK: &str = include_str!("../../../Cargo.lock");
const DENY: &str = include_str!("../../../deny.toml");

// What is read, and the definitions of kinds, go through serde-saphyr; of these libraries nothing does.
not_used! {
    crate_yaml_serde_is_not_used: "yaml_serde";
    crate_serde_norway_is_not_used: "serde_norway";
    crate_serde_yaml_ng_is_not_used: "serde_yaml_ng";
    crate_serde_yaml_is_not_used: "serde_yaml";
    crate_serde_yml_and_libyml_are_not_used: "serde_yml", "libyml";
    crate_yaml_rust2_is_not_used: "yaml-rust2";
    crate_noyalib_is_not_used: "noyalib";
    crate_unsafe_libyaml_is_not_used: "unsafe-libyaml";
}

#[test]
fn crate_serde_saphyr_reads() {
    assert!(LOCK.contains("name = \"serde-saphyr\"\nversion = \"2."));
}
