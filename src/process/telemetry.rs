//! Logs, to standard error.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// How a line of log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The log filter is not one.
#[derive(Debug, thiserror::Error)]
#[error("the log filter {0:?} is not valid; write a level (info), or target=level pairs")]
pub struct InvalidFilter(String);

/// Starts logging, once in a process.
///
/// # Errors
/// When the filter cannot be read.
pub fn start_logging(format: LogFormat, filter: &str) -> Result<(), InvalidFilter> {
    let parsed = EnvFilter::try_new(filter).map_err(|_| InvalidFilter(filter.to_owned()))?;
    let builder = fmt().with_env_filter(parsed).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}
