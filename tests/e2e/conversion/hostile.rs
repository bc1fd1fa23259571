//! Strings that YAML readers like to misunderstand, read back by others: PyYAML with both of its loaders, and
//! sigs.k8s.io/yaml in the real API server.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use futures::{StreamExt, stream};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use kube::core::Request;
use serde_json::{Value, json};

use super::{Scratch, apply, convert, converted};
use crate::support::e2e_with;

/// Requests at a time.
pub(super) const PARALLEL: usize = 8;
/// Strings of one user.
const A_USER: usize = 32;

const WORDS: &[&str] = &[
    "y",
    "n",
    "yes",
    "no",
    "on",
    "off",
    "true",
    "false",
    "null",
    "~",
    "nan",
    ".nan",
    ".inf",
    "-.inf",
    "inf",
    "none",
    "undefined",
];
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "+1",
    "007",
    "0o17",
    "0x1F",
    "0X1F",
    "0b101",
    "1_000",
    "0x_1",
    "1_000.5",
    "1__0",
    "685_230.15",
    "0.1_5",
    ".5",
    "5.",
    "1e3",
    "1E-3",
    "1.5e+3",
    "1:30",
    "12:34:56",
    "190:20:30.15",
    "2001-12-14",
    "2001-12-14t21:59:43.10-05:00",
    "2001-12-14 21:59:43.10 -5",
    "1,000",
    "0.0",
    "-0",
    "1e",
    "0x",
    "9223372036854775808",
    "123456789012345678901234567890",
];
const OTHERS: &[&str] = &[
    "---",
    "--- a",
    "---\t",
    "a\n---\nb",
    "---\n",
    "\n---\n",
    "...",
    "a\n...\nb",
    "- a",
    "-",
    "? a",
    "?",
    "a: b",
    "a:",
    ": a",
    ":",
    "a #b",
    "#a",
    "a#b",
    "&a",
    "*a",
    "!a",
    "!!str a",
    "!",
    "|",
    "|-",
    ">",
    ">+",
    "%a",
    "%YAML 1.1",
    "@a",
    "`a`",
    "'",
    "''",
    "\"",
    "\"\"",
    "\\",
    "\\n",
    "{a}",
    "{",
    "}",
    "[a]",
    "[",
    "]",
    "<<",
    "=",
    ",",
    "a, b",
    " a",
    "a ",
    "  ",
    "\ta",
    "\t\na",
    "a\t",
    "a\nb",
    "\na",
    "a\n",
    "\n\na\n\n",
    "a\rb",
    "a\r\nb",
    "\r",
    "\n",
    "\u{85}",
    "a\u{85}b",
    "\u{2028}",
    "\u{2029}",
    "a\u{2028}b",
    "\u{7f}",
    "\u{80}",
    "\u{9b}",
    "\u{a0}",
    "\u{ad}",
    "\u{feff}",
    "\u{feff}a",
    "a\u{feff}",
    "\u{202e}a",
    "\u{200b}",
    "\u{200f}",
    "\u{fffd}",
    "\u{e000}",
    "\u{10ffff}",
    "😀",
    "e\u{301}",
    "山田",
    "{{ .Values.x }}",
    "${x}",
    "$(x)",
    "key: |\n  text",
    "- - a",
    "a\\",
    "\"a",
    "a\"",
    "'a",
    "\u{1d173}",
    "\u{e0041}",
    "\u{2066}a\u{2069}",
];

/// At least 4,000 different strings; the random ones are the same in every run.
fn strings() -> Vec<String> {
    let mut strings = BTreeSet::new();
    for word in WORDS {
        let capital = word[..1].to_uppercase() + &word[1..];
        strings.extend([(*word).to_owned(), word.to_uppercase(), capital]);
    }
    strings.extend(NUMBERS.iter().chain(OTHERS).map(|text| (*text).to_owned()));
    for mark in (' '..='/').chain(':'..='@').chain('['..='`').chain('{'..='~') {
        let forms = ["M", "Ma", "aM", "aMb", "M a", "a M", "a M b", "MM", "M\n"];
        strings.extend(forms.iter().map(|form| form.replace('M', &mark.to_string())));
    }
    strings.extend([100, 200, 1100, 2000].map(|length| "word ".repeat(length / 5)));
    strings.extend([100, 1100, 2000].map(|length| "x".repeat(length)));
    let mut random = fastrand::Rng::with_seed(20_010_101);
    let pieces: Vec<char> =
        " \t\n\r:#-?,[]{}&*!|>'\"%@`\\/~=<_.0123456789abcxyzNOnoTtEe\u{85}\u{a0}\u{2028}\u{feff}é山😀"
            .chars()
            .collect();
    while strings.len() < 4500 {
        let length = random.usize(1..=12);
        strings.insert((0..length).map(|_| pieces[random.usize(..pieces.len())]).collect());
    }
    strings.into_iter().collect()
}

