//! What was read from a Secret: gone from memory when it is dropped.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use secrecy::SecretString;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The values of a Secret.
pub(super) struct SecretContent(BTreeMap<String, Vec<u8>>);

/// Why there is no text under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoText {
    /// The Secret lacks the key.
    Absent,
    /// The value is empty, or nothing but white space.
    Blank,
    /// The value is not UTF-8.
    NotUtf8,
}

impl SecretContent {
    /// The value under a key, as it is.
    pub(super) fn bytes(&self, key: &str) -> Option<&[u8]> {
        self.0.get(key).map(Vec::as_slice)
    }

    /// The value under a key, if it is text and not blank.
    pub(super) fn text(&self, key: &str) -> Result<SecretString, NoText> {
        let bytes = self.bytes(key).ok_or(NoText::Absent)?;
        let text = std::str::from_utf8(bytes).map_err(|_| NoText::NotUtf8)?;
        if text.trim().is_empty() { Err(NoText::Blank) } else { Ok(text.into()) }
    }
}

impl From<Secret> for SecretContent {
    fn from(secret: Secret) -> Self {
        Self(secret.data.into_iter().flatten().map(|(key, value)| (key, value.0)).collect())
    }
}

impl Drop for SecretContent {
    fn drop(&mut self) {
        self.0.values_mut().for_each(Zeroize::zeroize);
    }
}

impl ZeroizeOnDrop for SecretContent {}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn only_text_that_is_not_blank_is_taken() {
        let values: [(&str, &[u8]); 4] =
            [("good", "pässword ".as_bytes()), ("empty", b""), ("blank", b" \n"), ("binary", b"pass\xff")];
        let data = values.map(|(key, value)| (key.to_owned(), ByteString(value.to_vec())));
        let content = SecretContent::from(Secret { data: Some(data.into()), ..Secret::default() });
        assert_eq!(content.text("good").unwrap().expose_secret(), "pässword ");
        let refused = ["absent", "empty", "blank", "binary"].map(|key| content.text(key).unwrap_err());
        assert_eq!(refused, [NoText::Absent, NoText::Blank, NoText::Blank, NoText::NotUtf8]);
    }
}
