use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn event(id: usize, time: i64) -> FeedEvent {
    let touched = UserId::parse(&format!("user-{id}")).map(Touched::Account);
    FeedEvent { id: format!("event-{id}"), time, touched, done: None, replaces: false }
}

fn account(id: usize) -> Touched {
    Touched::Account(UserId::parse(&format!("user-{id}")).unwrap())
}

/// What a server answers: the oldest first, those of one millisecond in another order each time.
fn answer(events: &[FeedEvent], request: FeedRequest, seed: usize) -> Vec<FeedEvent> {
    let mut found: Vec<FeedEvent> = events.iter().filter(|event| event.time >= request.from).cloned().collect();
    let len = found.len().max(1);
    found.rotate_left(seed % len);
    found.sort_by_key(|event| event.time);
    found.truncate(request.max);
    found
}

/// All pages of a poll; `None` where a millisecond has too many.
fn pages(events: &[FeedEvent], cursor: &Cursor) -> Option<Vec<Vec<FeedEvent>>> {
    let (mut request, mut all) = (cursor.request(), Vec::new());
    for seed in 0..1000 {
        let page = answer(events, request, seed * 7);
        let next = request.after(&page);
        all.push(page);
        match next {
            NextPage::None => return Some(all),
            NextPage::Ask(next) => request = next,
            NextPage::TooMany => return None,
        }
    }
    panic!("the pages do not end");
}

fn poll(cursor: &mut Cursor, events: &[FeedEvent]) -> Seen {
    let all = pages(events, cursor).expect("not too many").concat();
    cursor.take(all, |_| false)
}

#[test]
fn each_event_is_new_once() {
    let mut cursor = Cursor::at(None);
    assert_eq!(poll(&mut cursor, &[]), Seen::default());
    let mut events = vec![event(1, 1000)];
    assert_eq!(poll(&mut cursor, &events), Seen { touched: [account(1)].into(), gap: false, ..Seen::default() });
    assert_eq!(poll(&mut cursor, &events), Seen::default());
    events.push(event(2, 1000));
    assert_eq!(poll(&mut cursor, &events), Seen { touched: [account(2)].into(), gap: false, ..Seen::default() });
}

#[test]
fn an_event_that_is_written_down_late_is_found() {
    let mut cursor = Cursor::at(Some(1_000_000));
    let mut events = vec![event(1, 1_000_000)];
    poll(&mut cursor, &events);
    events.push(event(2, 1_000_000 - FEED_OVERLAP));
    assert_eq!(poll(&mut cursor, &events).touched, [account(2)].into());
}

#[test]
fn events_of_this_process_wake_nobody() {
    let mut cursor = Cursor::at(None);
    let (mut asked, events) = (Vec::new(), [event(1, 1000), event(2, 1000)]);
    for _ in 0..2 {
        let seen = cursor.take(events.to_vec(), |event| {
            asked.push(event.id.clone());
            event.id == "event-1"
        });
        assert!(!seen.touched.contains(&account(1)));
    }
    assert_eq!(asked, ["event-1", "event-2"], "each is asked of once, or a note would answer for two events");
}

#[test]
fn deleted_events_are_a_gap_once() {
    let mut cursor = Cursor::at(None);
    poll(&mut cursor, &[event(1, 1000), event(2, 2000)]);
    assert_eq!(
        poll(&mut cursor, &[event(3, 3000)]),
        Seen { touched: [account(3)].into(), gap: true, ..Seen::default() }
    );
    assert_eq!(poll(&mut cursor, &[event(3, 3000)]), Seen::default());
    assert!(poll(&mut cursor, &[]).gap);
    assert!(!poll(&mut cursor, &[]).gap);
}

#[test]
fn what_was_replaced_is_a_gap_once_for_its_end_makes_no_event() {
    let mut cursor = Cursor::at(None);
    let events = [event(1, 1000), FeedEvent { replaces: true, ..event(2, 2000) }];
    assert_eq!(
        poll(&mut cursor, &events),
        Seen { touched: [account(1), account(2)].into(), gap: true, ..Seen::default() }
    );
    assert_eq!(poll(&mut cursor, &events), Seen::default());
}

#[test]
fn a_replacement_is_told_by_the_operation_the_type_and_the_path() {
    let of_import = |operation, path| tells_of_replacement(operation, "REALM", path);
    for path in ["users/u1", "groups/g1", "realms/r1", "clients/c1"] {
        assert!(of_import("UPDATE", path), "{path}");
        assert!(!of_import("CREATE", path), "{path} is new and stands in nobody's place");
        assert!(!tells_of_replacement("UPDATE", "USER", path), "{path} is still the same one");
    }
    for path in ["events/config", "users", ""] {
        assert!(!of_import("UPDATE", path), "{path}");
    }
}

