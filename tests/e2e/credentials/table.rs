//! The table of `docs/credentials.md`, a test for each of its rows.

use k8s_openapi::api::core::v1::Secret;
use keycloak_user_operator::api::{KeycloakUser, SET_CREDENTIALS};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::*;
use crate::leader::{two_replicas, until_leading};
use crate::support::{ChildOperator, FaultProxy, Ledger, Operator, e2e_with};

/// What the operator sends to Keycloak after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Nothing,
    Once,
    /// It travels with the account.
    WithTheAccount,
}

impl Sent {
    fn in_words(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Once => "once",
            Self::WithTheAccount => "with the account",
        }
    }
}

/// The modes, and the users that have them.
const MODES: [(&str, &str); 3] = [("OnChange", "onchange"), ("Once", "initial"), ("Enforce", "enforced")];

/// Three users in line, one of each mode, and what is sent to Keycloak on their behalf.
struct Stage {
    world: World,
    ledger: Ledger,
    operator: Option<Operator>,
    replica: Option<ChildOperator>,
}

impl Stage {
    async fn set(world: World) -> Self {
        let ledger = Ledger::default();
        let proxy = FaultProxy::before_keycloak("operator", &ledger);
        world.connect(json!({ "url": proxy.url(), "grants": { "adoption": "Allowed" } })).await;
        let operator = Some(world.operator().await);
        for (mode, name) in MODES {
            make(&world, name, json!({ "sync": mode })).await;
        }
        Self { world, ledger, operator, replica: None }
    }

    /// How many passwords were sent for the account, refused ones too: of those no admin event tells.
    async fn sent_to(&self, name: &str) -> usize {
        let end = format!("/users/{}/reset-password", account_id(&self.world, name).await);
        self.ledger.records().iter().filter(|record| record.call.path.ends_with(&end)).count()
    }

    async fn stop(&mut self) {
        if let Some(operator) = self.operator.take() {
            operator.stop().await;
        }
    }

    async fn start(&mut self) {
        self.operator = Some(self.world.operator().await);
    }

    async fn secrets(&self, patch: Value) {
        let api: Api<Secret> = self.world.api();
        for (_, name) in MODES {
            let name = format!("kcuser-{name}");
            api.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await.expect("the Secret");
        }
    }

    async fn set_status(&self, status: Value) {
        let api: Api<KeycloakUser> = self.world.api();
        for (_, name) in MODES {
            let patch = Patch::Merge(json!({ "status": status }));
            api.patch_status(name, &PatchParams::default(), &patch).await.expect("the status");
        }
    }

    /// Declares the users anew.
    async fn declare(&self, change: impl Fn(&str, &mut Value)) {
        for (mode, name) in MODES {
            let mut declared = spec(name, json!({ "sync": mode }));
            change(mode, &mut declared);
            self.world.user(name, declared).await;
        }
    }
}

