//! The pass over an account of which nobody has said that anything changed: what the census has seen of it is compared,
//! and where that is as it shall be, nothing more is done. In any doubt the whole pass follows, which reads the account.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;

use super::dereference::{self, Connection, Password};
use super::finalizer;
use super::observe::{Account, Origin};
use super::status::{Adopted, Draft};
use super::wish::Wish;
use super::{Pass, owner, required_actions, rights};
use crate::api::{CredentialSync, KeycloakUser, Reason, desired_user};
use crate::controller::backoff::jittered;
use crate::controller::claims::Finding;
use crate::controller::context::{Context, key_of};
use crate::controller::error::Error;
use crate::controller::namespaced_name::NamespacedName;
use crate::controller::pool;
use crate::controller::watch::wake::Touch;
use crate::domain::{DesiredUser, Expiry, Right};
use crate::realm::{Census, Sighting};

/// When an account is looked at that the census has forgotten. Later than a census of a hundred thousand takes, since who
/// asks meanwhile is read once more.
const FORGOTTEN: Duration = Duration::from_mins(10);
/// How often, and for how long after the connection was opened, it is looked whether its feeds have told all.
const TELLING: Duration = Duration::from_secs(1);
const LONGEST_TELLING: Duration = Duration::from_secs(20);

/// When the next pass is due, if the census makes this one needless, or is to be waited for.
pub(super) async fn run(context: &Context, user: &KeycloakUser, draft: &Draft) -> Option<Duration> {
    let touched = context.wake.take_touched(&NamespacedName::of(user));
    if !is_routine(user, draft) {
        return None;
    }
    let id = draft.user_id.as_ref()?;
    let connection = dereference::connection(context, &key_of(user).0, &user.spec.connection_ref).await.ok()?;
    let must_be_read = match touched {
        Some(Touch::Since) => true,
        Some(Touch::Before) => needs_a_closer_look(user),
        None => false,
    };
    if must_be_read {
        // What was seen before may be what it no longer is, and the pass that follows may have to be repeated.
        drop(connection.realm.census(id));
        return None;
    }
    if needs_a_closer_look(user) && !is_vouched_for(context, user, &connection)? {
        return Some(draft.expiry.or_sooner(TELLING));
    }
    match connection.realm.census(id) {
        Census::Seen(sighting) => {
            let is_in_line = Box::pin(is_in_line(context, user, draft, &connection, *sighting)).await;
            is_in_line.unwrap_or_default().then(|| leave_alone(context, user, draft, &connection))
        }
        Census::Unclear => None,
        Census::Unknown => {
            connection.realm.ask_census(id, recorded(draft), context.waker(user));
            Some(draft.expiry.or_sooner(jittered(FORGOTTEN)))
        }
    }
}

/// Whether, at the start of this process, the feeds show that nobody has touched what the census does not see. False: not
/// yet; `None`: the account is to be looked at.
fn is_vouched_for(context: &Context, user: &KeycloakUser, connection: &Connection) -> Option<bool> {
    let is_start = !context.shared.claims.is_found(&user.uid().unwrap_or_default());
    if !is_start || !connection.has_positions {
        return None;
    }
    match context.shared.observers.have_told_all(&connection.name) {
        Some(told_all) => told_all.then_some(true),
        None => (connection.realm.age() < LONGEST_TELLING).then_some(false),
    }
}

/// Whether only a change in Keycloak that the census can see makes work.
fn is_routine(user: &KeycloakUser, draft: &Draft) -> bool {
    let deleted = user.metadata.deletion_timestamp.is_some();
    let switched = draft.off.expired == (draft.expiry == Expiry::Expired) && !draft.off.sessions_to_end;
    let asked =
        draft.set_credentials.is_asked() || draft.reenable.has_changed() || Wish::to_reconcile(user).has_changed();
    !deleted
        && user.spec.suspend != Some(true)
        && finalizer::is_set(user)
        && draft.user_id.is_some()
        && draft.answered().is_some_and(is_good)
        && switched
        && !asked
}

fn is_good(ready: &Condition) -> bool {
    let good = [Reason::Synced, Reason::Expired];
    ready.status == "True" && good.iter().any(|reason| reason.as_str() == ready.reason)
}

/// Whether something is to be kept as declared that the census does not see: another password, or rights that nobody
/// declares.
fn needs_a_closer_look(user: &KeycloakUser) -> bool {
    let enforced = user.spec.credentials.iter().any(|credential| credential.sync == Some(CredentialSync::Enforce));
    enforced || desired_user(&user.spec).is_ok_and(|desired| !desired.exact.rights.is_empty())
}

/// What the status says that the account has.
fn recorded(draft: &Draft) -> BTreeSet<Right> {
    draft.rights.owned.union(&draft.rights.preexisting).cloned().collect()
}

/// Whether the whole pass would change nothing, neither in Keycloak nor on the status.
async fn is_in_line(
    context: &Context,
    user: &KeycloakUser,
    draft: &Draft,
    connection: &Connection,
    sighting: Sighting,
) -> Result<bool, Error> {
    let password = dereference::password(context, user, draft.password.as_ref(), false).await?;
    let mut desired: DesiredUser = desired_user(&user.spec)?;
    desired.enabled = draft.expiry.enabled(desired.enabled, draft.off.expired);
    let owner = owner::attribute(&context.shared, connection, user).await?;
    let pass = Pass { context, user, connection, desired: &desired, declared: &desired, owner: owner.as_ref() };
    pass.check_owner()?;
    pass.search().claim_name().await?;
    let account = pass.search().ours_or_another(draft, sighting.account).await?;
    let with_owner = pass.with_owner(&account);
    let pass = Pass { desired: with_owner.as_ref().unwrap_or(&desired), ..pass };
    let Account::Ours { user: observed, origin } = account else {
        return Ok(false);
    };
    let known = match origin {
        Origin::Created => draft.adopted == Adopted::No,
        Origin::TakenOver(_) => draft.adopted == Adopted::Before,
        Origin::Named { newly, .. } => !newly,
        Origin::Unfinished => false,
    };
    if !known || draft.username.as_ref() != Some(&observed.username) || matches!(password, Password::Value(_)) {
        return Ok(false);
    }
    let plan = pass.plan(&draft.owned, Some(&observed)).await?;
    let has_work = !plan.steps.is_empty() || !plan.notices.is_empty();
    if has_work || draft.preexisting.apart_from(plan.owned) != draft.owned {
        return Ok(false);
    }
    Ok(rights::are_in_line(&pass, draft, &sighting.rights).await?
        && required_actions::are_in_line(&pass, draft, &observed).await?)
}

/// The account is as it was; when it is looked at again.
fn leave_alone(context: &Context, user: &KeycloakUser, draft: &Draft, connection: &Connection) -> Duration {
    let (shared, uid) = (&context.shared, user.uid().unwrap_or_default());
    let holds = draft.user_id.as_ref().map(|id| pool::shared(id.as_str()));
    shared.claims.found(&uid, Finding { holds, inherits: None });
    let reason = if draft.expiry == Expiry::Expired { Reason::Expired } else { Reason::Synced };
    shared.metrics.set_state(&uid, reason);
    shared.metrics.count_pass("unchanged");
    context.backoff.forget(&uid);
    draft.expiry.or_sooner(next_check(user, connection))
}

/// When the account is looked at again: with all others, or by itself.
pub(super) fn next_check(user: &KeycloakUser, connection: &Connection) -> Duration {
    if needs_a_closer_look(user) {
        return jittered(connection.sweep_interval);
    }
    connection.realm.until_next_sweep(connection.sweep_interval)
}
