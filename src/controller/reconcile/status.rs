//! The status of a user: drafted during a pass, written whole, and only when it differs.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{ObjectMeta, PostParams};

use super::disable::{Off, expiry};
use super::recorded_rights::{ActionsRecord, Lists, RightsRecord, lists, read};
use super::wish::Wish;
use crate::api::{
    ConditionType, CredentialRecord, CredentialType, KeycloakUser, KeycloakUserStatus, OwnedStatus, PendingReset,
    PreexistingStatus, RECONCILE_REQUESTED_AT, Reason,
};
use crate::controller::FIELD_MANAGER;
use crate::controller::context::{Context, key_of};
use crate::controller::error::Error;
use crate::domain::{Digest, Expiry, ObservedUser, Owned, PasswordRecord, Pending, Preexisting, SecretVersion, UserId};

/// Longest message of a condition; an error of the API server can be of any length.
const MESSAGE_CHARACTERS: usize = 2048;

/// So long a resource counts as what it was: no longer than what a right implies does (docs/decisions.md).
const LIVE: Duration = Duration::from_secs(1);

/// Reasons that leave all of the profile as declared but for `enabled`.
const IN_LINE: [Reason; 8] = [
    Reason::Synced,
    Reason::Expired,
    Reason::DisabledElsewhere,
    Reason::LockedOut,
    Reason::PolicyRefused,
    Reason::EnforceImpossible,
    Reason::RightNotGranted,
    Reason::UnknownName,
];

/// A condition before it has a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) status: &'static str,
    pub(super) reason: Reason,
    pub(super) message: String,
}

impl Verdict {
    pub(super) fn good(message: impl Into<String>) -> Self {
        Self { status: "True", reason: Reason::Synced, message: message.into() }
    }

    pub(super) fn expired(at: &Time) -> Self {
        let message = format!("the account is disabled and its sessions are ended: it expired at {}", at.0);
        Self { status: "True", reason: Reason::Expired, message }
    }

    pub(super) fn bad(reason: Reason, message: impl Into<String>) -> Self {
        Self { status: "False", reason, message: message.into() }
    }

    pub(super) fn unknown(reason: Reason, message: impl Into<String>) -> Self {
        Self { status: "Unknown", reason, message: message.into() }
    }
}

/// Whether the account was not created by the resource, but taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Adopted {
    No,
    /// So the status says.
    Before,
    /// By this pass.
    Now,
}

/// What a pass knows of its resource and account so far; becomes the status.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) resource_version: String,
    /// When the API server last took a write of this pass, each of which is bound to the version that was read.
    taken: Option<Instant>,
    written: KeycloakUserStatus,
    generation: Option<i64>,
    pub(super) user_id: Option<UserId>,
    pub(super) username: Option<String>,
    pub(super) owned: Owned,
    pub(super) adopted: Adopted,
    /// This pass has found the account to be ours.
    pub(super) is_ours: bool,
    pub(super) preexisting: Preexisting,
    pub(super) rights: RightsRecord,
    pub(super) password: Option<PasswordRecord>,
    pub(super) credentials_synced: Option<Verdict>,
    pub(super) attributes_accepted: Option<Verdict>,
    /// Whether the account has reached its last day.
    pub(super) expiry: Expiry,
    pub(super) off: Off,
    /// Answered when `enabled` was decided upon.
    pub(super) reenable: Wish,
    pub(super) set_credentials: Wish,
    /// What was changed in Keycloak, for the log: names of fields, never values.
    pub(super) changes: Vec<String>,
    /// What differed without a change of the resource.
    pub(super) drift: Vec<String>,
}

impl Draft {
    /// Starts from what the status says.
    pub(super) fn of(user: &KeycloakUser) -> Self {
        let written = user.status.clone().unwrap_or_default();
        Self {
            resource_version: user.resource_version().unwrap_or_default(),
            taken: None,
            generation: user.metadata.generation,
            user_id: written.user_id.as_deref().and_then(UserId::parse),
            username: written.username.clone(),
            owned: owned(&written.owned),
            adopted: if written.adopted == Some(true) { Adopted::Before } else { Adopted::No },
            is_ours: false,
            preexisting: Preexisting { attributes: written.preexisting.attributes.iter().cloned().collect() },
            rights: rights(&written),
            password: written.credentials.first().map(record),
            expiry: expiry(user),
            off: Off {
                expired: written.owned.expired.unwrap_or_default(),
                sessions_to_end: written.sessions_to_end.unwrap_or_default(),
            },
            credentials_synced: None,
            attributes_accepted: None,
            reenable: Wish::to_reenable(user),
            set_credentials: Wish::to_set_credentials(user),
            changes: Vec::new(),
            drift: Vec::new(),
            written,
        }
    }

    /// Takes over the version of the object after a write of ours.
    pub(super) fn continue_from(&mut self, user: &KeycloakUser) {
        self.resource_version = user.resource_version().unwrap_or_default();
        self.taken = Some(Instant::now());
    }

