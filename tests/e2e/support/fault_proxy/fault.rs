//! The trouble that a proxy can make.

use std::fmt;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use tokio::sync::watch;

use super::Call;

/// What becomes of a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The proxy answers, and the server never hears of it.
    Answer(Answer),
    /// The server has done it; half of its answer arrives, then the connection is reset.
    CutAnswer,
    /// The server has done it; the connection is reset without an answer.
    LoseAnswer,
    /// Taken, and never answered; the server never hears of it.
    Silence,
    /// The server has done it, and goes on as it likes; nothing of its answer arrives while this is true.
    Withhold(watch::Receiver<bool>),
    /// The operator is killed.
    Crash(Moment, Kill),
}

/// When the operator is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The server has not heard of the request.
    Before,
    /// The server has done it, and the answer was not delivered.
    Unanswered,
    /// The answer has arrived.
    After,
}

/// Kills the operator; when it returns, the process is gone.
#[derive(Clone)]
pub struct Kill(Arc<dyn Fn() + Send + Sync>);

impl Kill {
    pub fn by(kill: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(kill))
    }

    pub(super) fn now(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Kill {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Kill")
    }
}

/// An answer of the proxy's own.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    body: String,
}

impl Answer {
    /// One that says nothing but its status.
    pub fn bare(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }

    pub fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    pub fn with_body(mut self, type_: &'static str, body: impl Into<String>) -> Self {
        self.body = body.into();
        self.with_header("content-type", type_)
    }

    pub(super) fn into_response(self) -> Response {
        let builder = Response::builder().status(self.status);
        let builder = self.headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
        builder.body(Body::from(self.body)).expect("a response")
    }
}

/// A fault for the requests that it concerns, until it has happened so often.
pub(super) struct Rule {
    pub(super) concerns: Box<dyn Fn(&Call) -> bool + Send>,
    pub(super) fault: Fault,
    pub(super) left: usize,
}
