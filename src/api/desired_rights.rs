//! Declared roles and groups, from what people wrote to what may be relied on.

use std::collections::BTreeSet;

use super::desired::{Violation, at};
use super::{ClientRoles, ExactField, KeycloakUserSpec};
use crate::domain::{Exact, Flaw, RightKind, RightName, check_name, check_path};

/// Most roles of the realm in one resource.
const MAX_REALM_ROLES: usize = 128;
/// Most clients of which one resource has roles,
const MAX_CLIENTS: usize = 32;
/// and most roles of each.
const MAX_ROLES_OF_CLIENT: usize = 64;
/// Most roles of clients of one resource.
const MAX_CLIENT_ROLES: usize = 128;
/// Most groups of one resource.
const MAX_GROUPS: usize = 256;
/// Most required actions of one resource.
const MAX_REQUIRED_ACTIONS: usize = 32;
/// Characters that the names of a field may have together: the status repeats them, and must stay small.
const MAX_REALM_ROLE_CHARACTERS: usize = 4096;
const MAX_CLIENT_ROLE_CHARACTERS: usize = 4096;
const MAX_GROUP_CHARACTERS: usize = 12288;
const MAX_REQUIRED_ACTION_CHARACTERS: usize = 2048;

/// The roles and groups of a spec.
pub(super) fn rights(spec: &KeycloakUserSpec) -> Result<BTreeSet<RightName>, Violation> {
    let mut parsed = BTreeSet::new();
    realm_roles(&spec.realm_roles, &mut parsed)?;
    client_roles(&spec.client_roles, &mut parsed)?;
    groups(&spec.groups, &mut parsed)?;
    Ok(parsed)
}

/// The fields of which everything goes that is not declared.
pub(super) fn exact(declared: &[ExactField]) -> Result<Exact, Violation> {
    let mut fields = BTreeSet::new();
    for (index, field) in declared.iter().enumerate() {
        once(&format!("spec.exact[{index}]"), fields.insert(*field))?;
    }
    let kind = |field: &ExactField| match field {
        ExactField::RealmRoles => Some(RightKind::RealmRoles),
        ExactField::ClientRoles => Some(RightKind::ClientRoles),
        ExactField::Groups => Some(RightKind::Groups),
        ExactField::Attributes | ExactField::RequiredActions => None,
    };
    Ok(Exact {
        rights: fields.iter().filter_map(kind).collect(),
        attributes: fields.contains(&ExactField::Attributes),
        required_actions: fields.contains(&ExactField::RequiredActions),
    })
}

/// What the user shall be asked to do.
pub(super) fn required_actions(declared: &[String]) -> Result<BTreeSet<String>, Violation> {
    let field = "spec.requiredActions";
    at_most(field, declared.len(), MAX_REQUIRED_ACTIONS)?;
    together(field, declared.iter().map(|name| length(name)), MAX_REQUIRED_ACTION_CHARACTERS)?;
    let mut parsed = BTreeSet::new();
    for (index, name) in declared.iter().enumerate() {
        let field = format!("{field}[{index}]");
        check_name(name).map_err(at(&field))?;
        once(&field, parsed.insert(name.clone()))?;
    }
    Ok(parsed)
}

fn realm_roles(declared: &[String], parsed: &mut BTreeSet<RightName>) -> Result<(), Violation> {
    let field = "spec.realmRoles";
    at_most(field, declared.len(), MAX_REALM_ROLES)?;
    together(field, declared.iter().map(|name| length(name)), MAX_REALM_ROLE_CHARACTERS)?;
    for (index, name) in declared.iter().enumerate() {
        let field = format!("{field}[{index}]");
        check_name(name).map_err(at(&field))?;
        once(&field, parsed.insert(RightName::RealmRole(name.clone())))?;
    }
    Ok(())
}

