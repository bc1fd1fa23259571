//! What makes the operator make each of its calls, and how the call is known when it passes.

use keycloak_user_operator::keycloak::Operation;
use reqwest::Method;

use crate::support::Call;

/// Something that a person does, and that makes the operator call Keycloak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A connection is made, and a user of it.
    Connect,
    /// A user of a connection that works.
    Create,
    /// A pass is asked for.
    Ask,
    /// The account was deleted in Keycloak, and a pass is asked for.
    Vanish,
    /// The first name is changed.
    Change,
    /// The value of the password's Secret is changed.
    Password,
    /// A user whose password is to be put back when somebody else changes it.
    Enforce,
    /// An account that somebody else made is to be taken over.
    Adopt,
    /// The resource is deleted.
    Delete,
}

impl Trigger {
    /// Something that makes the operator make that call; `None` where nothing does yet.
    pub fn of(operation: Operation) -> Option<Self> {
        Some(match operation {
            Operation::GetToken => Self::Connect,
            Operation::CreateUser | Operation::GetUserProfile => Self::Create,
            Operation::GetUser => Self::Ask,
            Operation::FindUsers => Self::Vanish,
            Operation::UpdateUser => Self::Change,
            Operation::GetCredentials | Operation::ResetPassword => Self::Password,
            Operation::GetRealm => Self::Enforce,
            Operation::DeleteUser => Self::Delete,
            Operation::LogOut
            | Operation::FindOfflineClients
            | Operation::FindOfflineSessions
            | Operation::DeleteOfflineSession
            | Operation::GetRealmKey
            | Operation::GetRoleMappings
            | Operation::GetGroups
            | Operation::GetRole
            | Operation::GetClientRole
            | Operation::GetComposites
            | Operation::GetGroup
            | Operation::GetRealmDefaults
            | Operation::GetRequiredActions
            | Operation::AddRoles
            | Operation::RemoveRoles
            | Operation::JoinGroup
            | Operation::LeaveGroup => return None,
            Operation::GetClient | Operation::GetEffectiveRoles => Self::Adopt,
        })
    }

    pub fn has_password(self) -> bool {
        matches!(self, Self::Password | Self::Enforce)
    }

    /// The admin events of the account that is there in the end, or was there last: each change once.
    pub fn events(self) -> &'static [&'static str] {
        match self {
            Self::Connect | Self::Create | Self::Ask | Self::Vanish | Self::Enforce => &["CREATE users/{id}"],
            Self::Adopt => &[],
            Self::Change => &["CREATE users/{id}", "UPDATE users/{id}"],
            Self::Password => &["CREATE users/{id}", "ACTION users/{id}/reset-password"],
            Self::Delete => &["CREATE users/{id}", "DELETE users/{id}"],
        }
    }
}

/// Whether that is the call.
pub fn is_call(operation: Operation, call: &Call) -> bool {
    let (method, form) = match operation {
        Operation::GetToken => (Method::POST, "/realms/{}/protocol/openid-connect/token"),
        Operation::GetUser => (Method::GET, "/admin/realms/{}/users/{id}"),
        Operation::FindUsers => (Method::GET, "/admin/realms/{}/users"),
        Operation::CreateUser => (Method::POST, "/admin/realms/{}/users"),
        Operation::UpdateUser => (Method::PUT, "/admin/realms/{}/users/{id}"),
        Operation::DeleteUser => (Method::DELETE, "/admin/realms/{}/users/{id}"),
        Operation::GetCredentials => (Method::GET, "/admin/realms/{}/users/{id}/credentials"),
        Operation::ResetPassword => (Method::PUT, "/admin/realms/{}/users/{id}/reset-password"),
        Operation::GetUserProfile => (Method::GET, "/admin/realms/{}/users/profile"),
        Operation::GetRealm => (Method::GET, "/admin/realms/{}"),
        Operation::GetRealmKey => (Method::GET, "/realms/{}"),
        Operation::GetClient => (Method::GET, "/admin/realms/{}/clients"),
        Operation::GetEffectiveRoles => return is_effective_roles(call),
        Operation::LogOut => (Method::POST, "/admin/realms/{}/users/{id}/logout"),
        Operation::FindOfflineClients => (Method::GET, "/admin/realms/{}/users/{id}/consents"),
        Operation::FindOfflineSessions => (Method::GET, "/admin/realms/{}/users/{id}/offline-sessions/{id}"),
        Operation::DeleteOfflineSession => (Method::DELETE, "/admin/realms/{}/sessions/{}"),
        Operation::GetRoleMappings => (Method::GET, "/admin/realms/{}/users/{id}/role-mappings"),
        Operation::GetGroups => (Method::GET, "/admin/realms/{}/users/{id}/groups"),
        Operation::GetRole => (Method::GET, "/admin/realms/{}/roles/{}"),
        Operation::GetClientRole => (Method::GET, "/admin/realms/{}/clients/{id}/roles/{}"),
        Operation::GetComposites => (Method::GET, "/admin/realms/{}/roles-by-id/{id}/composites"),
        Operation::GetGroup => (Method::GET, "/admin/realms/{}/group-by-path/{}"),
        Operation::GetRealmDefaults => (Method::GET, "/admin/realms/{}/default-groups"),
        Operation::GetRequiredActions => (Method::GET, "/admin/realms/{}/authentication/required-actions"),
        Operation::AddRoles => (Method::POST, "/admin/realms/{}/users/{id}/role-mappings/realm"),
        Operation::RemoveRoles => (Method::DELETE, "/admin/realms/{}/users/{id}/role-mappings/realm"),
        Operation::JoinGroup => (Method::PUT, "/admin/realms/{}/users/{id}/groups/{id}"),
        Operation::LeaveGroup => (Method::DELETE, "/admin/realms/{}/users/{id}/groups/{id}"),
    };
    call.has_form(&method, form)
}

/// Those of the realm and those of a client.
fn is_effective_roles(call: &Call) -> bool {
    let mappings = "/admin/realms/{}/users/{id}/role-mappings";
    let tails = ["realm/composite", "clients/{id}/composite"];
    tails.iter().any(|tail| call.has_form(&Method::GET, &format!("{mappings}/{tail}")))
}
