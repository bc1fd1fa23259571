//! Something that is fetched by one caller for all, and kept for a while.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long a failure answers all who ask. Whoever waited for the attempt is told at once: a server that does not answer
/// must not hold its callers up one after the other, nor be asked to log in once for each of them.
const FAILURE_LIFETIME: Duration = Duration::from_secs(1);

/// The outcome of the last attempt, until its time is over. The lock is held while there is a new one: all other callers
/// wait for it, and share what comes of it.
#[derive(Debug)]
pub struct Kept<T, E>(Mutex<Option<(Instant, Result<T, E>)>>);

impl<T, E> Default for Kept<T, E> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone, E: Clone> Kept<T, E> {
    /// What is kept, or what `fetch` brings, with how long it is good for callers, counted from the moment at which it was
    /// asked for. A failure is kept for a second after it came.
    ///
    /// # Errors
    /// Those of `fetch`.
    pub async fn get(&self, fetch: impl AsyncFnOnce() -> Result<(T, Duration), E>) -> Result<T, E> {
        let asked = Instant::now();
        let mut kept = self.0.lock().await;
        if let Some((until, outcome)) = kept.as_ref()
            && asked < *until
        {
            return outcome.clone();
        }
        let begun = Instant::now();
        let (until, outcome) = match fetch().await {
            Ok((value, lifetime)) => (begun + lifetime, Ok(value)),
            Err(error) => (Instant::now() + FAILURE_LIFETIME, Err(error)),
        };
        *kept = Some((until, outcome.clone()));
        outcome
    }

    /// Forgets a value, unless another caller has replaced it already.
    pub async fn forget(&self, is_it: impl Fn(&T) -> bool) {
        let mut kept = self.0.lock().await;
        if kept.as_ref().is_some_and(|(_, outcome)| outcome.as_ref().is_ok_and(is_it)) {
            *kept = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const LIFETIME: Duration = Duration::from_mins(1);

    /// Brings a number, another one each time, or fails with it; takes three seconds.
    #[derive(Default)]
    struct Source(AtomicUsize);

    impl Source {
        async fn fetch(&self) -> Result<(usize, Duration), usize> {
            tokio::time::sleep(Duration::from_secs(3)).await;
            Ok((self.0.fetch_add(1, Ordering::SeqCst), LIFETIME))
        }

        async fn fail(&self) -> Result<(usize, Duration), usize> {
            self.fetch().await.and_then(|(number, _)| Err(number))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn many_callers_make_one_attempt_and_share_what_comes_of_it() {
        for fails in [false, true] {
            let (kept, source, started) = (Kept::default(), Source::default(), Instant::now());
            let ask = async || if fails { kept.get(|| source.fail()).await } else { kept.get(|| source.fetch()).await };
            let outcomes = futures::future::join_all((0..32).map(|_| ask())).await;
            assert!(outcomes.iter().all(|outcome| *outcome == if fails { Err(0) } else { Ok(0) }));
            assert_eq!(started.elapsed(), Duration::from_secs(3), "nobody waits for more than one attempt");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_is_kept_for_its_time_and_a_failure_for_a_second() {
        let (kept, source) = (Kept::default(), Source::default());
        assert_eq!(kept.get(|| source.fail()).await, Err(0));
        tokio::time::advance(FAILURE_LIFETIME).await;
        let asked = Instant::now();
        assert_eq!(kept.get(|| source.fetch()).await, Ok(1));
        tokio::time::advance(LIFETIME.checked_sub(asked.elapsed() + Duration::from_millis(1)).unwrap()).await;
        assert_eq!(kept.get(|| source.fetch()).await, Ok(1));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(kept.get(|| source.fetch()).await, Ok(2));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_slow_answer_takes_it_though_its_time_is_over() {
        let (kept, fetches) = (Kept::<_, ()>::default(), AtomicUsize::new(0));
        let ask = async || {
            kept.get(async || {
                tokio::time::sleep(Duration::from_secs(3)).await;
                Ok((fetches.fetch_add(1, Ordering::SeqCst), Duration::from_millis(250)))
            })
            .await
        };
        assert_eq!(futures::future::join_all((0..32).map(|_| ask())).await, [Ok(0); 32]);
        assert_eq!(ask().await, Ok(1), "who asks later does not");
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_is_forgotten_once() {
        let (kept, source) = (Kept::default(), Source::default());
        assert_eq!(kept.get(|| source.fetch()).await, Ok(0));
        kept.forget(|number| *number == 0).await;
        assert_eq!(kept.get(|| source.fetch()).await, Ok(1));
        kept.forget(|number| *number == 0).await;
        assert_eq!(kept.get(|| source.fetch()).await, Ok(1));
    }
}
