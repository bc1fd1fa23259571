//! Requests: connections, tokens, timeouts, and what the answers mean.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, RequestBuilder, StatusCode, Url, header};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::address::{ForbiddenAddress, Lookup, Resolver, SystemLookup, check_literal};
use super::answer_body::AnswerBody;
use super::auth::{Token, time_of_use};
use super::error::{certificate_problem, password_problem, validation_problem};
use super::own_writes::OwnWrites;
use super::wire::{ErrorRepresentation, TokenResponse};
use super::{
    ConflictWith, ErrorKind, Fence, FieldError, Kept, KeycloakError, KeycloakMetrics, Login, Operation, secret_body,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A server may ask for a wait of at least this,
const SHORTEST_RETRY: Duration = Duration::from_secs(1);
/// and of at most this, so that it can neither make us spin nor forget an account.
const LONGEST_RETRY: Duration = Duration::from_mins(5);
/// An answer larger than this is not one of the calls in use.
const MAX_BODY: usize = 4 << 20;
/// What may stand in a path segment as it is; Keycloak refuses paths with `..`, `//` or `;` since 26.5.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

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

/// PEM certificates of authorities that may vouch for a server.
#[derive(Clone, Debug)]
pub struct CertificateAuthorities(Vec<reqwest::Certificate>);

/// No PEM certificate could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not PEM certificates")]
pub struct InvalidCertificates;

impl CertificateAuthorities {
    /// Reads a bundle of PEM certificates.
    ///
    /// # Errors
    /// When there is none, or one cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Self, InvalidCertificates> {
        let certificates = reqwest::Certificate::from_pem_bundle(pem).map_err(|_| InvalidCertificates)?;
        if certificates.is_empty() { Err(InvalidCertificates) } else { Ok(Self(certificates)) }
    }
}

/// One realm of one server, and how to log in to it.
#[derive(Clone, Debug)]
pub struct Server {
    /// Base URL.
    pub url: Url,
    /// The managed realm.
    pub realm: String,
    /// How to log in.
    pub login: Login,
    /// Instead of the system's authorities.
    pub certificate_authorities: Option<CertificateAuthorities>,
}

/// A client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection is made to that host.
    #[error(transparent)]
    ForbiddenAddress(#[from] ForbiddenAddress),
    /// The certificate authorities cannot be used, or none are given for `https` and the system has none.
    #[error(transparent)]
    Certificates(#[from] reqwest::Error),
}

/// A client for one realm of one server. Its connections are kept alive and shared by all its callers.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    server: Server,
    token: Kept<Token, KeycloakError>,
    metrics: KeycloakMetrics,
    fence: Fence,
    pub(super) own_writes: OwnWrites,
    /// Since when every answer has been that the realm does not exist.
    absent_since: Mutex<Option<Instant>>,
}

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

impl Client {
    /// Makes a client; no request is made yet.
    ///
    /// # Errors
    /// When no connection is made to the host, or the certificate authorities cannot be used.
    pub fn new(server: Server, metrics: KeycloakMetrics, fence: Fence) -> Result<Self, ClientError> {
        Self::with_lookup(server, metrics, fence, Arc::new(SystemLookup))
    }

    /// The same with another way to find the addresses of a name.
    pub(super) fn with_lookup(
        server: Server,
        metrics: KeycloakMetrics,
        fence: Fence,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, ClientError> {
        check_literal(&server.url)?;
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            // A proxy would look names up by itself, and connect to whatever they mean to it.
            .no_proxy()
            .dns_resolver(Arc::new(Resolver(lookup)))
            .user_agent(concat!("keycloak-user-operator/", env!("CARGO_PKG_VERSION")));
        if let Some(CertificateAuthorities(certificates)) = &server.certificate_authorities {
            builder = builder.tls_certs_only(certificates.clone());
        } else if server.url.scheme() == "http" {
            // Without this the system must have certificates, for which there is no use.
            builder = builder.tls_certs_only([]);
        }
        let (token, absent_since) = (Kept::default(), Mutex::new(None));
        Ok(Self {
            http: builder.build()?,
            server,
            token,
            metrics,
            fence,
            own_writes: OwnWrites::default(),
            absent_since,
        })
    }

    /// A request below `/admin/realms/{realm}`, each segment encoded.
    pub(super) fn admin(&self, method: Method, segments: &[&str]) -> RequestBuilder {
        let mut path = vec!["admin", "realms", &self.server.realm];
        path.extend(segments);
        self.http.request(method, self.url(&path))
    }

    /// A request for what the realm tells everybody.
    pub(super) fn public(&self) -> RequestBuilder {
        self.http.get(self.url(&["realms", &self.server.realm]))
    }

    fn url(&self, segments: &[&str]) -> String {
        let mut url = self.server.url.as_str().trim_end_matches('/').to_owned();
        for segment in segments {
            url.push('/');
            url.extend(utf8_percent_encode(segment, SEGMENT));
        }
        url
    }

    /// Sends a request with the token; once more with a new one if the server does not take it.
    pub(super) async fn send(&self, operation: Operation, request: RequestBuilder) -> Result<Answer, KeycloakError> {
        let outcome = self.send_with_token(operation, request).await;
        let absent = outcome.as_ref().is_err_and(|error| error.kind == ErrorKind::RealmNotFound);
        let mut since = self.absent_since.lock().unwrap_or_else(PoisonError::into_inner);
        *since = absent.then(|| since.unwrap_or_else(Instant::now));
        outcome
    }

    /// The name by which the operator itself logs in to the realm; `None` if it does so in another one.
    #[must_use]
    pub fn own_username(&self) -> Option<String> {
        self.server.login.username_in(&self.server.realm)
    }

    /// Name of the realm.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.server.realm
    }

