//! The custom resources: what people write, what the operator answers.
//!
//! May use `domain` (whose newtypes hold the rules that the schema repeats) and the Kubernetes types; knows no client.

#![expect(unreachable_pub, reason = "KubeSchema repeats each struct inside a function, where pub reaches nothing")]

mod cluster_connection;
mod condition;
mod connection;
mod crd;
mod desired;
mod desired_rights;
mod grants;
mod limits;
mod user;
mod user_rights;

pub use cluster_connection::{
    ClusterKeycloakConnection, ClusterKeycloakConnectionSpec, NamespaceGrants, NamespaceSelection,
};
pub use condition::{ConditionType, Reason};
pub use connection::{
    CaReference, ClientCredentials, ConnectionAuth, ConnectionSync, ConnectionTls, FeedName, FeedStatus, FollowEvents,
    KeycloakConnection, KeycloakConnectionSpec, KeycloakConnectionStatus, ObjectKind, PasswordLogin, Reenable,
    SecretReference,
};
pub use crd::{custom_resource_definitions, render_definition};
pub use desired::{Violation, desired_user};
pub use grants::{ClientRoleGrants, ConnectionGrants, Permission};
pub use limits::{ConnectionLimits, DeletionAllowance, DeletionLimits, DeletionsStatus, RecentDeletions};
pub use user::{
    Adoption, Attribute, ConnectionKind, ConnectionReference, Credential, CredentialRecord, CredentialSync,
    CredentialType, DeletionPolicy, KeycloakUser, KeycloakUserSpec, KeycloakUserStatus, PendingReset,
    SecretKeyReference, ValueSource,
};
pub use user_rights::{
    ClientRoleStatus, ClientRoles, ExactField, GroupStatus, OwnedStatus, PreexistingStatus, RealmRoleStatus,
};

/// The API group; also the prefix of the finalizer, the labels and the annotations.
pub const GROUP: &str = "keycloakuser.dev";
/// The served and stored version of every kind.
pub const VERSION: &str = "v1alpha1";

/// Holds a [`KeycloakUser`] back from vanishing until its account is gone.
pub const FINALIZER: &str = "keycloakuser.dev/account";
/// Any new value asks for a reconciliation now; answered by `status.lastHandledReconcileAt`.
pub const RECONCILE_REQUESTED_AT: &str = "keycloakuser.dev/reconcile-requested-at";
/// Any new value asks for a disabled or locked account to be switched on again; answered by `status.lastHandledReenable`.
pub const REENABLE: &str = "keycloakuser.dev/reenable";
/// `"true"` lets a deleted resource go without a request to Keycloak.
pub const RELEASE: &str = "keycloakuser.dev/release";
/// Any new value has the current passwords sent once; answered by `status.lastHandledSetCredentials`.
pub const SET_CREDENTIALS: &str = "keycloakuser.dev/set-credentials";
/// On a connection: lets so many deletions go beyond its `limits.deletions`, once; recorded in `status.deletions`.
pub const ALLOW_DELETIONS: &str = "keycloakuser.dev/allow-deletions";
/// The annotations that ask for something; no other one matters.
pub const WISHES: [&str; 5] = [RECONCILE_REQUESTED_AT, REENABLE, RELEASE, SET_CREDENTIALS, ALLOW_DELETIONS];
