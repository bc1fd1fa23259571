//! When and how an account ends: by its deletion, or by a date.

use std::time::Duration;

/// What becomes of an account whose resource is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It is deleted.
    Delete,
    /// It is disabled, and its sessions are ended.
    Disable,
    /// It stays as it is.
    Orphan,
}

impl Ending {
    /// What is declared holds for every account; else what was made goes, and what was only taken over stays.
    #[must_use]
    pub fn of(declared: Option<Self>, adopted: bool) -> Self {
        declared.unwrap_or(if adopted { Self::Orphan } else { Self::Delete })
    }
}

/// Whether an account has reached its last day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// It has none.
    Never,
    /// Not yet; it will in so long.
    In(Duration),
    /// It has.
    Expired,
}

impl Expiry {
    /// Compares two times in Unix milliseconds. The moment itself is the first of the time after.
    #[must_use]
    pub fn at(expires_at: Option<i64>, now: i64) -> Self {
        let Some(left) = expires_at.map(|expires_at| expires_at.saturating_sub(now)) else {
            return Self::Never;
        };
        match u64::try_from(left) {
            Ok(left) if left > 0 => Self::In(Duration::from_millis(left)),
            _ => Self::Expired,
        }
    }

    /// The `enabled` that holds now. An account that was switched off for its expiry, and has more time now, is switched
    /// on again where nothing else is declared.
    #[must_use]
    pub fn enabled(self, declared: Option<bool>, was_expired: bool) -> Option<bool> {
        match self {
            Self::Expired => Some(false),
            Self::Never | Self::In(_) if was_expired => Some(declared.unwrap_or(true)),
            Self::Never | Self::In(_) => declared,
        }
    }

    /// The time until something else, or until the account expires, whichever is sooner.
    #[must_use]
    pub fn or_sooner(self, wait: Duration) -> Duration {
        match self {
            Self::In(left) => wait.min(left),
            Self::Never | Self::Expired => wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_declared_holds_for_accounts_that_were_made_and_for_those_taken_over() {
        for adopted in [false, true] {
            for declared in [Ending::Delete, Ending::Disable, Ending::Orphan] {
                assert_eq!(Ending::of(Some(declared), adopted), declared);
            }
        }
        assert_eq!(Ending::of(None, false), Ending::Delete);
        assert_eq!(Ending::of(None, true), Ending::Orphan);
    }

    #[test]
    fn an_account_expires_at_its_time_and_stays_so() {
        assert_eq!(Expiry::at(None, 1000), Expiry::Never);
        assert_eq!(Expiry::at(Some(1001), 1000), Expiry::In(Duration::from_millis(1)));
        for now in [1001, 1002, i64::MAX] {
            assert_eq!(Expiry::at(Some(1001), now), Expiry::Expired);
        }
        assert_eq!(Expiry::at(Some(i64::MIN), i64::MAX), Expiry::Expired);
    }

    #[test]
    fn an_expired_account_is_disabled_whatever_else_is_declared() {
        for was_expired in [false, true] {
            for declared in [None, Some(false), Some(true)] {
                assert_eq!(Expiry::Expired.enabled(declared, was_expired), Some(false));
            }
        }
    }

    #[test]
    fn more_time_switches_an_account_on_that_its_expiry_switched_off() {
        for expiry in [Expiry::Never, Expiry::In(Duration::from_secs(1))] {
            assert_eq!(expiry.enabled(None, true), Some(true));
            assert_eq!(expiry.enabled(Some(false), true), Some(false));
            assert_eq!(expiry.enabled(Some(true), true), Some(true));
            for declared in [None, Some(false), Some(true)] {
                assert_eq!(expiry.enabled(declared, false), declared);
            }
        }
    }

    #[test]
    fn a_wait_ends_when_the_account_expires() {
        let (minute, hour) = (Duration::from_mins(1), Duration::from_hours(1));
        assert_eq!(Expiry::In(minute).or_sooner(hour), minute);
        assert_eq!(Expiry::In(hour).or_sooner(minute), minute);
        assert_eq!(Expiry::Never.or_sooner(hour), hour);
        assert_eq!(Expiry::Expired.or_sooner(hour), hour);
    }
}
