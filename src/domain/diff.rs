//! The comparison: what shall be, what is, what is ours; out comes a [`Plan`].

use std::collections::{BTreeMap, BTreeSet};

use super::profile::is_keycloaks_own;
use super::{
    AttributeName, AttributeValue, AttributeVerdict, BirthMark, DesiredUser, Field, NewUser, Notice, ObservedUser,
    Owned, Plan, ProfileText, ProfileUpdate, Step, UserProfile,
};

/// Everything that a comparison looks at.
#[derive(Clone, Copy, Debug)]
pub struct DiffInput<'a> {
    /// What shall be.
    pub desired: &'a DesiredUser,
    /// What is; `None` if there is no account.
    pub observed: Option<&'a ObservedUser>,
    /// What this resource put there.
    pub owned: &'a Owned,
    /// The realm's user profile; needed where [`differs_in_attributes`], else every attribute is taken for kept.
    pub profile: Option<&'a UserProfile>,
    /// The creation time of an account that this resource makes.
    pub mark: BirthMark,
    /// Somebody asked in words for the account to be switched on again.
    pub reenable: bool,
    /// The connection wants accounts that somebody else disabled to be switched on as any other drift.
    pub reenable_always: bool,
}

/// Compares, and says what to do. Total: every input has a plan, and the plan of an account that is as declared has no
/// steps.
#[must_use]
pub fn diff(input: DiffInput<'_>) -> Plan {
    let mut notices = refused_attributes(&input);
    let attributes = accepted_attributes(&input);
    match input.observed {
        None => plan_creation(&input, attributes, notices),
        Some(observed) => {
            let enabled = decide_enabled(&input, observed, &mut notices);
            plan_update(&input, observed, &attributes, &enabled, notices)
        }
    }
}

/// Whether an attribute would be written or removed, so that the user profile has to be known.
#[must_use]
pub fn differs_in_attributes(desired: &DesiredUser, observed: Option<&ObservedUser>, owned: &Owned) -> bool {
    let Some(observed) = observed else {
        return desired.attributes.values().any(|values| !values.is_empty());
    };
    let unwanted =
        |name: &String| owned.attributes.contains(name) || desired.exact.attributes && !is_keycloaks_own(name);
    desired.attributes.iter().any(|(name, values)| !has_values(observed, name.as_str(), values))
        || observed.attributes.keys().any(|name| !declares(desired, name) && unwanted(name))
}

fn plan_creation(
    input: &DiffInput<'_>,
    attributes: Vec<(&AttributeName, &Vec<AttributeValue>)>,
    notices: Vec<Notice>,
) -> Plan {
    let desired = input.desired;
    let given: BTreeMap<String, Vec<String>> = attributes
        .into_iter()
        .filter(|(_, values)| !values.is_empty())
        .map(|(name, values)| (name.as_str().to_owned(), texts(values)))
        .collect();
    let owned = Owned { attributes: given.keys().cloned().collect(), enabled: desired.enabled };
    let create = NewUser {
        created_timestamp: input.mark.milliseconds(),
        username: desired.username.as_str().to_owned(),
        first_name: non_empty(desired.first_name.as_ref()),
        last_name: non_empty(desired.last_name.as_ref()),
        email: non_empty(desired.email.as_ref()),
        email_verified: desired.email_verified,
        enabled: desired.enabled.unwrap_or(true),
        attributes: given,
        groups: Vec::new(),
        required_actions: BTreeSet::new(),
    };
    Plan { steps: vec![Step::Create(create)], notices, owned }
}

