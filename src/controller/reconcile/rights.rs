//! Roles and groups of the account: read, compared, given and taken away. What is given is noted as ours before.

use std::collections::{BTreeMap, BTreeSet};

use super::Pass;
use super::status::{Adopted, Draft};
use crate::api::Reason;
use crate::controller::error::{ActError, Error, ObserveError};
use crate::domain::{
    ObjectId, Right, RightKind, RightName, RightRefusal, RightVerdict, RightsInput, RightsPlan, RightsStep, Unmet,
    UserId, diff_rights,
};
use crate::keycloak::{ErrorKind, KeycloakError};
use crate::realm::Use;

/// Compares the rights of an account that is yet to be made; what it shall have is looked up.
pub(super) async fn compare_new(pass: &Pass<'_>, draft: &Draft) -> Result<RightsPlan, Error> {
    compare_with(pass, draft, &BTreeSet::new()).await
}

/// Reads the rights of an account, and compares. No request where neither the spec nor the status speaks of any.
pub(super) async fn compare(pass: &Pass<'_>, draft: &mut Draft, user: &UserId) -> Result<RightsPlan, Error> {
    let kinds = kinds(pass, draft);
    let client = pass.connection.realm.client();
    let mut held = BTreeSet::new();
    if kinds.contains(&RightKind::RealmRoles) || kinds.contains(&RightKind::ClientRoles) {
        let found = client.roles_of(user).await.map_err(ObserveError::from)?;
        pass.connection.realm.directory().learn_clients(&found.clients).await;
        held.extend(found.roles);
    }
    if kinds.contains(&RightKind::Groups) {
        held.extend(client.groups_of(user).await.map_err(ObserveError::from)?);
    }
    if draft.adopted != Adopted::No {
        note_preexisting(pass, draft, &held);
    }
    compare_with(pass, draft, &held).await
}

/// What an account that was taken over has of what is declared, and did not get from us, was there before.
fn note_preexisting(pass: &Pass<'_>, draft: &mut Draft, held: &BTreeSet<Right>) {
    let ours = |right: &Right| draft.rights.owned.iter().any(|owned| owned.id == right.id);
    let found: Vec<Right> =
        held.iter().filter(|right| pass.desired.rights.contains(&right.name) && !ours(right)).cloned().collect();
    draft.rights.preexisting.extend(found);
}

/// Whether the account has what is declared, and the record says so; `held` is what it has of what the record names.
pub(super) async fn are_in_line(pass: &Pass<'_>, draft: &Draft, held: &BTreeSet<Right>) -> Result<bool, Error> {
    let record = &draft.rights;
    let plan = compare_with(pass, draft, held).await?;
    Ok(plan.is_done() && plan.unmet.is_empty() && plan.owned == record.owned && plan.preexisting == record.preexisting)
}

/// The fields about which there is something to know.
fn kinds(pass: &Pass<'_>, draft: &Draft) -> BTreeSet<RightKind> {
    let declared = pass.desired.rights.iter().map(RightName::kind);
    let recorded = draft.rights.owned.iter().chain(&draft.rights.preexisting).map(|right| right.name.kind());
    declared.chain(recorded).chain(pass.desired.exact.rights.iter().copied()).collect()
}

async fn compare_with(pass: &Pass<'_>, draft: &Draft, held: &BTreeSet<Right>) -> Result<RightsPlan, Error> {
    let verdicts = verdicts(pass, held).await?;
    let none = BTreeSet::new();
    let mut input = RightsInput {
        declared: &pass.desired.rights,
        exact: &pass.desired.exact.rights,
        held,
        owned: &draft.rights.owned,
        preexisting: &draft.rights.preexisting,
        verdicts: &verdicts,
        defaults: &none,
    };
    let plan = diff_rights(input);
    if plan.revocations.is_empty() {
        return Ok(plan);
    }
    let defaults = defaults(pass).await?;
    input.defaults = &defaults;
    Ok(diff_rights(input))
}

