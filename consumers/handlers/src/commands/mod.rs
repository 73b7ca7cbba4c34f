//! Answering commands.

mod action;
mod attachments;
mod client;
mod cooldown;
pub(crate) mod custom;
mod display;
mod format;
pub(crate) mod media;
pub(crate) mod pages;
mod plan;
mod rules;
mod silence;
mod surroundings;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use miso_command_catalogue::{Cooldown, GLOBAL_COOLDOWN};
use miso_discord_state::DiscordState;
use miso_log::catalogue::BOT_COMMANDS;
use miso_log::{LogError, Owned, Schemas, SharedLog, Waits, run_owned};
use tokio_util::sync::CancellationToken;

use self::attachments::Files;
use self::client::ApiClient;
use self::rules::Rules;
use self::worker::{Asks, Worker};
use crate::settings::Followed;
use crate::{HandlersError, Joins};

pub use self::attachments::{
    ATTACHMENT_BATCH_BYTES, ATTACHMENT_TIMEOUT, MAX_ATTACHMENT_BYTES, MAX_ATTACHMENTS, MESSAGE_ATTACHMENT_BYTES,
};
pub use self::client::{API_ATTEMPT_TIMEOUT, API_PATIENCE};
pub use self::worker::{COMMAND_BATCH, CONCURRENT_CHANNELS};

/// The consumer group of the command handler.
pub const GROUP: &str = "miso.commands";

/// Section of the configuration.
#[derive(Clone)]
pub struct CommandsHandlerConfig {
    /// Where the commands API is: `http://127.0.0.1:8081`.
    pub commands_url: String,
    /// `MISO_CLUSTER_KEY`, sent to it.
    pub cluster_key: Option<String>,
    /// How long it is tried again for one command before the command's author is told.
    pub patience: Duration,
    /// Commands of any kind that one member may use in a minute; 0: as many as they like.
    pub uses_per_minute: u32,
    /// Where the Last.fm middleware is, for charts; without it answers go without them, and say so.
    pub lastfm_url: Option<String>,
    /// Where the media embedder is, for media; without it answers go without them, and say so.
    pub embedder_url: Option<String>,
}

impl CommandsHandlerConfig {
    /// With the default patience, [`API_PATIENCE`], and [`GLOBAL_COOLDOWN`].
    #[must_use]
    pub fn new(commands_url: impl Into<String>, cluster_key: Option<String>) -> Self {
        Self {
            commands_url: commands_url.into(),
            cluster_key,
            patience: API_PATIENCE,
            uses_per_minute: GLOBAL_COOLDOWN.uses,
            lastfm_url: None,
            embedder_url: None,
        }
    }
}

impl std::fmt::Debug for CommandsHandlerConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = self.cluster_key.as_ref().map(|_| "set");
        f.debug_struct("CommandsHandlerConfig")
            .field("commands_url", &self.commands_url)
            .field("lastfm_url", &self.lastfm_url)
            .field("embedder_url", &self.embedder_url)
            .field("cluster_key", &key)
            .finish()
    }
}

/// Answers commands, until cancelled: requests to the commands API first, then one transaction of
/// the answers and the position. A command whose handler died in between is asked again under the
/// same id, and takes effect once.
///
/// # Errors
/// See [`HandlersError`]. A log or a commands API that is away is waited for.
pub async fn run_commands(
    config: CommandsHandlerConfig,
    log: SharedLog,
    state: Arc<DiscordState>,
    joins: Joins,
    cancel: CancellationToken,
) -> Result<(), HandlersError> {
    let client = ApiClient::new(&config)?;
    let files = Files::new(&config)?;
    let schemas = Arc::new(Schemas::open(log.clone()).await?);
    // Permissions are looked up in Discord's state.
    let mut ready = state.ready();
    tokio::select! {
        () = cancel.cancelled() => return Ok(()),
        _ = ready.wait_for(|ready| *ready) => {}
    }
    let mut rules = tokio::select! {
        () = cancel.cancelled() => return Ok(()),
        rules = Followed::<Rules>::fold(&log) => rules?,
    };
    let now = rules.view.clone();
    let global = Cooldown { uses: config.uses_per_minute, ..GLOBAL_COOLDOWN };
    let work = |owned: Owned| {
        let (schemas, state) = (Arc::clone(&schemas), Arc::clone(&state));
        let asks = Asks { client: client.clone(), files: files.clone() };
        Worker::new(owned, log.clone(), schemas, asks, state, now.clone(), global).run()
    };
    let follow = async {
        let mut waits = Waits::default();
        loop {
            match rules.update().await {
                Ok(()) => waits.reset(),
                Err(HandlersError::Log(LogError::Unavailable(reason))) => {
                    waits.wait("settings cannot be read", &reason, &cancel).await;
                }
                Err(error) => return Err(error),
            }
        }
    };
    tokio::select! {
        answered = run_owned(log.clone(), GROUP, BOT_COMMANDS, cancel.clone(), || joins.joined(GROUP), work) => answered,
        failed = follow => failed,
    }
}
