//! Whether a change may still be made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

type Allows = dyn Fn(Duration) -> bool + Send + Sync;

/// Asked immediately before each request that changes something, with the longest time that the request can take.
///
/// Where several processes could change the same accounts, it is closed in time by whoever knows which of them may.
#[derive(Clone)]
pub struct Fence(Arc<Allows>);

impl Fence {
    /// A fence that asks this function.
    pub fn new(allows: impl Fn(Duration) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(allows))
    }

    /// Whether a change that takes at most so long may begin now.
    #[must_use]
    pub fn allows(&self, longest: Duration) -> bool {
        (self.0)(longest)
    }
}

impl fmt::Debug for Fence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Fence")
    }
}
