//! The first phase: what the resource refers to. The only place that reads Secrets and connections.
//!
//! Versions come from the caches; an object is read only when its version is another than the one last used.

use futures::FutureExt;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use kube::runtime::reflector::ObjectRef;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;

use crate::api::{
    CaReference, ConnectionKind, ConnectionReference, Credential, CredentialSync, KeycloakConnection,
    KeycloakConnectionSpec, KeycloakUser, ObjectKind, Reenable, SecretKeyReference,
};
use crate::controller::connection::{cluster, has_positions};
use crate::controller::context::{Context, Shared, key_of, notice};
use crate::controller::error::DereferenceError as Error;
use crate::controller::secret_content::{NoText, SecretContent};
use crate::controller::watch::versions::Versions;
use crate::domain::{Digest, Grants, PasswordRecord, Patterns, RequestLimits, SecretVersion};
use crate::keycloak::{CertificateAuthorities, Client, ClientError, Login, Server};
use crate::realm::{ConnectionName, Realm};

/// How often an account is compared with its resource if the connection does not say.
const DEFAULT_SWEEP_INTERVAL: Duration = Duration::from_mins(10);

/// A connection that can be used, and what it says about its users.
pub(in crate::controller) struct Connection {
    pub(in crate::controller) name: ConnectionName,
    pub(in crate::controller) realm: Arc<Realm>,
    pub(in crate::controller) sweep_interval: Duration,
    pub(in crate::controller) reenable_always: bool,
    pub(in crate::controller) grants: Grants,
    /// The attribute in which accounts name their resource.
    pub(in crate::controller) owner_attribute: Option<String>,
    /// Its status says how far both feeds were read.
    pub(in crate::controller) has_positions: bool,
}

/// The password that the account shall have.
pub(super) enum Password {
    /// None is declared.
    Undeclared,
    /// The one that the record speaks of, so that the Secret was not read.
    Settled,
    /// Read from its Secret.
    Value(PasswordValue),
}

/// A password as it was read from its Secret.
pub(super) struct PasswordValue {
    pub(super) value: SecretString,
    pub(super) version: SecretVersion,
    pub(super) digest: Digest,
    pub(super) key_id: String,
}

impl PasswordValue {
    /// The record of this value, when Keycloak has it.
    pub(super) fn record(&self) -> PasswordRecord {
        PasswordRecord::of(self.version.clone(), &self.key_id, Some(self.digest.clone()))
    }
}

/// A connection as it is declared, and where its Secrets and certificate authorities are.
pub(in crate::controller) struct Declared<'a> {
    pub(in crate::controller) name: ConnectionName,
    pub(in crate::controller) spec: &'a KeycloakConnectionSpec,
    /// UID and generation of the connection.
    pub(in crate::controller) version: String,
    /// Namespace of its objects.
    pub(in crate::controller) namespace: &'a str,
    pub(in crate::controller) versions: &'a Versions,
    /// Has the connection looked at.
    pub(in crate::controller) notice: Arc<dyn Fn() + Send + Sync>,
    /// Its status says how far both feeds were read.
    pub(in crate::controller) has_positions: bool,
}

/// Resolves the connection of a user to its realm.
pub(super) async fn connection(
    context: &Context,
    namespace: &str,
    reference: &ConnectionReference,
) -> Result<Connection, Error> {
    let name = &reference.name;
    match reference.kind {
        ConnectionKind::ClusterKeycloakConnection => Box::pin(cluster::connection(context, namespace, name)).await,
        ConnectionKind::KeycloakConnection => {
            // What is merely not read yet must not be taken for absent.
            if context.referents_listed().now_or_never() != Some(true) {
                return Err(Error::NotListed(namespace.to_owned()));
            }
            let found = context.connections.get(&ObjectRef::new(name).within(namespace));
            let connection = found.ok_or_else(|| Error::ConnectionNotFound(name.to_owned()))?;
            Box::pin(open(&context.shared, &declared(context, &connection, namespace))).await
        }
    }
}

