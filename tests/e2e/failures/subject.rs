//! What a cell of the matrix is about: a connection with its own way to Keycloak, and a user, all of one name.

use std::time::Duration;

use keycloak_user_operator::api::{KeycloakConnection, KeycloakUser, RECONCILE_REQUESTED_AT};
use serde_json::{Value, json};

use super::calls::Trigger;
use crate::support::{Door, FaultProxy, Ledger, World, condition, eventually, eventually_within, password_from};

/// So soon after the weather is fair again all is well (A15).
const RECOVERY: Duration = Duration::from_secs(30);
const FIRST_PASSWORD: &str = "the-first-password";
const SECOND_PASSWORD: &str = "the-second-password";
/// Connection to the same realm that no weather befalls.
const CLEAR: &str = "clear";

/// Before and after what makes the operator make the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Before,
    After,
}

/// Makes what all subjects share: the other connection, and roles and a group to be given.
pub async fn share(world: &World) {
    world.connection(CLEAR, json!({})).await;
    let keycloak = &world.keycloak;
    keycloak.create_client("app").await;
    for role in ["gale", "breeze", "app/rain"] {
        keycloak.create_role(role).await;
    }
    keycloak.add_composite("gale", "breeze").await;
    keycloak.create_group("/sky").await;
}

pub struct Subject<'a> {
    pub world: &'a World,
    pub name: String,
    pub trigger: Trigger,
    pub proxy: FaultProxy,
    pub ledger: Ledger,
    /// With TLS, in fair weather.
    pub door: Option<Door>,
}

impl<'a> Subject<'a> {
    pub async fn new(world: &'a World, name: String, trigger: Trigger, door: Option<Door>) -> Self {
        let ledger = Ledger::default();
        let proxy = FaultProxy::before_keycloak(&name, &ledger);
        if let Some(door) = &door {
            proxy.set_door(door.clone()).await;
        }
        Self { world, name, trigger, proxy, ledger, door }
    }

    pub async fn connect(&self, url: &str) {
        let mut spec = json!({ "url": url, "grants": { "adoption": "Allowed" } });
        if self.door.is_some() {
            spec["tls"] = json!({ "caRef": { "kind": "ConfigMap", "name": "authority", "key": "ca.crt" } });
        }
        self.world.connection(&self.name, spec).await;
    }

    fn email(&self) -> String {
        format!("{}@example.com", self.name)
    }

    pub fn url(&self) -> String {
        if self.door.is_some() { self.proxy.secure_url() } else { self.proxy.url() }
    }

    pub async fn declare(&self, stage: Stage) {
        self.world.user(&self.name, self.spec(stage)).await;
    }

    fn spec(&self, stage: Stage) -> Value {
        let (name, is_after) = (&self.name, stage == Stage::After);
        let mut spec = json!({ "connectionRef": { "name": name }, "username": name, "firstName": "Fair",
            "lastName": "Weather", "email": self.email(), "attributes": [{ "name": "team", "values": ["blue"] }] });
        if self.trigger.has_password() {
            spec["credentials"] = password_from(name);
        }
        match self.trigger {
            Trigger::Adopt => spec["adoption"] = json!("Adopt"),
            Trigger::Enforce => spec["credentials"][0]["sync"] = json!("Enforce"),
            Trigger::Change if is_after => spec["firstName"] = json!("Foul"),
            Trigger::SwitchOff if is_after => spec["enabled"] = json!(false),
            Trigger::Require if is_after => spec["requiredActions"] = json!(["UPDATE_PROFILE"]),
            _ => {}
        }
        if self.has_rights(stage) {
            spec["realmRoles"] = json!(["gale"]);
            spec["clientRoles"] = json!([{ "client": "app", "roles": ["rain"] }]);
            spec["groups"] = json!(["/sky"]);
        }
        spec
    }

    fn has_rights(&self, stage: Stage) -> bool {
        match self.trigger {
            Trigger::AskOfRights => true,
            Trigger::Grant => stage == Stage::After,
            Trigger::Revoke => stage == Stage::Before,
            _ => false,
        }
    }

    /// Everything that comes before what makes the operator make the call.
    pub async fn prepare(&self) {
        if self.trigger == Trigger::Connect {
            return;
        }
        self.connect(&self.url()).await;
        eventually(&format!("connection {}", self.name), async || {
            let connection = self.world.api::<KeycloakConnection>().get(&self.name).await.expect("the connection");
            let conditions = connection.status.unwrap_or_default().conditions;
            if conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True") { Ok(()) } else { Err(conditions) }
        })
        .await;
        if self.trigger.has_password() {
            self.world.secret(&self.name, &[("password", FIRST_PASSWORD)]).await;
        }
        match self.trigger {
            Trigger::Create | Trigger::Enforce => return,
            Trigger::Adopt => return self.make_by_hand().await,
            _ => {}
        }
        self.declare(Stage::Before).await;
        self.world.until(&self.name, "Synced").await;
        match self.trigger {
            Trigger::Vanish => self.world.keycloak.delete_user(&self.name).await,
            Trigger::SwitchOff => drop(self.world.keycloak.sign_in(&self.name, FIRST_PASSWORD, true).await),
            Trigger::Rival => self.meet_a_rival().await,
            _ => {}
        }
    }

