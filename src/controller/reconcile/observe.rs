//! The account as Keycloak has it, if it is ours.

use kube::ResourceExt;

use super::dereference::Connection;
use super::status::Draft;
use super::takeover;
use crate::api::KeycloakUser;
use crate::controller::context::Context;
use crate::controller::error::{Error as PassError, ObserveError as Error};
use crate::domain::{BirthMark, ObservedUser, RolesMatter, Username};
use crate::keycloak::Client;

/// What was found.
pub(super) enum Account {
    /// There is none that is ours.
    Absent,
    /// There is one, and it is ours.
    Ours { user: ObservedUser, origin: Origin },
}

/// How an account came to be ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The resource created it: it carries our mark.
    Created,
    /// So it is, by a pass that ended before it could say so in the status.
    Unfinished,
    /// The resource did not create it. Before anything is written to it, its roles have to be judged.
    TakenOver(RolesMatter),
}

/// Whose account is looked for.
#[derive(Clone, Copy)]
pub(super) struct Search<'a> {
    pub(super) context: &'a Context,
    pub(super) connection: &'a Connection,
    pub(super) user: &'a KeycloakUser,
    pub(super) username: &'a Username,
}

impl Search<'_> {
    /// Finds and reads the account of a resource. One request where the status names the account.
    ///
    /// `fresh` says that the resource has never been worked on, so that it cannot have created an account.
    pub(super) async fn account(&self, draft: &Draft, fresh: bool) -> Result<Account, Error> {
        let client = self.connection.realm.client();
        let mark = mark_of(self.user);
        if let Some(id) = &draft.user_id
            && let Some(found) = client.user(id).await?
        {
            return if mark.is_on(&found) { self.created(found, draft) } else { self.take_over(draft, found).await };
        }
        if fresh && !takeover::is_asked(&self.user.spec) && self.is_alone() {
            return Ok(Account::Absent);
        }
        if !fresh && let Some(found) = by_mark(self.context, client, self.user, self.username, mark).await? {
            return self.created(found, draft);
        }
        match client.user_named(self.username.as_str()).await? {
            None => Ok(Account::Absent),
            Some(found) if mark.is_on(&found) => self.created(found, draft),
            Some(found) => self.take_over(draft, found).await,
        }
    }

    /// Whose account has the name that was free a moment ago: the error that says so.
    pub(super) async fn whose(&self, draft: &Draft) -> PassError {
        match self.account(draft, false).await {
            Err(error) => error.into(),
            Ok(_) => PassError::Outdated,
        }
    }

    /// An account with our mark.
    fn created(&self, user: ObservedUser, draft: &Draft) -> Result<Account, Error> {
        if let Some(owner) = self.owner_of(&user, true)? {
            return Err(self.conflict(&user.username, &owner, None));
        }
        let origin = if draft.user_id.is_none() { Origin::Unfinished } else { Origin::Created };
        Ok(Account::Ours { user, origin })
    }

    /// An account with another mark: it may belong to another resource, or to none, so that ours may have it.
    async fn take_over(&self, draft: &Draft, found: ObservedUser) -> Result<Account, Error> {
        let judged = takeover::judge(self.connection, &self.user.spec, self.username, draft, &found);
        let owner = self.owner_of(&found, false)?;
        let origin = judged.map(Origin::TakenOver);
        match (owner, origin) {
            (None, Ok(origin)) => Ok(Account::Ours { user: found, origin }),
            (None, Err(refusal)) => Err(Error::foreign(&found, refusal)),
            (Some(owner), Err(_)) => Err(self.conflict(&found.username, &owner, None)),
            (Some(owner), Ok(origin)) => {
                let inherits = takeover::judge_roles(self.connection, &found, origin).await.is_ok();
                Err(self.conflict(&found.username, &owner, inherits.then(|| found.id.to_string())))
            }
        }
    }
}

/// The mark that an account made by this resource carries.
pub(in crate::controller) fn mark_of(user: &KeycloakUser) -> BirthMark {
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
        return Err(Error::Ambiguous);
    }
    Ok(found.pop())
}
