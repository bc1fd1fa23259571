//! `temporary` and what else a user has to do at the next login.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::support::e2e_with;

const UPDATE: &str = "UPDATE_PASSWORD";
const VERIFY: &str = "VERIFY_EMAIL";

async fn demands(world: &World, name: &str) -> BTreeSet<String> {
    let account = world.keycloak.user(name).await.expect("the account");
    serde_json::from_value(account["requiredActions"].clone()).expect("a list")
}

fn set(actions: &[&str]) -> BTreeSet<String> {
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
        for (index, row) in ROWS.iter().enumerate() {
            let name = format!("row-{index}");
            make(&world, &name, json!({ "temporary": row.made })).await;
            let made = if row.made { set(&[UPDATE]) } else { set(&[]) };
            assert_eq!(demands(&world, &name).await, made, "row {index} when it is made");
            if let Some(actions) = row.demanded {
                demand(&world, &name, actions).await;
            }
            world.user(&name, spec(&name, json!({ "temporary": row.changed }))).await;
            world.until(&name, "Synced").await;
            let before = row.demanded.map_or(made, set);
            assert_eq!(demands(&world, &name).await, before, "row {index}: a changed resource changes none of it");
            set_value(&world, &name, SECOND).await;
            until_resets(&world, &name, 1).await;
            world.reconcile_now(&name).await;
            assert_eq!(demands(&world, &name).await, set(row.after), "row {index} after the change of the Secret");
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
        world.reconcile_now("done").await;
        assert_eq!(demands(&world, "done").await, set(&[]));
        assert_eq!(resets_of(&world, "done").await, 0);
        world.keycloak.login("done", THEIRS).await.expect("their own password");
    });
}
