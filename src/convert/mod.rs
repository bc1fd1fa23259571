//! XML exports in, manifests out: for each user a Secret with the password, if there is one, and a `KeycloakUser`.
//!
//! ```text
//! bytes ──> source ──> lexer ──> reader ──> map ──> writer ──> YAML
//!           text       tokens    XmlUser    Account
//! ```
//!
//! - **Input**: documents in UTF-8 whose root element is `User` or `Users`, as the Keycloak adapter of a
//!   business-process product writes and reads them. Only `Username` is required; unknown elements are left out with a
//!   warning. Anything that is not understood is an error with line and column: no manifest is guessed.
//! - **Streaming**: one user is held at a time, and of earlier ones only that their names are taken (below 32 bytes a
//!   user). A user is at most 4 MiB large, and a value 1 MiB.
//! - **Faults**: a user that cannot be declared is left out, and the others are converted. Where a document breaks, the
//!   users that were complete before are written, and the rest of the document is not.
//! - **Valid by construction**: every spec has passed [`crate::api::desired_user`], which has the rules of the schema.
//! - **Safety**: nothing but the input is read, no entity is expanded but the five predefined ones, and passwords are
//!   in no message.
//!
//! May use `api` and `domain`; knows neither network nor cluster nor runtime.

mod converter;
mod diagnostic;
mod error;
mod grammar;
mod lexer;
mod map;
mod model;
mod name;
mod position;
mod profile;
mod quotation;
mod reader;
mod source;
mod tag;
mod writer;

pub use converter::{Converter, Options, Summary};
pub use diagnostic::{Diagnostic, Severity};
pub use error::ConvertError;
pub use position::Position;

#[cfg(test)]
mod tests;
