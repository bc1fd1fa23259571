//! An invalid resource is refused at admission, with a sentence that a person understands; the one Rust function with
//! the same rules agrees.

use keycloak_user_operator::api::{KeycloakConnection, KeycloakUser, KeycloakUserSpec, desired_user};
use kube::Api;
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::support::{World, e2e_with};

async fn dry_run(world: &World, kind: &str, spec: &Value) -> Result<(), String> {
    let resource = match kind {
        "KeycloakUser" => ApiResource::erase::<KeycloakUser>(&()),
        _ => ApiResource::erase::<KeycloakConnection>(&()),
    };
    let api: Api<DynamicObject> = Api::namespaced_with(world.client.clone(), &world.namespace, &resource);
    let object = DynamicObject::new("dry", &resource).data(json!({ "spec": spec }));
    let params = PostParams { dry_run: true, ..PostParams::default() };
    api.create(&params, &object).await.map(drop).map_err(|error| error.to_string())
}

fn attribute(name: &str, values: &[&str]) -> Value {
    json!({ "username": "abc", "attributes": [{ "name": name, "values": values }] })
}

/// Roles, groups and required actions, good and bad.
fn rights() -> Vec<Value> {
    let long = |count: usize| "ü".repeat(count);
    let names = ["a", "", " ", "a\tb", "a/b", "%", ";", "..", "a\u{7f}", "\u{a0}", "😀"].map(str::to_owned);
    let names: Vec<String> = names.into_iter().chain([long(255), long(256)]).collect();
    let paths = [
        "/a", "/a/b", "/a b", "a", "/", "", "/a/", "//a", "/a//b", "/a/../b", "/./a", "/..", "/...", "/ ", "/a/\t",
        "/a\u{0}",
    ];
    let paths: Vec<String> =
        paths.map(str::to_owned).into_iter().chain([format!("/{}", long(1023)), format!("/{}", long(1024))]).collect();
    let with = |field: &str, value: Value| json!({ "username": "abc", field: value });
    let client = |client: &str, roles: Value| with("clientRoles", json!([{ "client": client, "roles": roles }]));
    let numbered = |count: usize, width: usize| -> Vec<String> { (0..count).map(|n| format!("{n:0width$}")).collect() };
    let grouped = |count: usize, width: usize| -> Vec<String> { (0..count).map(|n| format!("/{n:0width$}")).collect() };
    let mut specs = Vec::new();
    for name in &names {
        specs.extend([with("realmRoles", json!([name])), with("requiredActions", json!([name]))]);
        specs.extend([client(name, json!(["r"])), client("c", json!([name]))]);
    }
    specs.extend(paths.iter().map(|path| with("groups", json!([path]))));
    for field in ["realmRoles", "requiredActions"] {
        specs.extend([with(field, json!(["a", "A"])), with(field, json!(["a", "a"]))]);
    }
    specs.extend([with("groups", json!(["/a", "/A"])), with("groups", json!(["/a", "/a"]))]);
    specs.extend([client("c", json!(["a", "A"])), client("c", json!(["a", "a"]))]);
    specs.push(with("clientRoles", json!([{ "client": "c", "roles": ["a"] }, { "client": "c", "roles": ["b"] }])));
    specs.push(with("clientRoles", json!([{ "client": "c", "roles": [] }])));
    for count in [128, 129] {
        specs.push(with("realmRoles", json!(numbered(count, 4))));
        let (one, two): (Vec<_>, Vec<_>) =
            numbered(count, 4).into_iter().partition(|name| name.ends_with(['0', '1', '2', '3', '4']));
        specs.push(with("clientRoles", json!([{ "client": "c", "roles": one }, { "client": "d", "roles": two }])));
    }
    for count in [32, 33] {
        specs.push(with("requiredActions", json!(numbered(count, 4))));
    }
    for count in [256, 257, 1000] {
        specs.push(with("groups", json!(grouped(count, 4))));
    }
    for (count, width) in [(64, 64), (64, 65)] {
        specs.push(with("realmRoles", json!(numbered(count, width))));
        specs.push(with("groups", json!(grouped(3 * count, width - 1))));
        specs.push(client("c", json!(numbered(count, width - 1))));
    }
    specs.push(with("exact", json!(["groups", "realmRoles"])));
    specs
}

