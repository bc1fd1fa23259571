//! How many passes run at one time: so many for each connection and lane, so that a realm in trouble holds up no other,
//! and a backlog no change.
//!
//! Whoever finds no room ends its pass and is called when there is one: ten thousand that wait are names in a list.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::claims::Waker;
use super::namespaced_name::NamespacedName;
use crate::domain::Lane;
use crate::realm::ConnectionName;

type RoomName = (ConnectionName, Lane);

/// The passes of all namespaces.
#[derive(Debug)]
pub(super) struct Passes {
    rooms: Arc<Mutex<Rooms>>,
    shutdown: CancellationToken,
}

impl Passes {
    /// So many at one time for each connection and lane; none begins after `shutdown`.
    pub(super) fn new(at_once: u16, shutdown: CancellationToken) -> Self {
        let rooms = Rooms { at_once: at_once.into(), ..Rooms::default() };
        Self { rooms: Arc::new(Mutex::new(rooms)), shutdown }
    }

    /// Lets a pass begin. `None`: it has to wait, and its resource is woken when its turn has come. One that waits and
    /// comes in another lane, since its resource was changed meanwhile, waits there.
    pub(super) fn enter(&self, connection: ConnectionName, lane: Lane, waker: Waker) -> Option<Permit> {
        if self.shutdown.is_cancelled() {
            return None;
        }
        let room = rooms(&self.rooms).enter((connection, lane), waker)?;
        Some(Permit { rooms: Arc::clone(&self.rooms), room })
    }

    /// A resource that waits, or was called, does not come.
    pub(super) fn leave(&self, resource: &NamespacedName) {
        rooms(&self.rooms).leave(resource);
    }

    /// Ends when no pass begins any more.
    pub(super) async fn shut_down(&self) {
        self.shutdown.cancelled().await;
    }
}

/// While it is held, a pass may run.
#[derive(Debug)]
pub(super) struct Permit {
    rooms: Arc<Mutex<Rooms>>,
    room: Arc<RoomName>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        rooms(&self.rooms).one_less(&self.room);
    }
}

fn rooms(rooms: &Mutex<Rooms>) -> MutexGuard<'_, Rooms> {
    rooms.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug, Default)]
struct Rooms {
    at_once: usize,
    /// Those in which somebody is.
    in_use: HashMap<Arc<RoomName>, Room>,
    /// For which room a resource waits, or was called.
    places: HashMap<NamespacedName, Arc<RoomName>>,
}

/// Whoever came last and whoever came first have their turns by turns: a resource that was just made does not wait for ten
/// thousand that were applied before it, and none of these waits for ever.
#[derive(Debug, Default)]
struct Room {
    /// So many are inside, or were called.
    taken: usize,
    /// By the order in which they came.
    waiting: BTreeMap<u64, Waker>,
    numbers: HashMap<NamespacedName, u64>,
    called: HashSet<NamespacedName>,
    came: u64,
    /// The next turn is that of the first.
    is_of_first: bool,
}

impl Rooms {
    fn enter(&mut self, name: RoomName, waker: Waker) -> Option<Arc<RoomName>> {
        if self.places.get(&waker.user).is_some_and(|place| **place != name) {
            self.leave(&waker.user);
        }
        let name = self.in_use.get_key_value(&name).map_or_else(|| Arc::new(name), |(known, _)| Arc::clone(known));
        let room = self.in_use.entry(Arc::clone(&name)).or_default();
        if room.called.remove(&waker.user) {
            self.places.remove(&waker.user);
            return Some(name);
        }
        if room.taken < self.at_once {
            room.taken += 1;
            return Some(name);
        }
        self.places.insert(waker.user.clone(), name);
        room.wait(waker);
        None
    }

