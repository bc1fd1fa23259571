//! What the election counts.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Whether this process leads, and how often it could not renew its lease.
#[derive(Clone, Debug, Default)]
pub struct LeaderMetrics {
    leader: Gauge,
    failures: Counter,
}

impl LeaderMetrics {
    /// Makes the metrics known under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "keycloakuser_leader",
            "1 while this process holds the lease and looks after accounts, else 0",
            self.leader.clone(),
        );
        registry.register(
            "keycloakuser_lease_renewal_failures",
            "Renewals of the lease that failed",
            self.failures.clone(),
        );
    }

    pub(super) fn leads(&self, leads: bool) {
        self.leader.set(leads.into());
    }

    pub(super) fn count_failure(&self) {
        self.failures.inc();
    }
}