    /// For how long every answer has been that the realm does not exist; zero after any other answer, or none.
    pub fn absent_for(&self) -> Duration {
        let since = *self.absent_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    async fn send_with_token(&self, operation: Operation, request: RequestBuilder) -> Result<Answer, KeycloakError> {
        let again = request.try_clone();
        let token = self.token().await?;
        match (self.exchange(operation, request.bearer_auth(token.expose())).await, again) {
            (Err(KeycloakError { kind: ErrorKind::CredentialsRefused(_), .. }), Some(again)) => {
                self.token.forget(|kept| kept.is(&token)).await;
                let token = self.token().await?;
                self.exchange(operation, again.bearer_auth(token.expose())).await
            }
            (outcome, _) => outcome,
        }
    }

    async fn token(&self) -> Result<Token, KeycloakError> {
        self.token.get(|| self.fetch_token()).await
    }

    async fn fetch_token(&self) -> Result<(Token, Duration), KeycloakError> {
        let login = &self.server.login;
        let url = self.url(&["realms", login.realm(&self.server.realm), "protocol", "openid-connect", "token"]);
        let answer = self.exchange(Operation::GetToken, secret_body::form(self.http.post(url), &login.form())).await?;
        let token: TokenResponse = answer.json(Operation::GetToken)?;
        Ok((Token::new(token.access_token), time_of_use(token.expires_in)))
    }

    /// One request and its answer: counted, and turned into an error unless the status is a success.
    async fn exchange(&self, operation: Operation, request: RequestBuilder) -> Result<Answer, KeycloakError> {
        if operation.is_change() && !self.fence.allows(REQUEST_TIMEOUT) {
            return Err(KeycloakError { operation, kind: ErrorKind::Fenced });
        }
        let (http, request) = request.build_split();
        let noted = request.as_ref().ok().and_then(|request| self.own_writes.note(operation, request.url().path()));
        let started = Instant::now();
        let outcome = match request {
            Ok(request) => receive(RequestBuilder::from_parts(http, request)).await,
            Err(error) => Err(no_answer(&error)),
        };
        let status = outcome.as_ref().ok().map(|received| received.status.as_u16());
        self.metrics.count(operation, status, started.elapsed());
        let outcome = outcome.and_then(|received| received.interpret(operation));
        if let Ok(Answer { location: Some(account), .. }) = &outcome {
            self.own_writes.note(operation, account);
        }
        // Whoever does not know what came of a request wants to be told.
        if let (Err(_), Some((event, path))) = (&outcome, noted) {
            self.own_writes.take(event, &path);
        }
        outcome.map_err(|kind| KeycloakError { operation, kind })
    }
}

struct Received {
    status: StatusCode,
    location: Option<String>,
    retry_after: Option<Duration>,
    body: AnswerBody,
}

async fn receive(request: RequestBuilder) -> Result<Received, ErrorKind> {
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
fn no_answer(error: &reqwest::Error) -> ErrorKind {
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
fn reason(mut cause: &(dyn std::error::Error + 'static)) -> String {
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
    fn interpret(self, operation: Operation) -> Result<Answer, ErrorKind> {
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

#[cfg(test)]
#[path = "transport_tests.rs"]
mod tests;
