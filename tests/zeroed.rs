//! What held a secret is zeroed when it is dropped: the memory of this process is searched for it, whole.
//!
//! The secrets are known here only under a mask, so that the search does not find itself.

#![allow(missing_docs, unreachable_pub, reason = "a test binary has no public interface")]
#![allow(clippy::pedantic, clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../src/keycloak/answer_body.rs"]
mod answer_body;
#[path = "../src/keycloak/secret_body.rs"]
mod secret_body;
#[path = "../src/controller/secret_content.rs"]
mod secret_content;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use keycloak_user_operator::domain::CredentialKey;
use reqwest::RequestBuilder;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use zeroize::Zeroize;

use answer_body::AnswerBody;
use secret_content::SecretContent;

const MASK: u8 = 0x80;
const LENGTH: usize = 48;
/// What is looked for: the allocator writes over the beginning of what is given back to it.
const PART: std::ops::Range<usize> = 24..40;

/// One search at a time: another one would find what this one has just read.
static ALONE: Mutex<()> = Mutex::new(());

/// A text that is nowhere in memory but where it was put.
struct Masked {
    text: [u8; LENGTH],
    _alone: MutexGuard<'static, ()>,
}

impl Masked {
    fn new() -> Self {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        Self { text: std::array::from_fn(|_| fastrand::alphanumeric() as u8 ^ MASK), _alone }
    }

    /// The text itself, in one allocation of its own.
    fn reveal(&self) -> String {
        let mut text = String::with_capacity(LENGTH);
        text.extend(self.text.iter().map(|byte| char::from(byte ^ MASK)));
        text
    }

    fn is_in_memory(&self) -> bool {
        let maps = std::fs::read_to_string("/proc/self/maps").expect("the map of our memory");
        let memory = File::open("/proc/self/mem").expect("our memory");
        let mut chunk = vec![0; 1 << 20];
        let mut is_found = false;
        for (mut start, end) in maps.lines().filter_map(writable) {
            while start < end && !is_found {
                let length = chunk.len().min((end - start) as usize);
                let read = memory.read_at(&mut chunk[..length], start).unwrap_or(0);
                is_found = self.is_in(&chunk[..read]);
                // A part that lies across two chunks is in the second one as a whole.
                start += if read == chunk.len() { (read - PART.len()) as u64 } else { length as u64 };
                chunk.as_mut_slice().zeroize();
            }
        }
        is_found
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        let part = &self.text[PART];
        let equal = |at: usize| {
            let found = bytes.get(at..at + part.len());
            found.is_some_and(|found| found.iter().zip(part).all(|(found, masked)| found ^ MASK == *masked))
        };
        memchr::memchr_iter(part[0] ^ MASK, bytes).any(equal)
    }
}

fn writable(line: &str) -> Option<(u64, u64)> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let address = |text| u64::from_str_radix(text, 16).ok();
    rest.starts_with("rw").then_some((address(start)?, address(end)?))
}

/// Found while it is held, and not after that.
fn gone_with<T>(what: &str, make: impl FnOnce(String) -> T) {
    let secret = Masked::new();
    assert!(!secret.is_in_memory(), "{what}: not yet");
    let holder = make(secret.reveal());
    assert!(secret.is_in_memory(), "{what}: the search finds what is there");
    drop(holder);
    assert!(!secret.is_in_memory(), "{what}: it was left behind");
}

fn content(value: Vec<u8>) -> SecretContent {
    let data = [("password".to_owned(), ByteString(value))];
    SecretContent::from(Secret { data: Some(data.into()), ..Secret::default() })
}

fn request() -> RequestBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().tls_certs_only([]).build().unwrap().post("http://localhost")
}

#[derive(Serialize)]
struct Body<'a> {
    kind: &'a str,
    value: &'a str,
}

#[test]
fn the_search_finds_what_is_left_behind() {
    let secret = Masked::new();
    drop(secret.reveal());
    assert!(secret.is_in_memory());
}

#[test]
fn the_content_of_a_secret_and_its_text() {
    gone_with("the content of a Secret", |value| content(value.into_bytes()));
    gone_with("the text in it", |value| {
        let content = content(value.into_bytes());
        content.text("password").expect("text")
    });
    gone_with("what is not text", |value| {
        let mut bytes = Vec::with_capacity(LENGTH + 1);
        bytes.extend(value.as_bytes());
        drop(SecretString::from(value));
        bytes.push(0xff);
        let content = content(bytes);
        assert!(content.text("password").is_err() && content.bytes("password").is_some());
        content
    });
}

#[test]
fn the_bodies_of_requests() {
    gone_with("a body of JSON", |value| {
        let value = SecretString::from(value);
        secret_body::json(request(), &Body { kind: "password", value: value.expose_secret() })
    });
    gone_with("a form", |value| {
        let value = SecretString::from(value);
        secret_body::form(request(), &[("grant_type", "password"), ("password", value.expose_secret())])
    });
    gone_with("a body that is sent twice", |value| {
        let value = SecretString::from(value);
        let first = secret_body::json(request(), &Body { kind: "password", value: value.expose_secret() });
        (first.try_clone(), first.build())
    });
}

#[test]
fn an_answer_that_comes_in_pieces() {
    gone_with("an answer", |value| {
        let value = SecretString::from(value);
        let mut body = AnswerBody::default();
        body.push(value.expose_secret().as_bytes());
        // Whoever comes next in memory keeps a vector from growing where it is.
        let mut neighbours = Vec::new();
        for _ in 0..1000 {
            neighbours.push(vec![0; LENGTH]);
            body.push(b"and so on");
        }
        assert_eq!(body.bytes().len(), LENGTH + 9000);
        body
    });
}

#[test]
fn the_key_and_what_a_digest_is_made_of() {
    gone_with("the operator's key", |value| {
        let key = CredentialKey::new("k".to_owned(), value.into_bytes());
        let digest = key.digest("any");
        (key, digest)
    });
    let secret = Masked::new();
    let value = SecretString::from(secret.reveal());
    let digest = CredentialKey::new("k".to_owned(), vec![7; 32]).digest(value.expose_secret());
    drop(value);
    assert!(!secret.is_in_memory(), "the state of the HMAC {digest:?}");
}
