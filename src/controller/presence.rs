//! What is noted of the objects that exist, and forgotten when they go.

use std::sync::Arc;

use super::backoff::Backoff;
use super::connection::brake::Brakes;
use super::connection::observers::Observers;
use super::context::Shared;
use crate::api::KeycloakUser;
use crate::realm::{ConnectionName, RealmRegistry};

/// What is kept for each connection.
pub(super) type PerConnection<'a> = (&'a Arc<RealmRegistry>, &'a Arc<Brakes>, &'a Arc<Observers>);

/// What is forgotten with a connection.
pub(super) fn connection_gone(
    (realms, brakes, observers): PerConnection<'_>,
    backoff: &Arc<Backoff>,
) -> impl Fn(&ConnectionName, &str) + use<> {
    let (realms, brakes) = (Arc::clone(realms), Arc::clone(brakes));
    let (observers, backoff) = (Arc::clone(observers), Arc::clone(backoff));
    move |name, uid| {
        observers.gone(name);
        realms.forget(name);
        brakes.connection_gone(uid);
        backoff.forget(uid);
    }
}

/// What is noted of each user that exists.
pub(super) fn user_seen(shared: &Arc<Shared>) -> impl Fn(&KeycloakUser) + use<> {
    let shared = Arc::clone(shared);
    move |user: &KeycloakUser| shared.brakes.user_seen(user)
}

/// What is forgotten with a user.
pub(super) fn user_gone(shared: &Arc<Shared>, backoff: &Arc<Backoff>) -> impl Fn(&str) + use<> {
    let (shared, backoff) = (Arc::clone(shared), Arc::clone(backoff));
    move |uid: &str| {
        shared.metrics.forget(uid);
        shared.brakes.user_gone(uid);
        shared.realms.forget_waiter(uid);
        backoff.forget(uid);
    }
}
