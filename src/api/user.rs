//! `KeycloakUser`: one account, declared.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::user_rights::{ClientRoles, ExactField, OwnedStatus, PreexistingStatus};

/// The account that Keycloak shall have.
///
/// An absent field is not managed. For lists, absent and empty mean the same: what this resource put into Keycloak and
/// the list no longer names is taken away, and nothing else.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[kube(
    group = "keycloakuser.dev",
    version = "v1alpha1",
    kind = "KeycloakUser",
    namespaced,
    shortname = "kcuser",
    shortname = "kcu",
    category = "keycloak",
    status = "KeycloakUserStatus",
    derive = "PartialEq",
    doc = "One Keycloak account, declared: the operator makes Keycloak agree with it and takes the account away when the resource goes.",
    selectable = ".spec.username",
    selectable = ".spec.connectionRef.name",
    printcolumn(name = "Username", type_ = "string", json_path = ".spec.username"),
    printcolumn(name = "Connection", type_ = "string", json_path = ".spec.connectionRef.name"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = "1"
    ),
    printcolumn(name = "User ID", type_ = "string", json_path = ".status.userId", priority = "1"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct KeycloakUserSpec {
    /// The Keycloak and the realm in which the account lives. Cannot be changed: make a new resource instead.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self == oldSelf").message("connectionRef cannot be changed: delete this resource and make another one for the other realm"))]
    pub connection_ref: ConnectionReference,

    /// The name the user logs in with. Keycloak stores it in lower case. May be changed: the account is renamed.
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("self.matches('[^\\\\s]')").message("username must not be blank"))]
    #[x_kube(validation = Rule::new("!self.matches('[\\\\x00-\\\\x1f\\\\x7f]')").message("username must not contain control characters"))]
    pub username: String,

    /// First name. Absent: not managed. Empty: must be empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub first_name: Option<String>,

    /// Last name. Absent: not managed. Empty: must be empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub last_name: Option<String>,

    /// E-mail address. Keycloak stores it in lower case. Absent: not managed. Empty: must be empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub email: Option<String>,

    /// Whether the e-mail address counts as verified. Absent: not managed (false when the account is created).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,

    /// Whether the account may log in. Absent: created enabled, then not managed. `false` is enforced. `true` is
    /// enforced, but an account that somebody else disabled, or that brute-force protection locked, is not switched on
    /// again behind their back: it is reported until this field changes or the annotation
    /// `keycloakuser.dev/reenable` asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,

    /// From this time on (RFC 3339, such as `2027-01-31T18:00:00Z`) the account is disabled, whatever `enabled` says, and
    /// its sessions are ended, offline ones too. A later time, or none, switches it on again unless `enabled` is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,

    /// User attributes, owned one by one: a name that leaves this list is removed from the account, attributes that
    /// somebody else added stay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[x_kube(validation = Rule::new("self.map(attribute, size(attribute.name)).sum() <= 4096").message("the names of the attributes must not have more than 4096 characters together"))]
    pub attributes: Vec<Attribute>,

    /// Login credentials, one per type. The values are read from Secrets, never from this resource.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub credentials: Vec<Credential>,

    /// Roles of the realm, by name, owned one by one: a role that leaves this list is taken away, roles that somebody
    /// else gave stay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128), inner(length(min = 1, max = 255)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new("self.all(name, name.matches('[^\\\\s]') && !name.matches('[\\\\x00-\\\\x1f\\\\x7f]'))").message("the name of a role must not be blank, nor contain control characters"))]
    #[x_kube(validation = Rule::new("self.map(name, size(name)).sum() <= 4096").message("the names of the realm roles must not have more than 4096 characters together"))]
    pub realm_roles: Vec<String>,

    /// Roles of clients, owned one by one as those of the realm. Names of clients and roles are case-sensitive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["client".into()]))]
    #[x_kube(validation = Rule::new("self.map(entry, has(entry.roles) ? size(entry.roles) : 0).sum() <= 128").message("there must not be more than 128 client roles"))]
    #[x_kube(validation = Rule::new("self.map(entry, has(entry.roles) ? size(entry.client) * size(entry.roles) + entry.roles.map(role, size(role)).sum() : 0).sum() <= 4096").message("the names of clients and their roles must not have more than 4096 characters together"))]
    pub client_roles: Vec<ClientRoles>,

    /// Groups, by path (`/staff/engineering`), owned one by one: the account leaves a group that leaves this list, and
    /// stays in groups to which somebody else added it. Names are case-sensitive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 2, max = 1024)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new("self.all(path, path.matches('^(/[^/]+)+$') && !path.matches('/(\\\\s+|[.][.]?)(/|$)') && !path.matches('[\\\\x00-\\\\x1f\\\\x7f]'))").message("a group must be a path of names, such as /staff/engineering: without empty names, `.` or `..`, and without a `/` at its end"))]
    #[x_kube(validation = Rule::new("self.map(path, size(path)).sum() <= 12288").message("the paths of the groups must not have more than 12288 characters together"))]
    pub groups: Vec<String>,

    /// What the user is asked to do at the next login (`UPDATE_PASSWORD`, `VERIFY_EMAIL` and so on), owned one by one.
    /// What the user has done is not asked for again, until it has left this list and come back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 255)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new("self.all(name, name.matches('[^\\\\s]') && !name.matches('[\\\\x00-\\\\x1f\\\\x7f]'))").message("the name of a required action must not be blank, nor contain control characters"))]
    #[x_kube(validation = Rule::new("self.map(name, size(name)).sum() <= 2048").message("the names of the required actions must not have more than 2048 characters together"))]
    pub required_actions: Vec<String>,

    /// Fields of which everything goes that is not declared, whoever put it there; the realm's default role and groups
    /// excepted. Of all other fields, what somebody else added stays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub exact: Vec<ExactField>,

    /// What becomes of an account of that name that this resource did not create. Absent: as `Never`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoption: Option<Adoption>,

    /// What becomes of the account when this resource is deleted. Absent: `Delete` for an account that this resource
    /// made, `Orphan` for one that it took over. May be changed until the account is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,

    /// True: no request is made for this account, deletion and expiry included, until it is false again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

