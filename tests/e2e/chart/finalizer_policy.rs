//! The optional policy that gives new users their finalizer, on the real API server.

use keycloak_user_operator::api::{FINALIZER, KeycloakUser};
use kube::ResourceExt;
use kube::api::DeleteParams;
use serde_json::{Value, json};

use super::{SHARED, helm, install, said, template};
use crate::support::{Chart, FaultProxy, Ledger, Operator, Record, Server, World, condition, e2e_with, eventually};

const ENABLED: [&str; 2] = ["--set", "finalizerPolicy.enabled=true"];

/// Installs the chart with the policy, and waits until it is in force.
async fn install_with_policy(world: &World) {
    install(world, &[SHARED, ENABLED].concat()).await;
    until_born(world, "probe", true).await;
}

/// Makes users of that name and a number until one is born with the finalizer, or without. A policy takes a moment.
async fn until_born(world: &World, name: &str, with: bool) {
    let mut number = 0;
    eventually(&format!("{name} is born with the finalizer: {with}"), async || {
        number += 1;
        let name = format!("{name}-{number}");
        let user = world.user(&name, json!({ "username": name })).await;
        if is_born(&user) == with { Ok(()) } else { Err(user.finalizers().to_vec()) }
    })
    .await;
}

fn is_born(user: &KeycloakUser) -> bool {
    user.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

async fn until_all_are_done(world: &World) {
    eventually("every user has its verdict", async || {
        let users: Vec<KeycloakUser> = world.api().list(&Default::default()).await.unwrap().items;
        if users.iter().all(|user| condition(user, "Ready").is_some()) { Ok(()) } else { Err(users.len()) }
    })
    .await;
}

/// Takes the policy away before the test ends.
fn uninstall(world: &World) {
    said(&helm(&world.namespace, "uninstall", &[&world.namespace]));
}

/// An operator whose requests to both servers are noted.
async fn watched_operator(world: &World) -> (Ledger, Operator) {
    let (mut chart, ledger) = (Chart::read(&world.client, &world.namespace).await, Ledger::default());
    let keycloak = FaultProxy::before_keycloak("operator", &ledger);
    FaultProxy::before_kubernetes("operator", &ledger, &mut chart);
    world.connect(json!({ "url": keycloak.url() })).await;
    let operator = Operator::start(&chart, &world.namespace).await;
    // What the first account of a realm costs beyond others is paid.
    world.user("first", json!({ "username": "first" })).await;
    world.until("first", "Synced").await;
    (ledger, operator)
}

/// What was asked of either server about accounts, and what was written to these resources: `PUT …/status`.
fn costs(ledger: &Ledger, since: usize, names: &[&str]) -> Vec<String> {
    let records = ledger.records().split_off(since);
    let about_accounts = records.iter().map(|record| &record.call).filter(|call| match call.server {
        Server::Keycloak => call.path.contains("/users") && !call.path.ends_with("/profile"),
        Server::Kubernetes => {
            call.is_write() && names.iter().any(|name| call.path.contains(&format!("/keycloakusers/{name}")))
        }
    });
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    about_accounts.map(|call| format!("{} {}", call.method, last(&call.path))).collect()
}

fn managers(user: &KeycloakUser) -> Vec<&str> {
    let entries =
        user.metadata.managed_fields.iter().flatten().filter(|entry| entry.manager.as_deref() != Some("test"));
    let mut written: Vec<&str> = entries.map(|entry| entry.subresource.as_deref().unwrap_or("main")).collect();
    written.sort_unstable();
    written
}

#[test]
fn a_new_user_is_written_once_by_the_operator_with_the_policy_and_twice_without() {
    e2e_with("finalizer_policy_writes", json!({}), async |world| {
        install(&world, &SHARED).await;
        let (ledger, operator) = watched_operator(&world).await;
        let since = ledger.records().len();
        assert!(!is_born(&world.user("without", json!({ "username": "without" })).await));
        let without = world.until("without", "Synced").await;
        assert_eq!(costs(&ledger, since, &["without"]), ["PATCH without", "POST users", "PUT status"]);
        assert_eq!(managers(&without), ["main", "status"]);

        let directory = super::directory();
        said(&helm(
            &world.namespace,
            "upgrade",
            &[&[world.namespace.as_str(), &directory, "--reset-then-reuse-values"], &ENABLED[..]].concat(),
        ));
        until_born(&world, "probe", true).await;
        until_all_are_done(&world).await;
        let since = ledger.records().len();
        assert!(is_born(&world.user("with", json!({ "username": "with" })).await));
        let with = world.until("with", "Synced").await;
        assert_eq!(costs(&ledger, since, &["with"]), ["POST users", "PUT status"], "nor is it looked for");
        assert_eq!(managers(&with), ["status"]);
        world.delete_and_wait("with").await;
        assert_eq!(world.keycloak.user("with").await, None);
        operator.stop().await;
        uninstall(&world);
    });
}

#[test]
fn users_that_were_born_before_the_operator_came_are_written_once_and_looked_for_once() {
    e2e_with("finalizer_policy_backlog", json!({}), async |world| {
        install_with_policy(&world).await;
        let names = ["early-a", "early-b", "early-c"];
        for name in names {
            assert!(is_born(&world.user(name, json!({ "username": name })).await));
        }
        let (ledger, operator) = watched_operator(&world).await;
        for name in names {
            world.until(name, "Synced").await;
        }
        until_all_are_done(&world).await;
        operator.stop().await;
        let finds = |record: &&Record| record.call.query.contains("createdAfter");
        let found = ledger.records().iter().filter(finds).count();
        assert_eq!(found, 4, "by the mark: these three, and the probe that was born so");
        let of_early = costs(&ledger, 0, &names);
        assert_eq!(of_early.iter().filter(|call| *call == "PUT status").count(), 3, "{of_early:?}");
        assert!(!of_early.iter().any(|call| call.starts_with("PATCH")), "{of_early:?}");
        assert_eq!(
            of_early.iter().filter(|call| *call == "GET users").count(),
            found,
            "and by nothing else: {of_early:?}"
        );
        uninstall(&world);
    });
}

#[test]
fn only_what_the_operator_serves_is_born_with_the_finalizer_and_what_others_set_stays() {
    e2e_with("finalizer_policy_serves", json!({}), async |world| {
        let elsewhere = Chart::namespace_beside(&world, "b").await;
        install_with_policy(&world).await;
        let with = async |name: &str, finalizers: Value| {
            let body = json!({ "metadata": { "finalizers": finalizers }, "spec": { "username": name } });
            let user: KeycloakUser = world.apply("KeycloakUser", name, body).await.expect("the resource is valid");
            user.finalizers().to_vec()
        };
        assert_eq!(with("others", json!(["example.com/theirs"])).await, ["example.com/theirs", FINALIZER]);
        assert_eq!(with("ours", json!([FINALIZER])).await, [FINALIZER], "once");
        assert_eq!(with("empty", json!([])).await, [FINALIZER]);
        for name in ["plain", "plain"] {
            let user =
                world.user(name, json!({ "username": name, "firstName": format!("{}", fastrand::u16(..)) })).await;
            assert!(is_born(&user), "who applies it again takes it not away");
        }
        let suspended = world.user("suspended", json!({ "username": "suspended", "suspend": true })).await;
        assert!(!is_born(&suspended), "nothing is done for it, so that it may go");

        let unserved = elsewhere.user("unserved", json!({ "username": "unserved" })).await;
        assert!(!is_born(&unserved));
        elsewhere.api::<KeycloakUser>().delete("unserved", &DeleteParams::default()).await.unwrap();
        assert!(elsewhere.api::<KeycloakUser>().get_opt("unserved").await.unwrap().is_none(), "it is gone at once");

        let debug = helm(&world.namespace, "uninstall", &[&world.namespace, "--debug"]);
        let order: Vec<String> =
            deletions(&[said(&debug), String::from_utf8_lossy(&debug.stderr).into_owned()].concat());
        let place = |kind: &str| order.iter().position(|deleted| deleted == kind).expect(kind);
        assert!(place("MutatingAdmissionPolicyBinding") < place("Deployment"), "while the operator serves: {order:?}");
        until_born(&world, "after", false).await;
    });
}

/// The kinds of what helm says that it deletes, in its order.
fn deletions(debug: &str) -> Vec<String> {
    let lines = debug.lines().filter(|line| line.contains("starting delete resource"));
    lines.filter_map(|line| Some(line.split_once("kind=")?.1.split_whitespace().next()?.to_owned())).collect()
}

#[test]
fn the_policy_is_rendered_where_it_is_asked_for_and_the_api_server_has_it() {
    let has = ["--api-versions", "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"];
    let directory = super::directory();
    let rendered = |values: &[&str], arguments: &[&str]| {
        let sets = values.iter().flat_map(|value| ["--set", value]);
        let all: Vec<&str> = ["release", &directory].into_iter().chain(sets).chain(arguments.iter().copied()).collect();
        said(&helm("somewhere", "template", &all))
    };
    e2e_with("finalizer_policy_rendered", json!({}), async |_world| {
        assert!(!said(&template(&["finalizerPolicy.enabled=true"])).contains("MutatingAdmissionPolicy"));
        assert!(!rendered(&[], &has).contains("MutatingAdmissionPolicy"), "off unless it is asked for");
        let paused = rendered(&["finalizerPolicy.enabled=true", "replicaCount=0"], &has);
        assert!(!paused.contains("MutatingAdmissionPolicy"), "nobody serves what is made meanwhile");
        let listed = rendered(&["finalizerPolicy.enabled=true", "watchNamespaces={a,b}"], &has);
        assert!(listed.contains(r#"operator: In, values: ["a","b"]}"#), "{listed}");
        assert!(listed.contains(&format!(r#"["{FINALIZER}"]"#)), "{listed}");
        let everywhere = rendered(&["finalizerPolicy.enabled=true", "clusterWide=true"], &has);
        assert!(everywhere.contains("MutatingAdmissionPolicyBinding") && !everywhere.contains("namespaceSelector"));
    });
}
