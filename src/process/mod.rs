//! Plumbing of the process: logs, the port for probes and metrics, signals, leader election.
//!
//! Knows nothing of ours; takes its settings as values.

mod admin;
mod leader;
mod shutdown;
mod telemetry;
mod watches;

pub use admin::{Health, Readiness, serve};
pub use leader::{Candidate, Leader, LeaderMetrics, LeadershipLost, Tenure};
pub use shutdown::on_signal;
pub use telemetry::{InvalidFilter, LogFormat, start_logging};
pub use watches::Watches;
