//! The brake on deletions: how many accounts of a connection may go within a time.
//!
//! A deleted namespace, a bad commit or a deleted definition must not empty a realm.

use std::time::Duration;

/// Into so many parts the time of a limit is divided, so that what is kept of it stays small.
const SLOTS: i64 = 20;

/// How many accounts may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeletionLimit {
    /// So many in a hundred of the connection's accounts,
    pub percent: u32,
    /// and at least so many,
    pub at_least: u32,
    /// within this time.
    pub per: Duration,
}

impl Default for DeletionLimit {
    fn default() -> Self {
        Self { percent: 10, at_least: 10, per: Duration::from_mins(10) }
    }
}

impl DeletionLimit {
    fn of(&self, accounts: u32) -> u32 {
        let share = u64::from(accounts) * u64::from(self.percent) / 100;
        u32::try_from(share).unwrap_or(u32::MAX).max(self.at_least)
    }

    fn seconds(&self) -> i64 {
        i64::try_from(self.per.as_secs()).unwrap_or(i64::MAX).max(1)
    }
}

/// Deletions that were counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deletions {
    /// When the last of them was begun, in Unix seconds.
    pub at: i64,
    /// How many they are.
    pub count: u32,
}

/// What somebody let go in words, beyond the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The number that was asked for.
    pub asked: u32,
    /// How many of them are left.
    pub left: u32,
}

/// What is known of a connection's deletions. Kept outside of the process, so that a restart forgets none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeletionRecord {
    /// Those within the time of the limit, oldest first.
    pub recent: Vec<Deletions>,
    /// The wish that was answered last.
    pub allowance: Option<Allowance>,
}

/// Whether one more account may go now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrakeDecision {
    /// What is known with this decision; to be kept before the account goes.
    pub record: DeletionRecord,
    /// Why it has to wait; `None` if it may go.
    pub held: Option<Held>,
}

/// Why a deletion waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// How many accounts were deleted within the time of the limit.
    pub deleted: u32,
    /// Of how many.
    pub accounts: u32,
    /// How many that may be.
    pub limit: u32,
    /// How long until one more may go, if nobody asks for more.
    pub wait: Duration,
}

/// Decides on one more deletion.
///
/// `present` are the accounts that the connection has, the one to be deleted included, without those that `record` counts; `asked` is the number of deletions
/// that somebody asks to let go; `now` is the time in Unix seconds. The limit is a share of what there was before the
/// deletions that count, so that it does not shrink while they are carried out. What somebody let go in words does not
/// count against it.
#[must_use]
pub fn brake(
    limit: &DeletionLimit,
    record: &DeletionRecord,
    present: u32,
    asked: Option<u32>,
    now: i64,
) -> BrakeDecision {
    let mut recent = within(limit, &record.recent, now);
    let mut allowance = answered(record.allowance, asked);
    let deleted = total(&recent);
    let accounts = present.saturating_add(deleted);
    let held = if deleted < limit.of(accounts) {
        add(&mut recent, limit, now);
        None
    } else if let Some(allowance) = allowance.as_mut().filter(|allowance| allowance.left > 0) {
        allowance.left -= 1;
        None
    } else {
        Some(Held { deleted, accounts, limit: limit.of(accounts), wait: wait(limit, &recent, present, now) })
    };
    BrakeDecision { record: DeletionRecord { recent, allowance }, held }
}

/// Those that still count. One that lies in the future, since a clock was wrong, is taken for one of now.
fn within(limit: &DeletionLimit, recent: &[Deletions], now: i64) -> Vec<Deletions> {
    let past = recent.iter().map(|deletions| Deletions { at: deletions.at.min(now), ..*deletions });
    past.filter(|deletions| now.saturating_sub(deletions.at) < limit.seconds()).collect()
}

fn total(recent: &[Deletions]) -> u32 {
    recent.iter().fold(0, |sum, deletions| sum.saturating_add(deletions.count))
}

/// The same number again is no new wish, unless it was taken back in between.
fn answered(before: Option<Allowance>, asked: Option<u32>) -> Option<Allowance> {
    let asked = asked?;
    Some(before.filter(|before| before.asked == asked).unwrap_or(Allowance { asked, left: asked }))
}

/// Counts one more, with those before it in the same part of the time.
fn add(recent: &mut Vec<Deletions>, limit: &DeletionLimit, now: i64) {
    let slot = |at: i64| at.div_euclid((limit.seconds() / SLOTS).max(1));
    match recent.last_mut() {
        Some(last) if slot(last.at) == slot(now) => *last = Deletions { at: now, count: last.count.saturating_add(1) },
        _ => recent.push(Deletions { at: now, count: 1 }),
    }
}

/// Until so many have been left behind that one more may go; for the whole time where none ever may.
fn wait(limit: &DeletionLimit, recent: &[Deletions], present: u32, now: i64) -> Duration {
    let mut left = total(recent);
    for deletions in recent {
        left = left.saturating_sub(deletions.count);
        if left < limit.of(present.saturating_add(left)) {
            let seconds = deletions.at.saturating_add(limit.seconds()).saturating_sub(now);
            return Duration::from_secs(u64::try_from(seconds).unwrap_or_default().max(1));
        }
    }
    limit.per
}

#[cfg(test)]
#[path = "brake_tests.rs"]
mod tests;
