use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use miso_model::GuildId;
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::xxh3_64;

use crate::PanelConfig;
use crate::clients::{CommandsClient, DataClient, EmbedderClient, GuildSettings, SimulatorClient, Tokens};
use crate::clock::now_s;
use crate::logins::Logins;
use crate::operations::Operations;
use crate::session::{Seal, Session};

/// How long a service is awaited before a page says that it is away.
pub const UPSTREAM_PATIENCE: Duration = Duration::from_secs(15);
/// States of logins that were used, remembered so that none is used twice; the oldest goes first. A
/// state is also bound to the browser's cookie and to ten minutes.
pub const USED_STATES: usize = 4_096;
/// Refreshed logins remembered, so that requests which come together refresh once; the oldest goes first.
pub const REFRESHED: usize = 256;
/// Guilds whose settings are kept for the time the commands API is away; the oldest goes first.
pub const KEPT_SETTINGS: usize = 256;
/// A token is refreshed so many seconds before it ends.
const EARLY_S: i64 = 60;

/// What all pages share.
pub(crate) struct App {
    pub(crate) config: PanelConfig,
    pub(crate) data: DataClient,
    pub(crate) commands: CommandsClient,
    pub(crate) simulator: Option<SimulatorClient>,
    pub(crate) http: reqwest::Client,
    pub(crate) seal: Seal,
    pub(crate) cancel: CancellationToken,
    pub(crate) logins: Logins,
    pub(crate) operations: Option<Operations>,
    pub(crate) embedder: Option<EmbedderClient>,
    used: Mutex<VecDeque<u64>>,
    refreshed: tokio::sync::Mutex<VecDeque<(u64, Tokens)>>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    by_guild: HashMap<GuildId, GuildSettings>,
    order: VecDeque<GuildId>,
}

impl App {
    pub(crate) fn new(mut config: PanelConfig, cancel: CancellationToken) -> Result<Self, reqwest::Error> {
        config.public_url.truncate(config.public_url.trim_end_matches('/').len());
        let http = reqwest::Client::builder()
            .timeout(UPSTREAM_PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        let operations = config.log.clone().map(|log| Operations::new(log, config.groups.clone()));
        Ok(Self {
            data: DataClient::new(http.clone(), &config.data_url, &config.cluster_key),
            commands: CommandsClient::new(http.clone(), &config.commands_url, &config.cluster_key),
            simulator: config.simulator_control_url.as_deref().map(|url| SimulatorClient::new(http.clone(), url)),
            seal: Seal::new(&config.cluster_key, &config.public_url),
            embedder: config
                .embedder_url
                .as_deref()
                .map(|url| EmbedderClient::new(http.clone(), url, &config.cluster_key)),
            http,
            config,
            cancel,
            logins: Logins::default(),
            operations,
            used: Mutex::default(),
            refreshed: tokio::sync::Mutex::default(),
            kept: Mutex::default(),
        })
    }

    /// Whether a login's state is used for the first time in this process.
    pub(crate) fn first_use(&self, state: &str) -> bool {
        let mark = xxh3_64(state.as_bytes());
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.contains(&mark) {
            return false;
        }
        if used.len() == USED_STATES {
            used.pop_front();
        }
        used.push_back(mark);
        true
    }

    /// The session with tokens that still hold; none when Discord has ended them. True: it changed.
    pub(crate) async fn fresh(&self, session: Session) -> (Option<Session>, bool) {
        if session.expires_s - EARLY_S > now_s() {
            return (Some(session), false);
        }
        let mark = xxh3_64(session.refresh.as_bytes());
        // Held over the call on purpose: the second of two requests finds what the first was given.
        let mut refreshed = self.refreshed.lock().await;
        let known = refreshed.iter().find(|(of, _)| *of == mark).map(|(_, tokens)| tokens.clone());
        let tokens = match known {
            Some(tokens) => tokens,
            None => match self.data.refresh(&session.refresh).await {
                Ok(tokens) => {
                    if refreshed.len() == REFRESHED {
                        refreshed.pop_front();
                    }
                    refreshed.push_back((mark, tokens.clone()));
                    tokens
                }
                Err(error) if error.status().is_some_and(|status| status < 500) => return (None, true),
                // The service is away: what the page asks for next will say so.
                Err(_) => return (Some(session), false),
            },
        };
        let expires_s = now_s() + tokens.expires_in;
        let refresh = tokens.refresh_token.unwrap_or_else(|| session.refresh.clone());
        (Some(Session { access: tokens.access_token, refresh, expires_s, ..session }), true)
    }

    /// Remembers settings for the time the commands API is away.
    pub(crate) fn keep_settings(&self, guild: GuildId, settings: &GuildSettings) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.by_guild.insert(guild, settings.clone()).is_none() {
            kept.order.push_back(guild);
            if kept.order.len() > KEPT_SETTINGS
                && let Some(oldest) = kept.order.pop_front()
            {
                kept.by_guild.remove(&oldest);
            }
        }
    }

    /// What was read last.
    pub(crate) fn kept_settings(&self, guild: GuildId) -> Option<GuildSettings> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).by_guild.get(&guild).cloned()
    }

    /// Whether pictures are fetched from Discord.
    pub(crate) fn pictures(&self) -> bool {
        self.simulator.is_none()
    }
}