fn client_roles(declared: &[ClientRoles], parsed: &mut BTreeSet<RightName>) -> Result<(), Violation> {
    let field = "spec.clientRoles";
    at_most(field, declared.len(), MAX_CLIENTS)?;
    at_most(field, declared.iter().map(|entry| entry.roles.len()).sum(), MAX_CLIENT_ROLES)?;
    let lengths = declared.iter().flat_map(|entry| entry.roles.iter().map(|role| length(role) + length(&entry.client)));
    together(field, lengths, MAX_CLIENT_ROLE_CHARACTERS)?;
    let mut clients = BTreeSet::new();
    for (index, ClientRoles { client, roles }) in declared.iter().enumerate() {
        let field = format!("{field}[{index}]");
        check_name(client).map_err(at(&format!("{field}.client")))?;
        once(&format!("{field}.client"), clients.insert(client))?;
        at_most(&format!("{field}.roles"), roles.len(), MAX_ROLES_OF_CLIENT)?;
        for (index, role) in roles.iter().enumerate() {
            let field = format!("{field}.roles[{index}]");
            check_name(role).map_err(at(&field))?;
            let name = RightName::ClientRole { client: client.clone(), role: role.clone() };
            once(&field, parsed.insert(name))?;
        }
    }
    Ok(())
}

fn groups(declared: &[String], parsed: &mut BTreeSet<RightName>) -> Result<(), Violation> {
    let field = "spec.groups";
    at_most(field, declared.len(), MAX_GROUPS)?;
    together(field, declared.iter().map(|path| length(path)), MAX_GROUP_CHARACTERS)?;
    for (index, path) in declared.iter().enumerate() {
        let field = format!("{field}[{index}]");
        check_path(path).map_err(at(&field))?;
        once(&field, parsed.insert(RightName::Group(path.clone())))?;
    }
    Ok(())
}

fn at_most(field: &str, count: usize, max: usize) -> Result<(), Violation> {
    if count > max { Err(at(field)(Flaw::TooMany { max })) } else { Ok(()) }
}

pub(super) fn together(field: &str, lengths: impl Iterator<Item = usize>, max: usize) -> Result<(), Violation> {
    if lengths.sum::<usize>() > max { Err(at(field)(Flaw::TooLongTogether { max })) } else { Ok(()) }
}

fn once(field: &str, is_new: bool) -> Result<(), Violation> {
    if is_new { Ok(()) } else { Err(at(field)(Flaw::Duplicate)) }
}

