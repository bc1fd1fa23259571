//! Who has left the export loses the account, and nobody else does.

use std::collections::BTreeSet;

use super::{Scratch, convert, converted};
use crate::support::{World, bed, e2e, eventually};

const USERS: usize = 33;

fn export(names: &[String]) -> String {
    let user = |name: &String| format!("<User><Username>{name}</Username><Enabled>true</Enabled></User>");
    format!("<Users>{}</Users>", names.iter().map(user).collect::<String>())
}

async fn until_accounts(world: &World, names: &[String]) {
    let expected: BTreeSet<String> = names.iter().cloned().collect();
    eventually(&format!("{} accounts, and no others", names.len()), async || {
        let found = world.keycloak.users().await;
        let found: BTreeSet<String> =
            found.iter().filter_map(|user| Some(user["username"].as_str()?.to_owned())).collect();
        if found == expected { Ok(()) } else { Err(found) }
    })
    .await;
}

/// Converts into the directory and applies it, so that what is not in it any more is deleted.
fn deliver(world: &World, scratch: &Scratch, names: &[String], how: &[&str]) {
    let (directory, document) = (scratch.text("manifests"), export(names));
    let output = convert(&["--output-dir", &directory, "--prune", "--export-name", "hr"], document.as_bytes());
    converted(&output);
    let mut kubectl = bed().kubectl();
    kubectl.env("KUBECTL_APPLYSET", "true").args([
        "apply",
        "--namespace",
        &world.namespace,
        "--prune",
        "-f",
        &directory,
    ]);
    let output = kubectl.args(how).output().expect("kubectl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn users_that_have_left_lose_exactly_their_accounts_by_an_apply_set() {
    e2e("users_that_have_left_lose_their_accounts", async |world, _operator| {
        let scratch = Scratch::new("leavers");
        let names: Vec<String> = (0..USERS).map(|number| format!("user{number:02}")).collect();
        let how = ["--server-side", "--applyset=hr"];
        deliver(&world, &scratch, &names, &how);
        until_accounts(&world, &names).await;
        let left = [&names[..7], &names[8..20], &names[21..32]].concat();
        deliver(&world, &scratch, &left, &how);
        until_accounts(&world, &left).await;
    });
}

#[test]
fn users_that_have_left_lose_exactly_their_accounts_by_the_label_of_the_export() {
    e2e("users_that_have_left_lose_by_label", async |world, _operator| {
        let scratch = Scratch::new("label");
        let names: Vec<String> = (0..12).map(|number| format!("user{number:02}")).collect();
        let how = [
            "--selector=keycloakuser.dev/export=hr",
            "--prune-allowlist=keycloakuser.dev/v1alpha1/KeycloakUser",
            "--prune-allowlist=core/v1/Secret",
        ];
        deliver(&world, &scratch, &names, &how);
        until_accounts(&world, &names).await;
        deliver(&world, &scratch, &names[1..], &how);
        until_accounts(&world, &names[1..]).await;
    });
}
