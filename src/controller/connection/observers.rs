//! What follows the feeds of events: one task for each connection that works, which wakes the users that an event
//! concerns. It only says whom to look at; what is done comes of what the pass then reads.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, info, warn};

use crate::controller::backoff::jittered;
use crate::controller::claims::Claims;
use crate::controller::watch::references::{Referent, ReferentKind};
use crate::controller::watch::wake::WakeUsers;
use crate::domain::{Position, Seen};
use crate::keycloak::{Feed, KeycloakError, RecordedFeeds};
use crate::realm::{ConnectionName, Observer, Realm, Start};

/// How often a feed is read.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// How often while it cannot be read: the server may have other sorrows.
const RETRY_INTERVAL: Duration = Duration::from_secs(15);

const FEEDS: [Feed; 2] = [Feed::AdminEvents, Feed::UserEvents];

/// How often it is looked whether all resources are known.
const LISTING_INTERVAL: Duration = Duration::from_millis(100);

/// The tasks, by connection.
pub(in crate::controller) struct Observers {
    running: Mutex<HashMap<ConnectionName, Running>>,
    /// Those whose realm was asked what it records.
    asked: Mutex<HashSet<ConnectionName>>,
    users: Vec<Arc<WakeUsers>>,
    claims: Arc<Claims>,
    began: Instant,
}

struct Running {
    realm: Arc<Realm>,
    feeds: RecordedFeeds,
    /// All feeds go on from where they were read to before.
    resumed: bool,
    polls: Arc<Polls>,
    task: JoinHandle<()>,
}

/// What is known of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FeedState {
    /// It is read, up to this place if it has any event.
    Followed(Option<Position>),
    /// The realm does not record it.
    Off,
    /// It cannot be read.
    Failing(KeycloakError),
}

/// What came of the polls.
#[derive(Debug, Default)]
struct Polls(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    /// The last of each feed.
    last: BTreeMap<Feed, Poll>,
    /// Events may have been missed.
    gap: bool,
}

/// How far the feed has been read, or why it was not.
type Poll = Result<Option<Position>, KeycloakError>;

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Observers {
    /// Observers that wake these users, once all of them are known.
    pub(in crate::controller) fn new(users: Vec<Arc<WakeUsers>>, claims: Arc<Claims>) -> Self {
        Self { running: Mutex::default(), asked: Mutex::default(), users, claims, began: Instant::now() }
    }

    /// Whether all that somebody else did while no operator ran has been told, and who was concerned was woken; `None`
    /// while that is not known.
    pub(in crate::controller) fn have_told_all(&self, connection: &ConnectionName) -> Option<bool> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let running = running.get(connection)?;
        if running.resumed { running.polls.have_told_all() } else { Some(false) }
    }

    /// Follows what the realm records and the connection's account may read, and says what that is. Where nothing is
    /// followed yet, it goes on from these places.
    pub(super) async fn update(
        &self,
        connection: &ConnectionName,
        realm: &Arc<Realm>,
        positions: &[(Feed, Position)],
    ) -> [(Feed, FeedState); 2] {
        let recorded = realm.client().recorded_feeds().await;
        if let Ok(feeds) = recorded {
            self.follow(connection, realm, feeds, positions);
        }
        FEEDS.map(|feed| {
            let state = match &recorded {
                Err(error) => FeedState::Failing(error.clone()),
                Ok(feeds) if !feeds.has(feed) => FeedState::Off,
                Ok(_) => match self.poll(connection, feed) {
                    None => FeedState::Followed(place(feed, positions)),
                    Some(Ok(position)) => FeedState::Followed(position),
                    Some(Err(error)) => FeedState::Failing(error),
                },
            };
            (feed, state)
        })
    }

    /// Follows these feeds of a realm, and no other of that connection. What is followed already goes on.
    fn follow(
        &self,
        connection: &ConnectionName,
        realm: &Arc<Realm>,
        feeds: RecordedFeeds,
        positions: &[(Feed, Position)],
    ) {
        // A feed that is switched on later tells nothing of what was done before.
        let is_first = self.asked().insert(connection.clone());
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
        let polls = Arc::new(Polls::default());
        let resumed = FEEDS.iter().all(|feed| feeds.has(*feed) && place(*feed, positions).is_some());
        let start = Start { looked_at_since: self.began, was_on: is_first };
        let observers = FEEDS.into_iter().filter(|feed| feeds.has(*feed));
        let observers = observers.map(|feed| Observer::new(feed, place(feed, positions), start)).collect();
        let wake = Wake { name: connection.clone(), users: self.users.clone() };
        let (realm_of_task, polls_of_task, claims) = (Arc::clone(realm), Arc::clone(&polls), Arc::clone(&self.claims));
        let task = tokio::spawn(async move {
            while !claims.are_complete() {
                sleep(LISTING_INTERVAL).await;
            }
            observe(realm_of_task, observers, wake, polls_of_task).await;
        });
        running.insert(connection.clone(), Running { realm: Arc::clone(realm), feeds, resumed, polls, task });
    }

    /// Forgets a connection that is gone.
    pub(in crate::controller) fn gone(&self, connection: &ConnectionName) {
        self.forget(connection);
        self.asked().remove(connection);
    }

    fn asked(&self) -> MutexGuard<'_, HashSet<ConnectionName>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows no feed of that connection any more.
    pub(super) fn forget(&self, connection: &ConnectionName) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(connection);
    }

    /// What came of the last poll of that feed, if there was one.
    fn poll(&self, connection: &ConnectionName, feed: Feed) -> Option<Poll> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.get(connection)?.polls.of(feed)
    }
}

