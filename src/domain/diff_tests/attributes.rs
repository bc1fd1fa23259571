//! Attributes: ours, those of others, and how they are compared.

use super::*;

#[test]
fn names_that_are_not_managed_travel_as_they_are_beside_attributes() {
    let mut case = Case::unmanaged();
    case.desired.attributes = attributes(&[("team", &["green"])]);
    let (update, fields) = case.update();
    assert_eq!(update.first_name.as_deref(), Some("John"));
    assert_eq!(update.email.as_deref(), Some("john.doe@example.com"));
    assert_eq!((update.email_verified, update.enabled), (None, None));
    assert_eq!(fields, BTreeSet::from([attribute_field("team")]));
}

#[test]
fn a_changed_name_beside_a_changed_attribute_is_the_declared_one() {
    let mut case = Case::agreeing();
    case.desired.first_name = text("Jane");
    case.desired.last_name = text("");
    case.desired.attributes = attributes(&[("team", &["green"])]);
    let (update, _) = case.update();
    assert!(update.complete());
    assert_eq!((update.first_name.as_deref(), update.last_name.as_deref()), (Some("Jane"), Some("")));
}

#[test]
fn an_attribute_of_ours_that_left_the_spec_is_removed() {
    let mut case = Case::agreeing();
    case.desired.attributes.clear();
    case.observed().attributes.extend(values(&[("foreign", &["kept"])]));
    assert_eq!(case.sent_attributes(), values(&[("foreign", &["kept"])]));
    assert_eq!(case.update().1, BTreeSet::from([attribute_field("team")]));
    assert_eq!(case.plan().owned.attributes, names(&[]));
}

#[test]
fn an_attribute_of_ours_that_somebody_removed_and_the_spec_no_longer_names_needs_nothing() {
    let mut case = Case::agreeing();
    case.desired.attributes.clear();
    case.observed().attributes.clear();
    assert_eq!(
        case.plan(),
        Plan { steps: Vec::new(), notices: Vec::new(), owned: Owned { attributes: names(&[]), enabled: Some(true) } }
    );
}

#[test]
fn an_attribute_that_somebody_else_added_is_not_touched() {
    let mut case = Case::agreeing();
    case.observed().attributes.extend(values(&[("foreign", &["x"])]));
    assert_eq!(case.plan().steps, []);
    assert_eq!(case.plan().owned.attributes, names(&["team"]));
}

#[test]
fn an_exact_spec_leaves_what_users_may_edit_what_admins_may_not_and_what_is_keycloaks_own() {
    let mut case = Case::agreeing();
    case.desired.exact.attributes = true;
    let editors = |admin: bool, user: bool| Editors { admin, user };
    let declared = [("theirs", editors(true, false)), ("phone", editors(true, true)), ("ldap", editors(false, false))];
    let declared = declared.map(|(name, editors)| (name.to_owned(), editors)).into();
    case.profile = Some(UserProfile { declared, unmanaged: UnmanagedPolicy::AdminEdit });
    let own = ["disabledReason", "kc.email.pending", "saml.persistent.name.id.for.app"];
    for name in ["team", "theirs", "phone", "ldap", "other"].iter().chain(&own) {
        case.observed().attributes.insert((*name).to_owned(), vec!["red".to_owned(), "blue".to_owned()]);
    }
    let left: BTreeSet<String> = case.sent_attributes().into_keys().collect();
    let expected: BTreeSet<String> = names(&["team", "phone", "ldap"]).into_iter().chain(names(&own)).collect();
    assert_eq!(left, expected);
}

#[test]
fn an_attribute_declared_without_values_is_removed_and_not_owned() {
    let mut case = Case::agreeing();
    case.desired.attributes = attributes(&[("team", &["red", "blue"]), ("gone", &[])]);
    case.observed().attributes.extend(values(&[("gone", &["x"])]));
    assert_eq!(case.sent_attributes(), values(&[("team", &["red", "blue"])]));
    assert_eq!(case.plan().owned.attributes, names(&["team"]));
    case.observed().attributes.remove("gone");
    assert_eq!(case.plan().steps, []);
}

#[test]
fn the_order_of_values_does_not_count() {
    let mut case = Case::agreeing();
    case.observed().attributes = values(&[("team", &["blue", "red"])]);
    assert_eq!(case.plan().steps, []);
}

#[test]
fn the_number_of_equal_values_counts() {
    let mut case = Case::agreeing();
    case.desired.attributes = attributes(&[("team", &["red", "red", "blue"])]);
    case.observed().attributes = values(&[("team", &["red", "blue", "blue"])]);
    assert_eq!(case.sent_attributes(), values(&[("team", &["red", "red", "blue"])]));
}

#[test]
fn attribute_names_and_values_are_compared_with_case() {
    let mut case = Case::agreeing();
    case.desired.attributes = attributes(&[("team", &["Red"])]);
    case.observed().attributes = values(&[("Team", &["Red"]), ("team", &["red"])]);
    assert_eq!(case.sent_attributes(), values(&[("Team", &["Red"]), ("team", &["Red"])]));
}

// Creation

#[test]
fn a_new_account_carries_what_is_declared_and_the_mark() {
    let case = Case::absent();
    let some = |value: &str| Some(value.to_owned());
    let expected = NewUser {
        created_timestamp: mark().milliseconds(),
        username: "JohnDoe".to_owned(),
        first_name: some("John"),
        last_name: some("Doe"),
        email: some("John.Doe@example.com"),
        email_verified: Some(true),
        enabled: true,
        attributes: values(&[("team", &["red", "blue"])]),
        groups: Vec::new(),
        required_actions: BTreeSet::new(),
    };
    assert_eq!(case.creation(), expected);
    assert_eq!(case.plan().owned, Owned { attributes: names(&["team"]), enabled: Some(true) });
}
