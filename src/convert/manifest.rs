//! From accounts to manifests: a Secret if there is a password, and the `KeycloakUser`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::mem;

use k8s_openapi::ByteString;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use secrecy::ExposeSecret;
use serde::Serialize;

use super::error::ConvertError;
use super::map::{Account, PASSWORD_KEY};
use super::name;
use super::options::{Format, ManifestOptions, Options, Secrets};
use super::yaml;
use crate::api::{
    Adoption, Attribute, ClientRoles, ConnectionReference, Credential, DeletionPolicy, ExactField, GROUP,
    KeycloakUserSpec, VERSION,
};

/// Says who made a Secret, as Kubernetes recommends it.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "keycloak-user-operator-convert");
/// The annotation for the id that an account had where it comes from.
const SOURCE_ID: &str = "source-id";
/// Cuts the stream into documents. `kubectl` looks for it before it reads YAML, so it stands alone on its line.
const SEPARATOR: &str = "---\n";

type Texts = BTreeMap<String, String>;

/// Puts accounts into words.
pub(super) struct Renderer {
    options: ManifestOptions,
    api_version: String,
    labels: Texts,
    secret_labels: Texts,
    secret: String,
    user: String,
}

/// The manifests of one account, as they are written.
pub(super) struct Rendered<'r> {
    pub(super) secret: Option<&'r str>,
    pub(super) user: &'r str,
}

impl Renderer {
    pub(super) fn new(options: &Options) -> Self {
        let labels = options.labels();
        let mut secret_labels = labels.clone();
        secret_labels.entry(MANAGED_BY.0.to_owned()).or_insert_with(|| MANAGED_BY.1.to_owned());
        Self {
            options: options.manifests.clone(),
            api_version: format!("{GROUP}/{VERSION}"),
            labels,
            secret_labels,
            secret: String::new(),
            user: String::new(),
        }
    }

    pub(super) fn render(&mut self, account: &Account) -> Result<Rendered<'_>, ConvertError> {
        let (mut secret, mut user) = (mem::take(&mut self.secret), mem::take(&mut self.user));
        secret.clear();
        user.clear();
        let password = account.password.as_ref().filter(|_| self.options.secrets != Secrets::LeftOut);
        if let Some(password) = password {
            self.append(&mut secret, &self.secret(&account.name, password.expose_secret()))?;
        }
        self.append(&mut user, &self.user(account))?;
        (self.secret, self.user) = (secret, user);
        Ok(Rendered { secret: password.map(|_| self.secret.as_str()), user: &self.user })
    }

    fn append(&self, buffer: &mut String, document: &impl Serialize) -> Result<(), ConvertError> {
        let mut bytes = mem::take(buffer).into_bytes();
        let appended = match self.options.format {
            Format::Yaml => {
                bytes.extend_from_slice(SEPARATOR.as_bytes());
                yaml::append(&mut bytes, document)
            }
            Format::Json => serde_json::to_writer(&mut bytes, document).map(|()| bytes.push(b'\n')),
        };
        appended.map_err(|error| ConvertError::Manifest(error.into()))?;
        *buffer = String::from_utf8(bytes).map_err(|error| ConvertError::Manifest(error.into()))?;
        Ok(())
    }

    fn secret<'a>(&'a self, object_name: &str, password: &'a str) -> Secret<'a> {
        let is_encoded = self.options.secrets == Secrets::Data || password.contains(is_undeliverable);
        let string_data = (!is_encoded).then(|| BTreeMap::from([(PASSWORD_KEY, password)]));
        let bytes = || ByteString(password.as_bytes().to_vec());
        Secret {
            api_version: "v1",
            kind: "Secret",
            metadata: self.metadata(name::secret_name(object_name), &self.secret_labels, None),
            type_: "Opaque",
            string_data,
            data: is_encoded.then(|| BTreeMap::from([(PASSWORD_KEY, bytes())])),
        }
    }

    fn user<'a>(&'a self, account: &'a Account) -> User<'a> {
        User {
            api_version: &self.api_version,
            kind: "KeycloakUser",
            metadata: self.metadata(account.name.clone(), &self.labels, account.id.as_deref()),
            spec: Spec::of(&account.spec),
        }
    }

    fn metadata<'a>(&'a self, name: String, labels: &'a Texts, id: Option<&str>) -> Metadata<'a> {
        let mut annotations = Cow::Borrowed(&self.options.annotations);
        if let Some(id) = id {
            annotations.to_mut().insert(format!("{GROUP}/{SOURCE_ID}"), id.to_owned());
        }
        Metadata { name, namespace: self.options.namespace.as_deref(), labels, annotations }
    }
}

/// What does not survive `kubectl apply --server-side`, however it is written here: kubectl sends JSON, which the API
/// server reads as YAML, where these are refused, or (U+0085) taken for a line end.
pub(super) fn is_undeliverable(character: char) -> bool {
    matches!(character, '\u{7F}'..='\u{9F}' | '\u{FEFF}')
}

#[derive(Serialize)]
struct Metadata<'a> {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a Texts,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: Cow<'a, Texts>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Secret<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata<'a>,
    #[serde(rename = "type")]
    type_: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    string_data: Option<BTreeMap<&'static str, &'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<BTreeMap<&'static str, ByteString>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct User<'a> {
    api_version: &'a str,
    kind: &'static str,
    metadata: Metadata<'a>,
    spec: Spec<'a>,
}

/// [`KeycloakUserSpec`] without what is absent, the default connection included.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_ref: Option<&'a ConnectionReference>,
    username: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    attributes: &'a [Attribute],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    credentials: &'a [Credential],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    realm_roles: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    client_roles: &'a [ClientRoles],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    groups: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    required_actions: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    exact: &'a [ExactField],
    #[serde(skip_serializing_if = "Option::is_none")]
    adoption: Option<Adoption>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<&'a Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_policy: Option<DeletionPolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suspend: Option<bool>,
}

impl<'a> Spec<'a> {
    fn of(spec: &'a KeycloakUserSpec) -> Self {
        // Every field by name, so that none that is added is forgotten here.
        let KeycloakUserSpec {
            connection_ref,
            username,
            first_name,
            last_name,
            email,
            email_verified,
            enabled,
            attributes,
            credentials,
            realm_roles,
            client_roles,
            groups,
            required_actions,
            exact,
            adoption,
            expires_at,
            deletion_policy,
            suspend,
        } = spec;
        Self {
            connection_ref: Some(connection_ref).filter(|reference| **reference != ConnectionReference::default()),
            username,
            first_name: first_name.as_deref(),
            last_name: last_name.as_deref(),
            email: email.as_deref(),
            email_verified: *email_verified,
            enabled: *enabled,
            attributes,
            credentials,
            realm_roles,
            client_roles,
            groups,
            required_actions,
            exact,
            adoption: *adoption,
            expires_at: expires_at.as_ref(),
            deletion_policy: *deletion_policy,
            suspend: *suspend,
        }
    }
}
