//! Follows a feed of the realm: whom or what somebody else has changed since the last poll.

use super::Realm;
use crate::domain::{Cursor, FEED_OVERLAP, NextPage, Seen};
use crate::keycloak::{Client, Feed, KeycloakError};

/// Reads one feed, each event once.
#[derive(Debug)]
pub struct Observer {
    feed: Feed,
    /// Absent until the newest event of the feed is known.
    cursor: Option<Cursor>,
}

impl Observer {
    /// Follows that feed from now on; what came shortly before counts as new.
    #[must_use]
    pub fn new(feed: Feed) -> Self {
        Self { feed, cursor: None }
    }

    /// The feed that it follows.
    #[must_use]
    pub fn feed(&self) -> Feed {
        self.feed
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
        if self.cursor.is_none() {
            self.cursor = Some(Cursor::at(client.newest_event(self.feed).await?));
        }
        let cursor = self.cursor.get_or_insert_default();
        let (mut request, mut all) = (cursor.request(), Vec::new());
        loop {
            let page = client.events(self.feed, request).await?;
            let next = request.after(&page);
            all.extend(page);
            match next {
                NextPage::Ask(next) => request = next,
                NextPage::None => return Ok(cursor.take(all, |event| client.is_own(event))),
                NextPage::TooMany => {
                    self.cursor = Some(Cursor::at(Some(request.from.saturating_add(1 + FEED_OVERLAP))));
                    return Ok(Seen { gap: true, ..Seen::default() });
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "observer_tests.rs"]
mod tests;