pub(super) fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::api::{Attribute, desired_user};

    const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

    prop_compose! {
        /// A spec in which every list is in an order of its own.
        fn some_order()(
            names in Just(NAMES.map(str::to_owned).to_vec()).prop_shuffle(),
            clients in Just(NAMES.to_vec()).prop_shuffle(),
            values in Just(NAMES.to_vec()).prop_shuffle(),
        ) -> KeycloakUserSpec {
            let of_values = || values.iter().map(|value| (*value).to_owned()).collect::<Vec<String>>();
            KeycloakUserSpec {
                username: "john".to_owned(),
                realm_roles: names.clone(),
                client_roles: clients.iter().map(|name| client(name, &values)).collect(),
                groups: names.iter().map(|name| format!("/{name}")).collect(),
                required_actions: of_values(),
                attributes: names.into_iter().map(|name| Attribute { name, values: vec!["x".to_owned()] }).collect(),
                exact: vec![ExactField::Groups, ExactField::Attributes],
                ..KeycloakUserSpec::default()
            }
        }
    }

    proptest! {
        #[test]
        fn the_order_of_a_list_means_nothing(one in some_order(), other in some_order()) {
            prop_assert_eq!(desired_user(&one).unwrap(), desired_user(&other).unwrap());
        }
    }

    fn client(client: &str, roles: &[&str]) -> ClientRoles {
        ClientRoles { client: client.to_owned(), roles: roles.iter().map(|role| (*role).to_owned()).collect() }
    }

    #[test]
    fn each_entry_is_one_right() {
        let spec = KeycloakUserSpec {
            realm_roles: vec!["r".to_owned(), "R".to_owned()],
            client_roles: vec![client("app", &["a", "b"]), client("other", &["a"])],
            groups: vec!["/staff".to_owned(), "/staff/a b".to_owned()],
            ..KeycloakUserSpec::default()
        };
        let names: Vec<String> = rights(&spec).unwrap().iter().map(ToString::to_string).collect();
        let all =
            "realmRoles[R] realmRoles[r] clientRoles[app/a] clientRoles[app/b] clientRoles[other/a] groups[/staff]";
        assert_eq!(names.join(" "), format!("{all} groups[/staff/a b]"), "names are case-sensitive");
    }

    #[test]
    fn a_field_is_exact_once() {
        let twice = exact(&[ExactField::Groups, ExactField::RequiredActions, ExactField::Groups]);
        assert_eq!(twice.unwrap_err(), Violation { field: "spec.exact[2]".to_owned(), flaw: Flaw::Duplicate });
        assert!(exact(&[ExactField::Groups, ExactField::RequiredActions]).is_ok());
    }

    #[test]
    fn a_violation_names_the_field_and_the_flaw() {
        type Change = fn(&mut KeycloakUserSpec);
        let table: [(Change, &str, Flaw); 17] = [
            (|spec| spec.realm_roles[1] = "a".to_owned(), "spec.realmRoles[1]", Flaw::Duplicate),
            (|spec| spec.realm_roles[1] = " ".to_owned(), "spec.realmRoles[1]", Flaw::Blank),
            (|spec| spec.realm_roles[0] = "x".repeat(256), "spec.realmRoles[0]", Flaw::TooLong { max: 255 }),
            (|spec| spec.realm_roles[0] = "x\u{7f}".to_owned(), "spec.realmRoles[0]", Flaw::ControlCharacters),
            (
                |spec| spec.realm_roles = (0..129).map(|n| n.to_string()).collect(),
                "spec.realmRoles",
                Flaw::TooMany { max: 128 },
            ),
            (
                |spec| spec.realm_roles = (0..41).map(|n| format!("{n:0100}")).collect(),
                "spec.realmRoles",
                Flaw::TooLongTogether { max: 4096 },
            ),
            (|spec| spec.client_roles[1].client = "one".to_owned(), "spec.clientRoles[1].client", Flaw::Duplicate),
            (|spec| spec.client_roles[1].client = String::new(), "spec.clientRoles[1].client", Flaw::Blank),
            (|spec| spec.client_roles[0].roles[1] = "a".to_owned(), "spec.clientRoles[0].roles[1]", Flaw::Duplicate),
            (|spec| spec.client_roles[0].roles[1] = "\t".to_owned(), "spec.clientRoles[0].roles[1]", Flaw::Blank),
            (
                |spec| spec.client_roles[0].roles = (0..65).map(|n| n.to_string()).collect(),
                "spec.clientRoles[0].roles",
                Flaw::TooMany { max: 64 },
            ),
            (
                |spec| spec.client_roles = (0..33).map(|n| client(&n.to_string(), &[])).collect(),
                "spec.clientRoles",
                Flaw::TooMany { max: 32 },
            ),
            (|spec| spec.groups[1] = "/a".to_owned(), "spec.groups[1]", Flaw::Duplicate),
            (|spec| spec.groups[1] = "/a/".to_owned(), "spec.groups[1]", Flaw::NotAPath),
            (|spec| spec.groups[1] = "a".to_owned(), "spec.groups[1]", Flaw::NotAPath),
            (|spec| spec.groups[1] = "/a/../b".to_owned(), "spec.groups[1]", Flaw::NotAPath),
            (
                |spec| spec.groups = (0..257).map(|n| format!("/{n}")).collect(),
                "spec.groups",
                Flaw::TooMany { max: 256 },
            ),
        ];
        for (change, field, flaw) in table {
            let mut spec = KeycloakUserSpec {
                realm_roles: vec!["a".to_owned(), "b".to_owned()],
                client_roles: vec![client("one", &["a", "b"]), client("two", &["a"])],
                groups: vec!["/a".to_owned(), "/b".to_owned()],
                ..KeycloakUserSpec::default()
            };
            assert!(rights(&spec).is_ok());
            change(&mut spec);
            assert_eq!(rights(&spec).unwrap_err(), Violation { field: field.to_owned(), flaw });
        }
    }
}
