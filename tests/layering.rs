//! Which module may use which: read from the sources, so that an arrow that the picture lacks fails a test.
//!
//! The checker reads words, not types: every path in a `use` or in the code, with `super` resolved, without comments,
//! texts and the tests at the end of a file.

#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of ours that a module may use, what else it must not name, and why.
struct Layer {
    module: &'static str,
    uses: &'static [&'static str],
    never: &'static [&'static str],
    why: &'static str,
}

const KUBERNETES: &[&str] = &["kube", "k8s_openapi"];
const KUBERNETES_CLIENT: &[&str] = &["tokio", "reqwest", "kube::Client", "kube::Api", "kube::client", "kube::runtime"];
const NOT_PURE: &[&str] = &[
    "tokio",
    "kube",
    "k8s_openapi",
    "reqwest",
    "jiff",
    "std::time::SystemTime",
    "std::time::Instant",
    "std::net",
    "std::fs",
    "std::env",
    "std::process",
    "fastrand",
];
const EVERYTHING: &[&str] = &["*"];

#[rustfmt::skip]
const LAYERS: &[Layer] = &[
    // The binary is thin: whatever it does, a test can do through the library.
    Layer { module: "main", uses: &["cli"], never: &[], why: "main only hands over to cli" },
    // Declares the modules and uses none.
    Layer { module: "lib", uses: &[], never: &[], why: "lib only names the modules" },
    // The one place where the parts are put together.
    Layer { module: "cli", uses: EVERYTHING, never: &[], why: "cli wires everything" },
    // The script of a reconciliation; keycloak for its errors, its client (through realm) and the way to log in.
    Layer { module: "controller", uses: &["api", "domain", "policy", "realm", "keycloak"], never: &[], why: "controller reaches Keycloak through realm and keycloak alone" },
    // The same phases for the shell.
    Layer { module: "plan", uses: &["api", "domain", "policy", "realm", "controller"], never: &[], why: "plan runs the controller's phases without writing" },
    // Reads a realm, writes manifests.
    Layer { module: "export", uses: &["api", "domain", "realm"], never: &[], why: "export reads a realm and knows no cluster" },
    // What it needs of the object store it asks through a trait that controller implements.
    Layer { module: "realm", uses: &["keycloak", "domain"], never: KUBERNETES, why: "realm knows nothing of Kubernetes" },
    // An adapter: in terms of the domain, usable without a cluster.
    Layer { module: "keycloak", uses: &["domain"], never: KUBERNETES, why: "keycloak knows nothing of Kubernetes" },
    // Works offline, in one pass, for people without a cluster.
    Layer { module: "convert", uses: &["api", "domain"], never: KUBERNETES_CLIENT, why: "convert is synchronous and needs no network" },
    // Rules on a desired user.
    Layer { module: "policy", uses: &["domain"], never: NOT_PURE, why: "policy is pure" },
    // The types of the resources, and no client for them.
    Layer { module: "api", uses: &["domain"], never: KUBERNETES_CLIENT, why: "api has the Kubernetes types and no client" },
    // Total functions that need no server and no clock to be tested.
    Layer { module: "domain", uses: &[], never: NOT_PURE, why: "domain is pure: no client, no clock, no runtime" },
    // Settings as values, metrics as a registry: nothing that knows what the program is for.
    Layer { module: "process", uses: &[], never: &[], why: "process knows nothing of ours" },
];

/// kube may change these in any version: two files have to be looked at then.
const UNSTABLE_STREAMS: &[&str] = &[
    "for_stream",
    "for_shared_stream",
    "for_shared_stream_with",
    "owns_stream",
    "owns_shared_stream",
    "watches_stream",
    "watches_shared_stream",
];
/// Where they may be named: where the streams are made, and where they are given to the controllers.
const STREAM_FILES: &[&str] = &["controller/watch/mod.rs", "controller/mod.rs"];

const MAX_LINES: usize = 400;

/// A line that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    file: String,
    line: usize,
    rule: String,
    why: &'static str,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "src/{}:{}: {}: {}", self.file, self.line, self.rule, self.why)
    }
}

// Words

/// A word of the source, `::` and single characters included, and its line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Word {
    text: String,
    line: usize,
}

/// The words without comments, texts and characters.
fn words(source: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let line = 1 + source[..source.len() - rest.len()].matches('\n').count();
        let (length, is_word) = extent(rest, first);
        if is_word {
            words.push(Word { text: rest[..length].to_owned(), line });
        }
        rest = &rest[length..];
    }
    words
}

