//! Lets requests through: as many as the server takes well, by turns of the lanes, and next to none while it does not
//! answer.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

use super::metrics::BudgetMetrics;
use super::{ErrorKind, KeycloakError, Operation};
use crate::domain::{Admission, BudgetChange, Lane, RequestBudget, RequestLimits, RequestOutcome, Ticket};

/// So many of each lane stand in one line, first come, first served: while both lanes are full, one request of five is of
/// the background, and nobody at the head of a lane waits for more than the line.
const CHANGES_IN_LINE: usize = 4;
const BACKGROUND_IN_LINE: usize = 1;

tokio::task_local! {
    static LANE: Lane;
}

/// Does work whose requests go by that lane; all others go by that of the background.
pub async fn in_lane<T>(lane: Lane, work: impl Future<Output = T>) -> T {
    LANE.scope(lane, work).await
}

/// Called when requests begin or cease to be refused.
pub(super) struct Notice(pub(super) Arc<dyn Fn() + Send + Sync>);

impl Notice {
    /// To nobody.
    pub(super) fn none() -> Self {
        Self(Arc::new(|| ()))
    }
}

impl fmt::Debug for Notice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Notice")
    }
}

/// The request budget of one connection.
#[derive(Debug)]
pub(super) struct Budget {
    /// Whose requests these are, for the log.
    name: String,
    state: Mutex<State>,
    changes: Semaphore,
    background: Semaphore,
    /// Held by the first in the line.
    first: tokio::sync::Mutex<()>,
    /// A request is over.
    over: Notify,
    began: Instant,
    metrics: BudgetMetrics,
    notice: Notice,
}

#[derive(Debug)]
struct State {
    budget: RequestBudget,
    /// Why requests are refused.
    cause: Option<KeycloakError>,
}

impl Budget {
    pub(super) fn new(name: String, limits: RequestLimits, metrics: BudgetMetrics, notice: Notice) -> Self {
        Self {
            name,
            state: Mutex::new(State { budget: RequestBudget::new(limits), cause: None }),
            changes: Semaphore::new(CHANGES_IN_LINE),
            background: Semaphore::new(BACKGROUND_IN_LINE),
            first: tokio::sync::Mutex::default(),
            over: Notify::new(),
            began: Instant::now(),
            metrics,
            notice,
        }
    }

    /// Fails where a request would fail, without asking for one.
    ///
    /// # Errors
    /// When none may be sent for a while.
    pub(super) fn check(&self, operation: Operation) -> Result<(), KeycloakError> {
        let refused = self.lock().budget.refused(self.began.elapsed());
        refused.map_or(Ok(()), |wait| Err(self.refusal(operation, wait)))
    }

    /// Waits until a request may be sent, in the lane of the task.
    ///
    /// # Errors
    /// When it may not be sent for a while.
    pub(super) async fn admit(&self, operation: Operation) -> Result<Permit<'_>, KeycloakError> {
        let lane = match LANE.try_with(|lane| *lane).unwrap_or(Lane::Background) {
            Lane::Changes => &self.changes,
            Lane::Background => &self.background,
        };
        let _place = lane.acquire().await;
        let _turn = self.first.lock().await;
        loop {
            let asked = self.lock().budget.ask(self.began.elapsed());
            match asked {
                Admission::Now(ticket) => {
                    self.metrics.in_flight.inc();
                    return Ok(Permit { budget: self, ticket });
                }
                Admission::Later(wait) => sleep(wait).await,
                Admission::Full => self.over.notified().await,
                Admission::Refused(wait) => return Err(self.refusal(operation, wait)),
            }
        }
    }

    fn refusal(&self, operation: Operation, wait: Duration) -> KeycloakError {
        self.metrics.refused.inc();
        let cause = self.lock().cause.clone();
        let cause = cause.unwrap_or(KeycloakError { operation, kind: ErrorKind::Throttled(None) });
        KeycloakError { operation: cause.operation, kind: ErrorKind::NotSent { cause: Box::new(cause.kind), wait } }
    }

    fn answered(&self, ticket: &Ticket, outcome: RequestOutcome, error: Option<&KeycloakError>) {
        let change = {
            let mut state = self.lock();
            let change = state.budget.answered(ticket, self.began.elapsed(), outcome);
            if matches!(change, Some(BudgetChange::Broken | BudgetChange::Paused)) {
                state.cause = error.cloned();
            }
            change
        };
        let (connection, error) = (&self.name, error.map(ToString::to_string));
        match change {
            Some(BudgetChange::Broken) => {
                warn!(
                    connection,
                    error, "Keycloak does not answer: one request is tried now and then, all others wait"
                );
                self.metrics.breakers_open.inc();
                (self.notice.0)();
            }
            Some(BudgetChange::Mended) => {
                info!(connection, "Keycloak answers again");
                self.metrics.breakers_open.dec();
                (self.notice.0)();
            }
            Some(BudgetChange::Paused) => warn!(connection, error, "Keycloak asks for a pause"),
            Some(BudgetChange::Lowered) => {
                debug!(connection, error, "Keycloak is sent fewer requests");
                self.metrics.slowdowns.inc();
            }
            None => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        if self.lock().budget.is_broken() {
            self.metrics.breakers_open.dec();
        }
    }
}

/// One request of the budget, with the login that it may need.
pub(super) struct Permit<'a> {
    budget: &'a Budget,
    ticket: Ticket,
}

impl Permit<'_> {
    /// Counts a request beside the one that was asked for.
    pub(super) fn one_more(&self) {
        self.budget.lock().budget.spend(self.budget.began.elapsed());
    }

    /// Notes what became of a request that took this time.
    pub(super) fn note(&self, error: Option<&KeycloakError>, time: Duration) {
        if let Some(outcome) = outcome_of(error.map(|error| &error.kind), time) {
            self.budget.answered(&self.ticket, outcome, error);
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.budget.lock().budget.over(&self.ticket);
        self.budget.metrics.in_flight.dec();
        self.budget.over.notify_one();
    }
}

/// What a request says of the server; nothing if it was not sent.
fn outcome_of(error: Option<&ErrorKind>, time: Duration) -> Option<RequestOutcome> {
    let Some(error) = error else {
        return Some(RequestOutcome::After(time));
    };
    Some(match error {
        ErrorKind::ForbiddenAddress | ErrorKind::Fenced | ErrorKind::NotSent { .. } => return None,
        // The last three are what a gateway says that reaches no server.
        ErrorKind::Unreachable(_) | ErrorKind::Timeout(_) | ErrorKind::Server(502..=504) => RequestOutcome::NoAnswer,
        ErrorKind::Throttled(pause) => RequestOutcome::TooMany(*pause),
        ErrorKind::CredentialsRefused(_)
        | ErrorKind::Forbidden(_)
        | ErrorKind::RealmNotFound
        | ErrorKind::NotFound
        | ErrorKind::NoSuchObject
        | ErrorKind::Conflict(_)
        | ErrorKind::Rejected(_)
        | ErrorKind::PasswordRejected(_)
        | ErrorKind::PasswordInHistory
        | ErrorKind::Server(_)
        | ErrorKind::Unexpected(_) => RequestOutcome::After(time),
    })
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
