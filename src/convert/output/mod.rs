//! Where manifests go: into a stream, into one file, or into a directory with a file for each user.

mod directory;
mod file;
mod prune;

pub use directory::Directory;
pub use file::WholeFile;
pub use prune::PruneError;

use std::io::{self, Write};

/// What was made of one user.
#[derive(Clone, Copy, Debug)]
pub struct Manifests<'m> {
    /// Name of the `KeycloakUser`.
    pub name: &'m str,
    /// The Secret, if there is one. It has a password in it.
    pub secret: Option<&'m str>,
    /// The `KeycloakUser`.
    pub user: &'m str,
}

/// Why manifests were not written.
#[derive(Debug)]
pub enum WriteError {
    /// Those of this user alone; the sentence says why.
    Refused(String),
    /// Nothing more can be written.
    Failed(io::Error),
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// Takes manifests, those of one user at a time, whole or not at all.
pub trait Output {
    /// Takes the manifests of a user.
    ///
    /// # Errors
    /// They were not written.
    fn put(&mut self, manifests: &Manifests<'_>) -> Result<(), WriteError>;

    /// Makes sure that everything is where it belongs; called once, after the last user.
    ///
    /// # Errors
    /// It is not.
    fn finish(&mut self) -> io::Result<()>;
}

impl<W: Write> Output for W {
    fn put(&mut self, manifests: &Manifests<'_>) -> Result<(), WriteError> {
        // The Secret first, so that it is there when the operator looks at the user.
        if let Some(secret) = manifests.secret {
            self.write_all(secret.as_bytes())?;
        }
        Ok(self.write_all(manifests.user.as_bytes())?)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.flush()
    }
}
