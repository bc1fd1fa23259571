//! The script of a conversion: read, interpret, write, count.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use super::diagnostic::{Event, Reporter, WrittenUser};
use super::error::{ConvertError, Notes, UserError, Warning};
use super::manifest::{Rendered, Renderer};
use super::map::{self, Account};
use super::name::{self, NameTable};
use super::options::{Options, Warnings};
use super::output::{Manifests, Output, WriteError};
use super::position::{Located, Position};
use super::reader::{Entry, UserReader};

/// Largest `KeycloakUser`, in bytes: far below what the API server stores.
const MAX_MANIFEST: usize = 512 * 1024;

/// What a run has done. `read` is always the sum of `written` and `failed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files begun, those that could not be opened included.
    pub files: u64,
    /// Users read to their end.
    pub read: u64,
    /// Users whose manifests were written.
    pub written: u64,
    /// Users written whose object has another name than they have themselves.
    pub renamed: u64,
    /// Users that were left out.
    pub failed: u64,
    /// Files that could not be read, or not to their end.
    pub broken: u64,
    /// Files with exactly 100 users, which may be the first page of more.
    pub one_page: u64,
    /// Errors.
    pub errors: u64,
    /// Warnings.
    pub warnings: u64,
}

impl Summary {
    /// True if every user of every file was converted; warnings do not matter.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.errors == 0 && self.failed == 0 && self.broken == 0
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { files, read, written, renamed, failed, broken, warnings, .. } = self;
        write!(
            formatter,
            "users: {read} read, {written} written ({renamed} under another name), {failed} failed; \
             files: {files} read, {broken} broken; warnings: {warnings}"
        )
    }
}

/// Converts documents, one after the other, into manifests.
///
/// A username may appear once in all of them, in any spelling of upper and lower case.
///
/// `events` is called with what happens, in the order of the file.
///
/// ```
/// use keycloak_user_operator::convert::{Converter, Event, Options};
///
/// let document = "<User><Username>JohnDoe</Username><Enabled>true</Enabled></User>";
/// let mut manifests = Vec::new();
/// let events = |event: Event<'_>| {
///     if let Event::Found { file, diagnostic } = event {
///         eprintln!("{}", diagnostic.in_file(file));
///     }
/// };
/// let mut converter = Converter::new(Options::default(), &mut manifests, events)?;
/// converter.convert("users.xml", &mut document.as_bytes())?;
/// let (summary, _) = converter.finish()?;
/// assert_eq!((summary.written, summary.is_complete()), (1, true));
/// assert!(String::from_utf8_lossy(&manifests).contains("\n  username: JohnDoe\n"));
/// # Ok::<(), keycloak_user_operator::convert::ConvertError>(())
/// ```
pub struct Converter<O, E> {
    run: Run<O>,
    events: E,
}

/// What lasts from one file to the next.
struct Run<O> {
    options: Arc<Options>,
    output: O,
    renderer: Renderer,
    names: NameTable,
    notes: Notes,
    summary: Summary,
    is_stopped: bool,
}

