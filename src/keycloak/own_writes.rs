//! Which admin events come from requests of this process: they tell it nothing new.
//!
//! Told apart by path and operation, never by who is logged in: another process may use the same client.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Operation;

/// So long an event may be on its way; after that the note is forgotten, or it would hide an event of somebody else.
const LIFETIME: Duration = Duration::from_mins(2);
/// Most notes that are kept: beyond that all are forgotten, and events of ours count as those of others.
const MOST_KEPT: usize = 65536;

/// What was written, by `operationType` and `resourcePath` of the event that tells of it.
#[derive(Debug, Default)]
pub(super) struct OwnWrites(Mutex<HashMap<(&'static str, String), Vec<Instant>>>);

impl OwnWrites {
    /// Notes a request before it is sent, or an account when it is made. `None` where there is no event about an account.
    pub(super) fn note(&self, operation: Operation, url_path: &str) -> Option<(&'static str, String)> {
        let key = (event_operation(operation)?, resource_path(url_path)?.to_owned());
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.len() >= MOST_KEPT {
            notes.clear();
        }
        notes.entry(key.clone()).or_default().push(Instant::now());
        Some(key)
    }

    /// Whether the event was noted; each note answers for one event.
    pub(super) fn take(&self, operation: &str, path: &str) -> bool {
        let Some(operation) = OPERATIONS.into_iter().find(|known| *known == operation) else { return false };
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (operation, path.to_owned());
        let Some(times) = notes.get_mut(&key) else { return false };
        times.retain(|noted| noted.elapsed() < LIFETIME);
        let found = times.pop().is_some();
        if times.is_empty() {
            notes.remove(&key);
        }
        found
    }
}

const OPERATIONS: [&str; 4] = ["CREATE", "UPDATE", "DELETE", "ACTION"];

/// The `operationType` of the event that a request makes (26.7).
fn event_operation(operation: Operation) -> Option<&'static str> {
    Some(match operation {
        Operation::CreateUser | Operation::AddRoles | Operation::JoinGroup => "CREATE",
        Operation::UpdateUser => "UPDATE",
        Operation::DeleteUser | Operation::RemoveRoles | Operation::LeaveGroup => "DELETE",
        Operation::ResetPassword | Operation::LogOut => "ACTION",
        _ => return None,
    })
}

/// The `resourcePath` of the event that a request to an account makes.
fn resource_path(url_path: &str) -> Option<&str> {
    let start = url_path.rfind("/users/")?;
    url_path.get(start + 1..)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/base/admin/realms/staff/users/u1";

    #[tokio::test(start_paused = true)]
    async fn a_note_answers_for_one_event() {
        let own = OwnWrites::default();
        own.note(Operation::UpdateUser, PATH);
        assert!(!own.take("DELETE", "users/u1"));
        assert!(!own.take("UPDATE", "users/u2"));
        assert!(own.take("UPDATE", "users/u1"));
        assert!(!own.take("UPDATE", "users/u1"), "the next one is somebody else's");
    }

    #[tokio::test(start_paused = true)]
    async fn a_note_is_forgotten_when_its_event_can_come_no_more() {
        let own = OwnWrites::default();
        own.note(Operation::JoinGroup, &format!("{PATH}/groups/g1"));
        tokio::time::advance(LIFETIME).await;
        assert!(!own.take("CREATE", "users/u1/groups/g1"));
        assert!(own.0.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn reads_and_what_is_not_about_an_account_are_not_noted() {
        let own = OwnWrites::default();
        assert_eq!(own.note(Operation::GetUser, PATH), None);
        assert_eq!(own.note(Operation::DeleteOfflineSession, "/admin/realms/staff/sessions/s1"), None);
    }
}
