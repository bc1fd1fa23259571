//! The password of an account: what is sent, when, and what is noted of it.

use super::act::is_password_refusal;
use super::dereference::{self, Connection, Password, PasswordValue};
use super::observe::Origin;
use super::status::{Adopted, Draft, Verdict};
use super::takeover;
use crate::api::{Credential, CredentialSync, KeycloakUser, Reason};
use crate::controller::context::Context;
use crate::controller::error::{ActError, DereferenceError, Error, ObserveError};
use crate::domain::{
    Cause, ObservedUser, PasswordDecision, PasswordRecord, PasswordSituation, PasswordSync, Pending, UPDATE_PASSWORD,
    decide_password, is_temporary,
};
use crate::keycloak::{ErrorKind, KeycloakError};

/// The change in the log.
pub(super) const SET: &str = "set password";

/// The password of an account that exists.
pub(super) struct Synchronization<'a> {
    pub(super) context: &'a Context,
    pub(super) connection: &'a Connection,
    pub(super) user: &'a KeycloakUser,
    pub(super) account: &'a ObservedUser,
    pub(super) origin: Origin,
}

impl Synchronization<'_> {
    /// Brings the password in line with its Secret, and notes what is known of it.
    pub(super) async fn run(
        &self,
        draft: &mut Draft,
        password: Result<Password, DereferenceError>,
    ) -> Result<(), Error> {
        let outcome = match (self.user.spec.credentials.first(), password) {
            (None, _) | (_, Ok(Password::Undeclared)) => {
                draft.password = None;
                draft.set_credentials.answer();
                Ok(())
            }
            (Some(credential), Ok(Password::Settled)) => self.settled(draft, credential).await,
            (Some(credential), Ok(Password::Value(value))) => self.decide(draft, credential, &value).await,
            (Some(_), Err(error)) => Err(error.into()),
        };
        if let Err(Error::Dereference(error)) = &outcome {
            let message = format!("{error}. The account keeps the password that it has");
            draft.credentials_synced = Some(Verdict::bad(error.verdict().0, message));
        }
        outcome
    }

    /// The Secret is the one that the record speaks of. Where the password is enforced, so must be the password.
    async fn settled(&self, draft: &mut Draft, credential: &Credential) -> Result<(), Error> {
        let enforced = sync(credential) == PasswordSync::Enforce;
        let created_date = if enforced { self.created_date().await? } else { None };
        let changed = draft.password.as_ref().is_some_and(|record| record.was_changed_elsewhere(created_date));
        if enforced && changed {
            let value = dereference::password_value(self.context, self.user, credential).await?;
            return self.bring_in_line(draft, credential, &value, created_date).await;
        }
        draft.password = draft.password.take().map(|record| PasswordRecord { created_date, ..record });
        conclude(self.connection, draft, credential).await
    }

    async fn decide(&self, draft: &mut Draft, credential: &Credential, value: &PasswordValue) -> Result<(), Error> {
        let created_date = self.created_date().await?;
        if draft.password.as_ref().is_some_and(|record| record.has_arrived(created_date)) {
            self.end_sessions(draft, credential).await?;
            draft.password = draft.password.take().map(|record| record.arrived(created_date));
        }
        self.bring_in_line(draft, credential, value, created_date).await
    }

    async fn bring_in_line(
        &self,
        draft: &mut Draft,
        credential: &Credential,
        value: &PasswordValue,
        created_date: Option<i64>,
    ) -> Result<(), Error> {
        let decision = decide_password(&PasswordSituation {
            sync: sync(credential),
            record: draft.password.as_ref(),
            key_id: &value.key_id,
            digest: &value.digest,
            created_date,
            asked: draft.set_credentials.is_asked(),
            unfinished: self.origin == Origin::Unfinished,
            taken_over: draft.adopted == Adopted::Now || matches!(self.origin, Origin::Named { newly: true, .. }),
        });
        let before = draft.password.as_ref();
        let kept = PasswordRecord {
            created_date: created_date.filter(|_| sync(credential) == PasswordSync::Enforce),
            assumed: before.is_some_and(|record| record.assumed),
            temporary: before.is_some_and(|record| record.temporary),
            ..value.record()
        };
        match decision {
            PasswordDecision::Record => draft.password = Some(kept),
            PasswordDecision::Assume => draft.password = Some(PasswordRecord { assumed: true, ..kept }),
            PasswordDecision::Send(Cause::ChangedElsewhere) if self.cannot_put_back(draft).await? => return Ok(()),
            PasswordDecision::Send(cause) => {
                return self.send(draft, credential, value, created_date, cause).await;
            }
        }
        conclude(self.connection, draft, credential).await
    }

    /// Whether the realm's policy is known to refuse the password, and says so. The record stays as it is: when the
    /// policy allows it, the password is still another one than was set.
    async fn cannot_put_back(&self, draft: &mut Draft) -> Result<bool, Error> {
        let Some(problem) = enforcement_problem(self.connection).await? else {
            return Ok(false);
        };
        let message = format!("somebody else has changed the password, and it cannot be put back: {problem}");
        draft.credentials_synced = Some(Verdict::bad(Reason::EnforceImpossible, message));
        Ok(true)
    }

    async fn send(
        &self,
        draft: &mut Draft,
        credential: &Credential,
        value: &PasswordValue,
        created_date: Option<i64>,
        cause: Cause,
    ) -> Result<(), Error> {
        takeover::judge_roles(self.connection, self.account, self.origin).await?;
        let declared = self.user.spec.required_actions.iter().any(|action| action == UPDATE_PASSWORD);
        let demanded = self.account.required_actions.contains(UPDATE_PASSWORD);
        let temporary = is_temporary(is_declared_temporary(credential), declared, demanded, draft.password.as_ref());
        if cause != Cause::Unfinished {
            self.announce(draft, credential, value, created_date, cause).await?;
        }
        match self.connection.realm.client().reset_password(&self.account.id, &value.value, temporary).await {
            Err(error) if cause == Cause::Unfinished && error.kind == ErrorKind::PasswordInHistory => {}
            Err(error) if is_password_refusal(&error) => {
                refuse(draft, value, &error);
                return Ok(());
            }
            other => other.map_err(ActError::from)?,
        }
        draft.changes.push(SET.to_owned());
        draft.set_credentials.answer();
        if cause == Cause::ChangedElsewhere {
            draft.drift.push("the password, which somebody else had changed".to_owned());
        }
        self.end_sessions(draft, credential).await?;
        let created_date = self.date_to_note(credential).await?;
        let temporary = is_declared_temporary(credential);
        draft.password = Some(PasswordRecord { created_date, temporary, ..value.record() });
        conclude(self.connection, draft, credential).await
    }

    /// Writes down that a reset begins, so that after a crash its arrival can be told from Keycloak's creation date.
    ///
    /// What is known of the password before is of use only if it is known to be that one still.
    async fn announce(
        &self,
        draft: &mut Draft,
        credential: &Credential,
        value: &PasswordValue,
        created_date: Option<i64>,
        cause: Cause,
    ) -> Result<(), Error> {
        let before = draft.password.take();
        let known = before.as_ref().filter(|record| cause == Cause::Changed && record.key_id == value.key_id);
        draft.password = Some(PasswordRecord {
            digest: known.and_then(|record| record.digest.clone()),
            pending: Some(Pending {
                digest: value.digest.clone(),
                created_date,
                temporary: is_declared_temporary(credential),
            }),
            created_date: before.as_ref().and_then(|record| record.created_date),
            temporary: before.as_ref().is_some_and(|record| record.temporary),
            ..value.record()
        });
        draft.set_credentials.answer();
        draft.write_interim(self.context, self.user).await
    }

    async fn end_sessions(&self, draft: &mut Draft, credential: &Credential) -> Result<(), Error> {
        if credential.revoke_sessions == Some(true) && self.origin != Origin::Unfinished {
            self.connection.realm.client().end_sessions(&self.account.id).await.map_err(ActError::from)?;
            draft.changes.push("end sessions".to_owned());
        }
        Ok(())
    }

    async fn date_to_note(&self, credential: &Credential) -> Result<Option<i64>, Error> {
        if sync(credential) == PasswordSync::Enforce { self.created_date().await } else { Ok(None) }
    }

    async fn created_date(&self) -> Result<Option<i64>, Error> {
        let client = self.connection.realm.client();
        Ok(client.password_created_date(&self.account.id).await.map_err(ObserveError::from)?)
    }
}