impl<O: Output, E: FnMut(Event<'_>)> Converter<O, E> {
    /// Prepares a run; nothing is written yet.
    ///
    /// # Errors
    /// An option that Kubernetes would refuse; see [`ConvertError::is_usage`].
    pub fn new(options: Options, output: O, events: E) -> Result<Self, ConvertError> {
        options.check()?;
        let run = Run {
            renderer: Renderer::new(&options),
            options: Arc::new(Options { names: options.names.clone().in_lower_case(), ..options }),
            output,
            names: NameTable::default(),
            notes: Notes::new(),
            summary: Summary::default(),
            is_stopped: false,
        };
        Ok(Self { run, events })
    }

    /// Converts one document. `file` is its name in messages; `input` is read in large pieces, and needs no buffer.
    ///
    /// What is wrong with the document goes to `events` and into the summary.
    ///
    /// # Errors
    /// [`ConvertError::Output`] if the manifests cannot be written. There is no point in going on then.
    pub fn convert(&mut self, file: &str, input: &mut dyn Read) -> Result<(), ConvertError> {
        if self.run.is_stopped {
            return Ok(());
        }
        self.run.summary.files += 1;
        let options = Arc::clone(&self.run.options);
        let mut reporter = Reporter::new(file, options.warnings, &mut self.events);
        let outcome = self.run.file(&mut UserReader::new(input, &options, &mut reporter));
        self.run.count(&reporter);
        outcome
    }

    /// Reports and counts a file that could not be opened.
    pub fn unreadable(&mut self, file: &str, error: &io::Error) {
        if self.run.is_stopped {
            return;
        }
        self.run.summary.files += 1;
        self.run.summary.broken += 1;
        let mut reporter = Reporter::new(file, self.run.options.warnings, &mut self.events);
        reporter.error_of_file(format!("the file cannot be opened: {error}"));
        self.run.count(&reporter);
    }

    /// True if an error has ended the run early, as [`Options::fail_fast`] asks for: what follows is left out.
    pub fn is_stopped(&self) -> bool {
        self.run.is_stopped
    }

    /// Ends the run: makes sure that everything has been written, and says what was done.
    ///
    /// # Errors
    /// [`ConvertError::Output`].
    pub fn finish(mut self) -> Result<(Summary, O), ConvertError> {
        self.run.output.finish().map_err(ConvertError::Output)?;
        Ok((self.run.summary, self.run.output))
    }
}

impl<O: Output> Run<O> {
    fn file(&mut self, users: &mut UserReader<'_, '_>) -> Result<(), ConvertError> {
        loop {
            let entry = match users.next() {
                Ok(Some(entry)) => entry,
                Ok(None) => break,
                Err(fault) => {
                    users.report().error(&fault);
                    self.summary.broken += 1;
                    return Ok(());
                }
            };
            self.summary.read += 1;
            if self.entry(entry, users.report())? {
                self.summary.written += 1;
            } else {
                self.summary.failed += 1;
            }
            if self.options.fail_fast && users.report().counts().errors > 0 {
                return Ok(());
            }
        }
        if users.is_one_page() {
            self.summary.one_page += 1;
            users.report().warning(&Located::new(Position::START, Warning::HundredUsers));
        }
        Ok(())
    }

    /// Whether an entry was written; if not, it was or is reported as faulty.
    fn entry(&mut self, entry: Entry, report: &mut Reporter<'_>) -> Result<bool, ConvertError> {
        let Entry::User(user) = entry else { return Ok(false) };
        let account = map::account(*user, &self.options, &mut self.notes);
        let is_remarkable = !self.notes.is_empty() && self.options.warnings == Warnings::Errors;
        for note in self.notes.drain(..) {
            report.warning(&note);
        }
        let written = match account {
            Ok(_) if is_remarkable => return Ok(false),
            Ok(account) => self.write(&account, report)?,
            Err(fault) => Err(fault),
        };
        if let Err(fault) = &written {
            report.error(fault);
        }
        Ok(written.is_ok())
    }

    fn write(
        &mut self,
        account: &Account,
        report: &mut Reporter<'_>,
    ) -> Result<Result<(), Located<UserError>>, ConvertError> {
        let Account { at, name, spec, .. } = account;
        let fault = |error: UserError| Ok(Err(Located::new(*at, error)));
        if !self.names.take(name) {
            return fault(UserError::NameTaken { username: spec.username.clone(), name: name.clone() });
        }
        let Rendered { secret, user } = self.renderer.render(account)?;
        if user.len() > MAX_MANIFEST {
            return fault(UserError::TooLarge);
        }
        match self.output.put(&Manifests { name, secret, user }) {
            Ok(()) => {}
            Err(WriteError::Refused(why)) => return fault(UserError::Refused(why)),
            Err(WriteError::Failed(error)) => return Err(ConvertError::Output(error)),
        }
        self.summary.renamed += u64::from(!name.eq_ignore_ascii_case(&spec.username));
        let secret = secret.map(|_| name::secret_name(name));
        let secret = secret.as_deref();
        report.written(&WrittenUser { position: *at, username: &spec.username, name, secret });
        Ok(Ok(()))
    }

    fn count(&mut self, report: &Reporter<'_>) {
        let counts = report.counts();
        self.summary.errors += counts.errors;
        self.summary.warnings += counts.warnings;
        self.is_stopped = self.options.fail_fast && self.summary.errors > 0;
    }
}
