//! An operator that panics in the middle of a pass, with a password in its hands.
//!
//! It is a process of its own, and all of it is the product but for one answer: the fence, which is asked immediately
//! before each request that changes something in Keycloak, panics instead. The request has its body by then.

use std::backtrace::Backtrace;
use std::process::Command;

use keycloak_user_operator::controller::{self, Metrics, Settings};
use keycloak_user_operator::keycloak::Fence;
use keycloak_user_operator::process::{LogFormat, start_logging};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::support::{CONCURRENCY, free_port, settings};

/// Tells this test to be that operator; holds its namespace and the name of its key's Secret.
const TOLD: &str = "OPERATOR_THAT_PANICS";

/// What two of them say: one that panics in a creation, and one in a reset. After each, an operator that does not panic
/// does what is left.
pub(super) async fn outputs(world: &World, [name, first, second]: [&str; 3]) -> [String; 2] {
    world.secret(&format!("kcuser-{name}"), &[("password", first)]).await;
    world.user(name, spec(name, json!({}))).await;
    let in_creation = panic_in(world).await;
    assert_eq!(world.keycloak.user(name).await, None);
    let operator = world.operator().await;
    world.until(name, "Synced").await;
    world.keycloak.login(name, first).await.expect("the password");
    operator.stop().await;
    set_value(world, name, second).await;
    let in_reset = panic_in(world).await;
    assert_eq!(resets_of(world, name).await, 0);
    assert!(record(&world.get_user(name).await).pending.is_some(), "it was announced");
    let operator = world.operator().await;
    until_login(world, name, second).await;
    world.until(name, "Synced").await;
    operator.stop().await;
    assert_eq!(resets_of(world, name).await, 1);
    [in_creation, in_reset]
}

async fn panic_in(world: &World) -> String {
    let chart = world.chart().await;
    let log = chart.kubeconfig.with_extension("panic.log");
    let output = std::fs::File::create(&log).expect("a log file");
    let child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "credentials::canary::panics::a_panic_says_where_it_was_and_no_more", "--nocapture"])
        .env(TOLD, format!("{} {}", world.namespace, chart.argument("--credential-key-secret")))
        .envs([("RUST_BACKTRACE", "full"), ("RUST_LIB_BACKTRACE", "1")])
        .env("KUBECONFIG", &chart.kubeconfig)
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("a log file"))
        .stderr(output)
        .spawn()
        .expect("this program can be started");
    let mut operator = ChildOperator::adopt(child, log, free_port());
    let status = operator.ended().await;
    let output = operator.output();
    assert_eq!(status.code(), Some(1), "{output}");
    for said in ["panicked at", "the fence panics", "stack backtrace", "TRACE", "a task of the controller has ended"] {
        assert!(output.contains(said), "{said}: {output}");
    }
    output
}

/// Does what `run` does, with another fence.
fn be_the_operator(told: &str) -> ! {
    let (namespace, key) = told.split_once(' ').expect("a namespace and a name");
    start_logging(LogFormat::Json, "trace").expect("a filter");
    rustls::crypto::ring::default_provider().install_default().expect("no other TLS provider");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    // What is written to Kubernetes is fenced, too, and holds no password.
    let fence = Fence::new(|_| {
        let asked_by = Backtrace::force_capture().to_string();
        assert!(!asked_by.contains("src/keycloak/transport.rs"), "the fence panics");
        true
    });
    let settings = Settings { fence, ..settings(namespace, key, CONCURRENCY) };
    let failure = runtime.block_on(async {
        let client = kube::Client::try_default().await.expect("a client");
        controller::run(client, settings, Metrics::default(), || (), CancellationToken::new()).await
    });
    eprintln!("error: {}", failure.expect_err("it ends"));
    std::process::exit(1);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the harness has no command line of its own")]
fn a_panic_says_where_it_was_and_no_more() {
    if let Ok(told) = std::env::var(TOLD) {
        be_the_operator(&told);
    }
    e2e_with("a_panic_says_where_it_was", realm(HISTORY), async |world| {
        world.connect(json!({})).await;
        let (first, second) = (unique("first", 32), unique("second", 32));
        let said = Place::new("what they say", outputs(&world, ["victim", &first, &second]).await.concat());
        for value in [&first, &second] {
            assert!(found(value, &said).is_empty(), "{:?}", found(value, &said));
        }
    });
}