#[test]
fn the_rust_rules_and_the_api_server_agree() {
    e2e_with("the_rust_rules_and_the_api_server_agree", json!({}), async |world| {
        let long = |count: usize| "ü".repeat(count);
        let names = [
            "a", "", " ", "\t\n", "a b", "a\u{0}b", "a\u{1f}b", "a\u{7f}b", "a\u{80}b", "\u{a0}", "\u{b}", "😀",
            "null", "~",
        ];
        let mut specs: Vec<Value> = names.iter().map(|name| json!({ "username": name })).collect();
        specs.extend(names.iter().map(|name| attribute(name, &["v"])));
        specs.extend(names.iter().map(|value| attribute("n", &["ok", value])));
        for name in ["username", "email", "firstName", "lastName", "firstname", "Username", "locale"] {
            specs.push(attribute(name, &["v"]));
        }
        for length in [255, 256] {
            specs.push(json!({ "username": long(length) }));
            for field in ["firstName", "lastName", "email"] {
                specs.push(json!({ "username": "abc", field: long(length) }));
            }
            specs.push(attribute(&long(length), &["v"]));
        }
        for length in [2048, 2049] {
            specs.push(attribute("n", &[&long(length)]));
        }
        for count in [64, 65] {
            let many: Vec<Value> = (0..count).map(|n| json!({ "name": format!("n{n}"), "values": [] })).collect();
            specs.push(json!({ "username": "abc", "attributes": many }));
            let values: Vec<String> = (0..count).map(|n| n.to_string()).collect();
            specs.push(json!({ "username": "abc", "attributes": [{ "name": "n", "values": values }] }));
        }
        specs.extend(rights());
        let twice = json!([{ "name": "n", "values": [] }, { "name": "n", "values": ["x"] }]);
        specs.push(json!({ "username": "abc", "attributes": twice }));
        for temporary in [json!(null), json!(false), json!(true)] {
            for sync in [json!(null), json!("OnChange"), json!("Once"), json!("Enforce")] {
                let source = json!({ "secretKeyRef": { "name": "s", "key": "k" } });
                let mut credential = json!({ "type": "password", "valueFrom": source });
                for (field, value) in [("temporary", &temporary), ("sync", &sync)] {
                    if !value.is_null() {
                        credential[field] = value.clone();
                    }
                }
                specs.push(json!({ "username": "abc", "credentials": [credential] }));
            }
        }
        let (mut accepted, mut refused) = (0, 0);
        for spec in specs {
            let ours = desired_user(&serde_json::from_value::<KeycloakUserSpec>(spec.clone()).unwrap());
            let theirs = dry_run(&world, "KeycloakUser", &spec).await;
            assert_eq!(ours.is_ok(), theirs.is_ok(), "{spec}: {ours:?} and {theirs:?}");
            if ours.is_ok() { accepted += 1 } else { refused += 1 }
        }
        assert!(accepted > 20 && refused > 20, "{accepted} accepted, {refused} refused");
    });
}

