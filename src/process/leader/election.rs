//! Who holds a lease, and what is written into it; makes no request.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::ObjectMeta;
use tokio::time::Instant;

/// Another process that holds the lease, as it was seen last.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rival {
    holder: String,
    version: Option<String>,
    duration: Duration,
    /// When this version of the lease was seen first.
    since: Instant,
}

impl Rival {
    pub(super) fn holder(&self) -> &str {
        &self.holder
    }

    /// Whether it has had its time without a renewal.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= self.duration
    }
}

/// Who holds the lease, if not we. A lease that vanished is waited for all the same: its holder does not know yet.
pub(super) fn observe(known: Option<Rival>, found: Option<&Lease>, identity: &str, now: Instant) -> Option<Rival> {
    let Some(found) = found else { return known };
    let spec = found.spec.as_ref()?;
    let holder = spec.holder_identity.clone().filter(|holder| !holder.is_empty() && holder != identity)?;
    let version = found.metadata.resource_version.clone();
    let since = known.filter(|known| known.version == version).map_or(now, |known| known.since);
    Some(Rival { holder, version, duration: duration(spec), since })
}

/// What the holder says, since another release of ours may hold it for longer.
fn duration(spec: &LeaseSpec) -> Duration {
    let declared = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    declared.map_or(super::LEASE_DURATION, Duration::from_secs)
}

/// The lease as we take it.
pub(super) fn taken(found: Option<Lease>, name: &str, identity: &str, duration: Duration, now: Timestamp) -> Lease {
    let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
    let found = found.unwrap_or(Lease { metadata, spec: None });
    let transitions = found.spec.as_ref().and_then(|spec| spec.lease_transitions).unwrap_or_default();
    let spec = LeaseSpec {
        holder_identity: Some(identity.to_owned()),
        acquire_time: Some(MicroTime(now)),
        renew_time: Some(MicroTime(now)),
        lease_duration_seconds: i32::try_from(duration.as_secs()).ok(),
        lease_transitions: Some(transitions.saturating_add(1)),
        ..found.spec.unwrap_or_default()
    };
    Lease { spec: Some(spec), ..found }
}

/// The same, held for longer.
pub(super) fn renewed(mut lease: Lease, now: Timestamp) -> Lease {
    if let Some(spec) = &mut lease.spec {
        spec.renew_time = Some(MicroTime(now));
    }
    lease
}

/// The same, held by nobody.
pub(super) fn released(mut lease: Lease) -> Lease {
    if let Some(spec) = &mut lease.spec {
        spec.holder_identity = None;
    }
    lease
}

/// Whether nobody has taken the lease between the two.
pub(super) fn is_same_term(found: &Lease, ours: &Lease) -> bool {
    let term = |lease: &Lease| {
        let spec = lease.spec.clone().unwrap_or_default();
        (lease.metadata.uid.clone(), spec.holder_identity, spec.acquire_time, spec.lease_transitions)
    };
    term(found) == term(ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn lease(holder: Option<&str>, version: &str) -> Lease {
        let mut lease = taken(None, "operator", holder.unwrap_or_default(), 20 * SECOND, Timestamp::UNIX_EPOCH);
        lease.metadata.resource_version = Some(version.to_owned());
        if holder.is_none() { released(lease) } else { lease }
    }

    fn seen(known: Option<Rival>, found: &Lease, now: Instant) -> Option<Rival> {
        observe(known, Some(found), "me", now)
    }

    #[test]
    fn a_lease_that_nobody_holds_or_that_is_in_our_name_is_free() {
        let now = Instant::now();
        assert_eq!(observe(None, None, "me", now), None);
        for holder in [None, Some(""), Some("me")] {
            assert_eq!(seen(None, &lease(holder, "1"), now), None, "{holder:?}");
        }
        let rival = seen(None, &lease(Some("other"), "1"), now);
        assert_eq!(seen(rival, &lease(None, "2"), now), None, "it was given back");
    }

    #[test]
    fn a_rival_has_its_time_from_when_the_lease_was_seen_to_change() {
        let start = Instant::now();
        // What the lease says of the time is the rival's clock, which may be years away.
        let rival = seen(None, &lease(Some("other"), "1"), start);
        let rival = seen(rival, &lease(Some("other"), "1"), start + 15 * SECOND).unwrap();
        assert!(!rival.is_over(start + 19 * SECOND));
        assert!(rival.is_over(start + 20 * SECOND));
        let rival = seen(Some(rival), &lease(Some("other"), "2"), start + 19 * SECOND).unwrap();
        assert!(!rival.is_over(start + 38 * SECOND), "it was renewed");
        let rival = seen(Some(rival), &lease(Some("third"), "3"), start + 30 * SECOND).unwrap();
        assert_eq!((rival.holder(), rival.is_over(start + 49 * SECOND)), ("third", false));
    }

    #[test]
    fn a_lease_that_was_deleted_is_not_free_before_its_time() {
        let start = Instant::now();
        let rival = seen(None, &lease(Some("other"), "1"), start);
        let rival = observe(rival, None, "me", start + 5 * SECOND).unwrap();
        assert!(!rival.is_over(start + 19 * SECOND) && rival.is_over(start + 20 * SECOND));
    }

    #[test]
    fn the_holder_says_for_how_long() {
        let start = Instant::now();
        let mut long = lease(Some("other"), "1");
        for (declared, expected) in [(Some(60), 60), (None, 20), (Some(-1), 20)] {
            long.spec.as_mut().unwrap().lease_duration_seconds = declared;
            assert_eq!(seen(None, &long, start).unwrap().duration, expected * SECOND, "{declared:?}");
        }
    }

    #[test]
    fn a_lease_that_was_taken_meanwhile_is_another_term_and_a_renewal_is_not() {
        let ours = lease(Some("me"), "1");
        let mut later = renewed(ours.clone(), Timestamp::MAX);
        later.metadata.resource_version = Some("2".to_owned());
        assert!(is_same_term(&later, &ours));
        for other in ["other", "me"] {
            let taken = taken(Some(later.clone()), "operator", other, SECOND, Timestamp::MAX);
            assert!(!is_same_term(&taken, &ours), "{other}");
        }
        assert!(!is_same_term(&released(ours.clone()), &ours));
    }
}
