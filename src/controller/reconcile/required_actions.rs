//! What a user is asked to do at the next login. Comes after the password, which takes one of them away.

use std::collections::BTreeSet;

use super::Pass;
use super::observe::Origin;
use super::status::{Adopted, Draft};
use super::takeover;
use crate::api::Reason;
use crate::controller::error::{ActError, Error, ObserveError};
use crate::domain::{ActionsInput, ActionsPlan, ObservedUser, diff_actions};

/// What a new account is asked for, and what the realm does not know of it.
pub(super) async fn compare_new(pass: &Pass<'_>) -> Result<ActionsPlan, Error> {
    let none = BTreeSet::new();
    compare_with(pass, (&none, &none), (&none, &none)).await
}

/// Asks for what is missing, and no longer for what has left the spec; what is asked for is noted as ours before.
pub(super) async fn synchronize(
    pass: &Pass<'_>,
    draft: &mut Draft,
    account: &ObservedUser,
    origin: Origin,
    settled: bool,
) -> Result<ActionsPlan, Error> {
    let before = &account.required_actions;
    let recorded = &mut draft.rights.actions;
    if draft.adopted != Adopted::No {
        let found =
            pass.desired.required_actions.intersection(before).filter(|action| !recorded.owned.contains(*action));
        recorded.preexisting.extend(found.cloned().collect::<Vec<_>>());
    }
    let was_set = draft.changes.iter().any(|change| change == super::password::SET);
    let present = if was_set { present_now(pass, account).await? } else { before.clone() };
    let recorded = &draft.rights.actions;
    let plan = compare_with(pass, (before, &present), (&recorded.owned, &recorded.preexisting)).await?;
    let Some(set) = &plan.set else {
        draft.rights.actions.owned.clone_from(&plan.owned);
        return Ok(plan);
    };
    takeover::judge_roles(pass.connection, account, origin).await?;
    let is_drift = settled && plan.removed.iter().any(|action| !draft.rights.actions.owned.contains(action));
    draft.rights.actions.owned.extend(plan.added.iter().cloned());
    draft.write_interim(pass.context, pass.user).await?;
    pass.connection.realm.client().set_required_actions(&account.id, set).await.map_err(ActError::from)?;
    draft.rights.actions.owned.clone_from(&plan.owned);
    let change = described(&plan);
    draft.drift.extend(is_drift.then(|| change.clone()));
    draft.changes.push(change);
    Ok(plan)
}

/// Whether of the account is asked what is declared, and the record says so.
pub(super) async fn are_in_line(pass: &Pass<'_>, draft: &Draft, account: &ObservedUser) -> Result<bool, Error> {
    let (present, record) = (&account.required_actions, &draft.rights.actions);
    let plan = compare_with(pass, (present, present), (&record.owned, &record.preexisting)).await?;
    Ok(plan.set.is_none() && plan.unknown.is_empty() && plan.owned == record.owned)
}

async fn present_now(pass: &Pass<'_>, account: &ObservedUser) -> Result<BTreeSet<String>, Error> {
    let read = pass.connection.realm.client().user(&account.id).await.map_err(ObserveError::from)?;
    Ok(read.map_or_else(BTreeSet::new, |account| account.required_actions))
}

/// Compares; asks the realm what it knows if something is missing.
async fn compare_with(
    pass: &Pass<'_>,
    (before, present): (&BTreeSet<String>, &BTreeSet<String>),
    (owned, preexisting): (&BTreeSet<String>, &BTreeSet<String>),
) -> Result<ActionsPlan, Error> {
    let temporary = pass.user.spec.credentials.iter().any(|credential| credential.temporary == Some(true));
    let input = ActionsInput {
        declared: &pass.desired.required_actions,
        exact: pass.desired.exact.required_actions,
        before,
        present,
        owned,
        preexisting,
        registered: None,
        temporary_password: temporary,
    };
    let plan = diff_actions(input);
    if plan.added.is_empty() {
        return Ok(plan);
    }
    let realm = &pass.connection.realm;
    let registered = realm.directory().required_actions(realm.client()).await.map_err(ObserveError::from)?;
    Ok(diff_actions(ActionsInput { registered: Some(&registered), ..input }))
}

fn described(plan: &ActionsPlan) -> String {
    let list = |verb: &str, actions: &BTreeSet<String>| {
        let names: Vec<String> = actions.iter().map(|action| shown(action)).collect();
        (!names.is_empty()).then(|| format!("{verb} {}", names.join(", ")))
    };
    list("add", &plan.added).into_iter().chain(list("remove", &plan.removed)).collect::<Vec<_>>().join("; ")
}

fn shown(action: &str) -> String {
    format!("requiredActions[{}]", action.escape_debug().take(64).collect::<String>())
}

/// What the realm does not know, in words.
pub(super) fn flaw(plan: &ActionsPlan) -> Option<(Reason, String)> {
    let names: Vec<String> = plan.unknown.iter().map(|action| shown(action)).collect();
    (!names.is_empty()).then(|| {
        let names = names.join(", ");
        (Reason::UnknownName, format!("not in the realm: {names}; register it there, or correct the name here"))
    })
}
