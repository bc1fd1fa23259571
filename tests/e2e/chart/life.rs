//! The life of a release: beside another one, and upgraded from the first revision of the chart.

use std::path::{Path, PathBuf};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use keycloak_user_operator::api::GROUP;
use kube::api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind};

use super::*;
use crate::support::{Operator, eventually};

fn first_revision() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/chart-of-the-first-revision")
}

/// `helm COMMAND` of the release named like the world, in that namespace.
fn release(world: &World, namespace: &str, command: &str, chart: &Path, arguments: &[&str]) -> String {
    let chart = chart.to_str().expect("a path");
    let all: Vec<&str> = [world.namespace.as_str(), chart].into_iter().chain(arguments.iter().copied()).collect();
    said(&helm(namespace, command, &all))
}

async fn has_metric(operator: &ChildOperator, line: &str) -> Result<(), String> {
    let metrics = reqwest::get(operator.url("/metrics")).await.expect("it answers").text().await.expect("text");
    if metrics.lines().any(|found| found == line) { Ok(()) } else { Err(metrics) }
}

#[test]
fn an_upgrade_from_the_first_revision_keeps_what_is_declared_and_changes_nothing_in_keycloak() {
    e2e_with("chart_upgrade", json!({}), async |world| {
        world.connect(json!({})).await;
        world.secret("kcuser-kept", &[("password", "outlives-an-upgrade")]).await;
        release(
            &world,
            &world.namespace,
            "install",
            &first_revision(),
            &[&SHARED[..], &["--set", "logFormat=text"]].concat(),
        );
        assert_eq!(strategy(&world).await.as_deref(), Some("Recreate"));
        let spec = |first: &str| {
            json!({ "username": "kept", "firstName": first, "lastName": "L", "email": "kept@example.com",
            "credentials": password_from("kcuser-kept") })
        };
        world.user("kept", spec("A")).await;
        // The operator of that time knew no lease; what it did, this one does with the rights of an administrator.
        let then = Operator::start(&Chart::of_administrator(&world).await, &world.namespace).await;
        let before = world.until("kept", "Synced").await;
        then.stop().await;

        release(&world, &world.namespace, "upgrade", &current(), &["--reset-then-reuse-values"]);
        assert_eq!(strategy(&world).await.as_deref(), Some("RollingUpdate"));
        let chart = Chart::read(&world.client, &world.namespace).await;
        assert_eq!(chart.argument("--log-format"), "text", "values are kept");
        let operator = ChildOperator::start(&chart, &world.namespace).await;
        let unchanged = r#"keycloakuser_reconciles_total{outcome="unchanged"} 1"#;
        eventually("a pass that changes nothing", async || has_metric(&operator, unchanged).await).await;
        assert_eq!(world.get_user("kept").await.metadata.resource_version, before.metadata.resource_version);
        assert_eq!(world.keycloak.writes_of_operator().await.len(), 1, "the creation");
        world.user("kept", spec("B")).await;
        world.until("kept", "Synced").await;
        assert_eq!(world.keycloak.user("kept").await.unwrap()["firstName"], "B");
    });
}

fn current() -> PathBuf {
    Chart::directory()
}

async fn strategy(world: &World) -> Option<String> {
    deployment(world).await.spec?.strategy?.type_
}

