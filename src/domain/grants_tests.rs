use std::collections::BTreeMap;

use super::*;
use crate::domain::{AttributeName, AttributeValue, Exact, ProfileText, UserId, Username};

fn patterns(list: &[&str]) -> Vec<String> {
    list.iter().map(|pattern| (*pattern).to_owned()).collect()
}

fn granted(pattern: &str, name: &str) -> bool {
    Patterns::ignoring_case(&patterns(&[pattern])).allow(name)
}

fn desired(username: &str) -> DesiredUser {
    DesiredUser {
        username: Username::parse(username).unwrap(),
        first_name: None,
        last_name: None,
        email: None,
        email_verified: None,
        enabled: None,
        attributes: BTreeMap::new(),
        rights: BTreeSet::new(),
        exact: Exact::default(),
        required_actions: BTreeSet::new(),
    }
}

fn with_email(email: &str) -> DesiredUser {
    DesiredUser { email: Some(ProfileText::parse(email).unwrap()), ..desired("john") }
}

fn with_attribute(name: &str, values: &[&str]) -> DesiredUser {
    let values = values.iter().map(|value| AttributeValue::parse(value).unwrap()).collect();
    DesiredUser { attributes: BTreeMap::from([(AttributeName::parse(name).unwrap(), values)]), ..desired("john") }
}

fn observed(email_verified: bool) -> ObservedUser {
    ObservedUser {
        id: UserId::parse("8c7d2f3e-0000-4000-8000-000000000000").unwrap(),
        created_timestamp: None,
        username: "old".to_owned(),
        first_name: String::new(),
        last_name: String::new(),
        email: "old@example.com".to_owned(),
        email_verified,
        enabled: true,
        attributes: BTreeMap::new(),
        required_actions: BTreeSet::new(),
    }
}

fn only(field: Field) -> BTreeSet<Field> {
    BTreeSet::from([field])
}

#[test]
fn without_grants_everything_is_allowed() {
    let mut all = with_attribute("any", &["x"]);
    (all.email, all.email_verified) = (Some(ProfileText::parse("j@a.org").unwrap()), Some(true));
    assert_eq!(Grants::default().check_creation(&all), Ok(()));
    assert_eq!(Grants::default().check_change(&all, &observed(true), &given(&all)), Ok(()));
}

#[test]
fn a_username_is_judged_when_it_is_written_and_not_otherwise() {
    let grants = Grants { usernames: Patterns::ignoring_case(&patterns(&["svc-*"])), ..Grants::default() };
    let refused = Err(NotGranted::Username("boss".to_owned()));
    assert_eq!(grants.check_creation(&desired("SVC-mail")), Ok(()));
    assert_eq!(grants.check_creation(&desired("boss")), refused);
    assert_eq!(grants.check_change(&desired("boss"), &observed(false), &only(Field::Username)), refused);
    assert_eq!(grants.check_change(&desired("boss"), &observed(false), &only(Field::FirstName)), Ok(()));
}

#[test]
fn the_domain_of_an_address_is_what_follows_the_last_at_sign() {
    let grants =
        Grants { email_domains: Patterns::ignoring_case(&patterns(&["a.org", "*.b.org"])), ..Grants::default() };
    for address in ["j@a.org", "J@A.ORG", "j@x.b.org", "\"j@evil\"@a.org", ""] {
        assert_eq!(grants.check_creation(&with_email(address)), Ok(()), "{address}");
    }
    for (address, domain) in
        [("j@evil", "evil"), ("j@a.org@evil", "evil"), ("j@b.org", "b.org"), ("j@a.org.", "a.org."), ("j@", "")]
    {
        assert_eq!(
            grants.check_creation(&with_email(address)),
            Err(NotGranted::EmailDomain(domain.to_owned())),
            "{address}"
        );
    }
    assert_eq!(grants.check_creation(&with_email("a.org")), Err(NotGranted::NoEmailDomain));
    assert_eq!(grants.check_change(&with_email("j@evil"), &observed(false), &only(Field::LastName)), Ok(()));
}

