//! How many passes run at one time: so many for each connection and lane, so that a realm in trouble holds up no other,
//! and a backlog no change.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use crate::domain::Lane;
use crate::realm::ConnectionName;

/// The passes of all namespaces.
#[derive(Debug)]
pub(super) struct Passes {
    at_once: usize,
    /// One for each connection and lane that is in use.
    rooms: Mutex<HashMap<(ConnectionName, Lane), Arc<Room>>>,
    /// Those that wait in the background, by UID of their resource.
    waiting: Mutex<HashMap<String, Arc<Notify>>>,
    shutdown: CancellationToken,
}

impl Passes {
    /// So many at one time for each connection and lane; none begins after `shutdown`.
    pub(super) fn new(at_once: u16, shutdown: CancellationToken) -> Self {
        Self { at_once: at_once.into(), rooms: Mutex::default(), waiting: Mutex::default(), shutdown }
    }

    /// Waits until a pass may begin; `None` if it is to be asked for anew, since it was overtaken by a change.
    pub(super) async fn enter(&self, connection: ConnectionName, lane: Lane, uid: &str) -> Option<Permit> {
        let mut place = match self.room(connection, lane).enter() {
            Entry::Inside(permit) => return Some(permit),
            Entry::Waiting(place) => place,
        };
        let overtaken = Arc::new(Notify::new());
        if lane == Lane::Background {
            self.waiting().insert(uid.to_owned(), Arc::clone(&overtaken));
        }
        let permit = tokio::select! {
            permit = &mut place.permit => permit.ok(),
            () = overtaken.notified() => None,
            () = self.shutdown.cancelled() => None,
        };
        if lane == Lane::Background {
            self.waiting().remove(uid);
        }
        permit
    }

    /// A resource was changed: a pass over it that waits in the background gives way to one that does not.
    pub(super) fn overtake(&self, uid: &str) {
        if let Some(waiting) = self.waiting().remove(uid) {
            waiting.notify_one();
        }
    }

    /// Ends when no pass begins any more.
    pub(super) async fn shut_down(&self) {
        self.shutdown.cancelled().await;
    }

