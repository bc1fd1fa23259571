//! Required actions: what a user is asked to do at the next login. One that has been done is not asked for again.

use std::collections::BTreeSet;

/// The action that Keycloak itself adds with a temporary password.
pub const UPDATE_PASSWORD: &str = "UPDATE_PASSWORD";

/// What is known of an account's required actions.
#[derive(Clone, Copy, Debug)]
pub struct ActionsInput<'a> {
    /// What shall be asked for.
    pub declared: &'a BTreeSet<String>,
    /// Whether nothing else shall be.
    pub exact: bool,
    /// What was asked for when the pass began.
    pub before: &'a BTreeSet<String>,
    /// What is asked for now, after the password was set.
    pub present: &'a BTreeSet<String>,
    /// What this resource asked for.
    pub owned: &'a BTreeSet<String>,
    /// What was asked for before the account was taken over.
    pub preexisting: &'a BTreeSet<String>,
    /// What the realm knows; needed where something is missing, else everything is taken for known.
    pub registered: Option<&'a BTreeSet<String>>,
    /// A temporary password asks for another one, whatever is declared.
    pub temporary_password: bool,
}

/// What there is to do about required actions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionsPlan {
    /// The whole list as it shall be; `None` if it is so.
    pub set: Option<BTreeSet<String>>,
    /// What is asked for anew.
    pub added: BTreeSet<String>,
    /// What is no longer asked for.
    pub removed: BTreeSet<String>,
    /// Declared, and not known to the realm.
    pub unknown: BTreeSet<String>,
    /// What the resource has asked for, done or not.
    pub owned: BTreeSet<String>,
}

/// Compares, and says what to do. Total; there is nothing to do for an account of which is asked what is declared, or
/// that has done it.
#[must_use]
pub fn diff_actions(input: ActionsInput<'_>) -> ActionsPlan {
    let mut plan = ActionsPlan::default();
    for action in input.declared {
        let ours = input.owned.contains(action);
        if input.present.contains(action) {
            plan.owned.extend((!input.preexisting.contains(action)).then(|| action.clone()));
        } else if (ours || input.preexisting.contains(action)) && !input.before.contains(action) {
            // Done: it stays known as ours, so that it is not asked for again.
            plan.owned.extend(ours.then(|| action.clone()));
        } else if input.registered.is_none_or(|registered| registered.contains(action)) {
            plan.owned.insert(action.clone());
            plan.added.insert(action.clone());
        } else {
            plan.unknown.insert(action.clone());
        }
    }
    plan.removed = input.present.iter().filter(|action| goes(&input, action)).cloned().collect();
    if !plan.added.is_empty() || !plan.removed.is_empty() {
        let kept = input.present.difference(&plan.removed).chain(&plan.added);
        plan.set = Some(kept.cloned().collect());
    }
    plan
}

fn goes(input: &ActionsInput<'_>, action: &str) -> bool {
    let ours = input.owned.contains(action) && !input.preexisting.contains(action);
    let protected = input.temporary_password && action == UPDATE_PASSWORD;
    !input.declared.contains(action) && (ours || input.exact) && !protected
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_set;
    use proptest::prelude::*;

    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// What is declared, present and owned, and what comes of it.
    fn plan(declared: &[&str], present: &[&str], owned: &[&str]) -> ActionsPlan {
        let (declared, present, owned, none) = (set(declared), set(present), set(owned), set(&[]));
        diff_actions(ActionsInput {
            declared: &declared,
            exact: false,
            before: &present,
            present: &present,
            owned: &owned,
            preexisting: &none,
            registered: None,
            temporary_password: false,
        })
    }

    #[test]
    fn what_has_been_done_is_not_asked_for_again() {
        let done = plan(&["A"], &[], &["A"]);
        assert_eq!((done.set, done.owned), (None, set(&["A"])));
        assert_eq!(plan(&["A"], &[], &[]).set, Some(set(&["A"])));
    }

    #[test]
    fn what_is_no_longer_declared_goes_if_it_was_ours() {
        assert_eq!(plan(&[], &["A", "B"], &["A"]).set, Some(set(&["B"])));
        assert_eq!(plan(&[], &["B"], &[]).set, None);
    }

    #[test]
    fn what_a_password_took_away_is_asked_for_again() {
        let (declared, before, none) = (set(&[UPDATE_PASSWORD]), set(&[UPDATE_PASSWORD]), set(&[]));
        let input = ActionsInput {
            declared: &declared,
            exact: true,
            before: &before,
            present: &none,
            owned: &declared,
            preexisting: &none,
            registered: None,
            temporary_password: false,
        };
        assert_eq!(diff_actions(input).set, Some(declared.clone()));
        let temporary = ActionsInput { declared: &none, present: &before, temporary_password: true, ..input };
        assert_eq!(diff_actions(temporary).set, None, "nor is what a temporary password asks for taken away");
    }

    #[test]
    fn what_the_realm_does_not_know_is_named_and_the_rest_is_set() {
        let (declared, registered, none) = (set(&["A", "X"]), set(&["A"]), set(&[]));
        let input = ActionsInput {
            declared: &declared,
            exact: false,
            before: &none,
            present: &none,
            owned: &none,
            preexisting: &none,
            registered: Some(&registered),
            temporary_password: false,
        };
        let plan = diff_actions(input);
        assert_eq!((plan.set, plan.unknown, plan.owned), (Some(set(&["A"])), set(&["X"]), set(&["A"])));
    }

    proptest! {
        #[test]
        fn a_plan_that_was_carried_out_leaves_nothing_to_do_and_others_alone(
            declared in btree_set("[A-E]", 0..4), present in btree_set("[A-E]", 0..4), owned in btree_set("[A-E]", 0..4),
            preexisting in btree_set("[A-E]", 0..2), exact: bool,
        ) {
            let none = BTreeSet::new();
            let input = ActionsInput {
                declared: &declared, exact, before: &present, present: &present, owned: &owned,
                preexisting: &preexisting, registered: None, temporary_password: false,
            };
            let plan = diff_actions(input);
            let after = plan.set.clone().unwrap_or_else(|| present.clone());
            for action in present.difference(&declared) {
                let foreign = !owned.contains(action) || preexisting.contains(action);
                prop_assert_eq!(after.contains(action), foreign && !exact);
            }
            let again = diff_actions(ActionsInput { before: &after, present: &after, owned: &plan.owned, ..input });
            prop_assert_eq!((again.set, &again.owned), (None, &plan.owned));
            // All done: nothing comes back.
            let done = diff_actions(ActionsInput { before: &none, present: &none, owned: &plan.owned, ..input });
            prop_assert_eq!(done.set, None);
        }
    }
}
