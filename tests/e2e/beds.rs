//! The bed itself: two at once, and nothing left behind after a crash.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Bed, bed, eventually_within};

/// Processes whose command line names that directory.
fn processes_of(directory: &Path) -> Vec<String> {
    let needle = directory.to_str().unwrap();
    let entries = std::fs::read_dir("/proc").expect("Linux").flatten();
    let command_lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let texts = command_lines.map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "));
    texts.filter(|text| text.contains(needle)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_beds_run_at_once_and_a_killed_one_leaves_nothing_behind() {
    let first = bed().keycloak_url().to_owned();
    let directory = std::env::temp_dir().join(format!("kuo-second-bed-{}", std::process::id()));
    let mut command = Command::new(Bed::script());
    command.args(["up", "--until-stdin-closes"]).arg(&directory);
    let mut second = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Duration::from_secs(180);
    let env =
        eventually_within(deadline, "the second bed", async || std::fs::read_to_string(directory.join("env"))).await;
    assert!(!env.contains(&first), "it has ports of its own");
    assert!(
        reqwest::get(format!("{first}/realms/master")).await.unwrap().status().is_success(),
        "the first one runs on"
    );
    let servers = processes_of(&directory);
    for server in ["etcd", "kube-apiserver", "kube-controller-manager", "java"] {
        assert!(servers.iter().any(|process| process.contains(server)), "{server} is missing in {servers:#?}");
    }

    second.kill().unwrap();
    second.wait().unwrap();
    eventually_within(deadline, "no process is left", async || match processes_of(&directory) {
        left if left.is_empty() => Ok(()),
        left => Err(left),
    })
    .await;
    std::fs::remove_dir_all(&directory).unwrap();
}
