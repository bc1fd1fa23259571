//! Names that are declared and not there: each is looked for once for all who wait for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::Realm;
use crate::domain::RightName;

/// How often a name that is not there is looked for.
const INTERVAL: Duration = Duration::from_secs(5);

/// What can be waited for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AwaitedName {
    /// A role or a group.
    Right(RightName),
    /// A required action.
    RequiredAction(String),
}

/// Called when what somebody waits for has come.
#[derive(Clone)]
pub struct Wake(Arc<dyn Fn() + Send + Sync>);

impl Wake {
    /// Does that.
    pub fn by(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(wake))
    }

    pub(super) fn call(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Wake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Wake")
    }
}

/// Who waits for what.
#[derive(Debug, Default)]
pub(super) struct Waiters(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    names: BTreeMap<AwaitedName, HashMap<String, Wake>>,
    /// Somebody looks for them.
    watched: bool,
}

impl Waiters {
    /// Puts what that one waits for in the place of what it waited for before. True: somebody has to begin to look.
    fn set(&self, waiter: &str, names: BTreeSet<AwaitedName>, wake: &Wake) -> bool {
        let mut waiting = self.lock();
        waiting.names.retain(|_, waiters| {
            waiters.remove(waiter);
            !waiters.is_empty()
        });
        for name in names {
            waiting.names.entry(name).or_default().insert(waiter.to_owned(), wake.clone());
        }
        !waiting.names.is_empty() && !std::mem::replace(&mut waiting.watched, true)
    }

    fn names(&self) -> Vec<AwaitedName> {
        self.lock().names.keys().cloned().collect()
    }

    fn appeared(&self, name: &AwaitedName) {
        let waiters = self.lock().names.remove(name);
        for wake in waiters.into_iter().flat_map(HashMap::into_values) {
            wake.call();
        }
    }

    /// Whether nobody waits any more, so that nobody has to look.
    fn is_over(&self) -> bool {
        let mut waiting = self.lock();
        waiting.watched = !waiting.names.is_empty();
        !waiting.watched
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Realm {
    /// Has `wake` called once one of these names is there, in the place of what that waiter waited for before.
    pub fn await_names(self: &Arc<Self>, waiter: &str, names: BTreeSet<AwaitedName>, wake: &Wake) {
        if self.waiters.set(waiter, names, wake) {
            tokio::spawn(look_for_names(Arc::downgrade(self)));
        }
    }

    /// Forgets one who waits.
    pub(super) fn forget_waiter(&self, waiter: &str) {
        self.waiters.set(waiter, BTreeSet::new(), &Wake::by(|| ()));
    }

    /// A name that cannot be looked for now is looked for again.
    async fn is_there(&self, name: &AwaitedName) -> bool {
        match name {
            AwaitedName::Right(name) => self.directory.is_there(&self.client, name).await.unwrap_or_default(),
            AwaitedName::RequiredAction(name) => {
                let known = self.directory.required_actions(&self.client).await;
                known.is_ok_and(|known| known.contains(name))
            }
        }
    }
}

/// Ends when nobody waits any more, or when the connection is another one.
async fn look_for_names(realm: Weak<Realm>) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        let Some(realm) = realm.upgrade() else {
            return;
        };
        for name in realm.waiters.names() {
            if realm.is_there(&name).await {
                realm.waiters.appeared(&name);
            }
        }
        if realm.waiters.is_over() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn names(names: &[&str]) -> BTreeSet<AwaitedName> {
        names.iter().map(|name| AwaitedName::RequiredAction((*name).to_owned())).collect()
    }

    fn counting() -> (Arc<AtomicUsize>, Wake) {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let wake = Wake::by(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        (count, wake)
    }

    #[test]
    fn a_name_is_looked_for_once_for_all_who_wait_and_wakes_each_of_them_once() {
        let (waiters, (count, wake)) = (Waiters::default(), counting());
        assert!(waiters.set("a", names(&["X"]), &wake), "the first one begins to look");
        assert!(!waiters.set("b", names(&["X", "Y"]), &wake));
        assert_eq!(waiters.names().len(), 2);
        let [x] = names(&["X"]).into_iter().collect::<Vec<_>>().try_into().unwrap();
        waiters.appeared(&x);
        waiters.appeared(&x);
        assert_eq!(count.load(Ordering::SeqCst), 2);
        assert!(!waiters.is_over(), "b waits for Y");
    }

    #[test]
    fn what_a_waiter_waits_for_takes_the_place_of_what_it_waited_for_before() {
        let (waiters, (count, wake)) = (Waiters::default(), counting());
        waiters.set("a", names(&["X"]), &wake);
        waiters.set("a", names(&["Y"]), &wake);
        assert_eq!(waiters.names(), names(&["Y"]).into_iter().collect::<Vec<_>>());
        waiters.set("a", names(&[]), &wake);
        assert!(waiters.is_over());
        assert!(waiters.set("a", names(&["X"]), &wake), "somebody has to begin anew");
        assert_eq!(count.load(Ordering::SeqCst), 0);
    }
}
