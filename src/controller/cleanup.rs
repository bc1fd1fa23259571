//! The other branch of a pass: the resource was deleted, the account follows.

use std::time::Duration;

use kube::ResourceExt;

use super::context::{Context, key_of};
use super::error::{ActError, Error, ObserveError};
use super::observe::{Account, Origin, Search};
use super::outcome::Outcome;
use super::status::Draft;
use super::{dereference, finalizer};
use crate::api::{KeycloakUser, RELEASE, Reason, desired_user};
use crate::domain::ObservedUser;
use crate::keycloak::{Client, ErrorKind, KeycloakError, Operation};

/// A realm of which the server has said for so long that it does not exist is gone, and its accounts with it.
const REALM_GONE_AFTER: Duration = Duration::from_mins(1);

/// Deletes the account if it is ours, sees that it is gone, and lets the resource go.
pub(super) async fn cleanup(context: &Context, user: &KeycloakUser, draft: &mut Draft) -> Result<Outcome, Error> {
    if !finalizer::is_set(user) {
        return Ok(Outcome::Deleted(None));
    }
    let reason = delete(context, user, draft).await?;
    finalizer::remove(context, user).await?;
    Ok(Outcome::Deleted(reason))
}

/// Lets the resource go without a request to Keycloak.
pub(super) async fn release(context: &Context, user: &KeycloakUser) -> Result<Outcome, Error> {
    if finalizer::is_set(user) {
        finalizer::remove(context, user).await?;
    }
    Ok(Outcome::Deleted(Some(Reason::Released)))
}

/// Whether somebody asked for that.
pub(super) fn is_released(user: &KeycloakUser) -> bool {
    user.annotations().get(RELEASE).is_some_and(|value| value == "true")
}

/// An account that is not ours stays, and is no reason to hold the resource back.
async fn delete(context: &Context, user: &KeycloakUser, draft: &mut Draft) -> Result<Option<Reason>, Error> {
    let (namespace, _) = key_of(user);
    let connection = dereference::connection(context, &namespace, &user.spec.connection_ref).await?;
    let username = desired_user(&user.spec)?.username;
    let client = connection.realm.client();
    let search = Search { context, connection: &connection, user, username: &username };
    match search.account(draft, false).await {
        Ok(Account::Absent) => Ok(None),
        Ok(Account::Ours { origin: Origin::TakenOver(_), .. })
        | Err(ObserveError::ForeignAccount { .. } | ObserveError::Ambiguous) => Ok(Some(Reason::AccountKept)),
        Ok(Account::Ours { user: account, .. }) => {
            delete_account(client, &account).await?;
            draft.changes.push("delete".to_owned());
            Ok(None)
        }
        Err(ObserveError::Keycloak(error))
            if error.kind == ErrorKind::RealmNotFound && client.absent_for() >= REALM_GONE_AFTER =>
        {
            Ok(Some(Reason::RealmGone))
        }
        Err(error @ (ObserveError::Keycloak(_) | ObserveError::ClaimsIncomplete)) => Err(error.into()),
    }
}

async fn delete_account(client: &Client, account: &ObservedUser) -> Result<(), Error> {
    client.delete_user(&account.id).await.map_err(ActError::from)?;
    if client.user(&account.id).await.map_err(ObserveError::from)?.is_none() {
        return Ok(());
    }
    let kind = ErrorKind::Unexpected("the account is still there after its deletion".to_owned());
    Err(ActError::from(KeycloakError { operation: Operation::DeleteUser, kind }).into())
}
