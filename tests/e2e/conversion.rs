//! XML in, accounts out: by the binary, `kubectl apply` and the operator.

mod agreement;
mod characters;
mod command;
mod hostile;
mod leavers;
mod options;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::json;

use crate::support::{bed, e2e};

fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_keycloak-user-operator"))
}

fn convert(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = binary();
    command.arg("convert").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary can be started");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("the input is written");
    output
}

/// Asserts that every user was converted, and gives the manifests.
fn converted(output: &Output) -> &[u8] {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    &output.stdout
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

/// A directory that is gone with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("kuo-conversion-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn example() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/john-doe.xml").to_str().unwrap().to_owned()
}

#[test]
fn the_example_becomes_an_account_that_can_log_in() {
    e2e("the_example_becomes_an_account", async |world, _operator| {
        let output = convert(&["--strict", &example()], b"");
        apply(&world.namespace, converted(&output));
        world.until("johndoe", "Synced").await;
        let account = world.keycloak.user("johndoe").await.unwrap();
        assert_eq!(account["email"], "john.doe@example.com");
        world.keycloak.login("johndoe", "password123").await.expect("the password of the XML");
    });
}

#[test]
fn json_and_base64_are_applied_as_yaml_and_text_are() {
    e2e("json_and_base64_are_applied", async |world, _operator| {
        let output = convert(&["--format", "json", "--data", "--namespace", &world.namespace, &example()], b"");
        apply(&world.namespace, converted(&output));
        world.until("johndoe", "Synced").await;
        world.keycloak.login("johndoe", "password123").await.expect("the password of the XML");
    });
}

#[test]
fn hostile_values_arrive_byte_for_byte() {
    e2e("hostile_values_arrive_byte_for_byte", async |world, _operator| {
        let password = " yes: '\"&é🦀\\n \n\t--- #x\u{202e}\u{200f}\u{85}\u{2028} ``$(a) ";
        let references: String = password.chars().map(|c| format!("&#{};", u32::from(c))).collect();
        let xml = format!(
            "<Users>\
            <User><Username>yaml.one</Username><FirstName>No</FirstName><LastName>1_000</LastName><Email>a@example.com</Email>\
            <Enabled>true</Enabled><Attributes><Attribute><Name>on: off</Name><Values><Value>--- #x</Value><Value>0x1F</Value>\
            </Values></Attribute></Attributes><Credentials><Credential><Type>password</Type><Value>{references}</Value>\
            <Temporary>false</Temporary></Credential></Credentials></User>\
            <User><Username>null</Username><Enabled>true</Enabled></User></Users>"
        );
        let output = convert(&[], xml.as_bytes());
        apply(&world.namespace, converted(&output));
        world.until("yaml.one", "Synced").await;
        world.until("null", "Synced").await;
        let account = world.keycloak.user("yaml.one").await.unwrap();
        assert_eq!((&account["firstName"], &account["lastName"]), (&json!("No"), &json!("1_000")));
        let mut values: Vec<&str> =
            account["attributes"]["on: off"].as_array().unwrap().iter().filter_map(|v| v.as_str()).collect();
        values.sort_unstable();
        assert_eq!(values, ["--- #x", "0x1F"]);
        world.keycloak.login("yaml.one", password).await.expect("byte for byte");
    });
}