/// How many bytes belong together at the start of the text, and whether they are a word.
fn extent(text: &str, first: char) -> (usize, bool) {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    if text.starts_with("//") {
        return (text.find('\n').unwrap_or(text.len()), false);
    }
    if text.starts_with("/*") {
        return (text.find("*/").map_or(text.len(), |end| end + 2), false);
    }
    if let Some(length) = raw_text(text) {
        return (length, false);
    }
    if first == '"' {
        return (closed_text(text), false);
    }
    if first == '\'' {
        return (character_or_lifetime(text), false);
    }
    if text.starts_with("::") {
        return (2, true);
    }
    if is_name(first) {
        return (text.find(|c| !is_name(c)).unwrap_or(text.len()), true);
    }
    (first.len_utf8(), !first.is_whitespace())
}

/// Length of `r"…"`, `r#"…"#` and so on.
fn raw_text(text: &str) -> Option<usize> {
    let after = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let inner = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(text.len() - inner.len() + inner.find(&end).map_or(inner.len(), |at| at + end.len()))
}

fn closed_text(text: &str) -> usize {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let closes = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        closes
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

fn character_or_lifetime(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => text[3..].find('\'').map_or(text.len(), |at| at + 4),
        Some(_) => match characters.next() {
            Some((at, '\'')) => at + 1,
            _ => 1,
        },
        None => 1,
    }
}

// Paths

/// A path that the source names, such as `crate::api::KeycloakUser`, and its line.
#[derive(Debug, PartialEq, Eq)]
struct Named {
    path: Vec<String>,
    line: usize,
}

/// Every path of the words, those of `use` groups written out.
fn paths(words: &[Word]) -> Vec<Named> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let inner = at > 0 && matches!(words[at - 1].text.as_str(), "::" | ".");
        at = if is_name(&words[at]) && !inner { tree(words, at, &[], &mut found) } else { at + 1 };
    }
    found
}

/// Reads one path, which may end in a group of paths; gives the position after it.
fn tree(words: &[Word], start: usize, prefix: &[String], found: &mut Vec<Named>) -> usize {
    let mut path = prefix.to_vec();
    let mut at = start;
    while words.get(at).is_some_and(|word| is_name(word) || word.text == "*") {
        path.push(words[at].text.clone());
        if words.get(at + 1).is_none_or(|word| word.text != "::") {
            found.push(Named { path, line: words[start].line });
            return at + 1;
        }
        at += 2;
    }
    if words.get(at).is_none_or(|word| word.text != "{") {
        // `Vec::<…>` and the like: what comes after it is read by itself.
        found.push(Named { path, line: words[start].line });
        return at;
    }
    at += 1;
    while words.get(at).is_some_and(|word| word.text != "}") {
        at = if is_name(&words[at]) { tree(words, at, &path, found) } else { at + 1 };
    }
    at + 1
}

