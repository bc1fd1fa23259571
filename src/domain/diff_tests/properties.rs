//! What holds of every plan.

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

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
