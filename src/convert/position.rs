//! Where something stands in a file.

use std::fmt;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_start_at_one() {
        let mut position = Position::START;
        position.advance("a\nbü😀".as_bytes());
        assert_eq!(position, Position { line: 2, column: 4 });
    }
}