    /// Whether a write of this pass has shown a moment ago that the resource is the one that was read.
    pub(super) fn is_live(&self) -> bool {
        self.taken.is_some_and(|at| at.elapsed() < LIVE)
    }

    /// Notes the account as it was read.
    pub(super) fn saw(&mut self, account: &ObservedUser) {
        self.user_id = Some(account.id.clone());
        self.username = Some(account.username.clone());
        self.is_ours = true;
    }

    /// The account, if this pass has found it to be ours.
    pub(super) fn seen_id(&self) -> Option<String> {
        self.user_id.as_ref().filter(|_| self.is_ours).map(ToString::to_string)
    }

    /// Forgets an account that is gone, with all that was put into it.
    pub(super) fn lost(&mut self) {
        self.user_id = None;
        self.username = None;
        self.owned = Owned::default();
        self.created();
        self.rights = RightsRecord::default();
        self.password = None;
        self.off = Off::default();
    }

    /// Notes that the account was created by the resource.
    pub(super) fn created(&mut self) {
        self.adopted = Adopted::No;
        self.preexisting = Preexisting::default();
    }

    /// Notes that the account was taken over. What was noted for an account that came to nothing is none of this one.
    pub(super) fn took_over(&mut self) {
        if self.adopted == Adopted::No {
            self.adopted = Adopted::Now;
            self.owned = Owned::default();
            self.rights = RightsRecord::default();
        }
    }

    /// Whether the resource is as it was when its account was last brought into line, so that a difference is drift.
    pub(super) fn is_settled(&self) -> bool {
        let in_line = |ready: &Condition| IN_LINE.iter().any(|reason| reason.as_str() == ready.reason);
        self.user_id.is_some() && self.answered().is_some_and(in_line)
    }

    /// What Keycloak did not keep of the spec as it is.
    pub(super) fn was_not_kept(&self) -> Option<&str> {
        let ready = self.answered().filter(|ready| ready.reason == Reason::NotKept.as_str())?;
        Some(&ready.message)
    }

    /// The condition `Ready`, if it speaks of the spec as it is.
    pub(super) fn answered(&self) -> Option<&Condition> {
        let current = self.generation.is_some() && self.written.observed_generation == self.generation;
        self.was_ready().filter(|_| current)
    }

