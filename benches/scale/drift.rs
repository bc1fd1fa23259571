//! How long it takes until what somebody changed in Keycloak is put right.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use serde_json::json;

use crate::Plan;
use crate::converge::Converged;
use crate::edits::Edit;
use crate::realm::RealmClient;
use crate::report::{self, Report};
use crate::stage::Stage;

const EDITS: usize = 100;
/// So many people edit at one time.
const PEOPLE: usize = 4;
/// Not all edits are made at the same moment of the operator's rhythm.
const RHYTHM: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(50);
/// Most of the 95th percentile, in seconds.
const GOAL: f64 = 3.0;
/// With the feeds off, each for itself at some moment between two periodic checks.
const UNSEEN_EDITS: usize = 40;
const SWEEP: Duration = Duration::from_secs(120);

pub async fn bench(plan: &Plan, converged: &Converged, report: &mut Report) {
    report::headline(&format!("{EDITS} edits by hand among {} accounts", plan.users));
    let before = converged.operator.metrics().await;
    let times = edit(plan, &converged.stage, EDITS, PEOPLE, RHYTHM).await;
    let after = converged.operator.metrics().await;
    let mut line = report.lines("drift", plan.users);
    line.figure("until put right, p50", percentile(&times, 50), "s");
    line.goal("until put right, p95", percentile(&times, 95), "s", GOAL);
    line.figure("until put right, p99", percentile(&times, 99), "s");
    line.figure("requests for each edit", (after.requests() - before.requests()) as f64 / EDITS as f64, "");
    without_feeds(plan, converged, report).await;
}

async fn without_feeds(plan: &Plan, converged: &Converged, report: &mut Report) {
    report::headline(&format!("{UNSEEN_EDITS} edits by hand that no feed tells of"));
    let (stage, operator) = (&converged.stage, &converged.operator);
    stage.world.connection("default", json!({ "sync": { "events": "Ignore", "sweepInterval": "2m" } })).await;
    operator.until_settled(plan.users).await;
    let before = operator.metrics().await.requests();
    let times = edit(plan, stage, UNSEEN_EDITS, UNSEEN_EDITS, SWEEP).await;
    let asked = operator.metrics().await.requests() - before;
    stage.world.connection("default", json!({ "sync": { "events": "Follow" } })).await;
    stage.world.until_positions().await;
    operator.until_settled(plan.users).await;
    let mut line = report.lines("drift", plan.users);
    line.goal("until put right without feeds, p95", percentile(&times, 95), "s", SWEEP.as_secs_f64());
    line.figure("requests for all of them without feeds", asked as f64, "");
}

/// Makes so many edits; the times in seconds until each was put right, the shortest first.
async fn edit(plan: &Plan, stage: &Stage, edits: usize, people: usize, rhythm: Duration) -> Vec<f64> {
    let keycloak = RealmClient::new(&stage.world.keycloak.realm);
    let times = Mutex::new(Vec::with_capacity(edits));
    let progress = report::progress("edits put right", edits);
    // Beside the accounts that the restart edits, and each one once.
    let places = fastrand::choose_multiple((0..plan.users).filter(|index| index % 2 == 1), edits);
    stream::iter(places.into_iter().enumerate())
        .for_each_concurrent(people, async |(number, index)| {
            let edit = match Edit::of(number) {
                Edit::Password => Edit::Profile,
                other => other,
            };
            tokio::time::sleep(rhythm.mul_f64(fastrand::f64())).await;
            let made = edit.make(stage, index).await;
            let edited = Instant::now();
            while !made.is_put_right(&keycloak).await {
                tokio::time::sleep(POLL).await;
            }
            times.lock().unwrap().push(edited.elapsed().as_secs_f64());
            progress.inc(1);
        })
        .await;
    progress.finish_and_clear();
    let mut times = times.into_inner().unwrap();
    times.sort_by(f64::total_cmp);
    times
}

fn percentile(times: &[f64], percent: usize) -> f64 {
    times[times.len() * percent / 100]
}
