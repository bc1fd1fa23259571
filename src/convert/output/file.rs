//! A file that appears whole, or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The permissions of a file, before the process's mask.
const READABLE: u32 = 0o666;
/// Those of a file with passwords in it.
const PRIVATE: u32 = 0o600;

/// A file that is written beside its place and moved there when it is complete. Given up, it leaves nothing.
#[derive(Debug)]
pub struct WholeFile {
    writer: BufWriter<File>,
    /// Where it is written and where it belongs; absent if it is written in place.
    places: Option<(PathBuf, PathBuf)>,
}

impl WholeFile {
    /// Begins a file. What is no regular file, such as a pipe, is written in place.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn create(path: &Path, has_secrets: bool) -> io::Result<Self> {
        if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            let file = OpenOptions::new().write(true).open(path)?;
            return Ok(Self { writer: BufWriter::new(file), places: None });
        }
        // What a link points to is replaced, not the link.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let partial = beside(&target);
        let mode = if has_secrets { PRIVATE } else { READABLE };
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&partial)?;
        Ok(Self { writer: BufWriter::new(file), places: Some((partial, target)) })
    }

    /// Moves the file to its place.
    ///
    /// # Errors
    /// It could not be written to its end, or not be moved.
    pub fn commit(mut self) -> io::Result<()> {
        self.complete()
    }

    fn complete(&mut self) -> io::Result<()> {
        self.writer.flush()?;
        if let Some((partial, target)) = &self.places {
            fs::rename(partial, target)?;
            self.places = None;
        }
        Ok(())
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if let Some((partial, _)) = self.places.take() {
            // There is nobody to tell, and nothing else to try.
            let _ = fs::remove_file(partial);
        }
    }
}

fn beside(target: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".partial-{}", std::process::id()));
    target.with_file_name(name)
}