    fn room(&self, connection: ConnectionName, lane: Lane) -> Arc<Room> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (connection, lane);
        if let Some(room) = rooms.get(&key) {
            return Arc::clone(room);
        }
        rooms.retain(|_, room| Arc::strong_count(room) > 1);
        let room = Arc::new(Room(Mutex::new(Turns { free: self.at_once, ..Turns::default() })));
        rooms.insert(key, Arc::clone(&room));
        room
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<String, Arc<Notify>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets in so many at one time. Whoever came last and whoever came first have their turns by turns: a resource that was
/// just made does not wait for ten thousand that were applied before it, and none of these waits for ever.
#[derive(Debug)]
struct Room(Mutex<Turns>);

#[derive(Debug, Default)]
struct Turns {
    free: usize,
    /// By the order in which they came.
    waiting: BTreeMap<u64, oneshot::Sender<Permit>>,
    came: u64,
    /// The next turn is that of the first.
    is_of_first: bool,
}

enum Entry {
    Inside(Permit),
    Waiting(Place),
}

impl Room {
    fn enter(self: Arc<Self>) -> Entry {
        let mut turns = self.turns();
        if turns.free > 0 {
            turns.free -= 1;
            drop(turns);
            return Entry::Inside(Permit(self));
        }
        turns.came += 1;
        let (number, (sender, permit)) = (turns.came, oneshot::channel());
        turns.waiting.insert(number, sender);
        drop(turns);
        Entry::Waiting(Place { room: self, number, permit })
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turns {
    /// Whose turn it is; a place is free if nobody waits.
    fn next(&mut self) -> Option<oneshot::Sender<Permit>> {
        let next = if self.is_of_first { self.waiting.pop_first() } else { self.waiting.pop_last() };
        if let Some((_, next)) = next {
            self.is_of_first = !self.is_of_first;
            Some(next)
        } else {
            self.free += 1;
            None
        }
    }
}

/// A place in the line of a room.
#[derive(Debug)]
struct Place {
    room: Arc<Room>,
    number: u64,
    permit: oneshot::Receiver<Permit>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.turns().waiting.remove(&self.number);
    }
}

/// While it is held, a pass may run.
#[derive(Debug)]
pub(super) struct Permit(Arc<Room>);

impl Drop for Permit {
    fn drop(&mut self) {
        let next = self.0.turns().next();
        if let Some(next) = next {
            // Whoever has just gone drops what was sent, and it is the turn of another.
            drop(next.send(Self(Arc::clone(&self.0))));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::poll;
    use futures::stream::FuturesUnordered;
    use futures::{FutureExt, StreamExt};
    use std::pin::pin;

    use super::*;

    fn connection(name: &str) -> ConnectionName {
        ConnectionName::Cluster { name: name.to_owned() }
    }

    /// Fills a lane.
    fn crowd(passes: &Passes, name: &str, lane: Lane) -> Vec<Permit> {
        let enter = |_| passes.enter(connection(name), lane, "crowd").now_or_never().flatten().unwrap();
        (0..passes.at_once).map(enter).collect()
    }

    #[tokio::test]
    async fn a_crowd_holds_up_neither_another_connection_nor_the_other_lane() {
        let passes = Passes::new(3, CancellationToken::new());
        let inside = crowd(&passes, "sick", Lane::Background);
        assert_eq!(inside.len(), 3);
        for (name, lane) in [("sick", Lane::Changes), ("well", Lane::Changes), ("well", Lane::Background)] {
            assert!(passes.enter(connection(name), lane, "a").now_or_never().flatten().is_some(), "{name} {lane:?}");
        }
    }

    #[tokio::test]
    async fn a_pass_that_waits_in_the_background_gives_way_to_a_change_of_its_resource() {
        let passes = Passes::new(1, CancellationToken::new());
        let inside = crowd(&passes, "a", Lane::Background);
        let (mut one, mut other) = (
            pin!(passes.enter(connection("a"), Lane::Background, "one")),
            pin!(passes.enter(connection("a"), Lane::Background, "other")),
        );
        assert!(poll!(&mut one).is_pending() && poll!(&mut other).is_pending());
        passes.overtake("one");
        assert!(one.now_or_never().unwrap().is_none());
        assert!(poll!(&mut other).is_pending());
        drop(inside);
        assert!(other.await.is_some());
        assert!(passes.waiting().is_empty());
    }

    /// Those that wait after one that is inside, until all have been let in one by one: in which order.
    async fn order_of(passes: &Passes, waiting: usize) -> Vec<usize> {
        let mut inside = crowd(passes, "a", Lane::Changes).pop();
        let enter = |index| async move { (index, passes.enter(connection("a"), Lane::Changes, "one").await) };
        let mut waiting: FuturesUnordered<_> = (0..waiting).map(enter).collect();
        let mut order = Vec::new();
        while !waiting.is_empty() {
            assert!(poll!(waiting.next()).is_pending(), "one at a time");
            drop(inside.take());
            let (index, permit) = waiting.next().await.unwrap();
            order.push(index);
            inside = permit;
        }
        order
    }

    #[tokio::test]
    async fn the_last_and_the_first_go_by_turns() {
        let passes = Passes::new(1, CancellationToken::new());
        assert_eq!(order_of(&passes, 6).await, [5, 0, 4, 1, 3, 2]);
    }

    #[tokio::test]
    async fn the_first_is_not_held_up_by_any_number_of_new_ones() {
        let passes = Passes::new(1, CancellationToken::new());
        let mut inside = crowd(&passes, "a", Lane::Changes);
        let mut first = pin!(passes.enter(connection("a"), Lane::Changes, "first"));
        assert!(poll!(&mut first).is_pending());
        for _ in 0..2 {
            let mut new = pin!(passes.enter(connection("a"), Lane::Changes, "new"));
            assert!(poll!(&mut new).is_pending());
            inside.clear();
            if first.as_mut().now_or_never().is_some() {
                return;
            }
            inside.extend(new.now_or_never().flatten());
        }
        panic!("two that came later went before it");
    }

    #[tokio::test]
    async fn whoever_has_gone_holds_up_nobody() {
        let passes = Passes::new(1, CancellationToken::new());
        let inside = crowd(&passes, "a", Lane::Changes);
        let mut one = pin!(passes.enter(connection("a"), Lane::Changes, "one"));
        assert!(poll!(&mut one).is_pending());
        {
            let (mut gone, mut let_in) = (
                Box::pin(passes.enter(connection("a"), Lane::Changes, "gone")),
                Box::pin(passes.enter(connection("a"), Lane::Changes, "let in")),
            );
            assert!(poll!(&mut gone).is_pending() && poll!(&mut let_in).is_pending());
            drop(gone);
            drop(inside);
        }
        assert!(one.await.is_some());
        assert_eq!(crowd(&passes, "a", Lane::Changes).len(), 1);
    }

    #[tokio::test]
    async fn whoever_waits_at_the_end_is_let_go() {
        let shutdown = CancellationToken::new();
        let passes = Passes::new(1, shutdown.clone());
        let _inside = crowd(&passes, "a", Lane::Changes);
        let mut waiting = pin!(passes.enter(connection("a"), Lane::Changes, "one"));
        assert!(poll!(&mut waiting).is_pending());
        shutdown.cancel();
        assert!(waiting.await.is_none());
    }

    #[tokio::test]
    async fn no_room_is_kept_for_a_connection_that_nobody_uses() {
        let passes = Passes::new(1, CancellationToken::new());
        for index in 0..100 {
            drop(passes.enter(connection(&index.to_string()), Lane::Changes, "one").await);
        }
        assert_eq!(passes.rooms.lock().unwrap().len(), 1);
    }
}
