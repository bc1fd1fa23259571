//! What the controller counts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::api::Reason;

/// What a pass can come to.
const OUTCOMES: [&str; 6] = ["unchanged", "applied", "blocked", "suspended", "deleted", "failed"];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// Passes by outcome, users by the reason of their condition `Ready`.
#[derive(Clone, Debug, Default)]
pub struct ControllerMetrics {
    passes: Family<OutcomeLabel, Counter>,
    users: Family<ReasonLabel, Gauge>,
    undecodable: Counter,
    states: Arc<Mutex<HashMap<String, Reason>>>,
}

impl ControllerMetrics {
    /// Makes the metrics known under their names. Each outcome and reason is there from the start, so that a rate has a
    /// zero to begin with.
    pub fn register(&self, registry: &mut Registry) {
        for outcome in OUTCOMES {
            drop(self.passes.get_or_create(&OutcomeLabel { outcome }));
        }
        for reason in Reason::ALL {
            drop(self.users.get_or_create(&ReasonLabel { reason: reason.as_str() }));
        }
        registry.register("keycloakuser_reconciles", "Passes over a KeycloakUser, by outcome", self.passes.clone());
        registry.register(
            "keycloakuser_users",
            "KeycloakUsers by the reason of their condition Ready",
            self.users.clone(),
        );
        registry.register(
            "keycloakuser_undecodable_objects",
            "Objects that a watch delivered and that this version cannot read",
            self.undecodable.clone(),
        );
    }

    pub(super) fn count_pass(&self, outcome: &'static str) {
        self.passes.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    pub(super) fn count_undecodable(&self) {
        self.undecodable.inc();
    }

    pub(super) fn set_state(&self, uid: &str, reason: Reason) {
        let before = self.states.lock().unwrap_or_else(PoisonError::into_inner).insert(uid.to_owned(), reason);
        self.leave(before);
        self.users.get_or_create(&ReasonLabel { reason: reason.as_str() }).inc();
    }

    pub(super) fn forget(&self, uid: &str) {
        let before = self.states.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
        self.leave(before);
    }

    fn leave(&self, before: Option<Reason>) {
        if let Some(reason) = before {
            self.users.get_or_create(&ReasonLabel { reason: reason.as_str() }).dec();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_counted_in_one_state_at_a_time() {
        let metrics = ControllerMetrics::default();
        let count = |reason: Reason| metrics.users.get_or_create(&ReasonLabel { reason: reason.as_str() }).get();
        metrics.set_state("a", Reason::SecretNotFound);
        metrics.set_state("a", Reason::Synced);
        metrics.set_state("b", Reason::Synced);
        assert_eq!((count(Reason::SecretNotFound), count(Reason::Synced)), (0, 2));
        metrics.forget("a");
        metrics.forget("a");
        assert_eq!(count(Reason::Synced), 1);
    }
}
