//! The `keycloak-user-operator` binary: `run`, `convert`, `crd`.

use std::process::ExitCode;

use clap::Parser;
use keycloak_user_operator::cli::{self, Cli};

fn main() -> ExitCode {
    // reqwest and kube share the one TLS provider; it has to be there before the first client is made.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return ExitCode::FAILURE;
    }
    cli::main(Cli::parse())
}
