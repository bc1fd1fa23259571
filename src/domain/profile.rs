//! The realm's user profile: which attributes Keycloak will keep.

use std::collections::BTreeMap;

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

/// The realm's user profile, as far as it decides about attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserProfile {
    /// Declared attributes, with whether an admin may write them.
    pub declared: BTreeMap<String, bool>,
    /// What happens to all others.
    pub unmanaged: UnmanagedPolicy,
}

impl UserProfile {
    /// What Keycloak will do with an attribute of that name.
    #[must_use]
    pub fn judge(&self, name: &str) -> AttributeVerdict {
        match (self.declared.get(name), self.unmanaged) {
            (Some(true), _) | (None, UnmanagedPolicy::Enabled | UnmanagedPolicy::AdminEdit) => AttributeVerdict::Kept,
            (Some(false), _) | (None, UnmanagedPolicy::AdminView) => AttributeVerdict::ReadOnly,
            (None, UnmanagedPolicy::Disabled) => AttributeVerdict::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_attribute_is_kept_if_admins_may_write_it() {
        let profile = UserProfile {
            declared: BTreeMap::from([("team".to_owned(), true), ("ldap".to_owned(), false)]),
            unmanaged: UnmanagedPolicy::Enabled,
        };
        assert_eq!(profile.judge("team"), AttributeVerdict::Kept);
        assert_eq!(profile.judge("ldap"), AttributeVerdict::ReadOnly);
        assert_eq!(profile.judge("other"), AttributeVerdict::Kept);
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
