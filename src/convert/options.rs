//! How to convert, and the check that Kubernetes would take what the options ask for.

use std::collections::BTreeMap;

use super::encoding::Encoding;
use super::error::ConvertError;
use super::name;
use crate::api::{ConnectionReference, GROUP};

/// How to convert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What is asked of a document.
    pub mode: Mode,
    /// Whether one file may hold several documents.
    pub input: Input,
    /// The label of the encoding of all files; absent: each file says it itself.
    pub encoding: Option<String>,
    /// What a warning means for the user it is about.
    pub warnings: Warnings,
    /// Whether the first error ends the run.
    pub fail_fast: bool,
    /// Whether a user without `Enabled` may log in. It is always written out, since Keycloak would take a missing value
    /// for a disabled account.
    pub default_enabled: bool,
    /// Whether the `Id` of an export becomes an annotation.
    pub keep_id: bool,
    /// How the manifests look.
    pub manifests: ManifestOptions,
    /// How the objects are called.
    pub names: NameOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: Mode::Lenient,
            input: Input::OneDocument,
            encoding: None,
            warnings: Warnings::Allowed,
            fail_fast: false,
            default_enabled: true,
            keep_id: false,
            manifests: ManifestOptions::default(),
            names: NameOptions::default(),
        }
    }
}

/// What is asked of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// That it can be understood. What is unusual is a warning.
    Lenient,
    /// That each user keeps the schema as printed.
    Strict,
}

/// How many documents a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// One, as XML has it.
    OneDocument,
    /// Any number, one behind the other, as `cat` makes them.
    Concatenated,
}

/// What a warning means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warnings {
    /// The user is converted all the same.
    Allowed,
    /// It is an error, and the user it is about is left out.
    Errors,
}

/// How the manifests look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManifestOptions {
    /// YAML or JSON.
    pub format: Format,
    /// Whether and how passwords are written.
    pub secrets: Secrets,
    /// The namespace that the manifests name; absent: none, so that `kubectl apply --namespace` decides.
    pub namespace: Option<String>,
    /// The connection that the users refer to.
    pub connection: ConnectionReference,
    /// The name of the export, which becomes the label `keycloakuser.dev/export` of every manifest.
    pub export_name: Option<String>,
    /// More labels of every manifest.
    pub labels: BTreeMap<String, String>,
    /// Annotations of every manifest.
    pub annotations: BTreeMap<String, String>,
}

/// The notation of manifests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// YAML documents, each behind a line `---`.
    #[default]
    Yaml,
    /// JSON objects, each on a line.
    Json,
}

/// Whether and how passwords are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Secrets {
    /// As `stringData`, which a person can read.
    #[default]
    StringData,
    /// As `data`, in Base64, which is what the API server stores.
    Data,
    /// Not at all; the users refer to Secrets that come from elsewhere.
    LeftOut,
}

/// How the objects are called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameOptions {
    /// Stands in front of every name that is made of a username.
    pub prefix: String,
    /// Names for single usernames, whose upper and lower case does not matter.
    pub map: BTreeMap<String, String>,
}

/// The label that names an export.
const EXPORT_LABEL: &str = "export";
/// Longest key of a label or annotation behind its prefix, and longest value of a label.
const MAX_LABEL: usize = 63;

impl Options {
    /// The labels of every manifest.
    pub(super) fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.manifests.labels.clone();
        if let Some(name) = &self.manifests.export_name {
            labels.insert(format!("{GROUP}/{EXPORT_LABEL}"), name.clone());
        }
        labels
    }

    /// The encoding of all files, if one is told.
    pub(super) fn told_encoding(&self) -> Option<Encoding> {
        self.encoding.as_deref().and_then(Encoding::of_label)
    }

    /// Says what Kubernetes would refuse, before anything is read.
    ///
    /// # Errors
    /// The first of it; see [`ConvertError::is_usage`].
    pub fn check(&self) -> Result<(), ConvertError> {
        let ManifestOptions { namespace, connection, annotations, export_name, .. } = &self.manifests;
        let wrong = |problem: Option<ConvertError>| problem.map_or(Ok(()), Err);
        wrong(namespace.clone().filter(|namespace| !name::is_label(namespace)).map(ConvertError::Namespace))?;
        let connection = Some(&connection.name).filter(|name| !name::is_subdomain(name));
        wrong(connection.cloned().map(ConvertError::Connection))?;
        let encoding = self.encoding.clone().filter(|label| Encoding::of_label(label).is_none());
        wrong(encoding.map(ConvertError::Encoding))?;
        wrong(export_name.clone().filter(String::is_empty).map(ConvertError::LabelValue))?;
        for (key, value) in &self.labels() {
            wrong(Some(key).filter(|key| !is_qualified_key(key)).cloned().map(ConvertError::Key))?;
            wrong(Some(value).filter(|value| !is_label_value(value)).cloned().map(ConvertError::LabelValue))?;
        }
        wrong(annotations.keys().find(|key| !is_qualified_key(key)).cloned().map(ConvertError::Key))?;
        self.names.check()
    }
}

impl NameOptions {
    /// With the usernames in lower case, as [`Self::of`] looks for them.
    pub(super) fn in_lower_case(self) -> Self {
        let map = self.map.into_iter().map(|(username, name)| (username.to_lowercase(), name));
        Self { map: map.collect(), ..self }
    }

    /// The name that the map has for a username.
    pub(super) fn of(&self, username: &str) -> Option<&str> {
        if self.map.is_empty() {
            return None;
        }
        self.map.get(&username.to_lowercase()).map(String::as_str)
    }

    fn check(&self) -> Result<(), ConvertError> {
        if !name::is_prefix(&self.prefix) {
            return Err(ConvertError::NamePrefix(self.prefix.clone()));
        }
        let mut usernames = std::collections::BTreeSet::new();
        for (username, mapped) in &self.map {
            if !name::is_given_name(mapped) {
                return Err(ConvertError::MappedName(mapped.clone()));
            }
            if !usernames.insert(username.to_lowercase()) {
                return Err(ConvertError::MappedTwice(username.clone()));
            }
        }
        Ok(())
    }
}

/// The key of a label or annotation: a name, and in front of it a domain and a slash at will.
fn is_qualified_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((domain, name)) => name::is_subdomain(domain) && is_label_value(name) && !name.is_empty(),
        None => is_label_value(key) && !key.is_empty(),
    }
}

/// Letters, digits, `-`, `_` and `.`, with a letter or digit at both ends; it may be empty.
fn is_label_value(value: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_end = |c: char| c.is_ascii_alphanumeric();
    value.is_empty()
        || (value.len() <= MAX_LABEL
            && value.chars().all(is_inner)
            && value.starts_with(is_end)
            && value.ends_with(is_end))
}
