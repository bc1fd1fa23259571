//! Roles and groups on the status, to and from the domain.

use std::collections::BTreeSet;

use crate::api::{ClientRoleStatus, GroupStatus, RealmRoleStatus};
use crate::domain::{ObjectId, Right, RightName};

/// What is known of the rights that an account has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RightsRecord {
    /// What this resource gave.
    pub(super) owned: BTreeSet<Right>,
    /// What the account had before it was taken over.
    pub(super) preexisting: BTreeSet<Right>,
    /// The same of required actions.
    pub(super) actions: ActionsRecord,
}

/// What is known of the required actions of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ActionsRecord {
    pub(super) owned: BTreeSet<String>,
    pub(super) preexisting: BTreeSet<String>,
}

/// Rights as the status lists them, by field.
#[derive(Default)]
pub(super) struct Lists {
    pub(super) realm_roles: Vec<RealmRoleStatus>,
    pub(super) client_roles: Vec<ClientRoleStatus>,
    pub(super) groups: Vec<GroupStatus>,
}

/// From the status; an id that is none of Keycloak's is left out.
pub(super) fn read(
    realm_roles: &[RealmRoleStatus],
    client_roles: &[ClientRoleStatus],
    groups: &[GroupStatus],
) -> BTreeSet<Right> {
    let right = |id: &str, name| Some(Right { name, id: ObjectId::parse(id)? });
    let of_realm = realm_roles.iter().map(|role| right(&role.id, RightName::RealmRole(role.name.clone())));
    let of_clients = client_roles.iter().map(|role| {
        let name = RightName::ClientRole { client: role.client.clone(), role: role.name.clone() };
        right(&role.id, name)
    });
    let groups = groups.iter().map(|group| right(&group.id, RightName::Group(group.path.clone())));
    of_realm.chain(of_clients).chain(groups).flatten().collect()
}

/// To the status.
pub(super) fn lists(rights: &BTreeSet<Right>) -> Lists {
    let mut lists = Lists::default();
    for Right { name, id } in rights {
        let id = id.as_str().to_owned();
        match name.clone() {
            RightName::RealmRole(name) => lists.realm_roles.push(RealmRoleStatus { id, name }),
            RightName::ClientRole { client, role } => {
                lists.client_roles.push(ClientRoleStatus { id, client, name: role });
            }
            RightName::Group(path) => lists.groups.push(GroupStatus { id, path }),
        }
    }
    lists
}
