//! The brake: bounds that hold for whatever order of deletions, restarts and wishes.

use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_764_000_000;

fn limit(percent: u32, at_least: u32, seconds: u64) -> DeletionLimit {
    DeletionLimit { percent, at_least, per: Duration::from_secs(seconds) }
}

/// Deletes until the brake holds, at most so many; how many went, what is known then, and why it held.
fn delete_all(
    limit: &DeletionLimit,
    mut record: DeletionRecord,
    mut present: u32,
    asked: Option<u32>,
    now: i64,
) -> (u32, DeletionRecord, Option<Held>) {
    let mut gone = 0;
    while present > 0 {
        let decision = brake(limit, &record, present, asked, now);
        record = decision.record;
        if decision.held.is_some() {
            return (gone, record, decision.held);
        }
        gone += 1;
        present -= 1;
    }
    (gone, record, None)
}

#[test]
fn the_defaults_are_those_of_the_documentation() {
    assert_eq!(DeletionLimit::default(), limit(10, 10, 600));
}

#[test]
fn a_tenth_goes_and_the_rest_is_held_with_the_numbers() {
    let (gone, _, held) = delete_all(&DeletionLimit::default(), DeletionRecord::default(), 1000, None, NOW);
    assert_eq!(gone, 100);
    let expected = Held { deleted: 100, accounts: 1000, limit: 100, wait: Duration::from_mins(10) };
    assert_eq!(held, Some(expected));
}

#[test]
fn of_few_accounts_the_least_number_goes() {
    for (present, expected) in [(5, 5), (10, 10), (11, 10), (99, 10), (119, 11)] {
        let (gone, _, held) = delete_all(&DeletionLimit::default(), DeletionRecord::default(), present, None, NOW);
        assert_eq!((gone, held.is_some()), (expected, present > expected), "{present}");
    }
}

#[test]
fn a_limit_of_nothing_lets_nothing_go_and_one_of_everything_lets_all_go() {
    let (gone, _, held) = delete_all(&limit(0, 0, 600), DeletionRecord::default(), 5, None, NOW);
    assert_eq!((gone, held.map(|held| held.wait)), (0, Some(Duration::from_mins(10))));
    let (gone, _, held) = delete_all(&limit(100, 0, 600), DeletionRecord::default(), 5000, None, NOW);
    assert_eq!((gone, held), (5000, None));
}

#[test]
fn time_lets_the_next_ones_go() {
    let limit = DeletionLimit::default();
    let (_, record, held) = delete_all(&limit, DeletionRecord::default(), 1000, None, NOW);
    let wait = i64::try_from(held.unwrap().wait.as_secs()).unwrap();
    let (gone, _, still) = delete_all(&limit, record.clone(), 900, None, NOW + wait - 1);
    assert_eq!((gone, still.unwrap().wait), (0, Duration::from_secs(1)));
    let (gone, _, _) = delete_all(&limit, record, 900, None, NOW + wait);
    assert_eq!(gone, 90);
}

#[test]
fn a_wish_lets_so_many_more_go_once() {
    let limit = DeletionLimit::default();
    let (_, record, _) = delete_all(&limit, DeletionRecord::default(), 1000, None, NOW);
    let (gone, record, _) = delete_all(&limit, record, 900, Some(30), NOW);
    assert_eq!((gone, record.allowance), (30, Some(Allowance { asked: 30, left: 0 })));
    let (gone, record, _) = delete_all(&limit, record, 870, Some(30), NOW);
    assert_eq!(gone, 0, "the same number is no new wish");
    let (gone, record, _) = delete_all(&limit, record, 870, Some(5), NOW);
    assert_eq!(gone, 5, "another one is");
    let held = brake(&limit, &record, 865, Some(5), NOW).held.unwrap();
    assert_eq!(held.deleted, 100, "what was asked for does not count");
    let (_, record, _) = delete_all(&limit, record, 865, None, NOW);
    let (gone, ..) = delete_all(&limit, record, 865, Some(5), NOW);
    assert_eq!(gone, 5, "taken back in between");
}

#[test]
fn a_wish_is_not_used_up_by_what_the_limit_lets_go() {
    let (gone, record, held) = delete_all(&DeletionLimit::default(), DeletionRecord::default(), 50, Some(7), NOW);
    assert_eq!((gone, held.is_some()), (17, true));
    assert_eq!(record.allowance, Some(Allowance { asked: 7, left: 0 }));
}

#[test]
fn a_clock_that_was_ahead_holds_nothing_for_longer_than_the_limit_says() {
    let ahead = Deletions { at: NOW + 1_000_000, count: 10 };
    let record = DeletionRecord { recent: vec![ahead], allowance: None };
    let held = brake(&DeletionLimit::default(), &record, 50, None, NOW).held.unwrap();
    assert_eq!(held.wait, Duration::from_mins(10));
}

proptest! {
    /// Whatever the limit and the times: within each time of the limit at most so many go, and what is kept stays small.
    #[test]
    fn never_more_than_the_limit_goes_within_its_time(
        percent in 0u32..=100, at_least in 0u32..20, seconds in 1u64..700, present in 0u32..300,
        pauses in prop::collection::vec(0i64..200, 0..400),
    ) {
        let limit = limit(percent, at_least, seconds);
        let (mut record, mut present, mut now, mut times) = (DeletionRecord::default(), present, NOW, Vec::new());
        let most = limit.of(present);
        for pause in pauses {
            now += pause;
            if present == 0 { break; }
            let decision = brake(&limit, &record, present, None, now);
            record = decision.record;
            if decision.held.is_none() {
                present -= 1;
                times.push(now);
            }
            prop_assert!(record.recent.len() <= 22);
        }
        let per = i64::try_from(seconds).unwrap();
        for start in &times {
            let within = times.iter().filter(|time| (*start..*start + per).contains(*time)).count();
            prop_assert!(within <= most as usize, "{} within {}", within, per);
        }
    }

    /// Who waits as long as the brake says finds that one more may go, and not a second earlier.
    #[test]
    fn the_wait_is_as_long_as_it_has_to_be(
        percent in 0u32..=100, at_least in 1u32..20, seconds in 1u64..700, present in 1u32..300,
        pauses in prop::collection::vec(0i64..50, 1..100),
    ) {
        let limit = limit(percent, at_least, seconds);
        let (mut record, mut now) = (DeletionRecord::default(), NOW);
        for pause in pauses {
            now += pause;
            let decision = brake(&limit, &record, present, None, now);
            record = decision.record;
            if let Some(held) = decision.held {
                let wait = i64::try_from(held.wait.as_secs()).unwrap();
                prop_assert!(brake(&limit, &record, present, None, now + wait).held.is_none());
                prop_assert!(brake(&limit, &record, present, None, now + wait - 1).held.is_some());
            }
        }
    }
}
