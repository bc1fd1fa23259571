//! A process as kubelet would start it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use k8s_openapi::api::core::v1::{Pod, PodSpec};
use kube::ResourceExt;

use crate::support::{Chart, ChildOperator, World, bed};

/// Starts the operator as kubelet would: with the arguments and the environment of the container, and with the files
/// of the ServiceAccount at their place, as the user that the pod names, without capabilities, on a file system that
/// cannot be written to.
///
/// Only root may do that on Linux; elsewhere the same process runs as whoever runs the test and finds the API server
/// by KUBECONFIG.
pub(super) async fn start_as_declared(world: &World, pod: &Pod, port: u16) -> ChildOperator {
    let spec = pod.spec.as_ref().unwrap();
    let chart = Chart::read(&world.client, &world.namespace).await;
    let log = chart.kubeconfig.with_extension("log");
    let output = std::fs::File::create(&log).expect("a log file");
    let operator = Path::new(env!("CARGO_BIN_EXE_keycloak-user-operator"));
    let confined = tokio::task::block_in_place(can_confine);
    let mut command = if confined {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", CONFINE, "confine"]);
        command
            .arg(empty_directory(&chart, "root"))
            .arg(operator)
            .arg(service_account_files(world, spec, &chart).await);
        command.args(user_and_group(spec)).args(environment(world, pod)).arg("/operator");
        command
    } else {
        let mut command = Command::new("env");
        command.arg("-i").arg(format!("KUBECONFIG={}", chart.kubeconfig.display()));
        command.args(environment(world, pod)).arg(operator);
        command
    };
    command.args(spec.containers[0].args.iter().flatten());
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output).spawn().expect("it can be started");
    let mut operator = ChildOperator::adopt(child, log, port);
    operator.until_ready().await;
    if confined {
        is_confined(&operator, spec);
    }
    operator
}

/// Arguments: an empty directory for the root, the operator, the files of the ServiceAccount, user, group, and then
/// what `env -i` takes.
const CONFINE: &str = r#"set -eu
root=$1 operator=$2 account=$3 user=$4 group=$5
shift 5
mount -t tmpfs tmpfs "$root"
bind() { mount --rbind "$1" "$2" && mount -o remount,bind,ro "$2"; }
for directory in /usr /lib /lib64; do
  [ -d "$directory" ] || continue
  mkdir "$root$directory" && bind "$directory" "$root$directory"
done
files=$root/var/run/secrets/kubernetes.io/serviceaccount
mkdir -p "$files" && bind "$account" "$files"
touch "$root/operator" && bind "$operator" "$root/operator"
mount -o remount,ro "$root"
exec /usr/sbin/chroot "$root" /usr/bin/setpriv --reuid "$user" --regid "$group" --clear-groups \
  --bounding-set=-all --inh-caps=-all --no-new-privs /usr/bin/env -i "$@"
"#;

fn can_confine() -> bool {
    let tools = ["/usr/sbin/chroot", "/usr/bin/setpriv", "/usr/bin/env"].iter().all(|tool| Path::new(tool).exists());
    let unshare = Command::new("unshare").args(["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
    tools && unshare.is_ok_and(|output| output.status.success())
}

pub(super) fn empty_directory(chart: &Chart, kind: &str) -> PathBuf {
    let directory = chart.kubeconfig.with_extension(kind);
    std::fs::create_dir_all(&directory).expect("the bed's directory");
    directory
}

/// What kubelet puts to /var/run/secrets/kubernetes.io/serviceaccount.
async fn service_account_files(world: &World, spec: &PodSpec, chart: &Chart) -> PathBuf {
    assert_eq!(spec.automount_service_account_token, Some(true));
    let account = spec.service_account_name.as_deref().expect("a ServiceAccount");
    let token = Chart::token(&world.client, &world.namespace, account).await;
    let authorities = std::fs::read_to_string(bed().kube_ca()).expect("the certificate");
    let directory = empty_directory(chart, "serviceaccount");
    for (name, text) in [("token", &token), ("ca.crt", &authorities), ("namespace", &world.namespace)] {
        std::fs::write(directory.join(name), text).expect("the bed's directory");
    }
    directory
}

fn user_and_group(spec: &PodSpec) -> [String; 2] {
    let context = spec.security_context.as_ref().expect("a security context");
    [context.run_as_user, context.run_as_group].map(|id| id.expect("the chart names user and group").to_string())
}

/// The container's environment, with the address of the API server that kubelet adds.
fn environment(world: &World, pod: &Pod) -> Vec<String> {
    let url: reqwest::Url = bed().kube_url().parse().expect("a URL");
    let host = format!("KUBERNETES_SERVICE_HOST={}", url.host_str().expect("a host"));
    let port = format!("KUBERNETES_SERVICE_PORT={}", url.port().expect("a port"));
    let declared = pod.spec.as_ref().unwrap().containers[0].env.iter().flatten().map(|variable| {
        let source = variable.value_from.as_ref().and_then(|source| source.field_ref.as_ref());
        let value = match source.map(|field| field.field_path.as_str()) {
            Some("metadata.name") => pod.name_any(),
            Some("metadata.namespace") => world.namespace.clone(),
            Some(other) => panic!("the test does not know {other}"),
            None => variable.value.clone().expect("a value"),
        };
        format!("{}={value}", variable.name)
    });
    declared.chain([host, port]).collect()
}

/// The kernel's word that the process has no more than the pod declares.
fn is_confined(operator: &ChildOperator, spec: &PodSpec) {
    let context = spec.containers[0].security_context.as_ref().expect("a security context");
    assert_eq!((context.read_only_root_filesystem, context.allow_privilege_escalation), (Some(true), Some(false)));
    let process = PathBuf::from(format!("/proc/{}", operator.id()));
    let status = std::fs::read_to_string(process.join("status")).expect("the process runs");
    let [user, group] = user_and_group(spec).map(|id| [id.as_str(); 4].join("\t"));
    let none = "0".repeat(16);
    for (field, expected) in [("Uid", &user), ("Gid", &group), ("CapEff", &none), ("CapBnd", &none)] {
        assert!(status.contains(&format!("\n{field}:\t{expected}\n")), "{field} is not {expected}:\n{status}");
    }
    assert!(status.contains("\nNoNewPrivs:\t1\n"), "{status}");
    let mounts = std::fs::read_to_string(process.join("mounts")).expect("the process runs");
    let root = mounts.lines().find(|line| line.split(' ').nth(1) == Some("/")).expect("a root");
    assert!(root.split(' ').nth(3).unwrap().starts_with("ro"), "{root}");
}
