//! The controller: watches resources, brings accounts in line, reports what came of it.
//!
//! May use `api`, `domain` and `realm` (and through it the errors of `keycloak`). [`run`] starts one set of streams for
//! each namespace; `reconcile` is the script of a pass, the other modules are its phases.

mod act;
mod backoff;
mod changes;
mod claims;
mod cleanup;
mod connections;
mod context;
mod credential_key;
mod dereference;
mod error;
mod finalizer;
mod metrics;
mod observe;
mod outcome;
mod password;
mod reconcile;
mod recorded_rights;
mod references;
mod report;
mod rights;
mod secret_content;
mod status;
mod takeover;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use futures::channel::mpsc::unbounded;
use futures::future::join3;
use futures::{Stream, StreamExt};
use kube::Client;
use kube::runtime::controller::{Config, Controller, Error as QueueError};
use kube::runtime::events::Reporter;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher;
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

pub use credential_key::CredentialKeyError;
pub use error::{ActError, Class, DereferenceError, Error, ObserveError};
pub use metrics::ControllerMetrics;
pub use watch::Scope;

use backoff::Backoff;
use claims::Claims;
use context::{Context, Shared};
use credential_key::CredentialKeys;
use references::References;
use watch::Wake;

use crate::api::{KeycloakConnection, KeycloakUser};
use crate::keycloak::{Fence, KeycloakMetrics};
use crate::realm::RealmRegistry;

/// Names us to the API server, as field manager and as reporter of events.
const FIELD_MANAGER: &str = "keycloak-user-operator";
/// Longest time for one pass over one user.
const PASS_LIMIT: Duration = Duration::from_mins(1);
/// Longest time for writing down what a pass came to.
const REPORT_LIMIT: Duration = Duration::from_secs(15);
/// Longest time that the first passes wait for the lists of what they look into.
const LISTING_LIMIT: Duration = Duration::from_secs(20);
/// Longest time that passes under way are waited for at the end.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(8);

/// What the controller needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which namespaces to watch.
    pub scopes: Vec<Scope>,
    /// Namespace of the operator itself.
    pub own_namespace: String,
    /// Name of the Secret with the operator's key for digests of passwords, in the operator's namespace.
    pub credential_key_secret: String,
    /// Most passes at one time.
    pub concurrency: u16,
    /// Name of this process in events, such as the name of its pod.
    pub instance: String,
    /// Closed where another process may lead.
    pub fence: Fence,
}

/// How [`run`] ended after it was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ended {
    /// No request is under way.
    Finished,
    /// Passes took too long and were cut off; a server may still be at work on their requests.
    CutOff,
}

/// The metrics of everything that [`run`] does.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Of the controller.
    pub controller: ControllerMetrics,
    /// Of the requests to Keycloak.
    pub keycloak: KeycloakMetrics,
}

impl Metrics {
    /// Makes the metrics known under their names.
    pub fn register(&self, registry: &mut Registry) {
        self.controller.register(registry);
        self.keycloak.register(registry);
    }
}

/// The controller cannot start, or has ended without being asked.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The operator's own key cannot be had.
    #[error(transparent)]
    CredentialKey(#[from] CredentialKeyError),
    /// A task has ended.
    #[error("a task of the controller has ended unexpectedly; the process ends, to be started anew")]
    TaskEnded,
}

/// Runs until `shutdown`, then ends the passes under way. `ready` is called once all caches are filled.
pub async fn run(
    client: Client,
    settings: Settings,
    metrics: Metrics,
    ready: impl Fn() + Send + Sync + 'static,
    shutdown: CancellationToken,
) -> Result<Ended, RunError> {
    let key = CredentialKeys::open(&client, &settings.own_namespace, &settings.credential_key_secret);
    let credential_key = tokio::select! {
        key = key => key?,
        () = shutdown.cancelled() => return Ok(Ended::Finished),
    };
    let reporter = Reporter { controller: FIELD_MANAGER.to_owned(), instance: Some(settings.instance.clone()) };
    let shared = Arc::new(Shared {
        reporter,
        client,
        realms: RealmRegistry::default(),
        claims: Arc::new(Claims::of_lists(settings.scopes.len())),
        credential_key,
        metrics: metrics.controller,
        keycloak_metrics: metrics.keycloak,
        fence: settings.fence,
        passes: Semaphore::new(settings.concurrency.into()),
    });
    let waiting = Arc::new(ReadyCount { scopes: settings.scopes.len(), filled: 0.into(), ready: Box::new(ready) });
    let mut tasks = JoinSet::new();
    for scope in settings.scopes {
        let scope =
            watch_scope(scope, Arc::clone(&shared), settings.concurrency, Arc::clone(&waiting), shutdown.clone());
        tasks.spawn(scope);
    }
    let mut outcome = Ended::Finished;
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(ended) if shutdown.is_cancelled() => outcome = outcome.max(ended),
            Ok(_) | Err(_) => return Err(RunError::TaskEnded),
        }
    }
    Ok(outcome)
}

