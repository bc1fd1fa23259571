//! The other branch of a pass: the resource was deleted, the account follows.

use kube::ResourceExt;

use super::context::{Context, key_of};
use super::error::{ActError, Error, ObserveError};
use super::observe::Account;
use super::outcome::Outcome;
use super::status::Draft;
use super::{dereference, finalizer, observe};
use crate::api::{KeycloakUser, RELEASE, Reason, desired_user};
use crate::domain::ObservedUser;
use crate::keycloak::{Client, ErrorKind, KeycloakError, Operation};

/// Deletes the account if it is ours, sees that it is gone, and lets the resource go.
pub(super) async fn cleanup(context: &Context, user: &KeycloakUser, draft: &mut Draft) -> Result<Outcome, Error> {
    if !finalizer::is_set(user) {
        return Ok(Outcome::Deleted(None));
    }
    let reason = if is_released(user) { Some(Reason::Released) } else { delete(context, user, draft).await? };
    finalizer::remove(context, user).await?;
    Ok(Outcome::Deleted(reason))
}

fn is_released(user: &KeycloakUser) -> bool {
    user.annotations().get(RELEASE).is_some_and(|value| value == "true")
}

/// An account that is not ours stays, and is no reason to hold the resource back.
async fn delete(context: &Context, user: &KeycloakUser, draft: &mut Draft) -> Result<Option<Reason>, Error> {
    let (namespace, _) = key_of(user);
    let connection = dereference::connection(context, &namespace, &user.spec.connection_ref.name).await?;
    let username = desired_user(&user.spec)?.username;
    let client = connection.realm.client();
    match observe::account(context, client, user, &username, draft, false).await {
        Ok(Account::Absent) => Ok(None),
        Ok(Account::Ours { user: account, .. }) => {
            delete_account(client, &account).await?;
            draft.changes.push("delete".to_owned());
            Ok(None)
        }
        Err(ObserveError::ForeignAccount(_)) => Ok(Some(Reason::AccountKept)),
        Err(error @ ObserveError::Keycloak(_)) => Err(error.into()),
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