fn plan_update(
    input: &DiffInput<'_>,
    observed: &ObservedUser,
    attributes: &[(&AttributeName, &Vec<AttributeValue>)],
    enabled: &EnabledDecision,
    notices: Vec<Notice>,
) -> Plan {
    let mut fields = BTreeSet::new();
    let mut update = changed_profile(input.desired, observed, &mut fields);
    if let Some(value) = enabled.write {
        update.enabled = Some(value);
        fields.insert(Field::Enabled);
    }
    let map = merged_attributes(input, observed, attributes, &mut fields);
    if map != observed.attributes {
        complete(&mut update, observed);
        update.attributes = Some(map);
    }
    let declared = attributes.iter().filter(|(_, values)| !values.is_empty()).map(|(name, _)| name.as_str().to_owned());
    let owned =
        Owned { attributes: declared.chain(not_removable(input, observed)).collect(), enabled: enabled.applied };
    let step = Step::Update { id: observed.id.clone(), update, fields: fields.clone() };
    Plan { steps: if fields.is_empty() { Vec::new() } else { vec![step] }, notices, owned }
}

fn changed_profile(desired: &DesiredUser, observed: &ObservedUser, fields: &mut BTreeSet<Field>) -> ProfileUpdate {
    let mut update = ProfileUpdate::default();
    if desired.username.canonical() != observed.username.to_lowercase() {
        update.username = Some(desired.username.as_str().to_owned());
        fields.insert(Field::Username);
    }
    update.first_name = changed(desired.first_name.as_ref(), |text| text == observed.first_name);
    update.last_name = changed(desired.last_name.as_ref(), |text| text == observed.last_name);
    update.email = changed(desired.email.as_ref(), |text| text.to_lowercase() == observed.email.to_lowercase());
    update.email_verified = desired.email_verified.filter(|verified| *verified != observed.email_verified);
    fields.extend(update.first_name.as_ref().map(|_| Field::FirstName));
    fields.extend(update.last_name.as_ref().map(|_| Field::LastName));
    fields.extend(update.email.as_ref().map(|_| Field::Email));
    fields.extend(update.email_verified.map(|_| Field::EmailVerified));
    update
}

fn changed(desired: Option<&ProfileText>, same: impl Fn(&str) -> bool) -> Option<String> {
    desired.filter(|text| !same(text.as_str())).map(|text| text.as_str().to_owned())
}

/// Keycloak clears the names and the e-mail address that are missing beside attributes (seen on 26.7.3).
fn complete(update: &mut ProfileUpdate, observed: &ObservedUser) {
    update.username.get_or_insert_with(|| observed.username.clone());
    update.first_name.get_or_insert_with(|| observed.first_name.clone());
    update.last_name.get_or_insert_with(|| observed.last_name.clone());
    update.email.get_or_insert_with(|| observed.email.clone());
}

/// The complete map as it shall be: what is declared set, what is not wanted gone, the rest as it is.
fn merged_attributes(
    input: &DiffInput<'_>,
    observed: &ObservedUser,
    attributes: &[(&AttributeName, &Vec<AttributeValue>)],
    fields: &mut BTreeSet<Field>,
) -> BTreeMap<String, Vec<String>> {
    let mut map = observed.attributes.clone();
    for (name, values) in attributes {
        if has_values(observed, name.as_str(), values) {
            continue;
        }
        fields.insert(Field::Attribute(name.as_str().to_owned()));
        if values.is_empty() {
            map.remove(name.as_str());
        } else {
            map.insert(name.as_str().to_owned(), texts(values));
        }
    }
    let goes = |name: &String| is_unwanted(input, name) && verdict(input, name) == AttributeVerdict::Kept;
    for name in observed.attributes.keys().filter(|name| goes(name)) {
        map.remove(name);
        fields.insert(Field::Attribute(name.clone()));
    }
    map
}

/// Not declared, and ours, or wanted from nobody; what the user wrote is the user's.
fn is_unwanted(input: &DiffInput<'_>, name: &str) -> bool {
    let is_the_users = || input.profile.is_some_and(|profile| profile.is_the_users(name));
    let from_nobody = || input.desired.exact.attributes && !is_keycloaks_own(name) && !is_the_users();
    !declares(input.desired, name) && (input.owned.attributes.contains(name) || from_nobody())
}

/// What is ours and may not be written now: it stays ours, to be changed or removed when it may.
fn not_removable(input: &DiffInput<'_>, observed: &ObservedUser) -> impl Iterator<Item = String> {
    let stuck =
        |name: &&String| observed.attributes.contains_key(*name) && verdict(input, name) != AttributeVerdict::Kept;
    input.owned.attributes.iter().filter(stuck).cloned()
}

