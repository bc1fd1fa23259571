//! What the operator costs with many accounts, each figure beside its goal or its yardstick: `make bench`.
//!
//! The operator runs as a process of its own with the rights of the chart; requests to Keycloak are those that it counts,
//! writes to the API server those that the API server counts.

#![allow(missing_docs, unreachable_pub, reason = "a program has no public interface")]
#![allow(
    clippy::pedantic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement that cannot go on fails"
)]

mod backlog;
mod bare_loop;
mod chart;
mod converge;
mod drift;
mod edits;
mod operator;
mod outage;
mod realm;
mod report;
mod resources;
mod restart;
mod stage;
#[path = "../../tests/e2e/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "a part of what the tests stand on")]
mod support;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use converge::Converged;
use report::Report;

/// Measures the operator with many accounts.
#[derive(Parser)]
struct Arguments {
    /// How many accounts, separated by commas.
    #[arg(long, value_delimiter = ',', default_values_t = [500])]
    users: Vec<usize>,
    /// What to measure, separated by commas; all if nothing is said.
    #[arg(long, value_delimiter = ',', value_enum)]
    only: Vec<Bench>,
    /// Passes at one time of the operator, and connections of the bare loop.
    #[arg(long, default_value_t = 32)]
    concurrency: u16,
    /// The operator.
    #[arg(long, default_value = env!("CARGO_BIN_EXE_keycloak-user-operator"))]
    operator: PathBuf,
    /// Where the figures are written.
    #[arg(long, default_value = "target/bench")]
    output: PathBuf,
    /// What `cargo bench` says to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Bench {
    Converge,
    Restart,
    Drift,
    Backlog,
    Resources,
    Outage,
}

/// What every measurement needs to know.
pub struct Plan {
    pub users: usize,
    pub concurrency: u16,
    pub operator: PathBuf,
}

fn main() {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let kept = runtime.block_on(async {
        tokio::select! {
            kept = measure(&arguments) => kept,
            _ = tokio::signal::ctrl_c() => false,
        }
    });
    runtime.shutdown_background();
    if !kept {
        std::process::exit(1);
    }
}

/// Makes all measurements; whether every goal was kept.
async fn measure(arguments: &Arguments) -> bool {
    let mut report = Report::new(&arguments.output);
    let wanted = |bench| arguments.only.is_empty() || arguments.only.contains(&bench);
    converge::warm_up(arguments.concurrency).await;
    for &users in &arguments.users {
        let plan = Plan { users, concurrency: arguments.concurrency, operator: arguments.operator.clone() };
        if wanted(Bench::Converge) {
            converge::bench(&plan, false, &mut report).await.clear().await;
        }
        // What the others look at are the accounts that have passwords.
        let converged = if wanted(Bench::Converge) {
            converge::bench(&plan, true, &mut report).await
        } else {
            Converged::without_yardstick(&plan).await
        };
        measure_converged(&plan, converged, &wanted, &mut report).await;
        if wanted(Bench::Backlog) {
            backlog::bench(&plan, &mut report).await;
        }
    }
    report.finish()
}

async fn measure_converged(
    plan: &Plan,
    mut converged: Converged,
    wanted: &impl Fn(Bench) -> bool,
    report: &mut Report,
) {
    if wanted(Bench::Resources) {
        converged = resources::bench(plan, converged, report).await;
    }
    if wanted(Bench::Drift) {
        drift::bench(plan, &converged, report).await;
    }
    if wanted(Bench::Restart) {
        converged = restart::bench(plan, converged, report).await;
    }
    if wanted(Bench::Outage) {
        converged = outage::bench(plan, converged, report).await;
    }
    converged.clear().await;
}
