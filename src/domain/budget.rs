//! How many requests a server is sent: as many as it takes well, and next to none while it does not answer.
//!
//! Times are counted from any moment that stays the same; the clock is the caller's.

use std::time::Duration;

/// After so many requests in a row without an answer no more are sent, but for one that is tried now and then.
const FAILURES_IN_A_ROW: u32 = 5;
/// So long until the first of those,
const FIRST_PROBE: Duration = Duration::from_secs(1);
/// and so long at most between two of them.
const LONGEST_PROBE: Duration = Duration::from_secs(15);
/// A pause that ends within this time is waited for; whoever meets a longer one is told.
const PATIENCE: Duration = Duration::from_secs(5);
/// An answer that takes at least this, and so many times as long as the best one, is slow.
const SLOW: Duration = Duration::from_secs(1);
const SLOW_RATIO: u32 = 8;
/// By such a part of it the best time grows with each answer, so that a server may become slower for good.
const FORGETTING: u32 = 1024;
/// The pace is never less than such a part of the limit, or than one request per second.
const LOWEST_PART: u32 = 128;
/// A thousandth of a request per second, in which the pace is counted: a second has so many.
const UNIT: u32 = 1000;
/// By so much the pace grows with each answer that came in good time: half a request per second.
const GROWTH: u32 = 500;
/// Requests may catch up on so much time in which none was made.
const BURST: Duration = Duration::from_millis(100);

/// For whom a request is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// For a resource that is new, was changed, or is being deleted: somebody waits.
    Changes,
    /// For everything that is looked at without a change of its own.
    Background,
}

/// Most requests of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// At one time.
    pub in_flight: u16,
    /// In a second.
    pub per_second: u16,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self { in_flight: 16, per_second: 1000 }
    }
}

/// Whether a request may be sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission {
    /// Now; what becomes of it is told by this.
    Now(Ticket),
    /// When this time has passed, if nothing happens before.
    Later(Duration),
    /// When another one is over.
    Full,
    /// Not before this time has passed: the server does not answer, or has asked for a pause.
    Refused(Duration),
}

/// A request that was admitted.
#[derive(Debug, PartialEq, Eq)]
pub struct Ticket {
    /// How often the pace had been lowered when it was sent.
    lowered: u64,
    /// It is the one that is tried while the server does not answer.
    probe: bool,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestOutcome {
    /// An answer, after this time.
    After(Duration),
    /// The server asks for fewer requests, and for a pause if it names a time.
    TooMany(Option<Duration>),
    /// None, or that of a gateway which reaches no server.
    NoAnswer,
}

/// What has changed with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetChange {
    /// From now on requests are refused, but for one that is tried now and then.
    Broken,
    /// The server answers again.
    Mended,
    /// The server has asked for a pause.
    Paused,
    /// Fewer requests are sent from now on.
    Lowered,
}

/// Whether the server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Breaker {
    Closed { failures: u32 },
    Open { until: Duration, wait: Duration, probing: bool },
}

/// The requests of one connection.
#[derive(Debug)]
pub struct RequestBudget {
    limits: RequestLimits,
    /// In units per second.
    pace: u32,
    lowered: u64,
    best: Option<Duration>,
    in_flight: u32,
    /// When the next request would be sent if all came at an equal distance.
    next: Duration,
    paused_until: Duration,
    breaker: Breaker,
}

impl RequestBudget {
    /// A server of which nothing is known yet, and that is trusted to take as much as the limits allow.
    #[must_use]
    pub fn new(limits: RequestLimits) -> Self {
        let limits = RequestLimits { in_flight: limits.in_flight.max(1), per_second: limits.per_second.max(1) };
        Self {
            limits,
            pace: u32::from(limits.per_second) * UNIT,
            lowered: 0,
            best: None,
            in_flight: 0,
            next: Duration::ZERO,
            paused_until: Duration::ZERO,
            breaker: Breaker::Closed { failures: 0 },
        }
    }

    /// Most requests at one time, as things are.
    #[must_use]
    pub fn in_flight_limit(&self) -> u32 {
        let share = u64::from(self.limits.in_flight) * u64::from(self.pace);
        u32::try_from(share.div_ceil(u64::from(self.highest()))).unwrap_or(u32::MAX).max(1)
    }

