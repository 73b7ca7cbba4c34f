//! The roles and what each is made of. Wiring only.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use miso_commands_api::{CommandsApi, CommandsConfig};
use miso_data_api::{DataApi, DataConfig};
use miso_discord_state::DiscordState;
use miso_embedder::{Embedder, EmbedderConfig};
use miso_gateway::{GatewayConfig, GatewayStatus, IntentsChoice, ShardStatus, Shards};
use miso_gateway_proxy::{Proxy, ProxyConfig};
use miso_groups::Groups;
use miso_handlers::{CommandsHandlerConfig, EventsHandlerConfig, Joins, MessagesHandlerConfig};
use miso_lastfm::{Lastfm, LastfmConfig};
use miso_log::SharedLog;
use miso_model::UserId;
use miso_panel::{Panel, PanelConfig};
use miso_rest_ingress::{Gets, IngressConfig};
use miso_sender::{Sender, SenderConfig, SenderHandle};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::{Auto, Config};
use crate::gets::{RemoteGets, SenderGets};
use crate::listeners::Listeners;
use crate::readiness::Readiness;

/// A part of Miso that can run in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Role {
    /// Keeps shards to Discord open and writes every event to the log
    Gateway,
    /// Serves handlers: websocket and REST
    Proxy,
    /// Sends actions to Discord when rate limits allow
    Sender,
    /// The bot's own event, message and command handlers
    Handlers,
    /// Says when reminders and other timers are due
    Timers,
    /// The commands API, the only role with the database
    CommandsApi,
    /// The data API: Discord's data, and the login with Discord
    DataApi,
    /// The Last.fm middleware: Last.fm's API and pages, cached and within its limits
    Lastfm,
    /// The media embedder: what is behind a link to a social site
    Embedder,
    /// The web panel
    Panel,
}

impl Role {
    pub(crate) const ALL: [Self; 10] = [
        Self::Gateway,
        Self::Proxy,
        Self::Sender,
        Self::Handlers,
        Self::Timers,
        Self::CommandsApi,
        Self::DataApi,
        Self::Lastfm,
        Self::Embedder,
        Self::Panel,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Proxy => "proxy",
            Self::Sender => "sender",
            Self::Handlers => "handlers",
            Self::Timers => "timers",
            Self::CommandsApi => "commands-api",
            Self::DataApi => "data-api",
            Self::Lastfm => "lastfm",
            Self::Embedder => "embedder",
            Self::Panel => "panel",
        }
    }

    /// What must be ready besides the role itself.
    pub(crate) fn parts(self) -> &'static [&'static str] {
        match self {
            Self::Gateway => &["shards"],
            Self::CommandsApi => &["store"],
            Self::Handlers => &["groups"],
            Self::Proxy | Self::Sender | Self::Timers | Self::DataApi | Self::Lastfm | Self::Embedder | Self::Panel => {
                &[]
            }
        }
    }

    /// A role that it calls, or that calls it, and that is not among these of its process: the two then
    /// know each other by `MISO_CLUSTER_KEY` only.
    pub(crate) fn calls_elsewhere(self, here: &[Self]) -> Option<Self> {
        let others: &[Self] = match self {
            Self::Handlers => &[Self::CommandsApi],
            Self::CommandsApi => &[Self::Handlers],
            Self::DataApi => &[Self::Panel],
            Self::Lastfm | Self::Embedder => &[Self::CommandsApi, Self::Handlers, Self::Panel],
            Self::Panel => &[Self::CommandsApi, Self::DataApi],
            Self::Gateway | Self::Proxy | Self::Sender | Self::Timers => &[],
        };
        others.iter().copied().find(|other| !here.contains(other))
    }

    /// Whether it speaks to Discord with the bot's token.
    pub(crate) fn needs_token(self) -> bool {
        matches!(self, Self::Gateway | Self::Sender)
    }
}

/// On a log that several processes write, a new home waits so long when its predecessor did not hand
/// back in order: the 2 s lease and a margin.
const PROXY_TAKEOVER_WAIT: Duration = Duration::from_millis(2_500);

