//! Texts that are kept in several places (UIDs, names, ids), each of them once in memory.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// A text that is shared with whoever keeps the same one.
pub(super) type Text = Arc<str>;

/// So many texts may be kept that nobody needs, beside a quarter of those that somebody does.
const SPARE: usize = 1024;

static POOL: LazyLock<Mutex<Pool>> = LazyLock::new(Mutex::default);

/// The text as others keep it.
pub(super) fn shared(text: &str) -> Text {
    POOL.lock().unwrap_or_else(PoisonError::into_inner).shared(text)
}

#[derive(Debug, Default)]
struct Pool {
    texts: HashSet<Text>,
    /// With so many, those are looked for that nobody needs any more.
    full: usize,
}

impl Pool {
    fn shared(&mut self, text: &str) -> Text {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        if self.texts.len() >= self.full {
            self.texts.retain(|text| Arc::strong_count(text) > 1);
            self.full = self.texts.len() + self.texts.len() / 4 + SPARE;
        }
        let text = Text::from(text);
        self.texts.insert(Arc::clone(&text));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one() {
        let mut pool = Pool::default();
        let (one, other) = (pool.shared("one"), pool.shared("other"));
        assert!(Arc::ptr_eq(&one, &pool.shared("one")) && !Arc::ptr_eq(&one, &other));
    }

    #[test]
    fn texts_that_nobody_needs_go() {
        let mut pool = Pool::default();
        let needed: Vec<_> = (0..SPARE).map(|number| pool.shared(&number.to_string())).collect();
        for number in 0..100 * SPARE {
            drop(pool.shared(&format!("passing {number}")));
            assert!(pool.texts.len() <= needed.len() + needed.len() / 4 + SPARE);
        }
        assert!(needed.iter().all(|text| pool.texts.contains(text)));
    }
}
