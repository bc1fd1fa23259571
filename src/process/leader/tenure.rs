//! For how long a lease is sure to be held.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// A moment on both clocks: one stands still while the machine is suspended, the other can be set back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    monotonic: Instant,
    wall: SystemTime,
}

impl Moment {
    pub(super) fn now() -> Self {
        Self { monotonic: Instant::now(), wall: SystemTime::now() }
    }

    /// How long ago it was, by the clock that says more.
    fn elapsed(&self, now: &Self) -> Duration {
        let monotonic = now.monotonic.saturating_duration_since(self.monotonic);
        monotonic.max(now.wall.duration_since(self.wall).unwrap_or_default())
    }
}

/// For how long a lease is sure to be held. Clones are the same: a renewal prolongs all of them.
#[derive(Clone, Debug)]
pub struct Tenure(Arc<Mutex<(Moment, Duration)>>);

impl Tenure {
    pub(super) fn from(asked: Moment, duration: Duration) -> Self {
        Self(Arc::new(Mutex::new((asked, duration))))
    }

    pub(super) fn extend(&self, asked: Moment, duration: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (asked, duration);
    }

    /// Whether something that begins now and takes so long ends while the lease is held.
    ///
    /// A process that was stopped and goes on sees the time gone.
    #[must_use]
    pub fn outlives(&self, work: Duration) -> bool {
        self.outlives_from(&Moment::now(), work)
    }

    fn outlives_from(&self, now: &Moment, work: Duration) -> bool {
        let (asked, duration) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.elapsed(now).saturating_add(work) < duration
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_ends_before_the_lease_may_begin_and_nothing_else() {
        let asked = Moment::now();
        let tenure = Tenure::from(asked, 20 * SECOND);
        assert!(tenure.outlives_from(&asked, 19 * SECOND));
        assert!(!tenure.outlives_from(&asked, 20 * SECOND));
        assert!(!tenure.outlives_from(&asked, Duration::MAX));
        tenure.extend(Moment { monotonic: asked.monotonic + SECOND, wall: asked.wall + SECOND }, 20 * SECOND);
        assert!(tenure.clone().outlives_from(&asked, 19 * SECOND + SECOND / 2));
    }

    #[test]
    fn time_is_gone_if_one_of_the_clocks_says_so() {
        let asked = Moment::now();
        let tenure = Tenure::from(asked, 20 * SECOND);
        let suspended = Moment { wall: asked.wall + 30 * SECOND, ..asked };
        let set_back = Moment { monotonic: asked.monotonic + 30 * SECOND, wall: asked.wall - 60 * SECOND };
        let early = Moment { monotonic: asked.monotonic + SECOND, wall: asked.wall - 60 * SECOND };
        assert!(!tenure.outlives_from(&suspended, Duration::ZERO));
        assert!(!tenure.outlives_from(&set_back, Duration::ZERO));
        assert!(tenure.outlives_from(&early, 10 * SECOND));
    }
}