/// What the roles of a process share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) log: SharedLog,
    pub(crate) state: Arc<DiscordState>,
    pub(crate) groups: Arc<Groups>,
    /// Whether the sender is one of this process's roles.
    pub(crate) has_sender: bool,
    /// The sender of this process, for the ingress's GETs.
    pub(crate) sender: Arc<SenderHandle>,
    pub(crate) listeners: Listeners,
    pub(crate) readiness: Readiness,
}

/// Runs a role until it is cancelled or fails.
pub(crate) async fn start(role: Role, shared: Arc<Shared>, cancel: CancellationToken) -> anyhow::Result<()> {
    match role {
        Role::Gateway => gateway(&shared, cancel).await,
        Role::Proxy => proxy(&shared, cancel).await,
        Role::Sender => sender(&shared, cancel).await,
        Role::Handlers => handlers(&shared, cancel).await,
        Role::Timers => Ok(miso_timers::run(Arc::clone(&shared.log), cancel).await?),
        Role::CommandsApi => commands_api(&shared, cancel).await,
        Role::DataApi => data_api(&shared, cancel).await,
        Role::Lastfm => lastfm(&shared, cancel).await,
        Role::Embedder => embedder(&shared, cancel).await,
        Role::Panel => panel(&shared, cancel).await,
    }
}

fn token(config: &Config) -> anyhow::Result<String> {
    config.token.as_ref().map(|token| token.0.clone()).context("DISCORD_TOKEN is not set")
}

