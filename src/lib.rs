//! Keeps Keycloak accounts as `KeycloakUser` resources declare them.
//!
//! The way of the data, and which module may use which, is drawn in `docs/architecture.md`.

pub mod api;
pub mod convert;
pub mod domain;
