//! Looks for a secret in the forms in which one leaks.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use md5::Md5;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// A text that is nowhere else, with characters that every form of writing escapes.
pub(super) fn unique(tag: &str, length: usize) -> String {
    let random: String = (0..length).map(|_| fastrand::alphanumeric()).collect();
    format!("{tag}\"\\/ +ü9{random}")
}

/// Something that was said or stored.
pub(super) struct Place {
    pub(super) name: &'static str,
    content: Vec<u8>,
}

impl Place {
    pub(super) fn new(name: &'static str, content: impl Into<Vec<u8>>) -> Self {
        Self { name, content: content.into() }
    }

    pub(super) fn says(&self, text: &str) -> bool {
        contains(&self.content, text.as_bytes())
    }
}

/// The forms of a secret that are in a place.
pub(super) fn found(secret: &str, place: &Place) -> Vec<String> {
    forms(secret)
        .into_iter()
        .filter(|(_, form)| contains(&place.content, form.as_bytes()))
        .map(|(name, _)| name)
        .collect()
}

fn contains(content: &[u8], form: &[u8]) -> bool {
    memchr::memmem::find(content, form).is_some()
}

const PATH: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'\\').add(b'/').add(b'+');

fn forms(secret: &str) -> Vec<(String, String)> {
    let escaped = |text: &str| {
        let quoted = serde_json::to_string(text).unwrap();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let percent = |set| utf8_percent_encode(secret, set).to_string();
    let mut forms = vec![
        ("plain".to_owned(), secret.to_owned()),
        ("JSON".to_owned(), escaped(secret)),
        ("JSON in JSON".to_owned(), escaped(&escaped(secret))),
        ("JSON with /".to_owned(), escaped(secret).replace('/', "\\/")),
        ("JSON in ASCII".to_owned(), escaped(secret).replace('ü', "\\u00fc")),
        ("Debug".to_owned(), secret.escape_debug().to_string()),
        ("URL".to_owned(), percent(NON_ALPHANUMERIC)),
        ("URL, lower case".to_owned(), percent(NON_ALPHANUMERIC).to_lowercase()),
        ("URL path".to_owned(), percent(PATH)),
        ("form".to_owned(), percent(NON_ALPHANUMERIC).replace("%20", "+")),
        ("hexadecimal".to_owned(), hexadecimal(secret.as_bytes())),
        // The end alone, where only the beginning was cut or escaped.
        (
            "its unique end".to_owned(),
            secret.rsplit('9').next().filter(|end| end.len() >= 16).unwrap_or(secret).to_owned(),
        ),
        ("bytes as a list".to_owned(), secret.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ")),
    ];
    for offset in 0..3 {
        forms.push((format!("base64 at {offset}"), base64_at(secret, offset)));
    }
    for (name, digest) in [
        ("MD5", Md5::digest(secret).to_vec()),
        ("SHA-1", Sha1::digest(secret).to_vec()),
        ("SHA-256", Sha256::digest(secret).to_vec()),
    ] {
        forms.push((format!("{name} in hexadecimal"), hexadecimal(&digest)));
        forms.push((format!("{name} in HEXADECIMAL"), hexadecimal(&digest).to_uppercase()));
        forms.push((format!("{name} in base64"), STANDARD_NO_PAD.encode(&digest)));
        forms.push((format!("{name} in base64 for URLs"), URL_SAFE_NO_PAD.encode(&digest)));
    }
    forms
}

/// What of its base64 does not depend on what stands around it.
fn base64_at(secret: &str, offset: usize) -> String {
    let around = [&vec![0; offset][..], secret.as_bytes()].concat();
    let encoded = STANDARD_NO_PAD.encode(&around);
    let start = (8 * offset).div_ceil(6);
    let end = 8 * around.len() / 6;
    encoded[start..end].to_owned()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_form_of_a_secret_is_found_where_it_is_planted() {
    let secret = unique("planted", 32);
    let forms = forms(&secret);
    for (name, form) in &forms {
        let place = Place::new("somewhere", format!("{{\"around\": \"x{form}y\"}}"));
        assert!(found(&secret, &place).contains(name), "{name}");
    }
    for prefix in ["", "a", "ab", "abc"] {
        let place = Place::new("a header", STANDARD_NO_PAD.encode(format!("{prefix}{secret}:more")));
        assert!(!found(&secret, &place).is_empty(), "base64 behind {prefix:?}");
    }
    assert!(found(&secret, &Place::new("elsewhere", unique("planted", 32))).is_empty());
}
