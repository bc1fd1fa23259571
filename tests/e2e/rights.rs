//! The rights that the chart gives: nothing is denied with all of them, and each one that is missing is noticed.
//!
//! The release lies in another namespace than the one it watches, so that no right is given twice.

mod needed;

use std::collections::BTreeSet;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule, Role};
use keycloak_user_operator::api::KeycloakConnection;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use needed::needed;

use crate::support::{
    Chart, ChildOperator, FaultProxy, Ledger, OPERATOR_CLIENT, OPERATOR_SECRET, World, bed, e2e_with, eventually,
    password_from,
};

/// One right of one role, and what is seen when it is missing. The log names it in every case.
#[derive(Debug)]
struct Row {
    role: &'static str,
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    sign: Sign,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    /// A cache is never filled: `/readyz` answers 503.
    NotReady,
    /// A cache is filled once and then not followed: only the log tells.
    NotFollowed,
    /// The operator ends with a failure.
    Ends,
    /// The operator never leads: `/readyz` answers 503.
    NoLease,
    /// A new user says KubernetesError and gets no account.
    NoAccount,
    /// A new user gets an account, and no status.
    NoStatus,
    /// A user that is deleted says KubernetesError and keeps its account.
    NotDeleted,
    /// A user whose password changes says KubernetesError and keeps the old one.
    OldPassword,
    /// A connection whose certificate authorities change says KubernetesError.
    AuthoritiesUnread,
    /// A connection that changes keeps the status that it had.
    OldConnectionStatus,
    /// There is no event about what is wrong.
    NoEvent,
}

const OURS: &str = "keycloakuser.dev";

#[rustfmt::skip]
const ROWS: [Row; 21] = [
    Row { role: "users", verb: "list", group: OURS, resource: "keycloakusers", sign: Sign::NotReady },
    Row { role: "watch", verb: "list", group: OURS, resource: "keycloakconnections", sign: Sign::NotReady },
    Row { role: "watch", verb: "list", group: "", resource: "secrets", sign: Sign::NotReady },
    Row { role: "watch", verb: "list", group: "", resource: "configmaps", sign: Sign::NotReady },
    Row { role: "users", verb: "watch", group: OURS, resource: "keycloakusers", sign: Sign::NotFollowed },
    Row { role: "watch", verb: "watch", group: OURS, resource: "keycloakconnections", sign: Sign::NotFollowed },
    Row { role: "watch", verb: "watch", group: "", resource: "secrets", sign: Sign::NotFollowed },
    Row { role: "watch", verb: "watch", group: "", resource: "configmaps", sign: Sign::NotFollowed },
    Row { role: "watch", verb: "get", group: "", resource: "secrets", sign: Sign::OldPassword },
    Row { role: "watch", verb: "get", group: "", resource: "configmaps", sign: Sign::AuthoritiesUnread },
    Row { role: "users", verb: "update", group: OURS, resource: "keycloakusers/status", sign: Sign::NoStatus },
    Row { role: "watch", verb: "update", group: OURS, resource: "keycloakconnections/status", sign: Sign::OldConnectionStatus },
    Row { role: "watch", verb: "patch", group: OURS, resource: "keycloakconnections/status", sign: Sign::NotDeleted },
    Row { role: "watch", verb: "create", group: "events.k8s.io", resource: "events", sign: Sign::NoEvent },
    Row { role: "users", verb: "patch", group: OURS, resource: "keycloakusers", sign: Sign::NoAccount },
    Row { role: "users", verb: "get", group: OURS, resource: "keycloakusers", sign: Sign::NotDeleted },
    Row { role: "credential-key", verb: "create", group: "", resource: "secrets", sign: Sign::Ends },
    Row { role: "credential-key", verb: "get", group: "", resource: "secrets", sign: Sign::Ends },
    Row { role: "lease", verb: "get", group: "coordination.k8s.io", resource: "leases", sign: Sign::NoLease },
    Row { role: "lease", verb: "create", group: "coordination.k8s.io", resource: "leases", sign: Sign::NoLease },
    Row { role: "lease", verb: "update", group: "coordination.k8s.io", resource: "leases", sign: Sign::NoLease },
];

