//! What this layer counts.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::Operation;

/// Upper bounds in seconds: from a read by id (some milliseconds) to the request timeout.
const BUCKETS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

const SUCCESS: &str = "2xx";
const NO_ANSWER: &str = "error";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    operation: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabel {
    operation: &'static str,
}

/// Requests to Keycloak, by operation and class of status.
#[derive(Clone, Debug)]
pub struct KeycloakMetrics {
    requests: Family<RequestLabels, Counter>,
    durations: Family<OperationLabel, Histogram, fn() -> Histogram>,
    pub(super) budget: BudgetMetrics,
}

/// What the request budgets of all connections do.
#[derive(Clone, Debug, Default)]
pub(super) struct BudgetMetrics {
    pub(super) in_flight: Gauge,
    pub(super) slowdowns: Counter,
    pub(super) refused: Counter,
    pub(super) breakers_open: Gauge,
}

impl BudgetMetrics {
    fn register(&self, registry: &mut Registry) {
        registry.register("keycloak_requests_in_flight", "Requests to Keycloak under way", self.in_flight.clone());
        registry.register(
            "keycloak_slowdowns",
            "How often a connection has halved its pace: too many requests, slow answers, or none",
            self.slowdowns.clone(),
        );
        registry.register(
            "keycloak_requests_not_sent",
            "Requests that were not sent to a Keycloak that does not answer or has asked for a pause",
            self.refused.clone(),
        );
        registry.register(
            "keycloak_breakers_open",
            "Connections whose Keycloak does not answer, so that one request is tried now and then",
            self.breakers_open.clone(),
        );
    }
}

impl Default for KeycloakMetrics {
    fn default() -> Self {
        let durations: Family<_, _, fn() -> _> = Family::new_with_constructor(|| Histogram::new(BUCKETS));
        Self { requests: Family::default(), durations, budget: BudgetMetrics::default() }
    }
}

impl KeycloakMetrics {
    /// Makes the metrics known under their names. Each operation is there from the start, so that a rate has a zero to
    /// begin with.
    pub fn register(&self, registry: &mut Registry) {
        for operation in Operation::ALL.map(Operation::as_str) {
            for status in [SUCCESS, NO_ANSWER] {
                drop(self.requests.get_or_create(&RequestLabels { operation, status }));
            }
            drop(self.durations.get_or_create(&OperationLabel { operation }));
        }
        registry.register(
            "keycloak_requests",
            "Requests to Keycloak, by operation and class of status (error: no answer)",
            self.requests.clone(),
        );
        registry.register(
            "keycloak_request_duration_seconds",
            "How long requests to Keycloak took, by operation",
            self.durations.clone(),
        );
        self.budget.register(registry);
    }

    pub(super) fn count(&self, operation: Operation, status: Option<u16>, duration: Duration) {
        let operation = operation.as_str();
        self.requests.get_or_create(&RequestLabels { operation, status: status_class(status) }).inc();
        self.durations.get_or_create(&OperationLabel { operation }).observe(duration.as_secs_f64());
    }
}

fn status_class(status: Option<u16>) -> &'static str {
    match status.map(|status| status / 100) {
        None => NO_ANSWER,
        Some(2) => SUCCESS,
        Some(3) => "3xx",
        Some(4) => "4xx",
        Some(5) => "5xx",
        Some(_) => "other",
    }
}
