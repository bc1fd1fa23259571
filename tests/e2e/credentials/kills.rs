//! The operator is killed at every point of a creation and of a reset, with and without a change of the Secret in
//! between: what the Secret says last is the password, and nothing is sent that was there already.

use std::sync::{Arc, Mutex};

use serde_json::json;

use super::*;
use crate::support::{Call, Chart, ChildOperator, Fault, FaultProxy, Kill, Ledger, Moment, Server, e2e_with};

/// A kind of request, and when the operator is killed in it.
#[derive(Clone, Copy)]
struct Point {
    server: Server,
    method: &'static str,
    end: &'static str,
    moment: Moment,
}

const fn creation(moment: Moment) -> Point {
    Point { server: Server::Keycloak, method: "POST", end: "/users", moment }
}

const fn reset(moment: Moment) -> Point {
    Point { server: Server::Keycloak, method: "PUT", end: "/reset-password", moment }
}

const fn logout(moment: Moment) -> Point {
    Point { server: Server::Keycloak, method: "POST", end: "/logout", moment }
}

/// The status in which a reset is announced.
const fn announcement(moment: Moment) -> Point {
    Point { server: Server::Kubernetes, method: "PUT", end: "/keycloakusers/victim/status", moment }
}

impl Point {
    fn is_of(self, call: &Call) -> bool {
        call.method == self.method && call.path.ends_with(self.end)
    }
}

/// An operator between two proxies, in which it can be killed.
struct Scene {
    world: World,
    chart: Chart,
    ledger: Ledger,
    keycloak: FaultProxy,
    kubernetes: FaultProxy,
    operator: Arc<Mutex<Option<ChildOperator>>>,
}

impl Scene {
    async fn set(world: World) -> Self {
        let (mut chart, ledger) = (world.chart().await, Ledger::default());
        let keycloak = FaultProxy::before_keycloak("operator", &ledger);
        let kubernetes = FaultProxy::before_kubernetes("operator", &ledger, &mut chart);
        world.connect(json!({ "url": keycloak.url() })).await;
        let scene = Self { world, chart, ledger, keycloak, kubernetes, operator: Arc::default() };
        scene.start();
        scene
    }

    fn start(&self) {
        let operator = ChildOperator::spawn(&self.chart, &self.world.namespace);
        *self.operator.lock().unwrap() = Some(operator);
    }

    /// The operator will be killed in the next request of that kind.
    fn doom(&self, point: Point) {
        let victim = Arc::clone(&self.operator);
        let kill = Kill::by(move || drop(victim.lock().unwrap().take()));
        let proxy = if point.server == Server::Keycloak { &self.keycloak } else { &self.kubernetes };
        proxy.inject_times(1, Fault::Crash(point.moment, kill), move |call| point.is_of(call));
    }

    /// Waits until it has been killed, and lets the next one pass.
    async fn until_killed(&self) {
        let is_gone = || self.operator.lock().unwrap().is_none();
        eventually("the operator is killed", async || if is_gone() { Ok(()) } else { Err(self.ledger.records()) })
            .await;
        self.ledger.open();
    }

    /// Starts another one, after a change of the Secret if there is one.
    async fn go_on(&self, meanwhile: Option<&str>) {
        self.until_killed().await;
        if let Some(value) = meanwhile {
            set_value(&self.world, "victim", value).await;
        }
        self.start();
    }

    /// How often the policy refused a password that the operator sent.
    fn refusals(&self) -> usize {
        let is_refused = |status: Option<u16>| status.is_some_and(|status| status >= 400);
        let of_reset = reset(Moment::Before);
        self.ledger.records().iter().filter(|r| of_reset.is_of(&r.call) && is_refused(r.status)).count()
    }

    /// What the Secret says last is the password, and nothing else is.
    async fn assert_password(&self, password: &str) {
        for tried in [FIRST, SECOND, THIRD] {
            let outcome = self.world.keycloak.login("victim", tried).await;
            assert_eq!(outcome.is_ok(), tried == password, "{tried}: {outcome:?}");
        }
    }
}

