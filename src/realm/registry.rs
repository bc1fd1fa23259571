//! Which realms are open.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::Realm;

/// Names a connection. No two connections, of whatever kind, have the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionName {
    /// One that serves the namespace that it is in.
    Namespaced {
        /// Its namespace.
        namespace: String,
        /// Its name in that namespace.
        name: String,
    },
    /// One that namespaces share.
    Cluster {
        /// Its name.
        name: String,
    },
}

impl fmt::Display for ConnectionName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespaced { name, .. } => write!(formatter, "KeycloakConnection {name}"),
            Self::Cluster { name } => write!(formatter, "ClusterKeycloakConnection {name}"),
        }
    }
}

/// Keeps one realm per connection, for as long as what it was made of stays the same.
#[derive(Debug, Default)]
pub struct RealmRegistry {
    open: Mutex<HashMap<ConnectionName, (String, Arc<Realm>)>>,
}

impl RealmRegistry {
    /// The realm of that connection, if it was made of the things that `fingerprint` names.
    #[must_use]
    pub fn get(&self, connection: &ConnectionName, fingerprint: &str) -> Option<Arc<Realm>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (made_of, realm) = open.get(connection)?;
        (made_of == fingerprint).then(|| Arc::clone(realm))
    }

    /// Puts a realm in the place of the one before. If another caller made the same one meanwhile, that one is kept,
    /// so that a connection never has two tokens.
    pub fn put(&self, connection: ConnectionName, fingerprint: String, realm: Realm) -> Arc<Realm> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made_of, present)) = open.get(&connection)
            && *made_of == fingerprint
        {
            return Arc::clone(present);
        }
        let realm = Arc::new(realm);
        open.insert(connection, (fingerprint, Arc::clone(&realm)));
        realm
    }

    /// Forgets, in all realms, one who waits for names.
    pub fn forget_waiter(&self, waiter: &str) {
        for (_, realm) in self.open.lock().unwrap_or_else(PoisonError::into_inner).values() {
            realm.forget_waiter(waiter);
        }
    }

    /// Closes the realm of a connection that is gone.
    pub fn forget(&self, connection: &ConnectionName) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(connection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keycloak::{Client, Fence, KeycloakMetrics, Login, Server};

    fn realm() -> Realm {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let login = Login::ClientCredentials { id: "operator".to_owned(), secret: "secret".into() };
        let url = "http://unused".parse().unwrap();
        let server = Server { url, realm: "staff".to_owned(), login, certificate_authorities: None };
        Realm::new(Client::new(server, KeycloakMetrics::default(), Fence::new(|_| true)).unwrap())
    }

    fn connection(name: &str) -> ConnectionName {
        ConnectionName::Namespaced { namespace: "people".to_owned(), name: name.to_owned() }
    }

    #[test]
    fn a_realm_is_kept_while_what_it_was_made_of_is_the_same() {
        let registry = RealmRegistry::default();
        let made = registry.put(connection("a"), "1".to_owned(), realm());
        assert!(Arc::ptr_eq(&made, &registry.get(&connection("a"), "1").unwrap()));
        assert!(registry.get(&connection("a"), "2").is_none());
        assert!(registry.get(&connection("b"), "1").is_none());
    }

    #[test]
    fn the_first_of_two_equal_realms_is_kept() {
        let registry = RealmRegistry::default();
        let first = registry.put(connection("a"), "1".to_owned(), realm());
        assert!(Arc::ptr_eq(&first, &registry.put(connection("a"), "1".to_owned(), realm())));
    }

    #[test]
    fn a_realm_made_of_other_things_takes_the_place_of_the_one_before() {
        let registry = RealmRegistry::default();
        let first = registry.put(connection("a"), "1".to_owned(), realm());
        let second = registry.put(connection("a"), "2".to_owned(), realm());
        assert!(!Arc::ptr_eq(&first, &second));
        assert!(registry.get(&connection("a"), "1").is_none());
    }

    #[test]
    fn connections_of_one_name_and_of_two_kinds_are_two() {
        let registry = RealmRegistry::default();
        registry.put(connection("a"), "1".to_owned(), realm());
        assert!(registry.get(&ConnectionName::Cluster { name: "a".to_owned() }, "1").is_none());
    }

    #[test]
    fn only_the_connection_that_is_gone_is_closed() {
        let registry = RealmRegistry::default();
        for name in ["a", "b"] {
            registry.put(connection(name), "1".to_owned(), realm());
        }
        registry.forget(&connection("a"));
        assert!(registry.get(&connection("a"), "1").is_none());
        assert!(registry.get(&connection("b"), "1").is_some());
    }
}
