//! The script of a conversion: read, interpret, write, count.

use std::fmt;
use std::io::{self, Read, Write};

use super::diagnostic::{Diagnostic, Reporter};
use super::error::{ConvertError, Notes, UserError};
use super::map::{self, Account};
use super::model::XmlUser;
use super::name::{self, NameTable};
use super::position::Located;
use super::reader::{Entry, UserReader};
use super::writer::Writer;

/// How to convert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The namespace that the manifests name; absent: none, so that `kubectl apply --namespace` decides.
    pub namespace: Option<String>,
    /// The `KeycloakConnection` that the users refer to; absent: the default one.
    pub connection: Option<String>,
    /// Whether a user without `Enabled` may log in. It is always written out, since Keycloak would take a missing value
    /// for a disabled account.
    pub default_enabled: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { namespace: None, connection: None, default_enabled: true }
    }
}

impl Options {
    fn check(&self) -> Result<(), ConvertError> {
        match (&self.namespace, &self.connection) {
            (Some(namespace), _) if !name::is_label(namespace) => Err(ConvertError::Namespace(namespace.clone())),
            (_, Some(connection)) if !name::is_subdomain(connection) => {
                Err(ConvertError::Connection(connection.clone()))
            }
            _ => Ok(()),
        }
    }
}

/// What a run has done. `read` is always the sum of `written` and `failed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files begun, those that could not be opened included.
    pub files: u64,
    /// Users read to their end.
    pub read: u64,
    /// Users whose manifests were written.
    pub written: u64,
    /// Users that were left out.
    pub failed: u64,
    /// Files that could not be read, or not to their end.
    pub broken: u64,
    /// Warnings, those that were only counted included.
    pub warnings: u64,
}

impl Summary {
    /// True if every user of every file was converted; warnings do not matter.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failed == 0 && self.broken == 0
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { files, read, written, failed, broken, warnings } = self;
        write!(
            formatter,
            "users: {read} read, {written} written, {failed} failed; files: {files} read, {broken} broken; \
             warnings: {warnings}"
        )
    }
}

/// Converts documents, one after the other, into one stream of manifests.
///
/// A username may appear once in all of them, in any spelling of upper and lower case.
///
/// `report` is called with the name of the file and what was found in it, in the order of the file.
pub struct Converter<W, R> {
    options: Options,
    writer: Writer<W>,
    report: R,
    names: NameTable,
    notes: Notes,
    summary: Summary,
}

impl<W: Write, R: FnMut(&str, &Diagnostic)> Converter<W, R> {
    /// Prepares a run; nothing is written yet.
    ///
    /// # Errors
    /// [`ConvertError::Namespace`] or [`ConvertError::Connection`] for a name that Kubernetes would refuse.
    pub fn new(options: Options, output: W, report: R) -> Result<Self, ConvertError> {
        options.check()?;
        Ok(Self {
            writer: Writer::new(output, options.namespace.clone()),
            options,
            report,
            names: NameTable::default(),
            notes: Notes::new(),
            summary: Summary::default(),
        })
    }

    /// Converts one document. `file` is its name in messages; `input` is read in large pieces, and needs no buffer.
    ///
    /// What is wrong with the document goes to `report` and into the summary.
    ///
    /// # Errors
    /// [`ConvertError::Output`] if the manifests cannot be written. There is no point in going on then.
    pub fn convert(&mut self, file: &str, input: &mut dyn Read) -> Result<(), ConvertError> {
        self.summary.files += 1;
        let Self { options, writer, report, names, notes, summary } = self;
        let mut reporter = Reporter::new(file, report);
        let mut users = UserReader::new(input, &mut reporter);
        loop {
            let entry = match users.next() {
                Ok(Some(entry)) => entry,
                Ok(None) => break,
                Err(fault) => {
                    users.report().error(&fault);
                    summary.broken += 1;
                    break;
                }
            };
            summary.read += 1;
            match accept(entry, options, names, notes, users.report()) {
                Some(account) => {
                    writer.write(&account)?;
                    summary.written += 1;
                }
                None => summary.failed += 1,
            }
        }
        summary.warnings += reporter.finish();
        Ok(())
    }

    /// Reports and counts a file that could not be opened.
    pub fn unreadable(&mut self, file: &str, error: &io::Error) {
        self.summary.files += 1;
        self.summary.broken += 1;
        Reporter::new(file, &mut self.report).error_of_file(format!("the file cannot be opened: {error}"));
    }

    /// Ends the run: makes sure that everything has been written, and says what was done.
    ///
    /// # Errors
    /// [`ConvertError::Output`].
    pub fn finish(mut self) -> Result<Summary, ConvertError> {
        self.writer.flush()?;
        Ok(self.summary)
    }
}

/// The account to write for an entry; none if it was or is reported as faulty.
fn accept(
    entry: Entry,
    options: &Options,
    names: &mut NameTable,
    notes: &mut Notes,
    report: &mut Reporter<'_>,
) -> Option<Account> {
    let Entry::User(user) = entry else { return None };
    let account = named_account(*user, options, names, notes);
    for note in notes.drain(..) {
        report.warning(&note);
    }
    account.map_err(|error| report.error(&error)).ok()
}

fn named_account(
    user: XmlUser,
    options: &Options,
    names: &mut NameTable,
    notes: &mut Notes,
) -> Result<Account, Located<UserError>> {
    let at = user.username.as_ref().map_or(user.at, |username| username.at);
    let account = map::account(user, options, notes)?;
    if names.take(&account.name) {
        return Ok(account);
    }
    let taken = UserError::NameTaken { username: account.spec.username, name: account.name };
    Err(Located::new(at, taken))
}
