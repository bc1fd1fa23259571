//! Fields of the profile, each by itself.

use super::*;

type Change = fn(&mut DesiredUser);

#[test]
fn a_profile_field_that_changed_alone_is_sent_alone() {
    let nothing = ProfileUpdate::default;
    let some = |value: &str| Some(value.to_owned());
    let table: [(Change, ProfileUpdate, Field); 5] = [
        (
            |desired| desired.username = Username::parse("Jane").unwrap(),
            ProfileUpdate { username: some("Jane"), ..nothing() },
            Field::Username,
        ),
        (
            |desired| desired.first_name = text("Jane"),
            ProfileUpdate { first_name: some("Jane"), ..nothing() },
            Field::FirstName,
        ),
        (
            |desired| desired.last_name = text("Roe"),
            ProfileUpdate { last_name: some("Roe"), ..nothing() },
            Field::LastName,
        ),
        (
            |desired| desired.email = text("j@b.org"),
            ProfileUpdate { email: some("j@b.org"), ..nothing() },
            Field::Email,
        ),
        (
            |desired| desired.email_verified = Some(false),
            ProfileUpdate { email_verified: Some(false), ..nothing() },
            Field::EmailVerified,
        ),
    ];
    for (change, update, field) in table {
        let mut case = Case::agreeing();
        change(&mut case.desired);
        assert_eq!(case.update(), (update, BTreeSet::from([field])));
    }
}

#[test]
fn fields_that_are_not_declared_are_not_managed() {
    let case = Case::unmanaged();
    assert_eq!(case.plan(), Plan { steps: Vec::new(), notices: Vec::new(), owned: Owned::default() });
}

#[test]
fn an_empty_text_clears_the_field() {
    let mut case = Case::agreeing();
    (case.desired.first_name, case.desired.last_name, case.desired.email) = (text(""), text(""), text(""));
    let cleared = Some(String::new());
    let expected = ProfileUpdate {
        first_name: cleared.clone(),
        last_name: cleared.clone(),
        email: cleared,
        ..ProfileUpdate::default()
    };
    assert_eq!(case.update().0, expected);
}

#[test]
fn an_empty_text_agrees_with_a_field_that_is_not_there() {
    let mut case = Case::agreeing();
    case.desired.first_name = text("");
    case.observed().first_name = String::new();
    assert_eq!(case.plan().steps, []);
}

#[test]
fn username_and_email_are_compared_without_case_and_names_with_it() {
    let mut case = Case::agreeing();
    case.desired.username = Username::parse("JOHNDOE").unwrap();
    case.desired.email = text("JOHN.DOE@EXAMPLE.COM");
    case.observed().username = "JohnDoe".to_owned();
    assert_eq!(case.plan().steps, []);
    case.desired.first_name = text("JOHN");
    assert_eq!(case.update().1, BTreeSet::from([Field::FirstName]));
}

#[test]
fn several_changes_make_one_request() {
    let mut case = Case::agreeing();
    case.desired.first_name = text("Jane");
    case.desired.enabled = Some(false);
    case.desired.attributes = attributes(&[("team", &["green"])]);
    assert_eq!(case.update().1, BTreeSet::from([Field::FirstName, Field::Enabled, attribute_field("team")]));
}

// Attributes

#[test]
fn a_changed_attribute_travels_with_the_names_and_the_attributes_of_others() {
    let mut case = Case::agreeing();
    case.observed().attributes = values(&[("team", &["red"]), ("foreign", &["kept"])]);
    let some = |value: &str| Some(value.to_owned());
    let expected = ProfileUpdate {
        username: some("johndoe"),
        first_name: some("John"),
        last_name: some("Doe"),
        email: some("john.doe@example.com"),
        attributes: Some(values(&[("team", &["red", "blue"]), ("foreign", &["kept"])])),
        ..ProfileUpdate::default()
    };
    assert_eq!(case.update(), (expected, BTreeSet::from([attribute_field("team")])));
}
