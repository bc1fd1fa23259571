//! Feeds of events: whom to look at, and whether something was missed.
//!
//! Events only say where to look. They come late (one was seen 320 ms behind a newer one), hundreds of them carry one
//! millisecond, and they can be deleted; all times here are the server's, so its clock is the only one that counts.

use std::collections::{BTreeSet, HashSet};

use super::{ObjectId, UserId};

/// So much of a feed is read again, in milliseconds: an event that is written down late is found in it.
pub const FEED_OVERLAP: i64 = 60_000;
/// So much by most polls of a feed in which much happens: ten times as late as an event was seen to come (26.7).
const SHORT_OVERLAP: i64 = 3_000;
/// So many polls with the short overlap follow on one whose overlap took more than a page: half a minute.
const SHORT_POLLS: u8 = 14;
/// Events of the first page of a poll, which often is the only one.
pub const FEED_PAGE: usize = 200;
/// Events of those that follow: there is much to catch up with.
const LATER_PAGE: usize = FEED_PAGE << 3;
/// Most events of one page, where more than a page carry one millisecond.
const LARGEST_PAGE: usize = FEED_PAGE << 4;

/// An event, as far as it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedEvent {
    /// Keycloak's id of the event.
    pub id: String,
    /// When, in milliseconds, by the server's clock.
    pub time: i64,
    /// What it is about, if that can concern an account.
    pub touched: Option<Touched>,
    /// Of an admin event, what it says was done, and to what: `operationType` and `resourcePath`.
    pub done: Option<(String, String)>,
    /// What it is about has taken the place of another, of whose end no event tells.
    pub replaces: bool,
}

/// Whom or what an event is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Touched {
    /// An account, its rights or its credentials.
    Account(UserId),
    /// A group.
    Group(ObjectId),
    /// A role, by its id.
    Role(ObjectId),
    /// A role of the realm or of a client, by its name.
    RoleNamed(String),
}

impl Touched {
    /// What the `resourcePath` of an admin event points to. Its type does not say: a partial import writes `REALM`
    /// events about accounts (26.7). Paths are below the realm; changes of the realm itself have none.
    #[must_use]
    pub fn by_path(path: &str) -> Option<Self> {
        let mut segments = path.split('/');
        match (segments.next()?, segments.next()?) {
            ("users", id) => UserId::parse(id).map(Self::Account),
            ("groups", id) => ObjectId::parse(id).map(Self::Group),
            ("roles-by-id", id) => ObjectId::parse(id).map(Self::Role),
            ("roles", name) => Some(Self::RoleNamed(name.to_owned())),
            ("clients", _) if segments.next() == Some("roles") => {
                segments.next().map(|name| Self::RoleNamed(name.to_owned()))
            }
            ("attack-detection", "brute-force") if segments.next() == Some("users") => {
                segments.next().and_then(UserId::parse).map(Self::Account)
            }
            _ => None,
        }
    }
}

/// Whether such an admin event is of a partial import that has put something new in the place of an account, a group, a
/// role or a client. It names the new one alone, with another id than the one that went (26.7).
#[must_use]
pub fn tells_of_replacement(operation: &str, resource_type: &str, path: &str) -> bool {
    let imported = |segment: &str| matches!(segment, "users" | "groups" | "realms" | "clients");
    let segments = path.split_once('/');
    operation == "UPDATE" && resource_type == "REALM" && segments.is_some_and(|(first, _)| imported(first))
}

/// A part of a feed: the oldest events first, from a moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedRequest {
    /// No event before this is asked for, in milliseconds.
    pub from: i64,
    /// At most so many.
    pub max: usize,
}

/// What follows a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextPage {
    /// Nothing: it was the last one.
    None,
    /// Another one.
    Ask(FeedRequest),
    /// More events carry one millisecond than a page can have.
    TooMany,
}

impl FeedRequest {
    /// The page that comes after this one. Never by offset: among events of one millisecond the order changes from one
    /// request to the next, and a quarter of them was seen to be lost that way. The next page begins with the last
    /// millisecond of this one; a page that is all one millisecond is asked for again, twice as large.
    #[must_use]
    pub fn after(self, page: &[FeedEvent]) -> NextPage {
        if page.len() < self.max {
            return NextPage::None;
        }
        let newest = page.iter().map(|event| event.time).max().unwrap_or(self.from);
        if newest > self.from {
            NextPage::Ask(Self { from: newest, max: LATER_PAGE })
        } else if self.max < LARGEST_PAGE {
            NextPage::Ask(Self { from: self.from, max: self.max * 2 })
        } else {
            NextPage::TooMany
        }
    }
}

/// How far a feed has been read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    newest: Option<i64>,
    known: HashSet<(i64, String)>,
    /// Nothing before this is asked for.
    complete_until: i64,
    /// The newest event when the whole overlap was last read.
    newest_of_whole: Option<i64>,
    /// So many polls more read the short overlap.
    short_polls: u8,
    /// Nobody was looked at before.
    looked_at_since: i64,
}

/// How far a feed has been read. It outlives the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// When its newest known event was, in milliseconds, by the server's clock; 0 while it had none.
    pub time: i64,
    /// Keycloak's id of that event, if it was there when the feed was last read.
    pub id: Option<String>,
    /// All events before this moment have been read, also those that were written down late.
    pub complete_until: i64,
}

