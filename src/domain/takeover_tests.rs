use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::domain::{Patterns, UserId};

fn account(username: &str, email: &str) -> ObservedUser {
    ObservedUser {
        id: UserId::parse("8c7d2f3e-0000-4000-8000-000000000000").unwrap(),
        created_timestamp: Some(1),
        username: username.to_owned(),
        first_name: String::new(),
        last_name: String::new(),
        email: email.to_owned(),
        email_verified: false,
        enabled: true,
        attributes: BTreeMap::new(),
        required_actions: BTreeSet::new(),
    }
}

fn grants(patterns: &[&str]) -> Grants {
    let patterns = patterns.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>();
    Grants { usernames: Patterns::ignoring_case(&patterns), adoption: true, ..Grants::default() }
}

fn judge(usernames: &[&str], account: &ObservedUser) -> Result<RolesMatter, Refusal> {
    let (granted, username) = (grants(usernames), Username::parse(&account.username).unwrap());
    TakeOver { own_login: Some("operator@example.com".to_owned()), ..rules(&granted, &username) }.judge(account)
}

fn rules<'a>(grants: &'a Grants, username: &'a Username) -> TakeOver<'a> {
    TakeOver { asked: true, username, adopted: false, grants, own_login: None }
}

#[test]
fn both_sides_have_to_want_it() {
    let jane = Username::parse("Jane").unwrap();
    let judge = |asked, adoption| {
        let grants = Grants { adoption, ..grants(&[]) };
        TakeOver { asked, ..rules(&grants, &jane) }.judge(&account("jane", ""))
    };
    assert_eq!(judge(true, true), Ok(RolesMatter::Yes));
    assert_eq!(judge(true, false), Err(Refusal::NotGranted));
    assert_eq!(judge(false, true), Err(Refusal::NotAsked));
    assert_eq!(judge(false, false), Err(Refusal::NotAsked));
}

#[test]
fn the_name_that_the_account_has_now_must_be_granted() {
    assert_eq!(judge(&["svc-*"], &account("svc-mail", "")), Ok(RolesMatter::Yes));
    assert_eq!(judge(&["svc-*"], &account("boss", "")), Err(Refusal::UsernameNotGranted));
}

#[test]
fn roles_do_not_matter_for_an_account_that_is_named_without_a_pattern() {
    assert_eq!(judge(&["Break-Glass", "svc-*"], &account("break-glass", "")), Ok(RolesMatter::No));
    assert_eq!(judge(&["*"], &account("break-glass", "")), Ok(RolesMatter::Yes));
}

#[test]
fn the_operators_own_account_and_service_accounts_are_never_taken_even_if_named() {
    let named = &["operator", "service-account-api", "operator@example.com"];
    assert_eq!(judge(named, &account("operator", "Operator@example.com")), Err(Refusal::OwnAccount));
    assert_eq!(judge(named, &account("operator@example.com", "")), Err(Refusal::OwnAccount));
    assert_eq!(judge(named, &account("Service-Account-api", "")), Err(Refusal::ServiceAccount));
}

#[test]
fn an_account_of_another_name_is_ours_only_after_it_was_taken_over() {
    let (grants, jane) = (grants(&["j*"]), Username::parse("jane").unwrap());
    let judge = |adopted, name| TakeOver { adopted, ..rules(&grants, &jane) }.judge(&account(name, ""));
    assert_eq!(judge(false, "joan"), Err(Refusal::AnotherName));
    assert_eq!(judge(true, "joan"), Ok(RolesMatter::Yes));
    assert_eq!(judge(true, "boss"), Err(Refusal::UsernameNotGranted), "a forged status gains nothing");
}

#[test]
fn an_account_that_names_the_resource_needs_no_wish_and_no_grant_but_is_none_that_is_never_taken() {
    let (granted, jane) =
        (Grants { adoption: false, ..grants(&["j*", "operator", "service-*"]) }, Username::parse("jane").unwrap());
    let rules = TakeOver { asked: false, own_login: Some("operator".to_owned()), ..rules(&granted, &jane) };
    assert_eq!(rules.judge_named(&account("joan", "")), Ok(RolesMatter::Yes));
    assert_eq!(rules.judge_named(&account("boss", "")), Err(Refusal::UsernameNotGranted));
    assert_eq!(rules.judge_named(&account("operator", "")), Err(Refusal::OwnAccount));
    assert_eq!(rules.judge_named(&account("service-account-api", "")), Err(Refusal::ServiceAccount));
}
