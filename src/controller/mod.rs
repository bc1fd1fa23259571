//! The controller: watches resources, brings accounts in line, reports what came of it.
//!
//! May use `api`, `domain` and `realm` (and through it the errors of `keycloak`). [`run`] starts one set of streams for
//! each namespace. `watch` says who is to be looked at, `reconcile` is a pass over one user, `connection` a pass over a
//! connection and what is kept for each; what lies beside these folders is used by more than one of them.

mod backoff;
mod claims;
mod connection;
mod context;
mod credential_key;
mod due;
mod error;
mod index;
mod metrics;
mod namespaced_name;
mod passes;
mod pool;
mod presence;
mod reconcile;
mod secret_content;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use futures::channel::mpsc::{UnboundedReceiver, unbounded};
use futures::future::join3;
use futures::{Stream, StreamExt};
use kube::runtime::controller::{Config, Controller, Error as QueueError};
use kube::runtime::events::Reporter;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use kube::{Client, Resource};
use prometheus_client::registry::Registry;
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

pub use credential_key::CredentialKeyError;
pub use error::{ActError, Class, DereferenceError, Error, ObserveError};
pub use metrics::ControllerMetrics;
pub use watch::{LONGEST_SILENCE, Scope};

use backoff::Backoff;
use claims::Claims;
use connection::brake::Brakes;
use connection::kind::ConnectionKind;
use connection::observers::Observers;
use context::{Context, Shared, key_of};
use credential_key::CredentialKeys;
use namespaced_name::NamespacedName;
use passes::Passes;
use presence::{connection_gone, user_gone, user_seen};
use watch::one_by_one;
use watch::references::References;
use watch::retries::Retries;
use watch::versions::Versions;
use watch::wake::{WakeConnections, WakeUsers};

use crate::domain::Patterns;
use crate::keycloak::{Fence, KeycloakMetrics};
use crate::realm::RealmRegistry;

