//! The controllers of connections: each is tried, and its status says whether it works.

pub(super) mod brake;
pub(super) mod cluster;
pub(super) mod kind;
pub(super) mod observers;
mod selection;
mod status;
mod tally;

use std::sync::Arc;
use std::time::Duration;

use kube::api::{ObjectMeta, PostParams};
use kube::runtime::controller::Action;
use kube::runtime::events::{Event, EventType};
use kube::{Resource, ResourceExt};
use tracing::{error, warn};

use crate::api::{ClusterKeycloakConnection, FollowEvents, KeycloakConnection};
use crate::controller::backoff::{Backoff, jittered};
use crate::controller::context::{Context, Shared, key_of};
use crate::controller::error::{Class, DereferenceError, Error, ObserveError, within};
use crate::controller::reconcile::dereference::{self, Declared};
use crate::controller::reconcile::owner;
use crate::controller::{FIELD_MANAGER, PASS_LIMIT, REPORT_LIMIT};
use crate::domain::Position;
use crate::keycloak::Feed;
use kind::ConnectionKind;
use observers::FeedState;
pub(super) use status::has_positions;
use status::{positions, status};

/// How often a connection that works is tried again.
const RECHECK: Duration = Duration::from_mins(10);
/// How often where events are followed: a realm may begin or cease to record them.
const FEEDS_RECHECK: Duration = Duration::from_mins(1);

/// How soon where nothing of a feed has been read yet, so that the status soon says how far it was.
const FEEDS_BEGUN: Duration = Duration::from_secs(5);

/// What is known of the feeds that a connection asks to be followed.
type Feeds = Vec<(Feed, FeedState)>;

/// What the passes over shared connections share.
pub(super) struct ClusterContext {
    pub(super) shared: Arc<Shared>,
    pub(super) backoff: Arc<Backoff>,
}

/// Tries a connection: logs in, and reads the realm's user profile.
pub(super) async fn reconcile(connection: Arc<KeycloakConnection>, context: Arc<Context>) -> Result<Action, Error> {
    let (namespace, _) = key_of(&*connection);
    let declared = dereference::declared(&context, &connection, &namespace);
    pass(&context.shared, &context.backoff, &*connection, Ok(declared)).await
}

/// Tries a shared connection.
pub(super) async fn reconcile_cluster(
    connection: Arc<ClusterKeycloakConnection>,
    context: Arc<ClusterContext>,
) -> Result<Action, Error> {
    let Some(cluster) = &context.shared.cluster else {
        return Ok(Action::await_change());
    };
    pass(&context.shared, &context.backoff, &*connection, cluster.declared(&connection)).await
}

async fn pass<K: ConnectionKind>(
    shared: &Shared,
    backoff: &Backoff,
    connection: &K,
    declared: Result<Declared<'_>, DereferenceError>,
) -> Result<Action, Error> {
    if connection.meta().deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let follow = connection.spec().sync.as_ref().and_then(|sync| sync.events).unwrap_or_default();
    let result = within(PASS_LIMIT, attempt(shared, declared, follow, &positions(connection))).await;
    within(REPORT_LIMIT, report(shared, connection, &result)).await?;
    let feeds = result?;
    backoff.forget(&connection.uid().unwrap_or_default());
    let is_new = |(_, state): &(Feed, FeedState)| *state == FeedState::Followed(None);
    Ok(Action::requeue(jittered(match feeds.as_slice() {
        [] => RECHECK,
        feeds if feeds.iter().any(is_new) => FEEDS_BEGUN,
        _ => FEEDS_RECHECK,
    })))
}

/// When to try again after an error; kube calls this.
pub(super) fn after_error(backoff: &Backoff, connection: &impl ConnectionKind, error: &Error) -> Action {
    Action::requeue(match error.verdict().1 {
        Class::Transient(Some(wait)) => jittered(wait),
        Class::Transient(None) | Class::Misconfigured | Class::Waiting | Class::Terminal => {
            backoff.failed(&connection.uid().unwrap_or_default())
        }
    })
}

async fn attempt(
    shared: &Shared,
    declared: Result<Declared<'_>, DereferenceError>,
    follow: FollowEvents,
    positions: &[(Feed, Position)],
) -> Result<Feeds, Error> {
    let open = dereference::open(shared, &declared?).await?;
    open.realm.client().user_profile().await.map_err(ObserveError::from)?;
    owner::trusted(shared, &open).await?;
    match follow {
        FollowEvents::Follow => Ok(shared.observers.update(&open.name, &open.realm, positions).await.into()),
        FollowEvents::Ignore => {
            shared.observers.forget(&open.name);
            Ok(Feeds::new())
        }
    }
}

async fn report<K: ConnectionKind>(
    shared: &Shared,
    connection: &K,
    result: &Result<Feeds, Error>,
) -> Result<(), Error> {
    let status = status(connection, result);
    if connection.status() == Some(&status) {
        return Ok(());
    }
    let metadata = ObjectMeta {
        name: connection.meta().name.clone(),
        namespace: connection.namespace(),
        uid: connection.uid(),
        resource_version: connection.resource_version(),
        ..ObjectMeta::default()
    };
    let (api, object) = (connection.api(shared.client.clone()), connection.reported(metadata, status));
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    match shared.write(api.replace_status(&connection.name_any(), &params, &object)).await {
        Err(failure @ Error::Kubernetes(_)) => {
            error!(connection = %key(connection), error = %failure, "the status cannot be written");
            return Err(failure);
        }
        other => other.map(drop)?,
    }
    if let Err(error) = result {
        warn!(connection = %key(connection), reason = %error.verdict().0, %error, "the connection does not work");
        publish(shared, connection, error).await;
    }
    Ok(())
}

/// An event about what lies in no namespace would lie in `default`, where the operator has no right to any.
async fn publish(shared: &Shared, connection: &impl ConnectionKind, error: &Error) {
    if connection.namespace().is_none() {
        return;
    }
    let event = Event {
        type_: EventType::Warning,
        reason: error.verdict().0.as_str().to_owned(),
        note: Some(error.to_string().chars().take(256).collect()),
        action: "Connect".to_owned(),
        secondary: None,
    };
    if let Err(failure) = shared.publish(&event, &connection.object_ref(&())).await {
        warn!(connection = %key(connection), error = %failure, "an event cannot be published");
    }
}

fn key(connection: &impl Resource) -> String {
    let (namespace, name) = key_of(connection);
    if namespace.is_empty() { name } else { format!("{namespace}/{name}") }
}