/// Passwords with which the three users log in afterwards.
type Passwords = [Option<&'static str>; 3];

const STILL_FIRST: Passwords = [Some(FIRST); 3];
const BOTH_SECOND: Passwords = [Some(SECOND), Some(FIRST), Some(SECOND)];

fn row(name: &str, policy: &str, sent: [Sent; 3], event: impl AsyncFn(&mut Stage) -> Passwords) {
    e2e_with(name, realm_seen_with(policy, &["manage-users", "view-clients"]), async |world| {
        let mut stage = Stage::set(world).await;
        let passwords = event(&mut stage).await;
        let world = &stage.world;
        for (((mode, name), sent), password) in MODES.into_iter().zip(sent).zip(passwords) {
            if sent == Sent::Once {
                until_resets(world, name, 1).await;
            }
            for _ in 0..2 {
                world.reconcile_now(name).await;
            }
            let resets = resets_of(world, name).await;
            let expected = usize::from(sent == Sent::Once);
            assert_eq!((resets, stage.sent_to(name).await), (expected, expected), "done and sent with {mode}");
            if let Some(password) = password {
                world.keycloak.login(name, password).await.unwrap_or_else(|error| panic!("{mode}: {error}"));
            }
            if sent == Sent::Once {
                let before = if password == Some(FIRST) { THEIRS } else { FIRST };
                assert!(world.keycloak.login(name, before).await.is_err(), "{mode}: the one before");
            }
            let creations = world.keycloak.writes_of_operator().await;
            let creations = creations.iter().filter(|write| write.starts_with("CREATE users")).count();
            assert_eq!(creations, if sent == Sent::WithTheAccount { 6 } else { 3 });
        }
    });
}

macro_rules! rows {
    ($($name:ident, $event:literal, $policy:ident => [$($sent:ident),*], $cause:expr;)*) => {
        const TABLE: &[(&str, [Sent; 3])] = &[$(($event, [$(Sent::$sent),*])),*];
        $(
            #[test]
            fn $name() {
                row(stringify!($name), $policy, [$(Sent::$sent),*], $cause);
            }
        )*
    };
}

rows! {
    row_new_value, "The value in the Secret changes", HISTORY => [Once, Nothing, Once], async |stage: &mut Stage| {
        stage.secrets(json!({ "stringData": { "password": SECOND } })).await;
        BOTH_SECOND
    };
    row_same_value, "Labels, annotations or other keys of the Secret change", HISTORY => [Nothing, Nothing, Nothing], async |stage: &mut Stage| {
        let metadata = json!({ "labels": { "a": "b" }, "annotations": { "c": "d" } });
        stage.secrets(json!({ "metadata": metadata, "stringData": { "other": "x" } })).await;
        STILL_FIRST
    };
    row_made_again, "The Secret is made again with the same value", HISTORY => [Nothing, Nothing, Nothing], async |stage: &mut Stage| {
        for (_, name) in MODES {
            stage.world.secret(&format!("kcuser-{name}"), &[("password", FIRST)]).await;
        }
        STILL_FIRST
    };
    row_made_anew, "The Secret is made again with another value", HISTORY => [Once, Nothing, Once], async |stage: &mut Stage| {
        for (_, name) in MODES {
            stage.world.secret(&format!("kcuser-{name}"), &[("password", SECOND)]).await;
        }
        BOTH_SECOND
    };
    row_deleted, "The Secret is deleted", HISTORY => [Nothing, Nothing, Nothing], async |stage: &mut Stage| {
        let api: Api<Secret> = stage.world.api();
        for (_, name) in MODES {
            api.delete(&format!("kcuser-{name}"), &DeleteParams::default()).await.expect("the Secret");
        }
        stage.world.until("onchange", "SecretNotFound").await;
        stage.world.until("enforced", "SecretNotFound").await;
        assert_eq!(synced(&stage.world.reconcile_now("initial").await).1, "Synced", "it has no use for it any more");
        STILL_FIRST
    };
    row_other_secret, "Another Secret, or another key, with the same value is named", HISTORY => [Nothing, Nothing, Nothing], async |stage: &mut Stage| {
        stage.world.secret("elsewhere", &[("word", FIRST)]).await;
        let source = json!({ "secretKeyRef": { "name": "elsewhere", "key": "word" } });
        stage.declare(|_, spec| spec["credentials"][0]["valueFrom"] = source.clone()).await;
        STILL_FIRST
    };
    row_changed_elsewhere, "The user or an administrator sets another password", NO_HISTORY => [Nothing, Nothing, Once], async |stage: &mut Stage| {
        for (_, name) in MODES {
            set_by_hand(&stage.world, name, THEIRS).await;
            stage.world.reconcile_now(name).await;
        }
        stage.world.until_event("enforced", "DriftCorrected").await;
        [Some(THEIRS), Some(THEIRS), Some(FIRST)]
    };
    row_taken_away, "Somebody takes the password away", NO_HISTORY => [Nothing, Nothing, Once], async |stage: &mut Stage| {
        for (_, name) in MODES {
            take_password_away(&stage.world, name).await;
            stage.world.reconcile_now(name).await;
        }
        [None, None, Some(FIRST)]
    };
    row_other_field, "Another field of the resource changes, `temporary` and `revokeSessions` included", HISTORY => [Nothing, Nothing, Nothing], async |stage: &mut Stage| {
        stage.declare(|mode, spec| {
            spec["firstName"] = json!("Another");
            spec["credentials"][0]["revokeSessions"] = json!(true);
            spec["credentials"][0]["temporary"] = json!(mode != "Enforce");
        }).await;
        for (_, name) in MODES {
            stage.world.until_account(name, "the new name", |user| user["firstName"] == "Another").await;
        }
        STILL_FIRST
    };
    row_mode, "`sync` becomes this mode", HISTORY => [Nothing, Nothing, Nothing], async |stage: &mut Stage| {
        stage.declare(|mode, spec| {
            spec["credentials"][0]["sync"] = json!(if mode == "Enforce" { "OnChange" } else { "Enforce" });
        }).await;
        for (_, name) in MODES {
            stage.world.until(name, "Synced").await;
            set_by_hand(&stage.world, name, THEIRS).await;
        }
        stage.declare(|_, _| ()).await;
        [Some(THEIRS); 3]
    };
    row_restart, "The operator restarts", HISTORY => [Nothing, Nothing, Nothing], async |stage: &mut Stage| {
        stage.stop().await;
        stage.start().await;
        STILL_FIRST
    };
    row_other_replica, "Another replica takes over", HISTORY => [Nothing, Nothing, Nothing], async |stage: &mut Stage| {
        stage.stop().await;
        let chart = stage.world.chart().await;
        let [leader, other] = two_replicas(&stage.world, &chart).await;
        leader.kill();
        until_leading(&other).await;
        stage.replica = Some(other);
        for (_, name) in MODES {
            assert_eq!(synced(&stage.world.reconcile_now(name).await).1, "Synced", "it has the same key");
        }
        STILL_FIRST
    };
    row_taken_over, "The account is taken over", NO_HISTORY => [Nothing, Nothing, Once], async |stage: &mut Stage| {
        stage.declare(|_, spec| spec["deletionPolicy"] = json!("Orphan")).await;
        for (_, name) in MODES {
            set_by_hand(&stage.world, name, THEIRS).await;
            stage.world.delete_and_wait(name).await;
        }
        stage.declare(|_, spec| spec["adoption"] = json!("Adopt")).await;
        for (_, name) in MODES {
            stage.world.until(name, "Synced").await;
        }
        [Some(THEIRS), Some(THEIRS), Some(FIRST)]
    };
    row_record_lost, "The record in the status is lost", HISTORY => [Nothing, Nothing, Nothing], async |stage: &mut Stage| {
        stage.set_status(json!({ "credentials": null })).await;
        for (_, name) in MODES {
            assert_eq!(synced(&stage.world.reconcile_now(name).await), assumed());
        }
        STILL_FIRST
    };
    row_key_lost, "The operator's key is lost or another one", HISTORY => [Nothing, Nothing, Nothing], async |stage: &mut Stage| {
        stage.stop().await;
        key::delete(&stage.world).await;
        stage.start().await;
        for (_, name) in MODES {
            assert_eq!(synced(&stage.world.reconcile_now(name).await), assumed());
        }
        STILL_FIRST
    };
    row_asked, "The annotation `keycloakuser.dev/set-credentials` has a new value", NO_HISTORY => [Once, Once, Once], async |stage: &mut Stage| {
        for (_, name) in MODES {
            set_by_hand(&stage.world, name, THEIRS).await;
            stage.world.annotate(name, SET_CREDENTIALS, "please").await;
        }
        STILL_FIRST
    };
    row_account_lost, "The account is deleted in Keycloak", HISTORY => [WithTheAccount, WithTheAccount, WithTheAccount], async |stage: &mut Stage| {
        for (_, name) in MODES {
            stage.world.keycloak.delete_user(name).await;
            stage.world.reconcile_now(name).await;
        }
        STILL_FIRST
    };
    row_declared_again, "The credential leaves the resource, and comes back", HISTORY => [Nothing, Nothing, Nothing], async |stage: &mut Stage| {
        stage.declare(|_, spec| spec["credentials"] = json!([])).await;
        for (_, name) in MODES {
            stage.world.until(name, "Synced").await;
        }
        stage.declare(|_, _| ()).await;
        for (_, name) in MODES {
            until_synced(&stage.world, name, "Unknown", "AssumedCurrent").await;
        }
        STILL_FIRST
    };
    row_no_password, "The credential is declared for an account without a password", HISTORY => [Once, Once, Once], async |stage: &mut Stage| {
        stage.declare(|_, spec| spec["credentials"] = json!([])).await;
        for (_, name) in MODES {
            stage.world.until(name, "Synced").await;
            take_password_away(&stage.world, name).await;
        }
        stage.secrets(json!({ "stringData": { "password": SECOND } })).await;
        stage.declare(|_, _| ()).await;
        [Some(SECOND); 3]
    };
}

fn assumed() -> (String, String) {
    ("Unknown".to_owned(), "AssumedCurrent".to_owned())
}

async fn take_password_away(world: &World, name: &str) {
    let path = format!("/{}/users/{}/credentials", world.keycloak.realm, account_id(world, name).await);
    let (_, credentials) = world.keycloak.request(Method::GET, &path, None).await;
    let id = credentials[0]["id"].as_str().expect("a credential");
    let (status, _) = world.keycloak.request(Method::DELETE, &format!("{path}/{id}"), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
}

#[test]
fn the_table_of_the_document_is_the_one_that_is_tested() {
    let document = include_str!("../../../docs/credentials.md");
    let rows = document.lines().skip_while(|line| !line.starts_with("| what happens")).skip(2);
    let rows: Vec<&str> = rows.take_while(|line| line.starts_with('|')).collect();
    let tested: Vec<String> =
        TABLE.iter().map(|(event, sent)| format!("| {event} | {} |", sent.map(Sent::in_words).join(" | "))).collect();
    assert_eq!(rows[1..], tested, "the first row, the creation, is where each of these tests begins");
    assert_eq!(rows[0], "| The account is made | with the account | with the account | with the account |");
}
