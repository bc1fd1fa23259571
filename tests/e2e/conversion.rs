//! XML in, accounts out: by the binary, `kubectl apply` and the operator.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::json;

use crate::support::{bed, e2e};

fn convert(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keycloak-user-operator"));
    command.arg("convert").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary can be started");
    child.stdin.take().unwrap().write_all(input).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn apply(namespace: &str, manifests: &[u8]) {
    let mut kubectl = bed().kubectl();
    kubectl
        .args(["apply", "--server-side", "--namespace", namespace, "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let mut child = kubectl.spawn().expect("kubectl");
    child.stdin.take().unwrap().write_all(manifests).expect("kubectl reads");
    assert!(child.wait().expect("kubectl ends").success());
}

#[test]
fn the_example_becomes_an_account_that_can_log_in() {
    e2e("the_example_becomes_an_account", async |world, _operator| {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/john-doe.xml");
        let output = convert(&[example.to_str().unwrap()], b"");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        apply(&world.namespace, &output.stdout);
        world.until("johndoe", "Synced").await;
        let account = world.keycloak.user("johndoe").await.unwrap();
        assert_eq!(account["email"], "john.doe@example.com");
        world.keycloak.login("johndoe", "password123").await.expect("the password of the XML");
    });
}

#[test]
fn hostile_values_arrive_byte_for_byte() {
    e2e("hostile_values_arrive_byte_for_byte", async |world, _operator| {
        let xml = "<Users>\
            <User><Username>yaml.one</Username><FirstName>No</FirstName><LastName>1_000</LastName><Email>a@example.com</Email>\
            <Enabled>true</Enabled><Attributes><Attribute><Name>on: off</Name><Values><Value>--- #x</Value><Value>0x1F</Value>\
            </Values></Attribute></Attributes><Credentials><Credential><Type>password</Type><Value> yes: '\"&amp;é🦀\\n </Value>\
            <Temporary>false</Temporary></Credential></Credentials></User>\
            <User><Username>null</Username><Enabled>true</Enabled></User></Users>";
        let output = convert(&[], xml.as_bytes());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        apply(&world.namespace, &output.stdout);
        world.until("yaml.one", "Synced").await;
        world.until("null", "Synced").await;
        let account = world.keycloak.user("yaml.one").await.unwrap();
        assert_eq!((&account["firstName"], &account["lastName"]), (&json!("No"), &json!("1_000")));
        let mut values: Vec<&str> =
            account["attributes"]["on: off"].as_array().unwrap().iter().filter_map(|v| v.as_str()).collect();
        values.sort_unstable();
        assert_eq!(values, ["--- #x", "0x1F"]);
        world.keycloak.login("yaml.one", " yes: '\"&é🦀\\n ").await.expect("byte for byte");
    });
}

#[test]
fn exit_codes_say_what_happened() {
    assert_eq!(convert(&["--namespace", "Not A Name"], b"").status.code(), Some(2));
    assert_eq!(convert(&["no-such-file.xml"], b"").status.code(), Some(1));
    let broken = convert(&[], b"<Users><User><Username>whole</Username><Enabled>1</Enabled></User><User>");
    assert_eq!(broken.status.code(), Some(1));
    let output = String::from_utf8(broken.stdout).unwrap();
    assert!(output.contains("username: whole"), "{output}");
    let errors = String::from_utf8(broken.stderr).unwrap();
    assert!(errors.contains("-:1:"), "{errors}");
}
