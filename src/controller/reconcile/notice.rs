//! What is not as declared and no request will change, in words.

use super::status::Verdict;
use crate::api::{REENABLE, Reason};
use crate::domain::Notice;

/// Most names of attributes in one message.
const SHOWN_NAMES: usize = 10;

/// The condition `AttributesAccepted`.
pub(super) fn attributes_accepted(notices: &[Notice]) -> Verdict {
    let refused = notices.iter().map(describe).find(|(reason, _)| *reason == Reason::AttributesNotAccepted);
    match refused {
        Some((reason, message)) => Verdict::bad(reason, message),
        None => Verdict::good("Keycloak keeps all declared attributes"),
    }
}

/// What a notice says, and for which reason.
pub(super) fn describe(notice: &Notice) -> (Reason, String) {
    match notice {
        Notice::DisabledElsewhere => (
            Reason::DisabledElsewhere,
            format!("somebody else disabled the account; annotate {REENABLE} with a new value to switch it on again"),
        ),
        Notice::LockedOut => (
            Reason::LockedOut,
            format!(
                "brute-force protection locked the account; annotate {REENABLE} with a new value to switch it on again"
            ),
        ),
        Notice::AttributesUnknown(names) => (
            Reason::AttributesNotAccepted,
            format!(
                "the realm's user profile does not declare, and would drop: {}; declare them there, or remove them here",
                list(names)
            ),
        ),
        Notice::AttributesNotRemovable(names) => (
            Reason::AttributesNotAccepted,
            format!(
                "no longer declared here, but the realm's user profile does not let admins remove: {}; change the profile",
                list(names)
            ),
        ),
        Notice::AttributesReadOnly(names) => (
            Reason::AttributesNotAccepted,
            format!(
                "the realm's user profile does not let admins write: {}; change the profile, or remove them here",
                list(names)
            ),
        ),
    }
}

/// The first names of a list, so that a status stays small whatever somebody declares.
fn list(names: &[String]) -> String {
    let shown: Vec<String> =
        names.iter().take(SHOWN_NAMES).map(|name| name.escape_debug().take(64).collect()).collect();
    match names.len().saturating_sub(SHOWN_NAMES) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_of_names_is_cut() {
        let names: Vec<String> = (0..12).map(|number| format!("n{number}")).collect();
        assert_eq!(list(&names[..2]), "n0, n1");
        assert_eq!(list(&names), "n0, n1, n2, n3, n4, n5, n6, n7, n8, n9 and 2 more");
    }
}
