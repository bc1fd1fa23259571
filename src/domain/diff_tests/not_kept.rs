//! Attributes that Keycloak would not keep.

use super::*;

#[test]
fn an_attribute_that_admins_may_not_write_is_named_not_sent_and_not_owned() {
    let mut case = Case::agreeing();
    case.desired.attributes = attributes(&[("team", &["green"]), ("ldap", &["x"]), ("seen", &["x"])]);
    case.observed().attributes.extend(values(&[("ldap", &["y"])]));
    case.profile = Some(profile(UnmanagedPolicy::AdminView, &[("team", true), ("ldap", false)]));
    let plan = case.plan();
    assert_eq!(plan.notices, [Notice::AttributesReadOnly(vec!["ldap".to_owned(), "seen".to_owned()])]);
    assert_eq!(plan.owned.attributes, names(&["team"]));
    assert_eq!(case.sent_attributes(), values(&[("team", &["green"]), ("ldap", &["y"])]));
}

#[test]
fn unknown_and_read_only_attributes_are_told_apart() {
    let mut case = Case::absent();
    case.desired.attributes = attributes(&[("ldap", &["x"]), ("unknown", &["x"])]);
    case.profile = Some(profile(UnmanagedPolicy::Disabled, &[("ldap", false)]));
    let expected =
        [Notice::AttributesUnknown(vec!["unknown".to_owned()]), Notice::AttributesReadOnly(vec!["ldap".to_owned()])];
    assert_eq!(case.plan().notices, expected);
}

#[test]
fn an_attribute_that_is_as_declared_is_accepted_whatever_the_profile_says() {
    for unmanaged in [UnmanagedPolicy::Disabled, UnmanagedPolicy::AdminView] {
        let mut case = Case::agreeing();
        case.desired.attributes.extend(attributes(&[("gone", &[])]));
        case.profile = Some(profile(unmanaged, &[("team", false)]));
        assert_eq!(case.plan(), Plan { steps: Vec::new(), notices: Vec::new(), owned: case.owned });
    }
}

#[test]
fn an_attribute_of_ours_that_may_not_be_removed_now_stays_ours() {
    let mut case = Case::agreeing();
    case.desired.attributes.clear();
    case.profile = Some(profile(UnmanagedPolicy::AdminView, &[]));
    let plan = case.plan();
    assert_eq!((plan.steps, plan.owned.attributes), (vec![], names(&["team"])));
    assert_eq!(plan.notices, [Notice::AttributesNotRemovable(vec!["team".to_owned()])]);
}

#[test]
fn an_attribute_that_cannot_be_removed_is_named() {
    let mut case = Case::agreeing();
    case.desired.attributes = attributes(&[("team", &[])]);
    case.profile = Some(profile(UnmanagedPolicy::AdminView, &[]));
    let plan = case.plan();
    assert_eq!((plan.steps, plan.notices), (vec![], vec![Notice::AttributesReadOnly(vec!["team".to_owned()])]));
}

#[test]
fn an_attribute_of_ours_that_admins_may_no_longer_write_is_not_removed_in_vain() {
    let mut case = Case::agreeing();
    case.desired.attributes.clear();
    case.profile = Some(profile(UnmanagedPolicy::AdminView, &[]));
    assert_eq!(case.plan().steps, []);
}

#[test]
fn a_profile_that_was_not_needed_counts_as_one_that_keeps_everything() {
    let mut case = Case::agreeing();
    case.desired.attributes = attributes(&[("team", &["green"])]);
    let known = case.plan();
    case.profile = None;
    assert_eq!(case.plan(), known);
}

#[test]
fn the_profile_is_needed_where_an_attribute_would_be_written_or_removed() {
    let differs = |case: &Case| differs_in_attributes(&case.desired, case.observed.as_ref(), &case.owned);
    assert!(!differs(&Case::agreeing()));
    assert!(differs(&Case::absent()));

    let mut changed = Case::agreeing();
    changed.desired.attributes = attributes(&[("team", &["green"])]);
    assert!(differs(&changed));

    let mut removed = Case::agreeing();
    removed.desired.attributes.clear();
    assert!(differs(&removed));

    let mut foreign = Case::agreeing();
    foreign.observed().attributes.extend(values(&[("foreign", &["x"])]));
    assert!(!differs(&foreign));

    foreign.desired.exact.attributes = true;
    assert!(differs(&foreign));
    foreign.observed().attributes = values(&[("team", &["red", "blue"]), (DISABLED_REASON, &["x"])]);
    assert!(!differs(&foreign), "what Keycloak itself put there is not looked at");

    let mut nothing_to_write = Case::absent();
    nothing_to_write.desired.attributes = attributes(&[("gone", &[])]);
    assert!(!differs(&nothing_to_write));
}

// Properties. The alphabets are small, so that names and values meet.
