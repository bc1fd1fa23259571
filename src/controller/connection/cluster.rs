//! Connections that namespaces share: one set of caches for the process, and who may use what.
//!
//! A user learns nothing of what it may not see: neither whether a connection exists that does not allow its namespace,
//! nor what is wrong with one whose objects are in the operator's namespace.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use kube::{Api, Client};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::has_positions;
use super::selection::{self, Namespace};
use super::{self as connections, ClusterContext};
use crate::api::{ClusterKeycloakConnection, KeycloakConnectionSpec};
use crate::controller::backoff::Backoff;
use crate::controller::context::{Context, Shared, notice};
use crate::controller::error::DereferenceError as Error;
use crate::controller::metrics::ControllerMetrics;
use crate::controller::presence::{PerConnection, connection_gone};
use crate::controller::reconcile::dereference::{Connection, Declared, open, version_of};
use crate::controller::watch::versions::Versions;
use crate::controller::watch::wake::WakeUsers;
use crate::controller::watch::{self, Scope};
use crate::controller::{Ended, LISTING_LIMIT, controller_of, drain, give_up, wake_connections};
use crate::domain::Grants;
use crate::realm::ConnectionName;

/// The shared connections, and what they refer to in the operator's own namespace.
pub(in crate::controller) struct ClusterConnections {
    pub(in crate::controller) connections: Store<ClusterKeycloakConnection>,
    pub(in crate::controller) versions: Versions,
    /// Namespace of the operator itself.
    pub(in crate::controller) namespace: String,
    wake: UnboundedSender<ObjectRef<ClusterKeycloakConnection>>,
}

impl ClusterConnections {
    /// Waits until these caches are filled; false if they never will be.
    pub(in crate::controller) async fn listed(&self) -> bool {
        self.versions.listed().await && self.connections.wait_until_ready().await.is_ok()
    }

    /// A connection with the place of its objects.
    pub(super) fn declared<'a>(&'a self, connection: &'a ClusterKeycloakConnection) -> Result<Declared<'a>, Error> {
        let name = ConnectionName::Cluster { name: connection.metadata.name.clone().unwrap_or_default() };
        if selection::check(&connection.spec).is_err() {
            let problem =
                "a label selector of allowedNamespaces or namespaceGrants is not valid; correct it".to_owned();
            return Err(Error::ConnectionInvalid { connection: name, problem });
        }
        let spec = &connection.spec.connection;
        let version = version_of(connection);
        let notice = notice(&self.wake, ObjectRef::from_obj(connection));
        let has_positions = has_positions(connection.status.as_ref());
        let (namespace, versions) = (&self.namespace, &self.versions);
        Ok(Declared { name, spec, version, namespace, versions, notice, has_positions })
    }
}

/// What follows connections that namespaces share.
pub(in crate::controller) struct ClusterWatch {
    changed: BoxStream<'static, Result<ClusterKeycloakConnection, watcher::Error>>,
    woken: UnboundedReceiver<ObjectRef<ClusterKeycloakConnection>>,
    backoff: Arc<Backoff>,
    caches: JoinSet<()>,
}

/// Starts the caches of shared connections; a change wakes users in all scopes.
pub(in crate::controller) fn watch(
    client: &Client,
    namespace: String,
    users: Vec<Arc<WakeUsers>>,
    kept: PerConnection<'_>,
    metrics: &ControllerMetrics,
) -> (ClusterConnections, ClusterWatch) {
    let (wake, woken) = wake_connections(users);
    let mut caches = JoinSet::new();
    let own = Scope::Namespace(namespace.clone());
    let referents = Arc::clone(&wake);
    let versions = Versions::watch(&own, client, move |changed| referents.changed(changed), &mut caches);
    let backoff = Arc::new(Backoff::default());
    let gone = connection_gone(kept, &backoff);
    let (objects, to_wake) = (namespace.clone(), wake.sender.clone());
    let (connections, changed) =
        watch::connections(Api::all(client.clone()), wake, move |_| objects.clone(), gone, metrics);
    let following = ClusterWatch { changed: changed.boxed(), woken, backoff, caches };
    (ClusterConnections { connections, versions, namespace, wake: to_wake }, following)
}

impl ClusterWatch {
    /// The controller of shared connections, until `shutdown`.
    pub(in crate::controller) async fn run(
        mut self,
        shared: Arc<Shared>,
        concurrency: u16,
        shutdown: CancellationToken,
    ) -> Ended {
        let Some(cluster) = &shared.cluster else {
            return Ended::Finished;
        };
        let context = Arc::new(ClusterContext { shared: Arc::clone(&shared), backoff: self.backoff });
        let cache = cluster.connections.clone();
        let controller = controller_of(self.changed, cache, self.woken, concurrency, &shutdown).run(
            connections::reconcile_cluster,
            |object, error, context| connections::after_error(&context.backoff, &*object, error),
            context,
        );
        let controller = async {
            let _ = tokio::time::timeout(LISTING_LIMIT, cluster.versions.listed()).await;
            controller.for_each(drain).await;
        };
        tokio::select! {
            () = controller => Ended::Finished,
            Some(_) = self.caches.join_next() => Ended::CutOff,
            () = give_up(&shutdown) => Ended::CutOff,
        }
    }
}

/// Resolves a shared connection for a user of that namespace.
pub(in crate::controller) async fn connection(
    context: &Context,
    namespace: &str,
    name: &str,
) -> Result<Connection, Error> {
    let cluster = context.shared.cluster.as_ref().ok_or_else(|| Error::ClusterConnectionsOff(name.to_owned()))?;
    if cluster.listed().now_or_never() != Some(true) || context.namespaces_listed().now_or_never() != Some(true) {
        return Err(Error::ConnectionNotReady(name.to_owned()));
    }
    let (found, labels) = allowed(context, namespace, name)?;
    let hidden = |error: Error| {
        debug!(connection = name, %error, "a shared connection cannot be used");
        Error::ConnectionNotReady(name.to_owned())
    };
    let connection = open(&context.shared, &cluster.declared(&found).map_err(hidden)?).await.map_err(hidden)?;
    let granted = selection::grants(&found.spec, &Namespace { name: namespace, labels: &labels });
    Ok(Connection { grants: Grants::from(&granted), ..connection })
}

/// The spec of a shared connection, if that namespace may use it.
pub(in crate::controller) fn spec_for(
    context: &Context,
    namespace: &str,
    name: &str,
) -> Option<KeycloakConnectionSpec> {
    Some(allowed(context, namespace, name).ok()?.0.spec.connection.clone())
}

type Labels = BTreeMap<String, String>;

/// One answer for what does not exist and what is not allowed.
fn allowed(context: &Context, namespace: &str, name: &str) -> Result<(Arc<ClusterKeycloakConnection>, Labels), Error> {
    let connections = context.shared.cluster.as_ref().map(|cluster| &cluster.connections);
    let found = connections.and_then(|connections| connections.get(&ObjectRef::new(name)));
    let labels = context.namespace_labels(namespace);
    let refused = || Error::ConnectionNotAllowed(name.to_owned());
    let (found, labels) = found.zip(labels).ok_or_else(refused)?;
    let allows = selection::allows(&found.spec, &Namespace { name: namespace, labels: &labels });
    if allows { Ok((found, labels)) } else { Err(refused()) }
}