/// Notes a password that travelled with the creation of its account.
pub(super) async fn created(
    connection: &Connection,
    draft: &mut Draft,
    credential: &Credential,
    value: &PasswordValue,
    refused: Option<&KeycloakError>,
) -> Result<(), Error> {
    draft.set_credentials.answer();
    if let Some(error) = refused {
        refuse(draft, value, error);
        return Ok(());
    }
    let temporary = is_declared_temporary(credential);
    draft.password = Some(PasswordRecord { temporary, ..value.record() });
    let id = draft.user_id.clone().filter(|_| sync(credential) == PasswordSync::Enforce);
    if let (Some(record), Some(id)) = (&mut draft.password, id) {
        record.created_date = connection.realm.client().password_created_date(&id).await.map_err(ObserveError::from)?;
    }
    conclude(connection, draft, credential).await
}

/// What was there before stays there, and stays known.
fn refuse(draft: &mut Draft, value: &PasswordValue, error: &KeycloakError) {
    let message = format!("{}; change the Secret, or the policy", error.kind);
    draft.credentials_synced = Some(Verdict::bad(Reason::PolicyRefused, message));
    let before = draft.password.take().unwrap_or_else(|| PasswordRecord { digest: None, ..value.record() });
    draft.password = Some(PasswordRecord {
        digest: before.digest.filter(|_| before.key_id == value.key_id),
        created_date: before.created_date,
        temporary: before.temporary,
        refused: true,
        ..value.record()
    });
}

