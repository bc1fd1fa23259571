//! The calls for roles and groups.

use reqwest::Method;
use std::collections::BTreeSet;

use super::wire_rights::{
    ClientRepresentation, GroupRepresentation, MappingsRepresentation, MemberRepresentation, RealmRepresentation,
    RequiredActionRepresentation, RequiredActionsRequest, RoleReference, RoleRepresentation,
};
use super::{Client, ErrorKind, KeycloakError, Operation};
use crate::domain::{ObjectId, Right, RightName, UserId};

/// A role, and what it takes to know what it implies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRole {
    /// Keycloak's id of it.
    pub id: ObjectId,
    /// Its name.
    pub name: String,
    /// The client that it belongs to; `None` for a role of the realm.
    pub client: Option<ObjectId>,
    /// Whether it is made of others.
    pub composite: bool,
}

/// A group, and what it takes to know what it implies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundGroup {
    /// Keycloak's id of it.
    pub id: ObjectId,
    /// Its own name.
    pub name: String,
    /// Its path, by the names of the groups above it.
    pub path: String,
    /// The group above it.
    pub parent: Option<ObjectId>,
    /// The roles that it gives to its members.
    pub roles: BTreeSet<RightName>,
}

/// What a realm gives to every account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RealmDefaults {
    /// The default role.
    pub role: Option<Right>,
    /// The default groups.
    pub groups: Vec<Right>,
}

/// Roles of an account, and the ids of the clients that have them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleMappings {
    /// The roles.
    pub roles: BTreeSet<Right>,
    /// Clients, by the ID that people know.
    pub clients: Vec<(String, ObjectId)>,
}

impl Client {
    /// The roles that were given to the account itself.
    pub async fn roles_of(&self, user: &UserId) -> Result<RoleMappings, KeycloakError> {
        let request = self.admin(Method::GET, &["users", user.as_str(), "role-mappings"]);
        let answer = self.send(Operation::GetRoleMappings, request).await?;
        let mappings: MappingsRepresentation = answer.json(Operation::GetRoleMappings)?;
        mappings.roles().ok_or_else(|| odd_id(Operation::GetRoleMappings))
    }

    /// The groups that the account is a member of.
    pub async fn groups_of(&self, user: &UserId) -> Result<BTreeSet<Right>, KeycloakError> {
        let request = self.admin(Method::GET, &["users", user.as_str(), "groups"]);
        let answer = self.send(Operation::GetGroups, request).await?;
        let groups: Vec<GroupRepresentation> = answer.json(Operation::GetGroups)?;
        let rights: Option<BTreeSet<Right>> = groups.into_iter().map(GroupRepresentation::right).collect();
        rights.ok_or_else(|| odd_id(Operation::GetGroups))
    }

    /// A part of the accounts to which a role was given itself, or which are in a group. Of the role of a client, the
    /// client's id has to be known.
    pub async fn members(
        &self,
        right: &Right,
        client: Option<&ObjectId>,
        first: usize,
        max: usize,
    ) -> Result<Vec<UserId>, KeycloakError> {
        let segments: Vec<&str> = match (&right.name, client) {
            (RightName::Group(_), _) => vec!["groups", right.id.as_str(), "members"],
            (RightName::RealmRole(role), _) => vec!["roles", role, "users"],
            (RightName::ClientRole { role, .. }, Some(client)) => {
                vec!["clients", client.as_str(), "roles", role, "users"]
            }
            (RightName::ClientRole { .. }, None) => return Err(no_such_object(Operation::GetMembers)),
        };
        if !segments.iter().all(|segment| fits_a_path(segment)) {
            return Err(no_such_object(Operation::GetMembers));
        }
        let (first, max) = (first.to_string(), max.to_string());
        let query = [("briefRepresentation", "true"), ("first", first.as_str()), ("max", max.as_str())];
        let answer = self.send(Operation::GetMembers, self.admin(Method::GET, &segments).query(&query)).await?;
        let members: Vec<MemberRepresentation> = answer.json(Operation::GetMembers)?;
        let ids: Option<Vec<UserId>> = members.iter().map(|member| UserId::parse(&member.id)).collect();
        ids.ok_or_else(|| odd_id(Operation::GetMembers))
    }

    /// The role of the realm with that name.
    pub async fn realm_role(&self, name: &str) -> Result<Option<FoundRole>, KeycloakError> {
        self.role(Operation::GetRole, &["roles"], name).await
    }

