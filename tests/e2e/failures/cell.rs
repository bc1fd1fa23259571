//! One cell of the matrix: one call in one weather.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::TryStreamExt;
use futures::future::join_all;
use k8s_openapi::api::core::v1::ConfigMap;
use keycloak_user_operator::api::{KeycloakConnection, KeycloakUser, RECONCILE_REQUESTED_AT, Reason};
use keycloak_user_operator::keycloak::Operation;
use kube::api::{Patch, PatchParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};
use serde_json::json;

use super::calls::{Trigger, is_call};
use super::weather::Weather;
use crate::support::{
    Authority, Door, FaultProxy, Flaw, Ledger, World, condition, eventually, eventually_within, password_from,
};

/// So soon after the weather is fair again all is well (A15).
const RECOVERY: Duration = Duration::from_secs(30);
const FIRST_PASSWORD: &str = "the-first-password";
const SECOND_PASSWORD: &str = "the-second-password";

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
        let calls = Operation::ALL.into_iter().filter_map(|call| Some((call, Trigger::of(call)?)));
        let counts = calls.map(async |(call, trigger)| (call, setting.calls_before(call, trigger).await));
        setting.before = join_all(counts).await.into_iter().collect();
        setting
    }

    async fn calls_before(&self, operation: Operation, trigger: Trigger) -> usize {
        let subject = Subject::new(self, format!("fair-{}", operation.as_str()).replace('_', "-"), false).await;
        subject.prepare(trigger).await;
        let armed = subject.ledger.records().len();
        subject.pull(trigger).await;
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

/// A connection with its own way to Keycloak, and a user, all of one name.
struct Subject<'a> {
    world: &'a World,
    name: String,
    proxy: FaultProxy,
    ledger: Ledger,
    secure: bool,
}

impl<'a> Subject<'a> {
    async fn new(setting: &Setting<'a>, name: String, secure: bool) -> Self {
        let ledger = Ledger::default();
        let proxy = FaultProxy::before_keycloak(&name, &ledger);
        if secure {
            proxy.set_door(setting.fair.clone()).await;
        }
        Self { world: setting.world, name, proxy, ledger, secure }
    }

    async fn connect(&self, url: &str) {
        let authority = json!({ "caRef": { "kind": "ConfigMap", "name": "authority", "key": "ca.crt" } });
        let mut spec = json!({ "url": url, "grants": { "adoption": "Allowed" } });
        if self.secure {
            spec["tls"] = authority;
        }
        self.world.connection(&self.name, spec).await;
    }

    fn email(&self) -> String {
        format!("{}@example.com", self.name)
    }

    fn url(&self) -> String {
        if self.secure { self.proxy.secure_url() } else { self.proxy.url() }
    }

    async fn declare(&self, first_name: &str, trigger: Trigger) {
        let name = &self.name;
        let mut spec = json!({ "connectionRef": { "name": name }, "username": name, "firstName": first_name,
            "lastName": "Weather", "email": self.email(), "attributes": [{ "name": "team", "values": ["blue"] }] });
        if trigger == Trigger::Adopt {
            spec["adoption"] = json!("Adopt");
        }
        if trigger.has_password() {
            spec["credentials"] = password_from(name);
        }
        if trigger == Trigger::Enforce {
            spec["credentials"][0]["sync"] = json!("Enforce");
        }
        self.world.user(name, spec).await;
    }

    /// Everything that comes before what makes the operator make the call.
    async fn prepare(&self, trigger: Trigger) {
        if trigger == Trigger::Connect {
            return;
        }
        self.connect(&self.url()).await;
        eventually(&format!("connection {}", self.name), async || {
            let connection = self.world.api::<KeycloakConnection>().get(&self.name).await.expect("the connection");
            let conditions = connection.status.unwrap_or_default().conditions;
            if conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True") { Ok(()) } else { Err(conditions) }
        })
        .await;
        if trigger.has_password() {
            self.world.secret(&self.name, &[("password", FIRST_PASSWORD)]).await;
        }
        if trigger == Trigger::Adopt {
            let account = json!({ "username": self.name, "firstName": "Fair", "lastName": "Weather",
                "email": self.email(), "enabled": true, "attributes": { "team": ["blue"] } });
            self.world.keycloak.create_user(account).await;
        }
        if matches!(trigger, Trigger::Create | Trigger::Enforce | Trigger::Adopt) {
            return;
        }
        self.declare("Fair", trigger).await;
        self.world.until(&self.name, "Synced").await;
        if trigger == Trigger::Vanish {
            self.world.keycloak.delete_user(&self.name).await;
        }
    }

