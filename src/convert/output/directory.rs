//! One file for each user, and an index of the files that were written.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::super::name;
use super::super::options::Format;
use super::{Manifests, Output, WholeFile, WriteError};

/// The index: the names of the files that were written, one on a line. `kubectl` does not take it for a manifest.
const INDEX: &str = ".keycloak-user-operator-convert";
/// What stands in front of them.
const HEADER: &str = "# Files that keycloak-user-operator convert wrote here; --prune may remove them.\n";
const EXTENSIONS: [&str; 2] = ["yaml", "json"];

/// A directory with a file for each user, whose name is that of the object.
#[derive(Debug)]
pub struct Directory {
    pub(super) path: PathBuf,
    extension: &'static str,
    overwrites: bool,
    /// What the index listed before.
    pub(super) earlier: BTreeSet<String>,
    pub(super) written: BTreeSet<String>,
}

impl Directory {
    /// Opens a directory, or makes it. A file that is there is only replaced by another text if `overwrites` is set.
    ///
    /// # Errors
    /// The directory cannot be made, or its index cannot be read.
    pub fn open(path: &Path, format: Format, overwrites: bool) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let earlier = match fs::read_to_string(path.join(INDEX)) {
            Ok(index) => index.lines().filter(|line| is_of_ours(line)).map(str::to_owned).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeSet::new(),
            Err(error) => return Err(error),
        };
        let extension = match format {
            Format::Yaml => EXTENSIONS[0],
            Format::Json => EXTENSIONS[1],
        };
        Ok(Self { path: path.to_owned(), extension, overwrites, earlier, written: BTreeSet::new() })
    }

    pub(super) fn write_index(&self, files: &BTreeSet<String>) -> io::Result<()> {
        let mut index = WholeFile::create(&self.path.join(INDEX), false)?;
        index.write_all(HEADER.as_bytes())?;
        for file in files {
            writeln!(index, "{file}")?;
        }
        index.commit()
    }
}

impl Output for Directory {
    fn put(&mut self, manifests: &Manifests<'_>) -> Result<(), WriteError> {
        let file = format!("{}.{}", manifests.name, self.extension);
        let path = self.path.join(&file);
        let text = manifests.secret.unwrap_or_default().to_owned() + manifests.user;
        if self.is_to_be_written(&path, &text)? {
            let mut whole = WholeFile::create(&path, manifests.secret.is_some())?;
            whole.write_all(text.as_bytes())?;
            whole.commit()?;
        } else if manifests.secret.is_some() {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        }
        self.written.insert(file);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.write_index(&self.earlier.union(&self.written).cloned().collect())
    }
}

impl Directory {
    /// Whether the file has to be written: it is not if it has this text already.
    fn is_to_be_written(&self, path: &Path, text: &str) -> Result<bool, WriteError> {
        let refused = |why: &str| Err(WriteError::Refused(format!("{} {why}", path.display())));
        match fs::symlink_metadata(path) {
            Ok(found) if !found.is_file() => return refused("is there and no file; remove it"),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error.into()),
        }
        if fs::read(path)? == text.as_bytes() {
            return Ok(false);
        }
        if self.overwrites {
            return Ok(true);
        }
        refused("is there with another text; say `--force` to replace it")
    }
}

/// Whether a line of the index names a file that can have been written: the index is a file that anybody may edit.
fn is_of_ours(line: &str) -> bool {
    let split = line.rsplit_once('.');
    split.is_some_and(|(name, extension)| EXTENSIONS.contains(&extension) && name::is_given_name(name))
}
