//! The commands API: REST, JSON in, JSON out, platform-neutral, not connected to Discord; the only
//! service with the database.
//!
//! Instances are stateless and multiply freely: reads come from the store; whatever changes
//! something is appended to `bot.requests`, and its answer awaited in `bot.answers`. In between
//! stands the decider, one owner per partition, spread over all instances: it turns requests into
//! facts, facts into rows of the store, and answers.

mod answers;
mod api;
mod ask;
mod commands;
mod decide;
mod decider;
mod embedder;
mod index;
mod lastfm;
mod parked;
mod plan;
mod problem;
mod routes;

use std::sync::Arc;

use miso_bot_store::{BotStore, PrepareError, Store, StoreError};
use miso_log::{LogError, SharedLog, Waits};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use answers::MAX_WAITING;
pub use ask::{ASK_ATTEMPTS, ASK_PATIENCE};
pub use commands::change::EDIT_ATTEMPTS;
pub use commands::media::{MEDIA_FILE_BYTES, MEDIA_FILES};
pub use decide::activity::{ActivityObserved, MemberObserved, OBSERVED_MEMBERS, WINDOW_MS, WINDOW_XP};
pub use decide::counts::COUNTED_HOURS;
pub use decide::crowns::{CLAIM_CROWN, CROWN_PLAYS, ClaimCrown, LISTENER_LEAVES, SEE_IN_GUILD};
pub use decide::listens::{
    IMPORT_EVERY_MS, INDEX_EVERY_MS, LISTENS_FETCHED, LISTENS_IN_FACT, LISTENS_IN_REQUEST, LISTENS_LATE_MS,
    ListensFetched,
};
pub use decide::personal::{DELETE_PERSONAL_DATA, FORGET_MEMBER};
pub use decide::reminders::{
    CANCEL_REMINDER, CancelReminder, OPEN_REMINDERS, REMINDER_AHEAD_MS, REMINDER_CHARS, SET_REMINDER, SNOOZE_REMINDER,
    SetReminder, SnoozeReminder, TimerDue,
};
pub use decide::samples::{ASK_SAMPLE, AskSample};
pub use decide::settings::{CHANGE_SETTINGS, ChangeSettings, SETTINGS_BYTES, STALE_CHANGES, SettingsAnswer};
pub use decide::stars::{POSTING_MS, StarChanged, StarToBePosted};
pub use decider::{DECIDE_BATCH, GROUP};
pub use embedder::{EMBEDDER_ANSWER_BYTES, EMBEDDER_TIMEOUT};
pub use index::{IMPORT_PAGES, INDEX_AT_ONCE, INDEX_QUEUE, NEW_PAGES, NEW_WEEKS};
pub use lastfm::{LASTFM_ANSWER_BYTES, LASTFM_INDEX_TIMEOUT, LASTFM_TIMEOUT};
pub use miso_http::MAX_CONNECTIONS;
pub use routes::BODY_BYTES;
pub use routes::activity::{LEADERBOARD_PAGE, STATISTICS_DAYS};
pub use routes::audit::AUDIT_PAGE;
pub use routes::limits::{LIMITED_USERS, SERVICE_BURST, SERVICE_PER_SECOND, USER_BURST, USER_PER_SECOND};
pub use routes::openapi::openapi;
pub use routes::samples::{SAMPLES, SAMPLES_WINDOW};
pub use routes::stars::STAR_DAYS;

/// Section of the configuration.
#[derive(Clone, Default)]
pub struct CommandsConfig {
    /// `MISO_CLUSTER_KEY`: when set, callers must send it as `Authorization: Bearer <key>`.
    pub cluster_key: Option<String>,
    /// `MISO_LASTFM_URL`: where the Last.fm middleware is; without it nobody is told what they listen to.
    pub lastfm_url: Option<String>,
    /// `MISO_EMBEDDER_URL`: where the media embedder is; without it links are not looked up.
    pub embedder_url: Option<String>,
}

impl std::fmt::Debug for CommandsConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommandsConfig")
            .field("cluster_key", &self.cluster_key.as_ref().map(|_| "set"))
            .field("lastfm_url", &self.lastfm_url)
            .field("embedder_url", &self.embedder_url)
            .finish()
    }
}

