use serde_json::json;

use super::*;

const ID: &str = "8c7d2f3e-0000-4000-8000-000000000000";

fn resource(uid: &str, user_id: Option<&str>) -> KeycloakUser {
    let metadata = json!({ "name": uid, "namespace": "ns", "uid": uid, "creationTimestamp": "2026-01-01T00:00:00Z" });
    serde_json::from_value(json!({
        "apiVersion": "keycloakuser.dev/v1alpha1", "kind": "KeycloakUser", "metadata": metadata,
        "spec": { "username": "any" }, "status": { "userId": user_id },
    }))
    .unwrap()
}

fn account(born_with: &KeycloakUser) -> ObservedUser {
    ObservedUser {
        id: crate::domain::UserId::parse(ID).unwrap(),
        created_timestamp: Some(mark_of(born_with).milliseconds()),
        username: "any".to_owned(),
        first_name: String::new(),
        last_name: String::new(),
        email: String::new(),
        email_verified: false,
        enabled: true,
        attributes: std::collections::BTreeMap::new(),
        required_actions: std::collections::BTreeSet::new(),
    }
}

#[test]
fn an_account_is_of_another_if_its_status_names_it() {
    let claims = Claims::of_lists(0);
    claims.set(&resource("mine", None));
    assert!(!claims.may_be_of_another("mine", &account(&resource("mine", None))));
    claims.set(&resource("theirs", Some(ID)));
    assert!(claims.may_be_of_another("mine", &account(&resource("mine", None))));
    claims.set(&resource("theirs", Some("11111111-0000-4000-8000-000000000000")));
    assert!(!claims.may_be_of_another("mine", &account(&resource("mine", None))));
}

#[test]
fn an_account_is_of_another_with_the_same_mark_that_has_none() {
    let claims = Claims::of_lists(0);
    let theirs = account(&resource("theirs", None));
    claims.set(&resource("theirs", None));
    assert!(claims.may_be_of_another("mine", &theirs));
    claims.remove("theirs");
    assert!(!claims.may_be_of_another("mine", &theirs));
    let maps = claims.0.lock().unwrap();
    assert!(maps.by_mark.is_empty() && maps.claims.is_empty(), "nothing is kept of what is gone");
}

#[test]
fn claims_are_complete_when_every_list_has_been_read() {
    let claims = Claims::of_lists(2);
    claims.listed();
    assert!(!claims.are_complete());
    claims.listed();
    assert!(claims.are_complete());
}

fn declaring(uid: &str, created: &str, user_id: Option<&str>) -> KeycloakUser {
    let mut user = resource(uid, user_id);
    user.metadata.creation_timestamp = serde_json::from_value(json!(created)).unwrap();
    user
}

const EARLIER: &str = "2026-01-01T00:00:00Z";
const LATER: &str = "2026-01-02T00:00:00Z";

fn known(rival: Rival) -> Option<String> {
    match rival {
        Rival::Known(owner) => Some(owner.uid),
        Rival::None | Rival::Unknown => None,
    }
}

fn holding() -> Finding {
    Finding { holds: Some(shared(ID)), inherits: None }
}

#[test]
fn an_account_is_of_the_resource_that_created_it_whichever_is_older() {
    let claims = Claims::of_lists(0);
    let creator = declaring("creator", LATER, Some(ID));
    claims.set(&creator);
    claims.set(&declaring("older", EARLIER, Some(ID)));
    claims.found("older", holding());
    assert_eq!(claims.rival_for("creator", &account(&creator), true), Rival::None);
    assert_eq!(known(claims.rival_for("older", &account(&creator), false)).as_deref(), Some("creator"));
}

#[test]
fn of_two_that_cannot_prove_it_the_older_has_it_once_a_pass_has_seen_so() {
    let claims = Claims::of_lists(0);
    let foreign = account(&declaring("nobody", "2020-01-01T00:00:00Z", None));
    claims.set(&declaring("older", EARLIER, Some(ID)));
    claims.set(&declaring("younger", LATER, Some(ID)));
    assert_eq!(claims.rival_for("younger", &foreign, false), Rival::Unknown, "the status alone proves nothing");
    assert_eq!(claims.rival_for("older", &foreign, false), Rival::None);
    claims.found("older", holding());
    assert_eq!(known(claims.rival_for("younger", &foreign, false)).as_deref(), Some("older"));
    claims.found("older", Finding::default());
    assert_eq!(claims.rival_for("younger", &foreign, false), Rival::None, "the status was wrong");
}

#[test]
fn of_one_second_the_smaller_uid_comes_first_and_only_within_one_realm() {
    let claims = Claims::of_lists(0);
    for uid in ["a", "b"] {
        claims.set(&declaring(uid, EARLIER, None));
    }
    assert_eq!(claims.senior_namesake("a", "any", "realm"), Rival::None);
    assert_eq!(claims.senior_namesake("b", "any", "realm"), Rival::Unknown);
    claims.found("a", Finding::default());
    assert_eq!(claims.senior_namesake("b", "any", "realm"), Rival::None, "it may not have that name in this realm");
    claims.may_be_named("a", "realm");
    assert_eq!(known(claims.senior_namesake("b", "any", "realm")).as_deref(), Some("a"));
    assert_eq!(claims.senior_namesake("b", "any", "another realm"), Rival::None);
}

#[test]
fn an_heir_is_one_that_waits_and_may_take_over() {
    let claims = Claims::of_lists(0);
    let owner = declaring("owner", EARLIER, Some(ID));
    claims.set(&owner);
    claims.set(&declaring("waits", LATER, None));
    assert_eq!(claims.heir("owner", &account(&owner)), Rival::Unknown);
    claims.found("waits", Finding::default());
    assert_eq!(claims.heir("owner", &account(&owner)), Rival::None);
    claims.found("waits", Finding { holds: None, inherits: Some(shared(ID)) });
    assert_eq!(known(claims.heir("owner", &account(&owner))).as_deref(), Some("waits"));
}

#[tokio::test]
async fn who_waits_for_a_resource_is_woken_when_it_goes_or_changes() {
    use futures::{FutureExt, StreamExt};
    let claims = Claims::of_lists(0);
    let (queue, mut woken) = futures::channel::mpsc::unbounded();
    let waker = Waker { user: NamespacedName::new("ns", "waits"), queue };
    claims.set(&declaring("owner", EARLIER, Some(ID)));
    claims.wait("waits", "owner", waker.clone());
    assert!(woken.next().now_or_never().is_none());
    claims.remove("owner");
    assert_eq!(woken.next().now_or_never().flatten(), Some(waker.user.clone()));
    claims.wait("waits", "owner", waker.clone());
    assert_eq!(woken.next().now_or_never().flatten(), Some(waker.user), "it had gone before");
}

#[test]
fn a_resource_that_appeared_while_we_watch_is_untried_until_its_account_is_asked_for() {
    let claims = Claims::of_lists(1);
    let is_untried = |uid: &str| claims.is_untried(uid);
    claims.set(&resource("listed", None));
    claims.listed();
    for uid in ["new", "listed"] {
        claims.set(&resource(uid, None));
    }
    assert_eq!((is_untried("listed"), is_untried("new"), is_untried("unknown")), (false, true, false));
    claims.tried("new");
    claims.set(&resource("new", None));
    assert!(!is_untried("new"), "a list that is read anew changes nothing");
}
