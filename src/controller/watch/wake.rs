//! Who is woken when an object changes that others refer to.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::channel::mpsc::UnboundedSender;
use kube::runtime::reflector::{Lookup, ObjectRef};

use super::references::{References, Referent, ReferentKind};
use crate::api::{self, ConnectionAuth, KeycloakConnectionSpec, KeycloakUser, ObjectKind};
use crate::controller::connection::kind::ConnectionKind;
use crate::controller::due::Due;
use crate::controller::namespaced_name::NamespacedName;
use crate::domain::{ObjectId, Touched, UserId};

/// To read so many accounts each by itself takes half as many requests as to read ten thousand together.
const MOST_BY_THEMSELVES: usize = 20;

/// The users of one scope.
pub(in crate::controller) struct WakeUsers {
    pub(in crate::controller) sender: UnboundedSender<NamespacedName>,
    pub(in crate::controller) references: References,
    /// When each is looked at again.
    pub(in crate::controller) due: Due,
    /// Those whose account somebody else has touched, until it is looked at.
    touched: Mutex<HashMap<NamespacedName, Touch>>,
}

/// When somebody has touched an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::controller) enum Touch {
    /// Before this process looked at anybody: whatever it reads is what came of it.
    Before,
    /// Since then: what was read may be what the account no longer is.
    Since,
}

impl WakeUsers {
    /// Those of a scope of which nothing is known yet.
    pub(in crate::controller) fn new(sender: UnboundedSender<NamespacedName>) -> Self {
        Self { sender, references: References::default(), due: Due::default(), touched: Mutex::default() }
    }

    /// Wakes all whom what was done in Keycloak concerns.
    pub(in crate::controller) fn touched(&self, what: Touched) {
        for user in self.references.referrers(&Referent::from(what)) {
            self.marked().insert(user.clone(), Touch::Since);
            self.wake(&user);
        }
    }

    /// Notes whom it concerns what was done in Keycloak before anybody was looked at. If they are few, they are woken to be
    /// read each by itself; else they are read together with all others.
    pub(in crate::controller) fn touched_before(&self, what: &BTreeSet<Touched>) {
        let referents = what.iter().cloned().map(Referent::from);
        let concerned: HashSet<_> = referents.flat_map(|referent| self.references.referrers(&referent)).collect();
        let are_few = concerned.len() <= MOST_BY_THEMSELVES;
        for user in concerned {
            if are_few {
                self.marked().insert(user.clone(), Touch::Since);
                self.wake(&user);
            } else {
                self.marked().entry(user).or_insert(Touch::Before);
            }
        }
    }

    /// When somebody else has touched the account of that user, if it was since this was last asked.
    pub(in crate::controller) fn take_touched(&self, user: &NamespacedName) -> Option<Touch> {
        self.marked().remove(user)
    }

    fn marked(&self) -> MutexGuard<'_, HashMap<NamespacedName, Touch>> {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a user that is gone.
    pub(super) fn gone(&self, user: &NamespacedName) {
        self.references.remove(user);
        self.due.set(user.clone(), None);
        self.take_touched(user);
    }

    /// Wakes all who refer to that object.
    pub(in crate::controller) fn changed(&self, referent: &Referent) {
        for user in self.references.referrers(referent) {
            self.wake(&user);
        }
    }

    /// Wakes that user. A receiver that is gone belongs to a controller that has stopped.
    pub(in crate::controller) fn wake(&self, user: &NamespacedName) {
        drop(self.sender.unbounded_send(user.clone()));
    }
}

/// The connections of one kind, and through them the users of all scopes where they are used.
pub(in crate::controller) struct WakeConnections<K: ConnectionKind> {
    pub(in crate::controller) sender: UnboundedSender<ObjectRef<K>>,
    pub(in crate::controller) references: References,
    pub(in crate::controller) users: Vec<Arc<WakeUsers>>,
}

impl<K: ConnectionKind> WakeConnections<K> {
    /// Wakes all connections that refer to that object, and their users.
    pub(in crate::controller) fn changed(&self, referent: &Referent) {
        for connection in self.references.referrers(referent) {
            send(&self.sender, &connection);
            self.users_of(connection);
        }
    }

    /// Wakes the users of a connection.
    pub(super) fn users_of(&self, name: NamespacedName) {
        self.referrers_of(&Referent { kind: K::REFERENT, name });
    }

