//! Rules by an example, and what holds for all inputs against a model of Keycloak.

use proptest::collection::btree_set;
use proptest::prelude::*;

use super::*;
use crate::domain::{GrantRule, RightRefusal};

fn id(name: &str) -> ObjectId {
    ObjectId::parse(name).unwrap()
}

fn group(path: &str) -> Right {
    Right { name: RightName::Group(path.to_owned()), id: id(&path[1..]) }
}

/// Everything that a comparison looks at, to be changed by the test.
#[derive(Clone, Debug, Default)]
struct Case {
    declared: BTreeSet<RightName>,
    exact: BTreeSet<RightKind>,
    held: BTreeSet<Right>,
    owned: BTreeSet<Right>,
    preexisting: BTreeSet<Right>,
    verdicts: BTreeMap<RightName, RightVerdict>,
    defaults: BTreeSet<ObjectId>,
}

impl Case {
    fn plan(&self) -> RightsPlan {
        let Self { declared, exact, held, owned, preexisting, verdicts, defaults } = self;
        diff_rights(RightsInput { declared, exact, held, owned, preexisting, verdicts, defaults })
    }

    /// What Keycloak and the status have once the plan is carried out.
    fn carried_out(&self) -> Self {
        let plan = self.plan();
        let mut after = self.clone();
        for step in &plan.grants {
            after.held.extend(step.rights().iter().cloned());
        }
        for step in &plan.revocations {
            after.held.retain(|right| !step.rights().contains(right));
        }
        (after.owned, after.preexisting) = (plan.owned, plan.preexisting);
        after.verdicts.retain(|_, verdict| !matches!(verdict, RightVerdict::Granted(_)));
        after
    }
}

#[test]
fn what_the_realm_gives_to_everybody_is_never_taken_away() {
    let entry = group("/default");
    let case = Case {
        held: BTreeSet::from([entry.clone()]),
        owned: BTreeSet::from([entry.clone()]),
        exact: BTreeSet::from([RightKind::Groups]),
        defaults: BTreeSet::from([entry.id]),
        ..Case::default()
    };
    assert!(case.plan().is_done());
}

#[test]
fn a_renamed_group_is_kept_while_its_old_name_is_declared_and_left_after() {
    let (before, after) = (group("/old"), Right { name: RightName::Group("/new".to_owned()), id: id("old") });
    let mut case = Case {
        declared: BTreeSet::from([before.name.clone()]),
        held: BTreeSet::from([after.clone()]),
        owned: BTreeSet::from([before.clone()]),
        verdicts: BTreeMap::from([(before.name.clone(), RightVerdict::Unknown)]),
        ..Case::default()
    };
    let plan = case.plan();
    assert!(plan.is_done());
    assert_eq!(plan.owned, case.owned);
    assert_eq!(plan.unmet, [(before.name.clone(), Unmet::Unknown)]);
    case.declared.clear();
    assert_eq!(case.plan().revocations, [RightsStep::LeaveGroup(after.clone())]);
    case.declared.insert(after.name.clone());
    assert!(case.plan().is_done(), "the new name is declared");
    assert_eq!(case.plan().owned, BTreeSet::from([after]));
}

#[test]
fn a_group_of_the_same_path_is_not_the_one_that_is_meant() {
    let of_path = |id: ObjectId| Right { name: RightName::Group("/a/b".to_owned()), id };
    let (meant, other) = (of_path(id("meant")), of_path(id("called-a-slash-b")));
    let mut case = Case {
        declared: BTreeSet::from([meant.name.clone()]),
        held: BTreeSet::from([other.clone()]),
        verdicts: BTreeMap::from([(meant.name.clone(), RightVerdict::Granted(meant.clone()))]),
        ..Case::default()
    };
    assert_eq!(case.plan().grants, [RightsStep::JoinGroup(meant.clone())]);
    case.held.insert(meant.clone());
    assert!(case.plan().is_done());
    assert_eq!(case.plan().owned, BTreeSet::from([meant.clone()]));
    (case.owned, case.declared) = (BTreeSet::from([meant.clone()]), BTreeSet::new());
    assert_eq!(case.plan().revocations, [RightsStep::LeaveGroup(meant)], "and the other one stays");
}

#[test]
fn what_is_refused_is_neither_given_nor_taken_nor_owned() {
    let entry = group("/g");
    let refusal = RightRefusal { way: vec![entry.name.clone()], rule: GrantRule::AdminRole };
    let mut case = Case {
        declared: BTreeSet::from([entry.name.clone()]),
        verdicts: BTreeMap::from([(entry.name.clone(), RightVerdict::Refused(refusal))]),
        ..Case::default()
    };
    for (held, owned) in [(false, false), (true, false), (true, true)] {
        case.held = if held { BTreeSet::from([entry.clone()]) } else { BTreeSet::new() };
        case.owned = if owned { BTreeSet::from([entry.clone()]) } else { BTreeSet::new() };
        let plan = case.plan();
        assert!(plan.is_done(), "held {held}, owned {owned}");
        assert_eq!(plan.owned, case.owned);
        assert!(matches!(plan.unmet[..], [(_, Unmet::Refused(_))]));
    }
}