/// A connection that serves its own namespace, where its objects are too.
pub(in crate::controller) fn declared<'a>(
    context: &'a Context,
    connection: &'a KeycloakConnection,
    namespace: &'a str,
) -> Declared<'a> {
    let name = connection.metadata.name.clone().unwrap_or_default();
    let notice = notice(&context.wake_connection, ObjectRef::from_obj(connection));
    Declared {
        notice,
        name: ConnectionName::Namespaced { namespace: namespace.to_owned(), name },
        spec: &connection.spec,
        version: version_of(connection),
        namespace,
        versions: &context.versions,
        has_positions: has_positions(connection.status.as_ref()),
    }
}

/// UID and generation.
pub(in crate::controller) fn version_of(connection: &impl kube::Resource) -> String {
    let metadata = connection.meta();
    format!("{}/{:?}", metadata.uid.as_deref().unwrap_or_default(), metadata.generation)
}

/// The realm of a connection, which is opened if it is not, or if anything that it was made of has changed.
pub(in crate::controller) async fn open(shared: &Shared, declared: &Declared<'_>) -> Result<Connection, Error> {
    if declared.versions.listed().now_or_never() != Some(true) {
        return Err(Error::NotListed(declared.namespace.to_owned()));
    }
    let realm = declared.realm(shared).await?;
    let spec = declared.spec;
    let sync = spec.sync.clone().unwrap_or_default();
    Ok(Connection {
        name: declared.name.clone(),
        realm,
        sweep_interval: sweep_interval(spec),
        reenable_always: sync.reenable == Some(Reenable::Always),
        owner_attribute: spec.owner_attribute.clone(),
        has_positions: declared.has_positions,
        grants: spec.grants.as_ref().map(Grants::from).unwrap_or_default(),
    })
}

/// The interval of the periodic check of an account; the default while its connection cannot be used.
pub(super) fn interval(context: &Context, namespace: &str, reference: &ConnectionReference) -> Duration {
    let name = &reference.name;
    match reference.kind {
        ConnectionKind::KeycloakConnection => {
            let found = context.connections.get(&ObjectRef::new(name).within(namespace));
            found.map_or(DEFAULT_SWEEP_INTERVAL, |found| sweep_interval(&found.spec))
        }
        ConnectionKind::ClusterKeycloakConnection => {
            let found = cluster::spec_for(context, namespace, name);
            found.map_or(DEFAULT_SWEEP_INTERVAL, |spec| sweep_interval(&spec))
        }
    }
}

/// The interval of the periodic check; the schema has seen to its form.
fn sweep_interval(spec: &KeycloakConnectionSpec) -> Duration {
    let declared = spec.sync.as_ref().and_then(|sync| sync.sweep_interval.as_deref());
    let parsed = declared.and_then(|text| text.parse::<kube::core::Duration>().ok());
    parsed.map_or(DEFAULT_SWEEP_INTERVAL, Duration::from)
}

fn request_limits(spec: &KeycloakConnectionSpec) -> RequestLimits {
    let (declared, default) = (spec.limits.clone().unwrap_or_default(), RequestLimits::default());
    RequestLimits {
        in_flight: declared.max_in_flight.unwrap_or(default.in_flight),
        per_second: declared.requests_per_second.unwrap_or(default.per_second),
    }
}

