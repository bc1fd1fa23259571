//! The manual knows every message.

const MANUAL: &str = include_str!("../../../docs/convert.md");
const SOURCES: [&str; 2] = [include_str!("../error.rs"), include_str!("../output/prune.rs")];

/// The texts of `#[error("…")]`.
fn messages(source: &str) -> Vec<String> {
    let mut messages = Vec::new();
    for (at, _) in source.match_indices("#[error(") {
        let after = source[at..].trim_start_matches("#[error(").trim_start();
        let Some(text) = after.strip_prefix('"') else { continue };
        let end = text.match_indices('"').find(|(at, _)| !text[..*at].ends_with('\\')).unwrap().0;
        messages.push(text[..end].replace("\\\"", "\""));
    }
    messages
}

/// The longest piece of what a message says is wrong, between what differs from case to case.
fn constant(message: &str) -> String {
    let mut pieces = vec![String::new()];
    let mut depth = 0;
    for character in message.chars() {
        match character {
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                pieces.push(String::new());
            }
            ';' | ':' if depth == 0 => break,
            other if depth == 0 => pieces.last_mut().unwrap().push(other),
            _ => {}
        }
    }
    pieces.into_iter().max_by_key(String::len).unwrap()
}

#[test]
fn the_manual_has_every_message() {
    let messages: Vec<String> = SOURCES.iter().flat_map(|source| messages(source)).collect();
    assert!(messages.len() > 90, "{}", messages.len());
    let missing: Vec<&String> = messages.iter().filter(|message| !MANUAL.contains(&constant(message))).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
