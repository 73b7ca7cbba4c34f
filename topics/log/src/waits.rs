use std::fmt::Display;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// First pause before something that is away is tried again.
const FIRST: Duration = Duration::from_millis(10);
/// Longest pause.
const LONGEST: Duration = Duration::from_secs(1);
/// One line in the logs per so much waiting.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// Pauses of a role between attempts at something that is away (log, store, another service): they
/// double from 10 ms to 1 s, and the first and then one a minute is logged.
#[derive(Debug, Default)]
pub struct Waits {
    pause: Option<Duration>,
    said: Option<Instant>,
}

impl Waits {
    /// Says why, and waits; returns at once when cancelled. Cancel-safe.
    pub async fn wait(&mut self, what: &str, error: &impl Display, cancel: &CancellationToken) {
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
    pub fn reset(&mut self) {
        self.pause = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_double_up_to_a_second_and_begin_anew_after_success() {
        let (mut waits, never) = (Waits::default(), CancellationToken::new());
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let began = Instant::now();
            waits.wait("test", &"away", &never).await;
            pauses.push(began.elapsed().as_millis());
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1_000, 1_000]);
        waits.reset();
        let began = Instant::now();
        waits.wait("test", &"away", &never).await;
        assert_eq!(began.elapsed().as_millis(), 10);
        never.cancel();
        waits.wait("test", &"away", &never).await;
        assert_eq!(began.elapsed().as_millis(), 10);
    }
}
