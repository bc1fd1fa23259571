//! Reads many accounts with few requests, for those who expect that nothing has changed.
//!
//! What is found here is a reason to leave an account alone, never one to change it: who finds a difference reads the
//! account by its id before it does anything.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::{Realm, Wake};
use crate::domain::{ObservedUser, Right, RightName, UserId};
use crate::keycloak::{ErrorKind, KeycloakError};

/// A census begins when nobody has asked for so long: a start asks for all accounts within seconds.
const QUIET: Duration = Duration::from_millis(250);
/// But it waits no longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Most accounts of one request, and most bytes of their ids: servers and proxies take URLs of 8 KiB.
const BATCH: usize = 180;
const BATCH_BYTES: usize = 6800;
/// Members of one page.
const PAGE: usize = 1000;
/// A page of members is worth its cost if so many accounts are looked for in it.
const WORTH_A_PAGE: usize = 50;
/// So many accounts may be seen and not yet looked at; more wait.
const MOST_SEEN: usize = 2 * BATCH;
/// How often an answer is asked for that spares many requests, where the server fails.
const TRIES: usize = 3;
/// How long what was seen is good for.
const LIFETIME: Duration = Duration::from_mins(1);

/// An account as the census saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The account.
    pub account: ObservedUser,
    /// What it has of the rights that were asked about.
    pub rights: BTreeSet<Right>,
}

/// What the census knows of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Census {
    /// Nothing yet.
    Unknown,
    /// That it cannot tell: the account was not found, or not everything could be read.
    Unclear,
    /// What it has seen.
    Seen(Box<Sighting>),
}

/// Who has asked, and what was seen for them.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    state: Mutex<State>,
    taken: Notify,
}

#[derive(Debug, Default)]
struct State {
    asked: HashMap<UserId, Asked>,
    rights: HashSet<Arc<Right>>,
    seen: HashMap<UserId, (Instant, Option<Sighting>)>,
    last_asked: Option<Instant>,
    at_work: bool,
}

#[derive(Debug)]
struct Asked {
    rights: Vec<Arc<Right>>,
    wake: Wake,
}

/// Who has a right, among those who were asked about.
#[derive(Debug, Default)]
struct Members {
    found: HashSet<UserId>,
    /// Whoever was not found does not have it.
    complete: bool,
}

impl Members {
    fn has(&self, id: &UserId) -> Option<bool> {
        if self.found.contains(id) { Some(true) } else { self.complete.then_some(false) }
    }
}

impl Accounts {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True: somebody has to begin.
    fn ask(&self, id: &UserId, rights: BTreeSet<Right>, wake: Wake) -> bool {
        let mut state = self.state();
        let rights = rights.into_iter().map(|right| state.shared(right)).collect();
        state.asked.insert(id.clone(), Asked { rights, wake });
        state.last_asked = Some(Instant::now());
        !std::mem::replace(&mut state.at_work, true)
    }

    fn take(&self, id: &UserId) -> Census {
        let taken = self.state().seen.remove(id);
        self.taken.notify_one();
        match taken {
            Some((at, seen)) if at.elapsed() < LIFETIME => {
                seen.map_or(Census::Unclear, |sighting| Census::Seen(Box::new(sighting)))
            }
            Some(_) | None => Census::Unknown,
        }
    }

    /// All who have asked; none of them: the work is over.
    fn begin(&self) -> HashMap<UserId, Asked> {
        let mut state = self.state();
        state.seen.retain(|_, (at, _)| at.elapsed() < LIFETIME);
        state.rights.clear();
        state.at_work = !state.asked.is_empty();
        std::mem::take(&mut state.asked)
    }

    fn note(&self, id: UserId, sighting: Option<Sighting>) {
        self.state().seen.insert(id, (Instant::now(), sighting));
    }

    async fn quiet(&self) {
        let begun = Instant::now();
        while begun.elapsed() < LONGEST_WAIT && self.state().last_asked.is_some_and(|at| at.elapsed() < QUIET) {
            sleep(QUIET).await;
        }
    }

    /// Waits until most of what was seen has been looked at, so that it never is much.
    async fn drained(&self) {
        while self.state().seen.len() > MOST_SEEN {
            if timeout(LONGEST_WAIT, self.taken.notified()).await.is_err() {
                return;
            }
        }
    }
}

impl State {
    /// One of many that have it.
    fn shared(&mut self, right: Right) -> Arc<Right> {
        if let Some(known) = self.rights.get(&right) {
            return Arc::clone(known);
        }
        let right = Arc::new(right);
        self.rights.insert(Arc::clone(&right));
        right
    }
}

impl Realm {
    /// What the census has seen of an account since it was asked for; each answer is given once.
    pub fn census(&self, id: &UserId) -> Census {
        self.accounts.take(id)
    }

    /// Has the account read together with others, with what it has of these rights; then `wake` is called.
    pub fn ask_census(self: &Arc<Self>, id: &UserId, rights: BTreeSet<Right>, wake: Wake) {
        if self.accounts.ask(id, rights, wake) {
            tokio::spawn(count(Arc::downgrade(self)));
        }
    }

