//! Keycloak is away for two minutes, in which every account falls due.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::Plan;
use crate::converge::Converged;
use crate::operator::Running;
use crate::report::{self, Report};
use crate::support::{Door, FaultProxy, Ledger};

const OUTAGE: Duration = Duration::from_secs(120);

pub async fn bench(plan: &Plan, Converged { stage, operator }: Converged, report: &mut Report) -> Converged {
    report::headline(&format!("Keycloak away for two minutes with {} accounts", plan.users));
    operator.stop().await;
    let proxy = FaultProxy::before_keycloak("operator", &Ledger::default());
    let sync = json!({ "events": "Follow", "sweepInterval": "1m" });
    stage.world.connection("default", json!({ "url": proxy.url(), "sync": sync })).await;
    let operator = Running::start(plan, &stage);
    operator.until_synced(plan.users).await;
    let before = operator.metrics().await.requests();
    proxy.set_door(Door::Shut).await;
    tokio::time::sleep(OUTAGE).await;
    let tried = operator.metrics().await.requests() - before;
    let waiting = plan.users - stage.ready().await;
    proxy.set_door(Door::Open).await;
    let opened = Instant::now();
    operator.until_synced(plan.users).await;
    let mut line = report.lines("outage", plan.users);
    line.figure("requests during the outage", tried as f64, "");
    line.figure("accounts not Ready at its end", waiting as f64, "");
    line.figure("until all are Ready afterwards", opened.elapsed().as_secs_f64(), "s");
    operator.stop().await;
    stage.world.connection("default", json!({ "sync": { "events": "Follow" } })).await;
    let operator = Running::start(plan, &stage);
    Converged { stage, operator }
}
