//! What Keycloak's default user profile refuses. A realm may have another profile, so these are warnings.

use super::error::{Notes, Warning};
use super::manifest::is_undeliverable;
use super::position::{Located, Position};

/// Shortest username of the default profile.
const MIN_USERNAME: usize = 3;

/// Warns of a username that is too short, or contains a character that is refused.
pub(super) fn check_username(username: &Located<String>, notes: &mut Notes) {
    let text = &username.value;
    if text.chars().count() < MIN_USERNAME {
        notes.push(Located::new(username.at, Warning::ShortUsername(text.clone())));
    }
    if text.contains(|c| is_refused(c) || is_refused_in_usernames(c)) {
        notes.push(Located::new(username.at, Warning::UsernameCharacter(text.clone())));
    }
    check_visible(username.at, text, "Username", notes);
}

/// Warns of a first or last name that contains a character that is refused.
pub(super) fn check_person_name(name: &Located<String>, element: &'static str, notes: &mut Notes) {
    if name.value.contains(is_refused) {
        notes.push(Located::new(name.at, Warning::NameCharacter(element)));
    }
    check_visible(name.at, &name.value, element, notes);
}

/// Warns of characters that `kubectl` would not deliver, or that would make a reviewer of the manifest see another text than the one that counts.
pub(super) fn check_visible(at: Position, text: &str, what: &'static str, notes: &mut Notes) {
    if text.contains(is_undeliverable) {
        notes.push(Located::new(at, Warning::Undeliverable(what)));
    } else if !text.is_ascii() && text.contains(is_deceptive) {
        notes.push(Located::new(at, Warning::Invisible(what)));
    }
}

/// Marks that turn the direction of text, tags, and what has no width and joins nothing.
fn is_deceptive(character: char) -> bool {
    matches!(character, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}')
        || matches!(character, '\u{61C}' | '\u{E0000}'..='\u{E007F}')
}

/// What neither usernames nor the names of persons may contain (as of Keycloak 26): punctuation of markup and scripts,
/// line breaks, control characters.
fn is_refused(character: char) -> bool {
    character.is_ascii_control()
        || matches!(character, '<' | '>' | '&' | '"' | '$' | '%' | '!' | '#' | '?' | '§' | ';' | '*' | '~' | '/')
        || matches!(character, '\\' | '|' | '^' | '=' | '[' | ']' | '{' | '}' | '(' | ')')
        || matches!(character, '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What usernames may not contain either: more punctuation, and horizontal white space as Java's `\h` has it.
fn is_refused_in_usernames(character: char) -> bool {
    matches!(character, '\'' | ',' | ':' | '`' | ' ' | '\u{A0}' | '\u{1680}' | '\u{180E}')
        || matches!(character, '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}')
}

#[cfg(test)]
mod tests {
    use super::super::position::Position;
    use super::*;

    fn notes(username: &str) -> usize {
        let mut notes = Notes::new();
        check_username(&Located::new(Position::START, username), &mut notes);
        notes.len()
    }

    #[test]
    fn usernames_of_the_default_profile_pass() {
        for username in ["abc", "mary.jones@example.org", "a_b-c+d", "müller", "山田太"] {
            assert_eq!(notes(username), 0, "{username}");
        }
        for username in ["ab", "a b c", "o'brien", "corp\\mjones", "a:b", "a\u{a0}b", "§12"] {
            assert_eq!(notes(username), 1, "{username}");
        }
    }

    #[test]
    fn every_refused_character_is_known() {
        for character in "<>&\"$%!#?§;*~/\\|^=[]{}()\u{b}\u{7f}\u{85}\u{2028}".chars() {
            assert!(is_refused(character), "{character:?}");
        }
        for character in "',:` \u{2003}".chars() {
            assert!(!is_refused(character) && is_refused_in_usernames(character), "{character:?}");
        }
    }

    #[test]
    fn names_of_persons_may_have_apostrophes_but_no_parentheses() {
        let mut notes = Notes::new();
        for name in ["O'Brien", "von der Leyen", "Müller, Dr."] {
            check_person_name(&Located::new(Position::START, name), "LastName", &mut notes);
        }
        assert_eq!(notes, []);
        check_person_name(&Located::new(Position::START, "Jane (Ext)"), "FirstName", &mut notes);
        assert_eq!(notes, [Located::new(Position::START, Warning::NameCharacter("FirstName"))]);
    }
}
