//! The chart's objects in a test's namespace, so that every test runs with the rights that the chart gives.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::authorization::v1::SelfSubjectAccessReview;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use keycloak_user_operator::api::ClusterKeycloakConnection;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, ResourceExt};
use serde_json::json;

use super::{Admin, World, bed};

/// The chart as it is installed in one namespace.
pub struct Chart {
    /// Arguments that the Deployment gives to the operator.
    pub arguments: Vec<String>,
    /// A kubeconfig with a token of the chart's ServiceAccount.
    pub kubeconfig: PathBuf,
}

impl Chart {
    pub fn directory() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/keycloak-user-operator")
    }

    /// Applies what the chart renders for that namespace, and asks for a token of its ServiceAccount.
    pub async fn apply(client: &Client, namespace: &str) -> Self {
        Self::apply_release(client, namespace, namespace, &[]).await
    }

    /// The same for a release of another name, with values such as `clusterWide=true`.
    pub async fn apply_release(client: &Client, release: &str, namespace: &str, values: &[&str]) -> Self {
        tokio::task::block_in_place(|| apply_rendered(release, namespace, values));
        Self::read(client, namespace).await
    }

    /// Reads the chart back from the namespace where it is installed, and asks for a token of its ServiceAccount.
    pub async fn read(client: &Client, namespace: &str) -> Self {
        let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
        let deployment = deployments.list(&ListParams::default()).await.unwrap().items.pop().expect("one Deployment");
        let pod = deployment.spec.unwrap().template.spec.unwrap();
        let arguments = pod.containers[0].args.clone().unwrap_or_default();
        let account = pod.service_account_name.expect("a ServiceAccount");
        Self { arguments, kubeconfig: kubeconfig(client, namespace, &account).await }
    }

    /// The chart in the world's namespace, with all rights instead of those of its ServiceAccount.
    pub async fn of_administrator(world: &World) -> Self {
        let chart = Self::read(&world.client, &world.namespace).await;
        Self { kubeconfig: bed().kubeconfig().to_owned(), ..chart }
    }

    /// The value of an argument such as `--http-port=8080`.
    pub fn argument(&self, name: &str) -> &str {
        let value = self.arguments.iter().find_map(|argument| argument.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_else(|| panic!("the Deployment has no argument {name}"))
    }

    /// Whether the API server lets the chart's ServiceAccount do so, to a resource such as `keycloakusers/status`.
    pub async fn may(&self, namespace: &str, verb: &str, group: &str, resource: &str, name: &str) -> bool {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let attributes = json!({ "namespace": namespace, "verb": verb, "group": group, "resource": resource,
            "subresource": subresource, "name": name });
        let question = json!({ "metadata": {}, "spec": { "resourceAttributes": attributes } });
        let question: SelfSubjectAccessReview = serde_json::from_value(question).unwrap();
        let reviews: Api<SelfSubjectAccessReview> = Api::all(self.client().await);
        let answer = reviews.create(&PostParams::default(), &question).await.expect("an answer");
        answer.status.expect("an answer").allowed
    }

    /// A client with the rights of the chart's ServiceAccount.
    pub async fn client(&self) -> Client {
        let kubeconfig = Kubeconfig::read_from(&self.kubeconfig).expect("our kubeconfig");
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        Client::try_from(config).expect("a client")
    }

    /// A token of a ServiceAccount, as kubelet gets one for a pod.
    pub async fn token(client: &Client, namespace: &str, account: &str) -> String {
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
        let request = TokenRequest { spec: TokenRequestSpec::default(), ..TokenRequest::default() };
        let answer = accounts.create_token_request(account, &PostParams::default(), &request).await.expect("a token");
        answer.status.expect("a token").token
    }

    /// One more namespace with the same realm; [`Chart::remove`] removes it with the release named like the world.
    pub async fn namespace_beside(world: &World, suffix: &str) -> World {
        let name = format!("{}-{suffix}", world.namespace);
        let labels = json!({ "app.kubernetes.io/instance": world.namespace });
        let namespace = serde_json::from_value(json!({ "metadata": { "name": name, "labels": labels } })).unwrap();
        let namespaces: Api<Namespace> = Api::all(world.client.clone());
        namespaces.create(&PostParams::default(), &namespace).await.expect("the namespace");
        World { namespace: name, client: world.client.clone(), keycloak: Admin::of_bed(&world.keycloak.realm) }
    }

    /// Removes what does not go with the namespace.
    pub async fn remove(client: &Client, namespace: &str) {
        let of_release = ListParams::default().labels(&format!("app.kubernetes.io/instance={namespace}"));
        let namespaces: Api<Namespace> = Api::all(client.clone());
        for beside in namespaces.list(&of_release).await.expect("namespaces") {
            let _ = namespaces.delete(&beside.name_any(), &DeleteParams::default()).await;
        }
        let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
        let roles: Api<ClusterRole> = Api::all(client.clone());
        let _ = bindings.delete_collection(&DeleteParams::default(), &of_release).await;
        let _ = roles.delete_collection(&DeleteParams::default(), &of_release).await;
        let shared: Api<ClusterKeycloakConnection> = Api::all(client.clone());
        let _ = shared.delete_collection(&DeleteParams::default(), &of_release).await;
    }
}

fn apply_rendered(release: &str, namespace: &str, values: &[&str]) {
    let mut helm = bed().helm();
    helm.args(["template", release]).arg(Chart::directory()).args([
        "--namespace",
        namespace,
        "--set",
        "crds.install=false",
    ]);
    helm.args(values.iter().flat_map(|value| ["--set", value]));
    let rendered = helm.output().expect("helm can be run");
    assert!(rendered.status.success(), "helm template: {}", String::from_utf8_lossy(&rendered.stderr));
    let mut kubectl = bed().kubectl();
    kubectl
        .args(["apply", "--server-side", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = kubectl.spawn().expect("kubectl can be run");
    child.stdin.take().unwrap().write_all(&rendered.stdout).expect("kubectl reads");
    let output = child.wait_with_output().expect("kubectl ends");
    assert!(output.status.success(), "kubectl apply: {}", String::from_utf8_lossy(&output.stderr));
}

async fn kubeconfig(client: &Client, namespace: &str, account: &str) -> PathBuf {
    let token = Chart::token(client, namespace, account).await;
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "bed",
        "clusters": [{ "name": "bed", "cluster": { "server": bed().kube_url(), "certificate-authority": bed().kube_ca() } }],
        "users": [{ "name": "operator", "user": { "token": token } }],
        "contexts": [{ "name": "bed", "context": { "cluster": "bed", "user": "operator", "namespace": namespace } }],
    });
    let directory = bed().kubeconfig().with_file_name("tests");
    std::fs::create_dir_all(&directory).expect("the bed's directory");
    let path = directory.join(format!("{namespace}.kubeconfig"));
    std::fs::write(&path, config.to_string()).expect("the bed's directory");
    path
}
