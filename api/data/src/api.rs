use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use miso_command_catalogue::Problem;
use miso_discord_state::DiscordState;
use miso_http::now_ms;
use serde::Deserialize;

use crate::asking::Asking;
use crate::bounded::{Bounded, TokenHash};
use crate::discord::{Discord, DiscordError, ListedGuild};
use crate::members::Indexes;
use crate::tokens::Tokens;
use crate::view::Cdn;
use crate::{DataConfig, DataError};

/// How long a user's list of guilds is good, milliseconds. Discord allows one request a second.
pub const GUILD_LIST_MS: i64 = 30_000;
/// Lists kept; beyond it the oldest is asked for again.
pub const MAX_GUILD_LISTS: usize = 2_000;

/// What the endpoints share.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) cluster_key: String,
    client_id: Option<String>,
    pub(crate) state: Arc<DiscordState>,
    pub(crate) discord: Discord,
    pub(crate) cdn: Cdn,
    pub(crate) indexes: Indexes,
    pub(crate) asking: Asking,
    tokens: Mutex<Tokens>,
    guilds: Mutex<Bounded<Arc<Vec<ListedGuild>>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Api {
    pub(crate) fn new(config: DataConfig, state: Arc<DiscordState>, asking: Asking) -> Result<Self, DataError> {
        Ok(Self {
            cluster_key: config.cluster_key,
            client_id: config.client_id,
            state,
            discord: Discord::new(&config.api_url, config.client_secret)?,
            cdn: Cdn::new(crate::cdn_url(&config.api_url)),
            indexes: Indexes::default(),
            asking,
            tokens: Mutex::default(),
            guilds: Mutex::new(Bounded::new(MAX_GUILD_LISTS)),
        })
    }

    pub(crate) fn tokens(&self) -> MutexGuard<'_, Tokens> {
        lock(&self.tokens)
    }

    /// Everything that is known of a token is forgotten.
    pub(crate) fn forget(&self, token: &str) {
        let token = TokenHash::of(token.as_bytes());
        self.tokens().forget(token);
        lock(&self.guilds).remove(token);
    }

    /// The guilds of a token's user, [`GUILD_LIST_MS`] old at the most.
    pub(crate) async fn guilds_of(&self, token: &str) -> Result<Arc<Vec<ListedGuild>>, DiscordError> {
        let hash = TokenHash::of(token.as_bytes());
        if let Some(known) = lock(&self.guilds).get(hash, now_ms()) {
            return Ok(known);
        }
        let listed = Arc::new(self.discord.own_guilds(token).await?);
        lock(&self.guilds).put(hash, Arc::clone(&listed), now_ms() + GUILD_LIST_MS);
        Ok(listed)
    }

    /// Until the fold has caught up with the log, what it does not know may only be unknown yet.
    pub(crate) fn folded(&self) -> Result<&DiscordState, Problem> {
        if *self.state.ready().borrow() { Ok(&self.state) } else { Err(starting()) }
    }

    /// The application's id.
    pub(crate) fn client_id(&self) -> Result<String, Problem> {
        #[derive(Deserialize)]
        struct Application {
            id: String,
        }
        let of_state = || {
            let json = self.state.application()?;
            serde_json::from_slice::<Application>(&json).ok().map(|application| application.id)
        };
        self.client_id.clone().or_else(of_state).ok_or_else(starting)
    }
}

fn starting() -> Problem {
    Problem::new(
        503,
        "starting",
        "Not ready yet",
        "Miso is still reading what it knows of Discord. Try again in a moment.",
    )
}
