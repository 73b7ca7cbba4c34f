use std::fmt::Display;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// First pause before something that is away is tried again.
const FIRST: Duration = Duration::from_millis(20);
/// Longest pause.
const LONGEST: Duration = Duration::from_secs(1);
/// One line of the log per so much waiting.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// Pauses between attempts at something that is away: doubling, and one line a minute.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    pause: Option<Duration>,
    said: Option<Instant>,
}

impl Waits {
    /// Says why, at most once a minute, and waits; returns at once when cancelled.
    pub(crate) async fn wait(&mut self, what: &str, error: &impl Display, cancel: &CancellationToken) {
        if self.said.is_none_or(|said| said.elapsed() >= SAY_EVERY) {
            self.said = Some(Instant::now());
            tracing::warn!(%error, "{what}; waiting");
        }
        let pause = self.pause.map_or(FIRST, |pause| (pause * 2).min(LONGEST));
        self.pause = Some(pause);
        tokio::select! {
            () = cancel.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Unix milliseconds.
pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// 16 random bytes in hexadecimal.
pub(crate) fn random_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}
