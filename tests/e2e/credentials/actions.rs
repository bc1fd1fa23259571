//! `temporary` and what else a user has to do at the next login.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::{Value, json};

use super::*;
use crate::support::e2e_with;

pub(super) const UPDATE: &str = "UPDATE_PASSWORD";
const VERIFY: &str = "VERIFY_EMAIL";

pub(super) async fn demands(world: &World, name: &str) -> BTreeSet<String> {
    let account = world.keycloak.user(name).await.expect("the account");
    serde_json::from_value(account["requiredActions"].clone()).expect("a list")
}

pub(super) fn set(actions: &[&str]) -> BTreeSet<String> {
    actions.iter().map(|action| (*action).to_owned()).collect()
}

async fn demand(world: &World, name: &str, actions: &[&str]) {
    world.keycloak.edit_user(name, json!({ "requiredActions": actions })).await;
}

/// What was declared when the account was made, what somebody else made of the actions then, what is declared when the
/// Secret changes, and the actions after that.
struct Row {
    made: bool,
    demanded: Option<&'static [&'static str]>,
    changed: bool,
    after: &'static [&'static str],
}

#[rustfmt::skip]
const ROWS: [Row; 10] = [
    Row { made: false, demanded: None, changed: false, after: &[] },
    Row { made: false, demanded: Some(&[UPDATE]), changed: false, after: &[UPDATE] },
    Row { made: false, demanded: Some(&[VERIFY]), changed: false, after: &[VERIFY] },
    Row { made: false, demanded: Some(&[UPDATE, VERIFY]), changed: false, after: &[UPDATE, VERIFY] },
    Row { made: false, demanded: None, changed: true, after: &[UPDATE] },
    Row { made: false, demanded: Some(&[VERIFY]), changed: true, after: &[UPDATE, VERIFY] },
    Row { made: true, demanded: None, changed: true, after: &[UPDATE] },
    Row { made: true, demanded: Some(&[]), changed: true, after: &[UPDATE] },
    Row { made: true, demanded: None, changed: false, after: &[] },
    Row { made: true, demanded: Some(&[]), changed: false, after: &[] },
];

#[test]
fn a_new_password_adds_and_takes_away_what_it_should_and_nothing_else() {
    e2e_with("temporary_and_required_actions", realm(HISTORY), async |world| {
        world.connect(json!({})).await;
        let _operator = world.operator().await;
        let check = async |index: usize, row: &Row| {
            let name = format!("row-{index}");
            make(&world, &name, json!({ "temporary": row.made })).await;
            let made = if row.made { set(&[UPDATE]) } else { set(&[]) };
            assert_eq!(demands(&world, &name).await, made, "row {index} when it is made");
            if let Some(actions) = row.demanded {
                demand(&world, &name, actions).await;
            }
            world.user(&name, spec(&name, json!({ "temporary": row.changed }))).await;
            world.until(&name, "Synced").await;
            world.reconcile_now(&name).await;
            let before = row.demanded.map_or(made, set);
            assert_eq!(demands(&world, &name).await, before, "row {index}: a changed resource changes none of it");
            set_value(&world, &name, SECOND).await;
            until_resets(&world, &name, 1).await;
            world.reconcile_now(&name).await;
            assert_eq!(demands(&world, &name).await, set(row.after), "row {index} after the change of the Secret");
        };
        join_all(ROWS.iter().enumerate().map(|(index, row)| check(index, row))).await;
    });
}

/// What the resource asks for, and whether its password is temporary when the account is made and when it changes.
struct Declared {
    actions: &'static [&'static str],
    made: bool,
    changed: bool,
}

impl Declared {
    fn all() -> Vec<Self> {
        let lists: [&[&str]; 4] = [&[], &[UPDATE], &[VERIFY], &[UPDATE, VERIFY]];
        let with = |actions| [(false, false), (true, true), (false, true), (true, false)].map(|pair| (actions, pair));
        lists.into_iter().flat_map(with).map(|(actions, (made, changed))| Self { actions, made, changed }).collect()
    }

    fn spec(&self, name: &str, temporary: bool) -> Value {
        let mut spec = spec(name, json!({ "temporary": temporary }));
        spec["requiredActions"] = json!(self.actions);
        spec
    }

    /// What is asked for as long as the user has done none of it.
    fn asked(&self, temporary: bool) -> BTreeSet<String> {
        let update: &[&str] = if temporary { &[UPDATE] } else { &[] };
        set(&[self.actions, update].concat())
    }

