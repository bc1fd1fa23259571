//! Which rights the requests to the API server needed, and which were denied.

use super::{Rights, right};
use crate::support::{Call, Ledger};

/// The rights that were needed, and those of them that were denied.
pub(super) fn needed(ledger: &Ledger) -> (Rights, Rights) {
    let records = ledger.records();
    let denied = records.iter().filter(|record| matches!(record.status, Some(401 | 403)));
    (records.iter().map(|record| right_for(&record.call)).collect(), denied.map(|r| right_for(&r.call)).collect())
}

/// The right that a request needs; of one whose path is not that of a namespaced object, the path itself.
fn right_for(call: &Call) -> [String; 4] {
    let segments: Vec<&str> = call.path.trim_start_matches('/').split('/').collect();
    let (group, namespace, rest) = match &segments[..] {
        ["api", _, "namespaces", namespace, rest @ ..] => ("", *namespace, rest),
        ["apis", group, _, "namespaces", namespace, rest @ ..] => (*group, *namespace, rest),
        _ => ("", "", &[][..]),
    };
    let verb = match (call.method.as_str(), rest.len()) {
        ("GET", 1) if call.is_watch() => "watch",
        ("GET", 1) => "list",
        ("GET", _) => "get",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        (other, _) => other,
    };
    match rest {
        [resource] | [resource, _] => right(namespace, verb, group, resource),
        [resource, _, subresource] => right(namespace, verb, group, &format!("{resource}/{subresource}")),
        _ => right("", verb, "", &call.path),
    }
}