/// Killed in a reset; how many passwords arrived in all, and which one it is in the end.
fn killed_in_a_reset(name: &str, point: Point, meanwhile: Option<&'static str>, resets: usize) {
    e2e_with(name, realm(HISTORY), async |world| {
        let scene = Scene::set(world).await;
        let world = &scene.world;
        make(world, "victim", json!({})).await;
        scene.doom(point);
        set_value(world, "victim", SECOND).await;
        scene.go_on(meanwhile).await;
        let last = meanwhile.unwrap_or(SECOND);
        until_login(world, "victim", last).await;
        let user = world.reconcile_now("victim").await;
        assert_eq!(record(&user).pending, None);
        assert_eq!(synced(&user), ("True".to_owned(), "Synced".to_owned()));
        assert_eq!(resets_of(world, "victim").await, resets);
        assert_eq!(scene.refusals(), 0);
        scene.assert_password(last).await;
    });
}

#[test]
fn killed_before_a_reset_reaches_keycloak() {
    killed_in_a_reset("killed_before_a_reset", reset(Moment::Before), None, 1);
}

#[test]
fn killed_after_a_reset_was_carried_out() {
    killed_in_a_reset("killed_after_a_reset", reset(Moment::Unanswered), None, 1);
}

#[test]
fn killed_before_a_reset_and_the_secret_changes_again() {
    killed_in_a_reset("killed_before_a_reset_and_change", reset(Moment::Before), Some(THIRD), 1);
}

#[test]
fn killed_after_a_reset_and_the_secret_changes_again() {
    killed_in_a_reset("killed_after_a_reset_and_change", reset(Moment::Unanswered), Some(THIRD), 2);
}

#[test]
fn killed_before_a_reset_and_the_secret_is_put_back() {
    killed_in_a_reset("killed_before_a_reset_and_back", reset(Moment::Before), Some(FIRST), 0);
}

#[test]
fn killed_before_a_reset_is_announced() {
    killed_in_a_reset("killed_before_an_announcement", announcement(Moment::Before), None, 1);
}

#[test]
fn killed_before_a_reset_is_announced_and_the_secret_changes_again() {
    killed_in_a_reset("killed_before_announcement_and_change", announcement(Moment::Before), Some(THIRD), 1);
}

#[test]
fn killed_after_a_reset_was_announced() {
    killed_in_a_reset("killed_after_an_announcement", announcement(Moment::Unanswered), None, 1);
}

#[test]
fn killed_after_a_reset_was_announced_and_the_secret_changes_again() {
    killed_in_a_reset("killed_after_announcement_and_change", announcement(Moment::Unanswered), Some(THIRD), 1);
}

/// The password has arrived, and the sessions are still to end.
fn killed_before_sessions_end(name: &str, point: Point) {
    e2e_with(name, realm(HISTORY), async |world| {
        let scene = Scene::set(world).await;
        let world = &scene.world;
        make(world, "victim", json!({ "revokeSessions": true })).await;
        let session = sessions::session(world, "victim", "openid").await;
        scene.doom(point);
        set_value(world, "victim", SECOND).await;
        scene.go_on(None).await;
        until_synced(world, "victim", "True", "Synced").await;
        assert_eq!(record(&world.reconcile_now("victim").await).pending, None);
        assert!(!sessions::is_alive(world, &session).await);
        assert_eq!(resets_of(world, "victim").await, 1);
    });
}

#[test]
fn killed_after_a_reset_was_carried_out_and_before_the_sessions_end() {
    killed_before_sessions_end("killed_after_reset_with_sessions", reset(Moment::Unanswered));
}

#[test]
fn killed_when_the_sessions_are_about_to_end() {
    killed_before_sessions_end("killed_in_a_logout", logout(Moment::Before));
}

