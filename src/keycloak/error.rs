//! What can go wrong with a request, in classes that the controller tells apart.
//!
//! Nothing that a server sent reaches a message, but for the names of fields and for error keys that we know: whoever
//! may write a connection chooses the server, and its answers must not be readable through a status.

use std::time::Duration;

use rustls::CertificateError;

use super::Operation;

/// A request that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {kind}")]
pub struct KeycloakError {
    /// What was tried.
    pub operation: Operation,
    /// What came of it.
    pub kind: ErrorKind,
}

/// How a request failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// No connection, or none that can be trusted.
    #[error("no connection to Keycloak: {0}")]
    Unreachable(String),
    /// No connection is made to that host.
    #[error("no connection is made to the host of the connection: {}", super::ForbiddenAddress)]
    ForbiddenAddress,
    /// No answer in time.
    #[error("no answer from Keycloak within {} s", .0.as_secs())]
    Timeout(Duration),
    /// The login, or the token that it gave, was refused.
    #[error("Keycloak refuses the connection's credentials{}", .0.map(|hint| format!(" ({hint})")).unwrap_or_default())]
    CredentialsRefused(Option<&'static str>),
    /// The account of the connection lacks a right.
    #[error("the connection's account lacks a right in the realm ({0})")]
    Forbidden(&'static str),
    /// The server says that the realm does not exist.
    #[error("the realm does not exist")]
    RealmNotFound,
    /// The server says that the account does not exist.
    #[error("not found")]
    NotFound,
    /// The server says that a role, group or client does not exist.
    #[error("a role, group or client is not there any more")]
    NoSuchObject,
    /// Another account has it.
    #[error("another account of the realm has that {0}")]
    Conflict(ConflictWith),
    /// A value was refused.
    #[error("refused: {}", join(.0))]
    Rejected(Vec<FieldError>),
    /// The password policy refused the password.
    #[error("the realm's password policy refuses the password: {0}")]
    PasswordRejected(&'static str),
    /// The password was used before.
    #[error("the realm's password policy refuses the password: it was used before")]
    PasswordInHistory,
    /// Fewer requests, please.
    #[error("too many requests")]
    Throttled(Option<Duration>),
    /// Not sent: requests before it failed like this, or the server has asked for a pause.
    #[error("{cause}")]
    NotSent {
        /// What became of those before it.
        cause: Box<ErrorKind>,
        /// So long none is sent.
        wait: Duration,
    },
    /// The server failed.
    #[error("Keycloak answered with status {0}")]
    Server(u16),
    /// A change that was not sent.
    #[error("not sent: this process may not be the one that leads until there is an answer")]
    Fenced,
    /// Not an answer of Keycloak's Admin API.
    #[error("the answer is not one of Keycloak's Admin API ({0}); does the URL lead to Keycloak?")]
    Unexpected(String),
}

/// What two accounts cannot share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConflictWith {
    /// The username.
    Username,
    /// The e-mail address.
    Email,
    /// Keycloak does not say which.
    Either,
}

impl std::fmt::Display for ConflictWith {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Username => "username",
            Self::Email => "e-mail address",
            Self::Either => "username or e-mail address",
        })
    }
}

/// A field whose value was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Name of the field or attribute, escaped.
    pub field: Option<String>,
    /// What is wrong with it, in our words.
    pub problem: &'static str,
}

impl std::fmt::Display for FieldError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.field {
            Some(field) => write!(formatter, "{field} {}", self.problem),
            None => formatter.write_str(self.problem),
        }
    }
}

fn join(errors: &[FieldError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Our words for a certificate that is not accepted.
pub(super) fn certificate_problem(problem: &CertificateError) -> &'static str {
    match problem {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its certificate has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name than that of the URL"
        }
        CertificateError::UnknownIssuer => "its certificate comes from an authority that is not trusted",
        CertificateError::Revoked => "its certificate is revoked",
        _ => "its certificate is not accepted",
    }
}

/// Our words for the error keys of Keycloak's user-profile validators (26.7).
pub(super) fn validation_problem(key: &str) -> &'static str {
    match key {
        "error-invalid-length" | "error-invalid-length-too-short" | "error-invalid-length-too-long" => {
            "has a length that the user profile does not allow"
        }
        "error-invalid-email" | "invalidEmailMessage" => "is not a valid e-mail address",
        "error-user-attribute-required" => "is required by the user profile",
        "error-user-attribute-read-only" => "may not be changed",
        "error-username-invalid-character" => "has a character that a username may not have",
        "error-person-name-invalid-character" => "has a character that a name may not have",
        "error-invalid-multivalued-size" => "has a number of values that the user profile does not allow",
        "error-pattern-no-match" => "does not match the pattern of the user profile",
        "error-invalid-value" | "error-invalid-blank" | "error-empty" => {
            "has a value that the user profile does not allow"
        }
        "error-number-out-of-range" | "error-number-out-of-range-too-small" | "error-number-out-of-range-too-big" => {
            "is outside the range of the user profile"
        }
        "error-invalid-number" => "is not a number",
        "error-invalid-date" => "is not a date",
        "error-invalid-uri" => "is not a URI",
        "Federated storage is not writable" | "User is read only!" => "the account lives in a read-only directory",
        _ => "was refused by the realm",
    }
}

/// Our words for the error keys of Keycloak's password policies (26.7); `None` for all other errors.
pub(super) fn password_problem(key: &str) -> Option<&'static str> {
    let rule = key.strip_prefix("invalidPassword")?.strip_suffix("Message")?;
    Some(match rule {
        "MinLength" => "it is too short",
        "MaxLength" => "it is too long",
        "MinLowerCaseChars" => "it has too few lower-case letters",
        "MinUpperCaseChars" => "it has too few upper-case letters",
        "MinDigits" => "it has too few digits",
        "MinSpecialChars" => "it has too few special characters",
        "NotUsername" | "NotContainsUsername" => "it is, or contains, the username",
        "NotEmail" => "it is the e-mail address",
        "RegexPattern" => "it does not match the pattern of the policy",
        "Blacklisted" => "it is on the list of forbidden passwords",
        _ => "it breaks a rule of the policy",
    })
}