async fn gateway(shared: &Shared, cancel: CancellationToken) -> anyhow::Result<()> {
    let config = &shared.config;
    let gateway = GatewayConfig {
        shards: match config.shards {
            Auto::Auto => Shards::Auto,
            Auto::Value(count) => Shards::Count(i32::try_from(count)?),
        },
        intents: match config.intents {
            Auto::Auto => IntentsChoice::Auto,
            Auto::Value(bits) => IntentsChoice::Bits(bits),
        },
        buffer_bytes: config.gateway_buffer_bytes,
        address: config.ops_listen.to_string(),
        zstd: config.zstd,
        identify_interval: config.identify_interval,
        ..GatewayConfig::new(token(config)?, config.discord_api_url.clone())
    };
    let status = watch::Sender::<GatewayStatus>::default();
    let mut seen = status.subscribe();
    let readiness = shared.readiness.clone();
    let watching = async move {
        loop {
            let ready = seen.borrow_and_update().ready();
            match ready {
                Ok(()) => readiness.ready("shards"),
                Err(why) if troubled(&seen.borrow()) => readiness.unready("shards", why, Instant::now()),
                Err(why) => readiness.waiting("shards", why),
            }
            if seen.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        ended = miso_gateway::run_with_status(gateway, Arc::clone(&shared.log), status, cancel) => Ok(ended?),
        never = watching => never,
    }
}

/// Whether something is wrong, rather than on its way.
fn troubled(status: &GatewayStatus) -> bool {
    let on_its_way = [miso_gateway::STARTING, miso_gateway::JOINING];
    status.problem.as_deref().is_some_and(|problem| !on_its_way.contains(&problem))
        || status.shards.values().any(|shard| matches!(shard, ShardStatus::Fatal(_)))
}

async fn commands_api(shared: &Shared, cancel: CancellationToken) -> anyhow::Result<()> {
    let store = miso_bot_store::open(&shared.config.store.0).await?;
    let config = CommandsConfig {
        cluster_key: shared.config.cluster_key.clone().map(|key| key.0),
        lastfm_url: shared.lastfm_url(),
        embedder_url: shared.embedder_url(),
    };
    let api = CommandsApi::start(config, Arc::clone(&shared.log), store, cancel);
    let mut prepared = api.ready();
    let readiness = shared.readiness.clone();
    readiness.waiting("store", "being prepared, or waiting for the shares of the deciders");
    let listener = shared.listeners.of(Role::CommandsApi)?;
    tokio::select! {
        ended = api.serve(listener) => Ok(ended?),
        () = async {
            if prepared.wait_for(|ready| *ready).await.is_ok() {
                readiness.ready("store");
            }
            std::future::pending::<()>().await;
        } => Ok(()),
    }
}

async fn data_api(shared: &Shared, cancel: CancellationToken) -> anyhow::Result<()> {
    let config = &shared.config;
    let data = DataConfig {
        cluster_key: config.cluster_key.clone().map_or_else(String::new, |key| key.0),
        api_url: config.discord_api_url.clone(),
        client_id: config.client_id.map(|id| id.to_string()),
        client_secret: config.client_secret.clone().map(|secret| secret.0),
    };
    let api = DataApi::start(data, Arc::clone(&shared.state), cancel).asking(Arc::clone(&shared.log));
    Ok(api.serve(shared.listeners.of(Role::DataApi)?).await?)
}

async fn lastfm(shared: &Shared, cancel: CancellationToken) -> anyhow::Result<()> {
    let config = &shared.config;
    let mut lastfm = LastfmConfig {
        cluster_key: config.cluster_key.clone().map_or_else(String::new, |key| key.0),
        api_key: config.lastfm_api_key.clone().map_or_else(String::new, |key| key.0),
        per_second: config.lastfm_per_second,
        ..LastfmConfig::default()
    };
    lastfm.api_url.clone_from(&config.lastfm_api_url);
    lastfm.site_url.clone_from(&config.lastfm_site_url);
    Ok(Lastfm::start(lastfm, cancel)?.serve(shared.listeners.of(Role::Lastfm)?).await?)
}

async fn embedder(shared: &Shared, cancel: CancellationToken) -> anyhow::Result<()> {
    let config = &shared.config;
    let providers = match &config.embedder_providers {
        Some(path) => Some(
            std::fs::read_to_string(path)
                .with_context(|| format!("{} cannot be read; correct MISO_EMBEDDER_PROVIDERS", path.display()))?,
        ),
        None => None,
    };
    let embedder = EmbedderConfig {
        cluster_key: config.cluster_key.clone().map_or_else(String::new, |key| key.0),
        providers,
        sites_at: config.embedder_sites_at,
        public_url: config.embedder_public_url.clone(),
        ..EmbedderConfig::default()
    };
    Ok(Embedder::start(embedder, cancel)?.serve(shared.listeners.of(Role::Embedder)?).await?)
}

impl Shared {
    /// Where the Last.fm middleware is, if there is one.
    fn lastfm_url(&self) -> Option<String> {
        self.config.lastfm_url.clone().or_else(|| self.listeners.url(Role::Lastfm))
    }

    /// Where the media embedder is, if there is one.
    fn embedder_url(&self) -> Option<String> {
        self.config.embedder_url.clone().or_else(|| self.listeners.url(Role::Embedder))
    }
}

async fn panel(shared: &Shared, cancel: CancellationToken) -> anyhow::Result<()> {
    let config = &shared.config;
    let panel = PanelConfig {
        public_url: config.panel_url(),
        commands_url: config.commands_url.clone().unwrap_or_else(|| format!("http://{}", config.commands_listen)),
        data_url: config.data_url.clone().unwrap_or_else(|| format!("http://{}", config.data_listen)),
        cluster_key: config.cluster_key.clone().map_or_else(String::new, |key| key.0),
        simulator_control_url: config.simulator_control_url.clone(),
        operators: config.panel_operators.iter().copied().map(UserId).collect(),
        ops_url: Some(format!("http://{}", config.ops_listen)),
        log: Some(Arc::clone(&shared.log)),
        groups: Some(Arc::clone(&shared.groups)),
        proxy_url: Some(config.proxy_public_url.clone().unwrap_or_else(|| format!("ws://{}", config.proxy_listen))),
        embedder_url: shared.embedder_url(),
        lastfm_url: shared.lastfm_url(),
    };
    Ok(Panel::serve(panel, shared.listeners.of(Role::Panel)?, cancel).await?)
}

async fn sender(shared: &Shared, cancel: CancellationToken) -> anyhow::Result<()> {
    let config = &shared.config;
    // The token is resolved at send time; a rotation will go through this channel.
    let (_token, token) = watch::channel(token(config)?);
    let embedded = config.log.starts_with("file:");
    let mut sender = SenderConfig::new(&config.discord_api_url, token);
    sender.global_per_second = config.global_per_second;
    sender.address = config.ops_listen.to_string();
    if embedded {
        // No other process can write this log, so none can still be sending.
        sender.takeover_wait = Duration::ZERO;
    }
    Ok(Sender::run(sender, Arc::clone(&shared.log), Arc::clone(&shared.sender), cancel).await?)
}

async fn proxy(shared: &Shared, cancel: CancellationToken) -> anyhow::Result<()> {
    let config = &shared.config;
    let public_url = config.proxy_public_url.clone().unwrap_or_else(|| format!("ws://{}", config.proxy_listen));
    let mut proxy = ProxyConfig::new(public_url.clone());
    proxy.address = config.ops_listen.to_string();
    if !config.log.starts_with("file:") {
        proxy.takeover_wait = PROXY_TAKEOVER_WAIT;
    }
    if let Auto::Value(bits) = config.intents {
        proxy.upstream_intents = Some(bits);
    }
    let ingress = miso_rest_ingress::router(
        IngressConfig { public_url, shards: 1 },
        Arc::clone(&shared.log),
        Arc::clone(&shared.groups),
        Arc::clone(&shared.state),
        gets(shared),
    );
    let (log, state, groups) = (Arc::clone(&shared.log), Arc::clone(&shared.state), Arc::clone(&shared.groups));
    let proxy = Arc::new(Proxy::start(proxy, log, state, groups, cancel.clone()).await?);
    Ok(proxy.serve(shared.listeners.of(Role::Proxy)?, ingress, cancel).await?)
}

/// GETs of handlers go to the sender of this process, else to the one that is configured.
fn gets(shared: &Shared) -> Arc<dyn Gets> {
    let config = &shared.config;
    match (shared.has_sender, &config.sender_url, &config.cluster_key) {
        (false, Some(url), Some(key)) => Arc::new(RemoteGets::new(url, &key.0)),
        _ => Arc::new(SenderGets(Arc::clone(&shared.sender))),
    }
}

async fn handlers(shared: &Shared, cancel: CancellationToken) -> anyhow::Result<()> {
    let config = &shared.config;
    let commands_url = config.commands_url.clone().unwrap_or_else(|| format!("http://{}", config.commands_listen));
    let mut commands = CommandsHandlerConfig::new(commands_url, config.cluster_key.clone().map(|key| key.0));
    commands.uses_per_minute = config.commands_per_minute;
    (commands.lastfm_url, commands.embedder_url) = (shared.lastfm_url(), shared.embedder_url());
    let joins = Joins::default();
    let all = || (Arc::clone(&shared.log), Arc::clone(&shared.state), joins.clone());
    let (log, state, joined) = all();
    let messages = miso_handlers::run_messages(MessagesHandlerConfig::default(), log, state, joined, cancel.clone());
    let (log, state, joined) = all();
    let events = EventsHandlerConfig { panel_url: config.panel_url() };
    let events = miso_handlers::run_events(events, log, state, joined, cancel.clone());
    let (log, state, joined) = all();
    let facts = miso_handlers::run_facts(log, state, joined, cancel.clone());
    let (log, state, joined) = all();
    let commands = miso_handlers::run_commands(commands, log, state, joined, cancel);
    let readiness = shared.readiness.clone();
    readiness.waiting("groups", "waiting for the shares of the handlers' groups");
    let work = async { tokio::try_join!(messages, events, facts, commands) };
    let ready = async {
        joins.all().await;
        readiness.ready("groups");
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = work => ended.map(|_| ()).map_err(Into::into),
        () = ready => Ok(()),
    }
}
