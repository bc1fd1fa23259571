//! When each resource is looked at again though nothing has happened.
//!
//! kube's queue keeps two copies of a request for each that waits in it, a kilobyte and more; here it is a place in a list.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::namespaced_name::NamespacedName;

/// The resources of one scope. As large as those that exist.
#[derive(Debug, Default)]
pub(super) struct Due {
    times: Mutex<Times>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Times {
    of: HashMap<NamespacedName, Instant>,
    in_order: BTreeSet<(Instant, NamespacedName)>,
}

impl Due {
    /// Replaces the time at which a resource is due; `None`: not before something happens to it.
    pub(super) fn set(&self, resource: NamespacedName, wait: Option<Duration>) {
        let at = wait.and_then(|wait| Instant::now().checked_add(wait));
        self.times().set(resource, at);
        self.changed.notify_one();
    }

    /// Waits until a resource is due; it is due once. One caller at a time.
    pub(super) async fn next(&self) -> NamespacedName {
        loop {
            let first = match self.times().take(Instant::now()) {
                Ok(resource) => return resource,
                Err(first) => first,
            };
            match first {
                None => self.changed.notified().await,
                Some(at) => tokio::select! {
                    () = self.changed.notified() => (),
                    () = sleep_until(at) => (),
                },
            }
        }
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Times {
    fn set(&mut self, resource: NamespacedName, at: Option<Instant>) {
        let before = match at {
            Some(at) => self.of.insert(resource.clone(), at),
            None => self.of.remove(&resource),
        };
        if let Some(before) = before {
            self.in_order.remove(&(before, resource.clone()));
        }
        self.in_order.extend(at.map(|at| (at, resource)));
    }

    /// The first, if it is due; else when it will be.
    fn take(&mut self, now: Instant) -> Result<NamespacedName, Option<Instant>> {
        match self.in_order.first() {
            Some((at, _)) if *at > now => Err(Some(*at)),
            _ => {
                let (_, resource) = self.in_order.pop_first().ok_or(None)?;
                self.of.remove(&resource);
                Ok(resource)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use std::pin::pin;

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn resource(name: &str) -> NamespacedName {
        NamespacedName::new("ns", name)
    }

    #[tokio::test(start_paused = true)]
    async fn each_is_due_once_at_the_last_time_that_was_set() {
        let (due, began) = (Due::default(), Instant::now());
        for (name, wait) in
            [("later", MINUTE * 3), ("put off", MINUTE), ("put off", MINUTE * 4), ("sooner", MINUTE * 9)]
        {
            due.set(resource(name), Some(wait));
        }
        due.set(resource("sooner"), Some(MINUTE * 2));
        for (name, wait) in [("sooner", MINUTE * 2), ("later", MINUTE * 3), ("put off", MINUTE * 4)] {
            assert_eq!(due.next().await, resource(name));
            assert_eq!(began.elapsed().as_secs(), wait.as_secs());
        }
        assert!(due.times().of.is_empty() && due.times().in_order.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_learns_of_one_that_is_due_sooner() {
        let due = Due::default();
        let mut next = pin!(due.next());
        assert!(next.as_mut().now_or_never().is_none());
        due.set(resource("later"), Some(MINUTE * 2));
        assert!(next.as_mut().now_or_never().is_none());
        due.set(resource("sooner"), Some(MINUTE));
        assert_eq!(next.await, resource("sooner"));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_kept_of_one_that_is_not_due() {
        let due = Due::default();
        due.set(resource("gone"), Some(MINUTE));
        due.set(resource("gone"), None);
        due.set(resource("never"), Some(Duration::MAX));
        tokio::time::advance(MINUTE * 2).await;
        assert!(due.next().now_or_never().is_none());
        assert!(due.times().of.is_empty() && due.times().in_order.is_empty());
    }
}
