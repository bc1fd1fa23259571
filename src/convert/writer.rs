//! From accounts to YAML documents: a Secret if there is a password, then the `KeycloakUser`.

use std::collections::BTreeMap;
use std::io::Write;

use secrecy::ExposeSecret;
use serde::Serialize;

use super::error::ConvertError;
use super::map::{Account, PASSWORD_KEY};
use super::name;
use crate::api::{Attribute, ConnectionReference, Credential, GROUP, KeycloakUserSpec, VERSION};

/// Says who made a Secret, as Kubernetes recommends it.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "keycloak-user-operator-convert");
/// Cuts the stream into documents. `kubectl` looks for it before it reads YAML, so it stands alone on its line.
const SEPARATOR: &str = "---\n";

/// Writes the manifests of one account at a time, whole or not at all.
pub(super) struct Writer<W> {
    output: W,
    namespace: Option<String>,
    api_version: String,
    /// The manifests of one account.
    buffer: String,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(output: W, namespace: Option<String>) -> Self {
        Self { output, namespace, api_version: format!("{GROUP}/{VERSION}"), buffer: String::new() }
    }

    pub(super) fn write(&mut self, account: &Account) -> Result<(), ConvertError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        if let Some(password) = &account.password {
            append(&mut buffer, &self.secret(&account.name, password.expose_secret()))?;
        }
        append(&mut buffer, &self.user(account))?;
        let written = self.output.write_all(buffer.as_bytes()).map_err(ConvertError::Output);
        self.buffer = buffer;
        written
    }

    pub(super) fn flush(&mut self) -> Result<(), ConvertError> {
        self.output.flush().map_err(ConvertError::Output)
    }

    fn secret<'a>(&'a self, object_name: &str, password: &'a str) -> Secret<'a> {
        Secret {
            api_version: "v1",
            kind: "Secret",
            metadata: Metadata {
                name: name::secret_name(object_name),
                namespace: self.namespace.as_deref(),
                labels: BTreeMap::from([MANAGED_BY]),
            },
            type_: "Opaque",
            string_data: BTreeMap::from([(PASSWORD_KEY, password)]),
        }
    }

    fn user<'a>(&'a self, account: &'a Account) -> User<'a> {
        User {
            api_version: &self.api_version,
            kind: "KeycloakUser",
            metadata: Metadata {
                name: account.name.clone(),
                namespace: self.namespace.as_deref(),
                labels: BTreeMap::new(),
            },
            spec: Spec::of(&account.spec),
        }
    }
}

fn append(buffer: &mut String, document: &impl Serialize) -> Result<(), ConvertError> {
    buffer.push_str(SEPARATOR);
    // Block scalars that begin with a tab are refused by some readers. The rules of YAML 1.1 stay on, as kubectl's
    // reader would take a plain `No` or `1_000` for a boolean or a number.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_fmt_writer_with_options(buffer, document, options).map_err(ConvertError::Yaml)
}

#[derive(Serialize)]
struct Metadata<'a> {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<&'static str, &'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Secret<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata<'a>,
    #[serde(rename = "type")]
    type_: &'static str,
    string_data: BTreeMap<&'static str, &'a str>,
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
            suspend: *suspend,
        }
    }
}
