//! Unique secrets flow through success and through every failure; none of them is found in what the process says, nor
//! in what the servers store, in any of the forms that a careless program gives to a secret.

mod etcd;
mod panics;
mod search;

use std::io::Write;
use std::process::{Command, Stdio};

use k8s_openapi::ByteString;
use keycloak_user_operator::api::SET_CREDENTIALS;
use keycloak_user_operator::domain::CredentialKey;
use keycloak_user_operator::keycloak::{Login, Server};
use reqwest::Method;
use serde_json::{Value, json};

use super::*;
use crate::support::{Answer, ChildOperator, Fault, FaultProxy, Ledger, bed, e2e_with};

use search::{Place, found, unique};

/// Secrets of which none may be found, and one that is planted to be found.
struct Canaries {
    first: String,
    second: String,
    put_back: String,
    refused: String,
    server_error: String,
    malformed: String,
    timeout: String,
    echoed: String,
    binary: String,
    key: String,
    client_secret: String,
    wrong_client_secret: String,
    converted: String,
    shown: String,
    panicked: String,
    panicked_later: String,
    planted: String,
}

impl Canaries {
    fn new() -> Self {
        let long = |tag: &str| unique(tag, 32);
        Self {
            first: long("first"),
            second: long("second"),
            put_back: long("back"),
            refused: unique("short", 4),
            server_error: long("error"),
            malformed: long("malformed"),
            timeout: long("timeout"),
            echoed: long("echoed"),
            binary: long("binary"),
            key: long("key"),
            client_secret: long("client"),
            wrong_client_secret: long("wrong"),
            converted: long("converted"),
            shown: long("shown"),
            panicked: long("panicked"),
            panicked_later: long("later"),
            planted: long("planted"),
        }
    }

