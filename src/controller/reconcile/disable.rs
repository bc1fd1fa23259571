//! Switching an account off: before anything else is done with it, and with all its sessions.

use k8s_openapi::jiff::Timestamp;

use super::dereference::Connection;
use super::observe::Origin;
use super::status::Draft;
use super::{act, takeover};
use crate::api::KeycloakUser;
use crate::controller::context::Context;
use crate::controller::error::{ActError, Error, ObserveError};
use crate::domain::{DesiredUser, Expiry, Field, ObservedUser, ProfileUpdate, update_of};

/// Whether the account has reached its last day.
pub(super) fn expiry(user: &KeycloakUser) -> Expiry {
    let expires_at = user.spec.expires_at.as_ref().map(|time| time.0.as_millisecond());
    Expiry::at(expires_at, Timestamp::now().as_millisecond())
}

/// What is known of an account that was switched off.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Off {
    /// It was since its last day had come.
    pub(super) expired: bool,
    /// It was, or is about to be, and its sessions are still to be ended.
    pub(super) sessions_to_end: bool,
}

/// Switching one account off, where it shall be off.
pub(super) struct SwitchOff<'a> {
    pub(super) context: &'a Context,
    pub(super) connection: &'a Connection,
    pub(super) user: &'a KeycloakUser,
    pub(super) desired: &'a DesiredUser,
    /// A difference is drift.
    pub(super) settled: bool,
    pub(super) origin: Origin,
}

impl SwitchOff<'_> {
    /// Disables the account if it shall be disabled, and ends the sessions of one that was; gives back what it is then.
    pub(super) async fn run(&self, draft: &mut Draft, observed: ObservedUser) -> Result<ObservedUser, Error> {
        let due = self.desired.enabled == Some(false) && observed.enabled && draft.was_not_kept().is_none();
        if due || draft.off.sessions_to_end {
            takeover::judge_roles(self.connection, &observed, self.origin).await?;
        }
        let observed = if due { self.disable(draft, observed).await? } else { observed };
        if draft.off.sessions_to_end {
            self.connection.realm.client().end_sessions(&observed.id).await.map_err(ActError::from)?;
            draft.off.sessions_to_end = false;
            draft.changes.push("end the sessions".to_owned());
        }
        Ok(observed)
    }

    /// What is about to happen is noted first, so that after a crash the sessions are ended all the same, and nobody
    /// takes it for somebody else's doing; but a note would make an unfinished account look finished. Reads the account
    /// once more, since Keycloak does not keep every change.
    async fn disable(&self, draft: &mut Draft, observed: ObservedUser) -> Result<ObservedUser, Error> {
        // That its time is over is no drift, but that somebody switched it on again since.
        let is_drift = self.settled && (draft.off.expired || draft.expiry != Expiry::Expired);
        draft.owned.enabled = Some(false);
        draft.off.expired |= draft.expiry == Expiry::Expired;
        draft.off.sessions_to_end = true;
        if self.origin != Origin::Unfinished {
            draft.write_interim(self.context, self.user).await?;
        }
        let update = ProfileUpdate { enabled: Some(false), ..ProfileUpdate::default() };
        let client = self.connection.realm.client();
        let fields = [Field::Enabled].into();
        act::update(client, &observed.id, &update, &fields).await?;
        let change = update_of(&fields);
        draft.drift.extend(is_drift.then(|| change.clone()));
        draft.changes.push(change);
        let after = client.user(&observed.id).await.map_err(ObserveError::from)?;
        Ok(after.unwrap_or(ObservedUser { enabled: false, ..observed }))
    }
}

/// Notes what the pass means for the time after an expiry: an account that somebody else had disabled before is theirs to
/// switch on again. `applied` is the value of `enabled` that was applied before the pass.
pub(super) fn settle_expiry(draft: &mut Draft, applied: Option<bool>) {
    let over = draft.expiry == Expiry::Expired;
    if over && !draft.off.expired {
        draft.owned.enabled = applied;
    }
    draft.off.expired &= over;
}