impl Declared<'_> {
    async fn realm(&self, shared: &Shared) -> Result<Arc<Realm>, Error> {
        let fingerprint = self.fingerprint()?;
        if let Some(realm) = shared.realms.get(&self.name, &fingerprint) {
            return Ok(realm);
        }
        self.check_host(&shared.allowed_hosts)?;
        let server = self.server(&shared.client).await?;
        let client =
            Client::new(server, shared.keycloak_metrics.clone(), shared.fence.clone()).map_err(
                |error| match error {
                    ClientError::ForbiddenAddress(problem) => self.host_not_allowed(problem.to_string()),
                    ClientError::Certificates(_) => self.invalid(self.tls_problem()),
                },
            )?;
        let client = client.limited(request_limits(self.spec), self.notice.clone());
        Ok(shared.realms.put(self.name.clone(), fingerprint, Realm::new(client)))
    }

    fn tls_problem(&self) -> &'static str {
        match self.spec.tls {
            Some(_) => "the certificates of tls.caRef cannot be used; check them",
            None => "no certificate authority is known to the operator's system; name one in tls.caRef",
        }
    }

    /// Names the versions of everything that a realm is made of.
    fn fingerprint(&self) -> Result<String, Error> {
        let secret = self.login_secret()?;
        let login = self.versions.secret(self.namespace, secret).ok_or_else(|| self.secret_not_found(secret))?;
        let authorities = match &self.spec.tls {
            Some(tls) => {
                Some(self.authorities_version(&tls.ca_ref).ok_or_else(|| self.authorities_not_found(&tls.ca_ref))?)
            }
            None => None,
        };
        Ok(format!("{}/{login:?}/{authorities:?}", self.version))
    }

    fn authorities_version(&self, reference: &CaReference) -> Option<(String, String)> {
        match reference.kind {
            ObjectKind::ConfigMap => self.versions.config_map(self.namespace, &reference.name),
            ObjectKind::Secret => self.versions.secret(self.namespace, &reference.name),
        }
    }

    fn host(&self) -> Result<String, Error> {
        let url: reqwest::Url = self.spec.url.parse().map_err(|_| self.invalid("url is not a URL; correct it"))?;
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        Ok(host.trim_end_matches('.').to_owned())
    }

    fn check_host(&self, allowed: &Patterns) -> Result<(), Error> {
        if allowed.allow(&self.host()?) {
            return Ok(());
        }
        Err(self.host_not_allowed("it is not among its allowed hosts (allowedHosts of its chart)".to_owned()))
    }

    fn host_not_allowed(&self, problem: String) -> Error {
        let host = self.host().unwrap_or_default();
        Error::HostNotAllowed { connection: self.name.clone(), host, problem }
    }

    async fn server(&self, client: &kube::Client) -> Result<Server, Error> {
        let url: reqwest::Url = self.spec.url.parse().map_err(|_| self.invalid("url is not a URL; correct it"))?;
        if url.scheme() != "https" && self.spec.allow_http != Some(true) {
            return Err(self.invalid("url is not https; set allowHttp: true if that is meant"));
        }
        if matches!(self.spec.realm.as_str(), "." | "..") {
            return Err(self.invalid("realm is not the name of a realm; correct it"));
        }
        let certificate_authorities = match &self.spec.tls {
            Some(tls) => Some(self.authorities(client, &tls.ca_ref).await?),
            None => None,
        };
        let login = self.login(client).await?;
        Ok(Server { url, realm: self.spec.realm.clone(), login, certificate_authorities })
    }

    async fn login(&self, client: &kube::Client) -> Result<Login, Error> {
        let name = self.login_secret()?;
        let secret = read_secret(client, self.namespace, name).await?.ok_or_else(|| self.secret_not_found(name))?;
        let value = |key: &'static str| {
            secret.text(key).map_err(|_| Error::ConnectionSecretInvalid {
                connection: self.name.clone(),
                secret: name.to_owned(),
                key,
            })
        };
        match &self.spec.auth.password {
            Some(password) => Ok(Login::Password {
                realm: password.realm.clone(),
                username: value("username")?.expose_secret().to_owned(),
                password: value("password")?,
            }),
            None => Ok(Login::ClientCredentials {
                id: value("client-id")?.expose_secret().to_owned(),
                secret: value("client-secret")?,
            }),
        }
    }

    fn login_secret(&self) -> Result<&str, Error> {
        let auth = &self.spec.auth;
        let client = auth.client_credentials.as_ref().map(|login| &login.secret_ref);
        let reference = client.or_else(|| auth.password.as_ref().map(|login| &login.secret_ref));
        reference.map(|reference| reference.name.as_str()).ok_or_else(|| self.invalid("auth names no way to log in"))
    }

    async fn authorities(
        &self,
        client: &kube::Client,
        reference: &CaReference,
    ) -> Result<CertificateAuthorities, Error> {
        let pem = match reference.kind {
            ObjectKind::ConfigMap => {
                let api: Api<ConfigMap> = Api::namespaced(client.clone(), self.namespace);
                let found = api.get_opt(&reference.name).await.map_err(kubernetes)?;
                found.and_then(|map| map.data?.remove(&reference.key)).map(String::into_bytes)
            }
            ObjectKind::Secret => {
                let found = read_secret(client, self.namespace, &reference.name).await?;
                found.and_then(|secret| secret.bytes(&reference.key).map(<[u8]>::to_vec))
            }
        };
        let pem = pem.ok_or_else(|| self.authorities_not_found(reference))?;
        CertificateAuthorities::from_pem(&pem).map_err(|_| Error::CertificateAuthorityInvalid {
            connection: self.name.clone(),
            object: described(reference),
        })
    }

    fn invalid(&self, problem: &str) -> Error {
        Error::ConnectionInvalid { connection: self.name.clone(), problem: problem.to_owned() }
    }

    fn secret_not_found(&self, secret: &str) -> Error {
        Error::ConnectionSecretNotFound { connection: self.name.clone(), secret: secret.to_owned() }
    }

    fn authorities_not_found(&self, reference: &CaReference) -> Error {
        Error::CertificateAuthorityNotFound { connection: self.name.clone(), object: described(reference) }
    }
}

