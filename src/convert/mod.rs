//! XML exports in, manifests out: for each user a Secret with the password, if there is one, and a `KeycloakUser`.
//!
//! ```text
//! bytes ──> source ──> lexer ──> reader ──> map ──> manifest ──> output
//!           text       tokens    XmlUser    Account  YAML, JSON
//! ```
//!
//! - **Input**: documents in any usual encoding whose root element is `User` or `Users`, as the Keycloak adapter of a
//!   business-process product writes and reads them. Only `Username` is required; unknown elements are left out with a
//!   warning. Anything that is not understood is an error with line and column: no manifest is guessed.
//! - **Streaming**: one user is held at a time, and of earlier ones only that their names are taken (twelve bytes a
//!   user). A user is at most 4 MiB large, and a value 1 MiB.
//! - **Faults**: a user that cannot be declared is left out, and the others are converted. Where a document breaks, the
//!   users that were complete before are written, and the rest of the document is not.
//! - **Valid by construction**: every spec has passed [`crate::api::desired_user`], which has the rules of the schema.
//! - **Safety**: nothing but the input is read, no entity is expanded but the five predefined ones, and passwords are
//!   in no message.
//!
//! May use `api` and `domain`; knows neither network nor cluster nor runtime.

mod converter;
mod decoder;
mod diagnostic;
mod elements;
mod encoding;
mod error;
mod grammar;
mod lexer;
mod manifest;
mod map;
mod model;
mod name;
mod ncname;
mod options;
mod output;
mod position;
mod profile;
mod quotation;
mod reader;
mod schema;
mod source;
mod tag;
mod yaml;

pub use converter::{Converter, Summary};
pub use diagnostic::{Diagnostic, Event, Severity, WrittenUser};
pub use error::ConvertError;
pub use options::{Format, Input, ManifestOptions, Mode, NameOptions, Options, Secrets, Warnings};
pub use output::{Directory, Manifests, Output, PruneError, WholeFile, WriteError};
pub use position::Position;

#[cfg(test)]
mod tests;
