//! Whether the account is enabled, and who has said so.

use super::*;

#[test]
fn an_account_that_is_disabled_as_declared_needs_nothing() {
    let mut case = Case::locked_out(Some(false));
    case.desired.enabled = Some(false);
    assert_eq!(case.plan(), Plan { steps: Vec::new(), notices: Vec::new(), owned: case.owned });
}

#[test]
fn an_account_that_somebody_else_disabled_is_reported_and_not_switched_on() {
    let case = Case::disabled(Some(true));
    assert_eq!(case.plan(), Plan { steps: Vec::new(), notices: vec![Notice::DisabledElsewhere], owned: case.owned });
}

#[test]
fn an_account_that_was_locked_is_reported_and_not_switched_on() {
    let case = Case::locked_out(Some(true));
    assert_eq!(case.plan(), Plan { steps: Vec::new(), notices: vec![Notice::LockedOut], owned: case.owned });
}

#[test]
fn a_disabled_account_is_kept_as_declared_in_everything_else() {
    let mut case = Case::disabled(Some(true));
    case.desired.first_name = text("Jane");
    assert_eq!(case.update().0, ProfileUpdate { first_name: Some("Jane".to_owned()), ..ProfileUpdate::default() });
    assert_eq!(case.plan().notices, [Notice::DisabledElsewhere]);
}

#[test]
fn true_after_another_value_switches_the_account_on() {
    for last_applied in [None, Some(false)] {
        for case in [Case::disabled(last_applied), Case::locked_out(last_applied)] {
            let expected = ProfileUpdate { enabled: Some(true), ..ProfileUpdate::default() };
            assert_eq!(case.update(), (expected, BTreeSet::from([Field::Enabled])));
            assert_eq!(case.plan().notices, []);
            assert_eq!(case.plan().owned.enabled, Some(true));
        }
    }
}

#[test]
fn the_annotation_switches_the_account_on() {
    for mut case in [Case::disabled(Some(true)), Case::locked_out(Some(true))] {
        case.reenable = true;
        assert_eq!(case.update().0, ProfileUpdate { enabled: Some(true), ..ProfileUpdate::default() });
        assert_eq!(case.plan().notices, []);
    }
}

#[test]
fn a_connection_that_always_enables_still_leaves_a_lock_alone() {
    let mut case = Case::disabled(Some(true));
    case.reenable_always = true;
    assert_eq!(case.update().0.enabled, Some(true));
    let mut case = Case::locked_out(Some(true));
    case.reenable_always = true;
    assert_eq!((case.plan().steps, case.plan().notices), (Vec::new(), vec![Notice::LockedOut]));
}

#[test]
fn enabled_that_is_not_declared_is_not_managed_and_its_past_is_forgotten() {
    for last_applied in [None, Some(false), Some(true)] {
        let mut case = Case::locked_out(last_applied);
        case.desired.enabled = None;
        assert_eq!((case.plan().steps, case.plan().notices), (Vec::new(), Vec::new()));
        assert_eq!(case.plan().owned.enabled, None);
    }
}

// The user profile

#[test]
fn an_attribute_that_keycloak_would_drop_is_named_not_sent_and_not_owned() {
    for observed in [true, false] {
        let mut case = if observed { Case::agreeing() } else { Case::absent() };
        case.desired.attributes = attributes(&[("team", &["red", "blue"]), ("unknown", &["x"])]);
        case.profile = Some(profile(UnmanagedPolicy::Disabled, &[("team", true)]));
        let plan = case.plan();
        assert_eq!(plan.notices, [Notice::AttributesUnknown(vec!["unknown".to_owned()])]);
        assert_eq!(plan.owned.attributes, names(&["team"]));
        if observed {
            assert_eq!(plan.steps, []);
        } else {
            assert_eq!(case.creation().attributes, values(&[("team", &["red", "blue"])]));
        }
    }
}
