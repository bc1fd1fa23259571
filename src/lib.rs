//! Keeps Keycloak accounts as `KeycloakUser` resources declare them.
//!
//! The way of the data, and which module may use which, is drawn in `docs/architecture.md`.

pub mod api;
pub mod cli;
pub mod controller;
pub mod convert;
pub mod domain;
pub mod keycloak;
pub mod process;
pub mod realm;
