//! The status of a connection: whether it works, and how changes in its realm are found.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

use super::Feeds;
use super::kind::ConnectionKind;
use super::observers::FeedState;
use crate::api::{ConditionType, FeedName, FeedStatus, KeycloakConnectionStatus, Reason};
use crate::controller::error::{Class, Error, ObserveError};
use crate::domain::Position;
use crate::keycloak::Feed;

type State = (ConditionType, bool, Reason, String);

/// What is said of a connection after a pass.
pub(super) fn status(connection: &impl ConnectionKind, result: &Result<Feeds, Error>) -> KeycloakConnectionStatus {
    let mut states = match result {
        Ok(feeds) => {
            let works = (ConditionType::Ready, true, Reason::Synced, "logged in, and read the user profile".to_owned());
            let mut states = vec![works];
            states.extend(feeds.iter().map(|(feed, state)| followed(*feed, state)));
            states
        }
        Err(error) => failed(error),
    };
    if !connection.spec().url.starts_with("https://") {
        let message = "url is http: passwords and tokens travel in clear text".to_owned();
        states.push((ConditionType::InsecureTransport, true, Reason::PlainHttp, message));
    }
    let conditions = states.into_iter().map(|state| condition(connection, state)).collect();
    let deletions = connection.status().and_then(|status| status.deletions.clone());
    let before = before(connection);
    let feeds = match result {
        Ok(feeds) => feeds.iter().filter_map(|feed| position(feed, &before)).collect(),
        Err(_) => before,
    };
    KeycloakConnectionStatus { observed_generation: connection.meta().generation, conditions, deletions, feeds }
}

fn before(connection: &impl ConnectionKind) -> Vec<FeedStatus> {
    connection.status().map(|status| status.feeds.clone()).unwrap_or_default()
}

/// What cannot be read now goes on later where it has been. A feed that is not recorded has no such place: what happens
/// meanwhile is never in it.
fn position((feed, state): &(Feed, FeedState), before: &[FeedStatus]) -> Option<FeedStatus> {
    let feed = name(*feed);
    match state {
        FeedState::Followed(position) => {
            let Position { time, id, complete_until } = position.clone()?;
            Some(FeedStatus { feed, time, event_id: id, complete_until })
        }
        FeedState::Failing(_) => before.iter().find(|status| status.feed == feed).cloned(),
        FeedState::Off => None,
    }
}

/// Whether that status says how far both feeds were read.
pub(in crate::controller) fn has_positions(status: Option<&KeycloakConnectionStatus>) -> bool {
    status.is_some_and(|status| status.feeds.len() == 2)
}

/// Where the feeds have been read to, as the status says.
pub(super) fn positions(connection: &impl ConnectionKind) -> Vec<(Feed, Position)> {
    let place = |status: FeedStatus| {
        let feed = match status.feed {
            FeedName::AdminEvents => Feed::AdminEvents,
            FeedName::UserEvents => Feed::UserEvents,
        };
        (feed, Position { time: status.time, id: status.event_id, complete_until: status.complete_until })
    };
    before(connection).into_iter().map(place).collect()
}

fn name(feed: Feed) -> FeedName {
    match feed {
        Feed::AdminEvents => FeedName::AdminEvents,
        Feed::UserEvents => FeedName::UserEvents,
    }
}

fn failed(error: &Error) -> Vec<State> {
    let (reason, class) = error.verdict();
    let progress = match class {
        Class::Transient(_) | Class::Waiting => ConditionType::Reconciling,
        Class::Misconfigured | Class::Terminal => ConditionType::Stalled,
    };
    vec![(ConditionType::Ready, false, reason, error.to_string()), (progress, true, reason, error.to_string())]
}

fn followed(feed: Feed, state: &FeedState) -> State {
    let type_ = match feed {
        Feed::AdminEvents => ConditionType::AdminEventsFollowed,
        Feed::UserEvents => ConditionType::UserEventsFollowed,
    };
    match state {
        FeedState::Followed(_) => {
            (type_, true, Reason::Following, format!("the {feed} of the realm are read every 2 s"))
        }
        FeedState::Off => {
            let message = format!("the realm does not record {feed}; the periodic check finds what they would show");
            (type_, false, Reason::EventsOff, message)
        }
        FeedState::Failing(error) => {
            let error = Error::from(ObserveError::from(error.clone()));
            (type_, false, error.verdict().0, format!("{error}; the periodic check finds what the {feed} would show"))
        }
    }
}

/// The time is that of the last change from true to false or back.
fn condition(connection: &impl ConnectionKind, (type_, holds, reason, message): State) -> Condition {
    let status = if holds { "True" } else { "False" };
    let before = connection.status().into_iter().flat_map(|status| &status.conditions);
    let unchanged = before.into_iter().find(|c| c.type_ == type_.as_str() && c.status == status);
    Condition {
        type_: type_.as_str().to_owned(),
        status: status.to_owned(),
        reason: reason.as_str().to_owned(),
        message,
        observed_generation: connection.meta().generation,
        last_transition_time: unchanged.map_or_else(|| Time(Timestamp::now()), |c| c.last_transition_time.clone()),
    }
}