#[test]
fn old_events_that_expire_are_no_gap() {
    let mut cursor = Cursor::at(None);
    poll(&mut cursor, &[event(1, 1000), event(2, 2000)]);
    assert_eq!(poll(&mut cursor, &[event(2, 2000)]), Seen::default());
}

#[test]
fn three_hundred_events_of_one_millisecond_are_all_found() {
    let events: Vec<FeedEvent> = (0..300).map(|id| event(id, 5_000_000)).collect();
    let seen = poll(&mut Cursor::at(Some(5_000_000)), &events);
    assert_eq!(seen.touched.len(), 300);
}

#[test]
fn what_has_piled_up_is_read_in_few_pages() {
    let events: Vec<FeedEvent> = (0..10_000).zip((5_000_000..).step_by(6)).map(|(id, time)| event(id, time)).collect();
    let read = pages(&events, &Cursor::at(Some(5_000_000))).unwrap();
    // The last millisecond of a page begins the next one.
    assert_eq!(read.len(), 1 + (10_000 - FEED_PAGE).div_ceil(LATER_PAGE - 1));
}

#[test]
fn more_events_than_a_page_can_have_are_told() {
    let events: Vec<FeedEvent> = (0..=LARGEST_PAGE).map(|id| event(id, 5_000_000)).collect();
    assert_eq!(pages(&events, &Cursor::at(Some(5_000_000 + FEED_OVERLAP))), None);
}

#[test]
fn nothing_is_kept_of_what_is_not_read_again() {
    let mut cursor = Cursor::at(None);
    poll(&mut cursor, &[event(1, 1000)]);
    poll(&mut cursor, &[event(1, 1000), event(2, 1001 + FEED_OVERLAP)]);
    assert_eq!(cursor.known.len(), 1);
}

#[test]
fn paths_say_whom_an_event_is_about() {
    let id = "4f3b2f1c-0000-4000-8000-000000000001";
    let (user, object) = (UserId::parse(id).unwrap(), ObjectId::parse(id).unwrap());
    let about = [
        (format!("users/{id}"), Some(Touched::Account(user.clone()))),
        (format!("users/{id}/groups/other"), Some(Touched::Account(user.clone()))),
        (format!("users/{id}/role-mappings/realm"), Some(Touched::Account(user.clone()))),
        (format!("users/{id}/reset-password"), Some(Touched::Account(user.clone()))),
        (format!("attack-detection/brute-force/users/{id}"), Some(Touched::Account(user))),
        (format!("groups/{id}"), Some(Touched::Group(object.clone()))),
        (format!("groups/{id}/role-mappings/realm"), Some(Touched::Group(object.clone()))),
        (format!("roles-by-id/{id}"), Some(Touched::Role(object))),
        ("roles/staff".to_owned(), Some(Touched::RoleNamed("staff".to_owned()))),
        (format!("clients/{id}/roles/viewer"), Some(Touched::RoleNamed("viewer".to_owned()))),
        (format!("clients/{id}"), None),
        ("users".to_owned(), None),
        (String::new(), None),
        ("events/config".to_owned(), None),
        ("users/a b".to_owned(), None),
    ];
    for (path, expected) in about {
        assert_eq!(Touched::by_path(&path), expected, "{path}");
    }
}

proptest! {
    /// However many events carry one millisecond, in whatever order, however late (within the overlap), in however many
    /// polls: each is new exactly once, at the latest when the whole overlap is read, and nothing is taken for a gap.
    #[test]
    fn no_event_is_missed_and_none_comes_twice(
        polls in vec(vec((0_i64..4, 0_i64..FEED_OVERLAP), 0..450), 1..8)
    ) {
        let (mut cursor, mut events, mut clock) = (Cursor::at(None), Vec::new(), FEED_OVERLAP);
        let mut missing = BTreeSet::new();
        for poll_events in polls {
            for (step, late) in poll_events {
                // Most are of one of few milliseconds; every fourth comes late.
                let time = if step == 3 { clock - late } else { clock + step };
                missing.insert(account(events.len()));
                events.push(event(events.len(), time));
            }
            let newest = events.iter().map(|event| event.time).max().unwrap_or(clock);
            let is_whole = cursor.reads_whole();
            let seen = poll(&mut cursor, &events);
            prop_assert!(!seen.gap);
            prop_assert!(seen.touched.is_subset(&missing));
            missing = &missing - &seen.touched;
            prop_assert!(missing.is_empty() || !is_whole);
            clock = newest.max(clock) + 2_000;
        }
        for _ in 0..=SHORT_POLLS {
            missing = &missing - &poll(&mut cursor, &events).touched;
        }
        prop_assert!(missing.is_empty());
    }
}