fn is_name(word: &Word) -> bool {
    word.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The path from the root: `crate::…` for ours, with `super` and `self` resolved from that module.
fn resolved(path: &[String], module: &[String]) -> Vec<String> {
    let ups = path.iter().take_while(|part| *part == "super").count();
    let rest = path[ups..].to_vec();
    match path[0].as_str() {
        "super" => ["crate".to_owned()]
            .into_iter()
            .chain(module[..module.len().saturating_sub(ups)].to_vec())
            .chain(rest)
            .collect(),
        "keycloak_user_operator" => ["crate".to_owned()].into_iter().chain(path[1..].to_vec()).collect(),
        _ => rest,
    }
}

/// `controller/act.rs` is `controller::act`, `controller/mod.rs` is `controller`.
fn module_of(file: &str) -> Vec<String> {
    let parts = file.trim_end_matches(".rs").split('/').filter(|part| *part != "mod");
    parts.map(str::to_owned).collect()
}

// Rules

/// The source above the module of tests, and that module with what follows it.
fn split_tests(source: &str) -> (&str, &str) {
    let starts_line = |at: usize| at == 0 || source[..at].ends_with('\n');
    let is_module = |at: usize| {
        let item = source[at..].lines().find(|line| !line.starts_with("#["));
        item.is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
    };
    let mut attributes = source.match_indices("#[cfg(test)]").map(|(at, _)| at);
    source.split_at(attributes.find(|at| starts_line(*at) && is_module(*at)).unwrap_or(source.len()))
}

/// Whether nothing follows the module of tests, so that leaving it out hides nothing.
fn come_last(tests: &str) -> bool {
    tests.find("\n}\n").is_none_or(|end| tests[end + 2..].trim().is_empty())
}

/// What a file breaks.
fn check(file: &str, source: &str) -> Vec<Violation> {
    let (source, tests) = split_tests(source);
    let module = module_of(file);
    let violation = |line, rule, why| Violation { file: file.to_owned(), line, rule, why };
    let Some(layer) = LAYERS.iter().find(|layer| layer.module == module[0]) else {
        return vec![violation(1, format!("no rule for the module {}", module[0]), "add a line to LAYERS")];
    };
    let words = words(source);
    let mut found = Vec::new();
    for Named { path, line } in paths(&words) {
        if let Some(forbidden) = forbidden(layer, &resolved(&path, &module)) {
            found.push(violation(line, format!("{} must not use {forbidden}", layer.module), layer.why));
        }
    }
    for word in words.iter().filter(|word| UNSTABLE_STREAMS.contains(&word.text.as_str())) {
        if !STREAM_FILES.contains(&file) {
            let rule = format!("{} only in {}", word.text, STREAM_FILES.join(" and "));
            found.push(violation(word.line, rule, "kube may change it in any version"));
        }
    }
    let lines = source.lines().count();
    if lines > MAX_LINES {
        found.push(violation(lines, format!("more than {MAX_LINES} lines without tests"), "a file has one subject"));
    }
    if !come_last(tests) {
        found.push(violation(lines + 1, "tests come last".to_owned(), "what follows them is not checked"));
    }
    found
}

/// What the layer may not use of that path.
fn forbidden(layer: &Layer, path: &[String]) -> Option<String> {
    if path[0] == "crate" {
        let used = path.get(1)?;
        let ours = used == "*" || LAYERS.iter().any(|layer| layer.module == used);
        let allowed = used == layer.module || layer.uses == EVERYTHING || layer.uses.contains(&used.as_str());
        return (ours && !allowed).then(|| format!("crate::{used}"));
    }
    let names = |never: &&&str| never.split("::").eq(path.iter().take(never.split("::").count()));
    layer.never.iter().find(names).map(|never| (*never).to_owned())
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("the sources can be read") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn is_test_file(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == "tests" || stem.to_string_lossy().ends_with("_tests"))
}

#[test]
fn every_file_keeps_to_its_layer_and_its_size() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > LAYERS.len() / 2, "the sources are elsewhere");
    let mut violations = Vec::new();
    for path in files.iter().filter(|path| !is_test_file(path)) {
        let file = path.strip_prefix(&root).expect("a file below src").to_string_lossy().replace('\\', "/");
        let source = fs::read_to_string(path).expect("a source is text");
        violations.extend(check(&file, &source).iter().map(ToString::to_string));
    }
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

// The checker itself

/// Lines and rules that this file would break.
fn broken(file: &str, source: &str) -> Vec<(usize, String)> {
    check(file, source).into_iter().map(|violation| (violation.line, violation.rule)).collect()
}

fn one(line: usize, rule: &str) -> Vec<(usize, String)> {
    vec![(line, rule.to_owned())]
}

#[test]
fn an_arrow_that_the_picture_lacks_is_found_however_it_is_written() {
    let rule = "domain must not use crate::api";
    for source in [
        "use crate::api::KeycloakUser;",
        "pub(crate) use crate::api;",
        "use crate::{domain::Field, api::{GROUP, VERSION}};",
        "use super::super::api::GROUP;",
        "use super::super::{domain::Plan, api};",
        "use super::{Field, super::api::GROUP};",
        "fn f() { let x = crate::api::GROUP; }",
        "fn f(x: &'static crate::api::Reason) {}",
        "fn f() -> Vec<crate::api::Reason> { Vec::<crate::api::Reason>::new() }",
        "fn f() { let quote = '\"'; crate::api::f(\"\\\"\", '\\'') }",
        "fn f() { keycloak_user_operator::api::desired_user() }",
    ] {
        let found = broken("domain/diff.rs", &format!("//! Doc.\n{source}\n"));
        assert!(!found.is_empty() && found.iter().all(|found| *found == one(2, rule)[0]), "{source}: {found:?}");
    }
}

