//! The operator against a real kube-apiserver and a real Keycloak: one binary, a module for each behaviour.
//!
//! The bed is started once, or taken from `BED_DIR` (see `tests/bed/README.md`); each test has a namespace and a realm
//! of its own, which are gone when it ends. A test waits for a condition with a generous deadline and never sleeps: the
//! periodic check is set to an hour, so that only what the test did can have caused what it sees.

#![allow(missing_docs, unreachable_pub, reason = "a test binary has no public interface")]
#![allow(
    clippy::pedantic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on fails"
)]

mod admission;
mod adoption;
mod api_server;
mod beds;
mod brake;
mod budget;
mod census;
mod chart;
mod concurrency;
mod conflicts;
mod connections;
mod conversion;
mod crashes;
mod credentials;
mod deletion;
mod drift;
mod enabled;
mod ending;
mod failures;
mod hostile;
mod late_events;
mod leader;
mod lifecycle;
mod live;
mod locks;
mod odd_names;
mod outages;
mod owner_attribute;
mod ownership;
mod passwords;
mod process;
mod refusals;
mod required_actions;
mod right_grants;
mod rights;
mod roles_and_groups;
mod scale;
mod sharing;
mod steady;
mod support;
mod tenancy;
mod walk;
