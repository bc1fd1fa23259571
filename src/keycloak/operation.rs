//! The calls in use, by the names that metrics, logs and messages have for them.

use std::fmt;

/// A call of the Admin API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `POST …/protocol/openid-connect/token`
    GetToken,
    /// `GET /users/{id}`
    GetUser,
    /// `GET /users?…`
    FindUsers,
    /// `POST /users`
    CreateUser,
    /// `PUT /users/{id}`
    UpdateUser,
    /// `DELETE /users/{id}`
    DeleteUser,
    /// `GET /users/{id}/credentials`
    GetCredentials,
    /// `PUT /users/{id}/reset-password`
    ResetPassword,
    /// `GET /users/profile`
    GetUserProfile,
    /// `GET /` of the realm
    GetRealm,
    /// `POST /users/{id}/logout`
    LogOut,
    /// `GET /users/{id}/consents`
    FindOfflineClients,
    /// `GET /users/{id}/offline-sessions/{client}`
    FindOfflineSessions,
    /// `DELETE /sessions/{session}?isOffline=true`
    DeleteOfflineSession,
    /// `GET /realms/{realm}`
    GetRealmKey,
    /// `GET /users/{id}/role-mappings/…/composite`
    GetEffectiveRoles,
    /// `GET /users/{id}/role-mappings`
    GetRoleMappings,
    /// `GET /users/{id}/groups`
    GetGroups,
    /// `GET /groups/{id}/members`, `GET …/roles/{name}/users`
    GetMembers,
    /// `GET /roles/{name}`
    GetRole,
    /// `GET /clients/{id}/roles/{name}`
    GetClientRole,
    /// `GET /roles-by-id/{id}/composites`
    GetComposites,
    /// `GET /clients?…`
    GetClient,
    /// `GET /group-by-path/{path}`, `GET /groups/{id}`
    GetGroup,
    /// `GET /` and `GET /default-groups`
    GetRealmDefaults,
    /// `GET /authentication/required-actions`
    GetRequiredActions,
    /// `POST /users/{id}/role-mappings/…`
    AddRoles,
    /// `DELETE /users/{id}/role-mappings/…`
    RemoveRoles,
    /// `PUT /users/{id}/groups/{id}`
    JoinGroup,
    /// `DELETE /users/{id}/groups/{id}`
    LeaveGroup,
    /// `GET /events/config`
    GetEventsConfig,
    /// `GET /admin-events`
    GetAdminEvents,
    /// `GET /events`
    GetUserEvents,
}

impl Operation {
    /// Every call in use.
    pub const ALL: [Self; 33] = [
        Self::GetToken,
        Self::GetUser,
        Self::FindUsers,
        Self::CreateUser,
        Self::UpdateUser,
        Self::DeleteUser,
        Self::GetCredentials,
        Self::ResetPassword,
        Self::GetUserProfile,
        Self::GetRealm,
        Self::LogOut,
        Self::FindOfflineClients,
        Self::FindOfflineSessions,
        Self::DeleteOfflineSession,
        Self::GetRealmKey,
        Self::GetEffectiveRoles,
        Self::GetRoleMappings,
        Self::GetGroups,
        Self::GetMembers,
        Self::GetRole,
        Self::GetClientRole,
        Self::GetComposites,
        Self::GetClient,
        Self::GetGroup,
        Self::GetRealmDefaults,
        Self::GetRequiredActions,
        Self::AddRoles,
        Self::RemoveRoles,
        Self::JoinGroup,
        Self::LeaveGroup,
        Self::GetEventsConfig,
        Self::GetAdminEvents,
        Self::GetUserEvents,
    ];

    /// Whether the call changes something in Keycloak.
    pub(super) fn is_change(self) -> bool {
        match self {
            Self::CreateUser
            | Self::UpdateUser
            | Self::DeleteUser
            | Self::ResetPassword
            | Self::LogOut
            | Self::DeleteOfflineSession
            | Self::AddRoles
            | Self::RemoveRoles
            | Self::JoinGroup
            | Self::LeaveGroup => true,
            Self::GetToken
            | Self::GetUser
            | Self::FindUsers
            | Self::GetCredentials
            | Self::GetUserProfile
            | Self::GetRealm
            | Self::FindOfflineClients
            | Self::FindOfflineSessions
            | Self::GetRealmKey
            | Self::GetEffectiveRoles
            | Self::GetRoleMappings
            | Self::GetGroups
            | Self::GetMembers
            | Self::GetRole
            | Self::GetClientRole
            | Self::GetComposites
            | Self::GetClient
            | Self::GetGroup
            | Self::GetRealmDefaults
            | Self::GetRequiredActions
            | Self::GetEventsConfig
            | Self::GetAdminEvents
            | Self::GetUserEvents => false,
        }
    }