/// Rights in the order role or namespace, verb, group, resource.
type Rights = BTreeSet<[String; 4]>;

fn right(place: &str, verb: &str, group: &str, resource: &str) -> [String; 4] {
    [place, verb, group, resource].map(str::to_owned)
}

/// The same rights in rules of one verb for one resource each.
pub fn one_by_one(rule: &PolicyRule) -> Vec<PolicyRule> {
    let resources = rule.resources.iter().flatten();
    let split = |resource: &String| {
        let only = Some(vec![resource.clone()]);
        rule.verbs.iter().map(move |verb| PolicyRule {
            resources: only.clone(),
            verbs: vec![verb.clone()],
            ..rule.clone()
        })
    };
    resources.flat_map(split).collect()
}

pub async fn set_rules(api: &Api<DynamicObject>, role: &DynamicObject, rules: &[PolicyRule]) {
    let patch = Patch::Merge(json!({ "rules": rules }));
    api.patch(&role.name_any(), &PatchParams::default(), &patch).await.expect("the role");
}

/// A release that looks after the world's namespace from another one.
struct Installed<'a> {
    world: &'a World,
    own_namespace: String,
    chart: Chart,
}

impl<'a> Installed<'a> {
    async fn new(world: &'a World) -> Self {
        let own_namespace = Chart::namespace_beside(world, "ops").await.namespace;
        let watched = format!("watchNamespaces={{{}}}", world.namespace);
        let chart = Chart::apply_release(&world.client, &world.namespace, &own_namespace, &[&watched]).await;
        world.secret("keycloak-client", &[("client-id", OPERATOR_CLIENT), ("client-secret", OPERATOR_SECRET)]).await;
        Self { world, own_namespace, chart }
    }

    /// The namespace in which the right is used.
    fn place(&self, row: &Row) -> &str {
        if matches!(row.role, "credential-key" | "lease") { &self.own_namespace } else { &self.world.namespace }
    }

    /// The API that holds a role, and that role.
    async fn role(&self, role: &str) -> (Api<DynamicObject>, DynamicObject) {
        let client = self.world.client.clone();
        let api: Api<DynamicObject> = match role {
            "users" => Api::all_with(client, &ApiResource::erase::<ClusterRole>(&())),
            "watch" => Api::namespaced_with(client, &self.world.namespace, &ApiResource::erase::<Role>(&())),
            _ => Api::namespaced_with(client, &self.own_namespace, &ApiResource::erase::<Role>(&())),
        };
        let of_release = ListParams::default().labels(&format!("app.kubernetes.io/instance={}", self.world.namespace));
        let mut found = api.list(&of_release).await.expect("roles").items;
        found.retain(|found| found.name_any().ends_with(&format!(":{role}")));
        assert_eq!(found.len(), 1, "one role {role}");
        (api, found.remove(0))
    }

    /// Takes one right away, and gives back what the rules of its role were.
    async fn take(&self, row: &Row) -> Vec<PolicyRule> {
        let (api, role) = self.role(row.role).await;
        let all: Vec<PolicyRule> = serde_json::from_value(role.data["rules"].clone()).expect("rules");
        let mut fewer: Vec<PolicyRule> = all.iter().flat_map(one_by_one).collect();
        fewer.retain(|rule| {
            !(rule.verbs == [row.verb] && rule.resources.as_deref() == Some(&[row.resource.to_owned()]))
        });
        set_rules(&api, &role, &fewer).await;
        self.until_may(row, false).await;
        all
    }

    async fn give_back(&self, row: &Row, all: &[PolicyRule]) {
        let (api, role) = self.role(row.role).await;
        set_rules(&api, &role, all).await;
        self.until_may(row, true).await;
    }

