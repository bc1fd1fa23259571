//! The table of docs/ownership.md: each row is what happens to a group, and to an attribute.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

const DOCUMENT: &str = include_str!("../../docs/ownership.md");

/// A row of the table.
#[derive(Debug)]
struct Row {
    /// The columns with a yes.
    state: BTreeSet<&'static str>,
    request: &'static str,
}

impl Row {
    fn is(&self, column: &str) -> bool {
        self.state.contains(column)
    }
}

fn rows() -> Vec<Row> {
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim);
    let mut table = DOCUMENT.lines().skip_while(|line| !line.starts_with("| in Keycloak"));
    let columns: Vec<&str> = cells(table.next().expect("a table")).collect();
    let row = |line: &'static str| {
        let named = || columns.iter().copied().zip(cells(line));
        let state = named().filter(|(_, cell)| *cell == "yes").map(|(column, _)| column).collect();
        Row { state, request: named().find(|(column, _)| *column == "request").expect("a request").1 }
    };
    table.skip(1).take_while(|line| line.starts_with('|')).map(row).collect()
}

#[test]
fn the_table_has_every_state_but_owned_and_preexisting_at_once() {
    let rows = rows();
    let inputs = ["in Keycloak", "owned", "preexisting", "declared", "exact"];
    let states: BTreeSet<_> = rows.iter().map(|row| inputs.map(|column| row.is(column))).collect();
    assert_eq!((rows.len(), states.len()), (24, 24));
    assert!(rows.iter().all(|row| !(row.is("owned") && row.is("preexisting"))));
}

#[test]
fn each_row_is_what_happens_to_a_group() {
    let name = RightName::Group("/g".to_owned());
    let entry = Right { name: name.clone(), id: ObjectId::parse("g").unwrap() };
    for row in rows() {
        let one = |yes: bool| if yes { BTreeSet::from([entry.clone()]) } else { BTreeSet::new() };
        let plan = diff_rights(RightsInput {
            declared: &if row.is("declared") { BTreeSet::from([name.clone()]) } else { BTreeSet::new() },
            exact: &if row.is("exact") { BTreeSet::from([RightKind::Groups]) } else { BTreeSet::new() },
            held: &one(row.is("in Keycloak")),
            owned: &one(row.is("owned")),
            preexisting: &one(row.is("preexisting")),
            verdicts: &BTreeMap::from([(name.clone(), RightVerdict::Granted(entry.clone()))]),
            defaults: &BTreeSet::new(),
        });
        let (grants, revocations) = match row.request {
            "none" => (vec![], vec![]),
            "add" => (vec![RightsStep::JoinGroup(entry.clone())], vec![]),
            "remove" => (vec![], vec![RightsStep::LeaveGroup(entry.clone())]),
            other => panic!("no such request: {other}"),
        };
        assert_eq!((&plan.grants, &plan.revocations), (&grants, &revocations), "{row:?}");
        assert_eq!(plan.owned.contains(&entry), row.is("owned after"), "{row:?}");
    }
}

#[test]
fn each_row_is_what_happens_to_an_attribute() {
    let values = || vec![AttributeValue::parse("v").unwrap()];
    let name = || BTreeSet::from(["a".to_owned()]);
    for row in rows() {
        let attributes = |yes: bool| yes.then(|| ("a".to_owned(), vec!["v".to_owned()])).into_iter().collect();
        let observed = ObservedUser {
            id: UserId::parse("1").unwrap(),
            created_timestamp: None,
            username: "u".to_owned(),
            first_name: String::new(),
            last_name: String::new(),
            email: String::new(),
            email_verified: false,
            enabled: true,
            attributes: attributes(row.is("in Keycloak")),
            required_actions: BTreeSet::new(),
        };
        let desired = DesiredUser {
            username: Username::parse("u").unwrap(),
            first_name: None,
            last_name: None,
            email: None,
            email_verified: None,
            enabled: None,
            attributes: row
                .is("declared")
                .then(|| (AttributeName::parse("a").unwrap(), values()))
                .into_iter()
                .collect(),
            rights: BTreeSet::new(),
            exact: Exact { attributes: row.is("exact"), ..Exact::default() },
            required_actions: BTreeSet::new(),
        };
        let owned = Owned { attributes: if row.is("owned") { name() } else { BTreeSet::new() }, enabled: None };
        let mut preexisting = Preexisting { attributes: if row.is("preexisting") { name() } else { BTreeSet::new() } };
        if row.is("preexisting") {
            preexisting.note(&desired, &observed, &owned);
        }
        let profile = UserProfile { declared: BTreeMap::new(), unmanaged: UnmanagedPolicy::AdminEdit };
        let plan = diff(DiffInput {
            desired: &desired,
            observed: Some(&observed),
            owned: &owned,
            profile: Some(&profile),
            mark: BirthMark::of(0, ""),
            reenable: false,
            reenable_always: false,
        });
        let after = match plan.steps.first() {
            Some(Step::Update { update, .. }) => update.attributes.clone(),
            Some(Step::Create(_)) => panic!("there is an account"),
            None => None,
        };
        let expected = match row.request {
            "none" => None,
            "add" => Some(attributes(true)),
            "remove" => Some(attributes(false)),
            other => panic!("no such request: {other}"),
        };
        assert_eq!(after, expected, "{row:?}");
        let owned = preexisting.apart_from(plan.owned);
        assert_eq!(owned.attributes.contains("a"), row.is("owned after"), "{row:?}");
    }
}
