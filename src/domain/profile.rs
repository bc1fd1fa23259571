//! The realm's user profile: which attributes Keycloak will keep.

use std::collections::BTreeMap;

/// What Keycloak itself writes into accounts: lockouts, links to directories, answers to required actions, names for SAML.
const KEYCLOAKS_OWN: [&str; 10] = [
    "disabledReason",
    "LDAP_ID",
    "LDAP_ENTRY_DN",
    "KERBEROS_PRINCIPAL",
    "createTimestamp",
    "modifyTimestamp",
    "locale",
    "terms_and_conditions",
    "TERMS_AND_CONDITIONS",
    "is_temporary_admin",
];
/// The same, by how they begin.
const KEYCLOAKS_PREFIXES: [&str; 2] = ["kc.", "saml.persistent.name.id.for."];

/// Whether an attribute of that name is one that Keycloak itself keeps.
#[must_use]
pub(super) fn is_keycloaks_own(name: &str) -> bool {
    KEYCLOAKS_OWN.contains(&name) || KEYCLOAKS_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// What the realm does with attributes that its profile does not declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnmanagedPolicy {
    /// Dropped without an error.
    Disabled,
    /// Kept.
    Enabled,
    /// Kept when an admin writes them.
    AdminEdit,
    /// Shown to admins, who may not write them.
    AdminView,
}

/// What Keycloak will do with an attribute that an admin writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeVerdict {
    /// Keeps it.
    Kept,
    /// Drops it without an error: the profile does not know it.
    Unknown,
    /// Leaves it as it is: admins may not write it.
    ReadOnly,
}

/// Who may write an attribute that the profile declares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Editors {
    /// Whether an admin may.
    pub admin: bool,
    /// Whether the user may, in the account console.
    pub user: bool,
}

/// The realm's user profile, as far as it decides about attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserProfile {
    /// Declared attributes, with who may write them.
    pub declared: BTreeMap<String, Editors>,
    /// What happens to all others.
    pub unmanaged: UnmanagedPolicy,
}

impl UserProfile {
    /// What Keycloak will do with an attribute of that name.
    #[must_use]
    pub fn judge(&self, name: &str) -> AttributeVerdict {
        match (self.declared.get(name).map(|editors| editors.admin), self.unmanaged) {
            (Some(true), _) | (None, UnmanagedPolicy::Enabled | UnmanagedPolicy::AdminEdit) => AttributeVerdict::Kept,
            (Some(false), _) | (None, UnmanagedPolicy::AdminView) => AttributeVerdict::ReadOnly,
            (None, UnmanagedPolicy::Disabled) => AttributeVerdict::Unknown,
        }
    }

    /// Whether the user may write an attribute of that name: what stands there may be the user's own.
    #[must_use]
    pub fn is_the_users(&self, name: &str) -> bool {
        match self.declared.get(name) {
            Some(editors) => editors.user,
            None => self.unmanaged == UnmanagedPolicy::Enabled,
        }
    }

    /// Whether admins may write an attribute of that name, and nobody else: then what stands there proves something.
    #[must_use]
    pub fn is_the_admins_alone(&self, name: &str) -> bool {
        self.judge(name) == AttributeVerdict::Kept && !self.is_the_users(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_attribute_is_kept_if_admins_may_write_it() {
        let profile = UserProfile {
            declared: BTreeMap::from([
                ("team".to_owned(), Editors { admin: true, user: false }),
                ("ldap".to_owned(), Editors { admin: false, user: true }),
            ]),
            unmanaged: UnmanagedPolicy::Enabled,
        };
        assert_eq!(profile.judge("team"), AttributeVerdict::Kept);
        assert_eq!(profile.judge("ldap"), AttributeVerdict::ReadOnly);
        assert_eq!(profile.judge("other"), AttributeVerdict::Kept);
        let of_users = ["team", "ldap", "other"].map(|name| profile.is_the_users(name));
        assert_eq!(of_users, [false, true, true]);
        assert!(!UserProfile { unmanaged: UnmanagedPolicy::AdminEdit, ..profile }.is_the_users("other"));
    }

    #[test]
    fn admins_alone_write_what_they_may_and_users_may_not() {
        let editors = |admin, user| Editors { admin, user };
        let declared = [("ours", editors(true, false)), ("ldap", editors(false, false)), ("nick", editors(true, true))];
        let declared: BTreeMap<_, _> = declared.map(|(name, editors)| (name.to_owned(), editors)).into();
        let admins_alone =
            |unmanaged, name| UserProfile { declared: declared.clone(), unmanaged }.is_the_admins_alone(name);
        let verdicts = ["ours", "ldap", "nick"].map(|name| admins_alone(UnmanagedPolicy::Disabled, name));
        assert_eq!(verdicts, [true, false, false]);
        let policies = [
            (UnmanagedPolicy::AdminEdit, true),
            (UnmanagedPolicy::AdminView, false),
            (UnmanagedPolicy::Enabled, false),
            (UnmanagedPolicy::Disabled, false),
        ];
        for (unmanaged, expected) in policies {
            assert_eq!(admins_alone(unmanaged, "other"), expected, "{unmanaged:?}");
        }
    }

    #[test]
    fn the_policy_decides_about_all_others() {
        for (unmanaged, verdict) in [
            (UnmanagedPolicy::Disabled, AttributeVerdict::Unknown),
            (UnmanagedPolicy::Enabled, AttributeVerdict::Kept),
            (UnmanagedPolicy::AdminEdit, AttributeVerdict::Kept),
            (UnmanagedPolicy::AdminView, AttributeVerdict::ReadOnly),
        ] {
            let profile = UserProfile { declared: BTreeMap::new(), unmanaged };
            assert_eq!(profile.judge("x"), verdict);
        }
    }
}