    /// Waits until the API server answers so to the operator's ServiceAccount.
    async fn until_may(&self, row: &Row, allowed: bool) {
        let name = match row.role {
            "credential-key" => self.chart.argument("--credential-key-secret"),
            "lease" => self.chart.argument("--lease-name"),
            _ => "any",
        };
        eventually(&format!("{row:?}: allowed = {allowed}"), async || {
            let may = self.chart.may(self.place(row), row.verb, row.group, row.resource, name).await;
            if may == allowed { Ok(()) } else { Err(may) }
        })
        .await;
    }

    /// Waits until the log quotes the API server's refusal.
    async fn until_denied(&self, operator: &ChildOperator, row: &Row) {
        let Row { verb, group, resource, .. } = row;
        let place = self.place(row);
        let denial =
            format!(r#"cannot {verb} resource "{resource}" in API group "{group}" in the namespace "{place}""#);
        eventually(&format!("{row:?}: in the log: {denial}"), async || {
            let log = operator.output().replace('\\', "");
            if log.contains(&denial) { Ok(()) } else { Err(log) }
        })
        .await;
    }
}

/// What a user of the operator does, in a world where each name has a connection, a Secret and a user of its own.
impl Installed<'_> {
    /// A connection over TLS and a user with a password, brought in line.
    async fn prepare(&self, name: &str) {
        self.set_authorities(name, "").await;
        self.connect(name, "1h").await;
        self.world.secret(name, &[("password", "the-first-password")]).await;
        self.declare(name, name).await;
        self.world.until(name, "Synced").await;
        self.until_connection(name, "Synced").await;
    }

    async fn set_authorities(&self, name: &str, comment: &str) {
        let certificate = std::fs::read_to_string(bed().keycloak_ca()).expect("the certificate");
        let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name },
            "data": { "ca.crt": format!("{certificate}{comment}") } });
        let maps: Api<ConfigMap> = self.world.api();
        maps.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(map)).await.expect("the ConfigMap");
    }

    async fn connect(&self, name: &str, interval: &str) {
        let authorities = json!({ "caRef": { "kind": "ConfigMap", "name": name, "key": "ca.crt" } });
        let spec =
            json!({ "url": bed().keycloak_https_url(), "tls": authorities, "sync": { "sweepInterval": interval } });
        self.world.connection(name, spec).await;
    }

    /// A user over the connection of that name, whose password is in the Secret of the user's own name.
    async fn declare(&self, name: &str, connection: &str) {
        let spec = json!({ "username": name, "firstName": "F", "lastName": "L", "email": format!("{name}@example.com"),
            "connectionRef": { "name": connection }, "credentials": password_from(name) });
        self.world.user(name, spec).await;
    }

    async fn until_connection(&self, name: &str, reason: &str) {
        eventually(&format!("connection {name} with reason {reason}"), async || {
            let status = self.connection(name).await.status.unwrap_or_default();
            let ready = status.conditions.iter().any(|c| c.type_ == "Ready" && c.reason == reason);
            if ready { Ok(()) } else { Err(status) }
        })
        .await;
    }

    async fn connection(&self, name: &str) -> KeycloakConnection {
        self.world.api::<KeycloakConnection>().get(name).await.expect("the connection")
    }

    async fn delete_secret(&self, name: &str) {
        self.world.api::<Secret>().delete(name, &DeleteParams::default()).await.expect("the Secret");
    }

    async fn events_about(&self, name: &str) -> Vec<Event> {
        let mut events = self.world.api::<Event>().list(&ListParams::default()).await.expect("events").items;
        events.retain(|event| event.regarding.as_ref().and_then(|object| object.name.as_deref()) == Some(name));
        events
    }
}

