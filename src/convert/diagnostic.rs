//! What the converter has to say about its input, and where.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::mem::Discriminant;

use super::error::Warning;
use super::position::{Located, Position};
use super::quotation::write_escaped;

/// Most warnings of one kind that are shown for one file.
const MAX_OF_A_KIND: u64 = 20;

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

/// Takes each [`Diagnostic`] with the name of its file.
pub(super) type Sink<'a> = dyn FnMut(&str, &Diagnostic) + 'a;

/// Passes on what is found in one file: every error; of the warnings the first twenty of each kind, and then their
/// number, so that neither memory nor a terminal fills up.
pub(super) struct Reporter<'a> {
    file: &'a str,
    sink: &'a mut Sink<'a>,
    kinds: HashMap<Discriminant<Warning>, Kind>,
}

struct Kind {
    count: u64,
    names: HashSet<String>,
    title: &'static str,
}

impl<'a> Reporter<'a> {
    pub(super) fn new(file: &'a str, sink: &'a mut Sink<'a>) -> Self {
        Self { file, sink, kinds: HashMap::new() }
    }

    pub(super) fn error(&mut self, found: &Located<impl fmt::Display>) {
        self.show(Severity::Error, Some(found.at), found.value.to_string());
    }

    /// Shows an error that concerns the file as a whole.
    pub(super) fn error_of_file(&mut self, message: String) {
        self.show(Severity::Error, None, message);
    }

    pub(super) fn warning(&mut self, found: &Located<Warning>) {
        let kind = self.kinds.entry(std::mem::discriminant(&found.value)).or_insert_with(|| Kind {
            count: 0,
            names: HashSet::new(),
            title: found.value.kind(),
        });
        if kind.is_news(&found.value) {
            self.show(Severity::Warning, Some(found.at), found.value.to_string());
        }
    }

    /// Says how many warnings were held back, and returns how many warnings there were.
    pub(super) fn finish(mut self) -> u64 {
        let mut kinds: Vec<Kind> = std::mem::take(&mut self.kinds).into_values().collect();
        kinds.sort_unstable_by_key(|kind| kind.title);
        for kind in &kinds {
            let hidden = kind.count.saturating_sub(MAX_OF_A_KIND);
            if hidden > 0 {
                self.show(Severity::Warning, None, format!("{hidden} more: {}", kind.title));
            }
        }
        kinds.iter().map(|kind| kind.count).sum()
    }

    fn show(&mut self, severity: Severity, position: Option<Position>, message: String) {
        (self.sink)(self.file, &Diagnostic { severity, position, message });
    }
}

impl Kind {
    /// Counts a warning, unless it repeats one that needs saying only once, and tells whether to show it.
    fn is_news(&mut self, warning: &Warning) -> bool {
        if let Some(name) = warning.once_per() {
            if self.names.contains(name) {
                return false;
            }
            if self.count < MAX_OF_A_KIND {
                self.names.insert(name.to_owned());
            }
        }
        self.count += 1;
        self.count <= MAX_OF_A_KIND
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_the_file_the_place_and_the_severity() {
        let mut diagnostic =
            Diagnostic { severity: Severity::Warning, position: Some(Position::START), message: "Look.".to_owned() };
        assert_eq!(diagnostic.in_file("a\nb.xml").to_string(), "a\\u{a}b.xml:1:1: warning: Look.");
        diagnostic.position = None;
        assert_eq!(diagnostic.in_file("a.xml").to_string(), "a.xml: warning: Look.");
    }

    #[test]
    fn the_twenty_first_warning_of_a_kind_is_only_counted() {
        let mut shown = Vec::new();
        let mut sink = |_: &str, diagnostic: &Diagnostic| shown.push(diagnostic.message.clone());
        let mut reporter = Reporter::new("a.xml", &mut sink);
        for _ in 0..23 {
            reporter.warning(&Located::new(Position::START, Warning::EmailForm));
            reporter.warning(&Located::new(Position::START, Warning::UnknownElement("Phone".to_owned())));
        }
        assert_eq!(reporter.finish(), 24);
        assert_eq!(shown.len(), 22);
        assert!(shown[21].starts_with("3 more: "), "{}", shown[21]);
    }

    #[test]
    fn no_more_names_are_remembered_than_are_shown() {
        let mut sink = |_: &str, _: &Diagnostic| ();
        let mut reporter = Reporter::new("a.xml", &mut sink);
        for number in 0..1000 {
            reporter.warning(&Located::new(Position::START, Warning::UnknownElement(format!("E{number}"))));
        }
        assert!(reporter.kinds.values().all(|kind| kind.names.len() <= 20));
        assert_eq!(reporter.finish(), 1000);
    }
}
