//! Answers: what was received, and what it means.

use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode, header};
use serde::de::DeserializeOwned;

use super::address::ForbiddenAddress;
use super::answer_body::AnswerBody;
use super::error::{certificate_problem, password_problem, validation_problem};
use super::transport::{CONNECT_TIMEOUT, REQUEST_TIMEOUT};
use super::wire::ErrorRepresentation;
use super::{ConflictWith, ErrorKind, FieldError, KeycloakError, Operation};

/// A server may ask for a wait of at least this,
const SHORTEST_RETRY: Duration = Duration::from_secs(1);
/// and of at most this, so that it can neither make us spin nor forget an account.
const LONGEST_RETRY: Duration = Duration::from_mins(5);
/// An answer larger than this is not one of the calls in use.
const MAX_BODY: usize = 4 << 20;
/// What Keycloak (26.7) says of a role, group or client that is not there.
const NO_SUCH_OBJECT: [&str; 8] = [
    "Could not find role",
    "Could not find role with id",
    "Could not find client",
    "Could not find group by id",
    "Group path does not exist",
    "Role not found",
    "Client not found",
    "Group not found",
];

/// What a server answered, when it was a success.
pub(super) struct Answer {
    pub(super) location: Option<String>,
    body: AnswerBody,
}

impl Answer {
    pub(super) fn json<T: DeserializeOwned>(&self, operation: Operation) -> Result<T, KeycloakError> {
        serde_json::from_slice(self.body.bytes()).map_err(|error| {
            let detail = format!("not the expected JSON at line {} column {}", error.line(), error.column());
            KeycloakError { operation, kind: ErrorKind::Unexpected(detail) }
        })
    }
}

/// An answer as it came.
pub(super) struct Received {
    pub(super) status: StatusCode,
    location: Option<String>,
    retry_after: Option<Duration>,
    body: AnswerBody,
}

/// Sends a request, and receives what comes.
pub(super) async fn receive(request: RequestBuilder) -> Result<Received, ErrorKind> {
    let mut response = request.send().await.map_err(|error| no_answer(&error))?;
    let text = |name| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
    let retry_after = text(header::RETRY_AFTER)
        .and_then(|value| value.parse().ok())
        .map(|seconds| Duration::from_secs(seconds).clamp(SHORTEST_RETRY, LONGEST_RETRY));
    let (status, location) = (response.status(), text(header::LOCATION));
    let mut body = AnswerBody::default();
    while let Some(chunk) = response.chunk().await.map_err(|error| no_answer(&error))? {
        if body.bytes().len() + chunk.len() > MAX_BODY {
            return Err(ErrorKind::Unexpected(format!("more than {MAX_BODY} bytes")));
        }
        body.push(&chunk);
    }
    Ok(Received { status, location, retry_after, body })
}

/// What the local side knows about a request that got no answer: the innermost cause, such as "connection refused".
pub(super) fn no_answer(error: &reqwest::Error) -> ErrorKind {
    if error.is_timeout() {
        return ErrorKind::Timeout(if error.is_connect() { CONNECT_TIMEOUT } else { REQUEST_TIMEOUT });
    }
    let mut cause: &(dyn std::error::Error + 'static) = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if cause.is::<ForbiddenAddress>() {
        return ErrorKind::ForbiddenAddress;
    }
    ErrorKind::Unreachable(reason(cause))
}

/// rustls quotes the names for which a certificate is valid. Those are the server's words, so ours stand for them.
pub(super) fn reason(mut cause: &(dyn std::error::Error + 'static)) -> String {
    // An I/O error shows what it wraps, but does not give it as its source.
    while let Some(inner) = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        cause = inner;
    }
    match cause.downcast_ref() {
        Some(rustls::Error::InvalidCertificate(problem)) => certificate_problem(problem).to_owned(),
        _ => escaped(&cause.to_string(), 200),
    }
}

