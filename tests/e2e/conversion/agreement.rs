//! The one Rust function that judges every manifest before it is written agrees with the API server.

use futures::{StreamExt, stream};
use keycloak_user_operator::api::{KeycloakUser, KeycloakUserSpec, desired_user};
use kube::Api;
use kube::api::{ApiResource, DynamicObject, PostParams};
use serde_json::{Value, json};

use crate::support::e2e_with;

/// How many specs are made, unless `KUO_SPECS` says otherwise: `make agreement` tries 10,000.
const SPECS: usize = 1000;
/// Requests at a time.
const PARALLEL: usize = 8;

/// Makes specs near the bounds of the schema, half of them valid.
struct Generator(fastrand::Rng);

impl Generator {
    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.0.usize(..of.len())]
    }

    /// True once in so many times.
    fn rarely(&mut self, times: usize) -> bool {
        self.0.usize(..times) == 0
    }

    fn length(&mut self, max: usize) -> usize {
        match self.0.usize(..24) {
            0 => max + 1,
            1 => max,
            2 => 0,
            _ => self.0.usize(1..12),
        }
    }

    fn text(&mut self, max: usize) -> String {
        let length = self.length(max);
        let alphabet: &[char] = match self.0.usize(..12) {
            0 => &[' ', '\t', '\n', '\r', '\u{c}', '\u{b}', '\u{85}', '\u{a0}', '\u{2003}'],
            1 => &['a', '\u{0}', '\u{1f}', '\u{7f}', '\u{80}', '\u{9f}'],
            2 => &['é', '😀', '\u{301}', '\u{202e}', '\u{feff}', '山'],
            _ => &['a', 'b', 'Z', '0', '-', '.', '_', '@', ' ', ':', '#'],
        };
        (0..length).map(|_| alphabet[self.0.usize(..alphabet.len())]).collect()
    }

    fn attribute(&mut self) -> Value {
        let name = if self.rarely(20) {
            self.one(&["username", "email", "firstName", "lastName", "firstname", "locale"]).to_owned()
        } else {
            self.text(255)
        };
        let count = if self.rarely(25) { 63 + self.0.usize(..3) } else { self.0.usize(..4) };
        let values: Vec<String> =
            (0..count).map(|number| if count > 10 { number.to_string() } else { self.text(2048) }).collect();
        json!({ "name": name, "values": values })
    }

    fn credential(&mut self) -> Value {
        let name = |generator: &mut Self| "n".repeat(generator.length(253));
        let mut credential = json!({
            "type": "password",
            "valueFrom": { "secretKeyRef": { "name": name(self), "key": name(self) } },
        });
        if self.0.bool() {
            credential["temporary"] = json!(self.0.bool());
        }
        if self.0.bool() {
            credential["sync"] = json!(self.one(&["OnChange", "Once", "Enforce"]));
        }
        credential
    }

    /// Names, some of them twice; seldom as many as the bound allows, or one more.
    fn names(&mut self, bound: usize, max: usize) -> Vec<String> {
        if self.rarely(12) {
            let count = bound - 1 + self.0.usize(..3);
            let length = self.length(max).clamp(4, 100);
            return (0..count).map(|number| format!("{number:0length$}")).collect();
        }
        let mut names: Vec<String> = (0..self.0.usize(..4)).map(|_| self.text(max)).collect();
        if self.rarely(8) {
            names.extend(names.first().cloned());
        }
        names
    }

    fn groups(&mut self) -> Vec<String> {
        const PATHS: [&str; 12] =
            ["/", "a", "/a", "/a/", "//a", "/a//b", "/a/b c", "/.", "/a/..", "/ ", "/a/ /b", "/...a"];
        let paths: Vec<String> = self.names(256, 1023).into_iter().map(|name| format!("/{name}")).collect();
        if self.rarely(3) { vec![self.one(&PATHS).to_owned()] } else { paths }
    }

    fn client_roles(&mut self) -> Value {
        if self.rarely(12) {
            let count = 31 + self.0.usize(..3);
            return (0..count).map(|number| json!({ "client": format!("c{number}"), "roles": ["r"] })).collect();
        }
        let mut entry =
            || json!({ "client": self.one(&["a", "b", "c", "d", " ", "\t"]), "roles": self.names(64, 255) });
        (0..3).map(|_| entry()).collect()
    }

    /// Roles, groups and required actions.
    fn rights(&mut self, spec: &mut Value) {
        match self.0.usize(..20) {
            0 => spec["realmRoles"] = json!(self.names(128, 255)),
            1 => spec["requiredActions"] = json!(self.names(32, 255)),
            2 => spec["groups"] = json!(self.groups()),
            3 => spec["clientRoles"] = self.client_roles(),
            4 => {
                let fields = ["realmRoles", "clientRoles", "groups", "requiredActions", "attributes"];
                spec["exact"] = (0..self.0.usize(..4)).map(|_| self.one(&fields)).collect();
            }
            _ => {}
        }
    }

    fn spec(&mut self) -> Value {
        let username = if self.rarely(3) { self.text(255) } else { "somebody".to_owned() };
        let mut spec = json!({ "username": username });
        for field in ["firstName", "lastName", "email"] {
            if self.rarely(3) {
                spec[field] = json!(self.text(255));
            }
        }
        if self.rarely(3) {
            spec["connectionRef"] = json!({ "name": "c".repeat(self.length(253)) });
        }
        if self.rarely(60) {
            let many = 63 + self.0.usize(..3);
            spec["attributes"] =
                (0..many).map(|number| json!({ "name": format!("n{number}"), "values": ["x"] })).collect();
        } else if self.rarely(2) {
            spec["attributes"] = (0..self.0.usize(..3)).map(|_| self.attribute()).collect();
        }
        if self.rarely(3) {
            spec["credentials"] = (0..1 + usize::from(self.rarely(15))).map(|_| self.credential()).collect();
        }
        self.rights(&mut spec);
        spec
    }
}

