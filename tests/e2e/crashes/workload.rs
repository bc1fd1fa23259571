//! What people do in the sweep, and one run of it, with or without a crash.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::join;
use serde_json::{Value, json};

use super::state::{capture, numbered};
use crate::support::{
    Call, Chart, ChildOperator, Fault, FaultProxy, Kill, Ledger, Moment, Server, World, eventually, password_from,
    ready_reason,
};

const NAME: &str = "subject";
const FIRST: &str = "the-first-password";
const SECOND: &str = "the-second-password";

/// What people do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Workload {
    /// Connection, Secret and user are there before the operator starts.
    Create,
    /// Every field of the spec is changed.
    Change,
    /// The value of the password's Secret is changed.
    Password,
    /// The resource is deleted.
    Delete,
    /// It is deleted, and made again under the same name.
    Recreate,
}

pub(super) const WORKLOADS: [Workload; 5] =
    [Workload::Create, Workload::Change, Workload::Password, Workload::Delete, Workload::Recreate];

/// A write, by its form and by how many of that form came before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Write {
    server: Server,
    form: String,
    earlier: usize,
}

impl Write {
    pub(super) fn is_to_keycloak(&self) -> bool {
        self.server == Server::Keycloak
    }
}

impl fmt::Display for Write {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.form, self.earlier + 1)
    }
}

/// Method and path, without what differs from world to world. The lease is renewed all the time, whatever is done.
fn form(call: &Call, namespace: &str) -> Option<String> {
    if !call.is_write() || call.path.contains("/leases") {
        return None;
    }
    let segments = call.path.split('/').map(|segment| match segment {
        _ if segment.len() == 36 => "{id}",
        other => other,
    });
    Some(format!("{} {}", call.method, segments.collect::<Vec<_>>().join("/")).replace(namespace, "{}"))
}

/// A crash.
#[derive(Clone, Debug)]
pub(super) struct Interruption {
    pub(super) write: Write,
    pub(super) moment: Moment,
}

/// How a run ended.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) writes: Vec<Write>,
    pub(super) state: Value,
    pub(super) events: Vec<String>,
}

/// A world with an operator between two proxies.
struct Scene<'a> {
    world: &'a World,
    chart: Chart,
    ledger: Ledger,
    keycloak: FaultProxy,
    kubernetes: FaultProxy,
    operator: Arc<Mutex<Option<ChildOperator>>>,
    crashes: Arc<AtomicUsize>,
}

impl<'a> Scene<'a> {
    async fn set(world: &'a World) -> Self {
        let (mut chart, ledger) = (world.chart().await, Ledger::default());
        let keycloak = FaultProxy::before_keycloak("operator", &ledger);
        let kubernetes = FaultProxy::before_kubernetes("operator", &ledger, &mut chart);
        world.connect(json!({ "url": keycloak.url() })).await;
        world.secret(NAME, &[("password", FIRST)]).await;
        Self { world, chart, ledger, keycloak, kubernetes, operator: Arc::default(), crashes: Arc::default() }
    }

    fn start_operator(&self) {
        let operator = ChildOperator::spawn(&self.chart, &self.world.namespace);
        *self.operator.lock().unwrap() = Some(operator);
    }

    fn interrupt(&self, crash: &Interruption) {
        let (operator, crashes) = (Arc::clone(&self.operator), Arc::clone(&self.crashes));
        let kill = Kill::by(move || {
            if let Some(operator) = operator.lock().unwrap().take() {
                operator.kill();
                crashes.fetch_add(1, Ordering::SeqCst);
            }
        });
        let proxy = if crash.write.is_to_keycloak() { &self.keycloak } else { &self.kubernetes };
        let (wanted, earlier) = (crash.write.form.clone(), AtomicUsize::new(crash.write.earlier));
        let namespace = self.world.namespace.clone();
        proxy.inject_times(1, Fault::Crash(crash.moment, kill), move |call| {
            form(call, &namespace).as_deref() == Some(&wanted) && earlier.fetch_sub(1, Ordering::SeqCst) == 0
        });
    }

