//! The bed: started once for all tests of the run, or taken from the environment.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Addresses and credentials of the real servers.
pub struct Bed {
    variables: HashMap<String, String>,
    /// Holds the bed's standard input open: the bed ends when this process does, however it ends.
    _process: Option<Child>,
}

impl Bed {
    fn variable(&self, name: &str) -> &str {
        self.variables.get(name).unwrap_or_else(|| panic!("the bed's env has no {name}"))
    }

    pub fn directory(&self) -> &Path {
        Path::new(self.variable("BED_DIR"))
    }

    pub fn kubeconfig(&self) -> &Path {
        Path::new(self.variable("KUBECONFIG"))
    }

    pub fn kube_url(&self) -> &str {
        self.variable("BED_KUBE_URL")
    }

    pub fn kube_ca(&self) -> &Path {
        Path::new(self.variable("BED_KUBE_CA"))
    }

    pub fn etcd_url(&self) -> &str {
        self.variable("BED_ETCD_URL")
    }

    pub fn keycloak_url(&self) -> &str {
        self.variable("BED_KEYCLOAK_URL")
    }

    pub fn keycloak_https_url(&self) -> &str {
        self.variable("BED_KEYCLOAK_HTTPS_URL")
    }

    /// ID and secret of a client that administers the master realm.
    pub fn keycloak_admin_client(&self) -> [&str; 2] {
        ["BED_KEYCLOAK_ADMIN_CLIENT_ID", "BED_KEYCLOAK_ADMIN_CLIENT_SECRET"].map(|name| self.variable(name))
    }

    pub fn keycloak_ca(&self) -> &Path {
        Path::new(self.variable("BED_KEYCLOAK_CA"))
    }

    pub fn helm(&self) -> Command {
        self.tool("BED_HELM")
    }

    pub fn kubectl(&self) -> Command {
        self.tool("BED_KUBECTL")
    }

    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(self.variable(name));
        command.env("KUBECONFIG", self.kubeconfig());
        command
    }

    /// The script that starts servers.
    pub fn script() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bed/bed")
    }

    /// Notes how long a test took; `make test` prints the slowest.
    pub fn note_duration(&self, test: &str, duration: Duration) {
        let path = self.directory().join("durations");
        let line = format!("{:8.1} s  {test}\n", duration.as_secs_f64());
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the bed's directory can be written");
    }
}

/// The bed of this run.
pub fn bed() -> &'static Bed {
    static BED: OnceLock<Bed> = OnceLock::new();
    BED.get_or_init(|| {
        rustls::crypto::ring::default_provider().install_default().expect("no other TLS provider");
        match running() {
            Some(directory) => Bed { variables: read_env(&directory), _process: None },
            None => start(),
        }
    })
}

#[expect(clippy::disallowed_methods, reason = "the harness has no command line of its own")]
fn running() -> Option<PathBuf> {
    let directory = PathBuf::from(std::env::var("BED_DIR").ok()?);
    directory.join("env").exists().then_some(directory)
}

fn start() -> Bed {
    let directory = std::env::temp_dir().join(format!("kuo-bed-{}", std::process::id()));
    let mut command = Command::new(Bed::script());
    command.args(["up", "--until-stdin-closes"]).arg(&directory).stdin(Stdio::piped());
    let mut process = command.spawn().expect("tests/bed/bed can be started");
    let deadline = Instant::now() + Duration::from_secs(1800);
    while !directory.join("env").exists() {
        if let Some(status) = process.try_wait().expect("the bed is our child") {
            panic!("the bed ended with {status} before it was ready");
        }
        assert!(Instant::now() < deadline, "the bed was not ready in time");
        std::thread::park_timeout(Duration::from_millis(100));
    }
    Bed { variables: read_env(&directory), _process: Some(process) }
}

fn read_env(directory: &Path) -> HashMap<String, String> {
    let text = std::fs::read_to_string(directory.join("env")).expect("the bed's env can be read");
    let line = |line: &str| {
        let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
        Some((name.to_owned(), value.trim_matches('\'').to_owned()))
    };
    text.lines().filter_map(line).collect()
}
