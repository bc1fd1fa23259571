//! The account as Keycloak has it, if it is ours.

use kube::ResourceExt;

use super::context::Context;
use super::error::ObserveError as Error;
use super::status::Draft;
use crate::api::KeycloakUser;
use crate::domain::{BirthMark, ObservedUser, Username};
use crate::keycloak::Client;

/// What was found.
pub(super) enum Account {
    /// There is none that is ours.
    Absent,
    /// There is one, and it carries our mark.
    Ours {
        user: ObservedUser,
        /// The status did not know of it: it was made by a pass that ended before it could say so.
        unfinished: bool,
    },
}

/// Finds and reads the account of a resource. One request where the status names the account.
///
/// `fresh` says that the resource has never been worked on, so that no account of it can exist.
pub(super) async fn account(
    context: &Context,
    client: &Client,
    user: &KeycloakUser,
    username: &Username,
    draft: &Draft,
    fresh: bool,
) -> Result<Account, Error> {
    let mark = mark_of(user);
    if let Some(id) = &draft.user_id
        && let Some(found) = client.user(id).await?
    {
        return if mark.is_on(&found) { Ok(ours(found, false)) } else { Err(foreign_id(&found)) };
    }
    if fresh {
        return Ok(Account::Absent);
    }
    if let Some(found) = by_mark(context, client, user, username, mark).await? {
        return Ok(ours(found, draft.user_id.is_none()));
    }
    match client.user_named(username.as_str()).await? {
        None => Ok(Account::Absent),
        Some(found) if mark.is_on(&found) => Ok(ours(found, draft.user_id.is_none())),
        Some(_) => Err(Error::ForeignAccount(format!(
            "an account named {username} exists in the realm and was not created by this resource"
        ))),
    }
}

/// The mark that an account made by this resource carries.
pub(super) fn mark_of(user: &KeycloakUser) -> BirthMark {
    let created = user.creation_timestamp().map_or(0, |time| time.0.as_second());
    BirthMark::of(created, &user.uid().unwrap_or_default())
}

/// The account with our mark, whatever it is called by now. Among several it is the one with our name, else the only
/// one that no other resource accounts for; in doubt none is taken.
async fn by_mark(
    context: &Context,
    client: &Client,
    user: &KeycloakUser,
    username: &Username,
    mark: BirthMark,
) -> Result<Option<ObservedUser>, Error> {
    let mut found = client.users_born_at(mark).await?;
    if let Some(named) = found.iter().position(|account| account.username.to_lowercase() == username.canonical()) {
        return Ok(Some(found.swap_remove(named)));
    }
    found.retain(|account| !is_claimed(context, user, account));
    if found.len() > 1 {
        let message = "several accounts could be the one that this resource created, and none has its name".to_owned();
        return Err(Error::ForeignAccount(message));
    }
    Ok(found.pop())
}

fn is_claimed(context: &Context, user: &KeycloakUser, account: &ObservedUser) -> bool {
    let claims = |other: &KeycloakUser| {
        let id = other.status.as_ref().and_then(|status| status.user_id.as_deref());
        other.uid() != user.uid()
            && (id == Some(account.id.as_str())
                || other.spec.username.to_lowercase() == account.username.to_lowercase())
    };
    context.users.find(claims).is_some()
}

fn ours(user: ObservedUser, unfinished: bool) -> Account {
    Account::Ours { user, unfinished }
}

fn foreign_id(account: &ObservedUser) -> Error {
    Error::ForeignAccount(format!(
        "status.userId points to the account {}, which was not created by this resource",
        account.username.escape_debug()
    ))
}
