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
    /// Somebody who has an offline session is to be disabled.
    SwitchOff,
    /// Another resource declares the same account through another connection, and a pass is asked for.
    Rival,
    /// A pass is asked for over an account with roles and groups.
    AskOfRights,
    /// Roles and a group are given to an account.
    Grant,
    /// They are taken from it.
    Revoke,
    /// The user is to do something at the next login.
    Require,
}

/// A part of the matrix that is run by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Accounts,
    Passwords,
    Sessions,
    Rights,
    Owners,
}

impl Trigger {
    /// Those that make the operator change something in Keycloak.
    pub const WRITING: [Self; 8] = [
        Self::Create,
        Self::Vanish,
        Self::Change,
        Self::Password,
        Self::Delete,
        Self::SwitchOff,
        Self::Grant,
        Self::Revoke,
    ];

    pub fn part(self) -> Part {
        match self {
            Self::Connect | Self::Create | Self::Ask | Self::Vanish | Self::Change | Self::Delete => Part::Accounts,
            Self::Password | Self::Enforce => Part::Passwords,
            Self::SwitchOff => Part::Sessions,
            Self::AskOfRights | Self::Grant | Self::Revoke | Self::Require => Part::Rights,
            Self::Adopt | Self::Rival => Part::Owners,
        }
    }

    /// Something that makes the operator make that call.
    pub fn of(operation: Operation) -> Self {
        match operation {
            Operation::GetEventsConfig
            | Operation::GetAdminEvents
            | Operation::GetUserEvents
            | Operation::GetMembers => {
                unreachable!("no account depends on a feed or a census; see `drift` and `census`")
            }
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
            | Operation::DeleteOfflineSession => Self::SwitchOff,
            Operation::GetRealmKey => Self::Rival,
            Operation::GetRoleMappings | Operation::GetGroups => Self::AskOfRights,
            Operation::GetRole
            | Operation::GetClientRole
            | Operation::GetComposites
            | Operation::GetGroup
            | Operation::AddRoles
            | Operation::JoinGroup => Self::Grant,
            Operation::GetRealmDefaults | Operation::RemoveRoles | Operation::LeaveGroup => Self::Revoke,
            Operation::GetRequiredActions => Self::Require,
            Operation::GetClient | Operation::GetEffectiveRoles => Self::Adopt,
        }
    }

    pub fn has_password(self) -> bool {
        matches!(self, Self::Password | Self::Enforce | Self::SwitchOff)
    }

    /// The admin events of the account that is there in the end, or was there last: each change once.
    pub fn events(self) -> Vec<&'static str> {
        let created = ["CREATE users/{id}"];
        let roles = ["CREATE users/{id}/role-mappings/realm", "CREATE users/{id}/role-mappings/clients/{}"];
        let after: &[&str] = match self {
            Self::Adopt => return Vec::new(),
            Self::Connect | Self::Create | Self::Ask | Self::Vanish | Self::Enforce | Self::Rival => &[],
            Self::Change | Self::Require => &["UPDATE users/{id}"],
            Self::Password => &["ACTION users/{id}/reset-password"],
            Self::Delete => &["DELETE users/{id}"],
            Self::SwitchOff => &["UPDATE users/{id}", "ACTION users/{id}/logout"],
            Self::AskOfRights => &roles,
            Self::Grant => &[roles[0], roles[1], "CREATE users/{id}/groups/{}"],
            Self::Revoke => &[
                roles[0],
                roles[1],
                "DELETE users/{id}/role-mappings/realm",
                "DELETE users/{id}/role-mappings/clients/{}",
                "DELETE users/{id}/groups/{}",
            ],
        };
        [&created, after].concat()
    }
}

/// Whether a second one after a lost answer is no doubled write: what is ended stays ended.
pub fn may_be_repeated(event: &str) -> bool {
    event.ends_with("/logout")
}

/// Every call that the state of an account can depend on.
pub fn calls_for_accounts() -> impl Iterator<Item = Operation> {
    let observing =
        [Operation::GetEventsConfig, Operation::GetAdminEvents, Operation::GetUserEvents, Operation::GetMembers];
    Operation::ALL.into_iter().filter(move |operation| !observing.contains(operation))
}

/// Whether that is the call.
pub fn is_call(operation: Operation, call: &Call) -> bool {
    let (method, form) = match operation {
        Operation::GetToken => (Method::POST, "/realms/{}/protocol/openid-connect/token"),
        Operation::GetEventsConfig => (Method::GET, "/admin/realms/{}/events/config"),
        Operation::GetAdminEvents => (Method::GET, "/admin/realms/{}/admin-events"),
        Operation::GetUserEvents => (Method::GET, "/admin/realms/{}/events"),
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
        Operation::GetClient => return gets(call, ["/admin/realms/{}/clients", "/admin/realms/{}/clients/{id}"]),
        Operation::GetEffectiveRoles => return is_effective_roles(call),
        Operation::LogOut => (Method::POST, "/admin/realms/{}/users/{id}/logout"),
        Operation::FindOfflineClients => (Method::GET, "/admin/realms/{}/users/{id}/consents"),
        Operation::FindOfflineSessions => (Method::GET, "/admin/realms/{}/users/{id}/offline-sessions/{id}"),
        Operation::DeleteOfflineSession => (Method::DELETE, "/admin/realms/{}/sessions/{}"),
        Operation::GetRoleMappings => (Method::GET, "/admin/realms/{}/users/{id}/role-mappings"),
        Operation::GetGroups => (Method::GET, "/admin/realms/{}/users/{id}/groups"),
        Operation::GetMembers => {
            return gets(call, ["/admin/realms/{}/groups/{id}/members", "/admin/realms/{}/roles/{}/users"]);
        }
        Operation::GetRole => (Method::GET, "/admin/realms/{}/roles/{}"),
        Operation::GetClientRole => (Method::GET, "/admin/realms/{}/clients/{id}/roles/{}"),
        Operation::GetComposites => (Method::GET, "/admin/realms/{}/roles-by-id/{id}/composites"),
        Operation::GetGroup => {
            return gets(call, ["/admin/realms/{}/group-by-path/{}", "/admin/realms/{}/groups/{id}"]);
        }
        Operation::GetRealmDefaults => return gets(call, ["/admin/realms/{}", "/admin/realms/{}/default-groups"]),
        Operation::GetRequiredActions => (Method::GET, "/admin/realms/{}/authentication/required-actions"),
        Operation::AddRoles => return is_role_mapping(call, &Method::POST),
        Operation::RemoveRoles => return is_role_mapping(call, &Method::DELETE),
        Operation::JoinGroup => (Method::PUT, "/admin/realms/{}/users/{id}/groups/{id}"),
        Operation::LeaveGroup => (Method::DELETE, "/admin/realms/{}/users/{id}/groups/{id}"),
    };
    call.has_form(&method, form)
}

fn gets(call: &Call, forms: [&str; 2]) -> bool {
    forms.iter().any(|form| call.has_form(&Method::GET, form))
}

/// Those of the realm and those of a client.
fn is_role_mapping(call: &Call, method: &Method) -> bool {
    let mappings = "/admin/realms/{}/users/{id}/role-mappings";
    ["realm", "clients/{id}"].iter().any(|tail| call.has_form(method, &format!("{mappings}/{tail}")))
}

/// Those of the realm and those of a client.
fn is_effective_roles(call: &Call) -> bool {
    let mappings = "/admin/realms/{}/users/{id}/role-mappings";
    let tails = ["realm/composite", "clients/{id}/composite"];
    tails.iter().any(|tail| call.has_form(&Method::GET, &format!("{mappings}/{tail}")))
}