/// Does what needs the right of a row, with the user and the connection `name`, and sees what comes of it without.
async fn see_sign(installed: &Installed<'_>, operator: &ChildOperator, row: &Row, name: &str) {
    let world = installed.world;
    let (new, old) = (format!("{name}-new"), "the-first-password");
    match row.sign {
        Sign::NoAccount => {
            world.secret(&new, &[("password", old)]).await;
            installed.declare(&new, name).await;
            world.until(&new, "KubernetesError").await;
            assert_eq!(world.keycloak.user(&new).await, None, "{row:?}");
        }
        Sign::NoStatus => {
            world.secret(&new, &[("password", old)]).await;
            installed.declare(&new, name).await;
            world.until_account(&new, "was made", |_| true).await;
            installed.until_denied(operator, row).await;
            assert_eq!(world.get_user(&new).await.status.and_then(|status| status.user_id), None, "{row:?}");
        }
        Sign::NotDeleted => {
            world.delete(name).await;
            world.until(name, "KubernetesError").await;
            assert!(world.keycloak.user(name).await.is_some(), "{row:?}");
        }
        Sign::OldPassword => {
            world.change_secret(name, &[("password", "another-password")]).await;
            world.until(name, "KubernetesError").await;
            world.keycloak.login(name, old).await.unwrap_or_else(|error| panic!("{row:?}: {error}"));
        }
        Sign::AuthoritiesUnread => {
            installed.set_authorities(name, "# changed\n").await;
            installed.until_connection(name, "KubernetesError").await;
        }
        Sign::OldConnectionStatus => {
            installed.connect(name, "2h").await;
            installed.until_denied(operator, row).await;
            let connection = installed.connection(name).await;
            let observed = connection.status.and_then(|status| status.observed_generation);
            assert_ne!(observed, connection.metadata.generation, "{row:?}");
        }
        Sign::NoEvent => {
            let before = installed.events_about(name).await.len();
            installed.delete_secret(name).await;
            world.until(name, "SecretNotFound").await;
            installed.until_denied(operator, row).await;
            assert_eq!(installed.events_about(name).await.len(), before, "{row:?}");
        }
        Sign::NotReady | Sign::NotFollowed | Sign::Ends | Sign::NoLease => unreachable!("{row:?} is seen at the start"),
    }
}

/// Goes through the rows of some signs that show while users are looked after.
fn each_right_of_a_pass(name: &str, signs: &[Sign]) {
    e2e_with(name, json!({}), async |world| {
        let installed = Installed::new(&world).await;
        let operator = ChildOperator::start(&installed.chart, &installed.own_namespace).await;
        for (index, row) in ROWS.iter().filter(|row| signs.contains(&row.sign)).enumerate() {
            let name = format!("row-{index}");
            installed.prepare(&name).await;
            let all = installed.take(row).await;
            see_sign(&installed, &operator, row, &name).await;
            installed.until_denied(&operator, row).await;
            installed.give_back(row, &all).await;
        }
    });
}

#[test]
fn a_pass_that_may_not_read_what_it_needs_or_write_to_the_user_says_so() {
    each_right_of_a_pass("rights_pass", &[Sign::NoAccount, Sign::NoStatus, Sign::OldPassword, Sign::AuthoritiesUnread]);
}

#[test]
fn a_deletion_that_may_not_be_counted_or_looked_at_is_not_made_and_says_so() {
    each_right_of_a_pass("rights_deletion", &[Sign::NotDeleted]);
}

#[test]
fn a_report_that_may_not_be_written_is_in_the_log() {
    each_right_of_a_pass("rights_report", &[Sign::OldConnectionStatus, Sign::NoEvent]);
}

/// Goes through the rows of a sign that shows when the operator starts.
fn each_right_of_the_start(name: &str, sign: Sign, see: impl AsyncFn(&Row, &mut ChildOperator)) {
    e2e_with(name, json!({}), async |world| {
        let installed = Installed::new(&world).await;
        for row in ROWS.iter().filter(|row| row.sign == sign) {
            let all = installed.take(row).await;
            let mut operator = ChildOperator::spawn(&installed.chart, &installed.own_namespace);
            installed.until_denied(&operator, row).await;
            see(row, &mut operator).await;
            installed.give_back(row, &all).await;
        }
    });
}

#[test]
fn an_operator_that_may_not_list_is_not_ready() {
    each_right_of_the_start("rights_list", Sign::NotReady, async |row, operator| {
        let answer = reqwest::get(operator.url("/readyz")).await.expect("it answers");
        assert_eq!(answer.status(), 503, "{row:?}");
    });
}

