//! Which realms are open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Realm;

/// Names a connection: its namespace and its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionName {
    /// Namespace of the connection.
    pub namespace: String,
    /// Name of the connection.
    pub name: String,
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

    /// Closes the realm of a connection that is gone.
    pub fn forget(&self, connection: &ConnectionName) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(connection);
    }
}
