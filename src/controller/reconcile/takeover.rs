//! Taking over an account that the resource did not create: the rules of [`TakeOver`], and the look at its roles.

use super::dereference::Connection;
use super::observe::Origin;
use super::status::{Adopted, Draft};
use crate::api::{Adoption, KeycloakUserSpec};
use crate::controller::error::ObserveError as Error;
use crate::domain::{ObservedUser, RealmKind, Refusal, RightName, RolesMatter, TakeOver, Username};

/// Whether the resource asks to take over what it did not create.
pub(super) fn is_asked(spec: &KeycloakUserSpec) -> bool {
    spec.adoption == Some(Adoption::Adopt)
}

/// What decides, and can be known without a request.
pub(super) fn rules<'a>(
    connection: &'a Connection,
    spec: &KeycloakUserSpec,
    username: &'a Username,
    draft: &Draft,
) -> TakeOver<'a> {
    TakeOver {
        asked: is_asked(spec),
        username,
        adopted: draft.adopted != Adopted::No,
        grants: &connection.grants,
        own_login: connection.realm.client().own_username(),
    }
}

/// Looks, before a write, at the roles of an account that was taken over: they may be others than they were then.
pub(super) async fn judge_roles(connection: &Connection, account: &ObservedUser, origin: Origin) -> Result<(), Error> {
    match origin {
        Origin::TakenOver(RolesMatter::Yes) | Origin::Named { roles: RolesMatter::Yes, .. }
            if administers(connection, account).await? =>
        {
            Err(Error::foreign(account, Refusal::Administrator))
        }
        Origin::Created | Origin::Unfinished | Origin::TakenOver(_) | Origin::Named { .. } => Ok(()),
    }
}

/// Where the realm has no such client, as the realm `master`, it administers others, and nobody in it is judged harmless.
async fn administers(connection: &Connection, account: &ObservedUser) -> Result<bool, Error> {
    let client = connection.realm.client();
    let of_realm = client.effective_realm_roles(&account.id).await?.into_iter().map(RightName::RealmRole);
    if of_realm.into_iter().any(|role| RealmKind::of(client.realm()).is_admin_role(&role)) {
        return Ok(true);
    }
    match client.client_id(RealmKind::REALM_MANAGEMENT).await? {
        Some(id) => Ok(!client.effective_client_roles(&account.id, &id).await?.is_empty()),
        None => Ok(true),
    }
}
