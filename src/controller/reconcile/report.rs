//! The edge: every pass is shown, logged, counted and scheduled here, once.

use std::time::Duration;

use kube::runtime::controller::Action;
use kube::runtime::events::{Event, EventType};
use kube::{Resource, ResourceExt};
use tracing::{debug, error, info, warn};

use super::dereference;
use super::disable::expiry;
use super::lane;
use super::outcome::{Farewell, Outcome};
use super::status::{Adopted, Draft, Verdict};
use crate::api::{ConditionType, KeycloakUser, Reason};
use crate::controller::backoff::jittered;
use crate::controller::context::{Context, key_of, unpacked};
use crate::controller::error::{Class, Error};
use crate::controller::namespaced_name::NamespacedName;
use crate::controller::watch::packed::PackedUser;
use crate::domain::{Expiry, Lane};

/// Over so long a time those come back that were put off.
const RETURN: Duration = Duration::from_mins(1);

/// Shows what a pass came to, and says when the next one is due.
pub(super) async fn report(
    context: &Context,
    user: &KeycloakUser,
    draft: &mut Draft,
    result: Result<Outcome, Error>,
) -> Result<Option<Duration>, Error> {
    log_changes(user, draft);
    publish_drift(context, user, draft).await;
    publish_adoption(context, user, draft).await;
    if let Err(error) = result.as_ref()
        && (error.leaves_report_to_another() || is_put_off(context, user, error))
    {
        debug!(user = %key(user), %error, "the pass is repeated");
        if !matches!(error, Error::Outdated) {
            context.shared.metrics.count_pass(label(&result));
        }
        return result.map(|outcome| next(&outcome, draft.expiry));
    }
    log_outcome(user, &result);
    context.shared.metrics.count_pass(label(&result));
    if let Ok(Outcome::Deleted(farewell)) = &result {
        forget(context, user, farewell.as_ref()).await;
        return Ok(None);
    }
    let ready = ready(&result, user, draft);
    context.shared.metrics.set_state(&uid(user), ready.reason);
    let changed = draft.was_ready().is_none_or(|before| before.reason != ready.reason.as_str());
    write_status(context, user, draft, &result, &ready).await?;
    if let Some(type_) = news(&ready).filter(|_| changed) {
        publish(context, user, type_, ready.reason, &ready.message).await;
    }
    let outcome = result?;
    context.backoff.forget(&uid(user));
    Ok(next(&outcome, draft.expiry))
}

/// How an event about that verdict is shown, where there is one: a first success is no news.
fn news(ready: &Verdict) -> Option<EventType> {
    match (ready.status, ready.reason) {
        ("False", _) => Some(EventType::Warning),
        (_, Reason::Expired) => Some(EventType::Normal),
        _ => None,
    }
}

/// Has it tried again after an error; kube calls this.
pub(in crate::controller) fn after_error(context: &Context, user: &PackedUser, error: &Error) -> Action {
    let wait = match unpacked(user) {
        Ok(user) => expiry(&user).or_sooner(wait_after(context, &user, error)),
        Err(_) => context.backoff.failed(&user.uid().unwrap_or_default()),
    };
    context.wake.due.set(NamespacedName::of(user), Some(wait));
    Action::await_change()
}

fn wait_after(context: &Context, user: &KeycloakUser, error: &Error) -> Duration {
    let (_, class) = error.verdict();
    match class {
        // Not all in the moment in which Keycloak is tried again.
        Class::Transient(Some(wait)) if is_put_off(context, user, error) => wait + RETURN.mul_f64(fastrand::f64()),
        Class::Transient(Some(wait)) => jittered(wait),
        Class::Transient(None) | Class::Misconfigured => context.backoff.failed(&uid(user)),
        Class::Waiting | Class::Terminal => jittered(interval(context, user)),
    }
}

/// Whether nothing is said of the resource while Keycloak does not answer: it was fine, nobody waits for it, and the
/// connection says what is wrong. Else an outage would be a write for each resource, and its end another one.
fn is_put_off(context: &Context, user: &KeycloakUser, error: &Error) -> bool {
    error.is_not_sent() && lane::of(context, user) == Lane::Background
}

fn interval(context: &Context, user: &KeycloakUser) -> Duration {
    let (namespace, _) = key_of(user);
    dereference::interval(context, &namespace, &user.spec.connection_ref)
}

fn next(outcome: &Outcome, expiry: Expiry) -> Option<Duration> {
    match outcome {
        Outcome::Unchanged(recheck) | Outcome::Applied(recheck) | Outcome::Blocked(recheck, ..) => {
            Some(expiry.or_sooner(*recheck))
        }
        Outcome::Suspended | Outcome::Deleted(_) => None,
    }
}

/// The condition `Ready`.
fn ready(result: &Result<Outcome, Error>, user: &KeycloakUser, draft: &Draft) -> Verdict {
    let deleted = user.metadata.deletion_timestamp.is_some();
    match (result, &user.spec.expires_at) {
        (Ok(Outcome::Unchanged(_) | Outcome::Applied(_)), Some(at)) if draft.expiry == Expiry::Expired => {
            Verdict::expired(at)
        }
        (result, _) => ready_otherwise(result, deleted),
    }
}

fn ready_otherwise(result: &Result<Outcome, Error>, deleted: bool) -> Verdict {
    match result {
        Ok(Outcome::Unchanged(_) | Outcome::Applied(_)) => Verdict::good("the account is as declared"),
        Ok(Outcome::Blocked(_, reason, message)) => Verdict::bad(*reason, message),
        Ok(Outcome::Suspended) if deleted => {
            Verdict::unknown(Reason::Suspended, "the deletion waits: spec.suspend is true; set it to false to go on")
        }
        Ok(Outcome::Suspended | Outcome::Deleted(_)) => {
            Verdict::unknown(Reason::Suspended, "spec.suspend is true: the account is not looked at")
        }
        Err(error) if deleted => Verdict::bad(error.verdict().0, format!("the account cannot be deleted: {error}")),
        Err(error) => Verdict::bad(error.verdict().0, error.to_string()),
    }
}

