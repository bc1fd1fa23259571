//! The second controller: tries each connection, and says on its status whether it works.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use kube::api::{ObjectMeta, PostParams};
use kube::runtime::controller::Action;
use kube::runtime::events::{Event, EventType};
use kube::{Api, Resource, ResourceExt};
use tracing::{error, warn};

use super::backoff::jittered;
use super::context::{Context, key_of};
use super::dereference;
use super::error::{Class, Error, ObserveError, within};
use super::{FIELD_MANAGER, PASS_LIMIT, REPORT_LIMIT};
use crate::api::{ConditionType, KeycloakConnection, KeycloakConnectionStatus, Reason};

/// How often a connection that works is tried again.
const RECHECK: Duration = Duration::from_mins(10);

/// Tries a connection: logs in, and reads the realm's user profile.
pub(super) async fn reconcile(connection: Arc<KeycloakConnection>, context: Arc<Context>) -> Result<Action, Error> {
    if connection.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let result = within(PASS_LIMIT, attempt(&context, &connection)).await;
    within(REPORT_LIMIT, report(&context, &connection, &result)).await?;
    result?;
    context.backoff.forget(&connection.uid().unwrap_or_default());
    Ok(Action::requeue(jittered(RECHECK)))
}

/// When to try again after an error; kube calls this.
pub(super) fn after_error(context: &Context, connection: &KeycloakConnection, error: &Error) -> Action {
    Action::requeue(match error.verdict().1 {
        Class::Transient(Some(wait)) => jittered(wait),
        Class::Transient(None) | Class::Misconfigured | Class::Waiting | Class::Terminal => {
            context.backoff.failed(&connection.uid().unwrap_or_default())
        }
    })
}

async fn attempt(context: &Context, connection: &KeycloakConnection) -> Result<(), Error> {
    let (namespace, name) = key_of(connection);
    let open = dereference::connection(context, &namespace, &name).await?;
    open.realm.client().user_profile().await.map(drop).map_err(|error| ObserveError::from(error).into())
}

async fn report(context: &Context, connection: &KeycloakConnection, result: &Result<(), Error>) -> Result<(), Error> {
    let status = status(connection, result);
    if connection.status.as_ref() == Some(&status) {
        return Ok(());
    }
    let (namespace, name) = key_of(connection);
    let api: Api<KeycloakConnection> = Api::namespaced(context.shared.client.clone(), &namespace);
    let metadata = ObjectMeta {
        name: connection.metadata.name.clone(),
        namespace: Some(namespace),
        uid: connection.uid(),
        resource_version: connection.resource_version(),
        ..ObjectMeta::default()
    };
    let object = KeycloakConnection { metadata, spec: connection.spec.clone(), status: Some(status) };
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    match context.write(api.replace_status(&name, &params, &object)).await {
        Err(failure @ Error::Kubernetes(_)) => {
            error!(connection = %key(connection), error = %failure, "the status cannot be written");
            return Err(failure);
        }
        other => other.map(drop)?,
    }
    if let Err(error) = result {
        publish(context, connection, error).await;
    }
    Ok(())
}

fn status(connection: &KeycloakConnection, result: &Result<(), Error>) -> KeycloakConnectionStatus {
    let condition = |type_: ConditionType, status: &str, reason: Reason, message: String| {
        let before = connection.status.iter().flat_map(|status| &status.conditions);
        let unchanged = before.into_iter().find(|c| c.type_ == type_.as_str() && c.status == status);
        Condition {
            type_: type_.as_str().to_owned(),
            status: status.to_owned(),
            reason: reason.as_str().to_owned(),
            message,
            observed_generation: connection.metadata.generation,
            last_transition_time: unchanged.map_or_else(|| Time(Timestamp::now()), |c| c.last_transition_time.clone()),
        }
    };
    let conditions = match result {
        Ok(()) => {
            vec![condition(ConditionType::Ready, "True", Reason::Synced, "logged in, and read the user profile".into())]
        }
        Err(error) => {
            let (reason, class) = error.verdict();
            let progress = match class {
                Class::Transient(_) | Class::Waiting => ConditionType::Reconciling,
                Class::Misconfigured | Class::Terminal => ConditionType::Stalled,
            };
            vec![
                condition(ConditionType::Ready, "False", reason, error.to_string()),
                condition(progress, "True", reason, error.to_string()),
            ]
        }
    };
    KeycloakConnectionStatus { observed_generation: connection.metadata.generation, conditions }
}

async fn publish(context: &Context, connection: &KeycloakConnection, error: &Error) {
    let event = Event {
        type_: EventType::Warning,
        reason: error.verdict().0.as_str().to_owned(),
        note: Some(error.to_string().chars().take(256).collect()),
        action: "Connect".to_owned(),
        secondary: None,
    };
    if let Err(failure) = context.publish(&event, &connection.object_ref(&())).await {
        warn!(connection = %key(connection), error = %failure, "an event cannot be published");
    }
}

fn key(connection: &KeycloakConnection) -> String {
    let (namespace, name) = key_of(connection);
    format!("{namespace}/{name}")
}