/// The role ended; a restart may mend it.
#[derive(Debug, thiserror::Error)]
pub enum CommandsError {
    /// The store cannot be made ready.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The store failed in a way that waiting does not mend.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log failed in a way that waiting does not mend.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The client for another service cannot be built.
    #[error("the HTTP client cannot be built: {0}")]
    Client(String),
    /// The listener failed.
    #[error("the listener failed: {0}")]
    Listen(#[from] std::io::Error),
}

/// The service: HTTP and its share of the decider.
#[derive(Debug)]
pub struct CommandsApi {
    config: CommandsConfig,
    log: SharedLog,
    store: Arc<dyn Store>,
    cancel: CancellationToken,
    ready: watch::Sender<bool>,
}

impl CommandsApi {
    /// Contacts neither log nor store yet.
    #[must_use]
    pub fn start(config: CommandsConfig, log: SharedLog, store: Arc<dyn Store>, cancel: CancellationToken) -> Self {
        Self { config, log, store, cancel, ready: watch::Sender::new(false) }
    }

    /// Whether the store is prepared, until which HTTP answers 503 where it needs it, and the deciders have
    /// given out their partitions, until which what changes something may wait.
    #[must_use]
    pub fn ready(&self) -> watch::Receiver<bool> {
        self.ready.subscribe()
    }

    /// Serves HTTP at once, prepares the store as soon as it is there, decides. Returns when
    /// cancelled; dropped, it ends at once, with all its tasks and connections.
    ///
    /// # Errors
    /// See [`CommandsError`]. A log or a store that is away is waited for instead.
    pub async fn serve(self, listener: TcpListener) -> Result<(), CommandsError> {
        let store = watch::Sender::new(None);
        let board = answers::Board::default();
        let lastfm = self.config.lastfm_url.as_deref();
        let lastfm = lastfm.map(|url| lastfm::Lastfm::new(url, self.config.cluster_key.clone()));
        let lastfm = lastfm.transpose().map_err(CommandsError::Client)?;
        let embedder = self.config.embedder_url.as_deref();
        let embedder = embedder.map(|url| embedder::Embedder::new(url, self.config.cluster_key.clone()));
        let embedder = embedder.transpose().map_err(|error| CommandsError::Client(error.to_string()))?;
        let api = Arc::new(api::Api {
            cluster_key: self.config.cluster_key,
            log: self.log.clone(),
            store: store.subscribe(),
            board: board.clone(),
            limits: routes::limits::Limits::default(),
            lastfm,
            embedder,
            samples: routes::samples::SampleRate::default(),
        });
        let mut tasks: JoinSet<Result<(), CommandsError>> = JoinSet::new();
        let (router, cancel) = (routes::router(Arc::clone(&api)), self.cancel.clone());
        tasks.spawn(async move { Ok(miso_http::serve(listener, router, cancel).await?) });
        tasks.spawn(answers::read(self.log.clone(), board.clone(), self.cancel.clone()));
        let (asked, users) = index::queue();
        let cancel = self.cancel.clone();
        tasks.spawn(async move {
            index::run(api, users, cancel).await;
            Ok(())
        });
        let (log, engine, ready, cancel) = (self.log, self.store, self.ready, self.cancel.clone());
        tasks.spawn(async move {
            let Some(bot) = prepare(&engine, &log, &cancel).await? else { return Ok(()) };
            store.send_replace(Some(bot.clone()));
            let joined = || {
                ready.send_replace(true);
            };
            decider::run(log, bot, asked, cancel, joined).await
        });
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Ok(result) => result?,
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => {}
            }
        }
        Ok(())
    }
}

/// Prepares the store, waiting for it and for the log where they are away; `None` when cancelled.
async fn prepare(
    store: &Arc<dyn Store>,
    log: &SharedLog,
    cancel: &CancellationToken,
) -> Result<Option<BotStore>, CommandsError> {
    let mut waits = Waits::default();
    loop {
        let prepared = tokio::select! {
            () = cancel.cancelled() => return Ok(None),
            prepared = BotStore::prepare(store.clone(), log, rand::random) => prepared,
        };
        match prepared {
            Ok(bot) => return Ok(Some(bot)),
            Err(
                error @ (PrepareError::Store(StoreError::Unavailable(_)) | PrepareError::Log(LogError::Unavailable(_))),
            ) => {
                waits.wait("the store cannot be prepared yet", &error, cancel).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