fn place(feed: Feed, positions: &[(Feed, Position)]) -> Option<Position> {
    positions.iter().find(|(of, _)| *of == feed).map(|(_, position)| position.clone())
}

impl Polls {
    fn of(&self, feed: Feed) -> Option<Poll> {
        self.told().last.get(&feed).cloned()
    }

    fn note(&self, feed: Feed, poll: Poll) {
        self.told().last.insert(feed, poll);
    }

    fn note_gap(&self) {
        self.told().gap = true;
    }

    fn have_told_all(&self) -> Option<bool> {
        let told = self.told();
        let broken = told.gap || told.last.values().any(Result::is_err);
        if broken { Some(false) } else { (told.last.len() == FEEDS.len()).then_some(true) }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        if !seen.touched_before.is_empty() {
            debug!(connection = %self.name, %feed, count = seen.touched_before.len(), "changed before the start");
            for users in &self.users {
                users.touched_before(&seen.touched_before);
            }
        }
    }
}

fn referent(connection: &ConnectionName) -> Referent {
    match connection {
        ConnectionName::Namespaced { namespace, name } => Referent::new(ReferentKind::Connection, namespace, name),
        ConnectionName::Cluster { name } => Referent::new(ReferentKind::ClusterConnection, "", name),
    }
}

/// Reads the feeds for as long as it is let.
async fn observe(realm: Arc<Realm>, mut observers: Vec<Observer>, wake: Wake, polls: Arc<Polls>) {
    loop {
        let began = Instant::now();
        let mut interval = POLL_INTERVAL;
        for observer in &mut observers {
            let feed = observer.feed();
            let outcome = observer.poll(&realm).await;
            if let Err(error) = &outcome {
                interval = jittered(RETRY_INTERVAL);
                if polls.of(feed) != Some(Err(error.clone())) {
                    warn!(connection = %wake.name, %feed, %error, "events cannot be read; tried again");
                }
            }
            if outcome.as_ref().is_ok_and(|seen| seen.gap) {
                polls.note_gap();
            }
            // Who is concerned is woken before anybody may be left alone.
            polls.note(feed, outcome.map(|seen| wake.of(feed, seen)).map(|()| observer.position()));
        }
        sleep_until(began + interval).await;
    }
}
