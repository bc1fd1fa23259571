//! What every pass shares.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::mpsc::UnboundedSender;
use k8s_openapi::api::core::v1::{Namespace, ObjectReference};
use kube::core::PartialObjectMeta;
use kube::runtime::events::{Event, Recorder, Reporter};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Api, Client, ResourceExt};

use super::backoff::Backoff;
use super::claims::Claims;
use super::connection::brake::Brakes;
use super::connection::cluster::ClusterConnections;
use super::connection::observers::Observers;
use super::credential_key::CredentialKeys;
use super::error::{Error, within};
use super::metrics::ControllerMetrics;
use super::namespaced_name::NamespacedName;
use super::passes::Passes;
use super::watch::packed::PackedUser;
use super::watch::versions::Versions;
use super::watch::wake::WakeUsers;
use crate::api::{KeycloakConnection, KeycloakUser};
use crate::domain::Patterns;
use crate::keycloak::{Fence, KeycloakMetrics};
use crate::realm::{RealmRegistry, Wake};

/// Longest time for one write to the Kubernetes API.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// What the controllers of all namespaces share.
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) realms: Arc<RealmRegistry>,
    /// The hosts that connections may name; none named allows all.
    pub(super) allowed_hosts: Patterns,
    /// The connections that namespaces share, where they are served.
    pub(super) cluster: Option<ClusterConnections>,
    /// Which account belongs to which resource, over all namespaces.
    pub(super) claims: Arc<Claims>,
    /// What follows the events of realms.
    pub(super) observers: Arc<Observers>,
    /// How many accounts of each connection went of late.
    pub(super) brakes: Arc<Brakes>,
    /// Under which the status keeps digests of passwords.
    pub(super) credential_key: CredentialKeys,
    pub(super) reporter: Reporter,
    pub(super) metrics: ControllerMetrics,
    pub(super) keycloak_metrics: KeycloakMetrics,
    /// Name of this instance of the operator, in the accounts that it has created.
    pub(super) instance_name: Option<String>,
    /// Asked before each write.
    pub(super) fence: Fence,
    /// Bounds the passes that run at one time, over all namespaces.
    pub(super) passes: Passes,
}

/// What the passes of one scope (a namespace, or all of them) share: its caches, which know only of that scope.
pub(super) struct Context {
    pub(super) shared: Arc<Shared>,
    pub(super) users: Store<PackedUser>,
    pub(super) connections: Store<KeycloakConnection>,
    pub(super) versions: Versions,
    /// The labels of the scope's namespaces, where shared connections are served.
    pub(super) namespaces: Option<Store<PartialObjectMeta<Namespace>>>,
    pub(super) backoff: Arc<Backoff>,
    /// Wakes users of the scope.
    pub(super) wake: Arc<WakeUsers>,
    /// Wakes connections of the scope.
    pub(super) wake_connection: UnboundedSender<ObjectRef<KeycloakConnection>>,
}

impl Shared {
    /// Publishes an event. Each is an object of its own: a series would keep the words of its first event.
    pub(super) async fn publish(&self, event: &Event, regarding: &ObjectReference) -> Result<(), Error> {
        let recorder = Recorder::new(self.client.clone(), self.reporter.clone());
        self.write(Box::pin(recorder.publish(event, regarding))).await
    }

    /// Makes a write to the Kubernetes API, unless another process may lead before it is done.
    pub(super) async fn write<T>(&self, request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Error> {
        if !self.fence.allows(WRITE_LIMIT) {
            return Err(Error::Fenced);
        }
        let request = Box::pin(request);
        within(WRITE_LIMIT, async { Ok(request.await?) }).await
    }
}

impl Context {
    /// As [`Shared::publish`].
    pub(super) async fn publish(&self, event: &Event, regarding: &ObjectReference) -> Result<(), Error> {
        self.shared.publish(event, regarding).await
    }

    /// As [`Shared::write`].
    pub(super) async fn write<T>(&self, request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Error> {
        self.shared.write(request).await
    }

    /// The API for users of that namespace.
    pub(super) fn users_api(&self, namespace: &str) -> Api<KeycloakUser> {
        Api::namespaced(self.shared.client.clone(), namespace)
    }

    /// Wakes that user when it is called.
    pub(super) fn waker(&self, user: &KeycloakUser) -> Wake {
        let (users, user) = (Arc::clone(&self.wake), NamespacedName::of(user));
        Wake::by(move || users.wake(&user))
    }

    /// Waits until the caches of what users and their connections refer to are filled; false if they never will be.
    pub(super) async fn referents_listed(&self) -> bool {
        self.versions.listed().await && self.connections.wait_until_ready().await.is_ok()
    }

    /// Waits until the labels of the namespaces are known; false if they never will be.
    pub(super) async fn namespaces_listed(&self) -> bool {
        match &self.namespaces {
            Some(namespaces) => namespaces.wait_until_ready().await.is_ok(),
            None => true,
        }
    }

    /// Waits until the caches that shared connections are judged by are filled, where they are served.
    pub(super) async fn shared_listed(&self) -> bool {
        match &self.shared.cluster {
            Some(cluster) => cluster.listed().await && self.namespaces_listed().await,
            None => true,
        }
    }

    /// The labels of a namespace; `None` if there is no such namespace, or if they are not watched.
    pub(super) fn namespace_labels(&self, namespace: &str) -> Option<BTreeMap<String, String>> {
        let found = self.namespaces.as_ref()?.get(&ObjectRef::new(namespace))?;
        Some(found.metadata.labels.clone().unwrap_or_default())
    }

    /// UID and resourceVersion of a Secret, from the cache.
    pub(super) fn secret_version(&self, namespace: &str, name: &str) -> Option<(String, String)> {
        self.versions.secret(namespace, name)
    }
}

/// A user out of the cache.
pub(super) fn unpacked(user: &PackedUser) -> Result<KeycloakUser, Error> {
    user.unpack().map_err(|damage| kube::Error::SerdeError(damage).into())
}

/// Has a connection looked at; a receiver that is gone belongs to a controller that has stopped.
pub(super) fn notice<K>(wake: &UnboundedSender<ObjectRef<K>>, connection: ObjectRef<K>) -> Arc<dyn Fn() + Send + Sync>
where
    K: kube::Resource<DynamicType = ()> + 'static,
{
    let wake = wake.clone();
    Arc::new(move || drop(wake.unbounded_send(connection.clone())))
}

/// Namespace and name, which every object of ours has.
pub(super) fn key_of<K: kube::Resource>(object: &K) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}
