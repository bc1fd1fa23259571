//! The optional admission policy, on the real API server.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use super::{said, template};
use crate::support::{Chart, World, bed, e2e_with, eventually};

/// Applies, or deletes, the two objects of the policy for the world's namespace.
fn kubectl(world: &World, arguments: &[&str], values: &[&str]) {
    let mut helm = bed().helm();
    helm.args(["template", &world.namespace]).arg(Chart::directory()).args(["--namespace", &world.namespace]);
    helm.args(["--show-only", "templates/admissionpolicy.yaml", "--set", "admissionPolicy.enabled=true"]);
    helm.args(values.iter().flat_map(|value| ["--set", value]));
    let rendered = helm.output().expect("helm can be run");
    assert!(rendered.status.success(), "helm template: {}", String::from_utf8_lossy(&rendered.stderr));
    let mut kubectl = bed().kubectl();
    kubectl.args(arguments).args(["-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = kubectl.spawn().expect("kubectl can be run");
    child.stdin.take().unwrap().write_all(&rendered.stdout).expect("kubectl reads");
    assert!(child.wait().expect("kubectl ends").success());
}

fn management() -> Value {
    json!({ "username": "boss", "clientRoles": [{ "client": "realm-management", "roles": ["manage-users"] }] })
}

/// A policy takes a moment to be in force; what it let pass before is nobody's matter.
async fn until_in_force(world: &World) {
    let mut number = 0;
    eventually("the policy is in force", async || {
        number += 1;
        world.try_user(&format!("boss-{number}"), management()).await.map_or(Ok(()), |user| Err(user.spec.client_roles))
    })
    .await;
}

async fn refused(world: &World, name: &str, spec: Value, words: &str) {
    let refusal = world.try_user(name, spec).await.expect_err(words).to_string();
    assert!(refusal.contains(words), "{refusal}");
}

#[test]
fn the_policy_refuses_admin_roles_by_name_and_holds_up_nothing_else() {
    e2e_with("the_policy_refuses_admin_roles_by_name", json!({}), async |world| {
        world.connect(json!({})).await;
        let _operator = world.operator().await;
        world.user("before", management()).await;
        world.until("before", "RightNotGranted").await;
        tokio::task::block_in_place(|| kubectl(&world, &["apply", "--server-side"], &[]));
        let words = "spec.clientRoles must not have roles of realm-management";
        until_in_force(&world).await;
        refused(&world, "boss", management(), words).await;
        for role in ["admin", "create-realm"] {
            let spec = json!({ "username": "boss", "realmRoles": ["base", role] });
            refused(&world, "boss", spec, "spec.realmRoles must not have admin or create-realm").await;
        }
        let harmless = json!({ "username": "harmless", "realmRoles": ["administrator"],
            "clientRoles": [{ "client": "app", "roles": ["admin"] }] });
        world.user("harmless", harmless).await;
        world.user("plain", json!({ "username": "plain" })).await;
        world.until("plain", "Synced").await;
        // What was there before can be looked at, and can go.
        world.reconcile_now("before").await;
        let changed = json!({ "username": "boss", "firstName": "B", "clientRoles": management()["clientRoles"] });
        refused(&world, "before", changed, words).await;
        world.delete_and_wait("before").await;
        tokio::task::block_in_place(|| kubectl(&world, &["delete"], &[]));
    });
}

#[test]
fn the_policy_holds_where_the_operator_looks_and_not_where_it_is_exempted() {
    let watched = ["watchNamespaces={a,b}", "admissionPolicy.enabled=true", "admissionPolicy.exemptNamespaces={b}"];
    e2e_with("the_policy_holds_where_the_operator_looks", json!({}), async |_world| {
        let rendered = said(&template(&watched));
        assert!(rendered.contains(r#"operator: In, values: ["a","b"]}"#), "{rendered}");
        assert!(rendered.contains(r#"operator: NotIn, values: ["b"]}"#), "{rendered}");
        let everywhere = said(&template(&["clusterWide=true", "admissionPolicy.enabled=true"]));
        assert!(!everywhere.contains("namespaceSelector"), "{everywhere}");
        assert!(!said(&template(&[])).contains("ValidatingAdmissionPolicy"), "off unless it is asked for");
    });
}