/// A reset of a password that was temporary and is not any more would take the demand away.
#[test]
fn killed_after_a_reset_beside_an_action_that_is_declared() {
    e2e_with("killed_beside_an_action", realm_seen_with(HISTORY, &["manage-users", "view-realm"]), async |world| {
        let scene = Scene::set(world).await;
        let world = &scene.world;
        let declared = |temporary: bool| {
            let mut declared = spec("victim", json!({ "temporary": temporary }));
            declared["requiredActions"] = json!([actions::UPDATE]);
            declared
        };
        world.secret("kcuser-victim", &[("password", FIRST)]).await;
        world.user("victim", declared(true)).await;
        world.until("victim", "Synced").await;
        world.user("victim", declared(false)).await;
        world.until("victim", "Synced").await;
        scene.doom(reset(Moment::Unanswered));
        set_value(world, "victim", SECOND).await;
        scene.go_on(None).await;
        until_synced(world, "victim", "True", "Synced").await;
        assert_eq!(record(&world.reconcile_now("victim").await).pending, None);
        assert_eq!(actions::demands(world, "victim").await, actions::set(&[actions::UPDATE]), "it is not done");
    });
}

/// Killed in a creation; the password in the end.
fn killed_in_a_creation(name: &str, moment: Moment, meanwhile: Option<&'static str>) {
    e2e_with(name, realm(HISTORY), async |world| {
        let scene = Scene::set(world).await;
        let world = &scene.world;
        scene.doom(creation(moment));
        world.secret("kcuser-victim", &[("password", FIRST)]).await;
        world.user("victim", spec("victim", json!({}))).await;
        scene.go_on(meanwhile).await;
        let user = world.until("victim", "Synced").await;
        assert_eq!(synced(&user), ("True".to_owned(), "Synced".to_owned()));
        scene.assert_password(meanwhile.unwrap_or(FIRST)).await;
        let writes = world.keycloak.writes_of_operator().await;
        assert_eq!(writes.iter().filter(|write| write.starts_with("CREATE users")).count(), 1, "{writes:?}");
        let resets = usize::from(moment == Moment::Unanswered && meanwhile.is_some());
        assert_eq!(resets_of(world, "victim").await, resets);
    });
}

#[test]
fn killed_before_a_creation_reaches_keycloak() {
    killed_in_a_creation("killed_before_a_creation", Moment::Before, None);
}

#[test]
fn killed_after_a_creation_was_carried_out() {
    killed_in_a_creation("killed_after_a_creation", Moment::Unanswered, None);
}

#[test]
fn killed_before_a_creation_and_the_secret_changes() {
    killed_in_a_creation("killed_before_a_creation_and_change", Moment::Before, Some(SECOND));
}

#[test]
fn killed_after_a_creation_and_the_secret_changes() {
    killed_in_a_creation("killed_after_a_creation_and_change", Moment::Unanswered, Some(SECOND));
}

/// The profile is changed in the pass that finishes the creation: its status write must not make it look finished.
#[test]
fn killed_after_a_creation_and_again_in_the_pass_that_finishes_it() {
    e2e_with("killed_twice", realm(HISTORY), async |world| {
        let scene = Scene::set(world).await;
        let world = &scene.world;
        scene.doom(creation(Moment::Unanswered));
        world.secret("kcuser-victim", &[("password", FIRST)]).await;
        world.user("victim", spec("victim", json!({}))).await;
        scene.until_killed().await;
        scene.doom(reset(Moment::Before));
        set_value(world, "victim", SECOND).await;
        let mut changed = spec("victim", json!({}));
        changed["firstName"] = json!("Another");
        world.user("victim", changed).await;
        scene.start();
        scene.go_on(None).await;
        world.until("victim", "Synced").await;
        scene.assert_password(SECOND).await;
        assert_eq!(world.keycloak.user("victim").await.unwrap()["firstName"], "Another");
        assert_eq!(resets_of(world, "victim").await, 1);
    });
}
