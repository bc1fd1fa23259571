//! The password of an existing account: set when its Secret's value changes, and at no other time.

use super::act::is_password_refusal;
use super::context::Context;
use super::dereference::Password;
use super::error::{ActError, Error};
use super::status::{Draft, Verdict};
use crate::api::{KeycloakUser, Reason};
use crate::domain::{Digest, PasswordDecision, PasswordRecord, Pending, SecretVersion, UserId, decide_password};
use crate::keycloak::{Client, ErrorKind, KeycloakError};

/// Brings the password in line with its Secret, and notes what is known of it.
///
/// `unfinished` says that the account was made by a pass that ended before it could note anything.
pub(super) async fn synchronize(
    context: &Context,
    client: &Client,
    user: &KeycloakUser,
    draft: &mut Draft,
    id: &UserId,
    password: Password,
    unfinished: bool,
) -> Result<(), Error> {
    let (value, temporary, version) = match password {
        Password::Undeclared => {
            draft.password = None;
            return Ok(());
        }
        Password::Settled => {
            draft.credentials_synced = Some(verdict(draft.password.as_ref().is_some_and(|record| record.assumed)));
            return Ok(());
        }
        Password::Value { value, temporary, version } => (value, temporary, version),
    };
    let digest = context.shared.credential_key.digest(secrecy::ExposeSecret::expose_secret(&value));
    let key_id = context.shared.credential_key.id();
    let created_date = client.password_created_date(id).await.map_err(ActError::from)?;
    draft.password = draft.password.take().map(|record| record.answered_by(created_date));
    let decision = match decide_password(draft.password.as_ref(), key_id, &digest, created_date) {
        _ if unfinished => PasswordDecision::Send,
        decision => decision,
    };
    let done = |assumed| PasswordRecord { assumed, ..record(version.clone(), key_id, Some(digest.clone())) };
    match decision {
        PasswordDecision::Record => note(draft, done(false)),
        PasswordDecision::Assume => note(draft, done(true)),
        PasswordDecision::Send => {
            if !unfinished {
                announce(context, user, draft, &version, &digest, created_date).await?;
            }
            match client.reset_password(id, &value, temporary).await {
                Err(error) if unfinished && error.kind == ErrorKind::PasswordInHistory => {}
                Err(error) if is_password_refusal(&error) => {
                    refuse(draft, version, key_id, &error);
                    return Ok(());
                }
                other => other.map_err(ActError::from)?,
            }
            draft.changes.push("set password".to_owned());
            note(draft, done(false));
        }
    }
    Ok(())
}

/// Notes a password that travelled with the creation of its account.
pub(super) fn created(
    context: &Context,
    draft: &mut Draft,
    value: &secrecy::SecretString,
    version: SecretVersion,
    refused: Option<&KeycloakError>,
) {
    let digest = context.shared.credential_key.digest(secrecy::ExposeSecret::expose_secret(value));
    let key_id = context.shared.credential_key.id();
    match refused {
        None => note(draft, record(version, key_id, Some(digest))),
        Some(error) => refuse(draft, version, key_id, error),
    }
}

/// Writes down that a reset begins, so that after a crash its arrival can be told from Keycloak's creation date.
async fn announce(
    context: &Context,
    user: &KeycloakUser,
    draft: &mut Draft,
    version: &SecretVersion,
    digest: &Digest,
    created_date: Option<i64>,
) -> Result<(), Error> {
    let pending = Some(Pending { digest: digest.clone(), created_date });
    let key_id = context.shared.credential_key.id();
    let known = known_digest(draft, key_id);
    draft.password = Some(PasswordRecord { pending, ..record(version.clone(), key_id, known) });
    Ok(draft.write_interim(context, user).await?)
}

fn note(draft: &mut Draft, record: PasswordRecord) {
    draft.credentials_synced = Some(verdict(record.assumed));
    draft.password = Some(record);
}

/// What was there before stays there, and stays known.
fn refuse(draft: &mut Draft, version: SecretVersion, key_id: &str, error: &KeycloakError) {
    let message = format!("{}; change the Secret", error.kind);
    draft.credentials_synced = Some(Verdict::bad(Reason::PasswordRejected, message));
    let known = known_digest(draft, key_id);
    draft.password = Some(PasswordRecord { refused: true, ..record(version, key_id, known) });
}

/// The digest of the password that Keycloak has, if it is known and was made with that key.
fn known_digest(draft: &Draft, key_id: &str) -> Option<Digest> {
    draft.password.as_ref().filter(|record| record.key_id == key_id).and_then(|record| record.digest.clone())
}

fn verdict(assumed: bool) -> Verdict {
    if assumed {
        let message = "the password was not sent: it is taken to be that of the Secret until the Secret changes";
        Verdict::unknown(Reason::AssumedCurrent, message)
    } else {
        Verdict::good("the password is that of its Secret")
    }
}

fn record(secret: SecretVersion, key_id: &str, digest: Option<Digest>) -> PasswordRecord {
    PasswordRecord { secret, key_id: key_id.to_owned(), digest, pending: None, refused: false, assumed: false }
}
