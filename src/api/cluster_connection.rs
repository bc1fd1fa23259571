//! `ClusterKeycloakConnection`: one connection for many namespaces.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConnectionGrants, KeycloakConnectionSpec, KeycloakConnectionStatus};

/// A connection that namespaces share. Its Secrets and certificate authorities are those of the operator's own
/// namespace.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "keycloakuser.dev",
    version = "v1alpha1",
    kind = "ClusterKeycloakConnection",
    shortname = "ckcconn",
    shortname = "ckcc",
    category = "keycloak",
    status = "KeycloakConnectionStatus",
    derive = "PartialEq",
    doc = "How to reach one realm of one Keycloak, which namespaces may use this connection, and what their users may be. Its Secrets and certificate authorities are those of the operator's own namespace.",
    printcolumn(name = "URL", type_ = "string", json_path = ".spec.url"),
    printcolumn(name = "Realm", type_ = "string", json_path = ".spec.realm"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = "1"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterKeycloakConnectionSpec {
    /// What every connection has.
    #[serde(flatten)]
    pub connection: KeycloakConnectionSpec,

    /// The namespaces whose users may use this connection. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_namespaces: Option<NamespaceSelection>,

    /// Grants for some namespaces. The first entry that selects the namespace of a user holds: its fields stand in the
    /// place of those of `grants`, and what it leaves out is as `grants` has it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub namespace_grants: Vec<NamespaceGrants>,
}

/// Some namespaces: those that are named, and those that a selector finds.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceSelection {
    /// Names of namespaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024), inner(length(min = 1, max = 63)))]
    pub names: Vec<String>,
    /// Labels of namespaces. Absent or empty: none is found so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// Grants for some namespaces.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceGrants {
    /// The namespaces.
    pub namespaces: NamespaceSelection,
    /// What their users may be and may be given.
    pub grants: ConnectionGrants,
}
