//! Waiting for a condition, with a deadline.

use std::fmt::Debug;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Long enough for a busy machine; a test that works takes a fraction of it.
const DEADLINE: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_millis(100);

/// Polls until `probe` gives `Ok`; its last `Err` says what was seen instead.
pub async fn eventually<T, E: Debug>(what: &str, probe: impl AsyncFnMut() -> Result<T, E>) -> T {
    eventually_within(DEADLINE, what, probe).await
}

/// As [`eventually`], with a deadline of its own.
pub async fn eventually_within<T, E: Debug>(
    deadline: Duration,
    what: &str,
    mut probe: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let end = Instant::now() + deadline;
    loop {
        match probe().await {
            Ok(value) => return value,
            Err(seen) => assert!(Instant::now() < end, "within {deadline:?} not seen: {what}; instead: {seen:#?}"),
        }
        sleep(INTERVAL).await;
    }
}
