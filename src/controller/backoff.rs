//! How long to wait before the next try, for each object by itself.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(5);

/// Failures in a row, by UID. An entry goes with the next success or with the object.
#[derive(Debug, Default)]
pub(super) struct Backoff(Mutex<HashMap<String, u32>>);

impl Backoff {
    /// Counts a failure and says how long to wait: doubling from one second to five minutes.
    pub(super) fn failed(&self, uid: &str) -> Duration {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(uid.to_owned()).or_default();
        let wait = FIRST.saturating_mul(2_u32.saturating_pow(*count)).min(LONGEST);
        *count = count.saturating_add(1);
        jittered(wait)
    }

    /// Forgets the failures of an object.
    pub(super) fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

/// Up to a tenth more or less, so that what was set in one minute does not fire in one minute for ever.
pub(super) fn jittered(duration: Duration) -> Duration {
    duration.mul_f64(0.9 + 0.2 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(wait: Duration, seconds: f64) -> bool {
        let ratio = wait.as_secs_f64() / seconds;
        (0.9..=1.1).contains(&ratio)
    }

    #[test]
    fn waits_double_up_to_five_minutes() {
        let backoff = Backoff::default();
        for seconds in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0] {
            let wait = backoff.failed("a");
            assert!(within(wait, seconds), "{wait:?} is not about {seconds} s");
        }
    }

    #[test]
    fn equal_waits_are_spread() {
        let waits: Vec<Duration> = (0..20).map(|_| jittered(Duration::from_mins(10))).collect();
        assert!(waits.iter().all(|wait| within(*wait, 600.0)));
        assert!(waits.iter().any(|wait| *wait != waits[0]), "{waits:?}");
    }

    #[test]
    fn a_success_starts_over_for_that_object_alone() {
        let backoff = Backoff::default();
        for uid in ["a", "b"] {
            backoff.failed(uid);
        }
        backoff.forget("a");
        assert!(within(backoff.failed("a"), 1.0));
        assert!(within(backoff.failed("b"), 2.0));
    }
}
