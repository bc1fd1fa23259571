//! What the controller counts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::pool::{Text, shared};
use crate::api::Reason;

/// What a pass can come to.
const OUTCOMES: [&str; 8] =
    ["unchanged", "applied", "blocked", "suspended", "deleted", "failed", "put_off", "not_leading"];

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
    /// The resources that exist, by UID, and the reason that each has by now.
    states: Arc<Mutex<HashMap<Text, Option<Reason>>>>,
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

    /// A resource exists, so that its state counts until it is forgotten.
    pub(super) fn appeared(&self, uid: &str) {
        self.states.lock().unwrap_or_else(PoisonError::into_inner).entry(shared(uid)).or_default();
    }

    /// Notes the state of a resource; one that has gone while its pass ran is not counted any more.
    pub(super) fn set_state(&self, uid: &str, reason: Reason) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = states.get_mut(uid) {
            self.leave(state.replace(reason));
            self.users.get_or_create(&ReasonLabel { reason: reason.as_str() }).inc();
        }
    }

    /// A resource is gone.
    pub(super) fn forget(&self, uid: &str) {
        let state = self.states.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
        self.leave(state.flatten());
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

    fn count(metrics: &ControllerMetrics, reason: Reason) -> i64 {
        metrics.users.get_or_create(&ReasonLabel { reason: reason.as_str() }).get()
    }

    #[test]
    fn a_user_is_counted_in_one_state_at_a_time() {
        let metrics = ControllerMetrics::default();
        metrics.appeared("a");
        metrics.appeared("b");
        metrics.set_state("a", Reason::SecretNotFound);
        metrics.set_state("a", Reason::Synced);
        metrics.appeared("a");
        metrics.set_state("b", Reason::Synced);
        assert_eq!((count(&metrics, Reason::SecretNotFound), count(&metrics, Reason::Synced)), (0, 2));
        metrics.forget("a");
        metrics.forget("a");
        assert_eq!(count(&metrics, Reason::Synced), 1);
    }

    #[test]
    fn a_user_that_went_while_its_pass_ran_is_not_counted() {
        let metrics = ControllerMetrics::default();
        metrics.appeared("a");
        metrics.forget("a");
        metrics.set_state("a", Reason::Synced);
        assert_eq!(count(&metrics, Reason::Synced), 0);
    }
}
