use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::{join, join_all};
use serde_json::json;
use wiremock::matchers::{any, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::domain::UserId;
use crate::keycloak::{Client, Fence, KeycloakMetrics, Login, Server};

const GET: Operation = Operation::GetUser;
/// How long an answer takes.
const ANSWER: Duration = Duration::from_millis(10);

fn budget(in_flight: u16) -> Budget {
    let limits = RequestLimits { in_flight, ..RequestLimits::default() };
    Budget::new("staff".to_owned(), limits, BudgetMetrics::default(), Notice::none())
}

fn error(kind: ErrorKind) -> KeycloakError {
    KeycloakError { operation: GET, kind }
}

fn unreachable() -> KeycloakError {
    error(ErrorKind::Unreachable("connection refused".to_owned()))
}

/// A request that ends in this.
async fn request(budget: &Budget, error: Option<&KeycloakError>) -> Result<(), KeycloakError> {
    let permit = budget.admit(GET).await?;
    sleep(ANSWER).await;
    permit.note(error, ANSWER);
    error.cloned().map_or(Ok(()), Err)
}

/// Makes requests in a lane until enough were made in both; how many of them were of this lane.
async fn keep_busy(budget: &Budget, lane: Lane, made: &AtomicUsize, enough: usize) -> usize {
    let one = || async {
        let mut count = 0;
        while made.fetch_add(1, Ordering::SeqCst) < enough {
            in_lane(lane, request(budget, None)).await.unwrap();
            count += 1;
        }
        count
    };
    join_all((0..30).map(|_| one())).await.into_iter().sum()
}

#[tokio::test(start_paused = true)]
async fn while_both_lanes_are_full_one_request_of_five_is_of_the_background() {
    let (budget, made) = (budget(2), AtomicUsize::new(0));
    let (changes, background) =
        join(keep_busy(&budget, Lane::Changes, &made, 1000), keep_busy(&budget, Lane::Background, &made, 1000)).await;
    assert_eq!(changes + background, 1000);
    // The callers that are left over at the end make one each.
    assert!((190..=240).contains(&background), "{background} of the background");
}

#[tokio::test(start_paused = true)]
async fn a_change_does_not_wait_for_the_backlog() {
    let budget = budget(1);
    let done = AtomicUsize::new(0);
    let backlog = join_all((0..500).map(|_| async {
        request(&budget, None).await.unwrap();
        done.fetch_add(1, Ordering::SeqCst);
    }));
    let change = async {
        sleep(ANSWER * 10).await;
        let before = done.load(Ordering::SeqCst);
        in_lane(Lane::Changes, request(&budget, None)).await.unwrap();
        done.load(Ordering::SeqCst) - before
    };
    let (_, overtaken_by) = join(backlog, change).await;
    assert!(overtaken_by <= 2, "{overtaken_by} of the backlog went before");
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_ten_thousand_failures_is_told_after_a_few() {
    let (budget, sent) = (budget(16), AtomicUsize::new(0));
    let outcomes = join_all((0..10_000).map(|_| async {
        let permit = budget.admit(GET).await?;
        sent.fetch_add(1, Ordering::SeqCst);
        sleep(ANSWER).await;
        permit.note(Some(&unreachable()), ANSWER);
        Err::<(), _>(unreachable())
    }))
    .await;
    assert!(sent.load(Ordering::SeqCst) <= 21, "{} requests", sent.load(Ordering::SeqCst));
    let refused = outcomes.last().unwrap().as_ref().unwrap_err();
    assert!(matches!(refused.kind, ErrorKind::NotSent { .. }));
    assert_eq!(refused.to_string(), unreachable().to_string(), "the words of the failure");
    assert_eq!(budget.metrics.breakers_open.get(), 1);
    assert_eq!(budget.check(GET).unwrap_err().to_string(), unreachable().to_string());
}

#[tokio::test(start_paused = true)]
async fn one_answer_lets_all_through_again_and_each_change_is_told_once() {
    let told = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&told);
    let notice = Notice(Arc::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
    }));
    let budget = Budget::new("staff".to_owned(), RequestLimits::default(), BudgetMetrics::default(), notice);
    for _ in 0..10 {
        let _ = request(&budget, Some(&unreachable())).await;
    }
    assert_eq!(told.load(Ordering::SeqCst), 1);
    sleep(Duration::from_secs(1)).await;
    request(&budget, None).await.unwrap();
    assert_eq!((told.load(Ordering::SeqCst), budget.metrics.breakers_open.get()), (2, 0));
    let all = join_all((0..200).map(|_| request(&budget, None))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(budget.metrics.in_flight.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gives_up_holds_nobody_up() {
    let budget = budget(1);
    let permit = budget.admit(GET).await.unwrap();
    for _ in 0..5 {
        assert!(tokio::time::timeout(ANSWER, request(&budget, None)).await.is_err(), "there is no room");
    }
    drop(permit);
    request(&budget, None).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_closed_while_it_is_broken_is_counted_no_more() {
    let budget = budget(1);
    let metrics = budget.metrics.clone();
    for _ in 0..5 {
        let _ = request(&budget, Some(&unreachable())).await;
    }
    assert_eq!(metrics.breakers_open.get(), 1);
    drop(budget);
    assert_eq!(metrics.breakers_open.get(), 0);
}

/// A server that gives each answer in turn, the last one for ever; logging in always works.
async fn keycloak(answers: Vec<ResponseTemplate>) -> (MockServer, Client) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let keycloak = MockServer::start().await;
    let token = ResponseTemplate::new(200).set_body_json(json!({ "access_token": "t", "expires_in": 60 }));
    Mock::given(path_regex("/token$")).respond_with(token).mount(&keycloak).await;
    let last = answers.len() - 1;
    for (index, answer) in answers.into_iter().enumerate() {
        let times = if index == last { u64::MAX } else { 1 };
        Mock::given(any()).respond_with(answer).up_to_n_times(times).mount(&keycloak).await;
    }
    let login = Login::ClientCredentials { id: "operator".to_owned(), secret: "secret".into() };
    let url = keycloak.uri().parse().unwrap();
    let server = Server { url, realm: "staff".to_owned(), login, certificate_authorities: None };
    (keycloak, Client::new(server, KeycloakMetrics::default(), Fence::new(|_| true)).unwrap())
}

async fn read(client: &Client) -> ErrorKind {
    let id = UserId::parse("8c7d2f3e-0000-4000-8000-000000000000").unwrap();
    client.user(&id).await.unwrap_err().kind
}

/// How many requests arrived, logins included.
async fn arrived(keycloak: &MockServer) -> usize {
    keycloak.received_requests().await.unwrap().len()
}

#[tokio::test]
async fn one_retry_after_holds_back_the_whole_connection() {
    for status in [429, 503] {
        let busy = ResponseTemplate::new(status).insert_header("retry-after", "30");
        let (keycloak, client) = keycloak(vec![busy]).await;
        assert_eq!(read(&client).await, ErrorKind::Throttled(Some(Duration::from_secs(30))));
        for outcome in join_all((0..50).map(|_| read(&client))).await {
            let ErrorKind::NotSent { cause, wait } = outcome else { panic!("{outcome:?}") };
            assert!(matches!(*cause, ErrorKind::Throttled(_)) && wait > Duration::from_secs(20), "{cause} {wait:?}");
        }
        assert_eq!(arrived(&keycloak).await, 2, "a login and one request");
    }
}

#[tokio::test]
async fn a_gateway_that_reaches_no_server_is_asked_five_times() {
    for status in [502, 503, 504] {
        let (keycloak, client) = keycloak(vec![ResponseTemplate::new(status)]).await;
        for _ in 0..5 {
            assert_eq!(read(&client).await, ErrorKind::Server(status));
        }
        for _ in 0..20 {
            assert!(matches!(read(&client).await, ErrorKind::NotSent { .. }));
        }
        assert!(client.check().is_err());
        assert_eq!(arrived(&keycloak).await, 6, "a login and five requests");
    }
}

#[tokio::test]
async fn an_error_of_the_server_itself_is_no_outage() {
    let (keycloak, client) = keycloak(vec![ResponseTemplate::new(500)]).await;
    for _ in 0..20 {
        assert_eq!(read(&client).await, ErrorKind::Server(500));
    }
    assert_eq!(arrived(&keycloak).await, 21);
}
