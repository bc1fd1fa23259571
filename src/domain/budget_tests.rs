use proptest::prelude::*;

use super::*;

const LIMITS: RequestLimits = RequestLimits { in_flight: 16, per_second: 1000 };
const QUICK: RequestOutcome = RequestOutcome::After(Duration::from_millis(5));

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn admitted(budget: &mut RequestBudget, now: Duration) -> Ticket {
    match budget.ask(now) {
        Admission::Now(ticket) => ticket,
        other => panic!("{other:?} at {now:?}"),
    }
}

/// One request after the other, each as soon as it may; when the last one was over.
fn requests(budget: &mut RequestBudget, mut now: Duration, number: usize, answer: RequestOutcome) -> Duration {
    for _ in 0..number {
        let ticket = loop {
            match budget.ask(now) {
                Admission::Now(ticket) => break ticket,
                Admission::Later(wait) | Admission::Refused(wait) => now += wait,
                Admission::Full => panic!("nothing is under way"),
            }
        };
        budget.answered(&ticket, now, answer);
        budget.over(&ticket);
    }
    now
}

fn broken() -> RequestBudget {
    let mut budget = RequestBudget::new(LIMITS);
    requests(&mut budget, Duration::ZERO, 5, RequestOutcome::NoAnswer);
    assert!(budget.is_broken());
    budget
}

#[test]
fn no_more_than_the_limit_are_under_way() {
    let mut budget = RequestBudget::new(LIMITS);
    let mut tickets: Vec<Ticket> = (0..16).map(|_| admitted(&mut budget, seconds(9))).collect();
    assert_eq!(budget.ask(seconds(9)), Admission::Full);
    budget.over(&tickets.pop().unwrap());
    admitted(&mut budget, seconds(9));
}

#[test]
fn no_more_than_the_limit_are_sent_in_a_second() {
    let mut budget = RequestBudget::new(RequestLimits { in_flight: 16, per_second: 50 });
    let ended = requests(&mut budget, Duration::ZERO, 250, QUICK);
    assert!(ended > Duration::from_millis(4800) && ended <= seconds(5), "{ended:?}");
}

#[test]
fn each_round_of_refusals_halves_the_pace_once() {
    let mut budget = RequestBudget::new(LIMITS);
    let tickets: Vec<Ticket> = (0..16).map(|_| admitted(&mut budget, seconds(9))).collect();
    let changes: Vec<_> =
        tickets.iter().map(|ticket| budget.answered(ticket, seconds(9), RequestOutcome::TooMany(None))).collect();
    assert_eq!(changes[0], Some(BudgetChange::Lowered));
    assert!(changes[1..].iter().all(Option::is_none), "{changes:?}");
    assert_eq!(budget.in_flight_limit(), 8);
}

#[test]
fn a_server_that_refuses_everything_is_still_asked_and_gets_all_again_when_it_answers() {
    let mut budget = RequestBudget::new(LIMITS);
    let now = requests(&mut budget, Duration::ZERO, 100, RequestOutcome::TooMany(None));
    assert_eq!((budget.in_flight_limit(), budget.is_broken()), (1, false));
    let now = requests(&mut budget, now, 100, QUICK);
    assert!((1..16).contains(&budget.in_flight_limit()), "little by little");
    requests(&mut budget, now, 2000, QUICK);
    assert_eq!(budget.in_flight_limit(), 16);
}

#[test]
fn answers_that_take_much_longer_than_the_best_lower_the_pace_but_quick_ones_never_do() {
    let mut budget = RequestBudget::new(LIMITS);
    let now = requests(&mut budget, Duration::ZERO, 10, RequestOutcome::After(Duration::from_millis(2)));
    let now = requests(&mut budget, now, 10, RequestOutcome::After(Duration::from_millis(900)));
    assert_eq!(budget.in_flight_limit(), 16, "below a second nothing is slow");
    let now = requests(&mut budget, now, 1, RequestOutcome::After(seconds(2)));
    assert_eq!(budget.in_flight_limit(), 8);
    requests(&mut budget, now, 2000, QUICK);
    assert_eq!(budget.in_flight_limit(), 16);
}

#[test]
fn a_server_that_has_become_slow_for_good_is_not_held_back_for_ever() {
    let mut budget = RequestBudget::new(LIMITS);
    let now = requests(&mut budget, Duration::ZERO, 10, RequestOutcome::After(Duration::from_millis(200)));
    let now = requests(&mut budget, now, 4, RequestOutcome::After(seconds(2)));
    assert_eq!(budget.in_flight_limit(), 1);
    requests(&mut budget, now, 4000, RequestOutcome::After(seconds(2)));
    assert_eq!(budget.in_flight_limit(), 16);
}

