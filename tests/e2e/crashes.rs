//! The crash sweep: the operator is killed before, during and after every write of some workloads, is started again, and
//! ends where a run without a crash ends, with the same admin events.
//!
//! The writes are found in the ledger of a clean run. Each plan has a world of its own, so that many run at one time.

mod state;
mod workload;

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt};

use crate::support::{Moment, in_world};

use state::differences;
use workload::{Ending, Interruption, WORKLOADS, Workload, Write};

/// So many worlds at one time: each has two or three processes of the operator, one after the other.
const AT_ONCE: usize = 6;
const MOMENTS: [Moment; 3] = [Moment::Before, Moment::Unanswered, Moment::After];

/// A workload with one crash.
#[derive(Clone, Debug)]
struct Plan {
    workload: Workload,
    crash: Interruption,
}

impl Plan {
    fn name(&self) -> String {
        format!("{:?}: killed {:?} {}", self.workload, self.crash.moment, self.crash.write)
    }
}

/// Runs a workload in a world of its own; `None` if it panicked, which has been printed.
async fn ending(workload: Workload, crash: Option<Interruption>) -> Option<Ending> {
    let mut ending = None;
    let realm = serde_json::json!({ "editUsernameAllowed": true });
    let name = format!("crash-{workload:?}").to_lowercase();
    let outcome = in_world(&name, realm, async |world| ending = Some(workload.run(&world, crash).await)).await;
    outcome.ok().and(ending)
}

/// One plan for each write of each workload and each moment.
fn plans(clean: &BTreeMap<Workload, Ending>) -> Vec<Plan> {
    let of_write = |workload: Workload, write: &Write| {
        let write = write.clone();
        MOMENTS.map(|moment| Plan { workload, crash: Interruption { write: write.clone(), moment } })
    };
    clean
        .iter()
        .flat_map(|(workload, ending)| ending.writes.iter().flat_map(|write| of_write(*workload, write)))
        .collect()
}

/// What is wrong with the ending of a plan, if anything is.
fn flaw(plan: &Plan, clean: &Ending, crashed: Option<Ending>) -> Option<String> {
    let Some(crashed) = crashed else {
        return Some(format!("{}: see above", plan.name()));
    };
    if crashed.state != clean.state {
        return Some(format!("{}: {:#?}", plan.name(), differences(&crashed.state, &clean.state)));
    }
    let mut more = crashed.events.clone();
    for event in &clean.events {
        match more.iter().position(|found| found == event) {
            Some(index) => drop(more.remove(index)),
            None => return Some(format!("{}: no {event} in {:?}", plan.name(), crashed.events)),
        }
    }
    let harmless = more.iter().all(|event| event.starts_with("UPDATE") || event.starts_with("ACTION"));
    (more.len() > 1 || !harmless).then(|| format!("{}: also {more:?}", plan.name()))
}

fn sweep(choose: impl Fn(usize, &Plan) -> bool) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let flaws: Vec<String> = runtime.block_on(async {
        let clean = stream::iter(WORKLOADS).map(async |workload| (workload, ending(workload, None).await));
        let clean: BTreeMap<_, _> = clean.buffer_unordered(AT_ONCE).collect().await;
        let clean: BTreeMap<_, _> =
            clean.into_iter().map(|(workload, ending)| (workload, ending.expect("the clean run ends well"))).collect();
        let chosen = plans(&clean).into_iter().enumerate().filter(|(index, plan)| choose(*index, plan));
        let crashes = stream::iter(chosen).map(async |(_, plan)| {
            let crashed = ending(plan.workload, Some(plan.crash.clone())).await;
            (plan, crashed)
        });
        let clean = &clean;
        let flaws = crashes.buffer_unordered(AT_ONCE);
        flaws.filter_map(async |(plan, crashed)| flaw(&plan, &clean[&plan.workload], crashed)).collect().await
    });
    runtime.shutdown_background();
    assert!(flaws.is_empty(), "{} plans ended differently: {flaws:#?}", flaws.len());
}

#[test]
fn an_operator_that_is_killed_in_a_write_to_keycloak_ends_where_a_clean_run_ends() {
    sweep(|_, plan| plan.crash.moment == Moment::Unanswered && plan.crash.write.is_to_keycloak());
}

#[test]
#[ignore = "takes minutes: make test-faults"]
fn an_operator_that_is_killed_around_any_write_ends_where_a_clean_run_ends() {
    sweep(|_, _| true);
}
