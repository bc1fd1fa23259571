use proptest::prelude::*;

use super::*;

macro_rules! names {
    ($($test:ident: $($username:expr => $name:expr),+;)*) => {
        $(#[test]
        fn $test() {
            $(assert_eq!(object_name(&$username), $name, "the name of {}", $username);)+
        })*
    };
}

// The scheme's own examples, row by row.
names! {
    row_a_valid_name_is_taken_over_in_lower_case:
        "mjones" => "mjones", "M.Jones" => "m.jones", "7001" => "7001", "a-b.c-d" => "a-b.c-d",
        "b".repeat(52) => "b".repeat(52);
    row_an_email_address_in_any_case_gets_one_name:
        "mary.jones@example.org" => "mary-jones-example-org-66062db06289",
        "Mary.Jones@Example.org" => "mary-jones-example-org-66062db06289";
    row_other_separators_get_other_names:
        "mary jones" => "mary-jones-9cb022444099", "mary_jones" => "mary-jones-f8e2559250b7",
        "mary..jones" => "mary-jones-8b8be76fdeb4";
    row_an_apostrophe: "o'brien" => "o-brien-65b87174be3b";
    row_composed_and_decomposed_letters_get_other_names:
        "m\u{fc}ller" => "muller-2dbd21807211", "mu\u{308}ller" => "muller-902626e287d9";
    row_letters_that_do_not_decompose: "weiß" => "weiss-5281e4cf0e28", "bjørn" => "bjorn-9981679719f6";
    row_nothing_readable: "山田" => "user-5f34cd839919", "***" => "user-596f4162a52f";
    row_a_backslash: "CORP\\mjones" => "corp-mjones-a281d0e4ace2";
    row_what_looks_hashed_is_hashed: "robot-0123456789ab" => "robot-0123456789ab-c0bcc34d8807";
    row_capitals_that_only_decomposition_gives: "mary-™" => "mary-cc33a959acd3";
    row_53_characters: format!("{}c", "b".repeat(52)) => format!("{}-035fc21b2b77", "b".repeat(39));
}

#[test]
fn every_letter_that_does_not_decompose_is_spelled_out() {
    assert_eq!(slug("ßæœøđðþłıħ"), "ssaeoeoddthlih");
}

#[test]
fn a_cut_leaves_no_hyphen_behind() {
    let name = object_name(&format!("{}_{}", "b".repeat(38), "c".repeat(20)));
    assert!(name.starts_with(&format!("{}-", "b".repeat(38))) && !name.contains("--"), "{name}");
}

#[test]
fn a_name_is_taken_once() {
    let mut names = NameTable::default();
    assert!(names.take("mjones"));
    assert!(names.take("m.jones"));
    assert!(!names.take("mjones"));
}

#[test]
fn a_name_is_taken_once_among_many() {
    let mut names = NameTable::default();
    let name = |number: usize| format!("user{number}");
    for number in 0..=3 * RECENT {
        assert!(names.take(&name(number)));
    }
    assert!(names.settled.is_sorted() && names.settled.len() == 3 * RECENT);
    assert!((0..=3 * RECENT).step_by(7).all(|number| !names.take(&name(number))));
}

proptest! {
    #[test]
    fn every_username_has_one_valid_name(username in "\\PC{0,80}|[a-zA-Z0-9.-]{1,70}") {
        let name = object_name(&username);
        prop_assert!(is_subdomain(&name) && name.len() <= MAX_NAME, "{}", name);
        prop_assert_eq!(&name, &object_name(&username));
        prop_assert!(is_label(&secret_name("x")) && secret_name(&name).len() <= MAX_LABEL);
        prop_assert_eq!(name == username.to_lowercase(), !looks_hashed(&name));
    }
}
