//! From usernames to the names of objects.
//!
//! A username that is a valid name, in lower case, is the name. Any other becomes a readable part and twelve hex digits
//! of a hash. The two cannot meet, as no name that is taken over ends like a hash. The name depends on the username
//! alone: not on the file, the order, the realm or the cluster.

use std::collections::HashSet;

use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use super::options::NameOptions;

/// Longest name of an object. It leaves room for a prefix within the 63 characters of a label.
pub(super) const MAX_NAME: usize = 52;
/// Hex digits of the hash at the end of a name.
const HASH_LENGTH: usize = 12;
/// Longest readable part in front of a hash, which a hyphen separates.
const MAX_SLUG: usize = MAX_NAME - 1 - HASH_LENGTH;
/// Longest subdomain and longest label, by RFC 1123.
const MAX_SUBDOMAIN: usize = 253;
const MAX_LABEL: usize = 63;

/// The name of the `KeycloakUser` for a username: at most 52 characters, an RFC 1123 subdomain. Usernames that differ
/// in upper and lower case only have the same name, since they are one account in Keycloak.
pub(super) fn object_name(username: &str) -> String {
    let canonical = username.to_lowercase();
    if canonical.len() <= MAX_NAME && is_subdomain(&canonical) && !looks_hashed(&canonical) {
        return canonical;
    }
    let mut name = slug(&canonical);
    name.push('-');
    for byte in Sha256::digest(canonical.as_bytes()).iter().take(HASH_LENGTH / 2) {
        name.extend([byte >> 4, byte & 0xF].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])));
    }
    name
}

/// True if names may begin like this: together they fit into a label.
pub(super) fn is_prefix(prefix: &str) -> bool {
    prefix.is_empty() || (prefix.len() <= MAX_LABEL - MAX_NAME && is_subdomain(&format!("{prefix}a")))
}

/// True if a person may choose this name for an object.
pub(super) fn is_given_name(name: &str) -> bool {
    name.len() <= MAX_LABEL && is_subdomain(name)
}

/// The name of the `KeycloakUser` for a username, as the options would have it.
pub(super) fn chosen_name(username: &str, options: &NameOptions) -> String {
    match options.of(username) {
        Some(name) => name.to_owned(),
        None => options.prefix.clone() + &object_name(username),
    }
}

/// The name of the Secret that belongs to a `KeycloakUser`; the prefix keeps it apart from other Secrets.
pub(super) fn secret_name(object_name: &str) -> String {
    format!("kcuser-{object_name}")
}

/// RFC 1123: labels that single dots join.
pub(super) fn is_subdomain(text: &str) -> bool {
    text.len() <= MAX_SUBDOMAIN && text.split('.').all(is_label_of_any_length)
}

/// RFC 1123: lower-case letters, digits and hyphens, a letter or digit at both ends.
pub(super) fn is_label(text: &str) -> bool {
    text.len() <= MAX_LABEL && is_label_of_any_length(text)
}

fn is_label_of_any_length(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| is_plain(c) || c == '-')
        && text.starts_with(is_plain)
        && text.ends_with(is_plain)
}

fn is_plain(character: char) -> bool {
    matches!(character, 'a'..='z' | '0'..='9')
}

fn looks_hashed(name: &str) -> bool {
    name.rsplit_once('-')
        .is_some_and(|(_, end)| end.len() == HASH_LENGTH && end.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')))
}

fn slug(canonical: &str) -> String {
    let mut slug = String::new();
    for character in spelled_out(canonical).nfkd().filter(|character| !is_mark(*character)) {
        if is_plain(character) {
            slug.push(character);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(MAX_SLUG);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "user".to_owned() } else { slug.to_owned() }
}

fn is_mark(character: char) -> bool {
    !character.is_ascii() && character.general_category() == GeneralCategory::NonspacingMark
}

/// Replaces the letters that have no decomposition into a Latin letter and a mark.
fn spelled_out(text: &str) -> String {
    let mut spelled = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            'ß' => spelled.push_str("ss"),
            'æ' => spelled.push_str("ae"),
            'œ' => spelled.push_str("oe"),
            'þ' => spelled.push_str("th"),
            'ø' => spelled.push('o'),
            'đ' | 'ð' => spelled.push('d'),
            'ł' => spelled.push('l'),
            'ı' => spelled.push('i'),
            'ħ' => spelled.push('h'),
            other => spelled.push(other),
        }
    }
    spelled
}

/// 96 bits of a hash, of which two in a million names are equal with a probability of 10⁻¹⁷.
type Key = [u8; 12];

/// How many names are taken before they are put in order.
const RECENT: usize = 1 << 15;

/// Remembers which names are taken, in twelve bytes a name. A hash table alone would take three times as many while it
/// grows.
#[derive(Default)]
pub(super) struct NameTable {
    /// In order.
    settled: Vec<Key>,
    recent: HashSet<Key>,
}

impl NameTable {
    /// Takes a name; false if it is taken already.
    pub(super) fn take(&mut self, name: &str) -> bool {
        let mut key = Key::default();
        for (to, from) in key.iter_mut().zip(Sha256::digest(name.as_bytes())) {
            *to = from;
        }
        if self.settled.binary_search(&key).is_ok() || !self.recent.insert(key) {
            return false;
        }
        if self.recent.len() == RECENT {
            self.settle();
        }
        true
    }

    /// Merges the recent names into the others, from the end on, so that no second copy is needed.
    fn settle(&mut self) {
        let mut recent: Vec<Key> = self.recent.drain().collect();
        recent.sort_unstable();
        let mut from = self.settled.len();
        let mut to = from + recent.len();
        self.settled.reserve_exact(recent.len());
        self.settled.resize(to, Key::default());
        for key in recent.into_iter().rev() {
            while from > 0 && self.settled[from - 1] > key {
                (from, to) = (from - 1, to - 1);
                self.settled[to] = self.settled[from];
            }
            to -= 1;
            self.settled[to] = key;
        }
    }
}

#[cfg(test)]
#[path = "name_tests.rs"]
mod tests;
