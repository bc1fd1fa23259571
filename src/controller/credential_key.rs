//! The operator's own key, under which the status keeps digests of passwords; lives in a Secret beside the operator.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use rustls::crypto::SecureRandom;

use crate::domain::CredentialKey;

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

/// Reads the key, and makes one if there is none. Of two operators that start at once, both end with the same key.
pub(super) async fn ensure(client: &Client, namespace: &str, name: &str) -> Result<CredentialKey, CredentialKeyError> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let failed = |source| CredentialKeyError::Kubernetes {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        source: Box::new(source),
    };
    let secret = match api.get_opt(name).await.map_err(failed)? {
        Some(secret) => secret,
        None => match api.create(&PostParams::default(), &generate(name)?).await {
            Err(kube::Error::Api(status)) if status.code == 409 => api.get(name).await.map_err(failed)?,
            other => other.map_err(failed)?,
        },
    };
    let malformed = || CredentialKeyError::Malformed { namespace: namespace.to_owned(), name: name.to_owned() };
    parse(&secret).ok_or_else(malformed)
}

fn parse(secret: &Secret) -> Option<CredentialKey> {
    let data = secret.data.as_ref()?;
    let id = std::str::from_utf8(&data.get("id")?.0).ok()?;
    let key = &data.get("key")?.0;
    (key.len() >= KEY_BYTES && !id.is_empty()).then(|| CredentialKey::new(id.to_owned(), key.clone()))
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
        ..Secret::default()
    })
}

fn random(count: usize) -> Result<Vec<u8>, CredentialKeyError> {
    let mut bytes = vec![0; count];
    let provider: &dyn SecureRandom = rustls::crypto::ring::default_provider().secure_random;
    provider.fill(&mut bytes).map_err(|_| CredentialKeyError::Random)?;
    Ok(bytes)
}
