//! The account as Keycloak has it, if it is ours.

use kube::ResourceExt;

use super::dereference::Connection;
use super::finalizer::Earlier;
use super::status::Draft;
use super::takeover;
use crate::api::KeycloakUser;
use crate::controller::context::Context;
use crate::controller::error::{Error as PassError, ObserveError as Error};
use crate::domain::{BirthMark, NamedOwner, ObservedUser, OwnerAttribute, Refusal, RolesMatter, Username};
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
    /// It names the resource as its owner: the operator created it for one of that name, in another life of the cluster.
    /// Before anything is written to it, its roles have to be judged.
    Named {
        /// The status did not know of it.
        newly: bool,
        /// Whether they have to.
        roles: RolesMatter,
    },
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
    pub(super) owner: Option<&'a OwnerAttribute>,
}

impl Search<'_> {
    /// Finds and reads the account of a resource. One request where the status names the account.
    ///
    /// Where no account can be ours but one that the resource made, its name is not looked for: if it is taken, Keycloak
    /// refuses the new account.
    pub(super) async fn account(&self, draft: &Draft, earlier: Earlier) -> Result<Account, Error> {
        let client = self.connection.realm.client();
        let mark = mark_of(self.user);
        if let Some(id) = &draft.user_id
            && let Some(found) = client.user(id).await?
        {
            return self.ours_or_another(draft, found).await;
        }
        if earlier != Earlier::Nothing
            && let Some(found) = by_mark(self.context, client, self.user, self.username, mark).await?
        {
            return self.created(found, draft);
        }
        let made_or_none = !takeover::is_asked(&self.user.spec) && self.owner.is_none() && self.is_alone();
        if earlier != Earlier::Reported && made_or_none {
            return Ok(Account::Absent);
        }
        match client.user_named(self.username.as_str()).await? {
            None => self.by_owner(draft).await,
            Some(found) => self.ours_or_another(draft, found).await,
        }
    }

    /// Whether an account that was found is ours; no request unless it belongs to somebody else.
    pub(super) async fn ours_or_another(&self, draft: &Draft, found: ObservedUser) -> Result<Account, Error> {
        if mark_of(self.user).is_on(&found) {
            return self.created(found, draft);
        }
        match self.owner.map_or(NamedOwner::Nobody, |owner| owner.read(&found)) {
            NamedOwner::Ours => self.named(draft, found),
            named => self.take_over(draft, found, &named).await,
        }
    }

    /// The account that names the resource as its owner, under another name.
    async fn by_owner(&self, draft: &Draft) -> Result<Account, Error> {
        let Some(owner) = self.owner else {
            return Ok(Account::Absent);
        };
        let mut found = self.connection.realm.client().users_with(owner.name(), owner.value()).await?;
        match (found.pop(), found.is_empty()) {
            (None, _) => Ok(Account::Absent),
            (Some(found), true) => self.ours_or_another(draft, found).await,
            (Some(_), false) => Err(Error::Ambiguous),
        }
    }

    /// Whose account has the name that was free a moment ago: the error that says so.
    pub(super) async fn whose(&self, draft: &Draft) -> PassError {
        match self.account(draft, Earlier::Reported).await {
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

    /// An account that names the resource as its owner.
    fn named(&self, draft: &Draft, found: ObservedUser) -> Result<Account, Error> {
        if let Some(owner) = self.owner_of(&found, false)? {
            return Err(self.conflict(&found.username, &owner, None));
        }
        let judged = takeover::rules(self.connection, &self.user.spec, self.username, draft).judge_named(&found);
        let roles = judged.map_err(|refusal| Error::foreign(&found, refusal))?;
        Ok(Account::Ours { user: found, origin: Origin::Named { newly: draft.user_id.is_none(), roles } })
    }

    /// An account with another mark: it may belong to another resource, or to none, so that ours may have it.
    async fn take_over(&self, draft: &Draft, found: ObservedUser, named: &NamedOwner) -> Result<Account, Error> {
        let rules = takeover::rules(self.connection, &self.user.spec, self.username, draft);
        let judged = rules.judge(&found).and_then(|roles| match named {
            NamedOwner::Elsewhere => Err(Refusal::OwnedElsewhere),
            NamedOwner::Nobody | NamedOwner::Ours | NamedOwner::OfInstance { .. } => Ok(roles),
        });
        let owner = match (self.owner_of(&found, false)?, named) {
            (None, NamedOwner::OfInstance { namespace, name }) => self.resource_named(namespace, name)?,
            (owner, _) => owner,
        };
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
