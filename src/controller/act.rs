//! Requests that change an account.

use secrecy::SecretString;

use super::error::ActError as Error;
use crate::domain::{BirthMark, NewUser, ProfileUpdate, UserId, Username};
use crate::keycloak::{Client, ConflictWith, ErrorKind, KeycloakError};

/// An account that was made.
pub(super) struct Created {
    pub(super) id: UserId,
    /// Why the password was refused; the account was made without it.
    pub(super) password_refused: Option<KeycloakError>,
}

/// Makes the account, with its password if there is one; without it if the policy refuses it.
pub(super) async fn create(
    client: &Client,
    user: &NewUser,
    username: &Username,
    password: Option<(&SecretString, bool)>,
    mark: BirthMark,
) -> Result<Created, Error> {
    let first = client.create_user(user, password).await;
    let (outcome, password_refused) = match first {
        Err(refused) if password.is_some() && is_password_refusal(&refused) => {
            (client.create_user(user, None).await, Some(refused))
        }
        other => (other, None),
    };
    match outcome {
        Ok(id) => Ok(Created { id, password_refused }),
        Err(error) => Err(explain_creation(client, error, username, mark).await),
    }
}

/// Whether the request failed for the password alone.
pub(super) fn is_password_refusal(error: &KeycloakError) -> bool {
    matches!(error.kind, ErrorKind::PasswordRejected(_) | ErrorKind::PasswordInHistory)
}

/// A conflict names the field, not the account: looks whose name it is.
async fn explain_creation(client: &Client, error: KeycloakError, username: &Username, mark: BirthMark) -> Error {
    match error.kind {
        ErrorKind::Conflict(ConflictWith::Email) => Error::EmailTaken,
        ErrorKind::Conflict(ConflictWith::Username | ConflictWith::Either) => {
            match client.user_named(username.as_str()).await {
                Ok(Some(found)) if mark.is_on(&found) => Error::Keycloak(error),
                Ok(Some(_)) => Error::ForeignAccount(username.to_string()),
                Ok(None) => Error::EmailTaken,
                Err(lookup) => Error::Keycloak(lookup),
            }
        }
        _ => Error::Keycloak(error),
    }
}

/// Changes the account.
pub(super) async fn update(client: &Client, id: &UserId, update: &ProfileUpdate) -> Result<(), Error> {
    client.update_user(id, update).await.map_err(|error| explain_update(error, update))
}

fn explain_update(error: KeycloakError, update: &ProfileUpdate) -> Error {
    match (&error.kind, &update.username) {
        (ErrorKind::Conflict(ConflictWith::Username), Some(name)) => Error::UsernameTaken(name.clone()),
        (ErrorKind::Conflict(ConflictWith::Either), Some(name)) if update.email.is_none() => {
            Error::UsernameTaken(name.clone())
        }
        (ErrorKind::Conflict(ConflictWith::Email), _) | (ErrorKind::Conflict(_), None) => Error::EmailTaken,
        _ => Error::Keycloak(error),
    }
}
