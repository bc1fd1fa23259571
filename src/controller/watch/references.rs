//! Who refers to what, so that a changed Secret, account or role wakes the users that it concerns and no others.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use crate::controller::index::Index;
use crate::controller::namespaced_name::NamespacedName;
use crate::domain::Touched;

/// An object that others refer to, by its kind and its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::controller) struct Referent {
    pub(in crate::controller) kind: ReferentKind,
    pub(in crate::controller) name: NamespacedName,
}

impl Referent {
    /// That object; the namespace is empty where there is none.
    pub(in crate::controller) fn new(kind: ReferentKind, namespace: &str, name: &str) -> Self {
        Self { kind, name: NamespacedName::new(namespace, name) }
    }
}

/// Kinds of object that others refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::controller) enum ReferentKind {
    Secret,
    ConfigMap,
    Connection,
    ClusterConnection,
    Namespace,
    /// A connection's wish to let held deletions go; it concerns those who are being deleted.
    Allowance,
    /// An account, by its id in Keycloak.
    Account,
    /// A group, by its id in Keycloak.
    Group,
    /// A role, by its id in Keycloak.
    Role,
    /// A role, by its name.
    RoleNamed,
}

impl From<Touched> for Referent {
    fn from(touched: Touched) -> Self {
        let (kind, name) = match &touched {
            Touched::Account(id) => (ReferentKind::Account, id.as_str()),
            Touched::Group(id) => (ReferentKind::Group, id.as_str()),
            Touched::Role(id) => (ReferentKind::Role, id.as_str()),
            Touched::RoleNamed(name) => (ReferentKind::RoleNamed, name.as_str()),
        };
        Self::new(kind, "", name)
    }
}

/// A two-way map between objects and what they refer to. As large as the objects that exist.
#[derive(Debug, Default)]
pub(in crate::controller) struct References(Mutex<Maps>);

#[derive(Debug, Default)]
struct Maps {
    referents: HashMap<NamespacedName, Box<[Referent]>>,
    referrers: Index<Referent, NamespacedName>,
}

impl References {
    /// Replaces what `referrer` refers to.
    pub(super) fn set(&self, referrer: &NamespacedName, referents: HashSet<Referent>) {
        let mut maps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        maps.remove(referrer);
        for referent in &referents {
            maps.referrers.insert(referent.clone(), referrer.clone());
        }
        maps.referents.insert(referrer.clone(), referents.into_iter().collect());
    }

    /// Forgets an object that is gone.
    pub(super) fn remove(&self, referrer: &NamespacedName) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(referrer);
    }

    /// Who refers to that object.
    pub(super) fn referrers(&self, referent: &Referent) -> Vec<NamespacedName> {
        let maps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        maps.referrers.get(referent).cloned().collect()
    }
}

impl Maps {
    fn remove(&mut self, referrer: &NamespacedName) {
        for referent in self.referents.remove(referrer).unwrap_or_default() {
            self.referrers.remove(&referent, referrer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(name: &str) -> Referent {
        Referent::new(ReferentKind::Secret, "ns", name)
    }

    fn user(name: &str) -> NamespacedName {
        NamespacedName::new("ns", name)
    }

    #[test]
    fn a_changed_reference_replaces_the_old_one() {
        let references = References::default();
        references.set(&user("a"), HashSet::from([secret("one")]));
        references.set(&user("b"), HashSet::from([secret("one")]));
        references.set(&user("a"), HashSet::from([secret("two")]));
        assert_eq!(references.referrers(&secret("one")), [user("b")]);
        assert_eq!(references.referrers(&secret("two")), [user("a")]);
    }

    #[test]
    fn nothing_is_kept_of_objects_that_are_gone() {
        let references = References::default();
        references.set(&user("a"), HashSet::from([secret("one")]));
        references.remove(&user("a"));
        let maps = references.0.lock().unwrap();
        assert!(maps.referents.is_empty() && maps.referrers.is_empty());
    }
}
