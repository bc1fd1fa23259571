use super::*;
use crate::domain::CredentialKey;

const KEY: &str = "k1";
const MODES: [PasswordSync; 3] = [PasswordSync::OnChange, PasswordSync::Once, PasswordSync::Enforce];
const SEND: PasswordDecision = PasswordDecision::Send(Cause::Changed);
const PUT_BACK: PasswordDecision = PasswordDecision::Send(Cause::ChangedElsewhere);

fn digest(text: &str) -> Digest {
    CredentialKey::new(KEY.into(), vec![7; 32]).digest(text)
}

fn version(resource_version: &str) -> SecretVersion {
    SecretVersion { uid: "u".into(), key: "password".into(), resource_version: resource_version.into() }
}

fn record(value: &str) -> PasswordRecord {
    PasswordRecord::of(version("1"), KEY, Some(digest(value)))
}

fn begun(known: &str, value: &str, created_date: i64) -> PasswordRecord {
    let pending = Pending { digest: digest(value), created_date: Some(created_date), temporary: false };
    PasswordRecord { pending: Some(pending), ..record(known) }
}

/// A pass that knows that record, reads that value, and finds a password of that date.
struct Case<'a> {
    sync: PasswordSync,
    record: Option<&'a PasswordRecord>,
    key_id: &'a str,
    value: &'a str,
    created_date: Option<i64>,
    asked: bool,
    unfinished: bool,
    taken_over: bool,
}

impl<'a> Case<'a> {
    fn of(record: impl Into<Option<&'a PasswordRecord>>, value: &'a str, created_date: Option<i64>) -> Self {
        let (sync, key_id) = (PasswordSync::OnChange, KEY);
        Self {
            sync,
            record: record.into(),
            key_id,
            value,
            created_date,
            asked: false,
            unfinished: false,
            taken_over: false,
        }
    }

    fn decide(&self) -> PasswordDecision {
        let arrived = self.record.filter(|record| record.has_arrived(self.created_date));
        let arrived = arrived.map(|record| record.clone().arrived(self.created_date));
        decide_password(&PasswordSituation {
            sync: self.sync,
            record: arrived.as_ref().or(self.record),
            key_id: self.key_id,
            digest: &digest(self.value),
            created_date: self.created_date,
            asked: self.asked,
            unfinished: self.unfinished,
            taken_over: self.taken_over,
        })
    }

    fn in_each_mode(self) -> [PasswordDecision; 3] {
        MODES.map(|sync| Case { sync, ..self }.decide())
    }
}

#[test]
fn a_changed_value_is_sent_and_an_unchanged_one_is_not() {
    let known = record("old");
    let noted = PasswordDecision::Record;
    assert_eq!(Case::of(&known, "new", Some(1)).in_each_mode(), [SEND, noted, SEND]);
    assert_eq!(Case::of(&known, "old", Some(1)).in_each_mode(), [noted; 3]);
}

#[test]
fn a_begun_reset_is_repeated_only_if_it_did_not_arrive() {
    let record = begun("old", "new", 1);
    for sync in MODES {
        let decide = |value, date| Case { sync, ..Case::of(&record, value, Some(date)) }.decide();
        assert_eq!(decide("new", 1), SEND);
        assert_eq!(decide("new", 2), PasswordDecision::Record);
    }
    assert_eq!(Case::of(&record, "newer", Some(2)).decide(), SEND);
    assert_eq!(Case::of(&record, "old", Some(2)).decide(), SEND, "the old one is there no more");
}

#[test]
fn a_refused_value_is_sent_again_whatever_date_the_password_has() {
    let refused = PasswordRecord { refused: true, ..record("good") };
    assert!(!refused.settles(&refused.secret, KEY));
    for date in [None, Some(1), Some(2)] {
        for key_id in [KEY, "k2"] {
            assert_eq!(Case { key_id, ..Case::of(&refused, "weak", date) }.in_each_mode(), [SEND; 3]);
        }
    }
}

#[test]
fn a_value_that_is_put_back_after_a_refusal_or_a_lost_reset_is_there_already() {
    let refused = PasswordRecord { refused: true, ..record("good") };
    let lost = begun("good", "new", 1);
    for record in [refused, lost] {
        assert_eq!(Case::of(&record, "good", Some(1)).in_each_mode(), [PasswordDecision::Record; 3]);
    }
}

#[test]
fn without_a_record_a_password_that_is_there_is_left_alone() {
    assert_eq!(Case::of(None, "x", Some(1)).in_each_mode(), [PasswordDecision::Assume; 3]);
    assert_eq!(Case::of(None, "x", None).in_each_mode(), [SEND; 3]);
}