    /// Wakes the users of a connection that are being deleted.
    pub(super) fn waiting_users_of(&self, name: NamespacedName) {
        self.referrers_of(&Referent { kind: ReferentKind::Allowance, name });
    }

    fn referrers_of(&self, connection: &Referent) {
        for users in &self.users {
            users.changed(connection);
        }
    }
}

/// A receiver that is gone belongs to a controller that has stopped.
fn send<K: Lookup<DynamicType = ()>>(to: &UnboundedSender<ObjectRef<K>>, name: &NamespacedName) {
    let (namespace, reference) = (name.namespace(), ObjectRef::new(name.name()));
    let _ = to.unbounded_send(if namespace.is_empty() { reference } else { reference.within(namespace) });
}

/// What a user refers to.
pub(super) fn user_referents(user: &KeycloakUser) -> HashSet<Referent> {
    let namespace = user.metadata.namespace.as_deref().unwrap_or_default();
    let secrets =
        user.spec.credentials.iter().map(|credential| {
            Referent::new(ReferentKind::Secret, namespace, &credential.value_from.secret_key_ref.name)
        });
    let name = &user.spec.connection_ref.name;
    let (kind, home) = match user.spec.connection_ref.kind {
        api::ConnectionKind::KeycloakConnection => (ReferentKind::Connection, namespace),
        api::ConnectionKind::ClusterKeycloakConnection => (ReferentKind::ClusterConnection, ""),
    };
    let is_deleted = user.metadata.deletion_timestamp.is_some();
    let allowance = is_deleted.then(|| Referent::new(ReferentKind::Allowance, home, name));
    // Whether a shared connection may be used depends on the labels of the namespace.
    let is_shared = kind == ReferentKind::ClusterConnection;
    let labelled = is_shared.then(|| Referent::new(ReferentKind::Namespace, "", namespace));
    let connection = std::iter::once(Referent::new(kind, home, name)).chain(labelled);
    secrets.chain(connection).chain(allowance).chain(in_keycloak(user)).collect()
}

/// What of a realm concerns a user, as far as the resource knows it: the account and the rights on the status by their
/// ids, declared roles by their names too.
fn in_keycloak(user: &KeycloakUser) -> impl Iterator<Item = Referent> + use<'_> {
    let status = user.status.clone().unwrap_or_default();
    let (owned, preexisting) = (status.owned, status.preexisting);
    let realm_roles = owned.realm_roles.into_iter().chain(preexisting.realm_roles).map(|role| role.id);
    let client_roles = owned.client_roles.into_iter().chain(preexisting.client_roles).map(|role| role.id);
    let groups = owned.groups.into_iter().chain(preexisting.groups).map(|group| group.id);
    let declared = &user.spec;
    let names = declared.realm_roles.iter().chain(declared.client_roles.iter().flat_map(|of| &of.roles));
    let account = status.user_id.and_then(|id| UserId::parse(&id)).map(Touched::Account);
    let roles = realm_roles.chain(client_roles).filter_map(|id| ObjectId::parse(&id)).map(Touched::Role);
    let groups = groups.filter_map(|id| ObjectId::parse(&id)).map(Touched::Group);
    let names = names.cloned().map(Touched::RoleNamed);
    account.into_iter().chain(roles).chain(groups).chain(names).map(Referent::from)
}

/// What a connection refers to, in the namespace of its objects.
pub(super) fn connection_referents(spec: &KeycloakConnectionSpec, namespace: &str) -> HashSet<Referent> {
    let authorities = spec.tls.as_ref().map(|tls| {
        let kind = match tls.ca_ref.kind {
            ObjectKind::ConfigMap => ReferentKind::ConfigMap,
            ObjectKind::Secret => ReferentKind::Secret,
        };
        Referent::new(kind, namespace, &tls.ca_ref.name)
    });
    let login = secret_names(&spec.auth).map(|name| Referent::new(ReferentKind::Secret, namespace, name));
    login.chain(authorities).collect()
}

fn secret_names(auth: &ConnectionAuth) -> impl Iterator<Item = &str> {
    let client = auth.client_credentials.as_ref().map(|login| login.secret_ref.name.as_str());
    let password = auth.password.as_ref().map(|login| login.secret_ref.name.as_str());
    client.into_iter().chain(password)
}
