//! An account that is not there.

use super::*;

#[test]
fn a_new_account_is_enabled_unless_the_spec_says_false() {
    for (declared, created) in [(None, true), (Some(true), true), (Some(false), false)] {
        let mut case = Case::absent();
        case.desired.enabled = declared;
        assert_eq!(case.creation().enabled, created);
        assert_eq!(case.plan().owned.enabled, declared, "what was not declared was not applied");
    }
}

#[test]
fn a_new_account_carries_no_empty_texts_and_no_attributes_without_values() {
    let mut case = Case::absent();
    (case.desired.first_name, case.desired.last_name, case.desired.email) = (text(""), None, text(""));
    case.desired.attributes = attributes(&[("gone", &[])]);
    let user = case.creation();
    assert_eq!((user.first_name, user.last_name, user.email), (None, None, None));
    assert_eq!(user.attributes, values(&[]));
    assert_eq!(case.plan().owned.attributes, names(&[]));
}

#[test]
fn an_account_that_vanished_is_made_again_from_nothing() {
    let mut case = Case::absent();
    case.owned = Owned { attributes: names(&["team", "old"]), enabled: Some(false) };
    assert_eq!(case.plan(), Case::absent().plan());
}

// Enabled

#[test]
fn false_is_enforced_whatever_was_applied_before() {
    for last_applied in [None, Some(false), Some(true)] {
        let mut case = Case::agreeing();
        (case.desired.enabled, case.owned.enabled) = (Some(false), last_applied);
        let expected = ProfileUpdate { enabled: Some(false), ..ProfileUpdate::default() };
        assert_eq!(case.update(), (expected, BTreeSet::from([Field::Enabled])));
        assert_eq!(case.plan().owned.enabled, Some(false));
    }
}
