//! What a pass came to.

use std::time::Duration;

use crate::api::Reason;

/// What a pass came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The account is as declared; nothing was written.
    Unchanged(Recheck),
    /// The account is as declared, after changes.
    Applied(Recheck),
    /// Everything was done that may be done, and something is not as declared.
    Blocked(Recheck, Reason, String),
    /// No request was made.
    Suspended,
    /// The resource may go.
    Deleted(Option<Reason>),
}

/// When to look again.
pub(super) type Recheck = Duration;