/// The password of an account; the Secret is read only if the record does not settle the matter.
pub(super) async fn password(
    context: &Context,
    user: &KeycloakUser,
    record: Option<&PasswordRecord>,
    asked: bool,
) -> Result<Password, Error> {
    let Some(credential) = user.spec.credentials.first() else {
        return Ok(Password::Undeclared);
    };
    let Some(record) = record.filter(|_| !asked) else {
        return password_value(context, user, credential).await.map(Password::Value);
    };
    let key = context.shared.credential_key.current().await;
    let settled = match secret_version(context, user, credential) {
        Ok(version) => record.settles(&version, key.id()),
        // An initial password that was set has no use for its Secret any more.
        Err(_) => credential.sync == Some(CredentialSync::Once) && record.is_done(),
    };
    if settled {
        return Ok(Password::Settled);
    }
    password_value(context, user, credential).await.map(Password::Value)
}

/// Reads a password from its Secret.
pub(super) async fn password_value(
    context: &Context,
    user: &KeycloakUser,
    credential: &Credential,
) -> Result<PasswordValue, Error> {
    let SecretKeyReference { name, key } = &credential.value_from.secret_key_ref;
    let version = secret_version(context, user, credential)?;
    let found = read_secret(&context.shared.client, &key_of(user).0, name).await?;
    let secret = found.ok_or_else(|| Error::SecretNotFound(name.clone()))?;
    let (name, key) = (name.clone(), key.clone());
    let value = match secret.text(&key) {
        Ok(value) => value,
        Err(NoText::Absent) => return Err(Error::SecretKeyNotFound { secret: name, key }),
        Err(NoText::Blank) => return Err(Error::SecretValueEmpty { secret: name, key }),
        Err(NoText::NotUtf8) => return Err(Error::SecretValueNotText { secret: name, key }),
    };
    let operator_key = context.shared.credential_key.current().await;
    let digest = operator_key.digest(value.expose_secret());
    Ok(PasswordValue { value, version, digest, key_id: operator_key.id().to_owned() })
}

pub(super) fn secret_version(
    context: &Context,
    user: &KeycloakUser,
    credential: &Credential,
) -> Result<SecretVersion, Error> {
    let SecretKeyReference { name, key } = &credential.value_from.secret_key_ref;
    let found = context.secret_version(&key_of(user).0, name);
    let (uid, resource_version) = found.ok_or_else(|| Error::SecretNotFound(name.clone()))?;
    Ok(SecretVersion { uid, key: key.clone(), resource_version })
}

async fn read_secret(client: &kube::Client, namespace: &str, name: &str) -> Result<Option<SecretContent>, Error> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    Ok(api.get_opt(name).await.map_err(kubernetes)?.map(SecretContent::from))
}

fn described(reference: &CaReference) -> String {
    format!("{:?} {} (key {})", reference.kind, reference.name, reference.key)
}

fn kubernetes(error: kube::Error) -> Error {
    Error::Kubernetes(Box::new(error))
}
