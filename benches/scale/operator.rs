//! The operator as a process of its own: what it counts, and what it takes of the machine.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use axum::http::Request;

use crate::Plan;
use crate::report;
use crate::stage::Stage;
use crate::support::{ChildOperator, free_port};

/// Asked for by the clock, whoever there is.
const BY_THE_CLOCK: [&str; 4] = ["get_token", "get_events_config", "get_admin_events", "get_user_events"];
const CHANGES: [&str; 10] = [
    "create_user",
    "update_user",
    "delete_user",
    "reset_password",
    "log_out",
    "delete_offline_session",
    "add_roles",
    "remove_roles",
    "join_group",
    "leave_group",
];
/// Without a request for so long, it has nothing left to do.
const SILENCE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(50);
/// The kernel counts processor time in hundredths of a second.
const TICKS: f64 = 100.0;

pub struct Running {
    process: ChildOperator,
    http: reqwest::Client,
    pub started: Instant,
}

impl Running {
    /// Starts it as the chart would.
    pub fn start(plan: &Plan, stage: &Stage) -> Self {
        let port = free_port();
        let log = stage.chart.kubeconfig.with_extension(format!("{port}.log"));
        let output = std::fs::File::create(&log).expect("a log file");
        let replaced = ["--http-port", "--log-filter", "--concurrency"];
        let arguments = stage.chart.arguments.iter();
        let arguments = arguments.filter(|argument| !replaced.iter().any(|name| argument.starts_with(name)));
        // It must not outlive us, however we end.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(&plan.operator)
            .args(arguments)
            .arg(format!("--http-port={port}"))
            .arg(format!("--concurrency={}", plan.concurrency))
            .arg("--log-filter=warn")
            .envs([("POD_NAMESPACE", stage.world.namespace.as_str()), ("POD_NAME", "operator-0")])
            .env("KUBECONFIG", &stage.chart.kubeconfig)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a log file"))
            .stderr(output)
            .spawn()
            .expect("the operator can be started");
        let process = ChildOperator::adopt(child, log, port);
        Self { process, http: reqwest::Client::new(), started: Instant::now() }
    }

    /// Ends it as Kubernetes would.
    pub async fn stop(self) {
        self.process.terminate().await;
    }

    /// What it counts; nothing as long as it cannot be asked.
    pub async fn metrics(&self) -> Metrics {
        let text = async { self.http.get(self.process.url("/metrics")).send().await?.text().await };
        Metrics(text.await.unwrap_or_default())
    }

    /// Waits until all accounts are as declared; the time since it was started.
    pub async fn until_synced(&self, users: usize) -> Duration {
        let progress = report::progress("accounts as declared", users);
        loop {
            let synced = self.metrics().await.synced();
            progress.set_position(synced as u64);
            if synced >= users {
                progress.finish_and_clear();
                return self.started.elapsed();
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until all accounts are as declared and nothing is asked any more; the time from its start to its last
    /// request.
    pub async fn until_settled(&self, users: usize) -> Duration {
        let (mut asked, mut last) = (0, Instant::now());
        loop {
            let metrics = self.metrics().await;
            let now = metrics.keycloak(|operation| !BY_THE_CLOCK.contains(&operation));
            if now != asked {
                (asked, last) = (now, Instant::now());
            }
            if metrics.synced() >= users && last.elapsed() > SILENCE {
                return last - self.started;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Processor time so far, in seconds.
    pub fn processor_time(&self) -> f64 {
        processor_time(&self.process.id().to_string())
    }

    /// Memory in MiB, by the kernel's name for it: `VmRSS` now, `VmHWM` at most so far.
    pub fn memory(&self, name: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kibibytes = line.and_then(|line| line.split_whitespace().next()).expect("the kernel knows");
        kibibytes.parse::<f64>().expect("a number") / 1024.0
    }
}

/// Processor time of a process so far, in seconds; `self` is this one.
pub fn processor_time(process: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("it runs");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("the name").split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / TICKS
}

/// What it counts, as it is printed.
pub struct Metrics(String);

impl Metrics {
    fn sum(&self, name: &str, counts: impl Fn(&str) -> bool) -> usize {
        let lines = self.0.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{')?.rsplit_once(' '));
        let values =
            lines.filter(|(labels, _)| counts(labels)).map(|(_, value)| value.parse::<f64>().expect("a number"));
        values.sum::<f64>() as usize
    }

    fn synced(&self) -> usize {
        self.sum("keycloakuser_users", |labels| labels.contains("reason=\"Synced\""))
    }

    /// Passes so far.
    pub fn passes(&self) -> usize {
        self.sum("keycloakuser_reconciles_total", |_| true)
    }

    /// Requests to Keycloak whose operation counts.
    pub fn keycloak(&self, counts: impl Fn(&str) -> bool) -> usize {
        self.sum("keycloak_requests_total", |labels| {
            let operation = labels.split("operation=\"").nth(1).and_then(|rest| rest.split('"').next());
            operation.is_some_and(&counts)
        })
    }

    pub fn requests(&self) -> usize {
        self.keycloak(|_| true)
    }

    pub fn changes(&self) -> usize {
        self.keycloak(|operation| CHANGES.contains(&operation))
    }

    /// The operations that were asked for, the most frequent first, each with the milliseconds that it took on average.
    pub fn by_operation(&self) -> String {
        let name = |line: &str| {
            let labels = line.strip_prefix("keycloak_request_duration_seconds_count{")?;
            labels.split("operation=\"").nth(1)?.split('"').next().map(str::to_owned)
        };
        let mut counted: Vec<(usize, String)> =
            self.0.lines().filter_map(name).map(|name| (self.keycloak(|other| other == name), name)).collect();
        counted.retain(|(count, _)| *count > 0);
        counted.sort_by(|a, b| b.cmp(a));
        let line = |(count, name): &(usize, String)| format!("{name} {count} ({:.0} ms)", self.milliseconds(name));
        counted.iter().map(line).collect::<Vec<_>>().join(", ")
    }

    fn milliseconds(&self, operation: &str) -> f64 {
        let value = |what: &str| {
            let name = format!("keycloak_request_duration_seconds_{what}{{operation=\"{operation}\"}} ");
            self.0.lines().find_map(|line| line.strip_prefix(name.as_str())?.parse::<f64>().ok()).unwrap_or_default()
        };
        1000.0 * value("sum") / value("count").max(1.0)
    }
}

/// Writes to our resources and to events that the API server has counted so far, by whomever they were made.
pub async fn writes(stage: &Stage) -> usize {
    let request = Request::get("/metrics").body(Vec::new()).expect("a request");
    let text = stage.world.client.request_text(request).await.expect("the API server's metrics");
    let is_write = |line: &&str| {
        line.starts_with("apiserver_request_total{")
            && ["POST", "PUT", "PATCH", "APPLY", "DELETE"].iter().any(|verb| line.contains(&format!("verb=\"{verb}\"")))
            && ["keycloakusers", "events"].iter().any(|kind| line.contains(&format!("resource=\"{kind}\"")))
    };
    let values = text.lines().filter(is_write).filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
    values.sum::<f64>() as usize
}