#[test]
fn a_feed_with_much_in_it_is_read_whole_twice_a_minute_and_one_with_little_always() {
    let many = |ids: std::ops::Range<usize>, time| ids.map(move |id| event(id, time)).collect::<Vec<_>>();
    let mut cursor = Cursor::at(Some(1_000_000));
    let mut events = many(0..FEED_PAGE, 1_000_000);
    poll(&mut cursor, &events);
    for _ in 0..SHORT_POLLS {
        assert!(!cursor.reads_whole());
        assert_eq!(cursor.request().from, 1_000_000 - SHORT_OVERLAP);
        assert_eq!(poll(&mut cursor, &events), Seen::default());
    }
    assert!(cursor.reads_whole());
    events.push(event(900, 1_050_000));
    let late = event(901, 1_000_000 - FEED_OVERLAP);
    events.push(late);
    assert_eq!(poll(&mut cursor, &events).touched, [account(900), account(901)].into(), "from where it was young");
    let few = many(0..FEED_PAGE - 1, 2_000_000);
    let mut cursor = Cursor::at(Some(2_000_000));
    poll(&mut cursor, &few);
    assert!(cursor.reads_whole());
}

#[test]
fn a_cursor_that_resumes_misses_nothing_and_notices_what_was_deleted() {
    let mut before = Cursor::at(None);
    let mut events = vec![event(1, 100_000), event(2, 200_000)];
    poll(&mut before, &events);
    events.extend([event(3, 200_000), event(4, 300_000)]);
    let mut after = Cursor::resume(before.position(None));
    let seen = poll(&mut after, &events);
    assert_eq!(seen, Seen { touched: [account(3), account(4)].into(), gap: false, ..Seen::default() });
    let deleted = [event(4, 300_000)];
    assert!(poll(&mut Cursor::resume(before.position(None)), &deleted).gap, "the event of the position is gone");
}

#[test]
fn a_cursor_that_resumes_in_a_busy_feed_finds_what_came_late_before_the_restart() {
    let mut before = Cursor::at(None);
    let mut events: Vec<FeedEvent> = (0..FEED_PAGE).map(|id| event(id, 1_000_000)).collect();
    poll(&mut before, &events);
    // So long after the last poll of the whole overlap; the polls between read the short one.
    events.push(event(1000, 1_030_000));
    poll(&mut before, &events);
    events.push(event(1001, 1_000_000 - FEED_OVERLAP + 1));
    poll(&mut before, &events);
    let mut after = Cursor::resume(before.position(Some(1_000_001)));
    assert!(poll(&mut after, &events).touched.contains(&account(1001)));
}

#[test]
fn what_was_done_before_anybody_was_looked_at_is_told_apart() {
    let mut cursor = Cursor::at(Some(100_000));
    cursor.nobody_was_looked_at_before(100_000);
    let events = [event(1, 70_000), event(2, 100_000 - SHORT_OVERLAP - 1), event(3, 100_000 - SHORT_OVERLAP)];
    let seen = poll(&mut cursor, &events);
    let expected = Seen { touched: [account(3)].into(), touched_before: [account(1), account(2)].into(), gap: false };
    assert_eq!(seen, expected);
    assert_eq!(poll(&mut cursor, &events), Seen::default(), "each is new once");
}

#[test]
fn a_feed_without_events_has_a_position_too() {
    let mut before = Cursor::at(None);
    poll(&mut before, &[]);
    let seen = poll(&mut Cursor::resume(before.position(None)), &[event(1, 1000)]);
    assert_eq!(seen, Seen { touched: [account(1)].into(), gap: false, ..Seen::default() });
}

#[test]
fn a_cursor_is_ahead_of_a_clock_that_was_set_back_by_more_than_the_overlap() {
    let cursor = Cursor::at(Some(1_000_000));
    assert!(!cursor.is_ahead_of(1_000_000 - FEED_OVERLAP));
    assert!(cursor.is_ahead_of(1_000_000 - FEED_OVERLAP - 1));
    assert!(!Cursor::at(None).is_ahead_of(0));
}

#[test]
fn what_was_read_long_enough_after_it_happened_is_not_read_again() {
    let mut before = Cursor::at(None);
    let mut events = vec![event(1, 170_000), event(2, 200_000)];
    poll(&mut before, &events);
    let resumed = |now| poll(&mut Cursor::resume(before.position(Some(now))), &events).touched;
    assert_eq!(resumed(200_000), [account(1)].into(), "one of its time may come late");
    assert_eq!(resumed(170_000 + FEED_OVERLAP + 1), [].into());
    let last = before.position(Some(200_000 + FEED_OVERLAP));
    assert_eq!(before.position(Some(i64::MAX)), last, "a realm in which nothing happens makes no write");
    events.push(event(3, 200_000));
    assert_eq!(poll(&mut Cursor::resume(last), &events).touched, [account(3)].into());
}
