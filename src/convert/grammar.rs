//! The productions of XML 1.0 (fifth edition) that the parser leaves to its caller: characters, names, references,
//! attributes, the declaration. Pure functions on text.

use super::error::MarkupError;

/// White space as production 3 has it.
pub(super) const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// What is wrong with a piece of markup, and at which byte of it.
pub(super) type Flaw = (usize, MarkupError);

/// True if the text is nothing but white space.
pub(super) fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

/// Production 2: the characters that may stand in a document.
pub(super) fn is_allowed(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        other => other >= ' ' && !matches!(other, '\u{FFFE}' | '\u{FFFF}'),
    }
}

/// A name with at most one colon, which separates a prefix: production 5 as narrowed by Namespaces in XML.
pub(super) fn is_qualified_name(text: &str) -> bool {
    match text.split_once(':') {
        Some((prefix, local)) => is_local_name(prefix) && is_local_name(local),
        None => is_local_name(text),
    }
}

/// Production 5 without the colon.
pub(super) fn is_local_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(starts_name) && characters.all(continues_name)
}

/// Production 4.
fn starts_name(character: char) -> bool {
    character.is_ascii_alphabetic()
        || matches!(character,
            '_' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}'
            | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
            | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

/// Production 4a.
fn continues_name(character: char) -> bool {
    starts_name(character)
        || character.is_ascii_digit()
        || matches!(character, '-' | '.' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// The character that a reference stands for; `body` is what stands between `&` and `;`.
///
/// # Errors
/// An entity that is not one of the five predefined, or a character that production 2 does not allow.
pub(super) fn reference(body: &str) -> Result<char, MarkupError> {
    match body {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        _ => match body.strip_prefix('#') {
            Some(number) => character(number).ok_or(MarkupError::CharacterReference),
            None if is_local_name(body) => Err(MarkupError::Entity),
            None => Err(MarkupError::Ampersand),
        },
    }
}

fn character(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    if digits.is_empty() {
        return None;
    }
    let step = |value: u32, digit: char| Some(value.saturating_mul(radix).saturating_add(digit.to_digit(radix)?));
    char::from_u32(digits.chars().try_fold(0, step)?).filter(|character| is_allowed(*character))
}

/// One attribute of a tag.
pub(super) struct RawAttribute<'t> {
    /// Byte of the text at which its name begins.
    pub(super) offset: usize,
    pub(super) name: &'t str,
    /// The value as written, references not replaced.
    pub(super) value: &'t str,
}

/// The attributes in a piece of markup (production 41), in order; ends after the first flaw.
pub(super) struct Attributes<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Attributes<'t> {
    /// Reads what follows the name of a tag.
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Skips white space, and tells whether there was any.
    fn skip_space(&mut self) -> bool {
        let rest = self.rest();
        let skipped = rest.len() - rest.trim_start_matches(SPACE).len();
        self.at += skipped;
        skipped > 0
    }

    fn take(&mut self, character: char) -> Result<(), Flaw> {
        if !self.rest().starts_with(character) {
            return Err((self.at, MarkupError::Attribute));
        }
        self.at += character.len_utf8();
        Ok(())
    }

    fn attribute(&mut self) -> Result<RawAttribute<'t>, Flaw> {
        let offset = self.at;
        let name = self.name()?;
        self.skip_space();
        self.take('=')?;
        self.skip_space();
        let value = self.value()?;
        Ok(RawAttribute { offset, name, value })
    }

    fn name(&mut self) -> Result<&'t str, Flaw> {
        let rest = self.rest();
        let end = rest.find(|c| c == '=' || SPACE.contains(&c)).unwrap_or(rest.len());
        let name = &rest[..end];
        if !is_qualified_name(name) {
            return Err((self.at, MarkupError::Name));
        }
        self.at += end;
        Ok(name)
    }

    fn value(&mut self) -> Result<&'t str, Flaw> {
        let quote = if self.rest().starts_with('\'') { '\'' } else { '"' };
        self.take(quote)?;
        let rest = self.rest();
        let end = rest.find(quote).ok_or((self.at, MarkupError::Attribute))?;
        let value = &rest[..end];
        check_value(value).map_err(|(offset, error)| (self.at + offset, error))?;
        self.at += end + quote.len_utf8();
        Ok(value)
    }
}

impl<'t> Iterator for Attributes<'t> {
    type Item = Result<RawAttribute<'t>, Flaw>;

    fn next(&mut self) -> Option<Self::Item> {
        let separated = self.skip_space();
        if self.rest().is_empty() {
            return None;
        }
        let item = if separated { self.attribute() } else { Err((self.at, MarkupError::Attribute)) };
        if item.is_err() {
            self.at = self.text.len();
        }
        Some(item)
    }
}

/// Production 10: no `<`, and nothing but complete references begins with `&`.
fn check_value(value: &str) -> Result<(), Flaw> {
    if let Some(offset) = value.find('<') {
        return Err((offset, MarkupError::LessThan));
    }
    for (offset, _) in value.match_indices('&') {
        let after = &value[offset + 1..];
        let body = after.split_once(';').ok_or((offset, MarkupError::Ampersand))?.0;
        reference(body).map_err(|error| (offset, error))?;
    }
    Ok(())
}

/// What an XML declaration says (productions 23, 32 and 80).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Declaration<'t> {
    /// XML 1.1 is declared.
    pub(super) is_version_11: bool,
    /// The label of the encoding, if one is declared.
    pub(super) encoding: Option<&'t str>,
}

