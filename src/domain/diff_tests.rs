//! Every rule of the comparison by an example, and what holds for all inputs by properties against a small model of
//! Keycloak's POST and PUT.

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::{Editors, Exact, UnmanagedPolicy, UserId, Username};
use super::*;

const DISABLED_REASON: &str = "disabledReason";

/// One comparison; the fields are changed by the test.
#[derive(Clone, Debug)]
struct Case {
    desired: DesiredUser,
    observed: Option<ObservedUser>,
    owned: Owned,
    profile: Option<UserProfile>,
    reenable: bool,
    reenable_always: bool,
}

impl Case {
    /// Everything is declared, and everything is as declared.
    fn agreeing() -> Self {
        let desired = DesiredUser {
            username: Username::parse("JohnDoe").unwrap(),
            first_name: text("John"),
            last_name: text("Doe"),
            email: text("John.Doe@example.com"),
            email_verified: Some(true),
            enabled: Some(true),
            attributes: attributes(&[("team", &["red", "blue"])]),
            rights: BTreeSet::new(),
            exact: Exact::default(),
            required_actions: BTreeSet::new(),
        };
        let observed = ObservedUser {
            id: UserId::parse("8c7d2f3e-0000-4000-8000-000000000000").unwrap(),
            created_timestamp: Some(mark().milliseconds()),
            username: "johndoe".to_owned(),
            first_name: "John".to_owned(),
            last_name: "Doe".to_owned(),
            email: "john.doe@example.com".to_owned(),
            email_verified: true,
            enabled: true,
            attributes: values(&[("team", &["red", "blue"])]),
            required_actions: BTreeSet::new(),
        };
        let owned = Owned { attributes: names(&["team"]), enabled: Some(true) };
        let profile = Some(keeping_everything());
        Self { desired, observed: Some(observed), owned, profile, reenable: false, reenable_always: false }
    }

    /// Nothing but the username is declared of an account of that name.
    fn unmanaged() -> Self {
        let mut case = Self::agreeing();
        case.desired = nothing_but_a_name();
        case.owned = Owned::default();
        case
    }

    /// There is no account yet.
    fn absent() -> Self {
        let mut case = Self::agreeing();
        (case.observed, case.owned) = (None, Owned::default());
        case
    }

    /// The resource wants the account enabled, has said so before or not, and finds it disabled.
    fn disabled(last_applied: Option<bool>) -> Self {
        let mut case = Self::agreeing();
        case.observed().enabled = false;
        case.owned.enabled = last_applied;
        case
    }

    /// As [`Self::disabled`], but it was brute-force protection that did it.
    fn locked_out(last_applied: Option<bool>) -> Self {
        let mut case = Self::disabled(last_applied);
        case.observed().attributes.insert(DISABLED_REASON.to_owned(), vec!["permanentLockout".to_owned()]);
        case
    }

    fn observed(&mut self) -> &mut ObservedUser {
        self.observed.as_mut().unwrap()
    }

    fn plan(&self) -> Plan {
        diff(DiffInput {
            desired: &self.desired,
            observed: self.observed.as_ref(),
            owned: &self.owned,
            profile: self.profile.as_ref(),
            mark: mark(),
            reenable: self.reenable,
            reenable_always: self.reenable_always,
        })
    }

    /// The only step, which has to be an update, and what it says that it changes.
    fn update(&self) -> (ProfileUpdate, BTreeSet<Field>) {
        match self.plan().steps.as_slice() {
            [Step::Update { id, update, fields }] => {
                assert_eq!(Some(id), self.observed.as_ref().map(|user| &user.id));
                (update.clone(), fields.clone())
            }
            other => panic!("not one update: {other:?}"),
        }
    }

    /// The only step, which has to be a creation.
    fn creation(&self) -> NewUser {
        match self.plan().steps.as_slice() {
            [Step::Create(user)] => user.clone(),
            other => panic!("not one creation: {other:?}"),
        }
    }

    /// The attributes that the only step sends; it has to send some.
    fn sent_attributes(&self) -> BTreeMap<String, Vec<String>> {
        let (update, _) = self.update();
        assert!(update.complete(), "attributes travel alone: {update:?}");
        update.attributes.unwrap()
    }
}

fn mark() -> BirthMark {
    BirthMark::of(1_764_000_000, "8c7d2f3e-1111-4000-8000-000000000000")
}

fn nothing_but_a_name() -> DesiredUser {
    DesiredUser {
        username: Username::parse("johndoe").unwrap(),
        first_name: None,
        last_name: None,
        email: None,
        email_verified: None,
        enabled: None,
        attributes: BTreeMap::new(),
        rights: BTreeSet::new(),
        exact: Exact::default(),
        required_actions: BTreeSet::new(),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "as the fields have it")]
