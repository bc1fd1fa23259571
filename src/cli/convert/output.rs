//! Where the manifests go.

use std::io::{self, BufWriter, Stdout, Write};

use super::arguments::ConvertArgs;
use crate::convert::{Directory, Manifests, Output, PruneError, Summary, WholeFile, WriteError};

/// The place for manifests, and one for Secrets if they go elsewhere.
pub(super) struct Outputs {
    main: Main,
    secrets: Option<WholeFile>,
}

enum Main {
    Stdout(BufWriter<Stdout>),
    File(Option<WholeFile>),
    Directory(Directory),
}

impl Outputs {
    pub(super) fn open(arguments: &ConvertArgs) -> Result<Self, String> {
        let writing = &arguments.writing;
        let cannot =
            |path: &std::path::Path, error: io::Error| format!("{} cannot be written: {error}", path.display());
        let has_secrets = writing.secrets_out.is_none() && !writing.no_secrets;
        let main = match (&writing.output, &writing.output_dir) {
            (Some(path), _) => {
                Main::File(Some(WholeFile::create(path, has_secrets).map_err(|error| cannot(path, error))?))
            }
            (None, Some(path)) => Main::Directory(
                Directory::open(path, arguments.format(), writing.force).map_err(|error| cannot(path, error))?,
            ),
            (None, None) => Main::Stdout(BufWriter::new(io::stdout())),
        };
        let secrets = match &writing.secrets_out {
            Some(path) => Some(WholeFile::create(path, true).map_err(|error| cannot(path, error))?),
            None => None,
        };
        Ok(Self { main, secrets })
    }

    /// Removes the files of users that are gone, if they are files.
    pub(super) fn prune(&self, summary: &Summary, limit: u8) -> Result<Vec<String>, PruneError> {
        match &self.main {
            Main::Directory(directory) => directory.prune(summary, limit),
            Main::Stdout(_) | Main::File(_) => Ok(Vec::new()),
        }
    }
}

impl Output for Outputs {
    fn put(&mut self, manifests: &Manifests<'_>) -> Result<(), WriteError> {
        let rest = if self.secrets.is_some() { Manifests { secret: None, ..*manifests } } else { *manifests };
        match &mut self.main {
            Main::Stdout(stream) => stream.put(&rest)?,
            Main::File(Some(file)) => file.put(&rest)?,
            Main::File(None) => {}
            Main::Directory(directory) => directory.put(&rest)?,
        }
        if let (Some(file), Some(secret)) = (&mut self.secrets, manifests.secret) {
            file.write_all(secret.as_bytes())?;
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        match &mut self.main {
            Main::Stdout(stream) => stream.flush()?,
            Main::File(file) => file.take().map_or(Ok(()), WholeFile::commit)?,
            Main::Directory(directory) => directory.finish()?,
        }
        self.secrets.take().map_or(Ok(()), WholeFile::commit)
    }
}
