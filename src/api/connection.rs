//! `KeycloakConnection`: how to reach one realm of one Keycloak, and what its users may be.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConnectionGrants;
use super::{ConnectionLimits, DeletionsStatus};

/// One realm of one Keycloak, the credentials for it, and what its users may be.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[kube(
    group = "keycloakuser.dev",
    version = "v1alpha1",
    kind = "KeycloakConnection",
    namespaced,
    shortname = "kcconn",
    shortname = "kcc",
    category = "keycloak",
    status = "KeycloakConnectionStatus",
    derive = "PartialEq",
    doc = "How to reach one realm of one Keycloak, and what the users of this connection may be.",
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
#[x_kube(validation = Rule::new("self.url.startsWith('https://') || (has(self.allowHttp) && self.allowHttp)").message("url is not https: passwords would travel in clear text; set allowHttp: true if that is meant"))]
#[serde(rename_all = "camelCase")]
pub struct KeycloakConnectionSpec {
    /// Base URL of the server, with a path where it has one: `https://sso.example.com`.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = Rule::new("isURL(self) && url(self).getScheme() in ['http', 'https'] && url(self).getHostname() != ''").message("url must be an absolute http or https URL, such as https://sso.example.com"))]
    #[x_kube(validation = Rule::new("!self.contains('?') && !self.contains('#') && !self.contains('@')").message("url must have no query, no fragment and no credentials"))]
    pub url: String,

    /// Name of the realm whose users are managed. Cannot be changed: make a new connection instead.
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("realm cannot be changed, since the accounts would stay behind in the old one: make another connection"))]
    pub realm: String,

    /// How the operator logs in. Exactly one way.
    pub auth: ConnectionAuth,

    /// How the server's certificate is verified. Verification cannot be switched off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ConnectionTls>,

    /// True: an `http` URL is accepted. Passwords then travel in clear text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_http: Option<bool>,

    /// How drift is found and what is done about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<ConnectionSync>,

    /// How much may be done through this connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<ConnectionLimits>,

    /// A user attribute in which each account that a resource of this connection has created names that resource,
    /// `<instance>/<namespace>/<name>`: for people in the admin console, and for an operator whose cluster was built
    /// anew, which knows its accounts by it. Only an attribute that admins alone may write by the realm's user profile
    /// is accepted. Needs the operator's `--instance-name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = "^[A-Za-z0-9._-]+$"))]
    #[x_kube(validation = Rule::new("!(self in ['username', 'email', 'firstName', 'lastName'])").message("ownerAttribute must be an attribute of its own, not a field of the profile"))]
    pub owner_attribute: Option<String>,

    /// What users of this connection may be and may be given. Absent: anything that needs no words here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<ConnectionGrants>,
}

/// How the operator logs in: exactly one way.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[x_kube(validation = Rule::new("has(self.clientCredentials) != has(self.password)").message("auth needs exactly one of clientCredentials and password"))]
#[serde(rename_all = "camelCase")]
pub struct ConnectionAuth {
    /// The service account of a confidential client in the managed realm. The way to choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_credentials: Option<ClientCredentials>,
    /// A user and its password, by the client `admin-cli`. For bootstrapping only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<PasswordLogin>,
}

/// The service account of a confidential client.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ClientCredentials {
    /// A Secret with the keys `client-id` and `client-secret`.
    pub secret_ref: SecretReference,
}

/// A user and its password.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PasswordLogin {
    /// A Secret with the keys `username` and `password`.
    pub secret_ref: SecretReference,
    /// The realm in which that user lives; absent: the managed realm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub realm: Option<String>,
}

/// A Secret in the namespace of the connection.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SecretReference {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// How the server's certificate is verified.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionTls {
    /// PEM certificates of the authorities that may vouch for the server, instead of those of the system.
    pub ca_ref: CaReference,
}

/// A key with PEM certificates in an object of the connection's namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct CaReference {
    /// Kind of the object.
    pub kind: ObjectKind,
    /// Name of the object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key within the object.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// Kinds of object that can hold certificates.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// A ConfigMap.
    ConfigMap,
    /// A Secret.
    Secret,
}

/// How drift is found and what is done about it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionSync {
    /// How often each account is compared with its resource, as a Go duration (`30s`, `10m`, `1h30m`); 10m if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32), regex(pattern = "^([0-9]+(ms|s|m|h))+$"))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1s') && duration(self) <= duration('24h')").message("sweepInterval must be a duration between 1s and 24h, such as 10m"))]
    pub sweep_interval: Option<String>,
    /// Whether an account that somebody else disabled is switched on again; `OnSpecChange` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reenable: Option<Reenable>,
    /// Whether the realm's admin events and user events are followed, so that a change in Keycloak is found within
    /// seconds; `Follow` if absent. Needs the role `view-events`; without it, or where the realm records none, the
    /// periodic check finds such changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<FollowEvents>,
}

/// Whether the events of a realm are followed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FollowEvents {
    /// As far as the realm records them and the connection's account may read them.
    #[default]
    Follow,
    /// No event is read.
    Ignore,
}

/// When an account that somebody else disabled is switched on again.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reenable {
    /// Only when `enabled` changes in the spec, or the annotation `keycloakuser.dev/reenable` asks for it.
    #[default]
    OnSpecChange,
    /// As any other drift. A lock by brute-force protection is left alone all the same.
    Always,
}

/// Whether the connection works. Written whole, by the operator alone.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct KeycloakConnectionStatus {
    /// The generation of the spec that this status speaks of; -1 until the operator has seen the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready` always; `Reconciling` or `Stalled` only when true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The deletions that count against `limits.deletions`; kept here so that a restart of the operator forgets none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletions: Option<DeletionsStatus>,
    /// How far the realm's events have been read, so that a restart of the operator goes on from there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["feed".into()]))]
    pub feeds: Vec<FeedStatus>,
}

/// How far a feed has been read.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct FeedStatus {
    /// Which feed.
    pub feed: FeedName,
    /// When its newest known event was, in Unix milliseconds, by the clock of Keycloak; 0 while it had none.
    pub time: i64,
    /// Keycloak's id of that event, if it was there when the feed was last read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub event_id: Option<String>,
    /// All events before this moment have been read, also those that Keycloak wrote down late; as `time`.
    pub complete_until: i64,
}

/// A feed of events of a realm.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedName {
    /// What was done by the Admin API and the admin console.
    AdminEvents,
    /// What users did to their own accounts.
    UserEvents,
}
