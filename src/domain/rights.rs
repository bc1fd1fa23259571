//! Roles and groups: what they are called, and what Keycloak knows them by.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::RightRefusal;

/// A role or group by the name that the spec has for it. Names are case-sensitive in Keycloak.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RightName {
    /// One of `spec.realmRoles`.
    RealmRole(String),
    /// One of `spec.clientRoles`.
    ClientRole {
        /// The client's ID, as people know it.
        client: String,
        /// Name of the role.
        role: String,
    },
    /// One of `spec.groups`, by its path.
    Group(String),
}

/// Longest part of a name in a message.
const SHOWN_CHARACTERS: usize = 64;

impl RightName {
    /// Where the spec has it.
    #[must_use]
    pub fn kind(&self) -> RightKind {
        match self {
            Self::RealmRole(_) => RightKind::RealmRoles,
            Self::ClientRole { .. } => RightKind::ClientRoles,
            Self::Group(_) => RightKind::Groups,
        }
    }
}

impl fmt::Display for RightName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |name: &str| name.escape_debug().take(SHOWN_CHARACTERS).collect::<String>();
        match self {
            Self::RealmRole(name) => write!(formatter, "realmRoles[{}]", shown(name)),
            Self::ClientRole { client, role } => write!(formatter, "clientRoles[{}/{}]", shown(client), shown(role)),
            Self::Group(path) => write!(formatter, "groups[{}]", shown(path)),
        }
    }
}

/// The fields of the spec that give rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RightKind {
    /// `spec.realmRoles`
    RealmRoles,
    /// `spec.clientRoles`
    ClientRoles,
    /// `spec.groups`
    Groups,
}

/// Keycloak's id of a role, a group or a client.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(String);

impl ObjectId {
    /// Accepts what Keycloak's ids are made of: whoever may write a status, or answer in Keycloak's place, must not
    /// choose a path of the Admin API with it.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        super::UserId::parse(id).map(|id| Self(id.as_str().to_owned()))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A role or group that exists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Right {
    /// What it is called.
    pub name: RightName,
    /// What it stays when it is called otherwise.
    pub id: ObjectId,
}

/// What a declared name that the account does not have, or whose rights have to be judged, has turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RightVerdict {
    /// It exists, and may be given.
    Granted(Right),
    /// It may not be given.
    Refused(RightRefusal),
    /// There is none of that name.
    Unknown,
    /// A group whose own name, or that of one above it, has a `/`: its path may mean another group too.
    Ambiguous,
}

/// What is known of an account's rights, before anything is changed.
#[derive(Clone, Copy, Debug)]
pub struct RightsInput<'a> {
    /// What the account shall have.
    pub declared: &'a BTreeSet<RightName>,
    /// Fields of which everything goes that is not declared.
    pub exact: &'a BTreeSet<RightKind>,
    /// What it has.
    pub held: &'a BTreeSet<Right>,
    /// What this resource put there.
    pub owned: &'a BTreeSet<Right>,
    /// What the account had before it was taken over.
    pub preexisting: &'a BTreeSet<Right>,
    /// Of declared names; one that is not here and is held may be given. A group that is held and has another id than the
    /// verdict is not the one that is meant.
    pub verdicts: &'a BTreeMap<RightName, RightVerdict>,
    /// What the realm gives to every account.
    pub defaults: &'a BTreeSet<ObjectId>,
}

/// A request that changes the rights of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RightsStep {
    /// Gives roles of the realm.
    AddRealmRoles(Vec<Right>),
    /// Gives roles of one client.
    AddClientRoles(String, Vec<Right>),
    /// Makes the account a member.
    JoinGroup(Right),
    /// Takes roles of the realm away.
    RemoveRealmRoles(Vec<Right>),
    /// Takes roles of one client away.
    RemoveClientRoles(String, Vec<Right>),
    /// Ends a membership.
    LeaveGroup(Right),
}

impl RightsStep {
    /// What the request is about.
    #[must_use]
    pub fn rights(&self) -> &[Right] {
        match self {
            Self::AddRealmRoles(rights)
            | Self::AddClientRoles(_, rights)
            | Self::RemoveRealmRoles(rights)
            | Self::RemoveClientRoles(_, rights) => rights,
            Self::JoinGroup(right) | Self::LeaveGroup(right) => std::slice::from_ref(right),
        }
    }
}

impl fmt::Display for RightsStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self {
            Self::AddRealmRoles(_) | Self::AddClientRoles(..) | Self::JoinGroup(_) => "add",
            Self::RemoveRealmRoles(_) | Self::RemoveClientRoles(..) | Self::LeaveGroup(_) => "remove",
        };
        let names: Vec<String> = self.rights().iter().map(|right| right.name.to_string()).collect();
        write!(formatter, "{verb} {}", names.join(", "))
    }
}

/// Everything there is to do about rights, in two parts, since credentials and required actions stand between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RightsPlan {
    /// What is given.
    pub grants: Vec<RightsStep>,
    /// What is taken away.
    pub revocations: Vec<RightsStep>,
    /// Declared, and not to be had.
    pub unmet: Vec<(RightName, Unmet)>,
    /// What the resource owns once the steps are made.
    pub owned: BTreeSet<Right>,
    /// What the account had before it was taken over, and still has.
    pub preexisting: BTreeSet<Right>,
}

