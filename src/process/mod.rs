//! Plumbing of the process: logs, the port for probes and metrics, signals.
//!
//! Knows nothing of ours; takes its settings as values.

mod admin;
mod shutdown;
mod telemetry;

pub use admin::{Health, serve};
pub use shutdown::on_signal;
pub use telemetry::{InvalidFilter, LogFormat, start_logging};