    fn leave(&mut self, resource: &NamespacedName) {
        let Some(name) = self.places.remove(resource) else {
            return;
        };
        let Some(room) = self.in_use.get_mut(&name) else {
            return;
        };
        if let Some(number) = room.numbers.remove(resource) {
            room.waiting.remove(&number);
        } else if room.called.remove(resource) {
            self.one_less(&name);
        }
    }

    fn one_less(&mut self, name: &Arc<RoomName>) {
        if let Some(room) = self.in_use.get_mut(name)
            && !room.call_next()
        {
            room.taken -= 1;
            if room.taken == 0 {
                self.in_use.remove(name);
            }
        }
    }
}

impl Room {
    /// One that waits already keeps its place.
    fn wait(&mut self, waker: Waker) {
        if !self.numbers.contains_key(&waker.user) {
            self.came += 1;
            self.numbers.insert(waker.user.clone(), self.came);
            self.waiting.insert(self.came, waker);
        }
    }

    /// False if nobody waits.
    fn call_next(&mut self) -> bool {
        let next = if self.is_of_first { self.waiting.pop_first() } else { self.waiting.pop_last() };
        let Some((_, waker)) = next else {
            return false;
        };
        self.is_of_first = !self.is_of_first;
        self.numbers.remove(&waker.user);
        self.called.insert(waker.user.clone());
        waker.wake();
        true
    }
}

#[cfg(test)]
mod tests {
    use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
    use proptest::prelude::*;

    use super::*;

    /// Passes, and who is called.
    struct Hall {
        passes: Passes,
        queue: UnboundedSender<NamespacedName>,
        called: UnboundedReceiver<NamespacedName>,
    }

    impl Hall {
        fn of(at_once: u16) -> Self {
            let (queue, called) = unbounded();
            Self { passes: Passes::new(at_once, CancellationToken::new()), queue, called }
        }

        fn enter(&self, connection: &str, lane: Lane, resource: &str) -> Option<Permit> {
            let connection = ConnectionName::Cluster { name: connection.to_owned() };
            self.passes.enter(connection, lane, Waker { user: named(resource), queue: self.queue.clone() })
        }

        fn called(&mut self) -> Option<String> {
            self.called.try_recv().ok().map(|called| called.name().to_owned())
        }

        fn is_empty(&self) -> bool {
            let rooms = rooms(&self.passes.rooms);
            rooms.in_use.is_empty() && rooms.places.is_empty()
        }
    }

    fn named(resource: &str) -> NamespacedName {
        NamespacedName::new("people", resource)
    }

    #[test]
    fn a_crowd_holds_up_neither_another_connection_nor_the_other_lane() {
        let hall = Hall::of(3);
        let inside: Vec<_> =
            ["a", "b", "c"].into_iter().filter_map(|name| hall.enter("sick", Lane::Background, name)).collect();
        assert_eq!(inside.len(), 3);
        assert!(hall.enter("sick", Lane::Background, "d").is_none());
        for (connection, lane) in [("sick", Lane::Changes), ("well", Lane::Changes), ("well", Lane::Background)] {
            assert!(hall.enter(connection, lane, "e").is_some(), "{connection} {lane:?}");
        }
    }

    #[test]
    fn one_that_waits_is_called_when_another_leaves_and_its_place_is_kept() {
        let mut hall = Hall::of(1);
        let inside = hall.enter("a", Lane::Changes, "one");
        assert!(hall.enter("a", Lane::Changes, "other").is_none() && hall.called().is_none());
        drop(inside);
        assert_eq!(hall.called().as_deref(), Some("other"));
        assert!(hall.enter("a", Lane::Changes, "third").is_none(), "the place is that of the one that was called");
        let other = hall.enter("a", Lane::Changes, "other");
        assert!(other.is_some());
        drop(other);
        assert_eq!(hall.called().as_deref(), Some("third"));
        drop(hall.enter("a", Lane::Changes, "third"));
        assert!(hall.is_empty(), "nothing is kept of a connection that nobody uses");
    }

