//! When a password is sent: when its Secret's value changes, and at no other time but those that its mode names.

use super::Digest;

/// How a password follows its Secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PasswordSync {
    /// Sent when the value in the Secret changes; what the user chooses in between stays.
    #[default]
    OnChange,
    /// Sent until the account has it, and never again.
    Once,
    /// As `OnChange`, and put back when somebody else has changed it.
    Enforce,
}

/// Which Secret, in which version, a value was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretVersion {
    /// UID of the Secret.
    pub uid: String,
    /// Key within the Secret.
    pub key: String,
    /// Its resourceVersion.
    pub resource_version: String,
}

/// A reset that was begun; it has arrived when Keycloak's creation date of the password is another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Digest of the value that was to be set.
    pub digest: Digest,
    /// Creation date in milliseconds of the password before; `None` if there was none.
    pub created_date: Option<i64>,
    /// It demands that the user changes the password.
    pub temporary: bool,
}

/// What is known of a password that was set from a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordRecord {
    /// Where the value came from.
    pub secret: SecretVersion,
    /// Which key made the digests.
    pub key_id: String,
    /// Digest of the value that was taken over last.
    pub digest: Option<Digest>,
    /// Creation date in milliseconds of the password as it was set. Known where it is enforced.
    pub created_date: Option<i64>,
    /// A reset that was begun.
    pub pending: Option<Pending>,
    /// The password policy refused the Secret's value; `digest` is that of the password before.
    pub refused: bool,
    /// The password was never sent, but taken to be the one of the Secret.
    pub assumed: bool,
    /// It was set as one that the user must change.
    pub temporary: bool,
}

impl PasswordRecord {
    /// Whether the record answers for that version of the Secret, so that the Secret need not be read.
    #[must_use]
    pub fn settles(&self, secret: &SecretVersion, key_id: &str) -> bool {
        self.is_done() && self.key_id == key_id && self.secret == *secret
    }

    /// Whether nothing is left to do, as far as is known.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.pending.is_none() && !self.refused
    }

    /// Whether somebody else has changed the password since, or taken it away.
    #[must_use]
    pub fn was_changed_elsewhere(&self, created_date: Option<i64>) -> bool {
        match (self.created_date, created_date) {
            (None, None) => self.is_done(),
            (None, Some(_)) => false,
            (set, now) => self.pending.is_none() && set != now,
        }
    }

    /// Whether a reset that was begun has arrived: Keycloak's password has another date than the one noted.
    #[must_use]
    pub fn has_arrived(&self, created_date: Option<i64>) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.created_date != created_date)
    }

    /// The record of a reset that has arrived.
    #[must_use]
    pub fn arrived(self, created_date: Option<i64>) -> Self {
        let temporary = self.pending.as_ref().map_or(self.temporary, |pending| pending.temporary);
        let digest = self.pending.map(|pending| pending.digest);
        Self { digest, created_date, pending: None, temporary, ..self }
    }

    /// A record of a value that Keycloak has.
    #[must_use]
    pub fn of(secret: SecretVersion, key_id: &str, digest: Option<Digest>) -> Self {
        Self {
            secret,
            key_id: key_id.to_owned(),
            digest,
            created_date: None,
            pending: None,
            refused: false,
            assumed: false,
            temporary: false,
        }
    }
}

/// What to do about a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordDecision {
    /// Set it.
    Send(Cause),
    /// Nothing is to be sent: note the Secret's version.
    Record,
    /// Nothing tells whether Keycloak has it: take it for the same, and say so.
    Assume,
}

/// Why a password is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The Secret has another value than the one that was sent, or the account has no password yet.
    Changed,
    /// Somebody else changed it.
    ChangedElsewhere,
    /// Somebody asked for it.
    Asked,
    /// The account was made by a pass that ended before it could note anything.
    Unfinished,
}

/// What is known when a password is decided upon.
#[derive(Clone, Copy, Debug)]
pub struct PasswordSituation<'a> {
    /// How it follows its Secret.
    pub sync: PasswordSync,
    /// What the status says, once it is known whether a reset that was begun [has arrived](PasswordRecord::arrived).
    pub record: Option<&'a PasswordRecord>,
    /// Which key made `digest`.
    pub key_id: &'a str,
    /// Digest of the Secret's value.
    pub digest: &'a Digest,
    /// Creation date of the password that the account has now; `None` if it has none.
    pub created_date: Option<i64>,
    /// Somebody asked for it to be sent.
    pub asked: bool,
    /// The account was made by a pass that ended before it could note anything.
    pub unfinished: bool,
    /// The account is being taken over, and so is its password, unless it is enforced.
    pub taken_over: bool,
}

/// Decides about the password of an existing account whose record does not settle the matter.
///
/// Without a record, a password that is there may be the user's own choice and is left alone; where there is none,
/// nothing can be lost.
#[must_use]
pub fn decide_password(situation: &PasswordSituation<'_>) -> PasswordDecision {
    use PasswordDecision::{Assume, Record, Send};
    let PasswordSituation { sync, key_id, digest, created_date, .. } = *situation;
    let record = match situation.record {
        None if situation.unfinished => return Send(Cause::Unfinished),
        _ if situation.asked => return Send(Cause::Asked),
        None if situation.taken_over && sync != PasswordSync::Enforce => return Assume,
        None if situation.taken_over || created_date.is_none() => return Send(Cause::Changed),
        None => return Assume,
        Some(record) => record,
    };
    let same_key = record.key_id == key_id;
    let another_value = same_key && record.digest.as_ref().is_some_and(|known| known != digest);
    if sync == PasswordSync::Enforce && !another_value && record.was_changed_elsewhere(created_date) {
        return Send(Cause::ChangedElsewhere);
    }
    match (same_key, record.digest.as_ref() == Some(digest)) {
        (true, true) => Record,
        // The digest may say nothing, but it is known that the value has not arrived.
        _ if !record.is_done() => Send(Cause::Changed),
        (true, false) if sync != PasswordSync::Once => Send(Cause::Changed),
        (true, false) => Record,
        (false, _) => Assume,
    }
}

/// Whether a reset must say that the user has to change the password: where it is declared as temporary, and where the
/// change is demanded at present by another declaration or by somebody else.
///
/// A reset without it takes the demand away; where another request put that back, a crash in between would look like a
/// user who has met it.
#[must_use]
pub fn is_temporary(
    declared_temporary: bool,
    demand_declared: bool,
    demanded_now: bool,
    record: Option<&PasswordRecord>,
) -> bool {
    let came_with_password = record.is_some_and(|record| record.temporary);
    declared_temporary || (demanded_now && (demand_declared || !came_with_password))
}

#[cfg(test)]
#[path = "credential_tests.rs"]
mod tests;
