//! What can go wrong in a pass: one enum per phase, one class, reason and sentence each.

use std::time::Duration;

use crate::api::{Reason, Violation};
use crate::domain::{NotGranted, ObservedUser, Refusal};
use crate::keycloak::{ErrorKind, KeycloakError};
use crate::realm::ConnectionName;

/// A pass that did not reach its end, by the phase that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading what the resource refers to.
    #[error(transparent)]
    Dereference(#[from] DereferenceError),
    /// Parsing the spec.
    #[error("{0}; correct the resource")]
    Validate(#[from] Violation),
    /// Finding and reading the account.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// Changing the account.
    #[error(transparent)]
    Act(#[from] ActError),
    /// Writing to the Kubernetes API.
    #[error("the Kubernetes API: {}", sentence(.0))]
    Kubernetes(#[source] Box<kube::Error>),
    /// The resource was changed or has gone since it was read; nothing is wrong, the pass is repeated with the newer one.
    #[error("the resource has changed or gone meanwhile")]
    Outdated,
    /// A write to the Kubernetes API that was not begun.
    #[error("not written: this process may not be the one that leads until there is an answer")]
    Fenced,
    /// The pass as a whole.
    #[error("a pass took longer than {} s", .0.as_secs())]
    TimedOut(Duration),
}

/// Something that the resource refers to cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DereferenceError {
    /// The caches are not filled.
    #[error(
        "the connections, Secrets and ConfigMaps of namespace {0} cannot be listed; does it exist, and does the operator have its Role there?"
    )]
    NotListed(String),
    /// The connection does not exist.
    #[error("KeycloakConnection {0} does not exist in this namespace; create it, or name another in connectionRef")]
    ConnectionNotFound(String),
    /// The shared connection does not exist or does not allow the namespace. Which of the two is not told.
    #[error(
        "ClusterKeycloakConnection {0} does not exist or does not allow this namespace; ask whoever is in charge of it, or name another connection in connectionRef"
    )]
    ConnectionNotAllowed(String),
    /// Shared connections are not served.
    #[error(
        "ClusterKeycloakConnection {0} cannot be used: this operator does not serve connections of that kind (clusterConnections of its chart)"
    )]
    ClusterConnectionsOff(String),
    /// The shared connection cannot be used. Why is for the eyes of those who may read it.
    #[error("ClusterKeycloakConnection {0} cannot be used; its own status says why. Ask whoever is in charge of it")]
    ConnectionNotReady(String),
    /// The operator does not connect to the host.
    #[error("{connection}: the operator does not connect to {host}: {problem}")]
    HostNotAllowed {
        /// The connection.
        connection: ConnectionName,
        /// The host of its URL.
        host: String,
        /// Why.
        problem: String,
    },
    /// The connection breaks a rule.
    #[error("{connection}: {problem}")]
    ConnectionInvalid {
        /// The connection.
        connection: ConnectionName,
        /// What is wrong with it.
        problem: String,
    },
    /// The connection's Secret does not exist.
    #[error("Secret {secret} of {connection} does not exist; create it")]
    ConnectionSecretNotFound {
        /// The connection.
        connection: ConnectionName,
        /// Name of the Secret.
        secret: String,
    },
    /// The connection's Secret lacks a key.
    #[error("Secret {secret} of {connection} has no text under the key {key}; add it")]
    ConnectionSecretInvalid {
        /// The connection.
        connection: ConnectionName,
        /// Name of the Secret.
        secret: String,
        /// The key.
        key: &'static str,
    },
    /// The object with the certificate authorities does not exist.
    #[error("{object} with the certificate authorities of {connection} does not exist or lacks its key")]
    CertificateAuthorityNotFound {
        /// The connection.
        connection: ConnectionName,
        /// Kind, name and key.
        object: String,
    },
    /// The attribute that names owners proves nothing.
    #[error(
        "ownerAttribute {attribute} of {connection} is not one that admins alone may write by the realm's user profile; declare it there, with the permission to edit for admin alone"
    )]
    OwnerAttributeUnprotected {
        /// The connection.
        connection: ConnectionName,
        /// Name of the attribute.
        attribute: String,
    },
    /// The certificate authorities cannot be read.
    #[error("{object} of {connection} does not hold PEM certificates")]
    CertificateAuthorityInvalid {
        /// The connection.
        connection: ConnectionName,
        /// Kind, name and key.
        object: String,
    },
    /// A credential's Secret does not exist.
    #[error("Secret {0} of the password does not exist; create it")]
    SecretNotFound(String),
    /// A credential's Secret lacks the key.
    #[error("Secret {secret} of the password has no key {key}; add it")]
    SecretKeyNotFound {
        /// Name of the Secret.
        secret: String,
        /// The key.
        key: String,
    },
    /// A credential's value is empty.
    #[error("the password in Secret {secret} under the key {key} is empty or blank; give it a value")]
    SecretValueEmpty {
        /// Name of the Secret.
        secret: String,
        /// The key.
        key: String,
    },
    /// A credential's value is not text.
    #[error("the password in Secret {secret} under the key {key} is not UTF-8 text; give it another value")]
    SecretValueNotText {
        /// Name of the Secret.
        secret: String,
        /// The key.
        key: String,
    },
    /// Reading one of these failed.
    #[error("the Kubernetes API: {}", sentence(.0))]
    Kubernetes(#[source] Box<kube::Error>),
}

