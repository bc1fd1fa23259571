//! The feeds of events: what administrators and users have done. Told by the server since 26.2 in milliseconds.

use std::fmt;

use reqwest::Method;
use serde::Deserialize;

use super::{Client, KeycloakError, Operation};
use crate::domain::{FeedEvent, FeedRequest, Touched, UserId, tells_of_replacement};

/// A feed of a realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feed {
    /// What was done by the Admin API and the admin console.
    AdminEvents,
    /// What users did to their own accounts, and locks. Nothing of this is an admin event.
    UserEvents,
}

/// Which feeds the realm records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordedFeeds {
    /// [`Feed::AdminEvents`].
    pub admin_events: bool,
    /// [`Feed::UserEvents`].
    pub user_events: bool,
}

/// The types of user events that change an account (26.7, and the older names that are still sent beside them).
const USER_EVENT_TYPES: [&str; 19] = [
    "UPDATE_PROFILE",
    "UPDATE_EMAIL",
    "VERIFY_EMAIL",
    "UPDATE_CREDENTIAL",
    "REMOVE_CREDENTIAL",
    "RESET_PASSWORD",
    "UPDATE_PASSWORD",
    "UPDATE_TOTP",
    "REMOVE_TOTP",
    "CUSTOM_REQUIRED_ACTION",
    "FEDERATED_IDENTITY_LINK",
    "FEDERATED_IDENTITY_OVERRIDE_LINK",
    "REMOVE_FEDERATED_IDENTITY",
    "IDENTITY_PROVIDER_FIRST_LOGIN",
    "REGISTER",
    "DELETE_ACCOUNT",
    "USER_DISABLED_BY_PERMANENT_LOCKOUT",
    "USER_DISABLED_BY_TEMPORARY_LOCKOUT",
    "EXECUTE_ACTIONS",
];

impl Feed {
    fn operation(self) -> Operation {
        match self {
            Self::AdminEvents => Operation::GetAdminEvents,
            Self::UserEvents => Operation::GetUserEvents,
        }
    }

    fn segment(self) -> &'static str {
        match self {
            Self::AdminEvents => "admin-events",
            Self::UserEvents => "events",
        }
    }
}

impl fmt::Display for Feed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::AdminEvents => "admin events",
            Self::UserEvents => "user events",
        })
    }
}

impl RecordedFeeds {
    /// Whether the realm records that feed.
    #[must_use]
    pub fn has(self, feed: Feed) -> bool {
        match feed {
            Feed::AdminEvents => self.admin_events,
            Feed::UserEvents => self.user_events,
        }
    }
}

impl Client {
    /// Which feeds the realm records.
    pub async fn recorded_feeds(&self) -> Result<RecordedFeeds, KeycloakError> {
        let request = self.admin(Method::GET, &["events", "config"]);
        let answer = self.send(Operation::GetEventsConfig, request).await?;
        let config: EventsConfigRepresentation = answer.json(Operation::GetEventsConfig)?;
        Ok(RecordedFeeds { admin_events: config.admin_events_enabled, user_events: config.events_enabled })
    }

    /// When the newest event of a feed was, in milliseconds; `None` if there is none.
    pub async fn newest_event(&self, feed: Feed) -> Result<Option<i64>, KeycloakError> {
        let query = [("direction", "desc".to_owned()), ("max", "1".to_owned())];
        Ok(self.ask(feed, &query).await?.first().map(|event| event.time))
    }

    /// Whether a request of this client made that event. Each answers for one event: ask once.
    pub fn is_own(&self, event: &FeedEvent) -> bool {
        event.done.as_ref().is_some_and(|(operation, path)| self.own_writes.take(operation, path))
    }

    /// A page of a feed, the oldest event first.
    pub async fn events(&self, feed: Feed, page: FeedRequest) -> Result<Vec<FeedEvent>, KeycloakError> {
        let (from, max) = (page.from.to_string(), page.max.to_string());
        self.ask(feed, &[("direction", "asc".to_owned()), ("dateFrom", from), ("max", max)]).await
    }

    async fn ask(&self, feed: Feed, query: &[(&str, String)]) -> Result<Vec<FeedEvent>, KeycloakError> {
        let request = self.admin(Method::GET, &[feed.segment()]).query(query);
        match feed {
            Feed::AdminEvents => {
                let answer = self.send(feed.operation(), request).await?;
                let events: Vec<AdminEventRepresentation> = answer.json(feed.operation())?;
                Ok(events.into_iter().map(FeedEvent::from).collect())
            }
            Feed::UserEvents => {
                let request = request.query(&USER_EVENT_TYPES.map(|type_| ("type", type_)));
                let answer = self.send(feed.operation(), request).await?;
                let events: Vec<UserEventRepresentation> = answer.json(feed.operation())?;
                Ok(events.into_iter().map(FeedEvent::from).collect())
            }
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EventsConfigRepresentation {
    admin_events_enabled: bool,
    events_enabled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AdminEventRepresentation {
    id: String,
    time: i64,
    operation_type: Option<String>,
    resource_type: Option<String>,
    /// Absent of changes of the realm itself.
    resource_path: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserEventRepresentation {
    id: String,
    time: i64,
    user_id: Option<String>,
}

impl From<AdminEventRepresentation> for FeedEvent {
    fn from(event: AdminEventRepresentation) -> Self {
        let touched = event.resource_path.as_deref().and_then(Touched::by_path);
        let done = event.operation_type.zip(event.resource_path);
        let resource_type = event.resource_type.unwrap_or_default();
        let replaces = done.as_ref().is_some_and(|(did, path)| tells_of_replacement(did, &resource_type, path));
        Self { id: event.id, time: event.time, touched, done, replaces }
    }
}

impl From<UserEventRepresentation> for FeedEvent {
    fn from(event: UserEventRepresentation) -> Self {
        let touched = event.user_id.as_deref().and_then(UserId::parse).map(Touched::Account);
        Self { id: event.id, time: event.time, touched, done: None, replaces: false }
    }
}
