//! The action sender: what `rest.actions` and `rest.interactions` hold goes to Discord, within its
//! limits, in order, and once where Discord's API lets us prevent twice.
//!
//! Pure decisions: [`scheduler`] (what goes next; over [`bucket`], [`budget`], [`job`]), [`verdict`]
//! (what follows from an attempt), [`ledger`] (what an earlier owner left), [`adopt`] (identical
//! retries), [`nonce`], [`seen`] (what an answer tells), [`progress`] (what may be committed), [`follow_up`] (a message in a channel that
//! had to be opened first).
//! The driver: `engine` (the one task), `takeover`, `intake`, `commit`, `settle`, `look`,
//! [`upstream`] (HTTP).
//!
//! The order of things, per action: it is read (synced by whoever appended it) → its turn comes →
//! its intent is committed, fenced → the lease of that commit is checked on a connection that is
//! ready → bytes → the outcome is committed, with the group's position.

pub mod adopt;
pub mod bucket;
pub mod budget;
mod clock;
mod commit;
mod config;
mod engine;
mod error;
pub mod follow_up;
mod handle;
mod intake;
pub mod job;
pub mod ledger;
mod look;
pub mod nonce;
mod part;
pub mod progress;
pub mod scheduler;
pub mod seen;
mod settle;
mod takeover;
pub mod upstream;
pub mod verdict;
pub mod wire;

use std::sync::Arc;

use miso_log::SharedLog;
use tokio_util::sync::CancellationToken;

pub use config::{LEASE, SenderConfig};
pub use engine::{MAX_OPEN, RIDE_ALONG, RIDE_ALONG_TOTAL};
pub use error::SenderError;
pub use handle::{GET_PATIENCE, GetError, MAX_COMMANDS, SenderHandle};
pub use look::MAX_PAGES;
pub use takeover::{GROUP, LEDGER_GROUP};
pub use upstream::Answer;

/// The role.
#[derive(Debug, Clone, Copy)]
pub struct Sender;

impl Sender {
    /// Runs a sender until `cancel` (it then stops sending, settles what is in flight, hands back)
    /// or until an error that a restart may mend. Dropping the future ends it at once, with all its
    /// connections; the next one settles what it left. `handle` reaches whichever sender runs last.
    ///
    /// # Errors
    /// See [`SenderError`].
    pub async fn run(
        config: SenderConfig,
        log: SharedLog,
        handle: Arc<SenderHandle>,
        cancel: CancellationToken,
    ) -> Result<(), SenderError> {
        engine::Engine::new(config, log, handle).await?.run(cancel).await
    }

    /// Runs a sender in a task of its own and answers its handle. An error ends the task, and is
    /// logged.
    #[must_use]
    pub fn start(config: SenderConfig, log: SharedLog, cancel: CancellationToken) -> Arc<SenderHandle> {
        let handle = SenderHandle::new();
        let running = Self::run(config, log, Arc::clone(&handle), cancel);
        tokio::spawn(async move {
            if let Err(error) = running.await {
                tracing::error!(%error, "the sender ended");
            }
        });
        handle
    }
}