#[test]
fn an_unfinished_creation_is_finished_by_sending() {
    for date in [None, Some(1)] {
        let case = Case { unfinished: true, ..Case::of(None, "x", date) };
        assert_eq!(case.in_each_mode(), [PasswordDecision::Send(Cause::Unfinished); 3]);
    }
}

#[test]
fn a_lost_key_sends_nothing() {
    let known = record("old");
    let case = Case { key_id: "k2", ..Case::of(&known, "new", Some(1)) };
    assert_eq!(case.in_each_mode(), [PasswordDecision::Assume; 3]);
}

#[test]
fn whoever_asks_has_it_sent_whatever_is_known() {
    let known = record("old");
    for record in [None, Some(&known)] {
        let case = Case { asked: true, ..Case::of(record, "old", Some(1)) };
        assert_eq!(case.in_each_mode(), [PasswordDecision::Send(Cause::Asked); 3]);
    }
}

#[test]
fn only_an_enforced_password_is_put_back() {
    let noted = PasswordDecision::Record;
    let set = PasswordRecord { created_date: Some(1), ..record("ours") };
    assert_eq!(Case::of(&set, "ours", Some(1)).in_each_mode(), [noted; 3]);
    assert_eq!(Case::of(&set, "ours", Some(2)).in_each_mode(), [noted, noted, PUT_BACK]);
    assert_eq!(Case::of(&set, "ours", None).in_each_mode(), [noted, noted, PUT_BACK], "it was taken away");
    assert_eq!(Case::of(&set, "new", Some(2)).in_each_mode(), [SEND, noted, SEND], "a new value is no drift");
    let lost_key = Case { key_id: "k2", ..Case::of(&set, "ours", Some(2)) };
    assert_eq!(lost_key.in_each_mode(), [PasswordDecision::Assume, PasswordDecision::Assume, PUT_BACK]);
    assert_eq!(Case::of(&record("ours"), "ours", Some(2)).in_each_mode(), [noted; 3], "no date is known yet");
}

#[test]
fn an_enforced_password_that_could_not_be_put_back_still_differs() {
    let refused = PasswordRecord { created_date: Some(1), refused: true, digest: None, ..record("ours") };
    let case = Case { sync: PasswordSync::Enforce, ..Case::of(&refused, "ours", Some(2)) };
    assert_eq!(case.decide(), PUT_BACK);
}

#[test]
fn a_record_settles_only_the_version_and_the_key_that_it_names() {
    let record = record("old");
    assert!(record.settles(&version("1"), KEY));
    assert!(!record.settles(&version("2"), KEY));
    assert!(!record.settles(&version("1"), "k2"));
    assert!(!begun("old", "new", 1).settles(&version("1"), KEY));
}

#[test]
fn a_reset_takes_no_demand_away_that_is_declared_or_of_others() {
    let (once_temporary, never) = (PasswordRecord { temporary: true, ..record("x") }, record("x"));
    let (temporary, never) = (Some(&once_temporary), Some(&never));
    // Whether the password is temporary, the action is declared and is there; the record; whether the reset is temporary.
    let table = [
        ([false, false, false], None, false),
        ([false, false, false], temporary, false),
        ([false, false, true], None, true),
        ([false, false, true], never, true),
        ([false, false, true], temporary, false),
        ([false, true, false], never, false),
        ([false, true, false], temporary, false),
        ([false, true, true], never, true),
        ([false, true, true], temporary, true),
        ([true, false, false], temporary, true),
        ([true, false, true], None, true),
        ([true, true, false], never, true),
    ];
    for ([password, declared, present], record, reset) in table {
        assert_eq!(
            is_temporary(password, declared, present, record),
            reset,
            "{password} {declared} {present} {record:?}"
        );
    }
}

#[test]
fn no_password_is_sent_to_an_account_that_is_being_taken_over_unless_it_is_enforced_or_asked_for() {
    for date in [None, Some(1)] {
        let case = Case { taken_over: true, ..Case::of(None, "x", date) };
        assert_eq!(case.decide(), PasswordDecision::Assume);
        let enforced = Case { sync: PasswordSync::Enforce, ..case };
        assert_eq!(enforced.decide(), PasswordDecision::Send(Cause::Changed));
        let asked = Case { asked: true, taken_over: true, ..Case::of(None, "x", date) };
        assert_eq!(asked.decide(), PasswordDecision::Send(Cause::Asked));
    }
}

#[test]
fn a_reset_that_arrived_before_it_was_noted_says_what_it_demanded() {
    for (before, reset) in [(false, true), (true, false)] {
        let pending = Pending { digest: digest("y"), created_date: Some(1), temporary: reset };
        let announced = PasswordRecord { pending: Some(pending), temporary: before, ..record("x") };
        assert_eq!(announced.arrived(Some(2)).temporary, reset, "temporary before: {before}");
    }
}
