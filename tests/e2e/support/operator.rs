//! The operator: in this process by its own entry point, or as a child where it is killed.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keycloak_user_operator::controller::{self, Ended, Metrics, RunError, Scope, Settings};
use keycloak_user_operator::keycloak::Fence;
use prometheus_client::registry::Registry;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Chart, eventually};

/// Most passes at one time of an operator inside the test.
pub const CONCURRENCY: u16 = 8;

/// An operator inside the test.
pub struct Operator {
    shutdown: CancellationToken,
    task: JoinHandle<Result<Ended, RunError>>,
    registry: Registry,
}

/// What an operator in that namespace is told.
pub fn settings(namespace: &str, credential_key_secret: &str, concurrency: u16) -> Settings {
    Settings {
        scopes: vec![Scope::Namespace(namespace.to_owned())],
        own_namespace: namespace.to_owned(),
        allowed_hosts: Vec::new(),
        cluster_connections: false,
        credential_key_secret: credential_key_secret.to_owned(),
        concurrency,
        instance: "test".to_owned(),
        instance_name: Some("test-bed".to_owned()),
        fence: Fence::new(|_| true),
    }
}

impl Operator {
    /// Starts it with the rights of the chart, and waits until its caches are filled.
    pub async fn start(chart: &Chart, namespace: &str) -> Self {
        Self::start_with(chart, namespace, CONCURRENCY).await
    }

    /// The same, with so many passes at one time.
    pub async fn start_with(chart: &Chart, namespace: &str, concurrency: u16) -> Self {
        let settings = settings(namespace, chart.argument("--credential-key-secret"), concurrency);
        Self::run(chart.client().await, settings).await
    }

    /// The same, with a fence that is open as long as the switch is on, as it is while the lease is sure to be held.
    pub async fn start_fenced(chart: &Chart, namespace: &str, leads: &Arc<AtomicBool>) -> Self {
        let leads = Arc::clone(leads);
        let fence = Fence::new(move |_| leads.load(Ordering::SeqCst));
        let settings = settings(namespace, chart.argument("--credential-key-secret"), CONCURRENCY);
        Self::run(chart.client().await, Settings { fence, ..settings }).await
    }

    /// Starts it with the rights of that client, without a chart.
    pub async fn start_as(client: kube::Client, namespace: &str) -> Self {
        Self::run(client, settings(namespace, "credential-key", CONCURRENCY)).await
    }

    async fn run(client: kube::Client, settings: Settings) -> Self {
        let (metrics, mut registry) = (Metrics::default(), Registry::default());
        metrics.register(&mut registry);
        let shutdown = CancellationToken::new();
        let (sender, ready) = oneshot::channel();
        let sender = std::sync::Mutex::new(Some(sender));
        let on_ready = move || {
            if let Some(sender) = sender.lock().unwrap().take() {
                sender.send(()).expect("the test waits");
            }
        };
        let run = controller::run(client, settings, metrics, on_ready, shutdown.clone());
        let task = tokio::spawn(run);
        ready.await.expect("the operator becomes ready");
        Self { shutdown, task, registry }
    }

    /// Ends it as SIGTERM would.
    pub async fn stop(self) {
        self.stop_and(|_| ()).await;
    }

    /// Ends it, then looks at it: no pass is under way any more.
    pub async fn stop_and(mut self, look: impl FnOnce(&Self)) {
        self.shutdown.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(10), &mut self.task).await;
        ended.expect("the operator stops within 10 s").expect("it does not panic").expect("it ends well");
        look(&self);
    }

    /// A metric by its name and labels as they are printed, 0 if it is not there.
    pub fn metric(&self, name: &str) -> f64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).expect("metrics can be printed");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().expect("a number"))
    }
}

/// An operator of its own process.
pub struct ChildOperator {
    child: Child,
    pub log: PathBuf,
    pub port: u16,
}

impl ChildOperator {
    /// Starts it with the chart's arguments and rights, and waits for `/readyz`.
    pub async fn start(chart: &Chart, namespace: &str) -> Self {
        let mut operator = Self::spawn(chart, namespace);
        operator.until_ready().await;
        operator
    }

    /// Takes over a process that listens on that port and logs into that file.
    pub fn adopt(child: Child, log: PathBuf, port: u16) -> Self {
        Self { child, log, port }
    }

    /// Waits for `/readyz`.
    pub async fn until_ready(&mut self) {
        let url = self.url("/readyz");
        eventually("the operator's /readyz", async || {
            if let Some(status) = self.child.try_wait().expect("our child") {
                panic!("the operator ended with {status}: {}", self.output());
            }
            reqwest::get(&url).await.map_err(|error| error.to_string())?.error_for_status().map_err(|e| e.to_string())
        })
        .await;
    }

    /// Starts it with the chart's arguments and rights, on a port of its own, as the pod `operator-0`.
    pub fn spawn(chart: &Chart, namespace: &str) -> Self {
        Self::spawn_as("operator-0", chart, namespace)
    }

    /// The same as the pod of that name.
    pub fn spawn_as(pod: &str, chart: &Chart, namespace: &str) -> Self {
        Self::spawn_logging(pod, chart, namespace, chart.argument("--log-filter"))
    }

    /// The same with a filter of what it logs.
    pub fn spawn_logging(pod: &str, chart: &Chart, namespace: &str, filter: &str) -> Self {
        let port = free_port();
        let log = chart.kubeconfig.with_extension(format!("{port}.log"));
        let output = std::fs::File::create(&log).expect("a log file");
        let arguments = chart.arguments.iter();
        let arguments =
            arguments.filter(|argument| !argument.starts_with("--http-port") && !argument.starts_with("--log-filter"));
        let child = Command::new(env!("CARGO_BIN_EXE_keycloak-user-operator"))
            .args(arguments)
            .arg(format!("--http-port={port}"))
            .arg(format!("--log-filter={filter}"))
            .envs([("POD_NAMESPACE", namespace), ("POD_NAME", pod)])
            .env("KUBECONFIG", &chart.kubeconfig)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a log file"))
            .stderr(output)
            .spawn()
            .expect("the operator can be started");
        Self { child, log, port }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().expect("our child");
        self.child.wait().expect("our child");
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> std::process::ExitStatus {
        eventually("the operator ends", async || self.child.try_wait().expect("our child").ok_or("runs")).await
    }

    /// Sends a signal such as `STOP`.
    pub fn signal(&self, signal: &str) {
        let mut kill = Command::new("kill");
        assert!(kill.args(["-s", signal, &self.id().to_string()]).status().expect("kill").success());
    }

    /// SIGTERM; how long it took to end, and whether it ended well.
    pub async fn terminate(mut self) -> (Duration, std::process::ExitStatus) {
        let started = std::time::Instant::now();
        self.signal("TERM");
        let status = self.ended().await;
        (started.elapsed(), status)
    }
}

impl Drop for ChildOperator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}