/// What a poll has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Whom or what somebody else has changed.
    pub touched: BTreeSet<Touched>,
    /// Whom or what somebody had changed, perhaps this operator itself, before anybody was looked at.
    pub touched_before: BTreeSet<Touched>,
    /// Events may be missing: everything is to be looked at.
    pub gap: bool,
}

impl Seen {
    /// Whether roles or groups may be others than they were.
    #[must_use]
    pub fn concerns_rights(&self) -> bool {
        self.gap || self.touched.iter().any(|touched| !matches!(touched, Touched::Account(_)))
    }
}

impl Cursor {
    /// Begins with a feed whose newest event has that time; the events before it by the overlap count as new.
    #[must_use]
    pub fn at(newest: Option<i64>) -> Self {
        Self { newest, newest_of_whole: newest, ..Self::default() }
    }

    /// Nobody was looked at before that moment, by the server's clock, and everybody is since: what was done well before is
    /// told apart.
    pub fn nobody_was_looked_at_before(&mut self, moment: i64) {
        self.looked_at_since = moment.saturating_sub(SHORT_OVERLAP);
    }

    /// Goes on where another cursor has been: whatever it may not have seen is new.
    #[must_use]
    pub fn resume(Position { time, id, complete_until }: Position) -> Self {
        let known = id.into_iter().map(|id| (time, id)).collect();
        let (newest, complete_until) = ((time > 0).then_some(time), complete_until.min(time));
        // Of a feed that was read with the short overlap, what is complete ends before the newest event by more than that.
        let until_whole = (complete_until > 0).then(|| complete_until.saturating_add(FEED_OVERLAP).min(time));
        Self { known, complete_until, newest_of_whole: until_whole.or(newest), ..Self::at(newest) }
    }

    /// How far the feed has been read, if the server's clock showed that when the whole overlap was last read. Without a
    /// new event it moves on for the overlap, and no longer.
    #[must_use]
    pub fn position(&self, server_time: Option<i64>) -> Position {
        let time = self.newest.unwrap_or_default();
        let id = self.known.iter().filter(|(of, _)| *of == time).map(|(_, id)| id).max().cloned();
        let complete_until = server_time.map_or(0, |now| now.saturating_sub(FEED_OVERLAP).min(time));
        Position { time, id, complete_until: complete_until.max(self.begin_of_whole()) }
    }

    /// Whether all of the feed that counts as new lies in the server's future: its clock was set back, and events that
    /// come now would not be found.
    #[must_use]
    pub fn is_ahead_of(&self, server_time: i64) -> bool {
        self.newest.is_some_and(|newest| newest.saturating_sub(FEED_OVERLAP) > server_time)
    }

    /// Whether the next poll reads the whole overlap. Where that took more than a page, most polls do not: the events of a
    /// minute in which thousands of accounts are made would be read thirty times.
    #[must_use]
    pub fn reads_whole(&self) -> bool {
        self.short_polls == 0
    }

    /// The first page of a poll.
    #[must_use]
    pub fn request(&self) -> FeedRequest {
        let whole = self.begin_of_whole();
        let short = || self.newest.map_or(whole, |newest| newest.saturating_sub(SHORT_OVERLAP).max(whole));
        FeedRequest { from: if self.reads_whole() { whole } else { short() }, max: FEED_PAGE }
    }

    /// Where the whole overlap begins: whatever was too young when it was last read is read again.
    fn begin_of_whole(&self) -> i64 {
        let from = self.newest_of_whole.map_or(0, |newest| newest.saturating_sub(FEED_OVERLAP));
        from.max(self.complete_until).max(0)
    }

    /// Takes in all events of a poll, in any order, and some of them twice. `is_own` is asked once of each that is new.
    /// If the newest that was known is not among them, somebody has deleted events, and newer ones may be gone too. A
    /// replacement is a gap as well: what went has no event.
    pub fn take(&mut self, events: Vec<FeedEvent>, mut is_own: impl FnMut(&FeedEvent) -> bool) -> Seen {
        let newest_known = self.known.iter().map(|(time, _)| *time).max();
        let is_known = |event: &FeedEvent| self.known.contains(&(event.time, event.id.clone()));
        let mut gap =
            newest_known.is_some_and(|newest| !events.iter().filter(|event| event.time == newest).any(is_known));
        let (mut touched, mut touched_before) = (BTreeSet::new(), BTreeSet::new());
        let is_long = events.len() >= FEED_PAGE;
        if gap {
            self.known.clear();
        }
        for event in events {
            self.newest = self.newest.max(Some(event.time));
            if !self.known.insert((event.time, event.id.clone())) || is_own(&event) {
                continue;
            }
            if event.time < self.looked_at_since {
                touched_before.extend(event.touched);
            } else {
                gap |= event.replaces;
                touched.extend(event.touched);
            }
        }
        if self.reads_whole() {
            self.newest_of_whole = self.newest;
            self.short_polls = if is_long { SHORT_POLLS } else { 0 };
        } else {
            self.short_polls -= 1;
        }
        let from = self.begin_of_whole();
        self.known.retain(|(time, _)| *time >= from);
        Seen { touched, touched_before, gap }
    }
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;