    /// Starts the operator once more when it has been killed.
    async fn start_again(&self, crash: &Interruption) {
        eventually(&format!("{} happens", crash.write), async || {
            if self.crashes.load(Ordering::SeqCst) == 1 { Ok(()) } else { Err(self.ledger.records()) }
        })
        .await;
        self.ledger.open();
        self.start_operator();
    }

    async fn until_in_line(&self, password: &str) {
        self.world.until(NAME, "Synced").await;
        eventually("the password", async || {
            let user = self.world.get_user(NAME).await;
            let username = user.status.clone().and_then(|status| status.username).unwrap_or_default();
            self.world.keycloak.login(&username, password).await?;
            let credentials = user.status.clone().unwrap_or_default().credentials;
            let known = credentials.iter().all(|record| record.pending.is_none());
            if known && ready_reason(&user) == Some("Synced") { Ok(()) } else { Err(format!("{credentials:?}")) }
        })
        .await;
    }

    async fn declare(&self, changed: bool) {
        let spec = if changed {
            json!({ "username": "subject-renamed", "firstName": "Changed", "lastName": "Entirely",
                "email": "changed@example.com", "emailVerified": false, "enabled": true,
                "attributes": [{ "name": "team", "values": ["red", "green"] }, { "name": "floor", "values": ["3"] }],
                "credentials": password_from(NAME) })
        } else {
            json!({ "username": "subject", "firstName": "First", "lastName": "Last", "email": "subject@example.com",
                "emailVerified": true,
                "attributes": [{ "name": "team", "values": ["blue"] }, { "name": "desk", "values": ["7"] }],
                "credentials": password_from(NAME) })
        };
        self.world.user(NAME, spec).await;
    }
}

impl Workload {
    /// One run in a fresh world.
    pub(super) async fn run(self, world: &World, crash: Option<Interruption>) -> Ending {
        let scene = Scene::set(world).await;
        scene.declare(false).await;
        if self != Self::Create {
            scene.start_operator();
            scene.until_in_line(FIRST).await;
        }
        let before = scene.ledger.records().len();
        match &crash {
            None => self.act(&scene).await,
            Some(crash) => {
                scene.interrupt(crash);
                join(self.act(&scene), scene.start_again(crash)).await;
            }
        }
        let writes = writes(&scene.ledger, before, &world.namespace);
        if self != Self::Delete {
            world.reconcile_now(NAME).await;
        }
        let state = capture(world, &[FIRST, SECOND]).await;
        Ending { writes, state, events: numbered(world.keycloak.writes_of_operator().await) }
    }

    /// What people do, until it is done.
    async fn act(self, scene: &Scene<'_>) {
        let world = scene.world;
        match self {
            Self::Create => {
                scene.start_operator();
                scene.until_in_line(FIRST).await;
            }
            Self::Change => {
                scene.declare(true).await;
                scene.until_in_line(FIRST).await;
            }
            Self::Password => {
                world.change_secret(NAME, &[("password", SECOND)]).await;
                scene.until_in_line(SECOND).await;
            }
            Self::Delete => world.delete_and_wait(NAME).await,
            Self::Recreate => {
                world.delete_and_wait(NAME).await;
                scene.declare(false).await;
                scene.until_in_line(FIRST).await;
            }
        }
    }
}

fn writes(ledger: &Ledger, before: usize, namespace: &str) -> Vec<Write> {
    let mut writes: Vec<Write> = Vec::new();
    for record in &ledger.records()[before..] {
        if let Some(form) = form(&record.call, namespace) {
            let earlier = writes.iter().filter(|write| write.form == form).count();
            writes.push(Write { server: record.call.server, form, earlier });
        }
    }
    writes
}
