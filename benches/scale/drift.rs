//! How long it takes until what somebody changed in Keycloak is put right.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};

use crate::Plan;
use crate::converge::Converged;
use crate::edits::Edit;
use crate::realm::RealmClient;
use crate::report::{self, Report};

const EDITS: usize = 100;
/// So many people edit at one time.
const PEOPLE: usize = 4;
const POLL: Duration = Duration::from_millis(50);
/// Most of the 95th percentile, in seconds.
const GOAL: f64 = 3.0;

pub async fn bench(plan: &Plan, converged: &Converged, report: &mut Report) {
    report::headline(&format!("{EDITS} edits by hand among {} accounts", plan.users));
    let stage = &converged.stage;
    let keycloak = RealmClient::new(&stage.world.keycloak.realm);
    let (before, times) = (converged.operator.metrics().await, Mutex::new(Vec::with_capacity(EDITS)));
    let progress = report::progress("edits put right", EDITS);
    // Beside the accounts that the restart edits, and each one once.
    let places = fastrand::choose_multiple((0..plan.users).filter(|index| index % 2 == 1), EDITS);
    stream::iter(places.into_iter().enumerate())
        .for_each_concurrent(PEOPLE, async |(number, index)| {
            let edit = match Edit::of(number) {
                Edit::Password => Edit::Profile,
                other => other,
            };
            // Not all at the same moment of the operator's rhythm.
            tokio::time::sleep(Duration::from_millis(fastrand::u64(..2000))).await;
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
    let after = converged.operator.metrics().await;
    let mut times = times.into_inner().unwrap();
    times.sort_by(f64::total_cmp);
    let percentile = |percent: usize| times[times.len() * percent / 100];
    let mut line = report.lines("drift", plan.users);
    line.figure("until put right, p50", percentile(50), "s");
    line.goal("until put right, p95", percentile(95), "s", GOAL);
    line.figure("until put right, p99", percentile(99), "s");
    line.figure("requests for each edit", (after.requests() - before.requests()) as f64 / EDITS as f64, "");
}
