//! What a pass came to.

use std::time::Duration;

use crate::api::Reason;

/// What a pass came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::controller) enum Outcome {
    /// The account is as declared; nothing was written.
    Unchanged(Recheck),
    /// The account is as declared, after changes.
    Applied(Recheck),
    /// Everything was done that may be done, and something is not as declared.
    Blocked(Recheck, Reason, String),
    /// No request was made.
    Suspended,
    /// The resource may go; with a word to those who see it go, where the account was not simply deleted with it.
    Deleted(Option<Farewell>),
}

/// What is said of a resource that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::controller) struct Farewell {
    pub(in crate::controller) reason: Reason,
    pub(in crate::controller) note: String,
}

/// When to look again.
pub(in crate::controller) type Recheck = Duration;