/// Calls `ready` when the last scope has filled its caches.
struct ReadyCount {
    scopes: usize,
    filled: std::sync::atomic::AtomicUsize,
    ready: Box<dyn Fn() + Send + Sync>,
}

impl ReadyCount {
    fn one_more(&self) {
        if self.filled.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1 == self.scopes {
            (self.ready)();
        }
    }
}

/// The controllers of one scope, until `shutdown`.
async fn watch_scope(
    scope: Scope,
    shared: Arc<Shared>,
    concurrency: u16,
    waiting: Arc<ReadyCount>,
    shutdown: CancellationToken,
) -> Ended {
    let (wake_users, woken_users) = unbounded();
    let (wake_connections, woken_connections) = unbounded();
    let wake = Arc::new(Wake {
        users: wake_users,
        connections: wake_connections,
        user_references: References::default(),
        connection_references: References::default(),
    });
    let mut caches = JoinSet::new();
    let (secrets, config_maps) = watch::spawn_versions(&scope, &shared.client, &wake, &mut caches);
    let backoff = Arc::new(Backoff::default());
    let connection_gone = {
        let (shared, backoff) = (Arc::clone(&shared), Arc::clone(&backoff));
        move |name: &_, uid: &str| {
            shared.realms.forget(name);
            backoff.forget(uid);
        }
    };
    let user_gone = {
        let (metrics, backoff) = (shared.metrics.clone(), Arc::clone(&backoff));
        move |uid: &str| {
            metrics.forget(uid);
            backoff.forget(uid);
        }
    };
    let (connections, changed_connections) =
        watch::connections(scope.api(&shared.client), Arc::clone(&wake), connection_gone, &shared.metrics);
    let (users, changed_users) =
        watch::users(scope.api(&shared.client), wake, Arc::clone(&shared.claims), user_gone, &shared.metrics);
    let context = Arc::new(Context { shared, users, connections, secrets, config_maps, backoff });
    let connections = control_connections(changed_connections, woken_connections, &context, concurrency, &shutdown);
    let users = control_users(changed_users, woken_users, &context, concurrency, &shutdown);
    tokio::select! {
        () = in_order(&scope, &context, &waiting, connections, users) => Ended::Finished,
        Some(_) = caches.join_next() => Ended::CutOff,
        () = give_up(&shutdown) => Ended::CutOff,
    }
}

fn control_connections(
    changed: impl Stream<Item = Result<KeycloakConnection, watcher::Error>> + Send + 'static,
    woken: impl Stream<Item = ObjectRef<KeycloakConnection>> + Send + 'static,
    context: &Arc<Context>,
    concurrency: u16,
    shutdown: &CancellationToken,
) -> impl Future<Output = ()> {
    Controller::for_stream(changed, context.connections.clone())
        .reconcile_on(woken)
        .with_config(Config::default().concurrency(concurrency))
        .graceful_shutdown_on(shutdown.clone().cancelled_owned())
        .run(
            connections::reconcile,
            |object, error, context| connections::after_error(&context, &object, error),
            Arc::clone(context),
        )
        .for_each(drain)
}

fn control_users(
    changed: impl Stream<Item = Result<KeycloakUser, watcher::Error>> + Send + 'static,
    woken: impl Stream<Item = ObjectRef<KeycloakUser>> + Send + 'static,
    context: &Arc<Context>,
    concurrency: u16,
    shutdown: &CancellationToken,
) -> impl Future<Output = ()> {
    Controller::for_stream(changed, context.users.clone())
        .reconcile_on(woken)
        .with_config(Config::default().concurrency(concurrency))
        .graceful_shutdown_on(shutdown.clone().cancelled_owned())
        .run(
            reconcile::reconcile,
            |object, error, context| report::after_error(&context, &object, error),
            Arc::clone(context),
        )
        .for_each(drain)
}

/// Starts each controller when the caches that its passes look into are filled, or after a while all the same: where
/// they cannot be filled, a deleted resource can still be released.
async fn in_order(
    scope: &Scope,
    context: &Context,
    waiting: &ReadyCount,
    connections: impl Future<Output = ()>,
    users: impl Future<Output = ()>,
) {
    let connections = async {
        let _ = tokio::time::timeout(LISTING_LIMIT, context.objects_listed()).await;
        connections.await;
    };
    let users = async {
        let _ = tokio::time::timeout(LISTING_LIMIT, context.referents_listed()).await;
        users.await;
    };
    let listed = async {
        if context.referents_listed().await && context.users.wait_until_ready().await.is_ok() {
            info!(?scope, "the caches are filled");
            waiting.one_more();
        }
    };
    join3(connections, users, listed).await;
}

/// Passes under way have so long to end after `shutdown`; a pod is killed after 30 s, and other work waits for the end.
async fn give_up(shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(SHUTDOWN_LIMIT).await;
}

/// Passes have reported themselves; what is left are objects that went while they were queued.
async fn drain<T, E: std::error::Error, Q: std::error::Error>(result: Result<T, QueueError<E, Q>>) {
    if let Err(error) = result {
        debug!(%error, "a pass ended with an error, or its object is gone");
    }
}