#[test]
fn a_short_pause_is_waited_for_and_a_long_one_is_told() {
    let mut budget = RequestBudget::new(LIMITS);
    let ticket = admitted(&mut budget, seconds(10));
    let told = budget.answered(&ticket, seconds(10), RequestOutcome::TooMany(Some(seconds(30))));
    assert_eq!(told, Some(BudgetChange::Paused));
    assert_eq!(
        budget.answered(&ticket, seconds(10), RequestOutcome::TooMany(Some(seconds(2)))),
        None,
        "one pause is told once"
    );
    budget.over(&ticket);
    assert_eq!(budget.ask(seconds(11)), Admission::Refused(seconds(29)));
    assert_eq!(budget.ask(seconds(36)), Admission::Later(seconds(4)));
    admitted(&mut budget, seconds(40));
}

#[test]
fn while_nothing_answers_one_is_tried_at_growing_distances() {
    let mut budget = broken();
    let (mut now, mut tries, end) = (Duration::ZERO, 0, Duration::from_mins(2));
    while now < end {
        let ticket = match budget.ask(now) {
            Admission::Now(ticket) => ticket,
            Admission::Refused(wait) => {
                now += wait;
                continue;
            }
            other => panic!("{other:?}"),
        };
        assert!(matches!(budget.ask(now), Admission::Refused(_)), "one at a time");
        assert_eq!(budget.answered(&ticket, now, RequestOutcome::NoAnswer), None, "told once");
        budget.over(&ticket);
        tries += 1;
    }
    assert!((10..=12).contains(&tries), "{tries} tries in two minutes");
}

#[test]
fn the_first_answer_mends_it_and_what_waited_comes_back_little_by_little() {
    let mut budget = broken();
    let ticket = admitted(&mut budget, seconds(1));
    assert_eq!(budget.answered(&ticket, seconds(1), QUICK), Some(BudgetChange::Mended));
    budget.over(&ticket);
    assert_eq!(budget.in_flight_limit(), 1);
    let ended = requests(&mut budget, seconds(1), 2000, QUICK);
    assert!((6..20).contains(&ended.as_secs()), "{ended:?}");
    assert_eq!(budget.in_flight_limit(), 16);
}

#[test]
fn however_few_rounds_broke_it_the_pace_begins_at_the_lowest() {
    let mut budget = RequestBudget::new(LIMITS);
    let tickets: Vec<Ticket> = (0..5).map(|_| admitted(&mut budget, Duration::ZERO)).collect();
    for ticket in &tickets {
        budget.answered(ticket, Duration::ZERO, RequestOutcome::NoAnswer);
        budget.over(ticket);
    }
    assert_eq!((budget.is_broken(), budget.in_flight_limit()), (true, 8), "one round");
    requests(&mut budget, seconds(1), 1, QUICK);
    assert_eq!(budget.in_flight_limit(), 1);
}

#[test]
fn a_try_that_comes_to_nothing_makes_room_for_the_next_one() {
    let mut budget = broken();
    let ticket = admitted(&mut budget, seconds(1));
    budget.over(&ticket);
    admitted(&mut budget, seconds(1));
}

#[test]
fn single_failures_break_nothing() {
    let mut budget = RequestBudget::new(LIMITS);
    let mut now = Duration::ZERO;
    for _ in 0..50 {
        now = requests(&mut budget, now, 4, RequestOutcome::NoAnswer);
        now = requests(&mut budget, now, 1, QUICK);
    }
    assert!(!budget.is_broken());
}

fn any_answer() -> impl Strategy<Value = RequestOutcome> {
    prop_oneof![
        (0_u64..20_000).prop_map(|time| RequestOutcome::After(Duration::from_millis(time))),
        proptest::option::of(0_u64..300).prop_map(|pause| RequestOutcome::TooMany(pause.map(Duration::from_secs))),
        Just(RequestOutcome::NoAnswer),
    ]
}

proptest! {
    // Each is some thousands of requests.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn whatever_a_server_does_the_limits_hold_and_it_is_used_in_full_again(
        in_flight in 0_u16..100,
        per_second in 0_u16..2000,
        answers in proptest::collection::vec((any_answer(), any::<bool>()), 0..200),
    ) {
        let mut budget = RequestBudget::new(RequestLimits { in_flight, per_second });
        let highest = u32::from(in_flight.max(1));
        let (mut now, mut under_way) = (Duration::ZERO, std::collections::VecDeque::new());
        for (answer, ends) in answers {
            match budget.ask(now) {
                Admission::Now(ticket) => under_way.push_back((ticket, answer)),
                Admission::Later(wait) | Admission::Refused(wait) => {
                    prop_assert!(!wait.is_zero());
                    now += wait;
                }
                Admission::Full => prop_assert!(!under_way.is_empty()),
            }
            prop_assert!(under_way.len() <= highest as usize + 1, "the limit, and a probe");
            prop_assert!((1..=highest).contains(&budget.in_flight_limit()));
            if ends && let Some((ticket, answer)) = under_way.pop_front() {
                budget.answered(&ticket, now, answer);
                budget.over(&ticket);
            }
        }
        for (ticket, _) in under_way {
            budget.over(&ticket);
        }
        let recovered = requests(&mut budget, now, 5000, QUICK);
        prop_assert_eq!(budget.in_flight_limit(), highest);
        prop_assert!(recovered < now + Duration::from_mins(5) + Duration::from_secs(5000));
    }
}
