//! One cell of the matrix: one call in one weather.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures::TryStreamExt;
use futures::future::join_all;
use k8s_openapi::api::core::v1::ConfigMap;
use keycloak_user_operator::api::{KeycloakUser, RECONCILE_REQUESTED_AT, Reason};
use keycloak_user_operator::keycloak::Operation;
use kube::api::{Patch, PatchParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};
use serde_json::json;

use super::calls::{Trigger, calls_for_accounts, is_call};
use super::subject::{Stage, Subject};
use super::weather::Weather;
use crate::support::{Authority, Call, Door, Flaw, World, condition, eventually};

/// Reason and message of a condition.
type Said = (String, String);

/// What the condition `Ready` of each user has said, in order.
#[derive(Clone, Default)]
struct History(Arc<Mutex<HashMap<String, Vec<Said>>>>);

impl History {
    fn follow(api: Api<KeycloakUser>) -> Self {
        let history = Self::default();
        let seen = history.clone();
        tokio::spawn(async move {
            let stream = watcher(api, watcher::Config::default()).default_backoff().applied_objects();
            stream
                .try_for_each(async |user| {
                    seen.add(&user);
                    Ok(())
                })
                .await
        });
        history
    }

    fn add(&self, user: &KeycloakUser) {
        if let Some(ready) = condition(user, "Ready") {
            let said = (ready.reason.clone(), ready.message.clone());
            self.0.lock().unwrap().entry(user.name_any()).or_default().push(said);
        }
    }

    fn of(&self, name: &str) -> Vec<Said> {
        self.0.lock().unwrap().get(name).cloned().unwrap_or_default()
    }
}

/// What all cells share.
pub struct Setting<'a> {
    world: &'a World,
    history: History,
    fair: Door,
    wrong_name: Door,
    expired: Door,
    unknown: Door,
    /// How many calls come before each one, from what makes the operator make it; seen in fair weather.
    before: HashMap<Operation, usize>,
}

impl<'a> Setting<'a> {
    /// Makes the certificates, and sees each call once in fair weather.
    pub async fn prepare(world: &'a World) -> Self {
        let (ours, other) = tokio::task::block_in_place(|| (Authority::new(), Authority::new()));
        let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "authority" },
            "data": { "ca.crt": ours.pem() } });
        let maps: Api<ConfigMap> = world.api();
        maps.patch("authority", &PatchParams::apply("test"), &Patch::Apply(map)).await.expect("the ConfigMap");
        let door = |authority: &Authority, flaw| tokio::task::block_in_place(|| authority.door(flaw));
        let mut setting = Self {
            world,
            history: History::follow(world.api()),
            fair: door(&ours, None),
            wrong_name: door(&ours, Some(Flaw::WrongName)),
            expired: door(&ours, Some(Flaw::Expired)),
            unknown: door(&other, None),
            before: HashMap::new(),
        };
        let counts = calls_for_accounts().map(async |call| (call, setting.calls_before(call).await));
        setting.before = join_all(counts).await.into_iter().collect();
        setting
    }

    async fn calls_before(&self, operation: Operation) -> usize {
        let name = format!("fair-{}", operation.as_str()).replace('_', "-");
        let subject = Subject::new(self.world, name, Trigger::of(operation), None).await;
        subject.prepare().await;
        let armed = subject.ledger.records().len();
        subject.pull().await;
        eventually(&format!("{operation:?} in fair weather"), async || {
            let records = subject.ledger.records();
            records[armed..].iter().position(|record| is_call(operation, &record.call)).ok_or(records)
        })
        .await
    }

    fn door(&self, weather: Weather) -> Option<Door> {
        match weather {
            Weather::Refused => Some(Door::Shut),
            Weather::WrongName => Some(self.wrong_name.clone()),
            Weather::Expired => Some(self.expired.clone()),
            Weather::UnknownAuthority => Some(self.unknown.clone()),
            _ => None,
        }
    }
}

