//! From what is named on the command line to the files to read.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// The file itself, or the XML files of a directory by name, those below it only if they are asked for.
pub(super) fn documents(path: &Path, is_recursive: bool) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    collect(path, is_recursive, &mut found)?;
    Ok(found)
}

fn collect(directory: &Path, is_recursive: bool, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = fs::read_dir(directory)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // A link to a directory is not followed: it may lead back.
        if entry.file_type()?.is_dir() {
            if is_recursive {
                collect(&path, is_recursive, found)?;
            }
        } else if !path.is_dir() && path.extension().is_some_and(|extension| extension == "xml") {
            found.push(path);
        }
    }
    Ok(())
}
