//! What follows the feeds of events: one task for each connection that works, which wakes the users that an event
//! concerns. It only says whom to look at; what is done comes of what the pass then reads.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info, warn};

use crate::controller::backoff::jittered;
use crate::controller::watch::references::{Referent, ReferentKind};
use crate::controller::watch::wake::WakeUsers;
use crate::domain::Seen;
use crate::keycloak::{Feed, KeycloakError, RecordedFeeds};
use crate::realm::{ConnectionName, Observer, Realm};

/// How often a feed is read.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// How often while it cannot be read: the server may have other sorrows.
const RETRY_INTERVAL: Duration = Duration::from_secs(15);

const FEEDS: [Feed; 2] = [Feed::AdminEvents, Feed::UserEvents];

/// The tasks, by connection.
pub(in crate::controller) struct Observers {
    running: Mutex<HashMap<ConnectionName, Running>>,
    users: Vec<Arc<WakeUsers>>,
}

struct Running {
    realm: Arc<Realm>,
    feeds: RecordedFeeds,
    failures: Arc<Failures>,
    task: JoinHandle<()>,
}

/// What is known of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FeedState {
    /// It is read.
    Followed,
    /// The realm does not record it.
    Off,
    /// It cannot be read.
    Failing(KeycloakError),
}

/// What the last poll of a feed failed with, if it did.
#[derive(Debug, Default)]
struct Failures(Mutex<BTreeMap<Feed, KeycloakError>>);

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Observers {
    /// Observers that wake these users.
    pub(in crate::controller) fn new(users: Vec<Arc<WakeUsers>>) -> Self {
        Self { running: Mutex::default(), users }
    }

    /// Follows what the realm records and the connection's account may read, and says what that is.
    pub(super) async fn update(&self, connection: &ConnectionName, realm: &Arc<Realm>) -> [(Feed, FeedState); 2] {
        let recorded = realm.client().recorded_feeds().await;
        if let Ok(feeds) = recorded {
            self.follow(connection, realm, feeds);
        }
        FEEDS.map(|feed| {
            let state = match &recorded {
                Err(error) => FeedState::Failing(error.clone()),
                Ok(feeds) if !feeds.has(feed) => FeedState::Off,
                Ok(_) => self.failure(connection, feed).map_or(FeedState::Followed, FeedState::Failing),
            };
            (feed, state)
        })
    }

    /// Follows these feeds of a realm, and no other of that connection. What is followed already goes on.
    fn follow(&self, connection: &ConnectionName, realm: &Arc<Realm>, feeds: RecordedFeeds) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(present) = running.get(connection)
            && present.feeds == feeds
            && Arc::ptr_eq(&present.realm, realm)
        {
            return;
        }
        running.remove(connection);
        if feeds == RecordedFeeds::default() {
            return;
        }
        info!(%connection, ?feeds, "following the events of the realm");
        let failures = Arc::new(Failures::default());
        let wake = Wake { name: connection.clone(), users: self.users.clone() };
        let task = tokio::spawn(observe(Arc::clone(realm), feeds, wake, Arc::clone(&failures)));
        running.insert(connection.clone(), Running { realm: Arc::clone(realm), feeds, failures, task });
    }

    /// Follows no feed of that connection any more.
    pub(in crate::controller) fn forget(&self, connection: &ConnectionName) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(connection);
    }

    /// Why that feed cannot be read, if it cannot.
    fn failure(&self, connection: &ConnectionName, feed: Feed) -> Option<KeycloakError> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.get(connection)?.failures.of(feed)
    }
}

impl Failures {
    fn of(&self, feed: Feed) -> Option<KeycloakError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&feed).cloned()
    }

    fn note(&self, feed: Feed, outcome: Result<(), KeycloakError>) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(()) => failures.remove(&feed).map(drop),
            Err(error) => failures.insert(feed, error).map(drop),
        };
    }
}

/// Whom a feed can wake.
struct Wake {
    name: ConnectionName,
    users: Vec<Arc<WakeUsers>>,
}

impl Wake {
    fn of(&self, feed: Feed, seen: Seen) {
        if seen.gap {
            info!(connection = %self.name, %feed, "events may be missing: every account is looked at");
            for users in &self.users {
                users.changed(&referent(&self.name));
            }
        }
        for touched in seen.touched {
            debug!(connection = %self.name, %feed, ?touched, "changed by somebody else");
            for users in &self.users {
                users.touched(touched.clone());
            }
        }
    }
}

fn referent(connection: &ConnectionName) -> Referent {
    match connection {
        ConnectionName::Namespaced { namespace, name } => {
            Referent { kind: ReferentKind::Connection, namespace: namespace.clone(), name: name.clone() }
        }
        ConnectionName::Cluster { name } => {
            Referent { kind: ReferentKind::ClusterConnection, namespace: String::new(), name: name.clone() }
        }
    }
}

/// Reads the feeds for as long as it is let.
async fn observe(realm: Arc<Realm>, feeds: RecordedFeeds, wake: Wake, failures: Arc<Failures>) {
    let mut observers: Vec<Observer> = FEEDS.into_iter().filter(|feed| feeds.has(*feed)).map(Observer::new).collect();
    loop {
        let began = Instant::now();
        let mut interval = POLL_INTERVAL;
        for observer in &mut observers {
            let outcome = observer.poll(&realm).await.map(|seen| wake.of(observer.feed(), seen));
            if let Err(error) = &outcome {
                interval = jittered(RETRY_INTERVAL);
                if failures.of(observer.feed()).as_ref() != Some(error) {
                    warn!(connection = %wake.name, feed = %observer.feed(), %error, "events cannot be read; tried again");
                }
            }
            failures.note(observer.feed(), outcome);
        }
        sleep_until(began + interval).await;
    }
}