/// Says how things are when nothing is left to do.
async fn conclude(connection: &Connection, draft: &mut Draft, credential: &Credential) -> Result<(), Error> {
    let sync = sync(credential);
    let problem = if sync == PasswordSync::Enforce { enforcement_problem(connection).await? } else { None };
    let assumed = draft.password.as_ref().is_some_and(|record| record.assumed);
    draft.credentials_synced = Some(match (problem, sync) {
        (Some(problem), _) => Verdict::bad(Reason::EnforceImpossible, problem),
        (None, _) if assumed => Verdict::unknown(
            Reason::AssumedCurrent,
            "the password was not sent: it is taken to be that of the Secret until the Secret changes",
        ),
        (None, PasswordSync::OnChange) => Verdict::good("the password of the Secret was set; another one will be, too"),
        (None, PasswordSync::Once) => Verdict::good("the initial password was set; no other one will be"),
        (None, PasswordSync::Enforce) => Verdict::good("the password is that of its Secret"),
    });
    Ok(())
}

/// Why a password that somebody else changed could not be put back, as far as the realm lets us know.
async fn enforcement_problem(connection: &Connection) -> Result<Option<String>, Error> {
    let policy = connection.realm.password_policy().await.map_err(ObserveError::from)?;
    let rule = policy.and_then(|policy| policy.keeps_from_putting_back());
    Ok(rule.map(|rule| {
        format!("sync: Enforce cannot work under the realm's password policy {rule}, which refuses a password that was used before; choose another sync, or change the policy")
    }))
}

fn sync(credential: &Credential) -> PasswordSync {
    match credential.sync.unwrap_or_default() {
        CredentialSync::OnChange => PasswordSync::OnChange,
        CredentialSync::Once => PasswordSync::Once,
        CredentialSync::Enforce => PasswordSync::Enforce,
    }
}

fn is_declared_temporary(credential: &Credential) -> bool {
    credential.temporary == Some(true)
}
