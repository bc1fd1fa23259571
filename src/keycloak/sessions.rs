//! Ending the sessions of an account.

use std::collections::BTreeSet;

use reqwest::Method;

use super::wire::{ConsentRepresentation, SessionRepresentation};
use super::{Client, ErrorKind, KeycloakError, Operation};
use crate::domain::UserId;

impl Client {
    /// Ends all sessions of the account, offline ones too: no refresh token goes on working. An access token that is
    /// out lives until it expires, unless whoever accepts it asks the server. An account that is gone has none.
    ///
    /// The logout ends what is online, and has the server refuse offline tokens that were made before; the offline
    /// sessions themselves stay, and are deleted one by one (seen on 26.7.3).
    pub async fn end_sessions(&self, id: &UserId) -> Result<(), KeycloakError> {
        self.log_out(id).await?;
        for client in self.clients_with_offline_sessions(id).await? {
            for session in self.offline_sessions(id, &client).await? {
                self.delete_offline_session(&session).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn log_out(&self, id: &UserId) -> Result<(), KeycloakError> {
        let request = self.admin(Method::POST, &["users", id.as_str(), "logout"]);
        found(self.send(Operation::LogOut, request).await).map(drop)
    }

    /// Ids of the clients; the server lists them among the account's consents.
    pub(super) async fn clients_with_offline_sessions(&self, id: &UserId) -> Result<BTreeSet<String>, KeycloakError> {
        let operation = Operation::FindOfflineClients;
        let request = self.admin(Method::GET, &["users", id.as_str(), "consents"]);
        let Some(answer) = found(self.send(operation, request).await)? else {
            return Ok(BTreeSet::new());
        };
        let consents: Vec<ConsentRepresentation> = answer.json(operation)?;
        let grants = consents.into_iter().flat_map(|consent| consent.additional_grants);
        grants.filter_map(|grant| grant.client).map(|client| segment(operation, client)).collect()
    }

    pub(super) async fn offline_sessions(&self, id: &UserId, client: &str) -> Result<Vec<String>, KeycloakError> {
        let operation = Operation::FindOfflineSessions;
        let request = self.admin(Method::GET, &["users", id.as_str(), "offline-sessions", client]);
        let Some(answer) = found(self.send(operation, request).await)? else {
            return Ok(Vec::new());
        };
        let sessions: Vec<SessionRepresentation> = answer.json(operation)?;
        sessions.into_iter().map(|session| segment(operation, session.id)).collect()
    }

    pub(super) async fn delete_offline_session(&self, session: &str) -> Result<(), KeycloakError> {
        let request = self.admin(Method::DELETE, &["sessions", session]).query(&[("isOffline", "true")]);
        found(self.send(Operation::DeleteOfflineSession, request).await).map(drop)
    }
}

/// What is gone has no sessions that could be ended.
fn found<T>(outcome: Result<T, KeycloakError>) -> Result<Option<T>, KeycloakError> {
    match outcome {
        Err(KeycloakError { kind: ErrorKind::NotFound, .. }) => Ok(None),
        other => other.map(Some),
    }
}

/// An id that may stand in a path: one of dots alone would lead to another resource than the one meant.
fn segment(operation: Operation, id: String) -> Result<String, KeycloakError> {
    if id.chars().all(|character| character == '.') {
        let kind = ErrorKind::Unexpected("an id of another form".to_owned());
        return Err(KeycloakError { operation, kind });
    }
    Ok(id)
}
