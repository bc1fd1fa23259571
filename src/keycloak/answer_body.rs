//! What a server answers: a token, perhaps, so that it is gone from memory when it is dropped.

use zeroize::Zeroizing;

/// The body of an answer, as far as it has arrived.
#[derive(Default)]
pub(super) struct AnswerBody(Zeroizing<Vec<u8>>);

impl AnswerBody {
    /// Adds what has arrived. A vector that grows by itself leaves what it held behind.
    pub(super) fn push(&mut self, chunk: &[u8]) {
        let length = self.0.len() + chunk.len();
        if length > self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(length.max(2 * self.0.len())));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(chunk);
    }

    /// All that has arrived.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}
