//! Every rule of the comparison by an example, and what holds for all inputs by properties against a small model of
//! Keycloak's POST and PUT.

#[path = "diff_tests/attributes.rs"]
mod attributes;
#[path = "diff_tests/creation.rs"]
mod creation;
#[path = "diff_tests/enabled.rs"]
mod enabled;
#[path = "diff_tests/fields.rs"]
mod fields;
#[path = "diff_tests/not_kept.rs"]
mod not_kept;
#[path = "diff_tests/properties.rs"]
mod properties;

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