#[expect(clippy::disallowed_methods, reason = "the harness has no command line of its own")]
fn wanted() -> usize {
    std::env::var("KUO_SPECS").ok().and_then(|count| count.parse().ok()).unwrap_or(SPECS)
}

#[test]
fn generated_specs_are_judged_as_the_api_server_judges_them() {
    e2e_with("generated_specs_are_judged_alike", json!({}), async |world| {
        let seed = fastrand::u64(..);
        let mut generator = Generator(fastrand::Rng::with_seed(seed));
        let specs: Vec<Value> = (0..wanted()).map(|_| generator.spec()).collect();
        let resource = ApiResource::erase::<KeycloakUser>(&());
        let api: Api<DynamicObject> = Api::namespaced_with(world.client.clone(), &world.namespace, &resource);
        let params = PostParams { dry_run: true, ..PostParams::default() };
        let verdicts = stream::iter(&specs).map(async |spec| {
            let object = DynamicObject::new("dry", &resource).data(json!({ "spec": spec }));
            let theirs = api.create(&params, &object).await.map(drop).map_err(|error| error.to_string());
            let ours = serde_json::from_value::<KeycloakUserSpec>(spec.clone()).map_err(|error| error.to_string());
            let ours = ours.and_then(|spec| desired_user(&spec).map_err(|violation| violation.to_string()));
            assert_eq!(ours.is_ok(), theirs.is_ok(), "seed {seed}: {spec}: {ours:?} and {theirs:?}");
            usize::from(ours.is_ok())
        });
        let accepted: usize = verdicts.buffer_unordered(PARALLEL).fold(0, async |sum, one| sum + one).await;
        let refused = specs.len() - accepted;
        assert!(accepted > specs.len() / 10 && refused > specs.len() / 10, "{accepted} accepted, {refused} refused");
    });
}
