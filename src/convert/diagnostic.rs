//! What the converter has to say about its input, and where.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::mem::Discriminant;

use super::error::Warning;
use super::options::Warnings;
use super::position::{Located, Position};
use super::quotation::write_escaped;

/// Most names that are remembered as told, so that memory stays bounded.
const MAX_NAMES: usize = 1000;
/// The kind of every error.
const ERROR: &str = "errors";

/// What happens while a document is converted, in the order of the document.
#[derive(Clone, Copy, Debug)]
pub enum Event<'e> {
    /// Something was found in a file.
    Found {
        /// The name of the file.
        file: &'e str,
        /// What was found.
        diagnostic: &'e Diagnostic,
    },
    /// The manifests of a user were written.
    Written {
        /// The name of the file.
        file: &'e str,
        /// The user.
        user: &'e WrittenUser<'e>,
    },
}

/// A user whose manifests were written.
#[derive(Clone, Copy, Debug)]
pub struct WrittenUser<'e> {
    /// Where it stands.
    pub position: Position,
    /// Its name in Keycloak, as the document has it.
    pub username: &'e str,
    /// Name of its `KeycloakUser`.
    pub name: &'e str,
    /// Name of its Secret; absent if none was written.
    pub secret: Option<&'e str>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The manifest is written, but its owner should look.
    Warning,
    /// A user or the rest of a file was not converted.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One message about one file. It never holds a password, and no character that could disturb a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Where it was found; absent where the message is about the file as a whole.
    pub position: Option<Position>,
    /// What to call many of its kind.
    pub kind: &'static str,
    /// A sentence that says what is wrong and what to do.
    pub message: String,
}

impl Diagnostic {
    /// The line to show: `file:line:column: warning: message`.
    #[must_use]
    pub fn in_file<'d>(&'d self, file: &'d str) -> impl fmt::Display + 'd {
        Line { file, diagnostic: self }
    }
}

struct Line<'d> {
    file: &'d str,
    diagnostic: &'d Diagnostic,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_escaped(formatter, self.file)?;
        if let Some(position) = self.diagnostic.position {
            write!(formatter, ":{position}")?;
        }
        write!(formatter, ": {}: {}", self.diagnostic.severity, self.diagnostic.message)
    }
}

/// Takes what happens.
pub(super) type Sink<'a> = dyn FnMut(Event<'_>) + 'a;

/// Passes on what is found in one file, with what needs saying once said once.
pub(super) struct Reporter<'a> {
    file: &'a str,
    sink: &'a mut Sink<'a>,
    warnings: Warnings,
    /// What has been said, by kind.
    told: HashMap<Discriminant<Warning>, HashSet<String>>,
    counts: Counts,
}

/// How much was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) warnings: u64,
    pub(super) errors: u64,
}

impl<'a> Reporter<'a> {
    pub(super) fn new(file: &'a str, warnings: Warnings, sink: &'a mut Sink<'a>) -> Self {
        Self { file, sink, warnings, told: HashMap::new(), counts: Counts::default() }
    }

    pub(super) fn error(&mut self, found: &Located<impl fmt::Display>) {
        self.show(Severity::Error, Some(found.at), ERROR, found.value.to_string());
    }

    /// Shows an error that concerns the file as a whole.
    pub(super) fn error_of_file(&mut self, message: String) {
        self.show(Severity::Error, None, ERROR, message);
    }

    pub(super) fn warning(&mut self, found: &Located<Warning>) {
        let warning = &found.value;
        if self.warnings == Warnings::Errors {
            self.show(Severity::Error, Some(found.at), warning.kind(), warning.to_string());
        } else if self.is_news(warning) {
            self.show(Severity::Warning, Some(found.at), warning.kind(), warning.to_string());
        }
    }

    pub(super) fn written(&mut self, user: &WrittenUser<'_>) {
        (self.sink)(Event::Written { file: self.file, user });
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    fn show(&mut self, severity: Severity, position: Option<Position>, kind: &'static str, message: String) {
        match severity {
            Severity::Warning => self.counts.warnings += 1,
            Severity::Error => self.counts.errors += 1,
        }
        let diagnostic = Diagnostic { severity, position, kind, message };
        (self.sink)(Event::Found { file: self.file, diagnostic: &diagnostic });
    }

    /// False for what repeats a warning that needs saying only once.
    fn is_news(&mut self, warning: &Warning) -> bool {
        let Some(name) = warning.once_per() else { return true };
        let told = self.told.entry(std::mem::discriminant(warning)).or_default();
        if told.contains(name) {
            return false;
        }
        if told.len() < MAX_NAMES {
            told.insert(name.to_owned());
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_the_file_the_place_and_the_severity() {
        let mut diagnostic = Diagnostic {
            severity: Severity::Warning,
            position: Some(Position::START),
            kind: "looks",
            message: "Look.".to_owned(),
        };
        assert_eq!(diagnostic.in_file("a\nb.xml").to_string(), "a\\u{a}b.xml:1:1: warning: Look.");
        diagnostic.position = None;
        assert_eq!(diagnostic.in_file("a.xml").to_string(), "a.xml: warning: Look.");
    }

    fn report(warnings: Warnings, found: impl Fn(usize) -> Warning) -> (u64, u64, usize) {
        let mut shown = 0;
        let mut sink = |_: Event<'_>| shown += 1;
        let mut reporter = Reporter::new("a.xml", warnings, &mut sink);
        for number in 0..2000 {
            reporter.warning(&Located::new(Position::START, found(number)));
        }
        assert!(reporter.told.values().all(|names| names.len() <= MAX_NAMES));
        let Counts { warnings, errors } = reporter.counts();
        (warnings, errors, shown)
    }

    #[test]
    fn what_needs_saying_once_is_said_once() {
        let phone = |_| Warning::UnknownElement("Phone".to_owned());
        assert_eq!(report(Warnings::Allowed, phone), (1, 0, 1));
        assert_eq!(report(Warnings::Allowed, |_| Warning::EmailForm), (2000, 0, 2000));
        assert_eq!(report(Warnings::Allowed, |n| Warning::UnknownElement(format!("E{n}"))), (2000, 0, 2000));
    }

    #[test]
    fn as_an_error_each_warning_is_said() {
        assert_eq!(report(Warnings::Errors, |_| Warning::UnknownElement("Phone".to_owned())), (0, 2000, 2000));
    }
}