/// The definitions are upgraded under another group, so that other tests keep theirs.
#[test]
fn an_upgrade_upgrades_the_definitions_and_an_uninstall_keeps_them_with_their_objects() {
    e2e_with("chart_definitions", json!({}), async |world| {
        let group = format!("{}.{GROUP}", world.namespace);
        let [first, current] = [first_revision(), current()].map(|chart| in_group(&world, &chart, &group));
        release(&world, &world.namespace, "install", &first, &[]);
        let old = definitions(&world, &group).await;
        assert_eq!(old.len(), 2);
        let kind = users_of(&group);
        let objects: Api<DynamicObject> = Api::namespaced_with(world.client.clone(), &world.namespace, &kind);
        let object = DynamicObject::new("kept", &kind).data(json!({ "spec": { "username": "kept" } }));
        eventually("the object is taken", async || objects.create(&PostParams::default(), &object).await).await;

        release(&world, &world.namespace, "upgrade", &current, &["--reset-then-reuse-values"]);
        let new = definitions(&world, &group).await;
        for definition in custom_resource_definitions() {
            let name = definition.name_any().replace(GROUP, &group);
            let found = new.iter().find(|found| found.name_any() == name).expect("the definition");
            assert!(schema(found) == schema(&definition).replace(GROUP, &group), "{name} has the schema of now");
            assert!(old.iter().all(|old| schema(old) != schema(found)), "{name} had another one");
        }
        assert!(old.iter().all(|old| new.iter().any(|new| new.metadata.uid == old.metadata.uid)), "none was replaced");
        let uid = objects.get("kept").await.expect("the object").metadata.uid;

        said(&helm(&world.namespace, "uninstall", &[&world.namespace]));
        let kept = definitions(&world, &group).await;
        assert_eq!(kept.len(), new.len());
        assert!(
            kept.iter().all(|definition| definition.metadata.deletion_timestamp.is_none()),
            "none is being deleted"
        );
        let object = objects.get("kept").await.expect("the object");
        assert_eq!((object.metadata.uid, object.metadata.deletion_timestamp), (uid, None));
        let api: Api<CustomResourceDefinition> = Api::all(world.client.clone());
        for definition in new {
            api.delete(&definition.name_any(), &DeleteParams::default()).await.expect("the definition");
        }
    });
}

fn schema(definition: &CustomResourceDefinition) -> String {
    serde_json::to_string(&definition.spec.versions[0].schema).expect("a schema")
}

/// A copy of the chart that says another group wherever it says ours.
fn in_group(world: &World, chart: &Path, group: &str) -> PathBuf {
    let copy = bed().kubeconfig().with_file_name(format!("{}-{}", world.namespace, fastrand::u32(..)));
    copy_in_group(chart, &copy, group);
    copy
}

fn copy_in_group(from: &Path, to: &Path, group: &str) {
    std::fs::create_dir_all(to).expect("the bed's directory");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_in_group(&path, &target, group);
        } else {
            let text = std::fs::read_to_string(&path).expect("a text");
            std::fs::write(target, text.replace(GROUP, group)).expect("the bed's directory");
        }
    }
}

async fn definitions(world: &World, group: &str) -> Vec<CustomResourceDefinition> {
    let api: Api<CustomResourceDefinition> = Api::all(world.client.clone());
    let all = api.list(&ListParams::default()).await.expect("definitions").items;
    all.into_iter().filter(|definition| definition.spec.group == group).collect()
}

/// KeycloakUsers of that group.
fn users_of(group: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1alpha1", "KeycloakUser"))
}

#[test]
fn two_releases_of_one_name_work_side_by_side_and_one_goes_without_the_other() {
    e2e_with("chart_two", json!({}), async |world| {
        let beside = Chart::namespace_beside(&world, "b").await;
        let mut running = Vec::new();
        for (here, name) in [(&world, "first"), (&beside, "second")] {
            here.connect(json!({})).await;
            here.user("same-name", json!({ "username": name })).await;
            release(&world, &here.namespace, "install", &current(), &SHARED);
            let chart = Chart::read(&here.client, &here.namespace).await;
            running.push(ChildOperator::start(&chart, &here.namespace).await);
        }
        for (here, operator) in [(&world, &running[0]), (&beside, &running[1])] {
            here.until("same-name", "Synced").await;
            for line in ["keycloakuser_leader 1", r#"keycloakuser_users{reason="Synced"} 1"#] {
                eventually("its own user alone", async || has_metric(operator, line).await).await;
            }
        }
        let writes = world.keycloak.writes_of_operator().await;
        assert_eq!(writes.len(), 2, "each account was made once: {writes:?}");

        running.remove(0).terminate().await;
        said(&helm(&world.namespace, "uninstall", &[&world.namespace]));
        beside.user("same-name", json!({ "username": "second", "firstName": "goes-on" })).await;
        beside.until("same-name", "Synced").await;
        assert_eq!(world.keycloak.user("second").await.unwrap()["firstName"], "goes-on");
        assert!(world.keycloak.user("first").await.is_some(), "the account of the release that is gone");
    });
}