/// What becomes of an account that the resource did not create.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adoption {
    /// It is left alone, and the resource says so.
    Never,
    /// It is taken over by its exact name, if `grants.adoption` of the connection allows it. What agrees stays
    /// untouched, and no password is sent until the Secret changes. When the resource goes, the account stays.
    Adopt,
}

/// What becomes of an account when its resource is deleted.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletionPolicy {
    /// It is deleted.
    Delete,
    /// It is disabled and its sessions are ended, offline ones too; it stays in Keycloak.
    Disable,
    /// It stays as it is. No request is made, so that neither Keycloak nor the connection is needed.
    Orphan,
}

/// Names the connection of an account, in the namespace of the resource.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionReference {
    /// Kind of the connection.
    #[serde(default)]
    pub kind: ConnectionKind,
    /// Name of the connection.
    #[serde(default = "default_connection_name")]
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

impl Default for ConnectionReference {
    fn default() -> Self {
        Self { kind: ConnectionKind::default(), name: default_connection_name() }
    }
}

fn default_connection_name() -> String {
    "default".to_owned()
}

/// The kinds of connection that a user may name.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnectionKind {
    /// A `KeycloakConnection` in the namespace of the user.
    #[default]
    KeycloakConnection,
    /// A `ClusterKeycloakConnection` that allows the namespace of the user.
    ClusterKeycloakConnection,
}

/// A user attribute and its values; their order has no meaning in Keycloak.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Attribute {
    /// Name of the attribute. The profile fields username, email, firstName and lastName have fields of their own.
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("!(self in ['username', 'email', 'firstName', 'lastName'])").message("username, email, firstName and lastName are fields of spec, not attributes"))]
    #[x_kube(validation = Rule::new("self.matches('[^\\\\s]')").message("an attribute name must not be blank"))]
    #[x_kube(validation = Rule::new("!self.matches('[\\\\x00-\\\\x1f\\\\x7f]')").message("an attribute name must not contain control characters"))]
    pub name: String,
    /// The values. An empty list means that the attribute must be absent. Blank values are refused, since Keycloak
    /// drops them.
    #[schemars(length(max = 64), inner(length(max = 2048)))]
    #[x_kube(validation = Rule::new("self.all(value, value.matches('[^\\\\s]'))").message("attribute values must not be blank: Keycloak drops them; an empty list removes the attribute"))]
    pub values: Vec<String>,
}