    /// The role of a client with that name.
    pub async fn client_role(&self, client: &ObjectId, name: &str) -> Result<Option<FoundRole>, KeycloakError> {
        self.role(Operation::GetClientRole, &["clients", client.as_str(), "roles"], name).await
    }

    /// Looked for in a list where the name cannot stand in a path: Keycloak refuses some characters there, even encoded.
    async fn role(
        &self,
        operation: Operation,
        container: &[&str],
        name: &str,
    ) -> Result<Option<FoundRole>, KeycloakError> {
        if fits_a_path(name) {
            let request = self.admin(Method::GET, &[container, &[name]].concat());
            let found = self.found::<RoleRepresentation>(operation, request).await?;
            return found.map(|role| role.found().ok_or_else(|| odd_id(operation))).transpose();
        }
        let request = self.admin(Method::GET, container).query(&[("search", name)]);
        let roles: Vec<RoleRepresentation> = self.send(operation, request).await?.json(operation)?;
        let named = roles.into_iter().find(|role| role.name == name);
        named.map(|role| role.found().ok_or_else(|| odd_id(operation))).transpose()
    }

    /// The roles that a role is made of.
    pub async fn composites_of(&self, role: &ObjectId) -> Result<Vec<FoundRole>, KeycloakError> {
        let request = self.admin(Method::GET, &["roles-by-id", role.as_str(), "composites"]);
        let answer = self.send(Operation::GetComposites, request).await?;
        let roles: Vec<RoleRepresentation> = answer.json(Operation::GetComposites)?;
        let found: Option<Vec<FoundRole>> = roles.into_iter().map(RoleRepresentation::found).collect();
        found.ok_or_else(|| odd_id(Operation::GetComposites))
    }

    /// Keycloak's id of a client, by the ID that people know.
    pub async fn client_id(&self, client: &str) -> Result<Option<ObjectId>, KeycloakError> {
        let request = self.admin(Method::GET, &["clients"]).query(&[("clientId", client)]);
        let answer = self.send(Operation::GetClient, request).await?;
        let clients: Vec<ClientRepresentation> = answer.json(Operation::GetClient)?;
        let named = clients.into_iter().find(|found| found.client_id == client);
        named.map(|found| ObjectId::parse(&found.id).ok_or_else(|| odd_id(Operation::GetClient))).transpose()
    }

    /// The ID that people know of a client, by Keycloak's id.
    pub async fn client_name(&self, id: &ObjectId) -> Result<String, KeycloakError> {
        let request = self.admin(Method::GET, &["clients", id.as_str()]);
        let answer = self.send(Operation::GetClient, request).await?;
        Ok(answer.json::<ClientRepresentation>(Operation::GetClient)?.client_id)
    }

    /// The group at that path.
    pub async fn group_at(&self, path: &str) -> Result<Option<FoundGroup>, KeycloakError> {
        let names: Vec<&str> = ["group-by-path"].into_iter().chain(path.split('/').skip(1)).collect();
        self.group(&names).await
    }

    /// The group with that id.
    pub async fn group_with_id(&self, id: &ObjectId) -> Result<Option<FoundGroup>, KeycloakError> {
        self.group(&["groups", id.as_str()]).await
    }

    async fn group(&self, segments: &[&str]) -> Result<Option<FoundGroup>, KeycloakError> {
        let request = self.admin(Method::GET, segments);
        let group = self.found::<GroupRepresentation>(Operation::GetGroup, request).await?;
        group.map(|group| group.found().ok_or_else(|| odd_id(Operation::GetGroup))).transpose()
    }

    /// What the realm gives to every account.
    pub async fn realm_defaults(&self) -> Result<RealmDefaults, KeycloakError> {
        let operation = Operation::GetRealmDefaults;
        let realm: RealmRepresentation = self.send(operation, self.admin(Method::GET, &[])).await?.json(operation)?;
        let groups = self.send(operation, self.admin(Method::GET, &["default-groups"])).await?;
        let groups: Vec<GroupRepresentation> = groups.json(operation)?;
        let role = realm.default_role.map(|role| role.realm_right().ok_or_else(|| odd_id(operation))).transpose()?;
        let groups: Option<Vec<Right>> = groups.into_iter().map(GroupRepresentation::right).collect();
        Ok(RealmDefaults { role, groups: groups.ok_or_else(|| odd_id(operation))? })
    }