    async fn make_by_hand(&self) {
        let account = json!({ "username": self.name, "firstName": "Fair", "lastName": "Weather",
            "email": self.email(), "enabled": true, "attributes": { "team": ["blue"] } });
        self.world.keycloak.create_user(account).await;
    }

    async fn meet_a_rival(&self) {
        let rival = format!("{}-rival", self.name);
        self.world.user(&rival, json!({ "connectionRef": { "name": CLEAR }, "username": self.name })).await;
        self.world.until(&rival, "Conflict").await;
    }

    /// Makes the operator make the call.
    pub async fn pull(&self) {
        match self.trigger {
            Trigger::Connect => {
                self.connect(&self.url()).await;
                self.declare(Stage::After).await;
            }
            Trigger::Ask | Trigger::Vanish | Trigger::Rival | Trigger::AskOfRights => {
                self.world.annotate(&self.name, RECONCILE_REQUESTED_AT, "once").await;
            }
            Trigger::Password => self.world.change_secret(&self.name, &[("password", SECOND_PASSWORD)]).await,
            Trigger::Delete => self.world.delete(&self.name).await,
            Trigger::Create
            | Trigger::Enforce
            | Trigger::Adopt
            | Trigger::Change
            | Trigger::SwitchOff
            | Trigger::Grant
            | Trigger::Revoke
            | Trigger::Require => self.declare(Stage::After).await,
        }
    }

    /// Makes the operator make the call; the version of the resource that nobody else has written.
    pub async fn pulled(&self) -> Option<String> {
        self.pull().await;
        self.version().await
    }

    /// The same as [`Self::recovers`] where the resource has said nothing in between, and looks as before.
    pub async fn goes_on(&self) {
        match self.trigger {
            Trigger::Vanish => drop(self.world.until_account(&self.name, "is made anew", |_| true).await),
            Trigger::Password => {
                let login = async || self.world.keycloak.login(&self.name, SECOND_PASSWORD).await;
                eventually("the new password", login).await;
            }
            _ => {}
        }
        self.recovers().await;
    }

    /// The version of the resource.
    pub async fn version(&self) -> Option<String> {
        let user = self.world.api::<KeycloakUser>().get_opt(&self.name).await.expect("an answer");
        user.and_then(|user| user.metadata.resource_version)
    }

    /// The account is as declared, or gone with its resource, without anybody's help.
    pub async fn recovers(&self) {
        let is_deleted = self.trigger == Trigger::Delete;
        let done = format!("{} recovers", self.name);
        eventually_within(RECOVERY, &done, async || {
            let user = self.world.api::<KeycloakUser>().get_opt(&self.name).await.expect("an answer");
            match &user {
                None if is_deleted => Ok(()),
                Some(user) if is_synced(user) && !is_deleted => Ok(()),
                _ => Err(user.map(|user| user.status)),
            }
        })
        .await;
        if is_deleted {
            assert_eq!(self.world.keycloak.user(&self.name).await, None);
        } else {
            self.is_as_declared().await;
        }
    }

    async fn is_as_declared(&self) {
        let (keycloak, name, spec) = (&self.world.keycloak, self.name.as_str(), self.spec(Stage::After));
        let account = keycloak.user(name).await.expect("the account");
        assert_eq!((&account["firstName"], &account["attributes"]["team"]), (&spec["firstName"], &json!(["blue"])));
        assert_eq!(account["enabled"], json!(self.trigger != Trigger::SwitchOff));
        match self.trigger {
            Trigger::Password => keycloak.login(name, SECOND_PASSWORD).await.expect("the new password"),
            Trigger::SwitchOff => assert_eq!(keycloak.offline_sessions(name, "login").await, 0),
            Trigger::Require => assert_eq!(account["requiredActions"], spec["requiredActions"]),
            _ => {}
        }
        let (roles, groups) = (keycloak.roles_of(name).await, keycloak.groups_of(name).await);
        let expected: (Vec<&str>, Vec<&str>) =
            if self.has_rights(Stage::After) { (vec!["app/rain", "gale"], vec!["/sky"]) } else { (vec![], vec![]) };
        assert_eq!((roles, groups), (owned(expected.0), owned(expected.1)));
    }
}

fn owned(names: Vec<&str>) -> std::collections::BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

fn is_synced(user: &KeycloakUser) -> bool {
    let answered = user.status.as_ref().and_then(|status| status.observed_generation) == user.metadata.generation;
    answered && condition(user, "Ready").is_some_and(|ready| ready.status == "True")
}
