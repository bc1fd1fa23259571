//! The definitions of our kinds: the files are what the types give, and every field says what it is for. And the table of
//! what nobody can do: each row names a test that is there.

#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use keycloak_user_operator::api::{custom_resource_definitions, render_definition};

/// Files by name.
type Files = BTreeMap<String, String>;

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What the types give.
fn generated() -> Files {
    let file = |definition: CustomResourceDefinition| {
        let name = format!("keycloakuser.dev_{}.yaml", definition.spec.names.plural);
        (name, render_definition(&definition).expect("our definitions can be written as YAML"))
    };
    custom_resource_definitions().into_iter().map(file).collect()
}

fn files_in(directory: &Path) -> Files {
    let file = |path: PathBuf| {
        let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
        (name, fs::read_to_string(path).expect("definitions are text"))
    };
    let entries = fs::read_dir(directory).expect("the directory of definitions can be read");
    entries.map(|entry| file(entry.expect("an entry can be read").path())).collect()
}

/// Names of the files that are missing on one side, or not byte for byte the same on both.
fn differing(left: &Files, right: &Files) -> Vec<String> {
    let all = left.keys().chain(right.keys());
    let mut names: Vec<String> = all.filter(|name| left.get(*name) != right.get(*name)).cloned().collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn the_definitions_are_those_of_the_types() {
    let stale = differing(&files_in(&in_repository("crds")), &generated());
    assert!(stale.is_empty(), "stale in crds/: {stale:?}; `make generate` mends it");
}

#[test]
fn the_definitions_of_the_chart_are_the_same() {
    let chart = in_repository("charts/keycloak-user-operator/files/crds");
    if chart.exists() {
        let stale = differing(&files_in(&chart), &files_in(&in_repository("crds")));
        assert!(stale.is_empty(), "stale in {}: {stale:?}; `make generate` mends it", chart.display());
    }
}

#[test]
fn every_field_says_what_it_is_for() {
    let undescribed: Vec<String> = custom_resource_definitions().iter().flat_map(undescribed_fields).collect();
    assert!(undescribed.is_empty(), "fields without a doc comment in src/api: {undescribed:#?}");
}

/// Paths of the fields below spec and status that have no description.
fn undescribed_fields(definition: &CustomResourceDefinition) -> Vec<String> {
    let mut found = Vec::new();
    for version in &definition.spec.versions {
        let schema = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref());
        let properties = schema.and_then(|schema| schema.properties.as_ref()).expect("a structural schema");
        for part in ["spec", "status"] {
            let path = format!("{} {} {part}", definition.spec.names.kind, version.name);
            undescribed_below(&path, &properties[part], &mut found);
        }
    }
    found
}

#[test]
fn no_reference_leaves_its_namespace_and_no_user_names_a_server() {
    for definition in custom_resource_definitions() {
        let (kind, text) = (&definition.spec.names.kind, render_definition(&definition).expect("YAML"));
        let has = |field: &str| text.lines().any(|line| line.trim() == format!("{field}:"));
        assert!(!has("namespace"), "{kind} has a field named namespace");
        assert_eq!(has("url"), kind != "KeycloakUser", "{kind}");
    }
}

fn undescribed_below(path: &str, schema: &JSONSchemaProps, found: &mut Vec<String>) {
    if is_conditions(path) {
        return;
    }
    for (name, field) in schema.properties.iter().flatten() {
        let path = format!("{path}.{name}");
        if field.description.as_deref().is_none_or(|text| text.trim().is_empty()) {
            found.push(path.clone());
        }
        undescribed_below(&path, field, found);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items {
        undescribed_below(&format!("{path}[]"), items, found);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &schema.additional_properties {
        undescribed_below(&format!("{path}.*"), values, found);
    }
}

/// The fields of a condition are those of Kubernetes.
fn is_conditions(path: &str) -> bool {
    path.ends_with(" status.conditions")
}

#[test]
fn a_field_without_a_description_is_found_at_any_depth() {
    let described = |schema: JSONSchemaProps| JSONSchemaProps { description: Some("Said.".to_owned()), ..schema };
    let object = |name: &str, field: JSONSchemaProps| JSONSchemaProps {
        properties: Some(BTreeMap::from([(name.to_owned(), field)])),
        ..JSONSchemaProps::default()
    };
    let list = |items: JSONSchemaProps| JSONSchemaProps {
        items: Some(JSONSchemaPropsOrArray::Schema(Box::new(items))),
        ..JSONSchemaProps::default()
    };
    let blank = JSONSchemaProps { description: Some(" ".to_owned()), ..JSONSchemaProps::default() };
    let schema = object("said", described(list(object("unsaid", blank))));
    let mut found = Vec::new();
    undescribed_below("spec", &schema, &mut found);
    assert_eq!(found, ["spec.said[].unsaid"]);
}

#[test]
fn a_file_that_is_stale_missing_or_left_over_is_found() {
    let files =
        |files: &[(&str, &str)]| files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let there: Files = files(&[("same", "1"), ("stale", "1"), ("left-over", "1")]);
    let wanted: Files = files(&[("same", "1"), ("stale", "2"), ("missing", "1")]);
    assert_eq!(differing(&there, &wanted), ["left-over", "missing", "stale"]);
    assert!(differing(&wanted, &wanted).is_empty());
}

/// The words in backticks of a row of a table.
fn quoted(row: &str) -> Vec<&str> {
    row.split('`').skip(1).step_by(2).collect()
}

/// What is wrong with a row that says that something cannot be done: a test that is not there, or none at all.
fn unproven(row: &str) -> Option<String> {
    let proof = row.rsplit(" | ").next().unwrap_or_default();
    let (mut text, mut tests) = (String::new(), 0);
    for word in quoted(proof) {
        if Path::new(word).extension().is_some_and(|extension| extension == "rs") {
            let path = if word.contains('/') { word.to_owned() } else { format!("tests/e2e/{word}") };
            text = fs::read_to_string(in_repository(&path)).unwrap_or_default();
        } else if text.contains(&format!("fn {word}(")) {
            tests += 1;
        } else {
            return Some(format!("no test {word}: {row}"));
        }
    }
    (tests == 0).then(|| format!("no test is named: {row}"))
}

#[test]
fn everything_that_cannot_be_done_names_a_test_that_shows_it() {
    let document = fs::read_to_string(in_repository("docs/security.md")).expect("the document");
    let rows: Vec<&str> = document.lines().filter(|line| line.starts_with("| cannot ")).collect();
    assert!(rows.len() > 20, "the rows are found: {rows:#?}");
    let flaws: Vec<String> = rows.into_iter().filter_map(unproven).collect();
    assert!(flaws.is_empty(), "{flaws:#?}");
    for row in
        ["| cannot fly | |", "| cannot fly | `brake.rs` `no_such_test` |", "| cannot fly | `no_such_file.rs` `x` |"]
    {
        assert!(unproven(row).is_some(), "{row}");
    }
}

#[test]
fn the_reference_is_that_of_the_types() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_keycloak-user-operator"))
        .arg("reference")
        .output()
        .expect("the binary can be started");
    let written = std::fs::read(in_repository("docs/reference.md")).unwrap_or_default();
    assert!(
        output.status.success() && output.stdout == written,
        "docs/reference.md is stale: `make generate` mends it"
    );
}