    #[test]
    fn one_that_waits_in_the_background_does_not_when_its_resource_was_changed() {
        let mut hall = Hall::of(1);
        let inside = hall.enter("a", Lane::Background, "inside");
        for name in ["one", "other"] {
            assert!(hall.enter("a", Lane::Background, name).is_none());
        }
        assert!(hall.enter("a", Lane::Changes, "other").is_some());
        drop(inside);
        assert_eq!(hall.called().as_deref(), Some("one"), "the other one does not wait there any more");
        assert!(hall.enter("a", Lane::Changes, "one").is_some(), "one that was called may come in another lane, too");
        assert!(hall.is_empty());
    }

    #[test]
    fn the_last_and_the_first_go_by_turns() {
        let mut hall = Hall::of(1);
        let mut inside = hall.enter("a", Lane::Changes, "inside");
        for name in ["0", "1", "2", "3", "4", "5"] {
            assert!(hall.enter("a", Lane::Changes, name).is_none());
        }
        assert!(hall.enter("a", Lane::Changes, "1").is_none(), "whoever asks again keeps its place");
        let mut order = Vec::new();
        while inside.take().is_some() {
            let Some(called) = hall.called() else { break };
            inside = hall.enter("a", Lane::Changes, &called);
            order.push(called);
        }
        assert_eq!(order, ["5", "0", "4", "1", "3", "2"]);
    }

    #[test]
    fn whoever_does_not_come_holds_up_nobody() {
        let mut hall = Hall::of(1);
        let inside = hall.enter("a", Lane::Changes, "inside");
        for name in ["third", "gone", "called"] {
            assert!(hall.enter("a", Lane::Changes, name).is_none());
        }
        hall.passes.leave(&named("gone"));
        drop(inside);
        assert_eq!(hall.called().as_deref(), Some("called"));
        hall.passes.leave(&named("called"));
        assert_eq!(hall.called().as_deref(), Some("third"));
        hall.passes.leave(&named("third"));
        assert!(hall.is_empty());
    }

    #[test]
    fn nobody_begins_at_the_end() {
        let hall = Hall::of(1);
        hall.passes.shutdown.cancel();
        assert!(hall.enter("a", Lane::Changes, "one").is_none());
    }

    proptest! {
        #[test]
        fn no_room_is_ever_too_full_and_everybody_has_a_turn(
            steps in proptest::collection::vec((0..4_u8, 0..6_u8, any::<bool>()), 0..60),
        ) {
            let mut hall = Hall::of(2);
            let (mut inside, mut waiting) = (HashMap::<u8, (Lane, Permit)>::new(), HashSet::new());
            for (step, number, is_change) in steps {
                let lane = if is_change { Lane::Changes } else { Lane::Background };
                match step {
                    0 => drop(inside.remove(&number)),
                    1 if waiting.remove(&number) => hall.passes.leave(&named(&number.to_string())),
                    _ if !inside.contains_key(&number) => match hall.enter("a", lane, &number.to_string()) {
                        Some(permit) => {
                            waiting.remove(&number);
                            inside.insert(number, (lane, permit));
                        }
                        None => drop(waiting.insert(number)),
                    },
                    _ => (),
                }
                for lane in [Lane::Changes, Lane::Background] {
                    prop_assert!(inside.values().filter(|(of, _)| *of == lane).count() <= 2);
                }
            }
            inside.clear();
            while let Some(called) = hall.called() {
                let number: u8 = called.parse().unwrap();
                let permits = [Lane::Changes, Lane::Background].map(|lane| {
                    let is_place = rooms(&hall.passes.rooms).places.get(&named(&called)).is_some_and(|of| of.1 == lane);
                    is_place.then(|| hall.enter("a", lane, &called)).flatten()
                });
                if permits.iter().flatten().count() > 0 {
                    waiting.remove(&number);
                }
            }
            prop_assert!(waiting.is_empty() && hall.is_empty(), "{:?}", waiting);
        }
    }
}
