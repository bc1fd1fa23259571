//! What users of a connection may be and may be given, as people write it.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{Grants, Patterns};

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
}

/// Whether something may be done.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// It may.
    Allowed,
    /// It may not.
    Forbidden,
}

impl From<&ConnectionGrants> for Grants {
    fn from(declared: &ConnectionGrants) -> Self {
        Self {
            usernames: Patterns::ignoring_case(&declared.usernames),
            email_domains: Patterns::ignoring_case(&declared.email_domains),
            email_verified: declared.email_verified != Some(Permission::Forbidden),
            attributes: Patterns::exact(&declared.attributes),
            adoption: declared.adoption == Some(Permission::Allowed),
        }
    }
}
