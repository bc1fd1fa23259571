//! An API server that a test may stop and start, or whose definitions it may delete.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::{Bed, bed, eventually_within, free_port};

/// One more API server: of the bed's cluster, or of a cluster of its own.
pub struct SecondKubernetes {
    port: u16,
    prefix: Option<String>,
    process: Option<Child>,
}

impl SecondKubernetes {
    /// Another door to the bed's cluster.
    pub async fn of_bed() -> Self {
        Self::started(None).await
    }

    /// An empty cluster with no controllers but those in the API server; the credentials are those of the bed.
    pub async fn empty() -> Self {
        Self::started(Some(format!("/cluster-{:08x}", fastrand::u32(..)))).await
    }

    async fn started(prefix: Option<String>) -> Self {
        let mut server = Self { port: free_port(), prefix, process: None };
        server.start().await;
        server
    }

    fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    pub async fn start(&mut self) {
        let mut command = Command::new(Bed::script());
        command.args(["apiserver", "--until-stdin-closes", "--port", &self.port.to_string()]);
        command.args(self.prefix.iter().flat_map(|prefix| ["--etcd-prefix", prefix])).env("BED_DIR", bed().directory());
        let process = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.process = Some(process.expect("tests/bed/bed"));
        let client = self.administrator().await;
        eventually_within(Duration::from_secs(90), "the second API server", async || {
            let ready = axum::http::Request::get("/readyz").body(Vec::new()).expect("a request");
            client.request_text(ready).await
        })
        .await;
    }

    pub fn stop(&mut self) {
        let mut process = self.process.take().expect("it runs");
        drop(process.stdin.take());
        tokio::task::block_in_place(|| process.wait()).expect("it ends");
    }

    /// A client with all rights.
    pub async fn administrator(&self) -> Client {
        let text = self.redirected(bed().kubeconfig());
        let config = Kubeconfig::from_yaml(&text).expect("the bed's kubeconfig");
        let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.expect("a config");
        Client::try_from(config).expect("a client")
    }

    /// Has that kubeconfig lead to this server.
    pub fn redirect(&self, kubeconfig: &PathBuf) {
        std::fs::write(kubeconfig, self.redirected(kubeconfig)).expect("our kubeconfig");
    }

    fn redirected(&self, kubeconfig: &std::path::Path) -> String {
        std::fs::read_to_string(kubeconfig).expect("a kubeconfig").replace(bed().kube_url(), &self.url())
    }
}

impl Drop for SecondKubernetes {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.stdin.take());
            let _ = process.wait();
        }
    }
}
