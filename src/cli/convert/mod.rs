//! `convert`: opens what is named, and prints what was found.

mod arguments;
mod documents;
mod output;
mod report;
mod terminal;

use std::cell::RefCell;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;

pub(super) use arguments::ConvertArgs;
use documents::documents;
use output::Outputs;
use report::Report;
use terminal::{Counted, Terminal};

use crate::convert::{ConvertError, Converter, Event, PruneError, Summary};

/// Some users could not be converted, or something could not be written.
const INCOMPLETE: u8 = 1;
/// The command line is wrong.
const USAGE: u8 = 2;

/// Why a run ended before its end.
enum Failure {
    /// The command line asks for what cannot be done.
    Usage(String),
    /// Something could not be written.
    Output(String),
    /// Whoever reads our output has seen enough, as `head` does.
    ClosedPipe,
}

impl From<ConvertError> for Failure {
    fn from(error: ConvertError) -> Self {
        match error {
            error if error.is_closed_pipe() => Self::ClosedPipe,
            error if error.is_usage() => Self::Usage(error.to_string()),
            error => Self::Output(error.to_string()),
        }
    }
}

/// What takes note of a run.
struct Witness {
    terminal: Terminal,
    report: Option<Report>,
}

impl Witness {
    fn see(&mut self, event: Event<'_>) {
        match event {
            Event::Found { file, diagnostic } => {
                self.terminal.show(file, diagnostic);
                if let Some(report) = &mut self.report {
                    report.diagnostic(file, diagnostic);
                }
            }
            Event::Written { file, user } => {
                if let Some(report) = &mut self.report {
                    report.user(file, user);
                }
            }
        }
    }
}

/// Converts to standard output or files; diagnostics and a summary go to standard error. 0: every user was converted;
/// 1: not every one; 2: the command line is wrong.
pub(super) fn convert(arguments: &ConvertArgs) -> ExitCode {
    let (message, code) = match run(arguments) {
        Ok(true) | Err(Failure::ClosedPipe) => return ExitCode::SUCCESS,
        Ok(false) => return INCOMPLETE.into(),
        Err(Failure::Output(message)) => (message, INCOMPLETE),
        Err(Failure::Usage(message)) => (message, USAGE),
    };
    Terminal::new(false).say(&format!("error: {message}"));
    code.into()
}

/// Whether every user was converted and everything done that was asked for.
fn run(arguments: &ConvertArgs) -> Result<bool, Failure> {
    let options = arguments.options().map_err(Failure::Usage)?;
    options.check()?;
    let writing = &arguments.writing;
    let outputs = Outputs::open(arguments).map_err(Failure::Output)?;
    let report = writing.report.as_deref().map(Report::create).transpose().map_err(|error| unreported(&error))?;
    let witness = RefCell::new(Witness { terminal: Terminal::new(arguments.telling.quiet), report });
    let mut converter = Converter::new(options, outputs, |event: Event<'_>| witness.borrow_mut().see(event))?;
    for path in arguments.files() {
        named(&mut converter, &path, arguments.recursive, &witness)?;
    }
    let (summary, outputs) = converter.finish()?;
    let pruned = if writing.prune { outputs.prune(&summary, writing.prune_limit) } else { Ok(Vec::new()) };
    conclude(witness.into_inner(), &summary, pruned)
}

fn unreported(error: &io::Error) -> Failure {
    Failure::Output(format!("the report could not be written: {error}"))
}

fn named<E: FnMut(Event<'_>)>(
    converter: &mut Converter<Outputs, E>,
    path: &Path,
    is_recursive: bool,
    witness: &RefCell<Witness>,
) -> Result<(), Failure> {
    let name = path.to_string_lossy();
    if name == "-" {
        return watched(converter, "-", io::stdin().lock(), None, witness);
    }
    let documents = match documents(path, is_recursive) {
        Ok(documents) => documents,
        Err(error) => {
            converter.unreadable(&name, &error);
            return Ok(());
        }
    };
    for document in &documents {
        let name = document.to_string_lossy();
        match File::open(document) {
            Ok(file) => {
                let size = file.metadata().ok().filter(Metadata::is_file).map(|metadata| metadata.len());
                watched(converter, &name, file, size, witness)?;
            }
            Err(error) => converter.unreadable(&name, &error),
        }
    }
    Ok(())
}

/// Converts one document while somebody may look.
fn watched<E: FnMut(Event<'_>)>(
    converter: &mut Converter<Outputs, E>,
    name: &str,
    input: impl Read,
    size: Option<u64>,
    witness: &RefCell<Witness>,
) -> Result<(), Failure> {
    let bar = witness.borrow_mut().terminal.begin_file(size);
    let outcome = converter.convert(name, &mut Counted::new(input, bar));
    witness.borrow_mut().terminal.end_file();
    Ok(outcome?)
}

/// Says what was done.
fn conclude(witness: Witness, summary: &Summary, pruned: Result<Vec<String>, PruneError>) -> Result<bool, Failure> {
    let Witness { terminal, report } = witness;
    let is_pruned = pruned.is_ok();
    let removed = match pruned {
        Ok(removed) => removed,
        Err(error) => {
            terminal.say(&format!("error: {error}"));
            Vec::new()
        }
    };
    if let Some(report) = report {
        report.finish(summary, &removed).map_err(|error| unreported(&error))?;
    }
    if !removed.is_empty() {
        terminal.remark(&format!("removed: {} files of users that are no longer in the input", removed.len()));
    }
    terminal.remark(&summary.to_string());
    Ok(summary.is_complete() && is_pruned)
}
