//! Two resources for one account: which of them it belongs to, and what the other one waits for.

use kube::ResourceExt;

use super::observe::Search;
use super::status::Draft;
use crate::api::KeycloakUser;
use crate::controller::claims::{Finding, Owner, Rival, Waker};
use crate::controller::context::{Context, key_of};
use crate::controller::error::{Error, ObserveError};
use crate::controller::namespaced_name::NamespacedName;
use crate::controller::pool::shared;
use crate::domain::ObservedUser;

impl Search<'_> {
    /// Whether no other resource declares the same name.
    pub(super) fn is_alone(&self) -> bool {
        let claims = &self.context.shared.claims;
        claims.are_complete() && !claims.has_namesakes(&self.uid(), &self.username.canonical())
    }

    /// Makes the claim to the name known to the others that declare it. Reads the realm's key, once, if there are any.
    pub(super) async fn claim_name(&self) -> Result<(), ObserveError> {
        if !self.is_alone() && self.connection.grants.usernames.allow(self.username.as_str()) {
            let realm = self.connection.realm.identity().await?;
            self.context.shared.claims.may_be_named(&self.uid(), &realm);
        }
        Ok(())
    }

    /// Whether the account may be created: an older resource that may do so comes first.
    pub(super) async fn check_seniority(&self) -> Result<(), ObserveError> {
        if self.is_alone() {
            return Ok(());
        }
        let realm = self.connection.realm.identity().await?;
        let name = self.username.canonical();
        match self.context.shared.claims.senior_namesake(&self.uid(), &name, &realm) {
            Rival::None => Ok(()),
            Rival::Unknown => Err(ObserveError::RivalUnknown),
            Rival::Known(owner) => Err(self.conflict(&name, &owner, None)),
        }
    }

    /// The resource that the account belongs to rather than to ours.
    pub(super) fn owner_of(&self, account: &ObservedUser, proven: bool) -> Result<Option<Owner>, ObserveError> {
        known(self.context.shared.claims.rival_for(&self.uid(), account, proven))
    }

    /// The resource of that name.
    pub(super) fn resource_named(&self, namespace: &str, name: &str) -> Result<Option<Owner>, ObserveError> {
        known(self.context.shared.claims.named(namespace, name))
    }

    pub(super) fn conflict(&self, account: &str, owner: &Owner, inherits: Option<String>) -> ObserveError {
        let Owner { uid, namespace, name } = owner;
        let owner = if *namespace == key_of(self.user).0 {
            format!("KeycloakUser {name}")
        } else {
            "a KeycloakUser of another namespace".to_owned()
        };
        ObserveError::Conflict { account: account.escape_debug().to_string(), owner, owner_uid: uid.clone(), inherits }
    }

    pub(super) fn uid(&self) -> String {
        self.user.uid().unwrap_or_default()
    }
}

fn known(rival: Rival) -> Result<Option<Owner>, ObserveError> {
    match rival {
        Rival::None => Ok(None),
        Rival::Unknown => Err(ObserveError::RivalUnknown),
        Rival::Known(owner) => Ok(Some(owner)),
    }
}

/// The resource that takes over the account of one that is deleted.
pub(super) fn heir(context: &Context, user: &KeycloakUser, account: &ObservedUser) -> Result<bool, ObserveError> {
    Ok(known(context.shared.claims.heir(&user.uid().unwrap_or_default(), account))?.is_some())
}

/// Notes what a pass has found, and tells those that wait for this resource of a change.
pub(super) fn settle<T>(context: &Context, user: &KeycloakUser, draft: &Draft, result: &Result<T, Error>) {
    let (claims, uid) = (&context.shared.claims, user.uid().unwrap_or_default());
    let mut finding = Finding { holds: draft.seen_id().as_deref().map(shared), inherits: None };
    if let Err(Error::Observe(ObserveError::Conflict { owner_uid, inherits, .. })) = result {
        finding.inherits = inherits.as_deref().map(shared);
        let (user, queue) = (NamespacedName::of(user), context.wake.sender.clone());
        claims.wait(&uid, owner_uid, Waker { user, queue });
    }
    claims.found(&uid, finding);
    if !draft.changes.is_empty() {
        claims.wake(&uid);
    }
}
