use std::collections::BTreeMap;

use super::*;

fn id(number: usize) -> UserId {
    UserId::parse(&format!("00000000-0000-4000-8000-{number:012}")).unwrap()
}

fn right(name: &str) -> Right {
    let id = crate::domain::ObjectId::parse(&format!("id-of-{name}")).unwrap();
    Right { name: RightName::RealmRole(name.to_owned()), id }
}

fn account(id: &UserId) -> ObservedUser {
    ObservedUser {
        id: id.clone(),
        created_timestamp: None,
        username: id.to_string(),
        first_name: String::new(),
        last_name: String::new(),
        email: String::new(),
        email_verified: false,
        enabled: true,
        attributes: BTreeMap::new(),
        required_actions: BTreeSet::new(),
    }
}

fn silent() -> Wake {
    Wake::by(|| ())
}

#[test]
fn the_first_who_asks_begins_and_all_others_are_taken_along() {
    let accounts = Accounts::default();
    assert!(accounts.ask(&id(1), BTreeSet::new(), silent()));
    assert!(!accounts.ask(&id(2), BTreeSet::new(), silent()));
    assert_eq!(accounts.begin().len(), 2);
    assert!(!accounts.ask(&id(3), BTreeSet::new(), silent()), "the one at work comes back for it");
    assert_eq!(accounts.begin().len(), 1);
    assert!(accounts.begin().is_empty());
    assert!(accounts.ask(&id(1), BTreeSet::new(), silent()), "somebody has to begin anew");
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_is_told_once_and_only_while_it_is_new() {
    let accounts = Accounts::default();
    let sighting = Sighting { account: account(&id(1)), rights: BTreeSet::new() };
    accounts.note(id(1), Some(sighting.clone()));
    accounts.note(id(2), None);
    accounts.note(id(3), Some(sighting.clone()));
    assert_eq!(accounts.take(&id(1)), Census::Seen(Box::new(sighting)));
    assert_eq!(accounts.take(&id(1)), Census::Unknown);
    assert_eq!(accounts.take(&id(2)), Census::Unclear);
    tokio::time::advance(LIFETIME).await;
    assert_eq!(accounts.take(&id(3)), Census::Unknown);
}

#[test]
fn what_an_account_has_is_told_only_if_it_is_known_of_every_right() {
    let [role, other] = [right("role"), right("other")].map(Arc::new);
    let members = |complete| {
        let has = Members { found: HashSet::from([id(1)]), complete: false };
        let has_not = Members { found: HashSet::new(), complete };
        HashMap::from([(Arc::clone(&role), has), (Arc::clone(&other), has_not)])
    };
    let both = [Arc::clone(&role), Arc::clone(&other)];
    assert_eq!(held(&id(1), &both, &members(true)), Some(BTreeSet::from([right("role")])));
    assert_eq!(held(&id(1), &both, &members(false)), None, "nobody has read whether it has the other");
    assert_eq!(held(&id(2), &both[..1], &members(true)), None, "a list that was not read to its end");
    assert_eq!(held(&id(2), &[], &members(true)), Some(BTreeSet::new()));
}

#[test]
fn members_are_read_only_where_that_takes_fewer_requests_than_a_look_at_each_account() {
    let asked = |accounts: usize, rights: &[&str]| {
        let rights: Vec<_> = rights.iter().map(|name| Arc::new(right(name))).collect();
        (0..accounts).map(|number| (id(number), Asked { rights: rights.clone(), wake: silent() })).collect()
    };
    assert!(is_worth_members(&asked(1, &["a", "b"])));
    assert!(!is_worth_members(&asked(1, &["a", "b", "c"])));
    assert!(is_worth_members(&asked(2, &["a", "b", "c"])));
    assert!(is_worth_members(&asked(1, &[])));
}

#[test]
fn parts_fit_into_a_url() {
    assert!(batches(Vec::new()).is_empty());
    let ids: Vec<UserId> = (0..1000).map(id).collect();
    let parts = batches(ids.clone());
    assert_eq!(parts.concat(), ids, "each id once");
    assert!(parts.iter().all(|part| !part.is_empty() && part.len() <= BATCH));
    assert_eq!(parts.len(), 1000_usize.div_ceil(BATCH));
    let long = |number| UserId::parse(&format!("f:{:a>200}:{number}", "")).unwrap();
    let parts = batches((0..100).map(long).collect());
    let size = |part: &Vec<UserId>| {
        let ids: Vec<&str> = part.iter().map(UserId::as_str).collect();
        let url = reqwest::Url::parse_with_params("http://k", [("q", ids.join(" "))]).unwrap();
        url.query().unwrap().len() - "q=".len()
    };
    assert!(parts.iter().all(|part| size(part) <= BATCH_BYTES));
    assert!(parts.len() > 1);
}

#[tokio::test(start_paused = true)]
async fn the_work_waits_until_what_was_seen_has_been_looked_at() {
    let accounts = Accounts::default();
    for number in 0..=MOST_SEEN {
        accounts.note(id(number), None);
    }
    let mut drained = Box::pin(accounts.drained());
    assert!(timeout(Duration::from_secs(1), &mut drained).await.is_err());
    accounts.take(&id(0));
    drained.await;
}
