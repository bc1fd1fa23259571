//! What users of a connection may be and may be given, as people write it.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{Grants, Patterns, RightGrants};

/// What users of this connection may be and may be given. Each value is judged when it is about to be written: at the
/// creation of an account and at a change. In all lists of patterns `*` stands for any characters.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionGrants {
    /// Usernames: patterns, without regard to case. Absent or empty: any. Where the realm takes the e-mail address for
    /// the username, `emailDomains` is the fence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 255)))]
    pub usernames: Vec<String>,
    /// Domains of e-mail addresses, which is what follows the last `@`: patterns, without regard to case. Absent or
    /// empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 255)))]
    pub email_domains: Vec<String>,
    /// Whether a resource may make an e-mail address count as verified, or replace one that does without
    /// `emailVerified: false`; `Allowed` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<Permission>,
    /// Names of attributes: patterns in which case counts. Absent or empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 255)))]
    pub attributes: Vec<String>,
    /// Whether resources that ask for it (`adoption: Adopt`) may take over an account that they did not create;
    /// `Forbidden` if absent. Never the account with which the operator logs in, nor the service account of a client.
    /// An account that holds a role that administers the realm only if `usernames` name it without a pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoption: Option<Permission>,
    /// Names of realm roles: patterns in which case counts. Absent or empty: any but roles that administer Keycloak. A
    /// role or group is judged by everything that it implies, and a role that administers Keycloak (`admin`, those of
    /// `realm-management`) must be named without a `*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 255)))]
    pub realm_roles: Vec<String>,
    /// Roles of clients. Absent or empty: any but roles that administer Keycloak.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub client_roles: Vec<ClientRoleGrants>,
    /// Paths of groups: patterns in which case counts, `*` stands for any characters of one name, and the name `**` for
    /// one name or more (`/staff/**`: all below `/staff`). Absent or empty: any whose roles are granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 1024)))]
    pub groups: Vec<String>,
}

/// Roles of clients that users may be given.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ClientRoleGrants {
    /// The client's ID, as people know it: a pattern in which case counts.
    #[schemars(length(min = 1, max = 255))]
    pub client: String,
    /// Names of its roles: patterns in which case counts.
    #[schemars(length(min = 1, max = 256), inner(length(min = 1, max = 255)))]
    pub roles: Vec<String>,
}

/// Whether something may be done.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// It may.
    Allowed,
    /// It may not.
    Forbidden,
}

impl ConnectionGrants {
    /// These, and what they leave out from others.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            usernames: either(self.usernames, others.usernames),
            email_domains: either(self.email_domains, others.email_domains),
            email_verified: self.email_verified.or(others.email_verified),
            attributes: either(self.attributes, others.attributes),
            adoption: self.adoption.or(others.adoption),
            realm_roles: either(self.realm_roles, others.realm_roles),
            client_roles: either(self.client_roles, others.client_roles),
            groups: either(self.groups, others.groups),
        }
    }
}

fn either<T>(own: Vec<T>, others: Vec<T>) -> Vec<T> {
    if own.is_empty() { others } else { own }
}

impl From<&ConnectionGrants> for Grants {
    fn from(declared: &ConnectionGrants) -> Self {
        Self {
            usernames: Patterns::ignoring_case(&declared.usernames),
            email_domains: Patterns::ignoring_case(&declared.email_domains),
            email_verified: declared.email_verified != Some(Permission::Forbidden),
            attributes: Patterns::exact(&declared.attributes),
            adoption: declared.adoption == Some(Permission::Allowed),
            rights: RightGrants {
                realm_roles: declared.realm_roles.clone(),
                client_roles: declared.client_roles.iter().map(of_client).collect(),
                groups: declared.groups.clone(),
            },
        }
    }
}

fn of_client(granted: &ClientRoleGrants) -> (String, Vec<String>) {
    (granted.client.clone(), granted.roles.clone())
}
