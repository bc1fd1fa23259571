//! Follows a feed of the realm: whom or what somebody else has changed since the last poll.

use std::time::Duration;

use tokio::time::Instant;

use super::Realm;
use crate::domain::{Cursor, FEED_OVERLAP, NextPage, Position, Seen};
use crate::keycloak::{Client, Feed, KeycloakError};

const OVERLAP: Duration = Duration::from_millis(FEED_OVERLAP.unsigned_abs());

/// Reads one feed, each event once.
#[derive(Debug)]
pub struct Observer {
    feed: Feed,
    /// Absent until the newest event of the feed is known.
    cursor: Option<Cursor>,
    /// Nobody knows what happened before.
    gap: bool,
    /// The server's time at the last poll of the whole overlap.
    polled_at: Option<i64>,
    start: Start,
}

/// What was before the first poll.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// Nobody was looked at before, and everybody is since.
    pub looked_at_since: Instant,
    /// The feed was not seen to be off since then.
    pub was_on: bool,
}

impl Observer {
    /// Goes on from that place in the feed. Without one it begins with what came shortly before now; what was before
    /// counts as missing, unless all of it was also before anybody was looked at.
    #[must_use]
    pub fn new(feed: Feed, position: Option<Position>, start: Start) -> Self {
        Self { feed, gap: false, cursor: position.map(Cursor::resume), polled_at: None, start }
    }

    /// The feed that it follows.
    #[must_use]
    pub fn feed(&self) -> Feed {
        self.feed
    }

    /// How far the feed has been read; nowhere before the first poll, unless it goes on from somewhere.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.cursor.as_ref().map(|cursor| cursor.position(self.polled_at))
    }

    /// Reads on. After an error the next poll begins where the last complete one ended, so nothing is missed. What is known
    /// of roles and groups is forgotten before anybody can be woken for a change of them.
    pub async fn poll(&mut self, realm: &Realm) -> Result<Seen, KeycloakError> {
        let seen = self.read_on(realm.client()).await?;
        if seen.concerns_rights() {
            realm.directory().forget_rights();
        }
        Ok(seen)
    }

    async fn read_on(&mut self, client: &Client) -> Result<Seen, KeycloakError> {
        let since = self.start.looked_at_since.elapsed();
        if self.cursor.is_none() {
            self.cursor = Some(Cursor::at(client.newest_event(self.feed).await?));
            self.gap = !self.start.was_on || since >= OVERLAP;
        }
        let cursor = self.cursor.get_or_insert_default();
        let server_time = client.server_time();
        if let Some(now) = server_time {
            if cursor.is_ahead_of(now) {
                (*cursor, self.gap) = (Cursor::at(Some(now)), true);
            }
            if self.polled_at.is_none() {
                cursor.nobody_was_looked_at_before(now.saturating_sub(milliseconds(since)));
            }
        }
        let is_whole = cursor.reads_whole();
        let mut seen = Self::read(self.feed, client, cursor).await?;
        seen.gap |= std::mem::take(&mut self.gap);
        if is_whole {
            self.polled_at = server_time;
        }
        Ok(seen)
    }

    async fn read(feed: Feed, client: &Client, cursor: &mut Cursor) -> Result<Seen, KeycloakError> {
        let (mut request, mut all) = (cursor.request(), Vec::new());
        loop {
            let page = client.events(feed, request).await?;
            let next = request.after(&page);
            all.extend(page);
            match next {
                NextPage::Ask(next) => request = next,
                NextPage::None => return Ok(cursor.take(all, |event| client.is_own(event))),
                NextPage::TooMany => {
                    *cursor = Cursor::at(Some(request.from.saturating_add(1 + FEED_OVERLAP)));
                    return Ok(Seen { gap: true, ..Seen::default() });
                }
            }
        }
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "observer_tests.rs"]
mod tests;