    /// What the status says that `Ready` is.
    pub(super) fn was_ready(&self) -> Option<&Condition> {
        self.written.conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.as_str())
    }

    /// The status as it shall be, with these conditions beside those of the parts.
    pub(super) fn finish(&self, user: &KeycloakUser, conditions: &[(ConditionType, Verdict)]) -> KeycloakUserStatus {
        let mut conditions: Vec<Condition> =
            conditions.iter().map(|(type_, verdict)| self.condition(*type_, verdict)).collect();
        if !user.spec.credentials.is_empty() {
            conditions.extend(self.part(ConditionType::CredentialsSynced, self.credentials_synced.as_ref()));
        }
        let flawed = self.attributes_accepted.as_ref().is_some_and(|verdict| verdict.status == "False");
        if flawed || !user.spec.attributes.is_empty() {
            conditions.extend(self.part(ConditionType::AttributesAccepted, self.attributes_accepted.as_ref()));
        }
        KeycloakUserStatus {
            observed_generation: self.generation,
            conditions,
            last_handled_reconcile_at: user.annotations().get(RECONCILE_REQUESTED_AT).cloned(),
            last_handled_reenable: self.reenable.handled(),
            ..self.interim()
        }
    }

    /// The status in the middle of a pass: what is known of the account, all else as it was.
    fn interim(&self) -> KeycloakUserStatus {
        let Lists { realm_roles, client_roles, groups } = lists(&self.rights.owned);
        let before = lists(&self.rights.preexisting);
        KeycloakUserStatus {
            user_id: self.user_id.as_ref().map(ToString::to_string),
            username: self.username.clone(),
            owned: OwnedStatus {
                attributes: self.owned.attributes.iter().cloned().collect(),
                enabled: self.owned.enabled,
                realm_roles,
                client_roles,
                groups,
                expired: self.off.expired.then_some(true),
                required_actions: self.rights.actions.owned.iter().cloned().collect(),
            },
            adopted: (self.adopted != Adopted::No).then_some(true),
            preexisting: PreexistingStatus {
                attributes: self.preexisting.attributes.iter().cloned().collect(),
                realm_roles: before.realm_roles,
                client_roles: before.client_roles,
                groups: before.groups,
                required_actions: self.rights.actions.preexisting.iter().cloned().collect(),
            },
            sessions_to_end: self.off.sessions_to_end.then_some(true),
            credentials: self.password.iter().map(recorded).collect(),
            last_handled_set_credentials: self.set_credentials.handled(),
            ..self.written.clone()
        }
    }

    /// The condition of a part: as this pass found it, or, if the pass ended before, as it was.
    fn part(&self, type_: ConditionType, verdict: Option<&Verdict>) -> Option<Condition> {
        match verdict {
            Some(verdict) => Some(self.condition(type_, verdict)),
            None => self.written.conditions.iter().find(|condition| condition.type_ == type_.as_str()).cloned(),
        }
    }

    /// Keeps the time of a condition whose status stays the same (Kubernetes API conventions).
    fn condition(&self, type_: ConditionType, verdict: &Verdict) -> Condition {
        let type_ = type_.as_str();
        let before = self.written.conditions.iter().find(|condition| condition.type_ == type_);
        let unchanged = before.filter(|condition| condition.status == verdict.status);
        Condition {
            type_: type_.to_owned(),
            status: verdict.status.to_owned(),
            reason: verdict.reason.as_str().to_owned(),
            message: verdict.message.chars().take(MESSAGE_CHARACTERS).collect(),
            observed_generation: self.generation,
            last_transition_time: unchanged.map_or_else(|| Time(Timestamp::now()), |c| c.last_transition_time.clone()),
        }
    }

    /// Writes what must be known after a crash, before the request that it speaks of.
    pub(super) async fn write_interim(&mut self, context: &Context, user: &KeycloakUser) -> Result<(), Error> {
        self.write(context, user, self.interim()).await
    }

    /// What a replacement of the status has to carry; the API server takes nothing else of it.
    fn object(&self, user: &KeycloakUser, status: &KeycloakUserStatus) -> KeycloakUser {
        let metadata = ObjectMeta {
            name: user.metadata.name.clone(),
            namespace: user.metadata.namespace.clone(),
            uid: user.metadata.uid.clone(),
            resource_version: Some(self.resource_version.clone()),
            ..ObjectMeta::default()
        };
        KeycloakUser { metadata, spec: user.spec.clone(), status: Some(status.clone()) }
    }

    /// Writes the status if it differs from what was written last, on the condition that the object is still the one
    /// that was read. It is replaced whole: nothing stays of what somebody else may have written there.
    pub(super) async fn write(
        &mut self,
        context: &Context,
        user: &KeycloakUser,
        status: KeycloakUserStatus,
    ) -> Result<(), Error> {
        if status == self.written {
            return Ok(());
        }
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let (namespace, name) = key_of(user);
        let api = context.users_api(&namespace);
        let user = context.write(api.replace_status(&name, &params, &self.object(user, &status))).await?;
        self.continue_from(&user);
        self.written = status;
        Ok(())
    }
}

fn owned(status: &OwnedStatus) -> Owned {
    Owned { attributes: status.attributes.iter().cloned().collect::<BTreeSet<_>>(), enabled: status.enabled }
}

fn rights(status: &KeycloakUserStatus) -> RightsRecord {
    let (owned, before) = (&status.owned, &status.preexisting);
    RightsRecord {
        owned: read(&owned.realm_roles, &owned.client_roles, &owned.groups),
        preexisting: read(&before.realm_roles, &before.client_roles, &before.groups),
        actions: ActionsRecord {
            owned: owned.required_actions.iter().cloned().collect(),
            preexisting: before.required_actions.iter().cloned().collect(),
        },
    }
}

fn record(status: &CredentialRecord) -> PasswordRecord {
    let pending = |pending: &PendingReset| Pending {
        digest: Digest::recorded(&pending.digest),
        created_date: pending.created_date,
        temporary: pending.temporary.unwrap_or_default(),
    };
    PasswordRecord {
        secret: SecretVersion {
            uid: status.secret_uid.clone(),
            key: status.secret_key.clone(),
            resource_version: status.secret_resource_version.clone(),
        },
        key_id: status.key_id.clone(),
        digest: status.digest.as_deref().map(Digest::recorded),
        created_date: status.created_date,
        pending: status.pending.as_ref().map(pending),
        refused: status.refused.unwrap_or_default(),
        assumed: status.assumed.unwrap_or_default(),
        temporary: status.temporary.unwrap_or_default(),
    }
}

fn recorded(record: &PasswordRecord) -> CredentialRecord {
    let pending = |pending: &Pending| PendingReset {
        digest: pending.digest.as_str().to_owned(),
        created_date: pending.created_date,
        temporary: pending.temporary.then_some(true),
    };
    CredentialRecord {
        type_: CredentialType::Password,
        secret_uid: record.secret.uid.clone(),
        secret_key: record.secret.key.clone(),
        secret_resource_version: record.secret.resource_version.clone(),
        key_id: record.key_id.clone(),
        digest: record.digest.as_ref().map(|digest| digest.as_str().to_owned()),
        created_date: record.created_date,
        pending: record.pending.as_ref().map(pending),
        refused: record.refused.then_some(true),
        assumed: record.assumed.then_some(true),
        temporary: record.temporary.then_some(true),
    }
}
