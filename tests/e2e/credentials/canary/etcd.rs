//! Everything that the API server has stored since the bed began, or since etcd was told to forget, but Secrets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::bed;

/// All keys, in the encoding of etcd's gateway: the byte zero stands for no bound.
const ALL: &str = "AA==";

/// Each revision of each object, not only the last one: a status that was overwritten was stored all the same.
pub(super) async fn all_but_secrets() -> Vec<u8> {
    let now = ask("kv/range", json!({ "key": ALL, "range_end": ALL, "count_only": true })).await;
    let now = number(&line(&now.text().await.expect("an answer"))["header"]["revision"]);
    let mut from = 1;
    loop {
        match revisions(from, now).await {
            Ok(stored) => return stored,
            Err(oldest) => from = oldest,
        }
    }
}

/// What was stored from one revision to another; the oldest that etcd remembers where it has forgotten the first.
async fn revisions(from: i64, to: i64) -> Result<Vec<u8>, i64> {
    let request = json!({ "create_request": { "key": ALL, "range_end": ALL, "start_revision": from } });
    let mut answer = ask("watch", request).await;
    let (mut text, mut stored) = (Vec::new(), Vec::new());
    loop {
        text.extend(answer.chunk().await.expect("the watch goes on").expect("the watch goes on"));
        while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
            let told = line(std::str::from_utf8(&text[..end]).expect("text"));
            text.drain(..=end);
            let result = &told["result"];
            if result["canceled"] == true {
                return Err(number(&result["compact_revision"]));
            }
            for event in result["events"].as_array().into_iter().flatten() {
                stored.extend(value(&event["kv"]));
                if number(&event["kv"]["mod_revision"]) >= to {
                    return Ok(stored);
                }
            }
        }
    }
}

fn value(stored: &Value) -> Vec<u8> {
    let bytes = |field: &str| STANDARD.decode(stored[field].as_str().unwrap_or_default()).expect("Base64");
    if bytes("key").starts_with(b"/registry/secrets/") { Vec::new() } else { bytes("value") }
}

async fn ask(call: &str, request: Value) -> reqwest::Response {
    let url = format!("{}/v3/{call}", bed().etcd_url());
    reqwest::Client::new().post(url).json(&request).send().await.expect("etcd answers")
}

fn line(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The gateway writes 64-bit numbers as texts.
fn number(value: &Value) -> i64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}
