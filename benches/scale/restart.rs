//! What a restart costs: with nothing changed, and with changes on either side while the operator was down.

use std::time::Duration;

use futures::future::join_all;
use keycloak_user_operator::api::KeycloakUser;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::Plan;
use crate::converge::Converged;
use crate::edits::{Edit, Made};
use crate::operator::{Running, writes};
use crate::realm::RealmClient;
use crate::report::{self, Report};
use crate::stage::{EDITED, Stage, in_crowds, is_ready, name_of};

/// So many resources get another spec while the operator is down.
const CHANGED: usize = 20;
/// Requests to Keycloak with 10,000 accounts.
const MOST_REQUESTS: f64 = 200.0;
/// Until everything is right with 10,000 accounts.
const MOST_SECONDS: f64 = 30.0;
const POLL: Duration = Duration::from_millis(200);

pub async fn bench(plan: &Plan, converged: Converged, report: &mut Report) -> Converged {
    give_more_rights(plan, &converged).await;
    let converged = unchanged(plan, converged, report).await;
    changed(plan, converged, report).await
}

/// The goals are for two roles and two groups of each account.
async fn give_more_rights(plan: &Plan, Converged { stage, operator }: &Converged) {
    report::headline(&format!("a second role and group for {} accounts", plan.users));
    stage.world.keycloak.create_role("guests").await;
    stage.world.keycloak.create_group("/guests").await;
    let (api, progress) = (stage.world.api::<KeycloakUser>(), report::progress("resources changed", plan.users));
    let patch = Patch::Merge(json!({ "spec": { "realmRoles": ["staff", "guests"], "groups": ["/staff", "/guests"] } }));
    in_crowds(plan.users, async |index| {
        api.patch(&name_of(index), &PatchParams::default(), &patch).await.expect("the resource");
        progress.inc(1);
    })
    .await;
    progress.finish_and_clear();
    operator.until_settled(plan.users).await;
    assert_eq!(stage.ready().await, plan.users, "Ready, as the API server has them");
}

async fn unchanged(plan: &Plan, Converged { stage, operator }: Converged, report: &mut Report) -> Converged {
    report::headline(&format!("restart with {} accounts unchanged", plan.users));
    operator.stop().await;
    let before = writes(&stage).await;
    let operator = Running::start(plan, &stage);
    let settled = operator.until_settled(plan.users).await;
    let (metrics, written) = (operator.metrics().await, writes(&stage).await - before);
    report.remark(&metrics.by_operation());
    let mut line = report.lines("restart", plan.users);
    line.goal("requests, unchanged", metrics.requests() as f64, "", MOST_REQUESTS);
    line.goal("writes to Keycloak, unchanged", metrics.changes() as f64, "", 0.0);
    line.goal("writes to the API server, unchanged", written as f64, "", 0.0);
    line.figure("from the start to the last request, unchanged", settled.as_secs_f64(), "s");
    line.figure("processor time, unchanged", operator.processor_time(), "s");
    Converged { stage, operator }
}

async fn changed(plan: &Plan, Converged { stage, operator }: Converged, report: &mut Report) -> Converged {
    report::headline(&format!("restart with {EDITED} accounts edited and {CHANGED} resources changed"));
    operator.stop().await;
    let edits = join_all((0..EDITED).map(|edit| Edit::of(edit).make(&stage, stage.edited(edit)))).await;
    join_all((0..CHANGED).map(|change| change_resource(&stage, change))).await;
    let before = writes(&stage).await;
    let operator = Running::start(plan, &stage);
    until_right(&stage, &edits).await;
    let right = operator.started.elapsed();
    operator.until_settled(plan.users).await;
    let (metrics, written) = (operator.metrics().await, writes(&stage).await - before);
    report.remark(&metrics.by_operation());
    let mut line = report.lines("restart", plan.users);
    line.goal("from the start until all changes are right", right.as_secs_f64(), "s", MOST_SECONDS);
    line.figure("requests, with changes", metrics.requests() as f64, "");
    line.figure("of them writes, with changes", metrics.changes() as f64, "");
    line.figure("writes to the API server, with changes", written as f64, "");
    Converged { stage, operator }
}

/// Never one of those that are edited.
fn changed_name(stage: &Stage, change: usize) -> String {
    name_of(change * (stage.users / CHANGED).max(2) + 1)
}

async fn change_resource(stage: &Stage, change: usize) {
    let patch = Patch::Merge(json!({ "spec": { "lastName": "Changed" } }));
    let name = changed_name(stage, change);
    stage.world.api::<KeycloakUser>().patch(&name, &PatchParams::default(), &patch).await.expect("the resource");
}

/// Asks for each until it is right.
async fn until_right(stage: &Stage, edits: &[Made]) {
    let keycloak = RealmClient::new(&stage.world.keycloak.realm);
    for edit in edits {
        while !edit.is_put_right(&keycloak).await {
            tokio::time::sleep(POLL).await;
        }
    }
    for change in 0..CHANGED {
        while !is_changed(stage, &keycloak, &changed_name(stage, change)).await {
            tokio::time::sleep(POLL).await;
        }
    }
}

async fn is_changed(stage: &Stage, keycloak: &RealmClient, name: &str) -> bool {
    let found = keycloak.get(&format!("/users?exact=true&username={name}")).await;
    found[0]["lastName"] == "Changed" && is_ready(&stage.world.get_user(name).await)
}
