//! Where the prose, the samples and the schema of the product contradict each other: what is done leniently, and what
//! by `--strict`. The numbers are those of the rows in the table of decisions (docs/convert.md).

use super::*;

mod document_tests;
mod user_tests;

/// A user that keeps the schema.
const FULL: &str = "<User><Username>JohnDoe</Username><FirstName>John</FirstName><LastName>Doe</LastName>\
    <Email>j@example.com</Email><EmailVerified>true</EmailVerified><Enabled>true</Enabled>\
    <Attributes><Attribute><Name>a</Name><Values><Value>1</Value></Values></Attribute></Attributes>\
    <Credentials><Credential><Type>password</Type><Value>geheim</Value><Temporary>false</Temporary></Credential>\
    </Credentials></User>";

const ATTRIBUTE: &str = "<Attribute><Name>a</Name><Values><Value>1</Value></Values></Attribute>";

fn with(from: &str, to: &str) -> String {
    assert!(FULL.contains(from), "{from}");
    FULL.replacen(from, to, 1)
}

fn strictly(document: impl AsRef<[u8]>) -> Run {
    run(&mut [("a.xml", &mut document.as_ref())], Options { mode: Mode::Strict, ..Options::default() })
}

fn strict_takes(document: impl AsRef<[u8]>) -> Run {
    let run = strictly(document);
    assert_eq!((run.summary.written, run.summary.errors), (1, 0), "{:?}", run.messages);
    run
}

fn strict_refuses(document: impl AsRef<[u8]>, words: &str) {
    let run = strictly(document);
    assert!(run.messages.iter().any(|message| message.contains(words)), "{words}: {:?}", run.messages);
    assert_eq!((run.summary.written, run.summary.is_complete()), (0, false), "{:?}", run.messages);
}

fn silent(document: impl AsRef<[u8]>) -> KeycloakUserSpec {
    let run = convert(document);
    assert_eq!(run.messages, [""; 0]);
    spec(&run)
}

/// Converted, with one warning.
fn one_warning(document: impl AsRef<[u8]>, words: &str) -> KeycloakUserSpec {
    let run = convert(document);
    assert_eq!(run.messages.len(), 1, "{:?}", run.messages);
    assert!(run.messages[0].contains(": warning: ") && run.messages[0].contains(words), "{:?}", run.messages);
    spec(&run)
}

fn refused(document: impl AsRef<[u8]>, words: &str) {
    let run = convert(document);
    assert!(run.messages.iter().any(|message| message.contains(words)), "{words}: {:?}", run.messages);
    assert_eq!((run.summary.written, run.summary.is_complete()), (0, false), "{:?}", run.messages);
}