fn text(text: &str) -> Option<ProfileText> {
    Some(ProfileText::parse(text).unwrap())
}

fn attributes(declared: &[(&str, &[&str])]) -> BTreeMap<AttributeName, Vec<AttributeValue>> {
    let parse = |values: &[&str]| values.iter().map(|value| AttributeValue::parse(value).unwrap()).collect();
    declared.iter().map(|(name, values)| (AttributeName::parse(name).unwrap(), parse(values))).collect()
}

fn values(observed: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    let own = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    observed.iter().map(|(name, values)| ((*name).to_owned(), own(values))).collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn attribute_field(name: &str) -> Field {
    Field::Attribute(name.to_owned())
}

fn keeping_everything() -> UserProfile {
    UserProfile { declared: BTreeMap::new(), unmanaged: UnmanagedPolicy::Enabled }
}

fn profile(unmanaged: UnmanagedPolicy, declared: &[(&str, bool)]) -> UserProfile {
    let editors = |admin: bool| Editors { admin, user: false };
    let declared = declared.iter().map(|(name, writable)| ((*name).to_owned(), editors(*writable))).collect();
    UserProfile { declared, unmanaged }
}

// Profile fields

#[test]
fn an_account_that_is_as_declared_needs_nothing() {
    let case = Case::agreeing();
    assert_eq!(case.plan(), Plan { steps: Vec::new(), notices: Vec::new(), owned: case.owned });
}

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

const ATTRIBUTES: [&str; 4] = ["a", "b", "c", "d"];

fn some_text() -> impl Strategy<Value = Option<ProfileText>> {
    option::of(select(vec!["", "x", "X", "Ä@b.org"]).prop_map(|value| ProfileText::parse(value).unwrap()))
}

fn some_values(fewest: usize) -> impl Strategy<Value = Vec<String>> {
    vec(select(vec!["x", "y", "Y"]).prop_map(str::to_owned), fewest..4)
}

fn some_desired() -> impl Strategy<Value = DesiredUser> {
    let username = select(vec!["john", "John", "jane"]).prop_map(|name| Username::parse(name).unwrap());
    let name = select(ATTRIBUTES.to_vec()).prop_map(|name| AttributeName::parse(name).unwrap());
    let values = some_values(0)
        .prop_map(|values| values.iter().map(|value| AttributeValue::parse(value).unwrap()).collect::<Vec<_>>());
    let texts = (some_text(), some_text(), some_text());
    let switches = (option::of(any::<bool>()), option::of(any::<bool>()), any::<bool>());
    (username, texts, switches, btree_map(name, values, 0..4)).prop_map(
        |(username, (first_name, last_name, email), (email_verified, enabled, exact), attributes)| DesiredUser {
            username,
            first_name,
            last_name,
            email,
            email_verified,
            enabled,
            attributes,
            rights: BTreeSet::new(),
            exact: Exact { attributes: exact, ..Exact::default() },
            required_actions: BTreeSet::new(),
        },
    )
}

/// An account as Keycloak may show it under that profile; names of directory accounts can have capitals.
fn some_observed(profile: UserProfile) -> impl Strategy<Value = ObservedUser> {
    let string = |choices: &[&'static str]| select(choices.to_vec()).prop_map(str::to_owned);
    let texts = (string(&["", "x", "X"]), string(&["", "x", "y"]), string(&["", "x", "X", "ä@b.org"]));
    let attributes = btree_map(select(ATTRIBUTES.to_vec()).prop_map(str::to_owned), some_values(1), 0..4);
    (string(&["john", "John", "jim"]), texts, any::<bool>(), any::<bool>(), any::<bool>(), attributes).prop_map(
        move |(username, (first_name, last_name, email), email_verified, enabled, locked, mut attributes)| {
            attributes.retain(|name, _| profile.judge(name) != AttributeVerdict::Unknown);
            if locked && !enabled {
                attributes.insert(DISABLED_REASON.to_owned(), vec!["permanentLockout".to_owned()]);
            }
            ObservedUser {
                username,
                first_name,
                last_name,
                email,
                email_verified,
                enabled,
                attributes,
                ..Case::agreeing().observed.unwrap()
            }
        },
    )
}

fn some_owned() -> impl Strategy<Value = Owned> {
    (btree_set(select(ATTRIBUTES.to_vec()).prop_map(str::to_owned), 0..4), option::of(any::<bool>()))
        .prop_map(|(attributes, enabled)| Owned { attributes, enabled })
}

fn some_profile() -> impl Strategy<Value = UserProfile> {
    let policies =
        [UnmanagedPolicy::Disabled, UnmanagedPolicy::Enabled, UnmanagedPolicy::AdminEdit, UnmanagedPolicy::AdminView];
    let editors = (any::<bool>(), any::<bool>()).prop_map(|(admin, user)| Editors { admin, user });
    let declared = btree_map(select(ATTRIBUTES.to_vec()).prop_map(str::to_owned), editors, 0..4);
    (declared, select(policies.to_vec())).prop_map(|(declared, unmanaged)| UserProfile { declared, unmanaged })
}

/// Any comparison with an account that exists.
fn some_case() -> impl Strategy<Value = Case> {
    let realm = some_profile().prop_flat_map(|profile| (some_observed(profile.clone()), Just(profile)));
    (some_desired(), realm, some_owned(), any::<bool>(), any::<bool>()).prop_map(
        |(desired, (observed, profile), owned, reenable, reenable_always)| {
            let (observed, profile) = (Some(observed), Some(profile));
            Case { desired, observed, owned, profile, reenable, reenable_always }
        },
    )
}

/// What Keycloak makes of `PUT /users/{id}`: neither a replacement nor a patch, as the presence of attributes decides.
fn put(before: &ObservedUser, update: &ProfileUpdate, profile: &UserProfile) -> ObservedUser {
    let given = |given: &Option<String>, present: &str| match given {
        Some(value) => value.clone(),
        None if update.attributes.is_some() => String::new(),
        None => present.to_owned(),
    };
    let mut after = ObservedUser {
        username: given(&update.username, &before.username).to_lowercase(),
        first_name: given(&update.first_name, &before.first_name),
        last_name: given(&update.last_name, &before.last_name),
        email: given(&update.email, &before.email).to_lowercase(),
        email_verified: update.email_verified.unwrap_or(before.email_verified),
        enabled: update.enabled.unwrap_or(before.enabled),
        ..before.clone()
    };
    assert_ne!(after.username, "", "400 User name is missing");
    if let Some(sent) = &update.attributes {
        let internal = |name: &str| name == DISABLED_REASON;
        let untouchable = |name: &str| internal(name) || profile.judge(name) == AttributeVerdict::ReadOnly;
        after.attributes.retain(|name, _| untouchable(name));
        after.attributes.extend(kept(sent, profile));
    }
    if update.enabled == Some(true) {
        after.attributes.remove(DISABLED_REASON);
    }
    after
}

/// What Keycloak makes of `POST /users`.
fn post(user: &NewUser, profile: &UserProfile) -> ObservedUser {
    ObservedUser {
        id: UserId::parse("1").unwrap(),
        created_timestamp: Some(user.created_timestamp),
        username: user.username.to_lowercase(),
        first_name: user.first_name.clone().unwrap_or_default(),
        last_name: user.last_name.clone().unwrap_or_default(),
        email: user.email.clone().unwrap_or_default().to_lowercase(),
        email_verified: user.email_verified.unwrap_or(false),
        enabled: user.enabled,
        attributes: kept(&user.attributes, profile),
        required_actions: BTreeSet::new(),
    }
}

/// Those of the attributes sent that the profile lets an admin write, and that have a value.
fn kept(sent: &BTreeMap<String, Vec<String>>, profile: &UserProfile) -> BTreeMap<String, Vec<String>> {
    let mut kept = sent.clone();
    kept.retain(|name, values| profile.judge(name) == AttributeVerdict::Kept && !values.is_empty());
    kept
}

/// The case after its plan was carried out and recorded.
fn carried_out(case: &Case) -> Case {
    let plan = case.plan();
    let profile = case.profile.clone().unwrap();
    let observed = plan.steps.iter().fold(case.observed.clone(), |observed, step| match step {
        Step::Create(user) => Some(post(user, &profile)),
        Step::Update { update, .. } => Some(put(&observed.unwrap(), update, &profile)),
    });
    Case { observed, owned: plan.owned, reenable: false, ..case.clone() }
}

proptest! {
    #[test]
    fn a_plan_that_was_carried_out_leaves_nothing_to_do(case in some_case()) {
        let after = carried_out(&case);
        let plan = after.plan();
        prop_assert_eq!(&plan.steps, &[]);
        prop_assert_eq!(&plan.owned, &after.owned);
        prop_assert_eq!(plan.notices, case.plan().notices);
    }

    #[test]
    fn a_new_account_is_as_declared(mut case in some_case()) {
        case.observed = None;
        let after = carried_out(&case);
        let plan = after.plan();
        prop_assert_eq!(&plan.steps, &[]);
        prop_assert_eq!(&plan.owned, &after.owned);
        prop_assert_eq!(after.observed.unwrap().attributes, case.creation().attributes, "something was sent in vain");
    }

    #[test]
    fn attributes_of_others_survive_unless_the_spec_is_exact_and_they_are_not_the_users(case in some_case()) {
        let after = carried_out(&case).observed.unwrap().attributes;
        let profile = case.profile.unwrap();
        for (name, values) in case.observed.unwrap().attributes {
            if name != DISABLED_REASON && !declares(&case.desired, &name) && !case.owned.attributes.contains(&name) {
                let may = profile.judge(&name) == AttributeVerdict::Kept && !profile.is_the_users(&name);
                let goes = case.desired.exact.attributes && may;
                prop_assert_eq!(after.get(&name), Some(&values).filter(|_| !goes));
            }
        }
    }

    #[test]
    fn no_attribute_is_sent_or_removed_in_vain(case in some_case()) {
        let (before, after) = (case.observed.clone().unwrap().attributes, carried_out(&case).observed.unwrap().attributes);
        for step in case.plan().steps {
            let Step::Update { fields, .. } = step else { continue };
            for field in fields {
                let Field::Attribute(name) = field else { continue };
                prop_assert_ne!(before.get(&name), after.get(&name));
            }
        }
    }

    #[test]
    fn fields_that_are_not_declared_survive(case in some_case()) {
        let (before, after) = (case.observed.clone().unwrap(), carried_out(&case).observed.unwrap());
        let desired = &case.desired;
        prop_assert!(desired.first_name.is_some() || after.first_name == before.first_name);
        prop_assert!(desired.last_name.is_some() || after.last_name == before.last_name);
        prop_assert!(desired.email.is_some() || after.email.to_lowercase() == before.email.to_lowercase());
        prop_assert!(desired.email_verified.is_some() || after.email_verified == before.email_verified);
        prop_assert!(desired.enabled.is_some() || after.enabled == before.enabled);
    }

    #[test]
    fn a_step_is_safe_to_send_and_says_what_it_changes(case in some_case()) {
        let observed = case.observed.as_ref().unwrap();
        for step in case.plan().steps {
            let Step::Update { update, fields, .. } = step else {
                return Err(TestCaseError::fail("an account that exists is created"));
            };
            prop_assert!(update.complete());
            prop_assert!(!fields.is_empty());
            prop_assert_eq!(update.enabled.is_some(), fields.contains(&Field::Enabled));
            prop_assert_ne!(update.enabled, Some(observed.enabled));
            let changes_attributes = fields.iter().any(|field| matches!(field, Field::Attribute(_)));
            prop_assert_eq!(update.attributes.is_some(), changes_attributes);
            prop_assert_ne!(update.attributes.as_ref(), Some(&observed.attributes));
        }
    }

    #[test]
    fn an_account_that_is_as_declared_has_no_steps(mut case in some_case(), foreign in some_values(1)) {
        case.desired.exact.attributes = false;
        let desired = case.desired.clone();
        let observed = case.observed();
        let declared = |text: Option<&ProfileText>, otherwise: &str| text.map_or(otherwise, ProfileText::as_str).to_owned();
        observed.username = desired.username.canonical();
        observed.first_name = declared(desired.first_name.as_ref(), "somebody");
        observed.last_name = declared(desired.last_name.as_ref(), "else's");
        observed.email = declared(desired.email.as_ref(), "choice").to_lowercase();
        observed.email_verified = desired.email_verified.unwrap_or(observed.email_verified);
        observed.enabled = desired.enabled.unwrap_or(observed.enabled);
        let reversed = |values: &Vec<AttributeValue>| texts(values).into_iter().rev().collect::<Vec<_>>();
        observed.attributes = desired
            .attributes
            .iter()
            .filter(|(_, values)| !values.is_empty())
            .map(|(name, values)| (name.as_str().to_owned(), reversed(values)))
            .chain([("foreign".to_owned(), foreign)])
            .collect();
        let plan = case.plan();
        prop_assert_eq!(plan.steps, &[]);
        prop_assert_eq!(plan.notices, &[]);
    }

    #[test]
    fn the_profile_decides_nothing_where_no_attribute_differs(mut case in some_case(), exists in any::<bool>()) {
        case.observed = case.observed.filter(|_| exists);
        prop_assume!(!differs_in_attributes(&case.desired, case.observed.as_ref(), &case.owned));
        let with_profile = case.plan();
        case.profile = None;
        prop_assert_eq!(case.plan(), with_profile);
    }
}