    /// The required actions that the realm knows.
    pub async fn required_actions(&self) -> Result<BTreeSet<String>, KeycloakError> {
        let request = self.admin(Method::GET, &["authentication", "required-actions"]);
        let answer = self.send(Operation::GetRequiredActions, request).await?;
        let actions: Vec<RequiredActionRepresentation> = answer.json(Operation::GetRequiredActions)?;
        Ok(actions.into_iter().map(|action| action.alias).collect())
    }

    /// Replaces what the user is asked to do; every other field stays.
    pub async fn set_required_actions(&self, user: &UserId, actions: &BTreeSet<String>) -> Result<(), KeycloakError> {
        let body = RequiredActionsRequest { required_actions: actions };
        let request = self.admin(Method::PUT, &["users", user.as_str()]).json(&body);
        self.send(Operation::UpdateUser, request).await.map(drop)
    }

    /// Gives roles of the realm, or of a client, to the account.
    pub async fn add_roles(
        &self,
        user: &UserId,
        client: Option<&ObjectId>,
        roles: &[Right],
    ) -> Result<(), KeycloakError> {
        let request = self.admin(Method::POST, &mappings(user, client)).json(&references(roles));
        self.send(Operation::AddRoles, request).await.map(drop)
    }

    /// Takes roles of the realm, or of a client, away from the account.
    pub async fn remove_roles(
        &self,
        user: &UserId,
        client: Option<&ObjectId>,
        roles: &[Right],
    ) -> Result<(), KeycloakError> {
        // Without a list Keycloak takes all of them away.
        if roles.is_empty() {
            return Ok(());
        }
        let request = self.admin(Method::DELETE, &mappings(user, client)).json(&references(roles));
        self.send(Operation::RemoveRoles, request).await.map(drop)
    }

    /// Makes the account a member of the group.
    pub async fn join_group(&self, user: &UserId, group: &ObjectId) -> Result<(), KeycloakError> {
        let request = self.admin(Method::PUT, &["users", user.as_str(), "groups", group.as_str()]);
        self.send(Operation::JoinGroup, request).await.map(drop)
    }

    /// Ends a membership; one in a group that is gone has ended already.
    pub async fn leave_group(&self, user: &UserId, group: &ObjectId) -> Result<(), KeycloakError> {
        let request = self.admin(Method::DELETE, &["users", user.as_str(), "groups", group.as_str()]);
        match self.send(Operation::LeaveGroup, request).await {
            Ok(_) | Err(KeycloakError { kind: ErrorKind::NoSuchObject, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What a read brings; `None` if the server says that there is none.
    async fn found<T: serde::de::DeserializeOwned>(
        &self,
        operation: Operation,
        request: reqwest::RequestBuilder,
    ) -> Result<Option<T>, KeycloakError> {
        match self.send(operation, request).await {
            Err(KeycloakError { kind: ErrorKind::NoSuchObject, .. }) => Ok(None),
            other => other?.json(operation).map(Some),
        }
    }
}

fn mappings<'a>(user: &'a UserId, client: Option<&'a ObjectId>) -> Vec<&'a str> {
    let container = match client {
        None => vec!["realm"],
        Some(client) => vec!["clients", client.as_str()],
    };
    ["users", user.as_str(), "role-mappings"].into_iter().chain(container).collect()
}

fn references(roles: &[Right]) -> Vec<RoleReference<'_>> {
    roles.iter().filter_map(reference).collect()
}

fn reference(right: &Right) -> Option<RoleReference<'_>> {
    let id = right.id.as_str();
    match &right.name {
        RightName::RealmRole(name) | RightName::ClientRole { role: name, .. } => Some(RoleReference { id, name }),
        RightName::Group(_) => None,
    }
}

fn fits_a_path(name: &str) -> bool {
    !name.contains(['/', ';', '\\', '%']) && !name.contains("..") && name != "."
}

fn no_such_object(operation: Operation) -> KeycloakError {
    KeycloakError { operation, kind: ErrorKind::NoSuchObject }
}

fn odd_id(operation: Operation) -> KeycloakError {
    KeycloakError { operation, kind: ErrorKind::Unexpected("an id of another form".to_owned()) }
}