/// The account cannot be found or read.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// An account that this resource did not create, and may not take over.
    #[error(
        "the account {account} exists in the realm and was not created by this resource; it is left alone: {refusal}"
    )]
    ForeignAccount {
        /// Its username, escaped.
        account: String,
        /// Why it is not taken over.
        refusal: Refusal,
    },
    /// An account that belongs to another resource.
    #[error(
        "the account {account} belongs to {owner}; it is left alone. Delete one of the two, or let them declare different usernames"
    )]
    Conflict {
        /// Its username, escaped.
        account: String,
        /// The other resource, named only to those of its namespace.
        owner: String,
        /// UID of the other resource.
        owner_uid: String,
        /// Id of the account, if this resource may take it over when the other one goes.
        inherits: Option<String>,
    },
    /// Another resource may have the older claim, and no pass has looked at it yet.
    #[error("another resource declares the same account and has not been looked at yet; tried again in a moment")]
    RivalUnknown,
    /// Several accounts carry our mark.
    #[error(
        "several accounts could be the one that this resource created, and none has its name; they are left alone. Delete or rename those that are not"
    )]
    Ambiguous,
    /// An account could be ours or another resource's, and not all resources are known yet.
    #[error("whose account it is cannot be told before the resources of all watched namespaces have been read")]
    ClaimsIncomplete,
    /// A request failed.
    #[error(transparent)]
    Keycloak(#[from] KeycloakError),
}

/// The account cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// The connection does not grant a value.
    #[error("{connection}: {refusal}; choose another value, or have the grants extended")]
    NotGranted {
        /// The connection.
        connection: ConnectionName,
        /// The value and the rule.
        refusal: NotGranted,
    },
    /// Creating it met an account of that name that was not there before.
    #[error("an account named {0} has appeared in the realm")]
    NameMet(String),
    /// Another account has the username.
    #[error(
        "another account of the realm has {0} for its username or e-mail address; choose another username, or change that account"
    )]
    UsernameTaken(String),
    /// Another account has the e-mail address.
    #[error("another account of the realm has the e-mail address of this resource; change one of the two")]
    EmailTaken,
    /// A request failed.
    #[error(transparent)]
    Keycloak(#[from] KeycloakError),
}

/// What the API server says, without the structure that it says it in.
pub(super) fn sentence(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

/// Ends what takes longer than `limit`.
pub(super) async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(limit, work).await.unwrap_or(Err(Error::TimedOut(limit)))
}

/// What helps against an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Trying again, after this time if the server named one.
    Transient(Option<Duration>),
    /// An object that is not there yet; its watch wakes us.
    Waiting,
    /// A change on the connection, or in Keycloak on what the connection may do. Retried, since nothing tells us.
    Misconfigured,
    /// A change of the resource, or of the account in Keycloak.
    Terminal,
}

/// The watch delivers the newer resource long before.
const OUTDATED_RETRY: Duration = Duration::from_secs(1);

/// Leadership is renewed every other second, or lost for good.
const FENCED: (Reason, Class) = (Reason::NotLeading, Class::Transient(Some(Duration::from_secs(5))));

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if matches!(status.code, 404 | 409) => Self::Outdated,
            other => Self::Kubernetes(Box::new(other)),
        }
    }
}

impl Error {
    /// Reason and class, for the status, the event, the metric and the next try.
    #[must_use]
    pub fn verdict(&self) -> (Reason, Class) {
        match self {
            Self::Dereference(error) => error.verdict(),
            Self::Validate(_) => (Reason::InvalidSpec, Class::Terminal),
            Self::Observe(ObserveError::ForeignAccount { .. } | ObserveError::Ambiguous) => {
                (Reason::ForeignAccount, Class::Terminal)
            }
            Self::Observe(ObserveError::Conflict { .. }) => (Reason::Conflict, Class::Terminal),
            Self::Observe(ObserveError::RivalUnknown) => (Reason::Conflict, Class::Transient(Some(OUTDATED_RETRY))),
            Self::Observe(ObserveError::Keycloak(error)) | Self::Act(ActError::Keycloak(error)) => {
                keycloak(&error.kind)
            }
            Self::Act(ActError::NotGranted { .. }) => (Reason::NotGranted, Class::Terminal),
            Self::Act(ActError::NameMet(_)) => (Reason::ForeignAccount, Class::Transient(Some(OUTDATED_RETRY))),
            Self::Act(ActError::UsernameTaken(_)) => (Reason::UsernameTaken, Class::Terminal),
            Self::Act(ActError::EmailTaken) => (Reason::EmailTaken, Class::Terminal),
            Self::Kubernetes(_) | Self::Observe(ObserveError::ClaimsIncomplete) => {
                (Reason::KubernetesError, Class::Transient(None))
            }
            Self::Outdated => (Reason::KubernetesError, Class::Transient(Some(OUTDATED_RETRY))),
            Self::Fenced => FENCED,
            Self::TimedOut(_) => (Reason::TimedOut, Class::Transient(None)),
        }
    }