impl Received {
    /// An error, unless the status is the one that the operation has when it is done.
    pub(super) fn interpret(self, operation: Operation) -> Result<Answer, ErrorKind> {
        if self.status == operation.success() {
            return Ok(Answer { location: self.location, body: self.body });
        }
        let report: ErrorRepresentation = serde_json::from_slice(self.body.bytes()).unwrap_or_default();
        Err(match self.status.as_u16() {
            400 | 401 if operation == Operation::GetToken => ErrorKind::CredentialsRefused(login_hint(&report)),
            401 => ErrorKind::CredentialsRefused(Some("the token is not accepted")),
            403 => ErrorKind::Forbidden(operation.right()),
            404 => not_found(operation, &report),
            // Where nothing is named that is taken: a lost race with another request for the account, or a gateway.
            409 => conflict(&report).map_or(ErrorKind::Server(409), ErrorKind::Conflict),
            429 => ErrorKind::Throttled(self.retry_after),
            503 if self.retry_after.is_some() => ErrorKind::Throttled(self.retry_after),
            400 if operation.brings_values() => rejected(&report),
            status @ 500.. => ErrorKind::Server(status),
            status => ErrorKind::Unexpected(format!("status {status}")),
        })
    }
}

fn login_hint(report: &ErrorRepresentation) -> Option<&'static str> {
    Some(match report.error.as_deref()? {
        "unauthorized_client" | "invalid_client" => "wrong client ID or secret, or the client has no service account",
        "invalid_grant" => "wrong username or password, or the login needs more than a password",
        _ => return None,
    })
}

/// Keycloak says "Realm not found." or "Realm does not exist", and "User not found" of an account. The 404 of a gateway,
/// or of another path than the Admin API's, says neither; it must not count as the end of an account.
fn not_found(operation: Operation, report: &ErrorRepresentation) -> ErrorKind {
    match (operation, report.error.as_deref()) {
        (_, Some(error)) if error.starts_with("Realm ") => ErrorKind::RealmNotFound,
        (Operation::GetToken, _) => ErrorKind::Unexpected("status 404".to_owned()),
        (_, Some("User not found"))
        | (Operation::FindOfflineSessions, Some("Client not found"))
        // Written so by 26.7.
        | (Operation::DeleteOfflineSession, Some("Sesssion not found" | "Session not found")) => ErrorKind::NotFound,
        (_, Some(error)) if operation.concerns_rights() && NO_SUCH_OBJECT.contains(&error) => ErrorKind::NoSuchObject,
        _ => ErrorKind::Unexpected("status 404".to_owned()),
    }
}

fn conflict(report: &ErrorRepresentation) -> Option<ConflictWith> {
    Some(match report.error_message.as_deref()? {
        "User exists with same username" => ConflictWith::Username,
        "User exists with same email" => ConflictWith::Email,
        "User exists with same username or email" => ConflictWith::Either,
        _ => return None,
    })
}

fn rejected(report: &ErrorRepresentation) -> ErrorKind {
    let key = report.error.as_deref().or(report.error_message.as_deref());
    match key {
        None if report.errors.is_empty() => return ErrorKind::Unexpected("status 400".to_owned()),
        Some(key) if key.starts_with("invalidPasswordHistory") => return ErrorKind::PasswordInHistory,
        // The catch-alls of POST, PUT and reset-password, for trouble with the database.
        Some("Could not create user" | "Could not update user!" | "Database operation failed") => {
            return ErrorKind::Server(400);
        }
        _ => {}
    }
    if let Some(problem) = key.and_then(password_problem) {
        return ErrorKind::PasswordRejected(problem);
    }
    let reports = if report.errors.is_empty() { std::slice::from_ref(report) } else { &report.errors };
    ErrorKind::Rejected(reports.iter().map(field_error).collect())
}

fn field_error(report: &ErrorRepresentation) -> FieldError {
    let key = report.error_message.as_deref().or(report.error.as_deref()).unwrap_or_default();
    FieldError { field: report.field.as_deref().map(|field| escaped(field, 64)), problem: validation_problem(key) }
}

/// At most so many characters, control characters shown as escapes.
fn escaped(text: &str, max: usize) -> String {
    text.escape_debug().take(max).collect()
}