fn references(text: &str) -> String {
    text.chars().map(|c| format!("&#{};", u32::from(c))).collect()
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// What does not survive in a request of kubectl is written in Base64.
fn secret(password: &str) -> Value {
    if password.contains(|c| matches!(c, '\u{7f}'..='\u{9f}' | '\u{feff}')) {
        return json!({ "kind": "Secret", "data": { "password": ByteString(password.as_bytes().to_vec()) } });
    }
    json!({ "kind": "Secret", "stringData": { "password": password } })
}

/// The documents that the conversion should give, as JSON, and the XML they are made of. Each string is a password;
/// it is a name and a value of an attribute, and a last name, where the resource allows it.
fn documents(strings: &[String]) -> (String, Vec<Value>) {
    let (mut xml, mut expected) = (String::from("<Users>"), Vec::new());
    for (number, text) in strings.iter().filter(|text| !is_blank(text)).enumerate() {
        let name = format!("password-{number}");
        let credential = format!(
            "<Credential><Type>password</Type><Value>{}</Value><Temporary>0</Temporary></Credential>",
            references(text)
        );
        xml += &format!(
            "<User><Username>{name}</Username><Enabled>1</Enabled><Credentials>{credential}</Credentials></User>\n"
        );
        expected.push(secret(text));
        expected.push(json!({ "spec": { "username": name } }));
    }
    for (number, chunk) in strings.chunks(A_USER).enumerate() {
        let (mut attributes, mut declared) = (String::new(), Vec::new());
        for (index, text) in chunk.iter().enumerate() {
            let is_name = !text.chars().any(|c| c.is_ascii_control()) && !is_blank(text) && text.chars().count() <= 255;
            let name = if is_name { text.clone() } else { format!("name {index}") };
            let values = [text.clone(), format!("x{text}")];
            let values: Vec<&String> =
                values.iter().filter(|value| !value.chars().all(|c| " \t\n\r\u{c}".contains(c))).collect();
            let elements: String = values.iter().map(|value| format!("<Value>{}</Value>", references(value))).collect();
            attributes +=
                &format!("<Attribute><Name>{}</Name><Values>{elements}</Values></Attribute>", references(&name));
            declared.push(json!({ "name": name, "values": values }));
        }
        let last: String = chunk[0].chars().take(255).collect();
        let name = format!("attributes-{number}");
        xml += &format!(
            "<User><Username>{name}</Username><LastName>{}</LastName><Enabled>1</Enabled><Attributes>{attributes}</Attributes></User>\n",
            references(&last)
        );
        expected.push(json!({ "spec": { "username": name, "lastName": last, "attributes": declared } }));
    }
    (xml + "</Users>", expected)
}

/// Asserts that `found` has everything that is expected.
pub(super) fn assert_has(found: &Value, expected: &Value) {
    match expected {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| assert_has(&found[key], value)),
        other => assert_eq!(found, other),
    }
}

/// Reads a stream of YAML documents with PyYAML, and writes each as JSON on a line.
const READER: &str = "import json, sys, yaml\n\
    loader = getattr(yaml, sys.argv[1])\n\
    text = sys.stdin.buffer.read().decode('utf-8')\n\
    for document in yaml.load_all(text, Loader=loader):\n    print(json.dumps(document))\n";

pub(super) fn read_by_python(loader: &str, manifests: &[u8]) -> Vec<Value> {
    let mut python = Command::new("python3");
    python.args(["-c", READER, loader]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = python.spawn().expect("python3 with PyYAML: apt-get install python3-yaml");
    let mut stdin = child.stdin.take().unwrap();
    let manifests = manifests.to_owned();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&manifests)));
    let output = child.wait_with_output().expect("python3 ends");
    writer.join().unwrap();
    assert!(output.status.success(), "{loader}: is PyYAML there, with libyaml? apt-get install python3-yaml");
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn hostile_strings_are_read_back_by_both_loaders_of_pyyaml() {
    let strings = strings();
    assert!(strings.len() >= 4000);
    let (xml, expected) = documents(&strings);
    let output = convert(&["--quiet"], xml.as_bytes());
    let manifests = converted(&output);
    for loader in ["SafeLoader", "CSafeLoader"] {
        let found = read_by_python(loader, manifests);
        assert_eq!(found.len(), expected.len(), "{loader}");
        found.iter().zip(&expected).for_each(|(found, expected)| assert_has(found, expected));
    }
}

