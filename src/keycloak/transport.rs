//! Requests: connections, tokens, timeouts.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, RequestBuilder, Url};
use tokio::time::Instant;

use super::address::{ForbiddenAddress, Lookup, Resolver, SystemLookup, check_literal};
use super::answer::{Answer, no_answer, receive};
use super::auth::{Token, time_of_use};
use super::budget::{Budget, Notice, Permit};
use super::own_writes::OwnWrites;
use super::wire::TokenResponse;
use super::{ErrorKind, Fence, Kept, KeycloakError, KeycloakMetrics, Login, Operation, secret_body};
use crate::domain::RequestLimits;

pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// What may stand in a path segment as it is; Keycloak refuses paths with `..`, `//` or `;` since 26.5.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

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
    budget: Budget,
    pub(super) own_writes: OwnWrites,
    /// Since when every answer has been that the realm does not exist.
    absent_since: Mutex<Option<Instant>>,
    /// The server's time in milliseconds, and ours, when it last gave a token.
    server_time: Mutex<Option<(i64, Instant)>>,
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
        Ok(Self {
            http: builder.build()?,
            budget: budget(&server, RequestLimits::default(), &metrics, Notice::none()),
            server,
            token: Kept::default(),
            metrics,
            fence,
            own_writes: OwnWrites::default(),
            absent_since: Mutex::new(None),
            server_time: Mutex::default(),
        })
    }

    /// The same client with other limits than the default ones; `notice` is called when the server is found not to
    /// answer, so that requests are refused, and when it answers again.
    #[must_use]
    pub fn limited(self, limits: RequestLimits, notice: Arc<dyn Fn() + Send + Sync>) -> Self {
        let budget = budget(&self.server, limits, &self.metrics, Notice(notice));
        Self { budget, ..self }
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

    /// Sends a request with the token when the budget lets it; once more with a new one if the server does not take it.
    pub(super) async fn send(&self, operation: Operation, request: RequestBuilder) -> Result<Answer, KeycloakError> {
        let permit = self.budget.admit(operation).await?;
        let outcome = self.send_with_token(operation, request, &permit).await;
        let absent = outcome.as_ref().is_err_and(|error| error.kind == ErrorKind::RealmNotFound);
        let mut since = self.absent_since.lock().unwrap_or_else(PoisonError::into_inner);
        *since = absent.then(|| since.unwrap_or_else(Instant::now));
        outcome
    }

    /// Fails as every request would while the server does not answer, or has asked for a pause; makes no request.
    ///
    /// # Errors
    /// What the requests fail with.
    pub fn check(&self) -> Result<(), KeycloakError> {
        self.budget.check(Operation::GetToken)
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

    async fn send_with_token(
        &self,
        operation: Operation,
        request: RequestBuilder,
        permit: &Permit<'_>,
    ) -> Result<Answer, KeycloakError> {
        let again = request.try_clone();
        let token = self.token(permit).await?;
        match (self.exchange(operation, request.bearer_auth(token.expose()), permit).await, again) {
            (Err(KeycloakError { kind: ErrorKind::CredentialsRefused(_), .. }), Some(again)) => {
                self.token.forget(|kept| kept.is(&token)).await;
                let token = self.token(permit).await?;
                permit.one_more();
                self.exchange(operation, again.bearer_auth(token.expose()), permit).await
            }
            (outcome, _) => outcome,
        }
    }

    /// A token; one that has to be fetched comes by the permit of whoever waits for it.
    async fn token(&self, permit: &Permit<'_>) -> Result<Token, KeycloakError> {
        self.token.get(|| self.fetch_token(permit)).await
    }

    async fn fetch_token(&self, permit: &Permit<'_>) -> Result<(Token, Duration), KeycloakError> {
        permit.one_more();
        let login = &self.server.login;
        let url = self.url(&["realms", login.realm(&self.server.realm), "protocol", "openid-connect", "token"]);
        let request = secret_body::form(self.http.post(url), &login.form());
        let answer = self.exchange(Operation::GetToken, request, permit).await?;
        let token: TokenResponse = answer.json(Operation::GetToken)?;
        let (time, value) = (time_of_use(token.expires_in), Token::new(token.access_token));
        let told = value.issued_at().map(|issued_at| (issued_at, Instant::now()));
        *self.server_time.lock().unwrap_or_else(PoisonError::into_inner) = told;
        Ok((value, time))
    }

    /// What the server's clock shows, in milliseconds, as far as its last token tells it.
    #[must_use]
    pub fn server_time(&self) -> Option<i64> {
        let told = *self.server_time.lock().unwrap_or_else(PoisonError::into_inner);
        let (issued_at, since) = told?;
        i64::try_from(since.elapsed().as_millis()).ok().and_then(|since| issued_at.checked_add(since))
    }

    /// One request and its answer: counted, and turned into an error unless the status is a success.
    async fn exchange(
        &self,
        operation: Operation,
        request: RequestBuilder,
        permit: &Permit<'_>,
    ) -> Result<Answer, KeycloakError> {
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
        let time = started.elapsed();
        self.metrics.count(operation, status, time);
        let outcome = outcome.and_then(|received| received.interpret(operation));
        let outcome = outcome.map_err(|kind| KeycloakError { operation, kind });
        permit.note(outcome.as_ref().err(), time);
        if let Ok(Answer { location: Some(account), .. }) = &outcome {
            self.own_writes.note(operation, account);
        }
        // Whoever does not know what came of a request wants to be told.
        if let (Err(_), Some((event, path))) = (&outcome, noted) {
            self.own_writes.take(event, &path);
        }
        outcome
    }
}

fn budget(server: &Server, limits: RequestLimits, metrics: &KeycloakMetrics, notice: Notice) -> Budget {
    Budget::new(format!("{} of {}", server.realm, server.url), limits, metrics.budget.clone(), notice)
}

#[cfg(test)]
#[path = "transport_tests.rs"]
mod tests;
