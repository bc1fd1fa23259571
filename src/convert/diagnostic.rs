//! What the converter has to say about its input, and where.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::mem::Discriminant;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use super::error::Warning;

/// Longest quotation from the input in a message, in characters.
const MAX_QUOTATION: usize = 64;
/// Most warnings of one kind that are shown for one file.
const MAX_OF_A_KIND: u64 = 20;

/// A place in a file. Both numbers start at 1; columns count characters of the decoded text, not bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line; a line ends at a line feed, a carriage return, or both in this order.
    pub line: u64,
    /// The character within the line. A byte order mark is not counted.
    pub column: u64,
}

impl Position {
    /// The first character of a file.
    pub(super) const START: Self = Self { line: 1, column: 1 };

    /// Moves behind UTF-8 text whose lines end with line feeds.
    pub(super) fn advance(&mut self, text: &[u8]) {
        for byte in text {
            if *byte == b'\n' {
                self.line += 1;
                self.column = 1;
            } else if byte & 0xC0 != 0x80 {
                self.column += 1;
            }
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.line, self.column)
    }
}

/// Something and the place where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Located<T> {
    pub(super) at: Position,
    pub(super) value: T,
}

impl<T> Located<T> {
    pub(super) fn new(at: Position, value: impl Into<T>) -> Self {
        Self { at, value: value.into() }
    }
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

/// A piece of the input in a message: in backquotes, cut when long, and without characters that a reader cannot see.
pub(super) struct Quoted<'t>(pub(super) &'t str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, rest) = match self.0.char_indices().nth(MAX_QUOTATION) {
            Some((end, _)) => (&self.0[..end], "…"),
            None => (self.0, ""),
        };
        formatter.write_str("`")?;
        write_escaped(formatter, shown)?;
        write!(formatter, "{rest}`")
    }
}

fn write_escaped(formatter: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    use fmt::Write;

    text.chars().try_for_each(|character| match character {
        invisible if is_invisible(invisible) => write!(formatter, "\\u{{{:x}}}", u32::from(invisible)),
        visible => formatter.write_char(visible),
    })
}

/// Controls, line breaks, and format characters, among them those that turn the direction of text.
fn is_invisible(character: char) -> bool {
    !character.is_ascii_graphic()
        && character != ' '
        && matches!(
            character.general_category(),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
                | GeneralCategory::PrivateUse
                | GeneralCategory::Unassigned
        )
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
    fn columns_count_characters_and_lines_start_at_one() {
        let mut position = Position::START;
        position.advance("a\nbü😀".as_bytes());
        assert_eq!(position, Position { line: 2, column: 4 });
    }

    #[test]
    fn quotations_are_cut_and_escaped() {
        assert_eq!(Quoted("a\u{202e}b\u{1b}c\n").to_string(), "`a\\u{202e}b\\u{1b}c\\u{a}`");
        assert_eq!(Quoted(&"ü".repeat(65)).to_string(), format!("`{}…`", "ü".repeat(64)));
        assert_eq!(Quoted("山田 Ștefan").to_string(), "`山田 Ștefan`");
    }

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