    async fn read_accounts(&self, mut asked: HashMap<UserId, Asked>) {
        if !is_worth_members(&asked) {
            for (id, Asked { wake, .. }) in asked.extract_if(|_, asked| !asked.rights.is_empty()) {
                self.accounts.note(id, None);
                wake.call();
            }
        }
        let members = self.members(&asked).await;
        for batch in batches(asked.keys().cloned().collect()) {
            let found = insist(|| self.client.users_with_ids(&batch)).await;
            let mut found: HashMap<UserId, ObservedUser> =
                found.unwrap_or_default().into_iter().map(|user| (user.id.clone(), user)).collect();
            for id in batch {
                let Some(Asked { rights, wake }) = asked.remove(&id) else {
                    continue;
                };
                let sighting = found
                    .remove(&id)
                    .and_then(|account| Some(Sighting { rights: held(&id, &rights, &members)?, account }));
                self.accounts.note(id, sighting);
                wake.call();
            }
            self.accounts.drained().await;
        }
    }

    /// Reads who has the rights that were asked about.
    async fn members(&self, asked: &HashMap<UserId, Asked>) -> HashMap<Arc<Right>, Members> {
        let mut wanted: HashMap<Arc<Right>, HashSet<&UserId>> = HashMap::new();
        for (id, asked) in asked {
            for right in &asked.rights {
                wanted.entry(Arc::clone(right)).or_default().insert(id);
            }
        }
        let mut members = HashMap::new();
        for (right, wanted) in wanted {
            let mut read = Members::default();
            // What could not be read is not known of anybody.
            let _ = self.read_members(&right, &wanted, &mut read).await;
            members.insert(right, read);
        }
        members
    }

    /// Reads page by page, unless that is more work than to look at each account by itself.
    async fn read_members(
        &self,
        right: &Right,
        wanted: &HashSet<&UserId>,
        members: &mut Members,
    ) -> Result<(), KeycloakError> {
        let client = match &right.name {
            RightName::ClientRole { client, .. } => self.directory.client_id(&self.client, client).await?,
            RightName::RealmRole(_) | RightName::Group(_) => None,
        };
        for page in 0..=wanted.len() / WORTH_A_PAGE {
            let read = insist(|| self.client.members(right, client.as_ref(), page * PAGE, PAGE)).await?;
            let is_last = read.len() < PAGE;
            members.found.extend(read.into_iter().filter(|id| wanted.contains(id)));
            members.complete = is_last || members.found.len() == wanted.len();
            if members.complete {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Whether it takes fewer requests to read who has the rights than to read the rights of each account, which takes two.
fn is_worth_members(asked: &HashMap<UserId, Asked>) -> bool {
    let holders = asked.values().filter(|asked| !asked.rights.is_empty());
    let rights: HashSet<&Arc<Right>> = holders.clone().flat_map(|asked| &asked.rights).collect();
    rights.len() <= 2 * holders.count()
}

/// Asks again where the server failed: without the answer, each account would be read by itself.
async fn insist<T, F>(ask: impl Fn() -> F) -> Result<T, KeycloakError>
where
    F: Future<Output = Result<T, KeycloakError>>,
{
    for _ in 1..TRIES {
        let answer = ask().await;
        if !answer.as_ref().is_err_and(|error| is_passing(&error.kind)) {
            return answer;
        }
    }
    ask().await
}

fn is_passing(error: &ErrorKind) -> bool {
    use ErrorKind::{Server, Throttled, Timeout, Unreachable};
    matches!(error, Server(_) | Throttled(_) | Timeout(_) | Unreachable(_))
}

/// What of these rights the account has, if that is known of each.
fn held(id: &UserId, rights: &[Arc<Right>], members: &HashMap<Arc<Right>, Members>) -> Option<BTreeSet<Right>> {
    let mut held = BTreeSet::new();
    for right in rights {
        if members.get(right)?.has(id)? {
            held.insert(Right::clone(right));
        }
    }
    Some(held)
}

/// Parts that fit into one request each.
fn batches(ids: Vec<UserId>) -> Vec<Vec<UserId>> {
    let (mut batches, mut bytes) = (Vec::<Vec<UserId>>::new(), 0);
    for id in ids {
        // A colon, as in ids of federated accounts, takes three bytes.
        let size = id.as_str().len() + 1 + 2 * id.as_str().matches(':').count();
        if batches.last().is_none_or(|batch| batch.len() == BATCH || bytes + size > BATCH_BYTES) {
            batches.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        if let Some(batch) = batches.last_mut() {
            batch.push(id);
        }
    }
    batches
}

/// Ends when nobody asks any more, or when the connection is another one.
async fn count(realm: Weak<Realm>) {
    while let Some(realm) = realm.upgrade() {
        realm.accounts.quiet().await;
        let asked = realm.accounts.begin();
        if asked.is_empty() {
            return;
        }
        realm.read_accounts(asked).await;
    }
}

#[cfg(test)]
#[path = "census_tests.rs"]
mod tests;
