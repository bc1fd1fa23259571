//! The chart as helm installs it: what its Deployment says runs so, where `restricted` is enforced.

mod confinement;
mod finalizer_policy;
mod life;
mod policy;

use std::process::Output;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container, HTTPGetAction, Namespace, Pod, Service};
use k8s_openapi::api::rbac::v1::{ClusterRole, Role};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use keycloak_user_operator::api::custom_resource_definitions;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use confinement::{empty_directory, start_as_declared};

use crate::support::{Chart, ChildOperator, World, bed, condition, e2e_with, free_port, password_from};

/// Runs `helm COMMAND ARGUMENTS` in that namespace.
fn helm(namespace: &str, command: &str, arguments: &[&str]) -> Output {
    let mut helm = bed().helm();
    helm.args([command, "--namespace", namespace]).args(arguments);
    tokio::task::block_in_place(|| helm.output()).expect("helm can be run")
}

/// What helm says, which must have ended well.
fn said(output: &Output) -> String {
    assert!(output.status.success(), "helm: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn directory() -> String {
    Chart::directory().to_str().expect("a path").to_owned()
}

/// `helm template` with these values.
fn template(values: &[&str]) -> Output {
    let directory = directory();
    let sets = values.iter().flat_map(|value| ["--set", value]);
    helm("somewhere", "template", &["release", &directory].into_iter().chain(sets).collect::<Vec<_>>())
}

/// The definitions are shared by all tests.
const SHARED: [&str; 2] = ["--set", "crds.install=false"];

/// Installs the chart into the world's namespace, which enforces `restricted`; what helm says.
async fn install(world: &World, arguments: &[&str]) -> String {
    let namespaces: Api<Namespace> = Api::all(world.client.clone());
    let labels = json!({ "metadata": { "labels": { "pod-security.kubernetes.io/enforce": "restricted" } } });
    namespaces.patch(&world.namespace, &PatchParams::default(), &Patch::Merge(labels)).await.expect("the namespace");
    let directory = directory();
    let all: Vec<&str> = [world.namespace.as_str(), &directory].into_iter().chain(arguments.iter().copied()).collect();
    said(&helm(&world.namespace, "install", &all))
}

/// The Deployment as the API server has it.
async fn deployment(world: &World) -> Deployment {
    world.api::<Deployment>().list(&ListParams::default()).await.unwrap().items.pop().expect("one Deployment")
}

/// The pod that the Deployment's ReplicaSet would make.
fn pod(deployment: &Deployment) -> Pod {
    let template = deployment.spec.clone().expect("a spec").template;
    let mut metadata = template.metadata.expect("labels");
    metadata.name = Some("operator-0".to_owned());
    Pod { metadata, spec: template.spec, status: None }
}

#[test]
fn the_pod_is_admitted_where_restricted_is_enforced_and_a_weaker_one_is_not() {
    e2e_with("chart_restricted", json!({}), async |world| {
        install(&world, &SHARED).await;
        let pod = pod(&deployment(&world).await);
        let dry_run = PostParams { dry_run: true, ..PostParams::default() };
        world.api::<Pod>().create(&dry_run, &pod).await.expect("the pod is admitted");
        let of_container = |field: &str| format!("/spec/containers/0/securityContext/{field}");
        for (weakened, value) in [
            ("/spec/securityContext/runAsNonRoot".to_owned(), json!(false)),
            ("/spec/securityContext/runAsUser".to_owned(), json!(0)),
            ("/spec/securityContext/seccompProfile".to_owned(), json!(null)),
            (of_container("allowPrivilegeEscalation"), json!(true)),
            (of_container("capabilities"), json!(null)),
        ] {
            let mut weak = serde_json::to_value(&pod).unwrap();
            *weak.pointer_mut(&weakened).expect("the chart sets it") = value;
            let weak: Pod = serde_json::from_value(weak).unwrap();
            let refusal = world.api::<Pod>().create(&dry_run, &weak).await.expect_err(&weakened).to_string();
            assert!(refusal.contains(r#"violates PodSecurity "restricted"#), "{weakened}: {refusal}");
        }
    });
}

#[test]
fn the_binary_runs_as_the_deployment_says() {
    e2e_with("chart_runs", json!({}), async |world| {
        world.connect(json!({})).await;
        world.secret("kcuser-declared", &[("password", "as-the-chart-says")]).await;
        let port = free_port();
        install(&world, &[&SHARED[..], &["--set", &format!("metrics.port={port}")]].concat()).await;
        let deployment = deployment(&world).await;
        let pod = pod(&deployment);
        let container = &pod.spec.as_ref().unwrap().containers[0];
        assert_eq!(declared_port(container, &IntOrString::String("http".to_owned())), port);
        let mut operator = start_as_declared(&world, &pod, port).await;
        operator.until_ready().await;
        for probe in [&container.liveness_probe, &container.readiness_probe] {
            let get = probe.as_ref().and_then(|probe| probe.http_get.as_ref()).expect("a probe over HTTP");
            assert_eq!(reqwest::get(probe_url(container, get)).await.expect("an answer").status(), 200, "{get:?}");
        }
        the_service_leads_to(&world, &pod).await;
        world
            .user(
                "declared",
                json!({ "username": "declared", "firstName": "F", "lastName": "L",
            "email": "declared@example.com", "credentials": password_from("kcuser-declared") }),
            )
            .await;
        let user = world.until("declared", "Synced").await;
        assert_eq!(condition(&user, "Ready").unwrap().status, "True");
        world.keycloak.login("declared", "as-the-chart-says").await.expect("the password");
        world.delete_and_wait("declared").await;
        assert_eq!(world.keycloak.user("declared").await, None);
        let log = operator.output();
        assert!(log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "logFormat is json: {log}");
        let (took, status) = operator.terminate().await;
        assert!(status.success() && took < Duration::from_secs(10), "{status} after {took:?}");
    });
}

/// The number of a port of a container.
fn declared_port(container: &Container, port: &IntOrString) -> u16 {
    let number = match port {
        IntOrString::Int(number) => Some(*number),
        IntOrString::String(name) => {
            let mut ports = container.ports.iter().flatten();
            ports.find(|port| port.name.as_ref() == Some(name)).map(|port| port.container_port)
        }
    };
    number.unwrap_or_else(|| panic!("the container declares no port {port:?}")).try_into().expect("a port")
}

/// Where kubelet calls a probe of a pod that has the address of this machine.
fn probe_url(container: &Container, get: &HTTPGetAction) -> String {
    format!("http://127.0.0.1:{}{}", declared_port(container, &get.port), get.path.as_deref().expect("a path"))
}

async fn the_service_leads_to(world: &World, pod: &Pod) {
    let service = world.api::<Service>().list(&ListParams::default()).await.unwrap().items.pop().expect("one Service");
    let spec = service.spec.expect("a spec");
    let labels = pod.metadata.labels.as_ref().expect("labels");
    assert!(spec.selector.expect("a selector").iter().all(|(key, value)| labels.get(key) == Some(value)));
    let port = &spec.ports.expect("ports")[0];
    let container = &pod.spec.as_ref().unwrap().containers[0];
    assert_eq!(
        declared_port(container, port.target_port.as_ref().expect("a target")),
        u16::try_from(port.port).unwrap()
    );
}

#[test]
fn the_chart_is_without_fault_and_renders_the_same_each_time() {
    let lint = said(&helm("somewhere", "lint", &["--strict", &directory()]));
    assert!(!lint.contains("[WARNING]") && !lint.contains("[ERROR]"), "{lint}");
    assert_eq!(said(&template(&[])), said(&template(&[])));
}

#[test]
fn a_value_that_means_nothing_is_refused_with_a_sentence() {
    for (values, sentence) in [
        (&["watchNamespace=people"][..], "at '': additional properties 'watchNamespace' not allowed"),
        (&["metrics.prot=80"], "at '/metrics': additional properties 'prot' not allowed"),
        (&["replicaCount=-1"], "at '/replicaCount': minimum: got -1, want 0"),
        (&["logFormat=xml"], "at '/logFormat': value must be one of 'text', 'json'"),
        (&["clusterWide=true", "watchNamespaces={a}"], "clusterWide is true, so watchNamespaces must be empty"),
    ] {
        let output = template(values);
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && message.contains(sentence), "{values:?}: {message}");
    }
}

#[test]
fn the_notes_show_resources_that_the_api_server_takes() {
    e2e_with("chart_notes", json!({}), async |world| {
        let notes = install(&world, &SHARED).await;
        let example =
            notes.split_once("<<END\n").and_then(|(_, rest)| rest.split_once("\n  END\n")).expect("an example").0;
        let file = empty_directory(&Chart::read(&world.client, &world.namespace).await, "notes").join("example.yaml");
        std::fs::write(&file, example.replace("\n  ", "\n").trim_start()).expect("the bed's directory");
        let mut kubectl = bed().kubectl();
        kubectl.args(["--namespace", &world.namespace, "apply", "--dry-run=server", "-f"]).arg(&file);
        let output = kubectl.output().expect("kubectl can be run");
        assert!(output.status.success(), "{}\n{example}", String::from_utf8_lossy(&output.stderr));
    });
}

#[test]
fn without_certificates_of_the_system_https_asks_for_an_authority_and_http_works() {
    e2e_with("chart_no_certificates", json!({}), async |world| {
        world.connect(json!({})).await;
        world.connection("encrypted", json!({ "url": bed().keycloak_https_url() })).await;
        let port = free_port();
        let port_value = format!("metrics.port={port}");
        let none = ["--set", "extraEnv[0].name=SSL_CERT_FILE,extraEnv[0].value=/nowhere"];
        install(&world, &[&SHARED[..], &["--set", &port_value], &none].concat()).await;
        let _operator = start_as_declared(&world, &pod(&deployment(&world).await), port).await;
        world.user("plain", json!({ "username": "plain" })).await;
        world.until("plain", "Synced").await;
        world.user("encrypted", json!({ "username": "encrypted", "connectionRef": { "name": "encrypted" } })).await;
        let user = world.until("encrypted", "ConnectionInvalid").await;
        let message = &condition(&user, "Ready").unwrap().message;
        assert!(
            message.ends_with("no certificate authority is known to the operator's system; name one in tls.caRef"),
            "{message}"
        );
        world.delete_and_wait("plain").await;
    });
}

#[test]
fn an_uninstall_keeps_definitions_resources_and_accounts_and_an_install_goes_on() {
    e2e_with("chart_uninstall", json!({}), async |world| {
        every_definition_is_kept(&said(&template(&[])));
        world.connect(json!({})).await;
        world.secret("kcuser-kept", &[("password", "outlives-the-release")]).await;
        let spec = |first: &str| {
            json!({ "username": "kept", "firstName": first, "lastName": "L",
            "email": "kept@example.com", "credentials": password_from("kcuser-kept") })
        };
        install(&world, &["--take-ownership", "--force-conflicts"]).await;
        let chart = Chart::read(&world.client, &world.namespace).await;
        let operator = ChildOperator::start(&chart, &world.namespace).await;
        world.user("kept", spec("A")).await;
        world.until("kept", "Synced").await;
        operator.terminate().await;

        said(&helm(&world.namespace, "uninstall", &[&world.namespace]));
        assert!(world.api::<Deployment>().list(&ListParams::default()).await.unwrap().items.is_empty());
        for definition in custom_resource_definitions() {
            let definitions: Api<CustomResourceDefinition> = Api::all(world.client.clone());
            let found = definitions.get(&definition.name_any()).await.expect("the definition");
            assert_eq!(found.metadata.deletion_timestamp, None);
        }
        assert_eq!(world.get_user("kept").await.metadata.deletion_timestamp, None);
        world.keycloak.login("kept", "outlives-the-release").await.expect("the account");

        install(&world, &[]).await;
        let chart = Chart::read(&world.client, &world.namespace).await;
        let _operator = ChildOperator::start(&chart, &world.namespace).await;
        world.user("kept", spec("B")).await;
        world.until("kept", "Synced").await;
        let writes = world.keycloak.writes_of_operator().await;
        assert!(writes.len() == 2 && writes[1].starts_with("UPDATE"), "the account was made once: {writes:?}");
    });
}

/// The definitions that were rendered carry the annotation; without it an uninstall would take those of all tests.
fn every_definition_is_kept(rendered: &str) {
    let documents = rendered.split("\n---\n").filter(|text| text.contains("\nkind: CustomResourceDefinition\n"));
    let kept = documents.map(|text| text.contains("\n  annotations:\n    helm.sh/resource-policy: keep\n"));
    let kept: Vec<bool> = kept.collect();
    assert_eq!(kept, vec![true; custom_resource_definitions().len()]);
}

/// What an operator does in each namespace that it looks after.
const IN_WATCHED: [[&str; 3]; 6] = [
    ["list", "keycloakuser.dev", "keycloakusers"],
    ["watch", "keycloakuser.dev", "keycloakconnections"],
    ["update", "keycloakuser.dev", "keycloakusers/status"],
    ["get", "", "secrets"],
    ["list", "", "secrets"],
    ["create", "events.k8s.io", "events"],
];

async fn reaches(chart: &Chart, namespace: &str) -> Vec<bool> {
    let mut rights = Vec::new();
    for [verb, group, resource] in IN_WATCHED {
        rights.push(chart.may(namespace, verb, group, resource, "any").await);
    }
    rights
}

#[test]
fn one_operator_serves_the_namespaces_of_a_list_and_reaches_no_other() {
    e2e_with("chart_list", json!({}), async |world| {
        let (first, second) = (Chart::namespace_beside(&world, "a").await, Chart::namespace_beside(&world, "b").await);
        let watched = format!("watchNamespaces={{{},{}}}", first.namespace, second.namespace);
        let chart = Chart::apply_release(&world.client, &world.namespace, &world.namespace, &[&watched]).await;
        world.connect(json!({})).await;
        world.user("unwatched", json!({ "username": "unwatched" })).await;
        let _operator = ChildOperator::start(&chart, &world.namespace).await;
        for (there, name) in [(&first, "first"), (&second, "second")] {
            there.connect(json!({})).await;
            there.user(name, json!({ "username": name })).await;
            there.until(name, "Synced").await;
            assert_eq!(reaches(&chart, &there.namespace).await, [true; 6], "{}", there.namespace);
            there.delete_and_wait(name).await;
        }
        assert_eq!(condition(&world.get_user("unwatched").await, "Ready"), None);
        for elsewhere in [&world.namespace, "default"] {
            // KeycloakUsers alone, so that one of a namespace that is going can still be let go.
            assert_eq!(reaches(&chart, elsewhere).await, [true, false, true, false, false, false], "{elsewhere}");
        }
    });
}

/// Only the rights are looked at: an operator that serves all namespaces would serve those of the other tests too.
#[test]
fn cluster_wide_gives_the_same_rights_in_every_namespace() {
    e2e_with("chart_cluster_wide", json!({}), async |world| {
        install(&world, &SHARED).await;
        let watch = |name: String| name.ends_with(":watch");
        let roles = world.api::<Role>().list(&ListParams::default()).await.unwrap();
        let listed = roles.items.into_iter().find(|role| watch(role.name_any())).expect("a Role to watch with");
        let directory = directory();
        let upgrade = [&world.namespace, &directory, "--reset-then-reuse-values", "--set", "clusterWide=true"];
        said(&helm(&world.namespace, "upgrade", &upgrade));
        let of_release = ListParams::default().labels(&format!("app.kubernetes.io/instance={}", world.namespace));
        let roles: Vec<Role> = Api::all(world.client.clone()).list(&of_release).await.unwrap().items;
        assert!(roles.iter().all(|role| !watch(role.name_any())), "{roles:#?}");
        let roles: Vec<ClusterRole> = Api::all(world.client.clone()).list(&of_release).await.unwrap().items;
        let everywhere = roles.into_iter().find(|role| watch(role.name_any())).expect("a ClusterRole to watch with");
        assert_eq!(everywhere.rules, listed.rules);
        let chart = Chart::read(&world.client, &world.namespace).await;
        assert!(chart.arguments.iter().any(|argument| argument == "--cluster-wide"), "{:?}", chart.arguments);
        assert!(!chart.arguments.iter().any(|argument| argument.starts_with("--watch-namespaces")));
        for namespace in [&world.namespace, "default", "kube-system"] {
            assert_eq!(reaches(&chart, namespace).await, [true; 6], "{namespace}");
        }
    });
}