impl<'t> Declaration<'t> {
    /// Reads what stands between `<?xml` and `?>`.
    ///
    /// # Errors
    /// A declaration of another form or version.
    pub(super) fn parse(text: &'t str) -> Result<Self, MarkupError> {
        let items = Attributes::new(text).collect::<Result<Vec<_>, _>>().map_err(|_| MarkupError::Declaration)?;
        let (version, rest) = items.split_first().ok_or(MarkupError::Declaration)?;
        if version.name != "version" {
            return Err(MarkupError::Declaration);
        }
        let (encoding, rest) = match rest.split_first() {
            Some((first, rest)) if first.name == "encoding" => (Some(first.value), rest),
            _ => (None, rest),
        };
        match rest {
            [] => {}
            [last] if last.name == "standalone" && matches!(last.value, "yes" | "no") => {}
            _ => return Err(MarkupError::Declaration),
        }
        if !encoding.is_none_or(is_encoding_name) {
            return Err(MarkupError::Declaration);
        }
        Ok(Self { is_version_11: is_version_11(version.value)?, encoding })
    }
}

fn is_version_11(version: &str) -> Result<bool, MarkupError> {
    match version {
        "1.0" => Ok(false),
        "1.1" => Ok(true),
        _ => Err(MarkupError::Version),
    }
}

/// Production 81.
fn is_encoding_name(label: &str) -> bool {
    label.starts_with(|first: char| first.is_ascii_alphabetic())
        && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

/// Production 28 without an external id and without a subset: `<!DOCTYPE name>`.
pub(super) fn is_bare_doctype(token: &str) -> bool {
    let name = token.strip_prefix("<!DOCTYPE").and_then(|rest| rest.strip_suffix('>'));
    name.is_some_and(|name| name.starts_with(SPACE) && is_qualified_name(name.trim_matches(SPACE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(text: &str) -> Result<Vec<(usize, &str, &str)>, Flaw> {
        Attributes::new(text).map(|item| item.map(|a| (a.offset, a.name, a.value))).collect()
    }

    #[test]
    fn attributes_are_split() {
        assert_eq!(attributes(" a='1'\n\tb:c = \"'>\" "), Ok(vec![(1, "a", "1"), (8, "b:c", "'>")]));
        assert_eq!(attributes(""), Ok(vec![]));
    }

    #[test]
    fn malformed_attributes_are_refused_where_they_are() {
        for (text, offset, error) in [
            (" a", 2, MarkupError::Attribute),
            (" a=", 3, MarkupError::Attribute),
            (" a=1", 3, MarkupError::Attribute),
            (" a='1", 4, MarkupError::Attribute),
            (" a='1'b='2'", 6, MarkupError::Attribute),
            (" 1a='1'", 1, MarkupError::Name),
            (" a:='1'", 1, MarkupError::Name),
            (" a='x<y'", 5, MarkupError::LessThan),
            (" a='x & y'", 6, MarkupError::Ampersand),
            (" a='&auml;'", 4, MarkupError::Entity),
            (" a='&#1;'", 4, MarkupError::CharacterReference),
        ] {
            assert_eq!(attributes(text), Err((offset, error)), "{text}");
        }
    }

    #[test]
    fn names_follow_the_fifth_edition() {
        for name in ["a", "_1", "Name", "Čeněk", "佐藤", "x:y", "𠮷", "a·b"] {
            assert!(is_qualified_name(name), "{name}");
        }
        for name in ["", "1a", "-a", ".a", ":a", "a:", "a:b:c", "a:1", "a b", "a/b", "a<", "\u{D7}"] {
            assert!(!is_qualified_name(name), "{name}");
        }
    }

    #[test]
    fn references_name_allowed_characters_only() {
        for (body, character) in [("amp", '&'), ("quot", '"'), ("#65", 'A'), ("#x1F600", '😀'), ("#0000010", '\n')] {
            assert_eq!(reference(body), Ok(character), "{body}");
        }
        for body in [
            "#0",
            "#1",
            "#x1F",
            "#xFFFE",
            "#xD800",
            "#x110000",
            "#99999999999999999999",
            "#",
            "#x",
            "#X41",
            "#+5",
            "# 5",
            "#-1",
        ] {
            assert_eq!(reference(body), Err(MarkupError::CharacterReference), "{body}");
        }
        assert_eq!(reference("nbsp"), Err(MarkupError::Entity));
        assert_eq!(reference(""), Err(MarkupError::Ampersand));
        assert_eq!(reference("a b"), Err(MarkupError::Ampersand));
    }

    #[test]
    fn declarations_are_read() {
        let parse = |text| Declaration::parse(text).map(|declared| (declared.is_version_11, declared.encoding));
        assert_eq!(parse(" version=\"1.0\""), Ok((false, None)));
        assert_eq!(parse(" version='1.0' encoding='utf-8' standalone='yes' "), Ok((false, Some("utf-8"))));
        assert_eq!(parse(" version='1.1' encoding='US-ASCII'"), Ok((true, Some("US-ASCII"))));
        assert_eq!(parse(" version='2.0'"), Err(MarkupError::Version));
        for text in [
            "",
            " encoding='UTF-8'",
            " version='1.0' standalone='maybe'",
            " version='1.0' encoding='UTF-8' encoding='UTF-8'",
            " version='1.0' standalone='yes' encoding='UTF-8'",
            "version='1.0'",
            " version='1.0' encoding=''",
            " version='1.0' encoding='8859'",
            " version='1.0' encoding='utf 8'",
        ] {
            assert_eq!(parse(text), Err(MarkupError::Declaration), "{text}");
        }
    }
}