    async fn check(&self, world: &World, name: &str) {
        let Self { actions, made, changed } = self;
        let row = format!("{actions:?}, temporary {made} and then {changed}");
        world.secret(&format!("kcuser-{name}"), &[("password", FIRST)]).await;
        world.user(name, self.spec(name, *made)).await;
        world.until(name, "Synced").await;
        assert_eq!(demands(world, name).await, self.asked(*made), "{row}: made");

        world.user(name, self.spec(name, *changed)).await;
        world.until(name, "Synced").await;
        assert_eq!(demands(world, name).await, self.asked(*made), "{row}: the resource alone changes");
        self.set_password(world, name, SECOND, 1).await;
        assert_eq!(demands(world, name).await, self.asked(*changed), "{row}: the Secret changes");

        set_by_hand(world, name, THEIRS).await;
        demand(world, name, &[]).await;
        let mut another = self.spec(name, *changed);
        another["firstName"] = json!("Another");
        world.user(name, another).await;
        world.until_account(name, "the new name", |user| user["firstName"] == "Another").await;
        world.reconcile_now(name).await;
        assert_eq!(demands(world, name).await, set(&[]), "{row}: all is done");
        self.set_password(world, name, THIRD, 2).await;
        let update: &[&str] = if *changed { &[UPDATE] } else { &[] };
        assert_eq!(demands(world, name).await, set(update), "{row}: the Secret changes when all is done");
    }

    async fn set_password(&self, world: &World, name: &str, value: &str, resets: usize) {
        set_value(world, name, value).await;
        until_resets(world, name, resets).await;
        world.reconcile_now(name).await;
        assert_eq!(resets_of(world, name).await, resets, "once");
    }
}

#[test]
fn a_password_and_what_the_resource_asks_for_go_together_in_every_combination() {
    e2e_with(
        "password_and_declared_actions",
        realm_seen_with(HISTORY, &["manage-users", "view-realm"]),
        async |world| {
            world.connect(json!({})).await;
            let _operator = world.operator().await;
            let all = Declared::all();
            let check = async |index: usize, row: &Declared| row.check(&world, &format!("row-{index}")).await;
            join_all(all.iter().enumerate().map(|(index, row)| check(index, row))).await;
        },
    );
}

#[test]
fn a_password_that_is_not_temporary_takes_away_what_a_temporary_one_asked_for() {
    e2e_with("temporary_for_a_while", realm(HISTORY), async |world| {
        world.connect(json!({})).await;
        let _operator = world.operator().await;
        make(&world, "while", json!({})).await;
        for (resets, (temporary, value)) in [(true, SECOND), (false, THIRD)].into_iter().enumerate() {
            world.user("while", spec("while", json!({ "temporary": temporary }))).await;
            world.until("while", "Synced").await;
            set_value(&world, "while", value).await;
            until_resets(&world, "while", resets + 1).await;
            world.reconcile_now("while").await;
            assert_eq!(demands(&world, "while").await, if temporary { set(&[UPDATE]) } else { set(&[]) });
        }
    });
}

#[test]
fn an_action_that_the_user_has_fulfilled_is_not_put_back_whatever_else_changes() {
    e2e_with("an_action_that_was_fulfilled", realm(HISTORY), async |world| {
        world.connect(json!({})).await;
        let operator = world.operator().await;
        make(&world, "done", json!({ "temporary": true })).await;
        assert_eq!(demands(&world, "done").await, set(&[UPDATE]));
        // What the login page does.
        set_by_hand(&world, "done", THEIRS).await;
        assert_eq!(demands(&world, "done").await, set(&[]));
        let mut changed = spec("done", json!({ "temporary": true, "revokeSessions": true }));
        changed["firstName"] = json!("Another");
        changed["attributes"] = json!([{ "name": "team", "values": ["red"] }]);
        world.user("done", changed).await;
        world.until_account("done", "the new name", |user| user["firstName"] == "Another").await;
        operator.stop().await;
        let _operator = world.operator().await;
        world.change_secret("kcuser-done", &[("other", "key")]).await;
        world.until_secret_seen("done", "kcuser-done").await;
        assert_eq!(demands(&world, "done").await, set(&[]));
        assert_eq!(resets_of(&world, "done").await, 0);
        world.keycloak.login("done", THEIRS).await.expect("their own password");
    });
}
