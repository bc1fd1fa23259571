//! The brake on deletions: what went is counted per connection, and kept in the connection's status before more goes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use kube::runtime::reflector::ObjectRef;
use serde_json::json;

use super::kind::ConnectionKind;
use super::tally::Tally;
use crate::api::{self, ALLOW_DELETIONS, DeletionAllowance, DeletionsStatus, KeycloakUser, Reason, RecentDeletions};
use crate::controller::FIELD_MANAGER;
use crate::controller::context::{Context, key_of};
use crate::controller::error::{DereferenceError as Missing, Error};
use crate::controller::reconcile::outcome::Outcome;
use crate::domain::{Allowance, DeletionLimit, DeletionRecord, Deletions, Held, brake};
use crate::realm::ConnectionName;

/// Every wait is spread by a tenth either way; so much longer, none ends before it is of use.
const LATER: f64 = 1.12;

/// What is known of the deletions of one connection, once it was asked for. The lock is held while one more is decided
/// upon and written down.
type Ledger = Arc<tokio::sync::Mutex<Option<DeletionRecord>>>;

/// The brakes of all connections.
#[derive(Debug, Default)]
pub(in crate::controller) struct Brakes {
    /// By UID of the connection.
    ledgers: Mutex<HashMap<String, Ledger>>,
    tally: Mutex<Tally>,
}

