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

use super::context::{Context, Shared, key_of};
use super::error::DereferenceError as Error;
use super::secret_content::{NoText, SecretContent};
use crate::api::{
    CaReference, ConnectionAuth, Credential, CredentialSync, KeycloakConnection, KeycloakConnectionSpec, KeycloakUser,
    ObjectKind, Reenable, SecretKeyReference,
};
use crate::domain::{Digest, Grants, PasswordRecord, SecretVersion};
use crate::keycloak::{CertificateAuthorities, Client, Login, Server};
use crate::realm::{ConnectionName, Realm};

/// How often an account is compared with its resource if the connection does not say.
pub(super) const DEFAULT_SWEEP_INTERVAL: Duration = Duration::from_mins(10);

/// A connection that can be used, and what it says about its users.
pub(super) struct Connection {
    pub(super) name: String,
    pub(super) realm: Arc<Realm>,
    pub(super) sweep_interval: Duration,
    pub(super) reenable_always: bool,
    pub(super) grants: Grants,
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

/// Resolves a connection to its realm, which is opened if it is not, or if anything that it was made of has changed.
pub(super) async fn connection(context: &Context, namespace: &str, name: &str) -> Result<Connection, Error> {
    // What is merely not read yet must not be taken for absent.
    if context.referents_listed().now_or_never() != Some(true) {
        return Err(Error::NotListed(namespace.to_owned()));
    }
    let found = context.connections.get(&ObjectRef::new(name).within(namespace));
    let connection = found.ok_or_else(|| Error::ConnectionNotFound(name.to_owned()))?;
    let realm = realm(context, namespace, name, &connection).await?;
    let spec = &connection.spec;
    let sync = spec.sync.clone().unwrap_or_default();
    Ok(Connection {
        name: name.to_owned(),
        realm,
        sweep_interval: sweep_interval(spec),
        reenable_always: sync.reenable == Some(Reenable::Always),
        grants: spec.grants.as_ref().map(Grants::from).unwrap_or_default(),
    })
}

/// The interval of the periodic check; the schema has seen to its form.
pub(super) fn sweep_interval(spec: &KeycloakConnectionSpec) -> Duration {
    let declared = spec.sync.as_ref().and_then(|sync| sync.sweep_interval.as_deref());
    let parsed = declared.and_then(|text| text.parse::<kube::core::Duration>().ok());
    parsed.map_or(DEFAULT_SWEEP_INTERVAL, Duration::from)
}

async fn realm(
    context: &Context,
    namespace: &str,
    name: &str,
    connection: &KeycloakConnection,
) -> Result<Arc<Realm>, Error> {
    let registry = &context.shared.realms;
    let key = ConnectionName { namespace: namespace.to_owned(), name: name.to_owned() };
    let fingerprint = fingerprint(context, namespace, name, connection)?;
    if let Some(realm) = registry.get(&key, &fingerprint) {
        return Ok(realm);
    }
    let server = server(context, namespace, name, &connection.spec).await?;
    let Shared { keycloak_metrics, fence, .. } = &*context.shared;
    let client = Client::new(server, keycloak_metrics.clone(), fence.clone())
        .map_err(|_| invalid(name, tls_problem(&connection.spec)))?;
    Ok(registry.put(key, fingerprint, Realm::new(client)))
}

fn tls_problem(spec: &KeycloakConnectionSpec) -> &'static str {
    match spec.tls {
        Some(_) => "the certificates of tls.caRef cannot be used; check them",
        None => "no certificate authority is known to the operator's system; name one in tls.caRef",
    }
}

/// Names the versions of everything that a realm is made of.
fn fingerprint(
    context: &Context,
    namespace: &str,
    name: &str,
    connection: &KeycloakConnection,
) -> Result<String, Error> {
    let secret = secret_of(&connection.spec.auth).ok_or_else(|| invalid(name, "auth names no way to log in"))?;
    let login = context.secret_version(namespace, secret).ok_or_else(|| secret_not_found(name, secret))?;
    let authorities = match &connection.spec.tls {
        Some(tls) => {
            Some(authorities_version(context, namespace, &tls.ca_ref).ok_or_else(|| ca_not_found(name, &tls.ca_ref))?)
        }
        None => None,
    };
    let uid = connection.metadata.uid.as_deref().unwrap_or_default();
    Ok(format!("{uid}/{:?}/{login:?}/{authorities:?}", connection.metadata.generation))
}

