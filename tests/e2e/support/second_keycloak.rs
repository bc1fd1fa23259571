//! A Keycloak that a test may stop and start.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{Bed, bed, eventually_within, free_port};

/// A server of the test's own; its data outlives a stop.
pub struct SecondKeycloak {
    port: u16,
    directory: PathBuf,
    process: Option<Child>,
}

impl SecondKeycloak {
    /// An address where nothing listens yet.
    pub fn reserve() -> Self {
        let port = free_port();
        Self { port, directory: bed().kubeconfig().with_file_name(format!("keycloak-{port}")), process: None }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub async fn start(&mut self) {
        let mut command = Command::new(Bed::script());
        command.args(["keycloak", "--until-stdin-closes", "--port", &self.port.to_string()]).arg(&self.directory);
        let process = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.process = Some(process.expect("tests/bed/bed"));
        let url = format!("{}/realms/master", self.url());
        eventually_within(Duration::from_secs(180), "the second Keycloak", async || {
            reqwest::get(&url).await?.error_for_status().map(drop)
        })
        .await;
    }

    pub fn stop(&mut self) {
        let mut process = self.process.take().expect("it runs");
        drop(process.stdin.take());
        tokio::task::block_in_place(|| process.wait()).expect("it ends");
    }
}

impl Drop for SecondKeycloak {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.stdin.take());
            let _ = process.wait();
        }
    }
}
