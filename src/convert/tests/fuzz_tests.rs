//! Documents that nobody wrote. Two seconds in every run of the unit tests; `make fuzz` and `make test` take a minute.
//!
//! - Documents made of known users: what is written reads back as what was meant, whatever the notation of the XML. The
//!   readers are serde-saphyr and `serde_json`, neither of which has a part in the writing of YAML.
//! - Documents that are spoiled: no panic, no hang, nothing written that a second reader of XML does not find in the
//!   document, and nothing at all if it says that the document is not well-formed before the first user.

use std::time::{Duration, Instant};

use super::*;
use crate::convert::grammar;

/// Longest time for one document, of some hundred bytes, on a busy machine.
const HANG: Duration = Duration::from_secs(10);

#[expect(clippy::disallowed_methods, reason = "the harness has no command line of its own")]
fn time() -> Duration {
    let wanted = std::env::var("KUO_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(wanted.unwrap_or(2))
}

/// Calls it with seeds until the time is over; a seed that fails is printed.
fn for_a_while(test: impl Fn(&mut fastrand::Rng)) {
    let end = Instant::now() + time();
    let mut rounds = 0u64;
    while Instant::now() < end {
        let seed = fastrand::u64(..);
        let shown = Seed(seed);
        test(&mut fastrand::Rng::with_seed(seed));
        std::mem::forget(shown);
        rounds += 1;
    }
    assert!(rounds > 20, "only {rounds} documents in {:?}", time());
}

/// Says which seed it was if the test panics.
struct Seed(u64);

impl Drop for Seed {
    #[expect(clippy::print_stderr, reason = "the person who looks at the failure needs it")]
    fn drop(&mut self) {
        eprintln!("the seed was {}", self.0);
    }
}

/// A text of what readers of XML or YAML like to misunderstand, and now and then of any character that XML allows.
fn text(random: &mut fastrand::Rng, longest: usize) -> String {
    let pieces: Vec<char> =
        " \t\n\r<>&'\"]-:#{}[]|?!%@`,=~*\\/._0123456789abcxyzNOnoTtEe\u{85}\u{a0}\u{2028}\u{feff}\u{7f}é山😀ÄßŻ"
            .chars()
            .collect();
    let any = |character: char| if grammar::is_allowed(character) { character } else { '\u{80}' };
    let one = |random: &mut fastrand::Rng| match random.usize(..8) {
        0 => any(random.char(..)),
        1 => any(random.char(..'\u{100}')),
        _ => pieces[random.usize(..pieces.len())],
    };
    (0..random.usize(..=longest)).map(|_| one(random)).collect()
}

/// A text in XML, each character in one of the ways to write it.
fn written(random: &mut fastrand::Rng, text: &str) -> String {
    text.chars().map(|character| written_character(random, character)).collect()
}

fn written_character(random: &mut fastrand::Rng, character: char) -> String {
    let code = u32::from(character);
    match (random.usize(..12), character) {
        (0, _) | (_, '\r') => format!("&#{code};"),
        (1, _) => format!("&#x{code:X};"),
        (2, _) => format!("<![CDATA[{character}]]>"),
        (3, _) => format!("<!-- - -->&#{code};<?x?>"),
        (_, '<') => "&lt;".to_owned(),
        (_, '>') => "&gt;".to_owned(),
        (_, '&') => "&amp;".to_owned(),
        (4..8, '\n') => "\r\n".to_owned(),
        _ => character.to_string(),
    }
}

/// A user that can be declared.
struct Meant {
    username: String,
    last_name: String,
    attribute: Option<(String, String)>,
    password: Option<String>,
}

impl Meant {
    fn new(random: &mut fastrand::Rng, number: usize) -> Self {
        let visible = |text: String| text.chars().filter(|c| !c.is_ascii_control()).collect::<String>();
        let attribute = random.bool().then(|| (visible(text(random, 9)) + "n", text(random, 30) + "v"));
        Self {
            username: format!("{}{number}", visible(text(random, 9))),
            last_name: text(random, 20),
            attribute,
            password: random.bool().then(|| text(random, 40) + "p"),
        }
    }

    fn xml(&self, random: &mut fastrand::Rng) -> String {
        let mut parts = vec![
            format!("<Username>{}</Username>", written(random, &self.username)),
            format!("<LastName>{}</LastName>", written(random, &self.last_name)),
            "<Enabled>true</Enabled>".to_owned(),
        ];
        if let Some((name, value)) = &self.attribute {
            parts.push(format!(
                "<Attributes><Attribute><Name>{}</Name><Values><Value>{}</Value></Values></Attribute></Attributes>",
                written(random, name),
                written(random, value)
            ));
        }
        if let Some(password) = &self.password {
            parts.push(format!(
                "<Credentials><Credential><Type>password</Type><Value>{}</Value><Temporary>0</Temporary></Credential></Credentials>",
                written(random, password)
            ));
        }
        random.shuffle(&mut parts);
        format!("<User>{}</User>", parts.join("\n"))
    }
}

fn encoded(random: &mut fastrand::Rng, body: &str) -> Vec<u8> {
    match random.usize(..4) {
        0 => {
            format!("<?xml version='1.0' encoding='UTF-16'?>{body}").encode_utf16().flat_map(u16::to_le_bytes).collect()
        }
        1 => format!("\u{feff}{body}").encode_utf16().flat_map(u16::to_be_bytes).collect(),
        2 => format!("\u{feff}{body}").into_bytes(),
        _ => format!("<?xml version=\"1.0\"?>{body}").into_bytes(),
    }
}

/// In what form the manifests are written does not matter.
fn some_options(random: &mut fastrand::Rng) -> Options {
    with_manifests(ManifestOptions {
        format: if random.usize(..4) == 0 { Format::Json } else { Format::Yaml },
        secrets: if random.usize(..4) == 0 { Secrets::Data } else { Secrets::StringData },
        ..ManifestOptions::default()
    })
}

fn read(manifests: &str, format: Format) -> Vec<Manifest> {
    match format {
        Format::Yaml => read_back(manifests),
        Format::Json => manifests.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
    }
}

#[test]
fn fuzz_what_is_written_reads_back_as_what_was_meant() {
    for_a_while(|random| {
        let users: Vec<Meant> = (0..random.usize(1..5)).map(|number| Meant::new(random, number)).collect();
        let body: String = users.iter().map(|user| user.xml(random)).collect();
        let document = encoded(random, &format!("<Users>{body}</Users>"));
        let step = random.usize(1..50);
        let options = some_options(random);
        let format = options.manifests.format;
        let run = run(&mut [("a.xml", &mut Trickle(&document, step))], options);
        assert_eq!(run.summary.written, users.len() as u64, "{:?} {body}", run.messages);
        let mut documents = read(&run.manifests, format).into_iter();
        for user in users {
            let mut next = || documents.next().unwrap();
            let password = user.password.as_ref().map(|_| next().password());
            let spec = next().spec.unwrap();
            assert_eq!((password, spec.username), (user.password, user.username));
            assert_eq!(spec.last_name.unwrap_or_default(), user.last_name);
            let declared = spec.attributes.into_iter().next().map(|mut one| (one.name, one.values.remove(0)));
            assert_eq!(declared, user.attribute);
        }
    });
}

/// Spoils a document at some places.
fn spoil(random: &mut fastrand::Rng, document: &mut Vec<u8>) {
    const SPLICES: &[&str] = &[
        "<",
        ">",
        "&",
        "]]>",
        "<![CDATA[",
        "<!--",
        "-->",
        "<?xml version='1.0'?>",
        "<?x",
        "?>",
        "</User>",
        "<User>",
        "</Users>",
        "<Users>",
        "<Value>",
        "</Value>",
        "<Username>x</Username>",
        " a='1'",
        " xmlns='u'",
        " xmlns:p='u'",
        "<p:a/>",
        "&#0;",
        "&#x1F600;",
        "&lt",
        "&a;",
        "<!DOCTYPE User>",
        "<!DOCTYPE User [<!ENTITY a 'b'>]>",
        "\u{0}",
        "\u{fffe}",
        "ü",
        "\r\n",
        "\t",
        "'",
        "\"",
    ];
    for _ in 0..random.usize(1..5) {
        let at = random.usize(..=document.len());
        match random.usize(..5) {
            0 if at < document.len() => document[at] = random.u8(..),
            1 => document.truncate(at),
            2 => {
                let end = (at + random.usize(..20)).min(document.len());
                document.drain(at..end);
            }
            3 => {
                let end = (at + random.usize(..60)).min(document.len());
                let copy = document[at..end].to_vec();
                document.splice(at..at, copy);
            }
            _ => {
                let splice = SPLICES[random.usize(..SPLICES.len())].as_bytes();
                document.splice(at..at, splice.iter().copied());
            }
        }
    }
}

/// Every text of an element of that name, as another reader has it.
fn texts(tree: &roxmltree::Document<'_>, name: &str) -> Vec<String> {
    let text = |node: roxmltree::Node<'_, '_>| -> String {
        node.descendants().filter(roxmltree::Node::is_text).filter_map(|text| text.text()).collect()
    };
    tree.descendants().filter(|node| node.tag_name().name() == name).map(text).collect()
}

#[test]
fn fuzz_spoiled_documents_do_no_harm() {
    let samples: [&[u8]; 2] = [
        include_bytes!("../../../tests/data/convert/example.xml"),
        include_bytes!("../../../tests/data/convert/export.xml"),
    ];
    for_a_while(|random| {
        let mut document = samples[random.usize(..samples.len())].to_vec();
        spoil(random, &mut document);
        let mode = if random.bool() { Mode::Strict } else { Mode::Lenient };
        let input = if random.usize(..4) == 0 { Input::Concatenated } else { Input::OneDocument };
        let begin = Instant::now();
        let run = run(&mut [("a.xml", &mut document.as_slice())], Options { mode, input, ..Options::default() });
        assert!(begin.elapsed() < HANG, "{document:?}");
        let manifests = read_back(&run.manifests);
        let Ok(text) = std::str::from_utf8(&document) else { return };
        if input == Input::Concatenated || text.contains("encoding=") && !text.contains("encoding=\"UTF-8\"") {
            return;
        }
        // A DTD that declares nothing is allowed; whoever refuses each of them says nothing of the document.
        let options = roxmltree::ParsingOptions { allow_dtd: true, ..roxmltree::ParsingOptions::default() };
        match roxmltree::Document::parse_with_options(text.trim_start_matches('\u{feff}'), options) {
            // What precedes the fault is written.
            Err(fault) => assert!(run.summary.broken == 1 || run.summary.read == 0, "{fault}: {text}"),
            Ok(tree) => {
                let (usernames, values) = (texts(&tree, "Username"), texts(&tree, "Value"));
                for spec in manifests.into_iter().filter_map(|manifest| manifest.spec) {
                    assert!(desired_user(&spec).is_ok());
                    assert!(
                        usernames.iter().any(|name| name.trim() == spec.username.trim()),
                        "{}: {text}",
                        spec.username
                    );
                    let declared = spec.attributes.iter().flat_map(|attribute| &attribute.values);
                    declared.for_each(|value| assert!(values.contains(value), "{value}: {text}"));
                }
            }
        }
    });
}