#[test]
fn a_resource_may_neither_call_an_address_verified_nor_inherit_that_for_another() {
    let grants = Grants { email_verified: false, ..Grants::default() };
    let claims = |email_verified| DesiredUser { email_verified, ..with_email("new@example.com") };
    let email = only(Field::Email);
    assert_eq!(grants.check_creation(&claims(Some(true))), Err(NotGranted::EmailVerified));
    assert_eq!(grants.check_creation(&claims(Some(false))), Ok(()));
    assert_eq!(grants.check_creation(&claims(None)), Ok(()));
    let verify = grants.check_change(&claims(Some(true)), &observed(false), &only(Field::EmailVerified));
    assert_eq!(verify, Err(NotGranted::EmailVerified));
    assert_eq!(grants.check_change(&claims(None), &observed(true), &email), Err(NotGranted::VerifiedEmail));
    assert_eq!(grants.check_change(&claims(None), &observed(false), &email), Ok(()));
    let both = BTreeSet::from([Field::Email, Field::EmailVerified]);
    assert_eq!(grants.check_change(&claims(Some(false)), &observed(true), &both), Ok(()));
}

#[test]
fn an_address_that_is_already_verified_by_the_resource_stays_the_only_one() {
    let grants = Grants { email_verified: false, ..Grants::default() };
    let declared = DesiredUser { email_verified: Some(true), ..with_email("new@example.com") };
    let change = grants.check_change(&declared, &observed(true), &only(Field::Email));
    assert_eq!(change, Err(NotGranted::VerifiedEmail), "verified while that was granted");
}

#[test]
fn an_attribute_is_judged_by_name_when_it_is_declared() {
    let grants = Grants { attributes: Patterns::exact(&patterns(&["team", "org-*"])), ..Grants::default() };
    let refused = |name: &str| Err(NotGranted::Attribute(name.to_owned()));
    assert_eq!(grants.check_creation(&with_attribute("team", &["x"])), Ok(()));
    assert_eq!(grants.check_creation(&with_attribute("Team", &["x"])), refused("Team"), "case counts");
    assert_eq!(grants.check_creation(&with_attribute("level", &[])), Ok(()), "nothing is written");
    let change = |declared: &DesiredUser| {
        grants.check_change(declared, &observed(false), &only(Field::Attribute("level".to_owned())))
    };
    assert_eq!(change(&with_attribute("level", &["x"])), refused("level"));
    assert_eq!(change(&with_attribute("level", &[])), refused("level"), "somebody else's would be taken away");
    assert_eq!(change(&desired("john")), Ok(()), "what was ours goes");
}

#[test]
fn the_username_is_named_before_all_else() {
    let none = Patterns::exact(&patterns(&["none"]));
    let grants = Grants {
        usernames: none.clone(),
        email_domains: none.clone(),
        email_verified: false,
        attributes: none,
        adoption: false,
        rights: RightGrants::default(),
    };
    let everything = DesiredUser { email_verified: Some(true), ..with_email("a@b") };
    assert_eq!(grants.check_creation(&everything), Err(NotGranted::Username("john".to_owned())));
}

#[test]
fn a_value_is_shown_escaped() {
    let grants = Grants { email_domains: Patterns::exact(&patterns(&["a.org"])), ..Grants::default() };
    let refusal = grants.check_creation(&with_email("j@a\u{202e}\nb")).unwrap_err().to_string();
    assert!(refusal.ends_with("domain a\\u{202e}\\nb"), "{refusal}");
}

#[test]
fn a_star_stands_for_any_characters() {
    for (pattern, name) in [
        ("*", "x"),
        ("svc-*", "svc-"),
        ("svc-*", "SVC-Mail"),
        ("*@a.org", "j@a.org"),
        ("a*b*c", "axxbyyc"),
        ("a*b*b", "abb"),
    ] {
        assert!(granted(pattern, name), "{pattern} should allow {name}");
    }
}

#[test]
fn what_no_pattern_matches_is_refused() {
    for (pattern, name) in
        [("svc-*", "admin"), ("a", "ab"), ("*@a.org", "j@a.org.evil"), ("a*b*b", "ab"), ("ab*ba", "aba")]
    {
        assert!(!granted(pattern, name), "{pattern} should refuse {name}");
    }
}