/// What the realm gives to every account is never taken away.
async fn defaults(pass: &Pass<'_>) -> Result<BTreeSet<ObjectId>, Error> {
    let realm = &pass.connection.realm;
    let defaults = realm.directory().defaults(realm.client()).await.map_err(ObserveError::from)?;
    Ok(defaults.role.iter().chain(&defaults.groups).map(|right| right.id.clone()).collect())
}

/// Why an account that is made now would administer Keycloak, though nothing declares that.
pub(super) async fn refused_defaults(pass: &Pass<'_>) -> Result<Option<RightRefusal>, Error> {
    let (realm, grants) = (&pass.connection.realm, &pass.connection.grants.rights);
    Ok(realm.directory().refused_defaults(realm.client(), grants).await.map_err(ObserveError::from)?)
}

async fn verdicts(pass: &Pass<'_>, held: &BTreeSet<Right>) -> Result<BTreeMap<RightName, RightVerdict>, Error> {
    let realm = &pass.connection.realm;
    let mut verdicts = BTreeMap::new();
    for name in &pass.desired.rights {
        let is_held = held.iter().any(|right| right.name == *name);
        let purpose = if is_held { Use::Report } else { Use::Write };
        let verdict = realm.directory().verdict(realm.client(), name, &pass.connection.grants.rights, purpose).await;
        let verdict = verdict.map_err(ObserveError::from)?;
        // What the account has is there, whatever was read of it before; but a group in whose name there is a `/` can have
        // the path of the one that is meant.
        let is_another = matches!(&verdict, RightVerdict::Granted(meant)
            if held.iter().any(|right| right.name == *name && right.id != meant.id));
        if !is_held || is_another || matches!(verdict, RightVerdict::Refused(_)) {
            verdicts.insert(name.clone(), verdict);
        }
    }
    Ok(verdicts)
}

/// Notes what will be given as ours, in what is written next: a crash in between must not leave a right that nobody
/// takes back.
pub(super) fn note(draft: &mut Draft, plan: &RightsPlan) {
    draft.rights.owned.extend(plan.owned.iter().cloned());
}

/// Gives a new account its roles; its groups came with its creation.
pub(super) async fn grant_to_new(
    pass: &Pass<'_>,
    draft: &mut Draft,
    user: &UserId,
    plan: &RightsPlan,
) -> Result<(), Error> {
    for step in plan.grants.iter().filter(|step| !matches!(step, RightsStep::JoinGroup(_))) {
        carry_out(pass, draft, user, step).await?;
    }
    Ok(())
}

/// Gives what is missing, once it is noted.
pub(super) async fn grant(pass: &Pass<'_>, draft: &mut Draft, user: &UserId, plan: &RightsPlan) -> Result<(), Error> {
    if !plan.grants.is_empty() {
        draft.write_interim(pass.context, pass.user).await?;
    }
    for step in &plan.grants {
        carry_out(pass, draft, user, step).await?;
    }
    Ok(())
}

/// Takes away what shall go; then the record is what the account has.
pub(super) async fn revoke(pass: &Pass<'_>, draft: &mut Draft, user: &UserId, plan: &RightsPlan) -> Result<(), Error> {
    for step in &plan.revocations {
        carry_out(pass, draft, user, step).await?;
    }
    draft.rights.owned.clone_from(&plan.owned);
    draft.rights.preexisting.clone_from(&plan.preexisting);
    Ok(())
}

async fn carry_out(pass: &Pass<'_>, draft: &mut Draft, user: &UserId, step: &RightsStep) -> Result<(), Error> {
    if let Err(error) = request(pass, user, step).await {
        if error.kind == ErrorKind::NoSuchObject {
            forget(pass, step.rights().iter().map(|right| &right.name)).await;
        }
        return Err(ActError::from(error).into());
    }
    draft.changes.push(step.to_string());
    Ok(())
}

/// Forgets ids, so that the names are looked up again.
pub(super) async fn forget<'a>(pass: &Pass<'_>, names: impl Iterator<Item = &'a RightName>) {
    pass.connection.realm.directory().forget(names).await;
}