#[test]
fn all_roles_of_one_container_travel_in_one_request() {
    let role = |name: &str| Right { name: RightName::RealmRole(name.to_owned()), id: id(name) };
    let of_client = |client: &str, name: &str| Right {
        name: RightName::ClientRole { client: client.to_owned(), role: name.to_owned() },
        id: id(&format!("{client}-{name}")),
    };
    let all = [role("a"), role("b"), of_client("x", "a"), of_client("x", "b"), of_client("y", "a"), group("/g")];
    let case = Case {
        declared: all.iter().map(|right| right.name.clone()).collect(),
        verdicts: all.iter().map(|right| (right.name.clone(), RightVerdict::Granted(right.clone()))).collect(),
        ..Case::default()
    };
    let words: Vec<String> = case.plan().grants.iter().map(ToString::to_string).collect();
    assert_eq!(
        words,
        [
            "add realmRoles[a], realmRoles[b]",
            "add clientRoles[x/a], clientRoles[x/b]",
            "add clientRoles[y/a]",
            "add groups[/g]"
        ]
    );
}

/// One of few rights, so that they meet.
fn some_right() -> impl Strategy<Value = Right> {
    prop_oneof![
        "[a-d]".prop_map(|name| Right { id: id(&name), name: RightName::RealmRole(name) }),
        ("[xy]", "[a-c]").prop_map(|(client, role)| {
            let id = id(&format!("{client}-{role}"));
            Right { id, name: RightName::ClientRole { client, role } }
        }),
        "/[a-d]".prop_map(|path| Right { id: id(&format!("g{}", &path[1..])), name: RightName::Group(path) }),
    ]
}

fn some_kind() -> impl Strategy<Value = RightKind> {
    prop_oneof![Just(RightKind::RealmRoles), Just(RightKind::ClientRoles), Just(RightKind::Groups)]
}

prop_compose! {
    fn some_case()(
        declared in btree_set(some_right(), 0..6),
        unknown in btree_set(some_right(), 0..3),
        exact in btree_set(some_kind(), 0..3),
        held in btree_set(some_right(), 0..8),
        owned in btree_set(some_right(), 0..6),
        preexisting in btree_set(some_right(), 0..4),
        defaults in btree_set(some_right(), 0..2),
    ) -> Case {
        let verdict = |right: &Right| {
            if unknown.contains(right) { RightVerdict::Unknown } else { RightVerdict::Granted(right.clone()) }
        };
        let missing = declared.iter().filter(|right| !held.contains(right));
        Case {
            verdicts: missing.map(|right| (right.name.clone(), verdict(right))).collect(),
            declared: declared.iter().map(|right| right.name.clone()).collect(),
            defaults: defaults.into_iter().map(|right| right.id).collect(),
            exact, held, owned, preexisting,
        }
    }
}

proptest! {
    #[test]
    fn a_plan_that_was_carried_out_leaves_nothing_to_do(case in some_case()) {
        let after = case.carried_out();
        let plan = after.plan();
        prop_assert!(plan.is_done(), "{:?}", plan);
        prop_assert_eq!(&plan.owned, &after.owned);
        prop_assert_eq!(plan.unmet, case.plan().unmet);
    }

    #[test]
    fn what_is_declared_and_known_is_there_in_the_end(case in some_case()) {
        let held: BTreeSet<RightName> = case.carried_out().held.iter().map(|right| right.name.clone()).collect();
        for name in &case.declared {
            let unknown = case.verdicts.get(name) == Some(&RightVerdict::Unknown);
            prop_assert_eq!(held.contains(name), !unknown);
        }
    }

    #[test]
    fn what_is_not_ours_is_not_touched(case in some_case()) {
        let after = case.carried_out();
        for right in &case.held {
            let ours = case.owned.contains(right) && !case.preexisting.contains(right);
            let wanted = case.declared.contains(&right.name);
            if !after.held.contains(right) {
                prop_assert!(!wanted && (ours || case.exact.contains(&right.name.kind())));
                prop_assert!(!case.defaults.contains(&right.id));
            }
        }
        for right in after.held.difference(&case.held) {
            prop_assert!(case.declared.contains(&right.name) && after.owned.contains(right));
        }
        for right in &after.owned {
            prop_assert!(case.declared.contains(&right.name), "owned is what is declared");
        }
    }

    /// Killed between two requests: what was noted as ours before is ours after, so that nothing stays behind but what the
    /// account had before it was taken over.
    #[test]
    fn a_crash_between_two_requests_leaves_nothing_behind(case in some_case(), cut in 0usize..6) {
        let plan = case.plan();
        let mut crashed = case.clone();
        crashed.owned.extend(plan.owned.iter().cloned());
        for step in plan.grants.iter().take(cut) {
            crashed.held.extend(step.rights().iter().cloned());
        }
        crashed.verdicts.retain(|name, _| !crashed.held.iter().any(|right| right.name == *name));
        crashed.declared.clear();
        let after = crashed.carried_out();
        for right in after.held.difference(&case.held) {
            let had_before = case.preexisting.contains(right);
            prop_assert!(had_before || case.defaults.contains(&right.id), "{:?} stays behind", right);
        }
    }
}
