//! An event has the time at which its change began, and is there to be read when the transaction ends.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{Admin, SecondKeycloak, e2e_with, eventually, eventually_within, with_events};

/// More milliseconds than the last events are read again for with each poll.
const LATE: i64 = 5000;
/// Who asks less often for what came late does so twice a minute.
const FOUND_WITHIN: Duration = Duration::from_secs(60);

async fn events_of(admin: &Admin, id: &str) -> Vec<Value> {
    let events = admin.get(&format!("/admin-events?operationTypes=UPDATE&resourcePath=users/{id}")).await;
    events.as_array().expect("a list").clone()
}

/// Edits an account by hand until that time has passed, so that later events than others are read meanwhile.
async fn edit_until(admin: &Admin, id: &str, time: i64) {
    eventually("later events", async || {
        admin.edit_user("other", json!({ "lastName": "Roe" })).await;
        eventually("the other account is put right", async || {
            let name = admin.user("other").await.expect("it is there")["lastName"].clone();
            if name == "Doe" { Ok(()) } else { Err(name) }
        })
        .await;
        let newest = events_of(admin, id).await[0]["time"].as_i64().expect("a time");
        if newest > time { Ok(()) } else { Err(newest) }
    })
    .await;
}

#[test]
fn an_edit_whose_transaction_ends_late_is_found_behind_later_ones() {
    e2e_with("an_edit_whose_transaction_ends_late", json!({}), async |mut world| {
        let mut server = SecondKeycloak::reserve();
        server.start().await;
        world.keycloak = Admin::at(&server.url(), &world.keycloak.realm);
        let admin = &world.keycloak;
        admin.create_realm(with_events()).await;
        world.connect(json!({ "url": server.url(), "sync": { "sweepInterval": "1h", "events": "Follow" } })).await;
        let _operator = world.operator().await;
        for name in ["late", "other"] {
            world.user(name, json!({ "username": name, "lastName": "Doe" })).await;
            world.until(name, "Synced").await;
        }
        let (late, other) = (admin.user_id("late").await, admin.user_id("other").await);

        let held = server.hold(&late);
        let began = Timestamp::now().as_millisecond();
        let edit = admin.edit_user("late", json!({ "lastName": "Roe" }));
        let meanwhile = async {
            edit_until(admin, &other, began + LATE).await;
            assert!(events_of(admin, &late).await.is_empty(), "the transaction is held open");
            tokio::task::block_in_place(|| drop(held));
        };
        futures::join!(edit, meanwhile);

        let event = events_of(admin, &late).await[0].clone();
        let newest = events_of(admin, &other).await[0].clone();
        let lateness = newest["time"].as_i64().unwrap() - event["time"].as_i64().unwrap();
        assert!(lateness > LATE - 1000, "it is told behind what was told before: {event} {newest}");
        eventually_within(FOUND_WITHIN, "the edit that came late is put right", async || {
            let name = admin.user("late").await.expect("it is there")["lastName"].clone();
            if name == "Doe" { Ok(()) } else { Err(name) }
        })
        .await;
    });
}
