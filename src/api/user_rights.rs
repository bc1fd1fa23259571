//! Roles and groups of a `KeycloakUser`: as people declare them, and what the status knows of them.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Fields that can be exact.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
pub enum ExactField {
    /// `spec.realmRoles`
    RealmRoles,
    /// `spec.clientRoles`, those of all clients
    ClientRoles,
    /// `spec.groups`
    Groups,
    /// `spec.attributes`; what users may edit themselves, what admins may not write, and what Keycloak itself put there
    /// stays
    Attributes,
    /// `spec.requiredActions`
    RequiredActions,
}

/// Roles of one client.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ClientRoles {
    /// The client's ID, as people know it (not Keycloak's UUID of it).
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("self.matches('[^\\\\s]') && !self.matches('[\\\\x00-\\\\x1f\\\\x7f]')").message("the ID of a client must not be blank, nor contain control characters"))]
    pub client: String,
    /// Names of its roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 255)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new("self.all(name, name.matches('[^\\\\s]') && !name.matches('[\\\\x00-\\\\x1f\\\\x7f]'))").message("the name of a role must not be blank, nor contain control characters"))]
    pub roles: Vec<String>,
}

/// What the resource put into the account.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct OwnedStatus {
    /// Names of the attributes that this resource set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    pub attributes: Vec<String>,
    /// The value of `enabled` that was applied last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// True: the account was disabled since `expiresAt` had passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expired: Option<bool>,
    /// Roles of the realm that this resource gave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    pub realm_roles: Vec<RealmRoleStatus>,
    /// Roles of clients that this resource gave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    pub client_roles: Vec<ClientRoleStatus>,
    /// Groups that this resource put the account into.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    pub groups: Vec<GroupStatus>,
    /// Required actions that this resource asked for, done or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    pub required_actions: Vec<String>,
}

impl OwnedStatus {
    /// True if nothing is owned, so that the field is left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}

/// What an account that was taken over had before it was declared.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PreexistingStatus {
    /// Names of attributes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    pub attributes: Vec<String>,
    /// Roles of the realm.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    pub realm_roles: Vec<RealmRoleStatus>,
    /// Roles of clients.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    pub client_roles: Vec<ClientRoleStatus>,
    /// Groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    pub groups: Vec<GroupStatus>,
    /// Required actions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    pub required_actions: Vec<String>,
}

impl PreexistingStatus {
    /// True if there is nothing, so that the field is left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}

/// A role of the realm.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RealmRoleStatus {
    /// Keycloak's id of the role: it stays when the role is renamed.
    #[schemars(length(max = 255))]
    pub id: String,
    /// Name of the role.
    #[schemars(length(max = 255))]
    pub name: String,
}

/// A role of a client.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ClientRoleStatus {
    /// Keycloak's id of the role: it stays when the role is renamed.
    #[schemars(length(max = 255))]
    pub id: String,
    /// The client's ID, as people know it.
    #[schemars(length(max = 255))]
    pub client: String,
    /// Name of the role.
    #[schemars(length(max = 255))]
    pub name: String,
}

/// A group.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct GroupStatus {
    /// Keycloak's id of the group: it stays when the group is renamed or moved.
    #[schemars(length(max = 255))]
    pub id: String,
    /// Path of the group.
    #[schemars(length(max = 1024))]
    pub path: String,
}
