use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::bucket::Moment;

/// The monotonic clock begins here, so that what happened before the process did has a moment too.
const BEGIN: Duration = Duration::from_secs(2 * 60 * 60);

/// The two clocks: waiting goes by the monotonic one, records carry the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts now.
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Monotonic.
    pub(crate) fn now(&self) -> Moment {
        BEGIN + self.start.elapsed()
    }

    /// Unix milliseconds.
    pub(crate) fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    /// The instant of a moment, for timers.
    pub(crate) fn instant(&self, moment: Moment) -> Instant {
        self.start + moment.saturating_sub(BEGIN)
    }
}