#[test]
fn an_operator_that_may_not_watch_is_ready_and_warns() {
    each_right_of_the_start("rights_watch", Sign::NotFollowed, async |_, operator| operator.until_ready().await);
}

#[test]
fn an_operator_that_may_not_have_its_key_ends_and_says_why() {
    each_right_of_the_start("rights_key", Sign::Ends, async |row, operator| {
        assert!(!operator.ended().await.success(), "{row:?}");
    });
}

#[test]
fn an_operator_that_may_not_have_its_lease_does_nothing() {
    e2e_with("rights_lease", json!({}), async |world| {
        let installed = Installed::new(&world).await;
        let leases: Api<Lease> = Api::namespaced(world.client.clone(), &installed.own_namespace);
        let name = installed.chart.argument("--lease-name");
        for row in ROWS.iter().filter(|row| row.sign == Sign::NoLease) {
            if row.verb == "create" {
                leases.delete(name, &DeleteParams::default()).await.expect("the lease");
            } else {
                let free =
                    json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": { "name": name } });
                leases.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(free)).await.expect("the lease");
            }
            let all = installed.take(row).await;
            let operator = ChildOperator::spawn(&installed.chart, &installed.own_namespace);
            installed.until_denied(&operator, row).await;
            let answer = reqwest::get(operator.url("/readyz")).await.expect("it answers");
            assert_eq!(answer.status(), 503, "{row:?}");
            drop(operator);
            installed.give_back(row, &all).await;
        }
    });
}

#[test]
fn every_right_of_the_chart_is_in_the_table() {
    e2e_with("rights_table", json!({}), async |world| {
        let installed = Installed::new(&world).await;
        let mut rendered = Rights::new();
        for role in ["watch", "users", "credential-key", "lease"] {
            let (_, object) = installed.role(role).await;
            let rules: Vec<PolicyRule> = serde_json::from_value(object.data["rules"].clone()).expect("rules");
            for rule in rules.iter().flat_map(one_by_one) {
                let (group, resource) = (rule.api_groups.unwrap(), rule.resources.unwrap());
                rendered.insert(right(role, &rule.verbs[0], &group[0], &resource[0]));
            }
        }
        let table: Rights = ROWS.iter().map(|row| right(row.role, row.verb, row.group, row.resource)).collect();
        assert_eq!(table, rendered, "left: the table; right: the chart");
    });
}

#[test]
fn with_all_rights_nothing_is_denied_and_every_right_is_used() {
    e2e_with("rights_all", json!({}), async |world| {
        let mut installed = Installed::new(&world).await;
        let ledger = Ledger::default();
        let _proxy = FaultProxy::before_kubernetes("operator", &ledger, &mut installed.chart);
        let operator = ChildOperator::start(&installed.chart, &installed.own_namespace).await;
        installed.prepare("all").await;
        world.change_secret("all", &[("password", "another-password")]).await;
        eventually("the new password", async || world.keycloak.login("all", "another-password").await).await;
        installed.set_authorities("all", "# changed\n").await;
        installed.connect("all", "2h").await;
        eventually("the connection has been looked at", async || {
            let connection = installed.connection("all").await;
            let observed = connection.status.and_then(|status| status.observed_generation);
            if observed == connection.metadata.generation { Ok(()) } else { Err(observed) }
        })
        .await;
        installed.delete_secret("all").await;
        world.until("all", "SecretNotFound").await;
        world.secret("all", &[("password", "a-third-password")]).await;
        world.until("all", "Synced").await;
        world.delete_and_wait("all").await;
        assert_eq!(world.keycloak.user("all").await, None);
        let log = operator.output();
        let (_, status) = operator.terminate().await;
        assert!(status.success() && !log.contains("forbidden"), "{status}\n{log}");

        let (used, denied) = needed(&ledger);
        assert_eq!(denied, Rights::new());
        let given = |row: &Row| right(installed.place(row), row.verb, row.group, row.resource);
        assert_eq!(used, ROWS.iter().map(given).collect(), "left: what was asked for; right: what the chart gives");
    });
}
