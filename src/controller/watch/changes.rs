//! What a watch means for those who depend on its objects: changes, told once the cache has them.

use std::collections::HashMap;

use kube::Resource;
use kube::runtime::watcher::Event;

use crate::controller::namespaced_name::NamespacedName;
use crate::controller::pool::{Text, shared};

/// A change of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It is new, or in another version than before.
    Applied(NamespacedName),
    /// It is gone; the UID is that of the object that went.
    Gone { key: NamespacedName, uid: Text },
    /// Another object has its name now; the UID is that of the object that went.
    Replaced { key: NamespacedName, uid: Text },
}

impl Change {
    pub(super) fn key(&self) -> &NamespacedName {
        match self {
            Self::Applied(key) | Self::Gone { key, .. } | Self::Replaced { key, .. } => key,
        }
    }

    /// The UID of an object that exists no more.
    pub(super) fn gone(&self) -> Option<&str> {
        match self {
            Self::Applied(_) => None,
            Self::Gone { uid, .. } | Self::Replaced { uid, .. } => Some(uid),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    uid: Text,
    version: Box<str>,
}

/// Turns the events of a watch into changes.
///
/// A watch that was interrupted lists its objects anew, and what was deleted meanwhile makes no event. Such a list is
/// compared with what was known when it is complete, which is when the cache takes it over: who is woken then finds
/// the new state there.
#[derive(Debug, Default)]
pub(super) struct Changes {
    known: HashMap<NamespacedName, Seen>,
    listed: HashMap<NamespacedName, Seen>,
}

impl Changes {
    /// What that event changes. `version` tells the versions apart that matter.
    pub(super) fn of<K: Resource>(&mut self, event: &Event<K>, version: impl Fn(&K) -> String) -> Vec<Change> {
        let seen = |object: &K| Seen {
            uid: shared(object.meta().uid.as_deref().unwrap_or_default()),
            version: version(object).into(),
        };
        match event {
            Event::Apply(object) => self.applied(NamespacedName::of(object), seen(object)),
            Event::Delete(object) => self.gone(NamespacedName::of(object)),
            Event::Init => {
                self.listed.clear();
                Vec::new()
            }
            Event::InitApply(object) => {
                self.listed.insert(NamespacedName::of(object), seen(object));
                Vec::new()
            }
            Event::InitDone => self.relisted(),
        }
    }

    /// UID and version of an object that is known.
    pub(super) fn known(&self, key: &NamespacedName) -> Option<(&str, &str)> {
        self.known.get(key).map(|seen| (&*seen.uid, &*seen.version))
    }

    fn applied(&mut self, key: NamespacedName, seen: Seen) -> Vec<Change> {
        let change = match self.known.get(&key) {
            Some(before) if *before == seen => return Vec::new(),
            Some(before) if before.uid != seen.uid => Change::Replaced { key: key.clone(), uid: before.uid.clone() },
            Some(_) | None => Change::Applied(key.clone()),
        };
        self.known.insert(key, seen);
        vec![change]
    }

    fn gone(&mut self, key: NamespacedName) -> Vec<Change> {
        self.known.remove(&key).map(|seen| Change::Gone { key, uid: seen.uid }).into_iter().collect()
    }

    fn relisted(&mut self) -> Vec<Change> {
        let listed = std::mem::take(&mut self.listed);
        let missing: Vec<NamespacedName> =
            self.known.keys().filter(|key| !listed.contains_key(*key)).cloned().collect();
        let mut changes: Vec<Change> = missing.into_iter().flat_map(|key| self.gone(key)).collect();
        for (key, seen) in listed {
            changes.extend(self.applied(key, seen));
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::ResourceExt;
    use kube::api::ObjectMeta;

    use super::*;

    fn object(name: &str, uid: &str, version: &str) -> ConfigMap {
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some("ns".to_owned()),
            uid: Some(uid.to_owned()),
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        };
        ConfigMap { metadata, ..ConfigMap::default() }
    }

    fn key(name: &str) -> NamespacedName {
        NamespacedName::new("ns", name)
    }

    struct Watch(Changes);

    impl Watch {
        fn see(&mut self, event: &Event<ConfigMap>) -> Vec<Change> {
            self.0.of(event, |object| object.resource_version().unwrap_or_default())
        }

        fn list(&mut self, objects: &[(&str, &str, &str)]) -> Vec<Change> {
            assert_eq!(self.see(&Event::Init), []);
            for (name, uid, version) in objects {
                assert_eq!(self.see(&Event::InitApply(object(name, uid, version))), [], "the cache has it not yet");
            }
            let mut changes = self.see(&Event::InitDone);
            changes.sort_by_key(|change| change.key().clone());
            changes
        }
    }

    #[test]
    fn an_event_of_a_watch_is_a_change_unless_the_version_is_known() {
        let mut watch = Watch(Changes::default());
        assert_eq!(watch.see(&Event::Apply(object("a", "1", "1"))), [Change::Applied(key("a"))]);
        assert_eq!(watch.see(&Event::Apply(object("a", "1", "1"))), []);
        assert_eq!(watch.see(&Event::Apply(object("a", "1", "2"))), [Change::Applied(key("a"))]);
        let gone = Change::Gone { key: key("a"), uid: "1".into() };
        assert_eq!(watch.see(&Event::Delete(object("a", "1", "3"))), [gone]);
    }

    #[test]
    fn a_list_after_an_interruption_tells_what_the_watch_missed() {
        let mut watch = Watch(Changes::default());
        watch.list(&[("changed", "1", "1"), ("gone", "2", "1"), ("replaced", "3", "1"), ("same", "4", "1")]);
        let changes =
            watch.list(&[("changed", "1", "2"), ("new", "5", "1"), ("replaced", "6", "1"), ("same", "4", "1")]);
        let expected = [
            Change::Applied(key("changed")),
            Change::Gone { key: key("gone"), uid: "2".into() },
            Change::Applied(key("new")),
            Change::Replaced { key: key("replaced"), uid: "3".into() },
        ];
        assert_eq!(changes, expected);
    }

    #[test]
    fn a_list_that_was_broken_off_means_nothing() {
        let mut watch = Watch(Changes::default());
        watch.list(&[("a", "1", "1")]);
        watch.see(&Event::Init);
        watch.see(&Event::InitApply(object("b", "2", "1")));
        assert_eq!(watch.list(&[("a", "1", "1")]), []);
    }
}
