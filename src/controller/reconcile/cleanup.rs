//! The other branch of a pass: the resource was deleted, the account follows.

use std::time::Duration;

use kube::ResourceExt;

use super::dereference::Connection;
use super::finalizer::Earlier;
use super::observe::{Account, Origin, Search};
use super::outcome::{Farewell, Outcome};
use super::status::{Adopted, Draft};
use super::{dereference, finalizer, live, owner, rivals, takeover};
use crate::api::{DeletionPolicy, KeycloakUser, RELEASE, Reason, desired_user};
use crate::controller::connection::brake;
use crate::controller::context::{Context, key_of};
use crate::controller::error::{ActError, Error, ObserveError};
use crate::domain::{Ending, ObservedUser, ProfileUpdate};
use crate::keycloak::{Client, ErrorKind, KeycloakError, Operation};

/// A realm of which the server has said for so long that it does not exist is gone, and its accounts with it.
const REALM_GONE_AFTER: Duration = Duration::from_mins(1);

/// Does with the account what its policy says, sees that it is done, and lets the resource go.
pub(super) async fn cleanup(context: &Context, user: &KeycloakUser, draft: &mut Draft) -> Result<Outcome, Error> {
    if !finalizer::is_set(user) {
        return Ok(Outcome::Deleted(None));
    }
    let outcome = match ending(user, draft.adopted != Adopted::No) {
        Ending::Orphan => Outcome::Deleted(Some(orphaned(user, draft))),
        Ending::Delete | Ending::Disable => end(context, user, draft).await?,
    };
    if matches!(outcome, Outcome::Deleted(_)) {
        finalizer::remove(context, user).await?;
    }
    Ok(outcome)
}

/// Lets the resource go without a request to Keycloak.
pub(super) async fn release(context: &Context, user: &KeycloakUser, draft: &Draft) -> Result<Outcome, Error> {
    if finalizer::is_set(user) {
        finalizer::remove(context, user).await?;
    }
    let note = format!("let go as annotated; the account {} was not touched", name_of(user, draft));
    Ok(Outcome::Deleted(Some(Farewell { reason: Reason::Released, note })))
}

/// Whether somebody asked for that.
pub(super) fn is_released(user: &KeycloakUser) -> bool {
    user.annotations().get(RELEASE).is_some_and(|value| value == "true")
}

fn ending(user: &KeycloakUser, adopted: bool) -> Ending {
    let declared = user.spec.deletion_policy.map(|policy| match policy {
        DeletionPolicy::Delete => Ending::Delete,
        DeletionPolicy::Disable => Ending::Disable,
        DeletionPolicy::Orphan => Ending::Orphan,
    });
    Ending::of(declared, adopted)
}

/// An account that is not ours stays, and is no reason to hold the resource back; nor is one that could have been taken
/// over, and was not yet.
async fn end(context: &Context, user: &KeycloakUser, draft: &mut Draft) -> Result<Outcome, Error> {
    let (namespace, _) = key_of(user);
    let connection = dereference::connection(context, &namespace, &user.spec.connection_ref).await?;
    connection.realm.client().check().map_err(ObserveError::from)?;
    let username = desired_user(&user.spec)?.username;
    let owner = owner::attribute(&context.shared, &connection, user).await?;
    let search = Search { context, connection: &connection, user, username: &username, owner: owner.as_ref() };
    let ended = match search.account(draft, Earlier::Reported).await {
        Ok(Account::Absent) => Ok(Outcome::Deleted(None)),
        Ok(Account::Ours { origin: Origin::TakenOver(_), .. }) if draft.adopted == Adopted::No => Ok(kept(user, draft)),
        Ok(Account::Ours { user: account, origin }) => {
            Last { context, connection: &connection, user, account: &account, origin }.end(draft).await
        }
        Err(error) => Err(error.into()),
    };
    let client = connection.realm.client();
    match ended {
        Err(Error::Observe(
            ObserveError::ForeignAccount { .. } | ObserveError::Conflict { .. } | ObserveError::Ambiguous,
        )) => Ok(kept(user, draft)),
        Err(Error::Observe(ObserveError::Keycloak(error)))
            if error.kind == ErrorKind::RealmNotFound && client.absent_for() >= REALM_GONE_AFTER =>
        {
            let note = "the realm does not exist any more, and no account in it".to_owned();
            Ok(Outcome::Deleted(Some(Farewell { reason: Reason::RealmGone, note })))
        }
        other => other,
    }
}

