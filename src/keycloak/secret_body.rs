//! Bodies of requests that carry a secret: their memory is zeroed when the last copy of them is dropped.

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::RequestBuilder;
use reqwest::header::CONTENT_TYPE;
use serde::Serialize;
use zeroize::Zeroizing;

/// What may stand in a form as it is.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*');

/// Gives the request a body of JSON.
pub(super) fn json(request: RequestBuilder, content: &impl Serialize) -> RequestBuilder {
    match serialized(content) {
        Ok(body) => request.header(CONTENT_TYPE, "application/json").body(Bytes::from_owner(body)),
        // Fails in the same way, and has the request say so.
        Err(_) => request.json(content),
    }
}

/// Gives the request the body of a form.
pub(super) fn form(request: RequestBuilder, fields: &[(&str, &str)]) -> RequestBuilder {
    let encoded_size: usize = fields.iter().map(|(name, value)| 3 * (name.len() + value.len()) + 2).sum();
    let mut body = Zeroizing::new(String::with_capacity(encoded_size));
    for (name, value) in fields {
        if !body.is_empty() {
            body.push('&');
        }
        body.extend(utf8_percent_encode(name, FORM));
        body.push('=');
        body.extend(utf8_percent_encode(value, FORM));
    }
    request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(Bytes::from_owner(body))
}

/// Knows its size beforehand, since a buffer that grows leaves what it held behind.
fn serialized(content: &impl Serialize) -> serde_json::Result<Zeroizing<Vec<u8>>> {
    let mut size = Size(0);
    serde_json::to_writer(&mut size, content)?;
    let mut body = Zeroizing::new(Vec::with_capacity(size.0));
    serde_json::to_writer(&mut *body, content)?;
    Ok(body)
}

struct Size(usize);

impl std::io::Write for Size {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request() -> RequestBuilder {
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder().tls_certs_only([]).build().unwrap().post("http://localhost")
    }

    fn body(request: RequestBuilder) -> Vec<u8> {
        request.build().unwrap().body().unwrap().as_bytes().unwrap().to_vec()
    }

    #[test]
    fn a_body_is_what_it_would_be_without_care() {
        let content = json!({ "value": "a\"b\\cü", "temporary": false });
        assert_eq!(body(json(request(), &content)), serde_json::to_vec(&content).unwrap());
        let fields = [("grant_type", "password"), ("password", "a&b=c +ü%")];
        assert_eq!(body(form(request(), &fields)), b"grant_type=password&password=a%26b%3Dc%20%2B%C3%BC%25");
    }

    #[test]
    fn a_body_never_grows() {
        let content = json!({ "value": "x".repeat(1000) });
        let body = serialized(&content).unwrap();
        assert_eq!(body.len(), body.capacity());
    }
}