/// The account of a cell that went well, and the events that it should have left.
pub struct Outcome {
    pub id: String,
    pub events: Vec<&'static str>,
}

/// A call in a weather.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    pub operation: Operation,
    pub weather: Weather,
}

impl Cell {
    /// Also the name of its resources.
    pub fn name(self) -> String {
        format!("{}-{}", self.operation.as_str(), self.weather.name()).replace('_', "-")
    }

    /// Sees the reason, and the recovery; the account's events are what the whole should have left.
    pub async fn run(self, setting: &Setting<'_>) -> Outcome {
        let door = self.weather.needs_tls().then(|| setting.fair.clone());
        let subject = Subject::new(setting.world, self.name(), Trigger::of(self.operation), door).await;
        subject.prepare().await;
        let (said, passed) = (setting.history.of(&subject.name).len(), subject.ledger.records().len());
        self.begin(setting, &subject).await;
        if self.weather == Weather::UnknownHost {
            subject.connect("http://no-such-host.invalid").await;
            subject.declare(Stage::Before).await;
        } else {
            subject.pull().await;
        }
        let reason = self.weather.reason(self.operation);
        self.shows(setting, &subject, said, reason).await;
        let id = subject.world.get_user(&subject.name).await.status.and_then(|status| status.user_id);
        if self.weather.fault().is_none() {
            let records = &subject.ledger.records()[passed..];
            assert!(!records.iter().any(|record| is_call(self.operation, &record.call)), "it passed the door");
        }
        self.end(setting, &subject).await;
        if reason == Reason::ValueRejected {
            subject.world.annotate(&subject.name, RECONCILE_REQUESTED_AT, "corrected").await;
        }
        subject.recovers().await;
        let others: Vec<_> = setting.history.of(&subject.name).drain(said..).collect();
        assert!(
            others.iter().all(|(said, _)| said == reason.as_str() || said == "Synced"),
            "only {reason} is documented: {others:#?}"
        );
        let user = subject.world.api::<KeycloakUser>().get_opt(&subject.name).await.expect("an answer");
        let id = user.and_then(|user| user.status?.user_id).or(id).expect("the status names the account");
        assert_all_are_known(&subject);
        Outcome { id, events: subject.trigger.events() }
    }

    async fn begin(self, setting: &Setting<'_>, subject: &Subject<'_>) {
        if let Some(fault) = self.weather.fault() {
            let operation = self.operation;
            subject.proxy.inject(fault, move |call| is_call(operation, call));
        }
        if let Some(door) = setting.door(self.weather) {
            subject.proxy.set_door_after(setting.before[&self.operation], door).await;
        }
    }

    async fn shows(self, setting: &Setting<'_>, subject: &Subject<'_>, from: usize, reason: Reason) {
        eventually(&format!("{} with reason {reason}", subject.name), async || {
            let said: Vec<_> = setting.history.of(&subject.name).drain(from..).collect();
            let shown = |(shown, message): &Said| shown == reason.as_str() && message.contains(self.weather.words());
            if said.iter().any(shown) { Ok(()) } else { Err(said) }
        })
        .await;
    }

    async fn end(self, setting: &Setting<'_>, subject: &Subject<'_>) {
        subject.proxy.heal();
        if self.weather == Weather::UnknownHost {
            subject.connect(&subject.url()).await;
        }
        if setting.door(self.weather).is_some() {
            subject.proxy.set_door(subject.door.clone().unwrap_or(Door::Open)).await;
        }
    }
}

/// A call that no row is about would never meet any weather.
fn assert_all_are_known(subject: &Subject<'_>) {
    let is_known = |call: &Call| Operation::ALL.iter().any(|operation| is_call(*operation, call));
    let unknown: Vec<_> = subject.ledger.records().into_iter().filter(|record| !is_known(&record.call)).collect();
    assert!(unknown.is_empty(), "calls that the matrix does not know: {unknown:#?}");
}