impl Brakes {
    fn ledger(&self, connection: &impl ConnectionKind) -> Ledger {
        let uid = connection.uid().unwrap_or_default();
        Arc::clone(self.ledgers.lock().unwrap_or_else(PoisonError::into_inner).entry(uid).or_default())
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A resource exists.
    pub(in crate::controller) fn user_seen(&self, user: &KeycloakUser) {
        self.tally().seen(user.metadata.uid.as_deref().unwrap_or_default(), connection_name(user));
    }

    /// A resource is gone.
    pub(in crate::controller) fn user_gone(&self, uid: &str) {
        self.tally().gone(uid);
    }

    /// A connection is gone.
    pub(in crate::controller) fn connection_gone(&self, uid: &str) {
        self.ledgers.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

/// Counts the deletion of a resource's account, or says why it has to wait.
pub(in crate::controller) async fn admit(context: &Context, user: &KeycloakUser) -> Result<Option<Outcome>, Error> {
    let (namespace, _) = key_of(user);
    let name = user.spec.connection_ref.name.clone();
    match user.spec.connection_ref.kind {
        api::ConnectionKind::KeycloakConnection => {
            let found = || context.connections.get(&ObjectRef::new(&name).within(&namespace));
            admit_through(context, user, || found().ok_or_else(|| Missing::ConnectionNotFound(name.clone()))).await
        }
        api::ConnectionKind::ClusterKeycloakConnection => {
            let shared = context.shared.cluster.as_ref();
            let found = || shared.and_then(|cluster| cluster.connections.get(&ObjectRef::new(&name)));
            admit_through(context, user, || found().ok_or_else(|| Missing::ConnectionNotAllowed(name.clone()))).await
        }
    }
}

async fn admit_through<K: ConnectionKind>(
    context: &Context,
    user: &KeycloakUser,
    find: impl Fn() -> Result<Arc<K>, Missing>,
) -> Result<Option<Outcome>, Error> {
    let brakes = &context.shared.brakes;
    let uid = user.uid().unwrap_or_default();
    if brakes.tally().has_begun(&uid) {
        return Ok(None);
    }
    let ledger = brakes.ledger(&*find()?);
    let mut known = ledger.lock().await;
    // Read under the lock, so that a wish that was taken back since is not answered.
    let connection = find()?;
    let (limit, asked) = (limit(&*connection), asked(&*connection));
    let before = known.get_or_insert_with(|| record(&*connection)).clone();
    let present = brakes.tally().count(&connection_name(user));
    let decision = brake(&limit, &before, present, asked, Timestamp::now().as_second());
    if decision.held.is_none() || decision.record.allowance != before.allowance {
        keep(context, &*connection, &decision.record).await?;
        *known = Some(decision.record);
    }
    if decision.held.is_none() {
        brakes.tally().begins(&uid);
    }
    Ok(decision.held.map(|held| waiting(&*connection, &connection_name(user), &limit, &held)))
}

/// The connection that a user names.
pub(in crate::controller) fn connection_name(user: &KeycloakUser) -> ConnectionName {
    let (namespace, _) = key_of(user);
    let name = user.spec.connection_ref.name.clone();
    match user.spec.connection_ref.kind {
        api::ConnectionKind::KeycloakConnection => ConnectionName::Namespaced { namespace, name },
        api::ConnectionKind::ClusterKeycloakConnection => ConnectionName::Cluster { name },
    }
}

/// The schema has seen to the form of the duration.
fn limit(connection: &impl ConnectionKind) -> DeletionLimit {
    let declared = connection.spec().limits.as_ref().and_then(|limits| limits.deletions.clone()).unwrap_or_default();
    let default = DeletionLimit::default();
    let per = declared.per.and_then(|text| text.parse::<kube::core::Duration>().ok());
    DeletionLimit {
        percent: declared.percent.unwrap_or(default.percent),
        at_least: declared.at_least.unwrap_or(default.at_least),
        per: per.map_or(default.per, Into::into),
    }
}

/// The annotation, if it is a number.
fn asked(connection: &impl ConnectionKind) -> Option<u32> {
    connection.annotations().get(ALLOW_DELETIONS)?.trim().parse().ok()
}

fn record(connection: &impl ConnectionKind) -> DeletionRecord {
    let written = connection.status().and_then(|status| status.deletions.clone()).unwrap_or_default();
    let deletions = |recent: &RecentDeletions| Deletions { at: recent.at.0.as_second(), count: recent.count };
    DeletionRecord {
        recent: written.recent.iter().map(deletions).collect(),
        allowance: written.allowance.map(|allowance| Allowance { asked: allowance.asked, left: allowance.left }),
    }
}

fn recorded(record: &DeletionRecord) -> DeletionsStatus {
    let recent = |deletions: &Deletions| {
        let at = Time(Timestamp::from_second(deletions.at).unwrap_or_default());
        RecentDeletions { at, count: deletions.count }
    };
    DeletionsStatus {
        recent: record.recent.iter().map(recent).collect(),
        allowance: record.allowance.map(|allowance| DeletionAllowance { asked: allowance.asked, left: allowance.left }),
    }
}

/// Writes it down; of the status nothing else is touched.
async fn keep(context: &Context, connection: &impl ConnectionKind, record: &DeletionRecord) -> Result<(), Error> {
    let DeletionsStatus { recent, allowance } = recorded(record);
    let deletions = json!({ "recent": recent, "allowance": allowance });
    let patch = json!({ "metadata": { "uid": connection.uid() }, "status": { "deletions": deletions } });
    let (api, name) = (connection.api(context.shared.client.clone()), connection.name_any());
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    context.shared.write(api.patch_status(&name, &params, &Patch::Merge(patch))).await.map(drop)
}

fn waiting(connection: &impl ConnectionKind, name: &ConnectionName, limit: &DeletionLimit, held: &Held) -> Outcome {
    let DeletionLimit { percent, at_least, per } = limit;
    let not_a_number = connection.annotations().contains_key(ALLOW_DELETIONS) && asked(connection).is_none();
    let remark = if not_a_number { "; the value that it has is not a number" } else { "" };
    let message = format!(
        "the deletion waits: {} of {} accounts of {name} went within {}, and limits.deletions allows {} \
         ({percent} %, at least {at_least}); it goes on as time passes. If all of it is meant, annotate the connection with \
         {ALLOW_DELETIONS}: \"<number>\"{remark}",
        held.deleted,
        held.accounts,
        humantime(*per),
        held.limit,
    );
    Outcome::Blocked(held.wait.mul_f64(LATER), Reason::DeletionLimit, message)
}

/// As Go writes durations.
fn humantime(duration: std::time::Duration) -> String {
    let (hours, minutes, seconds) = (duration.as_secs() / 3600, duration.as_secs() / 60 % 60, duration.as_secs() % 60);
    let part = |number: u64, unit: &str| if number > 0 { format!("{number}{unit}") } else { String::new() };
    format!("{}{}{}", part(hours, "h"), part(minutes, "m"), part(seconds, "s"))
}