/// Names us to the API server, as field manager and as reporter of events.
const FIELD_MANAGER: &str = "keycloak-user-operator";
/// Most passes over users that kube has under way in one scope; it keeps room for as many as there ever were. How many of
/// them run, `passes` says: sixteen connections with 32 passes in each lane would have to be without answers before another
/// one is held up here.
const MOST_UNDER_WAY: u16 = 1024;
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
    /// The hosts that connections may name: patterns in which `*` stands for any characters. Empty: all.
    pub allowed_hosts: Vec<String>,
    /// Whether connections that namespaces share are served.
    pub cluster_connections: bool,
    /// Name of the Secret with the operator's key for digests of passwords, in the operator's namespace.
    pub credential_key_secret: String,
    /// Most passes at one time for each connection: so many over what is new or changed, and so many over all else.
    pub concurrency: u16,
    /// Name of this process in events, such as the name of its pod.
    pub instance: String,
    /// Name of this instance of the operator in the accounts that it creates, where a connection has them say so.
    pub instance_name: Option<String>,
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
    let (realms, brakes) = (Arc::new(RealmRegistry::default()), Arc::new(Brakes::default()));
    let wakes: Vec<_> = settings.scopes.iter().map(|_| wake_users()).collect();
    let users: Vec<_> = wakes.iter().map(|(users, _)| Arc::clone(users)).collect();
    let claims = Arc::new(Claims::of_lists(settings.scopes.len()));
    let observers = Arc::new(Observers::new(users.clone(), Arc::clone(&claims)));
    let cluster = settings.cluster_connections.then(|| {
        connection::cluster::watch(
            &client,
            settings.own_namespace.clone(),
            users,
            (&realms, &brakes, &observers),
            &metrics.controller,
        )
    });
    let (cluster, cluster_watch) = cluster.unzip();
    let shared = Arc::new(Shared {
        reporter,
        client,
        realms,
        allowed_hosts: Patterns::ignoring_case(&settings.allowed_hosts),
        cluster,
        claims,
        observers,
        brakes,
        credential_key,
        metrics: metrics.controller,
        keycloak_metrics: metrics.keycloak,
        instance_name: settings.instance_name,
        fence: settings.fence,
        passes: Passes::new(settings.concurrency, shutdown.clone()),
    });
    let waiting = Arc::new(ReadyCount { scopes: settings.scopes.len(), filled: 0.into(), ready: Box::new(ready) });
    let mut tasks = JoinSet::new();
    if let Some(watch) = cluster_watch {
        tasks.spawn(watch.run(Arc::clone(&shared), settings.concurrency, shutdown.clone()));
    }
    for (scope, wake) in settings.scopes.into_iter().zip(wakes) {
        let (shared, waiting) = (Arc::clone(&shared), Arc::clone(&waiting));
        tasks.spawn(watch_scope(scope, wake, shared, settings.concurrency, waiting, shutdown.clone()));
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

type WokenUsers = (Arc<WakeUsers>, UnboundedReceiver<NamespacedName>);

/// Both ends of what wakes the users of a scope.
fn wake_users() -> WokenUsers {
    let (sender, woken) = unbounded();
    (Arc::new(WakeUsers::new(sender)), woken)
}

/// Both ends of what wakes connections, and through them their users.
fn wake_connections<K: ConnectionKind>(
    users: Vec<Arc<WakeUsers>>,
) -> (Arc<WakeConnections<K>>, UnboundedReceiver<ObjectRef<K>>) {
    let (sender, woken) = unbounded();
    (Arc::new(WakeConnections { sender, references: References::default(), users }), woken)
}

/// The controllers of one scope, until `shutdown`.
async fn watch_scope(
    scope: Scope,
    (wake, woken_users): WokenUsers,
    shared: Arc<Shared>,
    concurrency: u16,
    waiting: Arc<ReadyCount>,
    shutdown: CancellationToken,
) -> Ended {
    let (wake_connections, woken_connections) = wake_connections(vec![Arc::clone(&wake)]);
    let (wake_users, wake_connection) = (Arc::clone(&wake), wake_connections.sender.clone());
    let mut caches = JoinSet::new();
    let changed = {
        let (users, connections) = (Arc::clone(&wake), Arc::clone(&wake_connections));
        move |referent: &_| {
            connections.changed(referent);
            users.changed(referent);
        }
    };
    let versions = Versions::watch(&scope, &shared.client, changed, &mut caches);
    let namespaces = shared.cluster.is_some().then(|| {
        let users = Arc::clone(&wake);
        watch::spawn_namespaces(&scope, &shared.client, move |referent| users.changed(referent), &mut caches)
    });
    let backoff = Arc::new(Backoff::default());
    let gone = connection_gone((&shared.realms, &shared.brakes, &shared.observers), &backoff);
    let (connections, changed_connections) =
        watch::connections(scope.api(&shared.client), wake_connections, |c| key_of(c).0, gone, &shared.metrics);
    let (users, changed_users) = watch::users(
        scope.api(&shared.client),
        wake,
        Arc::clone(&shared.claims),
        user_seen(&shared),
        user_gone(&shared, &backoff),
        &shared.metrics,
    );
    caches.spawn(wake_the_due(Arc::clone(&wake_users)));
    let context = Arc::new(Context {
        shared,
        users,
        connections,
        versions,
        namespaces,
        backoff,
        wake: wake_users,
        wake_connection,
    });
    let cache = context.connections.clone();
    let connections = controller_of(changed_connections, cache, woken_connections, concurrency, &shutdown)
        .run(
            connection::reconcile,
            |object, error, context| connection::after_error(&context.backoff, &*object, error),
            Arc::clone(&context),
        )
        .for_each(drain);
    let woken_users = woken_users.map(|user| ObjectRef::new(user.name()).within(user.namespace()));
    let users = controller_of(changed_users, context.users.clone(), woken_users, MOST_UNDER_WAY, &shutdown)
        .run(
            reconcile::reconcile,
            |object, error, context| reconcile::report::after_error(&context, &object, error),
            Arc::clone(&context),
        )
        .for_each(|result| {
            forget_gone(&context, &result);
            drain(result)
        });
    tokio::select! {
        () = in_order(&scope, &context, &waiting, connections, users) => Ended::Finished,
        Some(_) = caches.join_next() => Ended::CutOff,
        () = give_up(&shutdown) => Ended::CutOff,
    }
}

/// One that went while it waited is called all the same, and does not come.
fn forget_gone<T, E>(context: &Context, result: &Result<T, QueueError<E, watcher::Error>>)
where
    E: std::error::Error + 'static,
{
    if let Err(QueueError::ObjectNotFound(gone)) = result {
        let namespace = gone.namespace.as_deref().unwrap_or_default();
        context.shared.passes.leave(&NamespacedName::new(namespace, &gone.name));
    }
}

/// Wakes each user when it is due.
async fn wake_the_due(users: Arc<WakeUsers>) {
    loop {
        users.wake(&users.due.next().await);
    }
}

/// A controller of one kind of object, to be run with what reconciles it.
fn controller_of<K>(
    changed: impl Stream<Item = Result<K, watcher::Error>> + Send + 'static,
    cache: Store<K>,
    woken: impl Stream<Item = ObjectRef<K>> + Send + 'static,
    concurrency: u16,
    shutdown: &CancellationToken,
) -> Controller<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
{
    Controller::for_stream(one_by_one(changed), cache)
        .trigger_backoff(Retries::of_controller())
        .reconcile_on(one_by_one(woken))
        .with_config(Config::default().concurrency(concurrency))
        .graceful_shutdown_on(shutdown.clone().cancelled_owned())
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
        let _ = tokio::time::timeout(LISTING_LIMIT, context.versions.listed()).await;
        connections.await;
    };
    let users = async {
        let listed = async { context.referents_listed().await && context.shared_listed().await };
        let _ = tokio::time::timeout(LISTING_LIMIT, listed).await;
        users.await;
    };
    let listed = async {
        if context.referents_listed().await
            && context.shared_listed().await
            && context.users.wait_until_ready().await.is_ok()
        {
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