fn authorities_version(context: &Context, namespace: &str, reference: &CaReference) -> Option<(String, String)> {
    match reference.kind {
        ObjectKind::ConfigMap => context.config_map_version(namespace, &reference.name),
        ObjectKind::Secret => context.secret_version(namespace, &reference.name),
    }
}

async fn server(
    context: &Context,
    namespace: &str,
    name: &str,
    spec: &KeycloakConnectionSpec,
) -> Result<Server, Error> {
    let url: reqwest::Url = spec.url.parse().map_err(|_| invalid(name, "url is not a URL; correct it"))?;
    if url.scheme() != "https" && spec.allow_http != Some(true) {
        return Err(invalid(name, "url is not https; set allowHttp: true if that is meant"));
    }
    if matches!(spec.realm.as_str(), "." | "..") {
        return Err(invalid(name, "realm is not the name of a realm; correct it"));
    }
    let certificate_authorities = match &spec.tls {
        Some(tls) => Some(authorities(context, namespace, name, &tls.ca_ref).await?),
        None => None,
    };
    Ok(Server {
        url,
        realm: spec.realm.clone(),
        login: login(context, namespace, name, &spec.auth).await?,
        certificate_authorities,
    })
}

async fn login(context: &Context, namespace: &str, name: &str, auth: &ConnectionAuth) -> Result<Login, Error> {
    let secret_name = secret_of(auth).ok_or_else(|| invalid(name, "auth names no way to log in"))?;
    let secret =
        read_secret(context, namespace, secret_name).await?.ok_or_else(|| secret_not_found(name, secret_name))?;
    let value = |key: &'static str| {
        secret.text(key).map_err(|_| Error::ConnectionSecretInvalid {
            connection: name.to_owned(),
            secret: secret_name.to_owned(),
            key,
        })
    };
    match &auth.password {
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

fn secret_of(auth: &ConnectionAuth) -> Option<&str> {
    let client = auth.client_credentials.as_ref().map(|login| &login.secret_ref);
    let reference = client.or_else(|| auth.password.as_ref().map(|login| &login.secret_ref));
    reference.map(|reference| reference.name.as_str())
}

async fn authorities(
    context: &Context,
    namespace: &str,
    name: &str,
    reference: &CaReference,
) -> Result<CertificateAuthorities, Error> {
    let pem = match reference.kind {
        ObjectKind::ConfigMap => {
            let api: Api<ConfigMap> = Api::namespaced(context.shared.client.clone(), namespace);
            let found = api.get_opt(&reference.name).await.map_err(kubernetes)?;
            found.and_then(|map| map.data?.remove(&reference.key)).map(String::into_bytes)
        }
        ObjectKind::Secret => {
            let found = read_secret(context, namespace, &reference.name).await?;
            found.and_then(|secret| secret.bytes(&reference.key).map(<[u8]>::to_vec))
        }
    };
    let pem = pem.ok_or_else(|| ca_not_found(name, reference))?;
    CertificateAuthorities::from_pem(&pem)
        .map_err(|_| Error::CertificateAuthorityInvalid { connection: name.to_owned(), object: described(reference) })
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
    let found = read_secret(context, &key_of(user).0, name).await?;
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

fn secret_version(context: &Context, user: &KeycloakUser, credential: &Credential) -> Result<SecretVersion, Error> {
    let SecretKeyReference { name, key } = &credential.value_from.secret_key_ref;
    let found = context.secret_version(&key_of(user).0, name);
    let (uid, resource_version) = found.ok_or_else(|| Error::SecretNotFound(name.clone()))?;
    Ok(SecretVersion { uid, key: key.clone(), resource_version })
}

async fn read_secret(context: &Context, namespace: &str, name: &str) -> Result<Option<SecretContent>, Error> {
    let api: Api<Secret> = Api::namespaced(context.shared.client.clone(), namespace);
    Ok(api.get_opt(name).await.map_err(kubernetes)?.map(SecretContent::from))
}

fn described(reference: &CaReference) -> String {
    format!("{:?} {} (key {})", reference.kind, reference.name, reference.key)
}

fn invalid(connection: &str, problem: &str) -> Error {
    Error::ConnectionInvalid { connection: connection.to_owned(), problem: problem.to_owned() }
}

fn secret_not_found(connection: &str, secret: &str) -> Error {
    Error::ConnectionSecretNotFound { connection: connection.to_owned(), secret: secret.to_owned() }
}

fn ca_not_found(connection: &str, reference: &CaReference) -> Error {
    Error::CertificateAuthorityNotFound { connection: connection.to_owned(), object: described(reference) }
}

fn kubernetes(error: kube::Error) -> Error {
    Error::Kubernetes(Box::new(error))
}
