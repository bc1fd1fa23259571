//! Leader election: of several processes, the one that holds the Lease works.
//!
//! Nobody compares clocks with anybody: who waits for a lease to run out counts from when it saw the lease change, who
//! holds it counts from before it asked for the renewal. Each write names the version that was read, so that of two
//! who take the lease at once one is refused, and a holder who was late finds out.

mod election;
mod metrics;
mod tenure;

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub use metrics::LeaderMetrics;
pub use tenure::Tenure;

use election::Rival;

/// How long a lease is held after a renewal: the longest request to Keycloak, and time for renewals that fail.
const LEASE_DURATION: Duration = Duration::from_secs(20);
/// How often the lease is renewed, or looked at by those who wait for it.
const INTERVAL: Duration = Duration::from_secs(2);
/// Longest time for one request; a holder can miss one renewal and go on.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);

/// Takes part in the election.
pub struct Candidate {
    api: Api<Lease>,
    lease: String,
    identity: String,
    metrics: LeaderMetrics,
}

/// Holds the lease.
pub struct Leader {
    candidate: Candidate,
    lease: Lease,
    tenure: Tenure,
}

/// Another process holds the lease.
#[derive(Debug, thiserror::Error)]
#[error("the lease {0} is not ours any more; the process ends, to be started anew")]
pub struct LeadershipLost(String);

#[derive(Debug, thiserror::Error)]
enum RequestError {
    #[error(transparent)]
    Kubernetes(#[from] kube::Error),
    #[error("no answer within {} s", REQUEST_LIMIT.as_secs())]
    TimedOut(#[from] tokio::time::error::Elapsed),
}

impl RequestError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Kubernetes(kube::Error::Api(status)) if status.code == 409)
    }
}

impl Candidate {
    /// `identity` is the name of the pod: who has it already may go on with a lease that an earlier process left.
    #[must_use]
    pub fn new(client: Client, namespace: &str, lease: String, identity: String, metrics: LeaderMetrics) -> Self {
        Self { api: Api::namespaced(client, namespace), lease, identity, metrics }
    }

    /// Waits until the lease is ours. `standing_by` is called whenever another process is seen to hold it.
    pub async fn elected(self, standing_by: impl Fn()) -> Leader {
        let mut rival = None;
        loop {
            match self.attempt(&mut rival).await {
                Ok(Some((lease, tenure))) => {
                    info!(lease = self.lease, identity = self.identity, "leading");
                    self.metrics.leads(true);
                    return Leader { candidate: self, lease, tenure };
                }
                Ok(None) => standing_by(),
                Err(error) => warn!(lease = self.lease, %error, "the lease cannot be read or taken"),
            }
            sleep(INTERVAL).await;
        }
    }

    /// Takes the lease if it is free; `None` if another process has it.
    async fn attempt(&self, rival: &mut Option<Rival>) -> Result<Option<(Lease, Tenure)>, RequestError> {
        let found = timeout(REQUEST_LIMIT, self.api.get_opt(&self.lease)).await??;
        let before = rival.as_ref().map(|rival| rival.holder().to_owned());
        *rival = election::observe(rival.take(), found.as_ref(), &self.identity, Instant::now());
        if let Some(rival) = rival.as_ref().filter(|rival| !rival.is_over(Instant::now())) {
            if before.as_deref() != Some(rival.holder()) {
                info!(lease = self.lease, holder = rival.holder(), "standing by");
            }
            return Ok(None);
        }
        let taken = election::taken(found, &self.lease, &self.identity, LEASE_DURATION, Timestamp::now());
        let asked = tenure::Moment::now();
        match self.write(&taken).await {
            Ok(lease) => Ok(Some((lease, Tenure::from(asked, LEASE_DURATION)))),
            Err(error) if error.is_conflict() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the lease on the condition that it is still the one that was read.
    async fn write(&self, lease: &Lease) -> Result<Lease, RequestError> {
        let params = PostParams { field_manager: Some(env!("CARGO_PKG_NAME").to_owned()), ..PostParams::default() };
        let written = async {
            match lease.metadata.resource_version {
                Some(_) => self.api.replace(&self.lease, &params, lease).await,
                None => self.api.create(&params, lease).await,
            }
        };
        Ok(timeout(REQUEST_LIMIT, written).await??)
    }
}

impl Leader {
    /// How long the lease is sure to be ours; follows the renewals.
    #[must_use]
    pub fn tenure(&self) -> Tenure {
        self.tenure.clone()
    }

    /// Renews the lease until `stop`, then gives it back.
    ///
    /// A renewal that fails is tried again for as long as nobody else takes the lease.
    ///
    /// # Errors
    /// When somebody else has taken it.
    pub async fn keep(mut self, stop: CancellationToken) -> Result<(), LeadershipLost> {
        while stop.run_until_cancelled(sleep(INTERVAL)).await.is_some() {
            match stop.run_until_cancelled(self.renew()).await {
                None | Some(Ok(true)) => {}
                Some(Ok(false)) => {
                    self.candidate.metrics.leads(false);
                    return Err(LeadershipLost(self.candidate.lease));
                }
                Some(Err(error)) => self.not_renewed(&error),
            }
        }
        self.release().await;
        Ok(())
    }

    /// True: it is still ours.
    async fn renew(&mut self) -> Result<bool, RequestError> {
        let asked = tenure::Moment::now();
        match self.candidate.write(&election::renewed(self.lease.clone(), Timestamp::now())).await {
            Ok(lease) => {
                self.lease = lease;
                self.tenure.extend(asked, LEASE_DURATION);
                self.candidate.metrics.leads(true);
                Ok(true)
            }
            Err(RequestError::Kubernetes(kube::Error::Api(status))) if matches!(status.code, 404 | 409) => {
                self.look_again().await
            }
            Err(error) => Err(error),
        }
    }

    /// The version is another one: somebody took the lease, or only touched it, or the answer to a renewal was lost.
    async fn look_again(&mut self) -> Result<bool, RequestError> {
        let found = timeout(REQUEST_LIMIT, self.candidate.api.get_opt(&self.candidate.lease)).await??;
        let ours = found.filter(|found| election::is_same_term(found, &self.lease));
        let still_ours = ours.is_some();
        self.lease = ours.unwrap_or_else(|| self.lease.clone());
        Ok(still_ours)
    }

    fn not_renewed(&self, error: &RequestError) {
        let leads = self.tenure.outlives(Duration::ZERO);
        self.candidate.metrics.leads(leads);
        self.candidate.metrics.count_failure();
        warn!(lease = self.candidate.lease, %error, leads, "the lease cannot be renewed; no change is begun that it may not outlive");
    }

    /// Failing that, it runs out.
    async fn release(self) {
        self.candidate.metrics.leads(false);
        match self.candidate.write(&election::released(self.lease)).await {
            Ok(_) => info!(lease = self.candidate.lease, "gave the lease back"),
            Err(error) => warn!(lease = self.candidate.lease, %error, "the lease cannot be given back; it runs out"),
        }
    }
}
