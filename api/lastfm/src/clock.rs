use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A monotonic clock for ages and deadlines of the cache and the circuits. Tests move it on; it never goes
/// back. Clones are the same clock.
#[derive(Debug, Clone)]
pub struct Clock {
    began: Instant,
    ahead_ms: Arc<AtomicU64>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { began: Instant::now(), ahead_ms: Arc::default() }
    }
}

impl Clock {
    /// Milliseconds since the clock was made.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        let passed = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        passed.saturating_add(self.ahead_ms.load(Ordering::Relaxed))
    }

    /// From now on it is so much later, milliseconds.
    pub fn advance(&self, by_ms: u64) {
        self.ahead_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}
