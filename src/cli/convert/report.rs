//! The record of a run: every user with its objects, every diagnostic, and the counts, as one JSON object.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::convert::{Diagnostic, Position, Summary, WholeFile, WrittenUser};

/// Written as the run goes on, so that memory does not grow with it.
pub(super) struct Report {
    file: WholeFile,
    /// The diagnostics, until all users are written.
    aside: Aside,
    has_users: bool,
    has_diagnostics: bool,
    /// The first thing that went wrong with writing it.
    failure: Option<io::Error>,
}

struct Aside {
    path: PathBuf,
    writer: BufWriter<File>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserLine<'l> {
    file: &'l str,
    line: u64,
    column: u64,
    username: &'l str,
    keycloak_user: &'l str,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'l str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DiagnosticLine<'l> {
    file: &'l str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u64>,
    severity: String,
    kind: &'l str,
    message: &'l str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    files: u64,
    broken_files: u64,
    users_read: u64,
    users_written: u64,
    users_renamed: u64,
    users_failed: u64,
    errors: u64,
    warnings: u64,
}

impl Report {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let mut file = WholeFile::create(path, false)?;
        file.write_all(b"{\"users\":[")?;
        let name = format!(".{}.diagnostics-{}", path.file_name().unwrap_or_default().display(), std::process::id());
        let aside = path.with_file_name(name);
        let writer = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
        let aside = Aside { path: aside, writer: BufWriter::new(writer) };
        Ok(Self { file, aside, has_users: false, has_diagnostics: false, failure: None })
    }

    pub(super) fn user(&mut self, file: &str, user: &WrittenUser<'_>) {
        let WrittenUser { position: Position { line, column }, username, name, secret } = *user;
        let line = UserLine { file, line, column, username, keycloak_user: name, secret };
        let written = append(&mut self.file, &mut self.has_users, &line);
        self.keep(written);
    }

    pub(super) fn diagnostic(&mut self, file: &str, diagnostic: &Diagnostic) {
        let Diagnostic { severity, position, kind, message } = diagnostic;
        let (line, column) = (position.map(|at| at.line), position.map(|at| at.column));
        let line = DiagnosticLine { file, line, column, severity: severity.to_string(), kind, message };
        let written = append(&mut self.aside.writer, &mut self.has_diagnostics, &line);
        self.keep(written);
    }

    /// Completes the record.
    ///
    /// # Errors
    /// A part of it could not be written.
    pub(super) fn finish(mut self, summary: &Summary, pruned: &[String]) -> io::Result<()> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.aside.writer.flush()?;
        self.file.write_all(b"\n],\"diagnostics\":[")?;
        io::copy(&mut BufReader::new(File::open(&self.aside.path)?), &mut self.file)?;
        let counts = serde_json::to_string(&Counts::of(summary))?;
        let pruned = serde_json::to_string(pruned)?;
        write!(self.file, "\n],\"pruned\":{pruned},\"summary\":{counts}}}\n")?;
        self.file.commit()
    }

    fn keep(&mut self, written: io::Result<()>) {
        if let (Err(failure), None) = (written, &self.failure) {
            self.failure = Some(failure);
        }
    }
}

impl Counts {
    fn of(summary: &Summary) -> Self {
        let Summary { files, read, written, renamed, failed, broken, one_page: _, errors, warnings } = *summary;
        Self {
            files,
            broken_files: broken,
            users_read: read,
            users_written: written,
            users_renamed: renamed,
            users_failed: failed,
            errors,
            warnings,
        }
    }
}

/// One on a line, with a comma in front of all but the first.
fn append(to: &mut impl Write, has_some: &mut bool, line: &impl Serialize) -> io::Result<()> {
    to.write_all(if std::mem::replace(has_some, true) { b",\n" } else { b"\n" })?;
    to.write_all(&serde_json::to_vec(line)?)
}

impl Drop for Aside {
    fn drop(&mut self) {
        // There is nobody to tell, and nothing else to try.
        let _ = fs::remove_file(&self.path);
    }
}