async fn request(pass: &Pass<'_>, user: &UserId, step: &RightsStep) -> Result<(), KeycloakError> {
    let client = pass.connection.realm.client();
    match step {
        RightsStep::AddRealmRoles(roles) => client.add_roles(user, None, roles).await,
        RightsStep::RemoveRealmRoles(roles) => client.remove_roles(user, None, roles).await,
        RightsStep::AddClientRoles(of, roles) => match client_id(pass, of).await? {
            Some(id) => client.add_roles(user, Some(&id), roles).await,
            None => Ok(()),
        },
        RightsStep::RemoveClientRoles(of, roles) => match client_id(pass, of).await? {
            Some(id) => client.remove_roles(user, Some(&id), roles).await,
            None => Ok(()),
        },
        RightsStep::JoinGroup(group) => client.join_group(user, &group.id).await,
        RightsStep::LeaveGroup(group) => client.leave_group(user, &group.id).await,
    }
}

/// A client that has gone since its roles were seen has taken them along.
async fn client_id(pass: &Pass<'_>, name: &str) -> Result<Option<ObjectId>, KeycloakError> {
    let realm = &pass.connection.realm;
    realm.directory().client_id(realm.client(), name).await
}

/// Steps that put right what somebody else did.
pub(super) fn drift(plan: &RightsPlan, owned: &BTreeSet<Right>) -> Vec<String> {
    let steps = plan.grants.iter().chain(&plan.revocations);
    steps.filter(|step| is_drift(step, owned)).map(ToString::to_string).collect()
}

/// What was ours is given again, what never was is taken away.
fn is_drift(step: &RightsStep, owned: &BTreeSet<Right>) -> bool {
    let is_ours = |right: &Right| owned.iter().any(|ours| ours.name == right.name || ours.id == right.id);
    match step {
        RightsStep::AddRealmRoles(rights) | RightsStep::AddClientRoles(_, rights) => rights.iter().any(is_ours),
        RightsStep::JoinGroup(right) => is_ours(right),
        RightsStep::RemoveRealmRoles(rights) | RightsStep::RemoveClientRoles(_, rights) => !rights.iter().all(is_ours),
        RightsStep::LeaveGroup(right) => !is_ours(right),
    }
}

/// Paths of the groups that are given.
pub(super) fn joined_groups(plan: &RightsPlan) -> Vec<String> {
    let path = |step: &RightsStep| match step {
        RightsStep::JoinGroup(Right { name: RightName::Group(path), .. }) => Some(path.clone()),
        _ => None,
    };
    plan.grants.iter().filter_map(path).collect()
}

/// What is declared and cannot be had, in words: one sentence for each reason.
pub(super) fn flaws(plan: &RightsPlan) -> Vec<(Reason, String)> {
    let names_of = |wanted: fn(&Unmet) -> bool| {
        let names = plan.unmet.iter().filter(|(_, unmet)| wanted(unmet)).map(|(name, _)| name.to_string());
        names.collect::<Vec<String>>().join(", ")
    };
    let refused: Vec<String> = plan.unmet.iter().filter_map(refusal).collect();
    let unknown = names_of(|unmet| matches!(unmet, Unmet::Unknown));
    let ambiguous = names_of(|unmet| matches!(unmet, Unmet::Ambiguous));
    let refused =
        (!refused.is_empty()).then(|| (Reason::RightNotGranted, format!("not given: {}", refused.join("; "))));
    let unknown = (!unknown.is_empty()).then(|| {
        (Reason::UnknownName, format!("not in the realm: {unknown}; create it there, or correct the name here"))
    });
    let ambiguous = (!ambiguous.is_empty()).then(|| {
        let problem = "a name on its path has a `/`, so that it could mean another group; rename the group";
        (Reason::UnknownName, format!("not given: {ambiguous}: {problem}"))
    });
    refused.into_iter().chain(unknown).chain(ambiguous).collect()
}

fn refusal((_, unmet): &(RightName, Unmet)) -> Option<String> {
    match unmet {
        Unmet::Refused(refusal) => Some(refusal.to_string()),
        Unmet::Unknown | Unmet::Ambiguous => None,
    }
}
