use proptest::collection::{btree_map, btree_set};
use proptest::prelude::*;

use super::*;

fn realm(name: &str) -> RightName {
    RightName::RealmRole(name.to_owned())
}

fn client(client: &str, role: &str) -> RightName {
    RightName::ClientRole { client: client.to_owned(), role: role.to_owned() }
}

fn group(path: &str) -> RightName {
    RightName::Group(path.to_owned())
}

fn admin() -> RightName {
    client("realm-management", "realm-admin")
}

fn graph(edges: &[(RightName, &[RightName])]) -> RightsGraph {
    let mut graph = RightsGraph::default();
    for (name, implied) in edges {
        graph.insert(name.clone(), implied.iter().cloned());
    }
    graph
}

fn refused(grants: &RightGrants, graph: &RightsGraph, start: &RightName) -> String {
    grants.judge(graph, start, RealmKind::Ordinary).unwrap_err().to_string()
}

#[test]
fn whatever_leads_to_an_admin_role_is_refused_with_the_way() {
    let parent = graph(&[
        (group("/a/b"), &[group("/a")]),
        (group("/a"), &[realm("outer")]),
        (realm("outer"), &[realm("inner")]),
        (realm("inner"), &[admin()]),
    ]);
    let open = RightGrants::default();
    let words = "administers Keycloak, and the grants of the connection do not name it";
    for (start, way) in [
        (admin(), "clientRoles[realm-management/realm-admin]"),
        (realm("admin"), "realmRoles[admin]"),
        (realm("inner"), "realmRoles[inner] > clientRoles[realm-management/realm-admin]"),
        (realm("outer"), "realmRoles[outer] > realmRoles[inner] > clientRoles[realm-management/realm-admin]"),
        (
            group("/a/b"),
            "groups[/a/b] > groups[/a] > realmRoles[outer] > realmRoles[inner] > clientRoles[realm-management/realm-admin]",
        ),
    ] {
        assert_eq!(refused(&open, &parent, &start), format!("{way} {words}"));
    }
    assert_eq!(open.judge(&parent, &realm("other"), RealmKind::Ordinary), Ok(()));
}

#[test]
fn an_admin_role_is_granted_by_its_name_and_not_by_a_pattern() {
    let made_of = graph(&[(admin(), &[client("realm-management", "manage-users")])]);
    let grants = |client: &str, role: &str| RightGrants {
        client_roles: vec![(client.to_owned(), vec![role.to_owned()])],
        ..RightGrants::default()
    };
    for (client, role) in [("*", "*"), ("realm-management", "*"), ("*", "realm-admin"), ("realm-management", "realm-*")]
    {
        assert!(grants(client, role).judge(&made_of, &admin(), RealmKind::Ordinary).is_err(), "{client} {role}");
    }
    let named = grants("realm-management", "realm-admin");
    assert_eq!(named.judge(&made_of, &admin(), RealmKind::Ordinary), Ok(()), "and with it what it is made of");
    let part = client("realm-management", "manage-users");
    assert!(named.judge(&made_of, &part, RealmKind::Ordinary).is_err(), "but not by itself");
}

#[test]
fn the_realm_master_administers_all_others() {
    let none = RightsGraph::default();
    let judge = |name: &RightName, realm| RightGrants::default().judge(&none, name, realm);
    assert!(judge(&client("staff-realm", "manage-users"), RealmKind::of("master")).is_err());
    assert_eq!(judge(&client("staff-realm", "manage-users"), RealmKind::of("staff")), Ok(()));
    for kind in [RealmKind::Admin, RealmKind::Ordinary] {
        assert!(judge(&realm("create-realm"), kind).is_err());
    }
}

#[test]
fn everything_that_is_implied_must_be_granted() {
    let implied = graph(&[
        (group("/staff/eng"), &[realm("staff-base"), group("/staff")]),
        (group("/staff"), &[client("app", "reader")]),
        (realm("staff-base"), &[realm("mail")]),
    ]);
    let mut grants = RightGrants {
        realm_roles: vec!["staff-*".to_owned()],
        client_roles: vec![("app".to_owned(), vec!["*".to_owned()])],
        groups: vec!["/staff/**".to_owned()],
    };
    let refusal = refused(&grants, &implied, &group("/staff/eng"));
    let way = "groups[/staff/eng] > realmRoles[staff-base] > realmRoles[mail]";
    assert_eq!(refusal, format!("{way} is not among grants.realmRoles of the connection"));
    grants.realm_roles.push("mail".to_owned());
    assert_eq!(grants.judge(&implied, &group("/staff/eng"), RealmKind::Ordinary), Ok(()), "/staff itself is not given");
    assert!(refused(&grants, &implied, &group("/staff")).contains("grants.groups"));
    grants.client_roles[0].1 = vec!["writer".to_owned()];
    assert!(refused(&grants, &implied, &group("/staff/eng")).contains("clientRoles[app/reader]"));
}

#[test]
fn a_star_stays_within_a_name_of_a_path() {
    for (pattern, path, expected) in [
        ("/staff/*", "/staff/a", true),
        ("/staff/*", "/staff/a/b", false),
        ("/staff/**", "/staff/a/b", true),
        ("/staff/**", "/staff", false),
        ("/staff/**/lead", "/staff/a/b/lead", true),
        ("/staff/**/lead", "/staff/lead", false),
        ("/**", "/a/b", true),
        ("**", "/a/b", true),
        ("/s*f/e*", "/staff/eng", true),
        ("/Staff/*", "/staff/a", false),
    ] {
        assert_eq!(path_matches(pattern, path), expected, "{pattern} {path}");
    }
}

fn some_right() -> impl Strategy<Value = RightName> {
    prop_oneof![
        "[a-d]".prop_map(RightName::RealmRole),
        "[a-c]".prop_map(|role| client("app", &role)),
        "/[a-c](/[a-c])?".prop_map(RightName::Group),
        Just(admin()),
    ]
}

proptest! {
    /// Circles and all: what is reachable, and by ways that are there.
    #[test]
    fn the_closure_is_what_can_be_reached(
        edges in btree_map(some_right(), btree_set(some_right(), 0..4), 0..12),
        start in some_right(),
    ) {
        let mut reachable = BTreeSet::from([start.clone()]);
        loop {
            let more: BTreeSet<RightName> =
                reachable.iter().filter_map(|name| edges.get(name)).flatten().cloned().collect();
            let before = reachable.len();
            reachable.extend(more);
            if reachable.len() == before { break }
        }
        let graph = RightsGraph(edges.clone());
        let ways = graph.effective(&start);
        let ends: BTreeSet<RightName> = ways.iter().map(|way| way.last().unwrap().clone()).collect();
        prop_assert_eq!(&ends, &reachable);
        prop_assert_eq!(ways.len(), reachable.len());
        for way in ways {
            prop_assert_eq!(&way[0], &start);
            prop_assert!(way.windows(2).all(|pair| edges[&pair[0]].contains(&pair[1])));
        }
        let is_admin = reachable.contains(&admin());
        let judged = RightGrants::default().judge_admin(&graph, &start, RealmKind::Ordinary);
        prop_assert_eq!(judged.is_err(), is_admin);
        prop_assert_eq!(RightGrants::default().judge(&graph, &start, RealmKind::Ordinary).is_err(), is_admin);
    }
}