    /// The label in metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GetToken => "get_token",
            Self::GetUser => "get_user",
            Self::FindUsers => "find_users",
            Self::CreateUser => "create_user",
            Self::UpdateUser => "update_user",
            Self::DeleteUser => "delete_user",
            Self::GetCredentials => "get_credentials",
            Self::ResetPassword => "reset_password",
            Self::GetUserProfile => "get_user_profile",
            Self::GetRealm => "get_realm",
            Self::LogOut => "log_out",
            Self::FindOfflineClients => "find_offline_clients",
            Self::FindOfflineSessions => "find_offline_sessions",
            Self::DeleteOfflineSession => "delete_offline_session",
            Self::GetRealmKey => "get_realm_key",
            Self::GetClient => "get_client",
            Self::GetEffectiveRoles => "get_effective_roles",
            Self::GetRoleMappings => "get_role_mappings",
            Self::GetGroups => "get_groups",
            Self::GetMembers => "get_members",
            Self::GetRole => "get_role",
            Self::GetClientRole => "get_client_role",
            Self::GetComposites => "get_composites",
            Self::GetGroup => "get_group",
            Self::GetRealmDefaults => "get_realm_defaults",
            Self::GetRequiredActions => "get_required_actions",
            Self::AddRoles => "add_roles",
            Self::RemoveRoles => "remove_roles",
            Self::JoinGroup => "join_group",
            Self::LeaveGroup => "leave_group",
            Self::GetEventsConfig => "get_events_config",
            Self::GetAdminEvents => "get_admin_events",
            Self::GetUserEvents => "get_user_events",
        }
    }
}

impl Operation {
    /// What the connection's account needs for it.
    #[must_use]
    pub fn right(self) -> &'static str {
        match self {
            Self::GetRealm
            | Self::GetMembers
            | Self::GetRole
            | Self::GetComposites
            | Self::GetRealmDefaults
            | Self::GetRequiredActions => "role view-realm of realm-management",
            Self::GetEventsConfig | Self::GetAdminEvents | Self::GetUserEvents => {
                "role view-events of realm-management"
            }
            Self::GetClient | Self::GetClientRole => "role view-clients of realm-management",
            Self::GetEffectiveRoles => "roles manage-users and view-clients of realm-management",
            Self::AddRoles | Self::RemoveRoles => {
                "role manage-users of realm-management; for roles that administer the realm, also role realm-admin"
            }
            Self::GetToken
            | Self::GetRealmKey
            | Self::GetUser
            | Self::FindUsers
            | Self::CreateUser
            | Self::UpdateUser
            | Self::DeleteUser
            | Self::GetCredentials
            | Self::ResetPassword
            | Self::GetUserProfile
            | Self::LogOut
            | Self::FindOfflineClients
            | Self::FindOfflineSessions
            | Self::DeleteOfflineSession
            | Self::GetRoleMappings
            | Self::GetGroups
            | Self::GetGroup
            | Self::JoinGroup
            | Self::LeaveGroup => "role manage-users of realm-management",
        }
    }

    /// The status with which Keycloak says that it is done. Another one, such as the 200 of a login page before it, comes
    /// from somebody else, and nothing is done.
    pub(super) fn success(self) -> u16 {
        match self {
            Self::CreateUser => 201,
            _ if self.is_change() => 204,
            _ => 200,
        }
    }

    /// Whether the call brings values of a resource, of which Keycloak may refuse one.
    pub(super) fn brings_values(self) -> bool {
        matches!(self, Self::CreateUser | Self::UpdateUser | Self::ResetPassword)
    }

    /// Whether it can meet a role, group or client that is not there.
    #[must_use]
    pub fn concerns_rights(self) -> bool {
        matches!(
            self,
            Self::GetRole
                | Self::GetClientRole
                | Self::GetComposites
                | Self::GetClient
                | Self::GetGroup
                | Self::AddRoles
                | Self::RemoveRoles
                | Self::JoinGroup
                | Self::LeaveGroup
        )
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::GetToken => "logging in",
            Self::GetUser => "reading the account",
            Self::FindUsers => "looking for the account",
            Self::CreateUser => "creating the account",
            Self::UpdateUser => "updating the account",
            Self::DeleteUser => "deleting the account",
            Self::GetCredentials => "reading the account's credentials",
            Self::ResetPassword => "setting the password",
            Self::GetUserProfile => "reading the realm's user profile",
            Self::GetRealm => "reading the realm",
            Self::LogOut => "ending the account's sessions",
            Self::FindOfflineClients | Self::FindOfflineSessions => "looking for the account's offline sessions",
            Self::DeleteOfflineSession => "ending an offline session of the account",
            Self::GetRealmKey => "reading the realm's public key",
            Self::GetClient => "looking for a client",
            Self::GetEffectiveRoles => "reading what roles the account holds",
            Self::GetRoleMappings => "reading the account's roles",
            Self::GetGroups => "reading the account's groups",
            Self::GetMembers => "reading who has a role or is in a group",
            Self::GetRole => "looking for a role of the realm",
            Self::GetClientRole => "looking for a role of a client",
            Self::GetComposites => "reading what a role is made of",
            Self::GetGroup => "looking for a group",
            Self::GetRealmDefaults => "reading what the realm gives to every account",
            Self::GetRequiredActions => "reading the realm's required actions",
            Self::AddRoles => "giving roles to the account",
            Self::RemoveRoles => "taking roles from the account",
            Self::JoinGroup => "adding the account to a group",
            Self::LeaveGroup => "taking the account out of a group",
            Self::GetEventsConfig => "reading which events the realm records",
            Self::GetAdminEvents => "reading the realm's admin events",
            Self::GetUserEvents => "reading the realm's user events",
        })
    }
}