    /// Makes the operator make the call.
    async fn pull(&self, trigger: Trigger) {
        match trigger {
            Trigger::Connect => {
                self.connect(&self.url()).await;
                self.declare("Fair", trigger).await;
            }
            Trigger::Create | Trigger::Enforce | Trigger::Adopt => self.declare("Fair", trigger).await,
            Trigger::Ask | Trigger::Vanish => self.world.annotate(&self.name, RECONCILE_REQUESTED_AT, "once").await,
            Trigger::Change => self.declare("Foul", trigger).await,
            Trigger::Password => self.world.change_secret(&self.name, &[("password", SECOND_PASSWORD)]).await,
            Trigger::Delete => self.world.delete(&self.name).await,
        }
    }

    /// The account is as declared, or gone with its resource, without anybody's help.
    async fn recovers(&self, trigger: Trigger) {
        let done = format!("{} recovers", self.name);
        eventually_within(RECOVERY, &done, async || {
            let user = self.world.api::<KeycloakUser>().get_opt(&self.name).await.expect("an answer");
            match (&user, trigger) {
                (None, Trigger::Delete) => Ok(()),
                (Some(user), _) if is_synced(user) && trigger != Trigger::Delete => Ok(()),
                _ => Err(user.map(|user| user.status)),
            }
        })
        .await;
        let account = self.world.keycloak.user(&self.name).await;
        if trigger == Trigger::Delete {
            assert_eq!(account, None);
            return;
        }
        let expected = if trigger == Trigger::Change { "Foul" } else { "Fair" };
        let account = account.expect("the account");
        assert_eq!((&account["firstName"], &account["attributes"]["team"]), (&json!(expected), &json!(["blue"])));
        if trigger == Trigger::Password {
            self.world.keycloak.login(&self.name, SECOND_PASSWORD).await.expect("the new password");
        }
    }
}

fn is_synced(user: &KeycloakUser) -> bool {
    let answered = user.status.as_ref().and_then(|status| status.observed_generation) == user.metadata.generation;
    answered && condition(user, "Ready").is_some_and(|ready| ready.status == "True")
}

/// The account of a cell that went well, and the events that it should have left.
pub struct Outcome {
    pub id: String,
    pub events: &'static [&'static str],
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
        let trigger = Trigger::of(self.operation).expect("a call of the matrix has one");
        let subject = Subject::new(setting, self.name(), self.weather.needs_tls()).await;
        subject.prepare(trigger).await;
        let (said, passed) = (setting.history.of(&subject.name).len(), subject.ledger.records().len());
        self.begin(setting, &subject).await;
        if self.weather == Weather::UnknownHost {
            subject.connect("http://no-such-host.invalid").await;
            subject.declare("Fair", trigger).await;
        } else {
            subject.pull(trigger).await;
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
        subject.recovers(trigger).await;
        let others: Vec<_> = setting.history.of(&subject.name).drain(said..).collect();
        assert!(
            others.iter().all(|(said, _)| said == reason.as_str() || said == "Synced"),
            "only {reason} is documented: {others:#?}"
        );
        let user = subject.world.api::<KeycloakUser>().get_opt(&subject.name).await.expect("an answer");
        let id = user.and_then(|user| user.status?.user_id).or(id).expect("the status names the account");
        Outcome { id, events: trigger.events() }
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
            let door = if subject.secure { setting.fair.clone() } else { Door::Open };
            subject.proxy.set_door(door).await;
        }
    }
}
