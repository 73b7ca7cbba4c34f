use std::fmt::Display;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const FIRST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(1);
const SAY_EVERY: Duration = Duration::from_secs(60);

/// Pauses between attempts at something that is away: doubling up to a second, one line a minute.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    pause: Option<Duration>,
    said: Option<Instant>,
}

impl Waits {
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

    /// It worked: the next pause is short again.
    pub(crate) fn reset(&mut self) {
        self.pause = None;
    }
}

/// Unix milliseconds.
pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
