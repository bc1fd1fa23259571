//! What the operator takes of the machine.

use std::time::Duration;

use crate::Plan;
use crate::converge::Converged;
use crate::operator::{Running, writes};
use crate::report::{self, Report};
use crate::stage::Stage;

const IDLE: Duration = Duration::from_secs(60);

/// MiB resident: 80 with 10,000 accounts, 500 with 100,000, and what lies between them.
fn most_memory(users: usize) -> f64 {
    if users <= 10_000 { 80.0 } else { 80.0 + 420.0 * (users - 10_000) as f64 / 90_000.0 }
}

/// Of an operator that has just made its accounts, and of one that finds them as they are to be.
pub async fn bench(plan: &Plan, Converged { stage, operator }: Converged, report: &mut Report) -> Converged {
    after_convergence(plan, &stage, &operator, report).await;
    operator.stop().await;
    let operator = Running::start(plan, &stage);
    operator.until_settled(plan.users).await;
    let mut line = report.lines("resources", plan.users);
    line.figure("resident at most, at a start", operator.memory("VmHWM"), "MiB");
    line.figure("resident after a start", operator.memory("VmRSS"), "MiB");
    Converged { stage, operator }
}

async fn after_convergence(plan: &Plan, stage: &Stage, operator: &Running, report: &mut Report) {
    report::headline(&format!("memory and processor with {} accounts", plan.users));
    let (before, processor, written) = (operator.metrics().await, operator.processor_time(), writes(stage).await);
    tokio::time::sleep(IDLE).await;
    let idle = operator.metrics().await;
    let mut line = report.lines("resources", plan.users);
    line.goal("resident after convergence", operator.memory("VmRSS"), "MiB", most_memory(plan.users));
    line.figure("resident at most, until convergence", operator.memory("VmHWM"), "MiB");
    line.figure("processor time for 1,000 passes", processor * 1000.0 / before.passes() as f64, "s");
    line.figure("processor time of an idle minute", operator.processor_time() - processor, "s");
    line.figure("requests of an idle minute", (idle.requests() - before.requests()) as f64, "");
    line.goal("writes of an idle minute", (writes(stage).await - written) as f64, "", 0.0);
}
