//! What the two kinds of connection have in common.

use kube::api::ObjectMeta;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::{ClusterKeycloakConnection, KeycloakConnection, KeycloakConnectionSpec, KeycloakConnectionStatus};
use crate::controller::context::key_of;
use crate::controller::watch::references::ReferentKind;
use crate::realm::ConnectionName;

/// A kind of connection.
pub(in crate::controller) trait ConnectionKind:
    Resource<DynamicType = ()> + Clone + std::fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// What it is to those who refer to it.
    const REFERENT: ReferentKind;

    /// Names one of this kind by the key that watches have for it.
    fn name_of(namespace: String, name: String) -> ConnectionName;

    /// What every connection declares.
    fn spec(&self) -> &KeycloakConnectionSpec;

    /// What was last said of it.
    fn status(&self) -> Option<&KeycloakConnectionStatus>;

    /// The same connection with another status, to be written.
    fn reported(&self, metadata: ObjectMeta, status: KeycloakConnectionStatus) -> Self;

    /// Where it is written.
    fn api(&self, client: Client) -> Api<Self>;
}

impl ConnectionKind for KeycloakConnection {
    const REFERENT: ReferentKind = ReferentKind::Connection;

    fn name_of(namespace: String, name: String) -> ConnectionName {
        ConnectionName::Namespaced { namespace, name }
    }

    fn spec(&self) -> &KeycloakConnectionSpec {
        &self.spec
    }

    fn status(&self) -> Option<&KeycloakConnectionStatus> {
        self.status.as_ref()
    }

    fn reported(&self, metadata: ObjectMeta, status: KeycloakConnectionStatus) -> Self {
        Self { metadata, spec: self.spec.clone(), status: Some(status) }
    }

    fn api(&self, client: Client) -> Api<Self> {
        Api::namespaced(client, &key_of(self).0)
    }
}

impl ConnectionKind for ClusterKeycloakConnection {
    const REFERENT: ReferentKind = ReferentKind::ClusterConnection;

    fn name_of(_: String, name: String) -> ConnectionName {
        ConnectionName::Cluster { name }
    }

    fn spec(&self) -> &KeycloakConnectionSpec {
        &self.spec.connection
    }

    fn status(&self) -> Option<&KeycloakConnectionStatus> {
        self.status.as_ref()
    }

    fn reported(&self, metadata: ObjectMeta, status: KeycloakConnectionStatus) -> Self {
        Self { metadata, spec: self.spec.clone(), status: Some(status) }
    }

    fn api(&self, client: Client) -> Api<Self> {
        Api::all(client)
    }
}
