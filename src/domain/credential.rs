//! When a password is set: when its Secret's value changes, and at no other time.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
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
    secret: Vec<u8>,
}

impl CredentialKey {
    /// A key and the name by which records refer to it.
    #[must_use]
    pub fn new(id: String, secret: Vec<u8>) -> Self {
        Self { id, secret }
    }

    /// The name by which records refer to the key.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// HMAC-SHA256 of the value under this key.
    #[must_use]
    pub fn digest(&self, value: &str) -> Digest {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret)
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

/// Which Secret, in which version, a value was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretVersion {
    /// UID of the Secret.
    pub uid: String,
    /// Key within the Secret.
    pub key: String,
    /// Its resourceVersion.
    pub resource_version: String,
}

/// A reset that was begun; it has arrived when Keycloak's creation date of the password is another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Digest of the value that was to be set.
    pub digest: Digest,
    /// Creation date in milliseconds of the password before; `None` if there was none.
    pub created_date: Option<i64>,
}

/// What is known of a password that was set from a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordRecord {
    /// Where the value came from.
    pub secret: SecretVersion,
    /// Which key made the digests.
    pub key_id: String,
    /// Digest of the value that Keycloak has.
    pub digest: Option<Digest>,
    /// A reset that was begun.
    pub pending: Option<Pending>,
    /// The password policy refused the Secret's value; `digest` is that of the password before.
    pub refused: bool,
    /// The password was never sent, but taken to be the one of the Secret.
    pub assumed: bool,
}

impl PasswordRecord {
    /// Whether the record answers for that version of the Secret, so that the Secret need not be read.
    #[must_use]
    pub fn settles(&self, secret: &SecretVersion) -> bool {
        self.pending.is_none() && !self.refused && self.secret == *secret
    }
}

impl PasswordRecord {
    /// The record once it is known whether a reset that was begun has arrived: if Keycloak's password has another date
    /// than the one noted, its value is what Keycloak has.
    #[must_use]
    pub fn answered_by(mut self, created_date: Option<i64>) -> Self {
        if let Some(arrived) = self.pending.take_if(|pending| pending.created_date != created_date) {
            self.digest = Some(arrived.digest);
        }
        self
    }
}

/// What to do about a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordDecision {
    /// Set it.
    Send,
    /// Keycloak has it already: note the Secret's version.
    Record,
    /// Nothing tells whether Keycloak has it: take it for the same, and say so.
    Assume,
}

/// Decides about the password of an existing account whose record, [answered](PasswordRecord::answered_by) by what
/// Keycloak has, does not settle the matter.
///
/// `created_date` is that of the password that the account has now, `None` if it has none. Without a record, a
/// password that is there may be the user's own choice and is left alone; where there is none, nothing can be lost.
#[must_use]
pub fn decide_password(
    record: Option<&PasswordRecord>,
    key_id: &str,
    digest: &Digest,
    created_date: Option<i64>,
) -> PasswordDecision {
    let Some(record) = record else {
        return if created_date.is_none() { PasswordDecision::Send } else { PasswordDecision::Assume };
    };
    let unanswered = record.refused || record.pending.is_some();
    match (record.key_id == key_id, record.digest.as_ref() == Some(digest)) {
        (true, true) => PasswordDecision::Record,
        (true, false) => PasswordDecision::Send,
        // The digest says nothing, but it is known that the value has not arrived.
        (false, _) if unanswered => PasswordDecision::Send,
        (false, _) => PasswordDecision::Assume,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "k1";

    fn digest(text: &str) -> Digest {
        CredentialKey::new(KEY.into(), vec![7; 32]).digest(text)
    }

    fn record(value: &str, pending: Option<Pending>) -> PasswordRecord {
        let secret = SecretVersion { uid: "u".into(), key: "password".into(), resource_version: "1".into() };
        PasswordRecord {
            secret,
            key_id: KEY.into(),
            digest: Some(digest(value)),
            pending,
            refused: false,
            assumed: false,
        }
    }

    #[test]
    fn a_changed_value_is_sent_and_an_unchanged_one_is_not() {
        let record = record("old", None);
        assert_eq!(decide_password(Some(&record), KEY, &digest("new"), Some(1)), PasswordDecision::Send);
        assert_eq!(decide_password(Some(&record), KEY, &digest("old"), Some(1)), PasswordDecision::Record);
    }

    #[test]
    fn a_begun_reset_is_repeated_only_if_it_did_not_arrive() {
        let pending = Pending { digest: digest("new"), created_date: Some(1) };
        let decide = |value: &str, date: i64| {
            let record = record("old", Some(pending.clone())).answered_by(Some(date));
            decide_password(Some(&record), KEY, &digest(value), Some(date))
        };
        assert_eq!(decide("new", 1), PasswordDecision::Send);
        assert_eq!(decide("new", 2), PasswordDecision::Record);
        assert_eq!(decide("newer", 2), PasswordDecision::Send);
        assert_eq!(decide("old", 2), PasswordDecision::Send, "the old one is there no more");
    }

    #[test]
    fn a_refused_value_is_sent_again_whatever_date_the_password_has() {
        let refused = PasswordRecord { refused: true, ..record("good", None) };
        assert!(!refused.settles(&refused.secret.clone()));
        for date in [None, Some(1), Some(2)] {
            assert_eq!(decide_password(Some(&refused), KEY, &digest("weak"), date), PasswordDecision::Send);
            assert_eq!(decide_password(Some(&refused), "k2", &digest("weak"), date), PasswordDecision::Send);
        }
    }

    #[test]
    fn a_value_that_is_put_back_after_a_refusal_or_a_lost_reset_is_there_already() {
        let refused = PasswordRecord { refused: true, ..record("good", None) };
        assert_eq!(decide_password(Some(&refused), KEY, &digest("good"), Some(1)), PasswordDecision::Record);
        let lost = record("good", Some(Pending { digest: digest("new"), created_date: Some(1) }));
        assert_eq!(decide_password(Some(&lost), KEY, &digest("good"), Some(1)), PasswordDecision::Record);
    }

    #[test]
    fn without_a_record_a_password_that_is_there_is_left_alone() {
        assert_eq!(decide_password(None, KEY, &digest("x"), Some(1)), PasswordDecision::Assume);
        assert_eq!(decide_password(None, KEY, &digest("x"), None), PasswordDecision::Send);
    }

    #[test]
    fn a_lost_key_sends_nothing() {
        assert_eq!(
            decide_password(Some(&record("old", None)), "k2", &digest("new"), Some(1)),
            PasswordDecision::Assume
        );
    }

    #[test]
    fn a_record_settles_only_the_version_that_it_names() {
        let other = SecretVersion { uid: "u".into(), key: "password".into(), resource_version: "2".into() };
        let record = record("old", None);
        assert!(record.settles(&record.secret.clone()));
        assert!(!record.settles(&other));
    }

    #[test]
    fn the_digest_is_an_hmac_under_the_key() {
        // RFC 4231, test case 2.
        let key = CredentialKey::new("k".into(), b"Jefe".to_vec());
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(key.digest("what do ya want for nothing?").as_str(), expected);
    }
}
