//! Accounts of resources that were applied before the operator starts, against a bare loop that makes them.

use crate::Plan;
use crate::bare_loop;
use crate::operator::{Running, writes};
use crate::report::{self, Report};
use crate::stage::Stage;

/// So many accounts let the servers reach their speed.
const WARM_UP: usize = 1000;
/// Keycloak takes 44 ms of a core to hash a password.
const MOST_WITH_PASSWORDS: usize = 10_000;
/// Most of the time of the bare loop.
const RATIO: f64 = 1.15;

/// An operator whose accounts are as declared.
pub struct Converged {
    pub stage: Stage,
    pub operator: Running,
}

impl Converged {
    pub async fn without_yardstick(plan: &Plan) -> Self {
        report::headline(&format!("{} accounts to look at", plan.users));
        let stage = Stage::set("scale", plan.users, plan.users <= MOST_WITH_PASSWORDS).await;
        let operator = Running::start(plan, &stage);
        operator.until_synced(plan.users).await;
        operator.until_settled(plan.users).await;
        Self { stage, operator }
    }

    pub async fn clear(self) {
        self.operator.stop().await;
        self.stage.clear().await;
    }
}

/// A server that has just started is several times slower.
pub async fn warm_up(connections: u16) {
    report::headline("warming the servers up");
    let stage = Stage::set("warm-up", WARM_UP, true).await;
    bare_loop::run(&stage, connections).await;
    stage.clear().await;
}

pub async fn bench(plan: &Plan, passwords: bool, report: &mut Report) -> Converged {
    let with = if passwords { "with passwords" } else { "without passwords" };
    report::headline(&format!("{} accounts {with}", plan.users));
    let yardstick = Stage::set("loop", plan.users, passwords).await;
    let before = writes(&yardstick).await;
    let bare = bare_loop::run(&yardstick, plan.concurrency).await;
    let bare_writes = writes(&yardstick).await - before;
    yardstick.clear().await;

    let stage = Stage::set("scale", plan.users, passwords).await;
    let before = writes(&stage).await;
    let operator = Running::start(plan, &stage);
    let time = operator.until_synced(plan.users).await;
    let processor = operator.processor_time();
    operator.until_settled(plan.users).await;
    let (metrics, written) = (operator.metrics().await, writes(&stage).await - before);
    assert_eq!(stage.ready().await, plan.users, "Ready, as the API server has them");
    report.remark(&metrics.by_operation());

    let each = |count: usize| count as f64 / plan.users as f64;
    let milliseconds = |seconds: f64| 1000.0 * seconds / plan.users as f64;
    let speed = |time: std::time::Duration| plan.users as f64 / time.as_secs_f64();
    let mut line = report.lines("converge", plan.users);
    line.figure(&format!("bare loop {with}"), speed(bare.time), "users/s");
    line.figure(&format!("operator {with}"), speed(time), "users/s");
    let ratio = time.as_secs_f64() / bare.time.as_secs_f64();
    line.goal(&format!("time {with}"), ratio, "× the bare loop", RATIO);
    line.figure(&format!("processor time, bare loop {with}"), milliseconds(bare.processor), "ms a user");
    line.figure(&format!("processor time, operator {with}"), milliseconds(processor), "ms a user");
    line.figure(&format!("requests, bare loop {with}"), each(bare.requests), "a user");
    line.figure(&format!("requests, operator {with}"), each(metrics.requests()), "a user");
    line.figure(&format!("API writes, bare loop {with}"), each(bare_writes), "a user");
    line.goal(&format!("API writes, operator {with}"), each(written), "a user", each(bare_writes));
    Converged { stage, operator }
}
