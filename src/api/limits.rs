//! What bounds the use of a connection, and what is kept of it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much may be done through a connection.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionLimits {
    /// Most requests to Keycloak at one time; 16 if absent. They become fewer by themselves while Keycloak asks for that,
    /// answers slowly or not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_in_flight: Option<u16>,
    /// Most requests to Keycloak in a second; 1000 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub requests_per_second: Option<u16>,
    /// How many accounts may go with their resources: deleted, or disabled where `deletionPolicy` says so. What is more
    /// waits, until time has passed or the annotation `keycloakuser.dev/allow-deletions` lets it go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletions: Option<DeletionLimits>,
}

/// How many accounts may go within a time: a share of the connection's accounts, and at least a number.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DeletionLimits {
    /// So many in a hundred of the connection's accounts; 10 if absent. With 100 there is no limit, with 0 and `atLeast: 0`
    /// every deletion waits for the annotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub percent: Option<u32>,
    /// At least so many, whatever the share is; 10 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub at_least: Option<u32>,
    /// Within this time, as a Go duration (`30s`, `10m`, `1h30m`); 10m if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32), regex(pattern = "^([0-9]+(ms|s|m|h))+$"))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1s') && duration(self) <= duration('168h')").message("per must be a duration between 1s and 168h, such as 10m"))]
    pub per: Option<String>,
}

/// The deletions that count against `limits.deletions`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DeletionsStatus {
    /// Those of late, oldest first, counted together where they are close in time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub recent: Vec<RecentDeletions>,
    /// What is left of the number that `keycloakuser.dev/allow-deletions` lets go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowance: Option<DeletionAllowance>,
}

/// Deletions that were counted together.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RecentDeletions {
    /// When the last of them was begun.
    pub at: Time,
    /// How many they are.
    pub count: u32,
}

/// A number of deletions that somebody let go.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DeletionAllowance {
    /// The value of the annotation `keycloakuser.dev/allow-deletions` that is being answered.
    pub asked: u32,
    /// How many of them are left.
    pub left: u32,
}
