//! Stands between an operator and Keycloak, and holds one kind of request up.

use std::future::{IntoFuture, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::Response;

use crate::support::bed;

/// Where a request is held up for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// Before Keycloak sees it.
    Request,
    /// After Keycloak has carried it out.
    Answer,
}

/// What to do instead of passing on.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    Hold(Hold),
    Answer(u16, String),
}

/// A gate before the bed's Keycloak.
#[derive(Clone)]
pub(super) struct Gate(Arc<Inner>);

struct Inner {
    url: String,
    method: &'static str,
    path_ends_with: &'static str,
    trouble: Trouble,
    closed: AtomicBool,
    held: AtomicUsize,
    http: reqwest::Client,
}

impl Gate {
    /// Lets all pass until it is closed to requests of that kind.
    pub(super) async fn start(method: &'static str, path_ends_with: &'static str, trouble: Trouble) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (closed, held, http) = (AtomicBool::new(false), AtomicUsize::new(0), reqwest::Client::new());
        let gate = Self(Arc::new(Inner { url, method, path_ends_with, trouble, closed, held, http }));
        let inner = Arc::clone(&gate.0);
        let router = Router::new().fallback(move |request| pass(Arc::clone(&inner), request));
        tokio::spawn(axum::serve(listener, router).into_future());
        gate
    }

    pub(super) fn url(&self) -> &str {
        &self.0.url
    }

    pub(super) fn close(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
    }

    pub(super) fn open(&self) {
        self.0.closed.store(false, Ordering::SeqCst);
    }

    /// Requests that were in trouble so far.
    pub(super) fn held(&self) -> usize {
        self.0.held.load(Ordering::SeqCst)
    }
}

async fn pass(gate: Arc<Inner>, request: Request) -> Response {
    let (mut head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a body");
    let concerned = head.method.as_str() == gate.method && head.uri.path().ends_with(gate.path_ends_with);
    let in_trouble = concerned && gate.closed.load(Ordering::SeqCst);
    if in_trouble && let Trouble::Answer(status, text) = &gate.trouble {
        gate.held.fetch_add(1, Ordering::SeqCst);
        return answer(StatusCode::from_u16(*status).expect("a status"), text.clone());
    }
    if in_trouble && matches!(gate.trouble, Trouble::Hold(Hold::Request)) {
        gate.held.fetch_add(1, Ordering::SeqCst);
        pending::<()>().await;
    }
    head.headers.remove(header::HOST);
    let url = format!("{}{}", bed().keycloak_url(), head.uri);
    let sent = gate.http.request(head.method, url).headers(head.headers).body(body).send().await;
    let answered = sent.expect("Keycloak answers");
    let (status, headers) = (answered.status(), answered.headers().clone());
    let body = answered.bytes().await.expect("a body");
    if in_trouble {
        gate.held.fetch_add(1, Ordering::SeqCst);
        pending::<()>().await;
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let kept = headers.iter().filter(|(name, _)| **name != header::TRANSFER_ENCODING);
    response.headers_mut().extend(kept.map(|(name, value)| (name.clone(), value.clone())));
    response
}

fn answer(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}