/// Cuts the stream where kubectl cuts it.
pub(super) fn cut(manifests: &str) -> Vec<String> {
    let mut documents: Vec<String> = Vec::new();
    for line in manifests.split_inclusive('\n') {
        match documents.last_mut() {
            _ if line.trim_end() == "---" => documents.push(String::new()),
            Some(document) => document.push_str(line),
            None => panic!("something stands in front of the first separator: {line}"),
        }
    }
    documents
}

/// What the API server makes of a document.
pub(super) async fn admitted(client: &kube::Client, namespace: &str, document: String) -> Value {
    let path = match document.contains("\nkind: Secret\n") {
        true => format!("/api/v1/namespaces/{namespace}/secrets"),
        false => format!("/apis/keycloakuser.dev/v1alpha1/namespaces/{namespace}/keycloakusers"),
    };
    let params = PostParams { dry_run: true, ..PostParams::default() };
    let mut request = Request::new(path).create(&params, document.clone().into_bytes()).unwrap();
    request.headers_mut().insert("content-type", "application/yaml".parse().unwrap());
    client.request(request).await.unwrap_or_else(|error| panic!("{error}: {document}"))
}

/// The password of a Secret as the API server has it.
fn stored(secret: Value) -> String {
    let secret: Secret = serde_json::from_value(secret).unwrap();
    String::from_utf8(secret.data.unwrap().remove("password").unwrap().0).unwrap()
}

#[test]
fn passwords_survive_kubectl_and_its_server_side_apply() {
    e2e_with("passwords_survive_kubectl", json!({}), async |world| {
        let controls = ('\u{7f}'..='\u{a0}')
            .chain(['\t', '\n', '\r', '\u{ad}', '\u{2028}', '\u{2029}', '\u{feff}', '\u{fdd0}', '😀']);
        let forms = controls.flat_map(|c| [format!("a{c}b"), format!("{c}a"), format!("a{c}")]);
        let passwords: Vec<String> = forms.chain(OTHERS.iter().map(|text| format!("{text}x"))).collect();
        let (xml, _) = documents(&passwords);
        // The users are not wanted: their texts do not all survive.
        let scratch = Scratch::new("passwords");
        converted(&convert(&["--quiet", "--secrets-out", &scratch.text("secrets.yaml")], xml.as_bytes()));
        apply(&world.namespace, &std::fs::read(scratch.path("secrets.yaml")).unwrap());
        let secrets = world.api::<Secret>();
        for (number, password) in passwords.iter().enumerate() {
            let secret = secrets.get(&format!("kcuser-password-{number}")).await.expect("the Secret");
            assert_eq!(secret.data.unwrap()["password"].0, password.as_bytes(), "{password:?}");
        }
    });
}

#[test]
fn hostile_strings_are_read_back_by_the_api_server() {
    e2e_with("hostile_strings_are_read_back", json!({}), async |world| {
        let (xml, expected) = documents(&strings());
        let output = convert(&["--quiet"], xml.as_bytes());
        let documents = cut(std::str::from_utf8(converted(&output)).unwrap());
        assert_eq!(documents.len(), expected.len());
        // The users that only carry a password are told by its Secret.
        let is_told = |expected: &Value| expected["kind"] == "Secret" || expected["spec"]["attributes"].is_array();
        let pairs = documents.into_iter().zip(expected).filter(|(_, expected)| is_told(expected));
        let checks = stream::iter(pairs).map(async |(document, expected)| {
            let found = admitted(&world.client, &world.namespace, document).await;
            match expected["stringData"]["password"].as_str() {
                Some(password) => assert_eq!(stored(found), password),
                None => assert_has(&found, &expected),
            }
        });
        let checked = checks.buffer_unordered(PARALLEL).count().await;
        assert!(checked > 4000, "{checked}");
    });
}