/// What is ours, is no longer declared, and may not be removed now.
fn left_behind(input: &DiffInput<'_>, observed: &ObservedUser) -> impl Iterator<Item = String> {
    not_removable(input, observed).filter(|name| !declares(input.desired, name))
}

struct EnabledDecision {
    write: Option<bool>,
    applied: Option<bool>,
}

fn decide_enabled(input: &DiffInput<'_>, observed: &ObservedUser, notices: &mut Vec<Notice>) -> EnabledDecision {
    let Some(wanted) = input.desired.enabled else {
        return EnabledDecision { write: None, applied: None };
    };
    let applied = Some(wanted);
    if wanted == observed.enabled {
        return EnabledDecision { write: None, applied };
    }
    let behind_their_back = wanted && input.owned.enabled == Some(true) && !input.reenable;
    if behind_their_back && observed.is_locked_out() {
        notices.push(Notice::LockedOut);
        return EnabledDecision { write: None, applied };
    }
    if behind_their_back && !input.reenable_always {
        notices.push(Notice::DisabledElsewhere);
        return EnabledDecision { write: None, applied };
    }
    EnabledDecision { write: Some(wanted), applied }
}

/// Declared attributes that Keycloak would keep, or that are as declared already.
fn accepted_attributes<'a>(input: &DiffInput<'a>) -> Vec<(&'a AttributeName, &'a Vec<AttributeValue>)> {
    input.desired.attributes.iter().filter(|(name, values)| settled(input, name, values)).collect()
}

fn refused_attributes(input: &DiffInput<'_>) -> Vec<Notice> {
    let mut unknown = Vec::new();
    let mut read_only = Vec::new();
    for (name, _) in input.desired.attributes.iter().filter(|(name, values)| !settled(input, name, values)) {
        match verdict(input, name.as_str()) {
            AttributeVerdict::ReadOnly => read_only.push(name.as_str().to_owned()),
            AttributeVerdict::Unknown | AttributeVerdict::Kept => unknown.push(name.as_str().to_owned()),
        }
    }
    let unknown = (!unknown.is_empty()).then_some(Notice::AttributesUnknown(unknown));
    let read_only = (!read_only.is_empty()).then_some(Notice::AttributesReadOnly(read_only));
    let stuck: Vec<String> = input.observed.into_iter().flat_map(|observed| left_behind(input, observed)).collect();
    let stuck = (!stuck.is_empty()).then_some(Notice::AttributesNotRemovable(stuck));
    unknown.into_iter().chain(read_only).chain(stuck).collect()
}

fn settled(input: &DiffInput<'_>, name: &AttributeName, values: &[AttributeValue]) -> bool {
    let as_declared = match input.observed {
        Some(observed) => has_values(observed, name.as_str(), values),
        None => values.is_empty(),
    };
    as_declared || verdict(input, name.as_str()) == AttributeVerdict::Kept
}

fn verdict(input: &DiffInput<'_>, name: &str) -> AttributeVerdict {
    input.profile.map_or(AttributeVerdict::Kept, |profile| profile.judge(name))
}

/// Compares as multisets: Keycloak does not keep the order of values.
fn has_values(observed: &ObservedUser, name: &str, values: &[AttributeValue]) -> bool {
    let mut present: Vec<&str> = observed.attributes.get(name).into_iter().flatten().map(String::as_str).collect();
    let mut wanted: Vec<&str> = values.iter().map(AttributeValue::as_str).collect();
    present.sort_unstable();
    wanted.sort_unstable();
    present == wanted
}

fn declares(desired: &DesiredUser, name: &str) -> bool {
    desired.attributes.keys().any(|declared| declared.as_str() == name)
}

fn texts(values: &[AttributeValue]) -> Vec<String> {
    values.iter().map(|value| value.as_str().to_owned()).collect()
}

fn non_empty(text: Option<&ProfileText>) -> Option<String> {
    text.map(|text| text.as_str().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
#[path = "diff_tests.rs"]
mod tests;
