//! The operator's own key, under which the status keeps digests of passwords; lives in a Secret beside the operator.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use rustls::crypto::SecureRandom;
use secrecy::ExposeSecret;
use tracing::{info, warn};

use super::secret_content::SecretContent;
use crate::domain::CredentialKey;
use crate::keycloak::Kept;

const KEY_BYTES: usize = 32;

/// The key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum CredentialKeyError {
    /// The Secret cannot be read or made.
    #[error("Secret {namespace}/{name} with the operator's key: {}", super::error::sentence(.source))]
    Kubernetes {
        /// Namespace of the Secret.
        namespace: String,
        /// Name of the Secret.
        name: String,
        /// What the API server says.
        source: Box<kube::Error>,
    },
    /// The Secret is there and is not ours.
    #[error("Secret {namespace}/{name} lacks the keys id and key; delete it, so that the operator makes a new one")]
    Malformed {
        /// Namespace of the Secret.
        namespace: String,
        /// Name of the Secret.
        name: String,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random,
}

/// How long the key is used before its Secret is looked at again. Whoever replaces the Secret rotates the key.
const KEY_LIFETIME: Duration = Duration::from_secs(15);

/// The key as its Secret has it.
pub(super) struct CredentialKeys {
    api: Api<Secret>,
    namespace: String,
    name: String,
    kept: Kept<Arc<CredentialKey>, Infallible>,
    last: Mutex<Arc<CredentialKey>>,
}

impl CredentialKeys {
    /// Reads the key, and makes one if there is none.
    pub(super) async fn open(client: &Client, namespace: &str, name: &str) -> Result<Self, CredentialKeyError> {
        let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let key = Arc::new(ensure(&api, namespace, name).await?);
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        Ok(Self { api, namespace, name, kept: Kept::default(), last: Mutex::new(key) })
    }

    /// The key, at most 15 s old; the last one where its Secret cannot be read, for that says nothing of the key.
    pub(super) async fn current(&self) -> Arc<CredentialKey> {
        match self.kept.get(async || Ok((self.look().await, KEY_LIFETIME))).await {
            Ok(key) => key,
            Err(never) => match never {},
        }
    }

    async fn look(&self) -> Arc<CredentialKey> {
        let outcome = ensure(&self.api, &self.namespace, &self.name).await;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(key) if key.id() == last.id() => {}
            Ok(key) => {
                info!(old = last.id(), new = key.id(), "the operator's key is another one; digests are recorded anew");
                *last = Arc::new(key);
            }
            Err(error) => warn!(%error, "the operator's key cannot be read; the last one is used"),
        }
        Arc::clone(&last)
    }
}

/// Reads the key, and makes one if there is none. Of two operators that start at once, both end with the same key.
async fn ensure(api: &Api<Secret>, namespace: &str, name: &str) -> Result<CredentialKey, CredentialKeyError> {
    let failed = |source| CredentialKeyError::Kubernetes {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        source: Box::new(source),
    };
    let secret = match api.get_opt(name).await.map_err(failed)? {
        Some(secret) => secret,
        None => match make(api, name).await? {
            Err(kube::Error::Api(status)) if status.code == 409 => api.get(name).await.map_err(failed)?,
            other => other.map_err(failed)?,
        },
    };
    let malformed = || CredentialKeyError::Malformed { namespace: namespace.to_owned(), name: name.to_owned() };
    parse(&SecretContent::from(secret)).ok_or_else(malformed)
}

async fn make(api: &Api<Secret>, name: &str) -> Result<Result<Secret, kube::Error>, CredentialKeyError> {
    let made = generate(name)?;
    let outcome = api.create(&PostParams::default(), &made).await;
    drop(SecretContent::from(made));
    Ok(outcome)
}

fn parse(secret: &SecretContent) -> Option<CredentialKey> {
    let id = secret.text("id").ok()?.expose_secret().to_owned();
    let key = secret.bytes("key")?;
    (key.len() >= KEY_BYTES).then(|| CredentialKey::new(id, key.to_vec()))
}

fn generate(name: &str) -> Result<Secret, CredentialKeyError> {
    let [a, b, c, d, ..] = random(KEY_BYTES)?[..] else {
        return Err(CredentialKeyError::Random);
    };
    let id = format!("{:08x}", u32::from_be_bytes([a, b, c, d]));
    let labels = BTreeMap::from([("app.kubernetes.io/managed-by".to_owned(), super::FIELD_MANAGER.to_owned())]);
    Ok(Secret {
        metadata: ObjectMeta { name: Some(name.to_owned()), labels: Some(labels), ..ObjectMeta::default() },
        data: Some(BTreeMap::from([
            ("id".to_owned(), ByteString(id.into_bytes())),
            ("key".to_owned(), ByteString(random(KEY_BYTES)?)),
        ])),
        // Another key under the same id would make all values look changed.
        immutable: Some(true),
        ..Secret::default()
    })
}

fn random(count: usize) -> Result<Vec<u8>, CredentialKeyError> {
    let mut bytes = vec![0; count];
    let provider: &dyn SecureRandom = rustls::crypto::ring::default_provider().secure_random;
    provider.fill(&mut bytes).map_err(|_| CredentialKeyError::Random)?;
    Ok(bytes)
}
