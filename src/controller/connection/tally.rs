//! How many resources of each connection there are that could go: the whole of which a limit on deletions is a share.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::controller::pool::{Text, shared};
use crate::realm::ConnectionName;

/// Resources by UID. As large as the resources that exist.
#[derive(Debug, Default)]
pub(super) struct Tally {
    present: HashMap<Text, Arc<ConnectionName>>,
    counts: HashMap<Arc<ConnectionName>, u32>,
    /// Those whose deletion was counted, and that may still be seen for a while.
    begun: HashSet<String>,
}

impl Tally {
    /// A resource exists. One whose deletion was counted counts no more, whatever else is seen of it.
    pub(super) fn seen(&mut self, uid: &str, connection: ConnectionName) {
        if self.begun.contains(uid) || self.present.contains_key(uid) {
            return;
        }
        let known = self.counts.get_key_value(&connection).map(|(known, _)| Arc::clone(known));
        let connection = known.unwrap_or_else(|| Arc::new(connection));
        *self.counts.entry(Arc::clone(&connection)).or_default() += 1;
        self.present.insert(shared(uid), connection);
    }

    /// The deletion of a resource's account was counted.
    pub(super) fn begins(&mut self, uid: &str) {
        self.leave(uid);
        self.begun.insert(uid.to_owned());
    }

    /// Whether it was: trying it again does not count once more.
    pub(super) fn has_begun(&self, uid: &str) -> bool {
        self.begun.contains(uid)
    }

    /// A resource exists no more.
    pub(super) fn gone(&mut self, uid: &str) {
        self.leave(uid);
        self.begun.remove(uid);
    }

    /// How many could go through that connection.
    pub(super) fn count(&self, connection: &ConnectionName) -> u32 {
        self.counts.get(connection).copied().unwrap_or_default()
    }

    fn leave(&mut self, uid: &str) {
        let Some(connection) = self.present.remove(uid) else {
            return;
        };
        if let Some(count) = self.counts.get_mut(&connection) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.counts.remove(&connection);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(name: &str) -> ConnectionName {
        ConnectionName::Namespaced { namespace: "people".to_owned(), name: name.to_owned() }
    }

    #[test]
    fn a_resource_counts_once_for_its_connection_until_its_deletion_begins() {
        let mut tally = Tally::default();
        for uid in ["1", "2", "2"] {
            tally.seen(uid, connection("a"));
        }
        tally.seen("3", connection("b"));
        tally.begins("1");
        tally.seen("1", connection("a"));
        assert!(tally.has_begun("1") && !tally.has_begun("2"));
        assert_eq!((tally.count(&connection("a")), tally.count(&connection("b"))), (1, 1));
    }

    #[test]
    fn nothing_is_kept_of_resources_that_are_gone() {
        let mut tally = Tally::default();
        for uid in ["1", "2"] {
            tally.seen(uid, connection("a"));
        }
        tally.begins("1");
        for uid in ["1", "2", "2"] {
            tally.gone(uid);
        }
        assert!(tally.present.is_empty() && tally.counts.is_empty() && tally.begun.is_empty());
    }
}
