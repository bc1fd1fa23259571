//! The feeds that a real server gives only by chance: scripted.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use wiremock::matchers::{any, path_regex};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::*;
use crate::domain::{Touched, UserId};
use crate::keycloak::{Fence, KeycloakMetrics, Login, Server};

const NOW: i64 = 1_764_000_000_000;

/// A server with these admin events. Those of one millisecond come in another order each time they are asked for.
#[derive(Clone, Default)]
struct Script {
    events: Arc<Mutex<Vec<Value>>>,
    requests: Arc<AtomicUsize>,
}

impl Script {
    fn write(&self, account: &str, time: i64) {
        let path = format!("users/{account}");
        let event = json!({ "id": account, "time": time, "operationType": "UPDATE", "resourceType": "USER", "resourcePath": path });
        self.events.lock().unwrap().push(event);
    }

    fn write_without_path(&self, time: i64) {
        let event = json!({ "id": "of-the-realm", "time": time, "operationType": "UPDATE", "resourceType": "REALM" });
        self.events.lock().unwrap().push(event);
    }

    fn requests(&self) -> usize {
        self.requests.swap(0, Ordering::SeqCst)
    }
}

impl Respond for Script {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let asked = |name: &str| request.url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value);
        let number = |name: &str| asked(name).map_or(0, |value| value.parse::<i64>().unwrap());
        let time = |event: &Value| event["time"].as_i64().unwrap();
        let mut found = self.events.lock().unwrap().clone();
        found.retain(|event| time(event) >= number("dateFrom"));
        let len = found.len().max(1);
        found.rotate_left(self.requests.fetch_add(1, Ordering::SeqCst) * 97 % len);
        found.sort_by_key(
            |event| if asked("direction").is_some_and(|is| is == "desc") { -time(event) } else { time(event) },
        );
        found.truncate(usize::try_from(number("max")).unwrap());
        ResponseTemplate::new(200).set_body_json(found)
    }
}

async fn scripted() -> (MockServer, Script, Realm) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (server, script) = (MockServer::start().await, Script::default());
    let claims = URL_SAFE_NO_PAD.encode(json!({ "iat": NOW / 1000 }).to_string());
    let token = json!({ "access_token": format!("header.{claims}.signature"), "expires_in": 60 });
    let token = ResponseTemplate::new(200).set_body_json(token);
    Mock::given(path_regex("/token$")).respond_with(token).mount(&server).await;
    Mock::given(any()).respond_with(script.clone()).mount(&server).await;
    let login = Login::ClientCredentials { id: "operator".to_owned(), secret: "secret".into() };
    let address =
        Server { url: server.uri().parse().unwrap(), realm: "staff".to_owned(), login, certificate_authorities: None };
    let client = Client::new(address, KeycloakMetrics::default(), Fence::new(|_| true)).unwrap();
    (server, script, Realm::new(client))
}

const DAY: Duration = Duration::from_hours(24);

/// Everybody was looked at for so long, with the feed on.
fn since(time: Duration) -> Start {
    Start { looked_at_since: Instant::now().checked_sub(time).unwrap(), was_on: true }
}

fn accounts<const N: usize>(ids: [&str; N]) -> Seen {
    let touched = ids.iter().map(|id| Touched::Account(UserId::parse(id).unwrap())).collect();
    Seen { touched, ..Seen::default() }
}

#[tokio::test]
async fn three_hundred_events_of_one_millisecond_are_all_found() {
    let (_server, script, realm) = scripted().await;
    let mut observer = Observer::new(Feed::AdminEvents, Some(Position::default()), since(DAY));
    script.write("before", NOW - 1);
    assert_eq!(observer.poll(&realm).await.unwrap(), accounts(["before"]));
    for number in 0..300 {
        script.write(&format!("one-of-many-{number}"), NOW);
    }
    script.write("after", NOW + 1);
    script.requests();
    let seen = observer.poll(&realm).await.unwrap();
    assert_eq!((seen.touched.len(), seen.gap), (301, false));
    assert_eq!(script.requests(), 2, "a page, and the same millisecond once more, with room for more");
    assert_eq!(observer.poll(&realm).await.unwrap(), Seen::default());
}

#[tokio::test]
async fn an_event_that_becomes_visible_behind_a_newer_one_is_found() {
    let (_server, script, realm) = scripted().await;
    let mut observer = Observer::new(Feed::AdminEvents, Some(Position::default()), since(DAY));
    script.write("first", NOW - 2 * FEED_OVERLAP);
    observer.poll(&realm).await.unwrap();
    script.write("newest", NOW);
    assert_eq!(observer.poll(&realm).await.unwrap(), accounts(["newest"]));
    // Their transactions were open all the time.
    script.write("a-little-late", NOW - 320);
    assert_eq!(observer.poll(&realm).await.unwrap(), accounts(["a-little-late"]));
    script.write("as-late-as-may-be", NOW - FEED_OVERLAP);
    assert_eq!(observer.poll(&realm).await.unwrap(), accounts(["as-late-as-may-be"]));
    assert_eq!(observer.poll(&realm).await.unwrap(), Seen::default(), "each is new once");
}

#[tokio::test]
async fn an_event_without_a_path_concerns_nobody_and_hides_none() {
    let (_server, script, realm) = scripted().await;
    let mut observer = Observer::new(Feed::AdminEvents, Some(Position::default()), since(DAY));
    script.write("before", NOW);
    script.write_without_path(NOW);
    script.write("after", NOW);
    assert_eq!(observer.poll(&realm).await.unwrap(), accounts(["before", "after"]));
}

#[tokio::test]
async fn what_was_before_is_missing_where_somebody_was_looked_at_long_ago() {
    let (_server, _, realm) = scripted().await;
    let mut young = Observer::new(Feed::AdminEvents, None, since(Duration::ZERO));
    assert!(!young.poll(&realm).await.unwrap().gap, "all that came since is read");
    let mut old = Observer::new(Feed::AdminEvents, None, since(OVERLAP));
    assert!(old.poll(&realm).await.unwrap().gap);
    assert!(!old.poll(&realm).await.unwrap().gap, "once");
}

#[tokio::test]
async fn what_was_before_is_missing_where_the_feed_was_off_at_first() {
    let (_server, _, realm) = scripted().await;
    let mut observer = Observer::new(Feed::AdminEvents, None, Start { was_on: false, ..since(Duration::ZERO) });
    assert!(observer.poll(&realm).await.unwrap().gap);
}

#[tokio::test]
async fn what_was_done_before_anybody_was_looked_at_is_told_apart() {
    let (_server, script, realm) = scripted().await;
    script.write("before", NOW - 30_000);
    script.write("since", NOW - 1000);
    for position in [None, Some(Position { time: NOW - 30_000, id: None, complete_until: NOW - 60_000 })] {
        let mut observer = Observer::new(Feed::AdminEvents, position, since(Duration::from_secs(5)));
        let seen = observer.poll(&realm).await.unwrap();
        let before = accounts(["before"]).touched;
        assert_eq!(seen, Seen { touched_before: before, ..accounts(["since"]) });
    }
}
