//! How many passes run at one time: so many for each connection and lane, so that a realm in trouble holds up no other,
//! and a backlog no change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::domain::Lane;
use crate::realm::ConnectionName;

/// The passes of all namespaces.
#[derive(Debug)]
pub(super) struct Passes {
    at_once: usize,
    /// One for each connection and lane that is in use.
    rooms: Mutex<HashMap<(ConnectionName, Lane), Arc<Semaphore>>>,
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
    pub(super) async fn enter(
        &self,
        connection: ConnectionName,
        lane: Lane,
        uid: &str,
    ) -> Option<OwnedSemaphorePermit> {
        let room = self.room(connection, lane);
        if let Ok(permit) = Arc::clone(&room).try_acquire_owned() {
            return Some(permit);
        }
        let overtaken = Arc::new(Notify::new());
        if lane == Lane::Background {
            self.waiting().insert(uid.to_owned(), Arc::clone(&overtaken));
        }
        let permit = tokio::select! {
            permit = room.acquire_owned() => permit.ok(),
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

    fn room(&self, connection: ConnectionName, lane: Lane) -> Arc<Semaphore> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (connection, lane);
        if let Some(room) = rooms.get(&key) {
            return Arc::clone(room);
        }
        rooms.retain(|_, room| Arc::strong_count(room) > 1);
        let room = Arc::new(Semaphore::new(self.at_once));
        rooms.insert(key, Arc::clone(&room));
        room
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Notify>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use futures::poll;
    use std::pin::pin;

    use super::*;

    fn connection(name: &str) -> ConnectionName {
        ConnectionName::Cluster { name: name.to_owned() }
    }

    /// Fills a lane.
    fn crowd(passes: &Passes, name: &str, lane: Lane) -> Vec<OwnedSemaphorePermit> {
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
