//! Waits until this process leads, works, and hands over.

use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

use super::Failure;
use crate::controller::{self, Ended, Settings};
use crate::keycloak::Fence;
use crate::process::{Candidate, Health, Leader, LeaderMetrics, Readiness};

/// The metrics of the whole process.
#[derive(Clone, Debug, Default)]
pub(super) struct Metrics {
    pub(super) controller: controller::Metrics,
    pub(super) leader: LeaderMetrics,
}

impl Metrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        self.controller.register(registry);
        self.leader.register(registry);
    }
}

/// Stands by until the lease is ours, and then runs the controller until `shutdown`.
pub(super) async fn lead(
    candidate: Candidate,
    client: kube::Client,
    settings: impl FnOnce(Fence) -> Settings,
    metrics: controller::Metrics,
    health: Health,
    shutdown: CancellationToken,
) -> Result<(), Failure> {
    let elected = candidate.elected(|| health.set(Readiness::StandingBy));
    let Some(leader) = shutdown.run_until_cancelled(elected).await else {
        return Ok(());
    };
    health.set(Readiness::Filling);
    let tenure = leader.tenure();
    let settings = settings(Fence::new(move |longest| tenure.outlives(longest)));
    let ready = move || health.set(Readiness::Leading);
    Box::pin(work(leader, controller::run(client, settings, metrics, ready, shutdown))).await
}

/// Works for as long as the lease is ours. It is given back when no request is under way any more; else it runs out.
async fn work(
    leader: Leader,
    controller: impl Future<Output = Result<Ended, controller::RunError>>,
) -> Result<(), Failure> {
    let stop = CancellationToken::new();
    let mut kept = std::pin::pin!(leader.keep(stop.clone()));
    let ended = tokio::select! {
        ended = controller => ended?,
        kept = &mut kept => return kept.map_err(Into::into),
    };
    if ended == Ended::Finished {
        stop.cancel();
        kept.await?;
    }
    Ok(())
}
