//! The command line: what can be said, and how the parts are put together for it.

mod convert;
mod lead;
mod reference;

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::api::{custom_resource_definitions, render_definition};
use crate::controller::{LONGEST_SILENCE, Scope, Settings};
use crate::keycloak::Fence;
use crate::process::{self, Candidate, Health, LogFormat, Watches};
use lead::Metrics;

/// Keeps Keycloak accounts as KeycloakUser resources declare them.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 120)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the operator.
    Run(Box<RunArgs>),
    /// Convert XML exports into manifests: a Secret and a KeycloakUser for each user.
    Convert(Box<convert::ConvertArgs>),
    /// Print the CustomResourceDefinitions as YAML.
    Crd,
    /// Print the reference of resources, reasons and metrics as Markdown.
    #[command(hide = true)]
    Reference,
}

#[derive(Debug, Args)]
struct RunArgs {
    /// Namespaces to watch, separated by commas; the operator's own if there is none.
    #[arg(long, env = "WATCH_NAMESPACES", value_delimiter = ',', conflicts_with = "cluster_wide")]
    watch_namespaces: Vec<String>,
    /// Watch all namespaces. The operator can then read every Secret of the cluster.
    #[arg(long, env = "CLUSTER_WIDE", value_parser = clap::builder::BoolishValueParser::new())]
    cluster_wide: bool,
    /// Hosts that connections may name, separated by commas; `*` stands for any characters. All if there is none.
    #[arg(long, env = "ALLOWED_HOSTS", value_delimiter = ',')]
    allowed_hosts: Vec<String>,
    /// Serve ClusterKeycloakConnections, whose Secrets are those of the operator's own namespace.
    #[arg(long, env = "CLUSTER_CONNECTIONS", value_parser = clap::builder::BoolishValueParser::new())]
    cluster_connections: bool,
    /// Namespace of the operator itself.
    #[arg(long, env = "POD_NAMESPACE", default_value = "default")]
    own_namespace: String,
    /// Name of this process in events and as holder of the lease; no other process may have it. Made up if absent.
    #[arg(long, env = "POD_NAME")]
    pod_name: Option<String>,
    /// Name of this instance of the operator, which no other that manages the same realms may have: what a connection's
    /// ownerAttribute begins with.
    #[arg(long, env = "INSTANCE_NAME", value_parser = instance_name)]
    instance_name: Option<String>,
    /// Lease in the operator's namespace: of the processes that name the same, one works. Made if absent.
    #[arg(long, env = "LEASE_NAME", default_value = "keycloak-user-operator")]
    lease_name: String,
    /// Secret in the operator's namespace that holds its key for digests of passwords; made if absent.
    #[arg(long, env = "CREDENTIAL_KEY_SECRET", default_value = "keycloak-user-operator-credential-key")]
    credential_key_secret: String,
    /// Port for /livez, /readyz and /metrics, on all addresses.
    #[arg(long, env = "HTTP_PORT", default_value_t = 8080)]
    http_port: u16,
    /// A watch of the Kubernetes API that has not been heard of for so long is dead, and /livez fails.
    #[arg(long, env = "LONGEST_WATCH_SILENCE", default_value = "5m", value_parser = watch_silence)]
    longest_watch_silence: kube::core::Duration,
    /// Most accounts of a connection that are worked on at one time: so many that are new or were changed, and so many
    /// others.
    #[arg(long, env = "CONCURRENCY", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: u16,
    #[command(flatten)]
    log: LogArgs,
}

#[derive(Debug, Args)]
struct LogArgs {
    /// How log lines look.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value = "text")]
    log_format: Format,
    /// What is logged: a level, or target=level pairs.
    #[arg(long, env = "LOG_FILTER", default_value = "info,kube_runtime=warn")]
    log_filter: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Does what the command line says; errors go to standard error as one sentence.
#[must_use]
pub fn main(cli: Cli) -> ExitCode {
    let outcome = match cli.command {
        Command::Run(args) => run(*args),
        Command::Convert(args) => return convert::convert(&args),
        Command::Crd => print_definitions().map_err(Into::into),
        Command::Reference => print_reference().map_err(Into::into),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "error: {failure}");
            ExitCode::FAILURE
        }
    }
}

type Failure = Box<dyn std::error::Error>;

fn print_definitions() -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    for definition in custom_resource_definitions() {
        let text = render_definition(&definition).map_err(std::io::Error::other)?;
        write!(output, "---\n{text}")?;
    }
    Ok(())
}