#[test]
fn an_invalid_resource_is_refused_with_a_sentence() {
    e2e_with("an_invalid_resource_is_refused", json!({}), async |world| {
        let url = "https://sso.example.com";
        let auth = json!({ "clientCredentials": { "secretRef": { "name": "s" } } });
        let both = json!({ "clientCredentials": { "secretRef": { "name": "s" } }, "password": { "secretRef": { "name": "s" } } });
        let sync =
            |interval: &str| json!({ "url": url, "realm": "r", "auth": auth, "sync": { "sweepInterval": interval } });
        let table = [
            ("KeycloakUser", json!({}), "username"),
            ("KeycloakUser", json!({ "username": " " }), "username must not be blank"),
            ("KeycloakUser", json!({ "username": "a\tb" }), "username must not contain control characters"),
            ("KeycloakUser", attribute("email", &["x"]), "fields of spec, not attributes"),
            ("KeycloakUser", attribute("a", &[" "]), "attribute values must not be blank"),
            ("KeycloakUser", json!({ "username": "abc", "credentials": [{ "type": "otp" }] }), "password"),
            ("KeycloakUser", json!({ "username": "abc", "credentials": [{ "type": "password" }] }), "valueFrom"),
            ("KeycloakUser", json!({ "username": "abc", "connectionRef": { "kind": "Secret" } }), "KeycloakConnection"),
            (
                "KeycloakConnection",
                json!({ "url": "http://sso", "realm": "r", "auth": auth }),
                "set allowHttp: true if that is meant",
            ),
            (
                "KeycloakConnection",
                json!({ "url": "sso", "realm": "r", "auth": auth, "allowHttp": true }),
                "absolute http or https URL",
            ),
            ("KeycloakConnection", json!({ "url": "https://u:p@sso", "realm": "r", "auth": auth }), "no credentials"),
            (
                "KeycloakConnection",
                json!({ "url": url, "realm": "r", "auth": {} }),
                "exactly one of clientCredentials and password",
            ),
            (
                "KeycloakConnection",
                json!({ "url": url, "realm": "r", "auth": both }),
                "exactly one of clientCredentials and password",
            ),
            ("KeycloakConnection", sync("0s"), "between 1s and 24h"),
            ("KeycloakConnection", sync("10 minutes"), "sweepInterval"),
        ];
        for (kind, spec, words) in table {
            let refusal = dry_run(&world, kind, &spec).await.expect_err(&format!("{spec} should be refused"));
            assert!(refusal.contains(words), "{spec}: {words:?} is missing in {refusal}");
        }
        dry_run(&world, "KeycloakConnection", &sync("1h30m")).await.expect("a Go duration");
    });
}

#[test]
fn the_connection_of_a_user_cannot_be_changed() {
    e2e_with("the_connection_of_a_user_cannot_be_changed", json!({}), async |world| {
        world.user("fixed", json!({ "username": "fixed" })).await;
        let other = json!({ "username": "fixed", "connectionRef": { "name": "other" } });
        let refusal = world.try_user("fixed", other).await.expect_err("immutable").to_string();
        assert!(refusal.contains("connectionRef cannot be changed"), "{refusal}");
    });
}

#[test]
fn the_realm_of_a_connection_cannot_be_changed() {
    e2e_with("the_realm_of_a_connection_cannot_be_changed", json!({}), async |world| {
        world.connect(json!({})).await;
        let patch = Patch::Merge(json!({ "spec": { "realm": "other" } }));
        let connections: Api<KeycloakConnection> = world.api();
        let refusal = connections.patch("default", &PatchParams::default(), &patch).await.expect_err("immutable");
        assert!(refusal.to_string().contains("realm cannot be changed"), "{refusal}");
        world.connection("default", json!({ "url": "https://sso.example.com" })).await;
    });
}

#[test]
fn a_new_resource_shows_defaults_columns_and_an_unseen_status() {
    e2e_with("a_new_resource_shows_defaults", json!({}), async |world| {
        let user = world.user("new", json!({ "username": "new-user" })).await;
        assert_eq!(user.status.unwrap().observed_generation, Some(-1), "kstatus must not call it current");
        assert_eq!(user.spec.connection_ref.name, "default");
        let users: Api<KeycloakUser> = world.api();
        for selector in ["spec.username=new-user", "spec.connectionRef.name=default"] {
            let found = users.list(&ListParams::default().fields(selector)).await.expect("a selectable field");
            assert_eq!(found.items.len(), 1, "{selector}");
        }
        let mut kubectl = crate::support::bed().kubectl();
        let output = kubectl.args(["get", "kcu", "-o", "wide", "--namespace", &world.namespace]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        for column in ["USERNAME", "CONNECTION", "READY", "REASON", "MESSAGE", "USER ID", "AGE"] {
            assert!(text.contains(column), "{column} is missing in {text}");
        }
    });
}
