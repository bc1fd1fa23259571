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

/// The account with our mark, whatever it is called by now (from Keycloak 26.6 on, which can look for it). Among several
/// it is the one with our name, else the only one that no other resource accounts for; in doubt none is taken.
async fn by_mark(
    context: &Context,
    client: &Client,
    user: &KeycloakUser,
    username: &Username,
    mark: BirthMark,
) -> Result<Option<ObservedUser>, Error> {
    let claims = &context.shared.claims;
    let uid = user.uid().unwrap_or_default();
    let mut found = client.users_born_at(mark).await?;
    if !found.is_empty() && !claims.are_complete() {
        return Err(Error::ClaimsIncomplete);
    }
    found.retain(|account| !claims.may_be_of_another(&uid, account));
    if let Some(named) = found.iter().position(|account| account.username.to_lowercase() == username.canonical()) {
        return Ok(Some(found.swap_remove(named)));
    }
    if found.len() > 1 {
        let message = "several accounts could be the one that this resource created, and none has its name".to_owned();
        return Err(Error::ForeignAccount(message));
    }
    Ok(found.pop())
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