fn kept(user: &KeycloakUser, draft: &Draft) -> Outcome {
    let note = format!("the account {} was not created by this resource and stays", name_of(user, draft));
    Outcome::Deleted(Some(Farewell { reason: Reason::AccountKept, note }))
}

/// The last that is done with an account.
struct Last<'a> {
    context: &'a Context,
    connection: &'a Connection,
    user: &'a KeycloakUser,
    account: &'a ObservedUser,
    origin: Origin,
}

impl Last<'_> {
    /// The brake first, since it may take a while; then the last look at the resource, right before what cannot be
    /// undone.
    async fn end(&self, draft: &mut Draft) -> Result<Outcome, Error> {
        let Self { context, connection, user, account, origin } = *self;
        let ending = ending(user, matches!(origin, Origin::TakenOver(_)));
        if ending == Ending::Orphan {
            return Ok(Outcome::Deleted(Some(orphaned(user, draft))));
        }
        if rivals::heir(context, user, account)? {
            let note = format!("the account {} stays for another resource that declares it", name_of(user, draft));
            return Ok(Outcome::Deleted(Some(Farewell { reason: Reason::HandedOver, note })));
        }
        takeover::judge_roles(connection, account, origin).await?;
        if let Some(waiting) = brake::admit(context, user).await? {
            return Ok(waiting);
        }
        live::check(context, user).await?;
        let client = connection.realm.client();
        if ending == Ending::Disable {
            disable(client, account).await?;
            draft.changes.push("disable and end the sessions".to_owned());
            let note = format!("the account {} was disabled and stays, as deletionPolicy says", name_of(user, draft));
            return Ok(Outcome::Deleted(Some(Farewell { reason: Reason::AccountDisabled, note })));
        }
        delete(client, account).await?;
        draft.changes.push("delete".to_owned());
        Ok(Outcome::Deleted(None))
    }
}

/// Keycloak ends the sessions of an account that it deletes, offline ones too (seen on 26.7.3).
async fn delete(client: &Client, account: &ObservedUser) -> Result<(), Error> {
    client.delete_user(&account.id).await.map_err(ActError::from)?;
    if client.user(&account.id).await.map_err(ObserveError::from)?.is_none() {
        return Ok(());
    }
    Err(undone(Operation::DeleteUser, "the account is still there after its deletion"))
}

/// The sessions are ended each time: of a pass that ended in between it is not known how far it came.
async fn disable(client: &Client, account: &ObservedUser) -> Result<(), Error> {
    if account.enabled {
        let update = ProfileUpdate { enabled: Some(false), ..ProfileUpdate::default() };
        client.update_user(&account.id, &update).await.map_err(ActError::from)?;
    }
    client.end_sessions(&account.id).await.map_err(ActError::from)?;
    match client.user(&account.id).await.map_err(ObserveError::from)? {
        Some(after) if after.enabled => Err(undone(Operation::UpdateUser, "the account is still enabled")),
        Some(_) | None => Ok(()),
    }
}

fn undone(operation: Operation, what: &str) -> Error {
    ActError::from(KeycloakError { operation, kind: ErrorKind::Unexpected(what.to_owned()) }).into()
}

fn orphaned(user: &KeycloakUser, draft: &Draft) -> Farewell {
    let note = format!("the account {} was not touched and stays, as deletionPolicy says", name_of(user, draft));
    Farewell { reason: Reason::AccountKept, note }
}

fn name_of(user: &KeycloakUser, draft: &Draft) -> String {
    draft.username.as_deref().unwrap_or(&user.spec.username).escape_debug().to_string()
}
