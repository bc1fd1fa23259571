//! A Keycloak that a test may stop and start, and in whose database it may hold a row.

use std::io::{BufRead, BufReader, Write};
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

    /// Its database, open to other processes too. Whoever waits for a row waits longer than any test.
    fn database(&self) -> String {
        let file = self.directory.join("data/h2/keycloakdb");
        format!("jdbc:h2:file:{};NON_KEYWORDS=VALUE;AUTO_SERVER=TRUE;LOCK_TIMEOUT=600000", file.display())
    }

    pub async fn start(&mut self) {
        let mut command = Command::new(Bed::script());
        command.args(["keycloak", "--until-stdin-closes", "--port", &self.port.to_string()]).arg(&self.directory);
        command.env("BED_KEYCLOAK_ARGS", format!("--db-url={}", self.database()));
        let process = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.process = Some(process.expect("tests/bed/bed"));
        let url = format!("{}/realms/master", self.url());
        eventually_within(Duration::from_secs(180), "the second Keycloak", async || {
            reqwest::get(&url).await?.error_for_status().map(drop)
        })
        .await;
    }

    /// Holds the row of an account: whoever changes it does not end before it is let go.
    pub fn hold(&self, id: &str) -> HeldAccount {
        tokio::task::block_in_place(|| HeldAccount::take(&self.sql(), id))
    }

    /// H2's shell, as it comes with Keycloak.
    fn sql(&self) -> Vec<String> {
        let libraries = std::fs::read_dir(self.directory.join("lib/lib/main")).expect("Keycloak's libraries");
        let mut paths = libraries.map(|library| library.expect("a file").path().display().to_string());
        let driver = paths.find(|path| path.contains("/com.h2database.h2-")).expect("H2");
        let login = ["-url", &self.database(), "-user", "", "-password", ""].map(str::to_owned);
        ["-cp", &driver, "org.h2.tools.Shell"].map(str::to_owned).into_iter().chain(login).collect()
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

/// A transaction that has an account for itself, until it is dropped.
pub struct HeldAccount(Child);

impl HeldAccount {
    fn take(shell: &[String], id: &str) -> Self {
        let mut command = Command::new("java");
        let spawned = command.args(shell).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = spawned.expect("java");
        let row = format!("autocommit false;\nselect id from user_entity where id = '{id}' for update;\n");
        process.stdin.as_mut().expect("a pipe").write_all(row.as_bytes()).expect("it reads");
        let output = BufReader::new(process.stdout.take().expect("a pipe"));
        let is_row = |line: std::io::Result<String>| line.expect("text").trim() == id;
        assert!(output.lines().any(is_row), "the shell ended without the row");
        Self(process)
    }
}

impl Drop for HeldAccount {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