/// `Reconciling` while the operator itself goes on trying, `Stalled` while only a person can help (kstatus).
fn progress(result: &Result<Outcome, Error>, ready: &Verdict) -> Option<(ConditionType, Verdict)> {
    let type_ = match result {
        Ok(Outcome::Blocked(..)) => ConditionType::Stalled,
        Ok(Outcome::Unchanged(_) | Outcome::Applied(_) | Outcome::Suspended | Outcome::Deleted(_)) => return None,
        Err(error) => match error.verdict().1 {
            Class::Transient(_) | Class::Waiting => ConditionType::Reconciling,
            Class::Misconfigured | Class::Terminal => ConditionType::Stalled,
        },
    };
    Some((type_, Verdict { status: "True", ..ready.clone() }))
}

async fn write_status(
    context: &Context,
    user: &KeycloakUser,
    draft: &mut Draft,
    result: &Result<Outcome, Error>,
    ready: &Verdict,
) -> Result<(), Error> {
    let progress = progress(result, ready);
    let conditions: Vec<_> = [(ConditionType::Ready, ready.clone())].into_iter().chain(progress).collect();
    let status = draft.finish(user, &conditions);
    match draft.write(context, user, status).await {
        Err(failure @ Error::Kubernetes(_)) => {
            error!(user = %key(user), error = %failure, "the status cannot be written");
            Err(failure)
        }
        other => other,
    }
}

/// Before the status is written: the next pass would not see the drift any more.
async fn publish_drift(context: &Context, user: &KeycloakUser, draft: &Draft) {
    if !draft.drift.is_empty() {
        let note = format!("put right what differed in Keycloak: {}", draft.drift.join("; "));
        publish(context, user, EventType::Normal, Reason::DriftCorrected, &note).await;
    }
}

async fn publish_adoption(context: &Context, user: &KeycloakUser, draft: &Draft) {
    if draft.adopted == Adopted::Now {
        let account = draft.username.as_deref().unwrap_or(&user.spec.username);
        let note = format!("took over the account {}, which this resource did not create", account.escape_debug());
        publish(context, user, EventType::Normal, Reason::Adopted, &note).await;
    }
}

async fn forget(context: &Context, user: &KeycloakUser, farewell: Option<&Farewell>) {
    context.backoff.forget(&uid(user));
    context.shared.metrics.forget(&uid(user));
    if let Some(Farewell { reason, note }) = farewell {
        publish(context, user, EventType::Normal, *reason, note).await;
    }
}

/// An event that cannot be published fails nothing: the status says the same.
async fn publish(context: &Context, user: &KeycloakUser, type_: EventType, reason: Reason, note: &str) {
    let event = Event {
        type_,
        reason: reason.as_str().to_owned(),
        note: Some(truncated(note, 1024)),
        action: "Reconcile".to_owned(),
        secondary: None,
    };
    if let Err(failure) = context.publish(&event, &user.object_ref(&())).await {
        warn!(user = %key(user), error = %failure, "an event cannot be published");
    }
}

/// At most so many bytes, cut between characters.
fn truncated(text: &str, max: usize) -> String {
    text[..text.floor_char_boundary(max)].to_owned()
}

/// One line for each change made, whatever became of the pass; names of fields, never values.
fn log_changes(user: &KeycloakUser, draft: &Draft) {
    let account = draft.username.as_deref().unwrap_or(&user.spec.username);
    let user_id = draft.user_id.as_ref().map(ToString::to_string).unwrap_or_default();
    for change in &draft.changes {
        info!(user = %key(user), account, user_id, change, drift = !draft.drift.is_empty(), "changed the account");
    }
}

/// One line for each pass that failed.
fn log_outcome(user: &KeycloakUser, result: &Result<Outcome, Error>) {
    match result {
        // The budget of the connection has said so once.
        Err(failure) if failure.is_not_sent() => debug!(user = %key(user), error = %failure, "the pass was put off"),
        Err(failure) => {
            warn!(user = %key(user), reason = %failure.verdict().0, error = %failure, "the pass failed");
        }
        Ok(Outcome::Blocked(_, reason, message)) => {
            debug!(user = %key(user), %reason, message, "not as declared");
        }
        Ok(_) => {}
    }
}

fn label(result: &Result<Outcome, Error>) -> &'static str {
    match result {
        Ok(Outcome::Unchanged(_)) => "unchanged",
        Ok(Outcome::Applied(_)) => "applied",
        Ok(Outcome::Blocked(..)) => "blocked",
        Ok(Outcome::Suspended) => "suspended",
        Ok(Outcome::Deleted(_)) => "deleted",
        Err(error) if error.leaves_report_to_another() => "not_leading",
        Err(error) if error.is_not_sent() => "put_off",
        Err(_) => "failed",
    }
}

fn uid(user: &KeycloakUser) -> String {
    user.uid().unwrap_or_default()
}

fn key(user: &KeycloakUser) -> String {
    let (namespace, name) = key_of(user);
    format!("{namespace}/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_that_expires_before_is_looked_at_right_then() {
        let (outcome, left) = (Outcome::Unchanged(Duration::from_mins(10)), Duration::from_mins(1));
        assert_eq!(next(&outcome, Expiry::In(left)), Some(left));
    }

    #[test]
    fn notes_are_cut_between_characters() {
        assert_eq!(truncated("aü", 2), "a");
        assert_eq!(truncated("aü", 3), "aü");
    }
}
