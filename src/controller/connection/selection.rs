//! Which namespaces a shared connection serves, and what it grants to each.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt};

use crate::api::{ClusterKeycloakConnectionSpec, ConnectionGrants, NamespaceSelection};

/// A namespace as a connection sees it.
pub(super) struct Namespace<'a> {
    pub(super) name: &'a str,
    pub(super) labels: &'a BTreeMap<String, String>,
}

/// A label selector that says nothing that can be judged. One bad selector makes the whole connection unusable: what
/// it was meant to narrow must not be left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InvalidSelector;

/// Whether every selector can be judged.
pub(super) fn check(spec: &ClusterKeycloakConnectionSpec) -> Result<(), InvalidSelector> {
    let of_grants = spec.namespace_grants.iter().map(|entry| &entry.namespaces);
    let selections = spec.allowed_namespaces.iter().chain(of_grants);
    selections.flat_map(|selection| &selection.selector).try_for_each(|selector| parsed(selector).map(drop))
}

/// Whether users of that namespace may use the connection.
pub(super) fn allows(spec: &ClusterKeycloakConnectionSpec, namespace: &Namespace<'_>) -> bool {
    spec.allowed_namespaces.as_ref().is_some_and(|selection| selects(selection, namespace))
}

/// What the connection grants to users of that namespace.
pub(super) fn grants(spec: &ClusterKeycloakConnectionSpec, namespace: &Namespace<'_>) -> ConnectionGrants {
    let general = spec.connection.grants.clone().unwrap_or_default();
    match spec.namespace_grants.iter().find(|entry| selects(&entry.namespaces, namespace)) {
        Some(entry) => entry.grants.clone().or(general),
        None => general,
    }
}

fn selects(selection: &NamespaceSelection, namespace: &Namespace<'_>) -> bool {
    let labelled = |selector: &LabelSelector| {
        parsed(selector).is_ok_and(|selector| !selector.selects_all() && selector.matches(namespace.labels))
    };
    selection.names.iter().any(|name| name == namespace.name) || selection.selector.as_ref().is_some_and(labelled)
}

/// kube takes a list without values for one that leaves everything in; Kubernetes refuses it.
fn parsed(selector: &LabelSelector) -> Result<Selector, InvalidSelector> {
    for requirement in selector.match_expressions.iter().flatten() {
        let values = requirement.values.iter().flatten().count();
        let well_formed = match requirement.operator.as_str() {
            "In" | "NotIn" => values > 0,
            "Exists" | "DoesNotExist" => values == 0,
            _ => false,
        };
        if !well_formed {
            return Err(InvalidSelector);
        }
    }
    Selector::try_from(selector.clone()).map_err(|_| InvalidSelector)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn connection(fields: &Value) -> ClusterKeycloakConnectionSpec {
        let mut spec = json!({ "url": "https://sso.example.com", "realm": "staff",
            "auth": { "clientCredentials": { "secretRef": { "name": "s" } } } });
        for (key, value) in fields.as_object().unwrap() {
            spec[key] = value.clone();
        }
        serde_json::from_value(spec).unwrap()
    }

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn allowed(selection: &Value, name: &str, of: &[(&str, &str)]) -> bool {
        let labels = labels(of);
        allows(&connection(&json!({ "allowedNamespaces": selection })), &Namespace { name, labels: &labels })
    }

    #[test]
    fn a_connection_that_names_no_namespace_serves_none() {
        for selection in [
            json!(null),
            json!({}),
            json!({ "names": [], "selector": {} }),
            json!({ "selector": { "matchLabels": {} } }),
        ] {
            assert!(!allowed(&selection, "any", &[("any", "label")]), "{selection}");
        }
    }

    #[test]
    fn a_namespace_is_served_by_its_name_or_by_its_labels() {
        let both = json!({ "names": ["a", "b"], "selector": { "matchLabels": { "sso": "yes", "tier": "1" } } });
        assert!(allowed(&both, "b", &[]));
        assert!(allowed(&both, "c", &[("sso", "yes"), ("tier", "1"), ("more", "x")]));
        assert!(!allowed(&both, "c", &[("sso", "yes")]));
        assert!(!allowed(&both, "ab", &[]));
        let exists = json!({ "selector": { "matchExpressions": [{ "key": "sso", "operator": "Exists" }] } });
        assert!(allowed(&exists, "c", &[("sso", "")]));
        assert!(!allowed(&exists, "c", &[]));
    }

    #[test]
    fn a_selector_that_cannot_be_judged_is_found_wherever_it_is() {
        for requirement in [
            json!({ "key": "a", "operator": "NotIn", "values": [] }),
            json!({ "key": "a", "operator": "In" }),
            json!({ "key": "a", "operator": "Exists", "values": ["x"] }),
            json!({ "key": "a", "operator": "Near", "values": ["x"] }),
        ] {
            let selection = json!({ "selector": { "matchExpressions": [requirement] } });
            assert!(!allowed(&selection, "any", &[]), "{requirement}");
            assert_eq!(check(&connection(&json!({ "allowedNamespaces": selection }))), Err(InvalidSelector));
            let entry = json!([{ "namespaces": selection, "grants": {} }]);
            assert_eq!(check(&connection(&json!({ "namespaceGrants": entry }))), Err(InvalidSelector));
        }
        let sound =
            json!({ "selector": { "matchExpressions": [{ "key": "a", "operator": "NotIn", "values": ["x"] }] } });
        assert_eq!(check(&connection(&json!({ "allowedNamespaces": sound }))), Ok(()));
    }

    #[test]
    fn the_first_entry_for_a_namespace_stands_in_the_place_of_the_general_grants() {
        let spec = connection(&json!({
            "grants": { "usernames": ["x-*"], "emailVerified": "Forbidden" },
            "namespaceGrants": [
                { "namespaces": { "names": ["a"] }, "grants": { "usernames": ["a-*"] } },
                { "namespaces": { "selector": { "matchLabels": { "team": "a" } } }, "grants": { "usernames": ["*"], "emailVerified": "Allowed" } },
            ],
        }));
        let of = |name: &str, pairs: &[(&str, &str)]| {
            let labels = labels(pairs);
            let grants = grants(&spec, &Namespace { name, labels: &labels });
            (grants.usernames.join(","), format!("{:?}", grants.email_verified.unwrap()))
        };
        assert_eq!(of("a", &[("team", "a")]), ("a-*".to_owned(), "Forbidden".to_owned()));
        assert_eq!(of("b", &[("team", "a")]), ("*".to_owned(), "Allowed".to_owned()));
        assert_eq!(of("c", &[]), ("x-*".to_owned(), "Forbidden".to_owned()));
    }
}
