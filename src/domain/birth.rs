//! The birth mark: how an account proves, without any record, which resource made it.

use sha2::{Digest as _, Sha256};

use super::ObservedUser;

/// The creation time that an account carries if this resource made it.
///
/// Keycloak keeps the `createdTimestamp` of a POST, and no PUT changes it (seen on 26.7.3). The mark is the resource's
/// own creation time in milliseconds, whose last three digits the API server leaves at zero, plus a remainder derived
/// from its UID. Marks repeat (many resources are born in one second): an account that nothing but its mark points to
/// is taken for ours only if no other resource accounts for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BirthMark(i64);

impl BirthMark {
    /// The mark of the resource with this UID, made at this Unix time in seconds.
    #[must_use]
    pub fn of(created_seconds: i64, uid: &str) -> Self {
        let hash = Sha256::digest(uid.as_bytes());
        let remainder = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]) % 1000;
        Self(created_seconds * 1000 + i64::from(remainder))
    }

    /// The mark that an account with this creation time (in milliseconds) carries.
    #[must_use]
    pub fn read(created_timestamp: i64) -> Self {
        Self(created_timestamp)
    }

    /// The mark in milliseconds, as Keycloak's `createdTimestamp`.
    #[must_use]
    pub fn milliseconds(self) -> i64 {
        self.0
    }

    /// Whether that account was made by the resource of this mark.
    #[must_use]
    pub fn is_on(self, user: &ObservedUser) -> bool {
        user.created_timestamp == Some(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_lies_within_the_second_of_its_resource() {
        for uid in ["a", "b", "8c7d2f3e-0000-4000-8000-000000000000"] {
            let mark = BirthMark::of(1_764_000_000, uid).milliseconds();
            assert_eq!(mark / 1000, 1_764_000_000);
        }
    }

    #[test]
    fn resources_of_one_second_are_told_apart_by_their_uid() {
        assert_ne!(BirthMark::of(1, "a"), BirthMark::of(1, "b"));
        assert_eq!(BirthMark::of(1, "a"), BirthMark::of(1, "a"));
    }
}
