//! In which lane a pass goes: whether somebody waits for it.

use std::sync::Arc;
use std::time::Duration;

use kube::Resource;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use tokio::time::{sleep, timeout};

use super::dereference;
use super::wish::Wish;
use crate::api::{ConditionType, KeycloakUser};
use crate::controller::claims::Waker;
use crate::controller::connection::brake::connection_name;
use crate::controller::context::{Context, unpacked};
use crate::controller::error::Error;
use crate::controller::namespaced_name::NamespacedName;
use crate::controller::passes::Permit;
use crate::controller::watch::packed::PackedUser;
use crate::domain::Lane;
use crate::keycloak::in_lane;
use crate::realm::ConnectionName;

/// How often it is looked whether the cache has what was written.
const CACHE_POLL: Duration = Duration::from_millis(20);
/// And for how long.
const CACHE_LIMIT: Duration = Duration::from_secs(5);

/// Makes a pass if its turn has come, in its lane; else the resource is woken when it has.
pub(in crate::controller) async fn reconcile(user: Arc<PackedUser>, context: Arc<Context>) -> Result<Action, Error> {
    let waker = Waker { user: NamespacedName::of(&*user), queue: context.wake.sender.clone() };
    let place = place(&context, &user).inspect_err(|_| context.shared.passes.leave(&waker.user));
    let (connection, lane) = place?;
    match context.shared.passes.enter(connection, lane, waker) {
        Some(permit) => admitted(user, context, lane, permit).await,
        None => Ok(Action::await_change()),
    }
}

async fn admitted(user: Arc<PackedUser>, context: Arc<Context>, lane: Lane, permit: Permit) -> Result<Action, Error> {
    let (result, written) = Box::pin(in_lane(lane, super::pass(unpacked(&user)?, &context))).await;
    drop(permit);
    until_cached(&context, &ObjectRef::from_obj(&*user), &written).await;
    context.wake.due.set(NamespacedName::of(&*user), result?);
    Ok(Action::await_change())
}

/// Where the pass over a user belongs.
fn place(context: &Context, user: &PackedUser) -> Result<(ConnectionName, Lane), Error> {
    let user = unpacked(user)?;
    Ok((connection_name(&user), of(context, &user)))
}

/// Waits until the cache has what the pass has written, for a while: one that was asked for meanwhile begins right
/// after this one, and would take the account for one that was never made.
async fn until_cached(context: &Context, user: &ObjectRef<PackedUser>, written: &str) {
    let has_come = async || {
        while context.users.get(user).is_some_and(|cached| is_before(&*cached, written)) {
            sleep(CACHE_POLL).await;
        }
    };
    tokio::select! {
        _ = timeout(CACHE_LIMIT, has_come()) => (),
        () = context.shared.passes.shut_down() => (),
    }
}

/// Versions of one kind can be compared as numbers (Kubernetes 1.35); one that is none is as good as any.
fn is_before(cached: &impl Resource, written: &str) -> bool {
    let number = |version: &str| version.parse::<u64>().ok();
    let cached = cached.meta().resource_version.as_deref().and_then(number);
    cached.zip(number(written)).is_some_and(|(cached, written)| cached < written)
}

/// The lane of a pass over that resource.
pub(super) fn of(context: &Context, user: &KeycloakUser) -> Lane {
    if is_changed(user) || has_other_password(context, user) { Lane::Changes } else { Lane::Background }
}

/// Whether the resource is new, was changed, is being deleted or asks for something, and was not answered.
fn is_changed(user: &KeycloakUser) -> bool {
    let status = user.status.clone().unwrap_or_default();
    let stalled = status.conditions.iter().any(|condition| condition.type_ == ConditionType::Stalled.as_str());
    user.metadata.deletion_timestamp.is_some()
        || status.observed_generation != user.metadata.generation
        || (status.user_id.is_none() && !stalled)
        || [Wish::to_reconcile(user), Wish::to_reenable(user), Wish::to_set_credentials(user)]
            .iter()
            .any(Wish::is_asked)
}

/// Whether its Secret is another one than the status knows of. One that is gone is nothing to be sent.
fn has_other_password(context: &Context, user: &KeycloakUser) -> bool {
    let Some(credential) = user.spec.credentials.first() else {
        return false;
    };
    let recorded = user.status.as_ref().and_then(|status| status.credentials.first());
    dereference::secret_version(context, user, credential).is_ok_and(|version| {
        recorded.is_none_or(|recorded| {
            recorded.secret_uid != version.uid || recorded.secret_resource_version != version.resource_version
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::{RECONCILE_REQUESTED_AT, REENABLE, SET_CREDENTIALS};

    fn user(metadata: &Value, status: &Value) -> KeycloakUser {
        let mut object = json!({ "apiVersion": "keycloakuser.dev/v1alpha1", "kind": "KeycloakUser",
            "metadata": { "name": "u", "generation": 3 }, "spec": { "username": "u" },
            "status": { "observedGeneration": 3, "userId": "8c7d2f3e-0000-4000-8000-000000000000" } });
        for (part, with) in [("metadata", metadata), ("status", status)] {
            object[part].as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        }
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn what_was_answered_is_no_change() {
        let annotations = json!({ "annotations": { RECONCILE_REQUESTED_AT: "1", "theirs": "2" } });
        assert!(!is_changed(&user(&annotations, &json!({ "lastHandledReconcileAt": "1" }))));
    }

    #[test]
    fn what_is_new_was_changed_or_asks_for_something_is_one() {
        let none = json!({});
        for (metadata, status) in [
            (json!({ "generation": 4 }), none.clone()),
            (json!({ "deletionTimestamp": "2026-01-01T00:00:00Z" }), none.clone()),
            (json!({ "annotations": { REENABLE: "1" } }), json!({ "lastHandledReenable": "0" })),
            (json!({ "annotations": { SET_CREDENTIALS: "1" } }), none.clone()),
            (json!({ "annotations": { RECONCILE_REQUESTED_AT: "1" } }), none.clone()),
            (none.clone(), json!({ "userId": null })),
        ] {
            assert!(is_changed(&user(&metadata, &status)), "{metadata} {status}");
        }
    }

    #[test]
    fn a_version_that_cannot_be_compared_is_not_waited_for() {
        let of = |version: &str| user(&json!({ "resourceVersion": version }), &json!({}));
        assert!(is_before(&of("99"), "100"));
        assert!(!is_before(&of("100"), "100") && !is_before(&of("101"), "100"));
        assert!(!is_before(&of("other"), "100") && !is_before(&of("99"), ""));
    }

    #[test]
    fn an_account_that_cannot_be_made_before_a_person_acts_is_none() {
        let stalled = json!({ "type": "Stalled", "status": "True", "reason": "ForeignAccount", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z" });
        assert!(!is_changed(&user(&json!({}), &json!({ "userId": null, "conditions": [stalled] }))));
    }
}