impl RightsPlan {
    /// Whether there is no request to make.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.grants.is_empty() && self.revocations.is_empty()
    }
}

/// Why a declared right is not given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// There is none of that name.
    Unknown,
    /// Its path may mean another group too.
    Ambiguous,
    /// The connection does not grant it.
    Refused(RightRefusal),
}

/// Compares, and says what to do. Total; the plan of an account that is as declared has no steps.
#[must_use]
pub fn diff_rights(input: RightsInput<'_>) -> RightsPlan {
    let mut plan = RightsPlan::default();
    let mut grants = Vec::new();
    for name in input.declared {
        declare(&input, name, &mut plan, &mut grants);
    }
    let revocations: Vec<Right> = input.held.iter().filter(|right| goes(&input, &plan, right)).cloned().collect();
    plan.preexisting = had_before(&input);
    plan.grants = steps(grants, RightsStep::AddRealmRoles, RightsStep::AddClientRoles, RightsStep::JoinGroup);
    plan.revocations =
        steps(revocations, RightsStep::RemoveRealmRoles, RightsStep::RemoveClientRoles, RightsStep::LeaveGroup);
    plan
}

/// What a declared name comes to: nothing, a grant, or a word about why there is none.
fn declare(input: &RightsInput<'_>, name: &RightName, plan: &mut RightsPlan, grants: &mut Vec<Right>) {
    let verdict = input.verdicts.get(name);
    let unmet = verdict.and_then(unmet);
    // An owned right that is called otherwise by now stays ours for as long as the name that it had is declared.
    let known_as_this = input.owned.iter().filter(|right| right.name == *name && is_held(input, right));
    let is_meant = |right: &Right| match verdict {
        Some(RightVerdict::Granted(granted)) => granted.id == right.id,
        _ => true,
    };
    match (input.held.iter().find(|right| right.name == *name && is_meant(right)), verdict) {
        (Some(right), _) => {
            let foreign = unmet.is_some() && !has(input.owned, right);
            if !foreign && !has(input.preexisting, right) {
                plan.owned.insert(right.clone());
            }
        }
        (None, Some(RightVerdict::Granted(right))) => {
            plan.owned.insert(right.clone());
            grants.push(right.clone());
        }
        (None, _) => plan.owned.extend(known_as_this.cloned()),
    }
    plan.unmet.extend(unmet.map(|unmet| (name.clone(), unmet)));
}

fn unmet(verdict: &RightVerdict) -> Option<Unmet> {
    match verdict {
        RightVerdict::Granted(_) => None,
        RightVerdict::Refused(refusal) => Some(Unmet::Refused(refusal.clone())),
        RightVerdict::Unknown => Some(Unmet::Unknown),
        RightVerdict::Ambiguous => Some(Unmet::Ambiguous),
    }
}

/// Whether what the account has is taken away: not declared, and ours, or not wanted from anybody.
fn goes(input: &RightsInput<'_>, plan: &RightsPlan, right: &Right) -> bool {
    let declared = input.declared.contains(&right.name) || has(&plan.owned, right);
    let ours = has(input.owned, right) && !has(input.preexisting, right);
    let exact = input.exact.contains(&right.name.kind());
    !declared && (ours || exact) && !input.defaults.contains(&right.id)
}

/// What was there before stays so for as long as it is there; what had to be put back is ours.
fn had_before(input: &RightsInput<'_>) -> BTreeSet<Right> {
    input.held.iter().filter(|right| has(input.preexisting, right)).cloned().collect()
}

fn is_held(input: &RightsInput<'_>, right: &Right) -> bool {
    has(input.held, right)
}

fn has(rights: &BTreeSet<Right>, right: &Right) -> bool {
    rights.iter().any(|other| other.id == right.id)
}

/// One request for all roles of the realm, one for each client, one for each group.
fn steps(
    rights: Vec<Right>,
    realm: impl FnOnce(Vec<Right>) -> RightsStep,
    client: impl Fn(String, Vec<Right>) -> RightsStep,
    group: impl Fn(Right) -> RightsStep,
) -> Vec<RightsStep> {
    let (mut of_realm, mut of_clients, mut groups) = (Vec::new(), BTreeMap::<String, Vec<Right>>::new(), Vec::new());
    for right in rights {
        match &right.name {
            RightName::RealmRole(_) => of_realm.push(right),
            RightName::ClientRole { client, .. } => of_clients.entry(client.clone()).or_default().push(right),
            RightName::Group(_) => groups.push(right),
        }
    }
    let of_realm = (!of_realm.is_empty()).then(|| realm(of_realm));
    let of_clients = of_clients.into_iter().map(|(name, roles)| client(name, roles));
    of_realm.into_iter().chain(of_clients).chain(groups.into_iter().map(group)).collect()
}

#[cfg(test)]
#[path = "rights_tests.rs"]
mod tests;