    fn secret(&self) -> [(&'static str, &str); 16] {
        [
            ("first", &self.first),
            ("second", &self.second),
            ("put back", &self.put_back),
            ("refused", &self.refused),
            ("server error", &self.server_error),
            ("malformed", &self.malformed),
            ("timeout", &self.timeout),
            ("echoed", &self.echoed),
            ("binary", &self.binary),
            ("the operator's key", &self.key),
            ("client secret", &self.client_secret),
            ("wrong client secret", &self.wrong_client_secret),
            ("converted", &self.converted),
            ("shown", &self.shown),
            ("panicked", &self.panicked),
            ("panicked later", &self.panicked_later),
        ]
    }
}

fn settings() -> Value {
    let mut settings = realm("passwordHistory(5) and length(24)");
    settings["eventsEnabled"] = json!(true);
    settings["adminEventsDetailsEnabled"] = json!(true);
    settings
}

/// Gives the operator's client another secret, and the connection with it.
async fn connect_with(world: &World, secret: &str) {
    let path = format!("/{}/clients?clientId={OPERATOR_CLIENT}", world.keycloak.realm);
    let (_, clients) = world.keycloak.request(Method::GET, &path, None).await;
    let mut client = clients[0].clone();
    client["secret"] = json!(secret);
    let id = client["id"].as_str().expect("an id").to_owned();
    world.keycloak.change(Method::PUT, &format!("/clients/{id}"), client).await;
    world.connect(json!({})).await;
    world.secret("keycloak-client", &[("client-id", OPERATOR_CLIENT), ("client-secret", secret)]).await;
}

async fn succeed(world: &World, canaries: &Canaries) {
    for (name, value) in [("good", &canaries.first), ("held", &canaries.put_back)] {
        world.secret(&format!("kcuser-{name}"), &[("password", value)]).await;
        world.user(name, spec(name, json!({ "sync": if name == "held" { "Enforce" } else { "OnChange" } }))).await;
        world.until(name, "Synced").await;
    }
    set_value(world, "good", &canaries.second).await;
    until_login(world, "good", &canaries.second).await;
    world.annotate("good", SET_CREDENTIALS, "refused by the history").await;
    until_synced(world, "good", "False", "PolicyRefused").await;
    set_by_hand(world, "held", "chosen-by-themselves-and-long-enough").await;
    world.reconcile_now("held").await;
    until_synced(world, "held", "False", "PolicyRefused").await;
    world.keycloak.change(Method::PUT, "", json!({ "passwordPolicy": "length(24)" })).await;
    world.reconcile_now("held").await;
    until_login(world, "held", &canaries.put_back).await;
    world.secret("kcuser-refused", &[("password", &canaries.refused)]).await;
    world.user("refused", spec("refused", json!({}))).await;
    world.until("refused", "PolicyRefused").await;
    let mut bytes = canaries.binary.clone().into_bytes();
    bytes.push(0xff);
    let binary = json!({ "metadata": { "name": "kcuser-binary" }, "data": { "password": ByteString(bytes) } });
    secrets::create(world, binary).await;
    world.user("binary", spec("binary", json!({}))).await;
    world.until("binary", "SecretValueNotText").await;
}

/// A user whose creation meets trouble on the way.
async fn fail(world: &World, name: &str, value: &str, trouble: Fault, reason: &str) {
    let proxy = FaultProxy::before_keycloak(name, &Ledger::default());
    proxy.inject(trouble, |call| call.method == Method::POST && call.path.ends_with("/users"));
    world.connection(name, json!({ "url": proxy.url() })).await;
    world.secret(&format!("kcuser-{name}"), &[("password", value)]).await;
    let mut declared = spec(name, json!({}));
    declared["connectionRef"] = json!({ "name": name });
    world.user(name, declared).await;
    world.until(name, reason).await;
}

async fn fail_in_every_way(world: &World, canaries: &Canaries) {
    let echo =
        format!("{{\"error\":\"invalidPassword{0}\",\"errorMessage\":\"{0}\",\"field\":\"{0}", canaries.malformed);
    let echoed = json!({ "errorMessage": "error-invalid-value", "field": "password", "params": [canaries.echoed] });
    let answer = |status, body: String| Fault::Answer(Answer::bare(status).with_body("application/json", body));
    fail(world, "error", &canaries.server_error, answer(500, "boom".to_owned()), "KeycloakError").await;
    fail(world, "odd", &canaries.malformed, answer(400, echo), "KeycloakError").await;
    fail(world, "echo", &canaries.echoed, answer(400, echoed.to_string()), "ValueRejected").await;
    fail(world, "slow", &canaries.timeout, Fault::Silence, "KeycloakTimeout").await;
    let wrong = [("client-id", OPERATOR_CLIENT), ("client-secret", canaries.wrong_client_secret.as_str())];
    world.secret("wrong-client", &wrong).await;
    let auth = json!({ "clientCredentials": { "secretRef": { "name": "wrong-client" } } });
    world.connection("wrong", json!({ "auth": auth })).await;
    world.user("locked-out", json!({ "username": "locked-out", "connectionRef": { "name": "wrong" } })).await;
    world.until("locked-out", "CredentialsRefused").await;
}

/// What `convert` says of a document, apart from the Secrets that it is there to write.
fn convert(canaries: &Canaries) -> String {
    let value = canaries.converted.replace('&', "&amp;").replace('<', "&lt;");
    let user = |name: &str, rest: &str| {
        format!(
            "<User><Username>{name}</Username><Credentials><Credential><Type>password</Type><Value>{value}</Value></Credential></Credentials>{rest}</User>"
        )
    };
    let xml =
        format!("<Users>{}{}{}", user("good", ""), user("odd", "<Enabled>maybe</Enabled>"), user("cut", "<First"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_keycloak-user-operator"));
    command.arg("convert").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("convert");
    child.stdin.take().unwrap().write_all(xml.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let written = String::from_utf8(output.stdout).unwrap();
    assert!(written.contains("kind: Secret") && !output.stderr.is_empty());
    let documents = written.split("\n---").filter(|document| !document.contains("kind: Secret"));
    documents.map(str::to_owned).chain([String::from_utf8(output.stderr).unwrap()]).collect()
}

/// What a panic would say that shows everything in which a secret is kept.
fn panic_message(canaries: &Canaries) -> String {
    let value = canaries.shown.clone();
    let work = move || -> () {
        let login = Login::ClientCredentials { id: "operator".to_owned(), secret: value.as_str().into() };
        let server = Server {
            url: "https://sso.example.com".parse().unwrap(),
            realm: "staff".to_owned(),
            login,
            certificate_authorities: None,
        };
        let key = CredentialKey::new("k".to_owned(), value.clone().into_bytes());
        panic!("{server:?} {key:?} {:?} {:?}", secrecy::SecretString::from(value.as_str()), key.digest(&value));
    };
    let payload = std::thread::spawn(work).join().expect_err("it panics");
    payload.downcast_ref::<String>().expect("a message").clone()
}

async fn stored_in_keycloak(world: &World) -> String {
    let mut all = String::new();
    for path in
        ["admin-events?max=10000", "events?max=10000", "users?max=1000&briefRepresentation=false", "users/profile"]
    {
        let (status, body) =
            world.keycloak.request(Method::GET, &format!("/{}/{path}", world.keycloak.realm), None).await;
        assert!(status.is_success(), "{path}: {status}");
        all.push_str(&body.to_string());
    }
    all
}

fn database_and_log() -> Vec<u8> {
    let directory = bed().kubeconfig().parent().expect("the bed's directory");
    let database = directory.join("keycloak/data/h2/keycloakdb.mv.db");
    let mut all = std::fs::read(database).expect("Keycloak's database");
    for entry in std::fs::read_dir(directory.join("logs")).expect("logs") {
        all.extend(std::fs::read(entry.expect("a log").path()).expect("a log"));
    }
    all
}

/// Puts the planted one where each of the servers keeps things.
async fn plant(world: &World, value: &str) {
    use base64::Engine;
    let mut declared = spec("good", json!({}));
    declared["attributes"] = json!([{ "name": "planted", "values": [value] }]);
    world.user("good", declared).await;
    world.annotate("refused", "example.com/planted", &base64::engine::general_purpose::STANDARD.encode(value)).await;
    world.until_account("good", "what was planted", |user| user["attributes"]["planted"][0] == value).await;
}

#[test]
fn no_secret_is_found_in_what_is_said_or_stored() {
    e2e_with("no_secret_is_found", settings(), async |world| {
        let canaries = Canaries::new();
        connect_with(&world, &canaries.client_secret).await;
        let chart = world.chart().await;
        let key = [("id", "made-here"), ("key", canaries.key.as_str())];
        world.secret(chart.argument("--credential-key-secret"), &key).await;
        let panics = panics::outputs(&world, ["panicked", &canaries.panicked, &canaries.panicked_later]).await;
        let mut operator = ChildOperator::spawn_logging("operator-0", &chart, &world.namespace, "trace");
        operator.until_ready().await;
        succeed(&world, &canaries).await;
        fail_in_every_way(&world, &canaries).await;
        plant(&world, &canaries.planted).await;
        world.secret("kcuser-good", &[("password", &canaries.first)]).await;
        world.until_secret_seen("good", "kcuser-good").await;
        let metrics = reqwest::get(operator.url("/metrics")).await.unwrap().text().await.unwrap();
        let log = operator.output();
        operator.terminate().await;
        let mut places = vec![
            Place::new("the output of the process", log),
            Place::new("metrics", metrics),
            Place::new("etcd", etcd::all_but_secrets().await),
            Place::new("Keycloak", stored_in_keycloak(&world).await),
            Place::new("convert", convert(&canaries)),
            Place::new("a panic that shows all it has", panic_message(&canaries)),
            Place::new("panics", panics.concat()),
        ];
        // What was planted is in the database at last, so all that came before it is, too.
        let stored = eventually("the planted one is in the database", async || {
            let stored = Place::new("database and log", database_and_log());
            if found(&canaries.planted, &stored).is_empty() { Err("not yet") } else { Ok(stored) }
        })
        .await;
        places.push(stored);

        let planted = |place: &&Place| !found(&canaries.planted, place).is_empty();
        let seen: Vec<&str> = places.iter().filter(planted).map(|place| place.name).collect();
        assert_eq!(seen, ["etcd", "Keycloak", "database and log"], "the search finds what was planted");
        assert!(places[0].says("TRACE"), "the filter is in force");
        for place in &places {
            for (name, value) in canaries.secret() {
                // Keycloak keeps the secrets of clients as they are.
                let own = name == "client secret" && place.name == "database and log";
                assert!(
                    own || found(value, place).is_empty(),
                    "{name} is in {}: {:?}",
                    place.name,
                    found(value, place)
                );
            }
        }
    });
}
