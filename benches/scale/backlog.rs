//! A resource that comes while many others are waiting.

use std::time::{Duration, Instant};

use keycloak_user_operator::api::KeycloakUser;
use serde_json::json;

use crate::Plan;
use crate::converge::Converged;
use crate::operator::Running;
use crate::report::{self, Report};
use crate::stage::{Stage, is_ready};

const POLL: Duration = Duration::from_millis(50);
/// In seconds.
const GOAL: f64 = 5.0;

pub async fn bench(plan: &Plan, report: &mut Report) {
    report::headline(&format!("one resource more while {} accounts are being made", plan.users));
    let stage = Stage::set("backlog", plan.users, true).await;
    let operator = Running::start(plan, &stage);
    operator.until_synced(plan.users / 10).await;
    let spec = json!({ "username": "latecomer", "realmRoles": ["staff"], "groups": ["/staff"] });
    stage.world.user("latecomer", spec).await;
    let applied = Instant::now();
    let api = stage.world.api::<KeycloakUser>();
    while !is_ready(&api.get("latecomer").await.expect("the resource")) {
        tokio::time::sleep(POLL).await;
    }
    let (ready, waiting) = (applied.elapsed(), plan.users + 1 - stage.ready().await);
    let mut line = report.lines("backlog", plan.users);
    line.goal("a new resource Ready", ready.as_secs_f64(), "s", GOAL);
    line.figure("others that were still waiting then", waiting as f64, "");
    Converged { stage, operator }.clear().await;
}
