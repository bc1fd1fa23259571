//! How long a watch waits before it is tried again.

use std::time::Duration;

use kube::runtime::utils::Backoff;

use crate::controller::backoff::jittered;

const FIRST: Duration = Duration::from_millis(800);
/// A new resource must not wait for long once the API server is back.
const LONGEST: Duration = Duration::from_secs(10);

/// The waits of one stream: doubling, until something comes.
#[derive(Debug)]
pub(in crate::controller) struct Retries {
    next: Duration,
    longest: Duration,
}

impl Retries {
    /// For a stream of its own.
    pub(super) fn of_stream() -> Self {
        Self { next: FIRST, longest: LONGEST }
    }

    /// For a controller, which waits for all its streams when one of them has failed: that one has waited already.
    pub(in crate::controller) fn of_controller() -> Self {
        Self { next: Duration::ZERO, longest: Duration::ZERO }
    }
}

impl Iterator for Retries {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let wait = self.next;
        self.next = wait.saturating_mul(2).min(self.longest);
        Some(jittered(wait))
    }
}

impl Backoff for Retries {
    fn reset(&mut self) {
        self.next = FIRST.min(self.longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_waits_for_ten_seconds_at_most_and_starts_over_when_something_has_come() {
        let mut retries = Retries::of_stream();
        let waits: Vec<f64> = retries.by_ref().take(7).map(|wait| wait.as_secs_f64()).collect();
        for (wait, about) in waits.iter().zip([0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0]) {
            assert!((0.9..=1.1).contains(&(wait / about)), "{wait} is not about {about} s");
        }
        retries.reset();
        assert!(retries.next().unwrap() < Duration::from_secs(1));
    }

    #[test]
    fn a_controller_does_not_wait_once_more() {
        let mut retries = Retries::of_controller();
        retries.reset();
        assert!(retries.take(3).all(|wait| wait.is_zero()));
    }
}
