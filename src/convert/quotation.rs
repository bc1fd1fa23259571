//! Pieces of the input in messages.

use std::fmt;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Longest quotation from the input in a message, in characters.
const MAX_QUOTATION: usize = 64;

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

/// Writes text with all that a reader cannot see as escapes.
pub(super) fn write_escaped(formatter: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    use fmt::Write;

    text.chars().try_for_each(|character| match character {
        invisible if is_invisible(invisible) => write!(formatter, "\\u{{{:x}}}", u32::from(invisible)),
        visible => formatter.write_char(visible),
    })
}

/// Controls, line breaks, and format characters, among them those that turn the direction of text.
pub(super) fn is_invisible(character: char) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotations_are_cut_and_escaped() {
        assert_eq!(Quoted("a\u{202e}b\u{1b}c\n").to_string(), "`a\\u{202e}b\\u{1b}c\\u{a}`");
        assert_eq!(Quoted(&"ü".repeat(65)).to_string(), format!("`{}…`", "ü".repeat(64)));
        assert_eq!(Quoted("山田 Ștefan").to_string(), "`山田 Ștefan`");
    }
}