    /// Whether the pass ended since Keycloak does not answer, or has asked for a pause; it was told by another pass.
    pub(super) fn is_not_sent(&self) -> bool {
        let (Self::Observe(ObserveError::Keycloak(error)) | Self::Act(ActError::Keycloak(error))) = self else {
            return false;
        };
        matches!(error.kind, ErrorKind::NotSent { .. })
    }

    /// Whether the pass ended for the sake of another one, here or in another process, which will report.
    pub(super) fn leaves_report_to_another(&self) -> bool {
        matches!(self, Self::Outdated) || self.verdict().0 == Reason::NotLeading
    }
}

impl ObserveError {
    /// That account is not ours, for this reason.
    pub(super) fn foreign(account: &ObservedUser, refusal: Refusal) -> Self {
        Self::ForeignAccount { account: account.username.escape_debug().to_string(), refusal }
    }
}

impl DereferenceError {
    pub(super) fn verdict(&self) -> (Reason, Class) {
        match self {
            Self::ConnectionNotFound(_) => (Reason::ConnectionNotFound, Class::Waiting),
            Self::ConnectionNotAllowed(_) | Self::ClusterConnectionsOff(_) => {
                (Reason::ConnectionNotAllowed, Class::Waiting)
            }
            Self::ConnectionNotReady(_) => (Reason::ConnectionNotReady, Class::Transient(None)),
            Self::HostNotAllowed { .. } => (Reason::HostNotAllowed, Class::Misconfigured),
            Self::ConnectionInvalid { .. } => (Reason::ConnectionInvalid, Class::Misconfigured),
            Self::ConnectionSecretNotFound { .. } => (Reason::ConnectionSecretNotFound, Class::Waiting),
            Self::ConnectionSecretInvalid { .. } => (Reason::ConnectionSecretInvalid, Class::Waiting),
            Self::CertificateAuthorityNotFound { .. } => (Reason::CertificateAuthorityNotFound, Class::Waiting),
            Self::OwnerAttributeUnprotected { .. } => (Reason::OwnerAttributeUnprotected, Class::Misconfigured),
            Self::CertificateAuthorityInvalid { .. } => (Reason::CertificateAuthorityInvalid, Class::Misconfigured),
            Self::SecretNotFound(_) => (Reason::SecretNotFound, Class::Waiting),
            Self::SecretKeyNotFound { .. } => (Reason::SecretKeyNotFound, Class::Waiting),
            Self::SecretValueEmpty { .. } => (Reason::SecretValueEmpty, Class::Waiting),
            Self::SecretValueNotText { .. } => (Reason::SecretValueNotText, Class::Waiting),
            Self::Kubernetes(_) | Self::NotListed(_) => (Reason::KubernetesError, Class::Transient(None)),
        }
    }
}

/// Reason and class of an answer of Keycloak.
fn keycloak(kind: &ErrorKind) -> (Reason, Class) {
    match kind {
        ErrorKind::Unreachable(_) => (Reason::KeycloakUnreachable, Class::Transient(None)),
        ErrorKind::Timeout(_) => (Reason::KeycloakTimeout, Class::Transient(None)),
        ErrorKind::CredentialsRefused(_) => (Reason::CredentialsRefused, Class::Misconfigured),
        ErrorKind::Forbidden(_) => (Reason::Forbidden, Class::Misconfigured),
        ErrorKind::ForbiddenAddress => (Reason::HostNotAllowed, Class::Misconfigured),
        ErrorKind::RealmNotFound => (Reason::RealmNotFound, Class::Misconfigured),
        ErrorKind::Fenced => FENCED,
        ErrorKind::Throttled(after) => (Reason::TooManyRequests, Class::Transient(*after)),
        ErrorKind::NotSent { cause, wait } => (keycloak(cause).0, Class::Transient(Some(*wait))),
        // Not found or in conflict: the account vanished between two requests, or somebody took its name; the next pass
        // finds out.
        ErrorKind::Server(_) | ErrorKind::Unexpected(_) | ErrorKind::NotFound | ErrorKind::Conflict(_) => {
            (Reason::KeycloakError, Class::Transient(None))
        }
        // An id that was known is not any more; the next pass looks for the name again.
        ErrorKind::NoSuchObject => (Reason::KeycloakError, Class::Transient(Some(OUTDATED_RETRY))),
        ErrorKind::Rejected(_) => (Reason::ValueRejected, Class::Terminal),
        ErrorKind::PasswordRejected(_) | ErrorKind::PasswordInHistory => (Reason::PolicyRefused, Class::Terminal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_takes_longer_than_its_limit_is_ended() {
        let limit = Duration::from_mins(1);
        let outcome = within::<()>(limit, std::future::pending()).await;
        assert!(matches!(outcome, Err(Error::TimedOut(after)) if after == limit));
        let in_time = within(limit, async {
            tokio::time::sleep(Duration::from_secs(59)).await;
            Ok(1)
        });
        assert_eq!(in_time.await.unwrap(), 1);
    }
}
