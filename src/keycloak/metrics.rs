//! What this layer counts.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
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
}

impl Default for KeycloakMetrics {
    fn default() -> Self {
        Self { requests: Family::default(), durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)) }
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
