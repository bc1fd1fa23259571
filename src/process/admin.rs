//! The port for probes and metrics.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Watches;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What `/readyz` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It is not known yet who leads.
    Starting,
    /// Another process leads, and this one can take over.
    StandingBy,
    /// This process leads, and has not seen all resources yet.
    Filling,
    /// This process leads and does its work.
    Leading,
}

impl Readiness {
    fn answer(self) -> (StatusCode, &'static str) {
        match self {
            Self::Starting => (StatusCode::SERVICE_UNAVAILABLE, "it is not known yet who holds the lease"),
            Self::StandingBy => (StatusCode::OK, "standing by"),
            Self::Filling => (StatusCode::SERVICE_UNAVAILABLE, "the caches are not filled yet"),
            Self::Leading => (StatusCode::OK, "ok"),
        }
    }
}

/// How far the process is, and whether it lives; shared with whoever knows.
#[derive(Clone, Debug)]
pub struct Health {
    readiness: Arc<Mutex<Readiness>>,
    watches: Watches,
}

impl Health {
    /// Of a process with these watches.
    #[must_use]
    pub fn new(watches: Watches) -> Self {
        Self { readiness: Arc::new(Mutex::new(Readiness::Starting)), watches }
    }

    /// From now on `/readyz` answers so.
    pub fn set(&self, readiness: Readiness) {
        *self.readiness.lock().unwrap_or_else(PoisonError::into_inner) = readiness;
    }

    fn get(&self) -> Readiness {
        *self.readiness.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves `/livez`, `/readyz` and `/metrics` (OpenMetrics) on all addresses until `shutdown`.
///
/// # Errors
/// When the port cannot be had, or the server fails.
pub async fn serve(port: u16, health: Health, registry: Registry, shutdown: CancellationToken) -> std::io::Result<()> {
    let listener = listen(port).await?;
    let router = Router::new()
        .route("/livez", get(livez).with_state(health.clone()))
        .route("/readyz", get(readyz).with_state(health))
        .route("/metrics", get(metrics).with_state(Arc::new(registry)));
    axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).await
}

/// IPv6 sockets take IPv4 too; some nodes have IPv6 switched off.
async fn listen(port: u16) -> std::io::Result<TcpListener> {
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
        Err(error) if error.kind() != ErrorKind::AddrInUse => TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await,
        other => other,
    }
}

async fn livez(State(health): State<Health>) -> Response {
    match health.watches.dead() {
        None => "ok".into_response(),
        Some((name, silence)) => {
            let problem = format!("nothing was heard of the watch of {name} for {} s", silence.as_secs());
            (StatusCode::SERVICE_UNAVAILABLE, problem).into_response()
        }
    }
}

async fn readyz(State(health): State<Health>) -> Response {
    health.get().answer().into_response()
}

async fn metrics(State(registry): State<Arc<Registry>>) -> Response {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