#[test]
fn a_crate_that_a_layer_must_not_know_is_found() {
    for (file, source, what) in [
        ("domain/diff.rs", "use std::time::{Duration, Instant};", "std::time::Instant"),
        ("domain/diff.rs", "fn f() { std::time::SystemTime::now(); }", "std::time::SystemTime"),
        ("domain/diff.rs", "#[tokio::main]", "tokio"),
        ("keycloak/users.rs", "use kube::ResourceExt;", "kube"),
        ("realm/mod.rs", "use k8s_openapi::api::core::v1::Secret;", "k8s_openapi"),
        ("convert/mod.rs", "use kube::{Api, Resource};", "kube::Api"),
        ("convert/mod.rs", "use reqwest;", "reqwest"),
    ] {
        let layer = file.split(['/', '.']).next().unwrap_or_default();
        assert_eq!(broken(file, source), one(1, &format!("{layer} must not use {what}")), "{source}");
    }
}

#[test]
fn what_the_picture_allows_is_no_violation() {
    for (file, source) in [
        ("domain/diff.rs", "use super::Field;\nuse crate::domain::Plan;\nuse std::time::Duration;"),
        ("domain/diff.rs", "// use crate::api::X;\n/* crate::api */ const A: &str = \"crate::api\";"),
        ("domain/diff.rs", "const A: &str = r#\"a \" crate::api\"#;"),
        ("domain/diff.rs", "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    use crate::api::X;\n}"),
        ("domain/diff.rs", "fn f() { x.kube::<u8>(); self.tokio.reqwest }"),
        ("convert/mod.rs", "use kube::ResourceExt;\nuse crate::{api, domain::Username};"),
        ("controller/act.rs", "use super::super::keycloak::Client;\nuse crate::realm::Realm;"),
        ("cli.rs", "use crate::{api, controller, process};"),
        ("main.rs", "use keycloak_user_operator::cli::{self, Cli};"),
    ] {
        assert_eq!(broken(file, source), [], "{source}");
    }
}

#[test]
fn a_violation_names_the_file_the_line_and_the_rule() {
    let found = check("realm/registry.rs", "use std::fmt;\n\nuse crate::api::GROUP;\n");
    let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["src/realm/registry.rs:3: realm must not use crate::api: realm knows nothing of Kubernetes"]);
}

#[test]
fn a_module_without_a_rule_is_found() {
    assert_eq!(broken("novel/mod.rs", ""), one(1, "no rule for the module novel"));
}

#[test]
fn an_unstable_stream_function_is_found() {
    let source = "fn f() {\n    Controller::for_stream(a, b).watches_stream(c)\n}";
    let rule = |name: &str| (2, format!("{name} only in controller/watch/mod.rs and controller/mod.rs"));
    assert_eq!(broken("controller/act.rs", source), [rule("for_stream"), rule("watches_stream")]);
    assert_eq!(broken("controller/watch/mod.rs", source), []);
}

#[test]
fn a_file_is_measured_without_its_tests() {
    let code = "//\n".repeat(400);
    assert_eq!(broken("domain/diff.rs", &format!("{code}#[cfg(test)]\nmod tests {{\n{code}}}\n")), []);
    assert_eq!(broken("domain/diff.rs", &format!("{code}//\n")), one(401, "more than 400 lines without tests"));
}

#[test]
fn everything_at_once_is_as_bad_as_a_single_arrow() {
    assert_eq!(broken("domain/diff.rs", "use crate::*;"), one(1, "domain must not use crate::*"));
}

#[test]
fn code_below_the_tests_is_found() {
    let tests = "#[cfg(test)]\nmod tests {\n    fn f() {\n    }\n}\n";
    assert_eq!(broken("domain/diff.rs", tests), []);
    assert_eq!(broken("domain/diff.rs", &format!("{tests}\nfn f() {{}}\n")), one(1, "tests come last"));
}

#[test]
fn only_a_module_of_tests_is_left_out() {
    for tests in
        ["#[cfg(test)]\nmod tests;\n", "#[cfg(test)]\n#[path = \"diff_tests.rs\"]\nmod tests;\n", "#[cfg(test)]\n"]
    {
        let source = format!("{tests}use crate::api::GROUP;\n");
        assert_eq!(broken("domain/diff.rs", &source), one(source.lines().count(), "domain must not use crate::api"));
    }
}