    /// Whether the server does not answer.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        matches!(self.breaker, Breaker::Open { .. })
    }

    /// For how long every request is refused, if they are.
    #[must_use]
    pub fn refused(&self, now: Duration) -> Option<Duration> {
        match self.breaker {
            Breaker::Open { until, probing, .. } => {
                (probing || now < until).then(|| until.saturating_sub(now).max(FIRST_PROBE))
            }
            Breaker::Closed { .. } => Some(self.paused_until.saturating_sub(now)).filter(|pause| *pause > PATIENCE),
        }
    }

    /// Asks for one more request.
    pub fn ask(&mut self, now: Duration) -> Admission {
        if let Some(wait) = self.refused(now) {
            return Admission::Refused(wait);
        }
        if let Breaker::Open { probing, .. } = &mut self.breaker {
            *probing = true;
            self.in_flight += 1;
            return Admission::Now(Ticket { lowered: self.lowered, probe: true });
        }
        let pause = self.paused_until.saturating_sub(now);
        if self.in_flight >= self.in_flight_limit() {
            return Admission::Full;
        }
        let early = pause.max(self.next.saturating_sub(now.saturating_add(BURST)));
        if !early.is_zero() {
            return Admission::Later(early);
        }
        self.in_flight += 1;
        self.spend(now);
        Admission::Now(Ticket { lowered: self.lowered, probe: false })
    }

    /// Counts a request against the pace, whether it was asked for or not.
    pub fn spend(&mut self, now: Duration) {
        self.next = self.next.max(now).saturating_add(Duration::from_secs(u64::from(UNIT)) / self.pace.max(1));
    }

    /// Notes what became of a request.
    pub fn answered(&mut self, ticket: &Ticket, now: Duration, outcome: RequestOutcome) -> Option<BudgetChange> {
        match outcome {
            RequestOutcome::NoAnswer => self.unanswered(ticket, now),
            RequestOutcome::After(_) | RequestOutcome::TooMany(_) if self.is_broken() => {
                self.breaker = Breaker::Closed { failures: 0 };
                // What has waited comes back little by little.
                self.pace = self.lowest();
                if let RequestOutcome::TooMany(pause) = outcome {
                    self.pause(now, pause);
                }
                Some(BudgetChange::Mended)
            }
            RequestOutcome::TooMany(pause) => {
                self.breaker = Breaker::Closed { failures: 0 };
                let lowered = self.lower(ticket);
                self.pause(now, pause).or(lowered)
            }
            RequestOutcome::After(time) => {
                self.breaker = Breaker::Closed { failures: 0 };
                if self.is_slow(time) {
                    return self.lower(ticket);
                }
                self.pace = self.pace.saturating_add(GROWTH).min(self.highest());
                None
            }
        }
    }

    /// A request is over, whether anything was noted of it or not.
    pub fn over(&mut self, ticket: &Ticket) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Breaker::Open { probing, .. } = &mut self.breaker
            && ticket.probe
        {
            *probing = false;
        }
    }

    fn unanswered(&mut self, ticket: &Ticket, now: Duration) -> Option<BudgetChange> {
        match &mut self.breaker {
            Breaker::Closed { failures } => {
                *failures += 1;
                if *failures >= FAILURES_IN_A_ROW {
                    let until = now.saturating_add(FIRST_PROBE);
                    self.breaker = Breaker::Open { until, wait: FIRST_PROBE, probing: false };
                    self.lower(ticket);
                    return Some(BudgetChange::Broken);
                }
                self.lower(ticket)
            }
            Breaker::Open { until, wait, .. } => {
                // One that was sent before says nothing new.
                if ticket.probe {
                    *wait = wait.saturating_mul(2).min(LONGEST_PROBE);
                    *until = now.saturating_add(*wait);
                }
                None
            }
        }
    }

    fn pause(&mut self, now: Duration, pause: Option<Duration>) -> Option<BudgetChange> {
        let until = now.saturating_add(pause?);
        let is_new = self.paused_until <= now;
        self.paused_until = self.paused_until.max(until);
        is_new.then_some(BudgetChange::Paused)
    }

    /// Halves the pace; requests that were sent at an earlier pace say nothing of the present one.
    fn lower(&mut self, ticket: &Ticket) -> Option<BudgetChange> {
        if ticket.lowered != self.lowered {
            return None;
        }
        self.lowered += 1;
        self.pace = (self.pace / 2).max(self.lowest());
        Some(BudgetChange::Lowered)
    }

    fn is_slow(&mut self, time: Duration) -> bool {
        let best = self.best.map_or(time, |best| time.min(best.saturating_add(best / FORGETTING)));
        self.best = Some(best);
        time >= SLOW.max(best.saturating_mul(SLOW_RATIO))
    }

    fn highest(&self) -> u32 {
        u32::from(self.limits.per_second) * UNIT
    }

    fn lowest(&self) -> u32 {
        (self.highest() / LOWEST_PART).max(UNIT)
    }
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
