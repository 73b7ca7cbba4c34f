use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::upstream::Answer;

/// Commands that wait for the sender, at most; then callers wait.
pub const MAX_COMMANDS: usize = 1_024;
/// How long a call waits for a sender to be there (it may be restarting).
const ABSENCE: Duration = Duration::from_secs(10);
/// A GET that could not be sent within this time is given up.
pub const GET_PATIENCE: Duration = Duration::from_secs(60);

/// Why a GET has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GetError {
    /// No sender runs in this process.
    #[error("no sender is running here")]
    Absent,
    /// It waited too long for its limits.
    #[error("the rate limits do not allow it within {} s", GET_PATIENCE.as_secs())]
    TooLong,
    /// Discord cannot be reached, or did not answer.
    #[error("Discord did not answer")]
    NoAnswer,
    /// Too many wait already.
    #[error("too many requests wait for this limit")]
    Full,
}

pub(crate) enum Command {
    Get { path: String, reply: oneshot::Sender<Result<Answer, GetError>> },
    Predict { method: String, path: String, reply: oneshot::Sender<Duration> },
}

/// The way to a sender of this process, also across its restarts.
#[derive(Debug)]
pub struct SenderHandle {
    commands: watch::Sender<Option<mpsc::Sender<Command>>>,
    constrained: Arc<AtomicBool>,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Get { .. } => "Get",
            Self::Predict { .. } => "Predict",
        })
    }
}

impl SenderHandle {
    /// A handle without a sender yet: see [`Sender::run`](crate::Sender::run).
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self { commands: watch::Sender::new(None), constrained: Arc::default() })
    }

    /// Performs a GET through the same limits as actions. `path` follows `/api/v10`, query included.
    ///
    /// # Errors
    /// See [`GetError`]. A sender that ends in between makes it begin anew.
    pub async fn get(&self, path: &str) -> Result<Answer, GetError> {
        loop {
            let commands = self.commands().await.ok_or(GetError::Absent)?;
            let (reply, answer) = oneshot::channel();
            if commands.send(Command::Get { path: path.to_owned(), reply }).await.is_ok()
                && let Ok(answer) = answer.await
            {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    }

    /// About how long an action of this route, accepted now, would wait for its limits. Zero when no
    /// sender runs here.
    pub async fn predicted_wait(&self, method: &str, path: &str) -> Duration {
        if !self.constrained.load(Ordering::Relaxed) {
            return Duration::ZERO;
        }
        let Some(commands) = self.commands.borrow().clone() else { return Duration::ZERO };
        let (reply, wait) = oneshot::channel();
        let command = Command::Predict { method: method.to_owned(), path: path.to_owned(), reply };
        if commands.send(command).await.is_err() {
            return Duration::ZERO;
        }
        wait.await.unwrap_or_default()
    }

    async fn commands(&self) -> Option<mpsc::Sender<Command>> {
        let mut receiver = self.commands.subscribe();
        let there = receiver.wait_for(|commands| commands.as_ref().is_some_and(|commands| !commands.is_closed()));
        let there = tokio::time::timeout(ABSENCE, there).await;
        there.ok()?.ok()?.clone()
    }

    pub(crate) fn install(&self, commands: mpsc::Sender<Command>) {
        self.commands.send_replace(Some(commands));
    }

    pub(crate) fn constrained(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.constrained)
    }
}
