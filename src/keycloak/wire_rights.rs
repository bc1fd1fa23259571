//! Representations of roles, groups and clients as Keycloak sends and takes them (26.7).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::rights::{FoundGroup, FoundRole, RoleMappings};
use crate::domain::{ObjectId, Right, RightName};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoleRepresentation {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(default)]
    composite: Option<bool>,
    #[serde(default)]
    client_role: Option<bool>,
    container_id: Option<String>,
}

impl RoleRepresentation {
    /// `None` if an id is not one of Keycloak's.
    pub(super) fn found(self) -> Option<FoundRole> {
        let client = match (self.client_role, &self.container_id) {
            (Some(true), container) => Some(ObjectId::parse(container.as_deref()?)?),
            _ => None,
        };
        let id = ObjectId::parse(&self.id)?;
        Some(FoundRole { id, name: self.name, client, composite: self.composite.unwrap_or_default() })
    }

    pub(super) fn realm_right(self) -> Option<Right> {
        Some(Right { id: ObjectId::parse(&self.id)?, name: RightName::RealmRole(self.name) })
    }

    fn client_right(self, client: &str) -> Option<Right> {
        let name = RightName::ClientRole { client: client.to_owned(), role: self.name };
        Some(Right { id: ObjectId::parse(&self.id)?, name })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MappingsRepresentation {
    #[serde(default)]
    realm_mappings: Vec<RoleRepresentation>,
    #[serde(default)]
    client_mappings: BTreeMap<String, ClientMappingsRepresentation>,
}

#[derive(Deserialize)]
struct ClientMappingsRepresentation {
    id: String,
    client: String,
    #[serde(default)]
    mappings: Vec<RoleRepresentation>,
}

impl MappingsRepresentation {
    pub(super) fn roles(self) -> Option<RoleMappings> {
        let mut found = RoleMappings::default();
        for role in self.realm_mappings {
            found.roles.insert(role.realm_right()?);
        }
        for of_client in self.client_mappings.into_values() {
            found.clients.push((of_client.client.clone(), ObjectId::parse(&of_client.id)?));
            for role in of_client.mappings {
                found.roles.insert(role.client_right(&of_client.client)?);
            }
        }
        Some(found)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupRepresentation {
    id: String,
    name: String,
    path: String,
    parent_id: Option<String>,
    #[serde(default)]
    realm_roles: Vec<String>,
    #[serde(default)]
    client_roles: BTreeMap<String, Vec<String>>,
}

impl GroupRepresentation {
    pub(super) fn right(self) -> Option<Right> {
        Some(Right { id: ObjectId::parse(&self.id)?, name: RightName::Group(self.path) })
    }

    pub(super) fn found(self) -> Option<FoundGroup> {
        let of_realm = self.realm_roles.into_iter().map(RightName::RealmRole);
        let of_client = |(client, roles): (String, Vec<String>)| {
            roles.into_iter().map(move |role| RightName::ClientRole { client: client.clone(), role })
        };
        let roles: BTreeSet<RightName> = of_realm.chain(self.client_roles.into_iter().flat_map(of_client)).collect();
        let parent = match &self.parent_id {
            Some(parent) => Some(ObjectId::parse(parent)?),
            None => None,
        };
        Some(FoundGroup { id: ObjectId::parse(&self.id)?, name: self.name, path: self.path, parent, roles })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClientRepresentation {
    pub(super) id: String,
    pub(super) client_id: String,
}

/// An account in a list of those that have a right.
#[derive(Deserialize)]
pub(super) struct MemberRepresentation {
    pub(super) id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RealmRepresentation {
    pub(super) default_role: Option<RoleRepresentation>,
}

/// A required action that the realm knows.
#[derive(Deserialize)]
pub(super) struct RequiredActionRepresentation {
    pub(super) alias: String,
}

/// The whole list: Keycloak takes away what is not in it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RequiredActionsRequest<'a> {
    pub(super) required_actions: &'a BTreeSet<String>,
}

/// A role as a request names it: Keycloak wants both, and that they belong together.
#[derive(Serialize)]
pub(super) struct RoleReference<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
}
