//! Digests of secret values that say nothing to those who lack the operator's key.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

/// A fingerprint of a secret value that says nothing to those who lack the operator's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest(String);

impl Digest {
    /// A digest as the status keeps it.
    #[must_use]
    pub fn recorded(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Lower-case hexadecimal.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The operator's own key for [`Digest`]s.
#[derive(Clone)]
pub struct CredentialKey {
    id: String,
    secret: SecretSlice<u8>,
}

impl CredentialKey {
    /// A key and the name by which records refer to it.
    #[must_use]
    pub fn new(id: String, secret: Vec<u8>) -> Self {
        Self { id, secret: secret.into() }
    }

    /// The name by which records refer to the key.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// HMAC-SHA256 of the value under this key.
    #[must_use]
    pub fn digest(&self, value: &str) -> Digest {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.expose_secret())
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        mac.update(value.as_bytes());
        let bytes = mac.finalize().into_bytes();
        Digest(bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")))
    }
}

impl fmt::Debug for CredentialKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CredentialKey({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_an_hmac_under_the_key() {
        // RFC 4231, test case 2.
        let key = CredentialKey::new("k".into(), b"Jefe".to_vec());
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(key.digest("what do ya want for nothing?").as_str(), expected);
    }

    #[test]
    fn a_key_shows_its_name_alone() {
        let key = CredentialKey::new("k1".into(), b"hunter2-hunter2".to_vec());
        assert_eq!(format!("{key:?}"), "CredentialKey(k1)");
    }
}