fn print_reference() -> std::io::Result<()> {
    let page = reference::render().map_err(std::io::Error::other)?;
    std::io::stdout().lock().write_all(page.as_bytes())
}

fn run(args: RunArgs) -> Result<(), Failure> {
    let format = match args.log.log_format {
        Format::Text => LogFormat::Text,
        Format::Json => LogFormat::Json,
    };
    process::start_logging(format, &args.log.log_filter)?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(operate(args))
}

/// Runs the controller and the port for probes until a signal; the end of either is the end of both.
async fn operate(args: RunArgs) -> Result<(), Failure> {
    let shutdown = process::on_signal()?;
    let watches = Watches::new(args.longest_watch_silence.into());
    let client = kubernetes_client(&watches).await?;
    let (health, metrics, mut registry) = (Health::new(watches), Metrics::default(), Registry::default());
    metrics.register(&mut registry);
    info!(version = env!("CARGO_PKG_VERSION"), port = args.http_port, "starting");
    // The probes are answered until the last pass has ended.
    let close_port = CancellationToken::new();
    let port = tokio::spawn(process::serve(args.http_port, health.clone(), registry, close_port.clone()));
    let instance = args.pod_name.clone().unwrap_or_else(|| format!("keycloak-user-operator-{:08x}", fastrand::u32(..)));
    let (namespace, lease) = (args.own_namespace.clone(), args.lease_name.clone());
    let candidate = Candidate::new(client.clone(), &namespace, lease, instance.clone(), metrics.leader);
    let settings = |fence| settings(args, instance, fence);
    let outcome: Result<(), Failure> = tokio::select! {
        ended = lead::lead(candidate, client, settings, metrics.controller, health, shutdown) => ended,
        ended = port => Err(port_ended(ended)),
    };
    if let Err(failure) = &outcome {
        error!(error = %failure, "stopping");
    }
    close_port.cancel();
    outcome
}

/// A connection on which nothing has come for too long is given up: kube watches over the silence of a watch, but not over
/// that before the head of its answer.
async fn kubernetes_client(watches: &Watches) -> Result<kube::Client, Failure> {
    let mut config = kube::Config::infer().await?;
    config.read_timeout = Some(LONGEST_SILENCE);
    config.reset_reader_on_write = true;
    Ok(kube::client::ClientBuilder::try_from(config)?.with_layer(watches).build())
}

fn port_ended(ended: Result<std::io::Result<()>, tokio::task::JoinError>) -> Failure {
    match ended {
        Ok(Err(failure)) => format!("the port for probes and metrics cannot be served: {failure}").into(),
        Ok(Ok(())) => "the port for probes and metrics has closed".into(),
        Err(failure) => failure.into(),
    }
}

/// What stands before the first `/` of an owner's name.
fn instance_name(text: &str) -> Result<String, String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if (1..=63).contains(&text.len()) && text.chars().all(is_allowed) {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 63 letters, digits, dots, hyphens and underscores".to_owned())
    }
}

/// A watch is asked for anew, and so heard of, once in [`LONGEST_SILENCE`] when all is well.
fn watch_silence(text: &str) -> Result<kube::core::Duration, String> {
    match text.parse::<kube::core::Duration>() {
        Ok(silence) if std::time::Duration::from(silence) > LONGEST_SILENCE => Ok(silence),
        Ok(_) => Err(format!("must be longer than {} s", LONGEST_SILENCE.as_secs())),
        Err(error) => Err(error.to_string()),
    }
}

fn settings(args: RunArgs, instance: String, fence: Fence) -> Settings {
    let scopes = match (args.cluster_wide, args.watch_namespaces) {
        (true, _) => vec![Scope::Cluster],
        (false, listed) if listed.iter().all(String::is_empty) => vec![Scope::Namespace(args.own_namespace.clone())],
        (false, listed) => listed.into_iter().filter(|name| !name.is_empty()).map(Scope::Namespace).collect(),
    };
    Settings {
        scopes,
        own_namespace: args.own_namespace,
        allowed_hosts: args.allowed_hosts.into_iter().filter(|host| !host.is_empty()).collect(),
        cluster_connections: args.cluster_connections,
        credential_key_secret: args.credential_key_secret,
        concurrency: args.concurrency,
        instance,
        instance_name: args.instance_name,
        fence,
    }
}