/// A credential whose value comes from a Secret.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(has(self.temporary) && self.temporary && has(self.sync) && self.sync == 'Enforce')").message("a temporary password is there to be changed by the user, which sync: Enforce would undo: choose one of the two"))]
pub struct Credential {
    /// Type of the credential.
    #[serde(rename = "type")]
    pub type_: CredentialType,
    /// True: the user must choose another password at the next login. It is said when the password is set, and never
    /// again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporary: Option<bool>,
    /// How the account's password follows the Secret; `OnChange` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<CredentialSync>,
    /// True: whenever the operator changes the password of an existing account, the account's sessions are ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoke_sessions: Option<bool>,
    /// Where the value is read from.
    pub value_from: ValueSource,
}

/// How the account's password follows its Secret.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CredentialSync {
    /// Sent when the value in the Secret changes. What the user chooses in between stays.
    #[default]
    OnChange,
    /// Sent with the creation of the account and never again: an initial password.
    Once,
    /// As `OnChange`, and put back when somebody else has changed it. Cannot work where the realm's password policy
    /// remembers old passwords.
    Enforce,
}

/// The types of credential that the operator sets.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum CredentialType {
    /// A password. It is set when the Secret's value changes; `sync` says what else.
    Password,
}

/// Source of a credential's value.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ValueSource {
    /// A key of a Secret in the namespace of the resource.
    pub secret_key_ref: SecretKeyReference,
}

/// A key of a Secret in the namespace of the resource.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyReference {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key within the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// What the operator found and did. Written whole, by the operator alone.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct KeycloakUserStatus {
    /// The generation of the spec that this status speaks of; -1 until the operator has seen the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Keycloak's id of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The username as Keycloak has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// True: the account was not created by this resource, but taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<bool>,
    /// `Ready` always; `Reconciling` or `Stalled` only when true; `CredentialsSynced` and `AttributesAccepted` where
    /// the spec has credentials or attributes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// What this resource put into the account, and therefore takes away again.
    #[serde(default, skip_serializing_if = "OwnedStatus::is_empty")]
    pub owned: OwnedStatus,
    /// What an account that was taken over had before it was declared, and therefore keeps.
    #[serde(default, skip_serializing_if = "PreexistingStatus::is_empty")]
    pub preexisting: PreexistingStatus,
    /// What is known of each credential; never its value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub credentials: Vec<CredentialRecord>,
    /// True: the account was, or is about to be, disabled, and its sessions are still to be ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions_to_end: Option<bool>,
    /// The value of the annotation `keycloakuser.dev/reconcile-requested-at` that was answered last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// The value of the annotation `keycloakuser.dev/reenable` that was answered last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reenable: Option<String>,
    /// The value of the annotation `keycloakuser.dev/set-credentials` that was answered last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_set_credentials: Option<String>,
}

/// What is known of a credential that was set from a Secret.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct CredentialRecord {
    /// Type of the credential.
    #[serde(rename = "type")]
    pub type_: CredentialType,
    /// UID of the Secret whose value was seen last.
    pub secret_uid: String,
    /// Key of that Secret.
    pub secret_key: String,
    /// resourceVersion of that Secret: while it is the same, the Secret is not read.
    pub secret_resource_version: String,
    /// Which key made `digest`. Another key: the digest says nothing.
    pub key_id: String,
    /// HMAC-SHA256 of the value that was taken over last, under a key that only the operator has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Creation date (milliseconds) of the password in Keycloak as it was set, by which a change by somebody else is
    /// noticed; only with `sync: Enforce`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_date: Option<i64>,
    /// A reset that was begun; whether it arrived is told by the credential's creation date in Keycloak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingReset>,
    /// True: the password policy refused the value; it is sent again at each check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<bool>,
    /// True: the password was never sent, but is taken to be the one of the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumed: Option<bool>,
    /// True: it was set as one that the user must change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporary: Option<bool>,
}

/// A password reset that was begun.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PendingReset {
    /// HMAC-SHA256 of the value that is being set.
    pub digest: String,
    /// Creation date (milliseconds) of the password that Keycloak had before; absent if it had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_date: Option<i64>,
    /// Present if the reset demands that the user changes the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporary: Option<bool>,
}
