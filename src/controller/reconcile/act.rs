//! Requests that change an account.

use std::collections::BTreeSet;

use secrecy::SecretString;

use crate::controller::error::ActError as Error;
use crate::domain::{BirthMark, Field, NewUser, ProfileUpdate, UserId};
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
        Err(error) => Err(explain_creation(client, error, user, mark).await),
    }
}

/// Whether the request failed for the password alone.
pub(super) fn is_password_refusal(error: &KeycloakError) -> bool {
    matches!(error.kind, ErrorKind::PasswordRejected(_) | ErrorKind::PasswordInHistory)
}

/// A conflict names a field, not the account, and not always the right field: a name may be the address of another
/// account, and the other way round, and where an account has both it may be ours (the address is named first, 26.7).
async fn explain_creation(client: &Client, error: KeycloakError, user: &NewUser, mark: BirthMark) -> Error {
    let ErrorKind::Conflict(with) = error.kind else {
        return Error::Keycloak(error);
    };
    match client.user_named(&user.username).await {
        Ok(Some(found)) if mark.is_on(&found) => Error::Keycloak(error),
        Ok(Some(_)) if with != ConflictWith::Email => Error::NameMet(user.username.escape_debug().to_string()),
        Ok(None) if user.email.is_none() => Error::UsernameTaken(user.username.escape_debug().to_string()),
        Ok(_) => Error::EmailTaken,
        Err(lookup) => Error::Keycloak(lookup),
    }
}

/// Changes the account.
pub(super) async fn update(
    client: &Client,
    id: &UserId,
    update: &ProfileUpdate,
    fields: &BTreeSet<Field>,
) -> Result<(), Error> {
    client.update_user(id, update).await.map_err(|error| explain_update(error, update, fields))
}

/// A name that travels along and stays the same is not what the conflict is about.
fn explain_update(error: KeycloakError, update: &ProfileUpdate, fields: &BTreeSet<Field>) -> Error {
    let ErrorKind::Conflict(with) = error.kind else {
        return Error::Keycloak(error);
    };
    let renamed = update.username.as_ref().filter(|_| fields.contains(&Field::Username));
    match (renamed, fields.contains(&Field::Email), with) {
        (Some(name), false, _) | (Some(name), true, ConflictWith::Username | ConflictWith::Either) => {
            Error::UsernameTaken(name.escape_debug().to_string())
        }
        (Some(_), true, ConflictWith::Email) | (None, _, _) => Error::EmailTaken,
    }
}
