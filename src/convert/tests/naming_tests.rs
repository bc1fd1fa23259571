//! What is wrong with the names that other projects make of usernames, and must not be with ours.

use std::collections::BTreeSet;

use super::*;

fn user_named(username: &str) -> String {
    format!("<User><Id>{}</Id><Username>{username}</Username><Enabled>1</Enabled></User>\n", username.len())
}

fn names_in(manifests: &str) -> Vec<String> {
    let names = manifests.lines().filter_map(|line| line.strip_prefix("  name: "));
    names.map(|name| name.trim_matches('"').to_owned()).collect()
}

/// The names of the objects, in order.
fn names(usernames: &[&str]) -> Vec<String> {
    let list: String = usernames.iter().map(|username| user_named(username)).collect();
    let run = convert(format!("<Users>{list}</Users>"));
    assert_eq!(run.summary.written, usernames.len() as u64, "{:?}", run.messages);
    names_in(&run.manifests)
}

fn are_different(usernames: &[&str]) {
    let names = names(usernames);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), usernames.len(), "{names:?}");
}

#[test]
fn unlike_generate_name_another_run_and_another_order_give_the_same_names() {
    let (forth, mut back) = (names(&["anna", "o'brien", "山田"]), names(&["山田", "o'brien", "anna"]));
    back.reverse();
    assert_eq!(forth, back);
}

#[test]
fn unlike_the_legacy_operator_of_keycloak_no_character_is_dropped() {
    are_different(&["a@b", "ab", "a.b", "a_b", "a-b"]);
    assert_eq!(names(&["MJones"]), ["mjones"], "upper case is no trouble");
}

#[test]
fn unlike_integreatly_the_id_that_a_server_gave_does_not_matter() {
    let named = |id: &str| names_in(&convert(user_named("o'brien").replace("<Id>7<", &format!("<Id>{id}<"))).manifests);
    assert_eq!(named("1"), named("2"));
}

#[test]
fn unlike_the_operator_of_mongodb_replaced_characters_do_not_collide() {
    are_different(&["a b", "a_b", "a-b", "a--b", "a+b", "a b "]);
}

#[test]
fn unlike_dex_names_can_be_read_and_do_not_overflow() {
    let long = "Maria-Theresia von der ".repeat(8);
    let name = &names(&[long.trim()])[0];
    assert!(name.starts_with("maria-theresia-von-der-maria-theresia-") && name.len() <= 52, "{name}");
}

#[test]
fn unlike_syngit_a_hash_does_not_stand_alone() {
    assert!(names(&["山田"])[0].starts_with("user-") && names(&["j doe"])[0].starts_with("j-doe-"));
}

#[test]
fn unlike_knative_short_names_that_are_not_valid_are_hashed_too() {
    are_different(&["j doe", "j_doe", "j-doe"]);
    let (one, other) = ("b".repeat(60) + "x", "b".repeat(60) + "y");
    are_different(&[&one, &other]);
}

#[test]
fn unlike_crossplane_a_valid_name_is_not_hashed() {
    assert_eq!(names(&["m.jones", "7001"]), ["m.jones", "7001"]);
}

#[test]
fn unlike_kaniop_a_collision_is_an_error_of_the_run_and_a_name_can_be_given() {
    let list = format!("<Users>{}{}</Users>", user_named("anna"), user_named("Bert"));
    let mapped = |to: &str| {
        let map = BTreeMap::from([("bert".to_owned(), to.to_owned())]);
        let names = NameOptions { map, ..NameOptions::default() };
        run(&mut [("a.xml", &mut list.as_bytes())], Options { names, ..Options::default() })
    };
    assert_eq!(names_in(&mapped("bert-of-hr").manifests), ["anna", "bert-of-hr"]);
    let taken = mapped("anna");
    assert_eq!((taken.summary.written, taken.summary.failed), (1, 1));
    assert!(taken.messages[0].starts_with("a.xml:2:17: error: an earlier user has the object name `anna` already"));
}

#[test]
fn unlike_strimzi_an_email_address_can_be_a_username() {
    assert_eq!(names(&["mary.jones@example.org"]), ["mary-jones-example-org-66062db06289"]);
}

#[test]
fn unlike_the_operator_of_rabbitmq_no_secret_of_somebody_else_is_hit() {
    let run = credentials(PASSWORD);
    assert_eq!(names_in(&run.manifests)[0], "kcuser-jdoe");
}
