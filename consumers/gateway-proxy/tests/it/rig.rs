//! A proxy on a log of its own: embedded in a folder, or on the Kafka that the environment names.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::any;
use miso_discord_state::{DiscordState, StateConfig};
use miso_gateway_proxy::{Proxy, ProxyConfig, ProxyError};
use miso_groups::Groups;
use miso_log::SharedLog;
use miso_log::catalogue::{
    DISCORD_STATE, GATEWAY_COMMANDS, GATEWAY_EVENTS, PARKED, PROXY_GROUPS, PROXY_LEDGER, PROXY_SESSIONS, SCHEMAS,
};
use miso_log::embedded::{EmbeddedConfig, EmbeddedLog};
use miso_log::kafka::{KafkaConfig, KafkaLog};
use miso_model::{HandlerGroup, SLOTS};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::client::Client;
use crate::upstream::Upstream;

/// Everything that must happen in a test happens within this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const SECRET: &str = "a-secret-of-the-demo-group";
pub(crate) const GROUP: &str = "demo";

pub(crate) struct Rig {
    pub(crate) log: SharedLog,
    pub(crate) state: Arc<DiscordState>,
    pub(crate) groups: Arc<Groups>,
    pub(crate) upstream: Upstream,
    cancel: CancellationToken,
    proxy: Option<Role>,
    config: ProxyConfig,
    engine: Engine,
}

enum Engine {
    Embedded(TempDir),
    /// Brokers and the prefix of this log's topics.
    Kafka(String, String),
}

struct Role {
    address: SocketAddr,
    cancel: CancellationToken,
    task: JoinHandle<Result<(), ProxyError>>,
}

impl Rig {
    /// With a bot that is in these guilds, a group `demo` with quick graces, and the proxy running.
    pub(crate) async fn start(guilds: &[u64]) -> Self {
        Self::without_proxy().await.with_guilds(guilds).await
    }

    /// The same on the broker that the environment names (`scripts/engines.sh start`), if it does.
    pub(crate) async fn start_on_kafka(guilds: &[u64]) -> Option<Self> {
        let brokers = std::env::var("MISO_TEST_KAFKA").ok().filter(|brokers| !brokers.is_empty())?;
        let prefix = format!("proxy-{}-{:x}", std::process::id(), rand::random::<u32>());
        let mut rig = Self::on(Engine::Kafka(brokers, prefix)).await;
        rig.config.takeover_wait = Duration::from_millis(2_500);
        Some(rig.with_guilds(guilds).await)
    }

    async fn with_guilds(self, guilds: &[u64]) -> Self {
        let mut rig = self;
        rig.upstream.ready(guilds).await;
        for &guild in guilds {
            rig.upstream.guild_create(guild).await;
        }
        rig.folded().await;
        rig.start_proxy().await;
        rig
    }

    /// The log, the fold and the group only.
    pub(crate) async fn without_proxy() -> Self {
        Self::on(Engine::Embedded(tempfile::tempdir().expect("a folder"))).await
    }

    async fn on(engine: Engine) -> Self {
        let log = open(&engine).await;
        let cancel = CancellationToken::new();
        let state = DiscordState::start(Arc::clone(&log), StateConfig::default(), cancel.clone());
        let groups = declared(&log, &cancel).await;
        let group = groups.group(GROUP).expect("declared");
        let quick = HandlerGroup { ack_grace_ms: 150, resume_grace_ms: 1_500, ..(*group).clone() };
        groups.write(quick).await.expect("the log takes it");
        let upstream = Upstream::new(Arc::clone(&log));
        let config = ProxyConfig::new("ws://miso.example/");
        Self { log, state, groups, upstream, cancel, proxy: None, config, engine }
    }

    pub(crate) async fn start_proxy(&mut self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let cancel = CancellationToken::new();
        let (log, state, groups) = (Arc::clone(&self.log), Arc::clone(&self.state), Arc::clone(&self.groups));
        let (config, stop) = (self.config.clone(), cancel.clone());
        let task = tokio::spawn(async move {
            let proxy = Proxy::start(config, log, state, groups, stop.clone()).await?;
            Arc::new(proxy).serve(listener, rest(), stop).await
        });
        self.proxy = Some(Role { address, cancel, task });
    }

    /// Waits until everything appended so far is folded.
    pub(crate) async fn folded(&self) {
        for partition in 0..SLOTS {
            let latest = self.upstream.next_offset(partition);
            tokio::time::timeout(PATIENCE, self.state.wait_folded(partition, latest)).await.expect("folds");
        }
    }

    /// Ends the role as a crash would: its future is dropped.
    pub(crate) async fn abort_proxy(&mut self) {
        let role = self.proxy.take().expect("running");
        role.task.abort();
        let _ = role.task.await;
    }

    /// Ends the role in order.
    pub(crate) async fn stop_proxy(&mut self) {
        let role = self.proxy.take().expect("running");
        role.cancel.cancel();
        tokio::time::timeout(PATIENCE, role.task).await.expect("ends").expect("no panic").expect("no error");
    }

    pub(crate) fn begin_to_stop(&self) {
        self.proxy.as_ref().expect("running").cancel.cancel();
    }

    /// Closes everything but the folder, and opens it again.
    pub(crate) async fn reopen(&mut self) {
        self.cancel.cancel();
        self.log.close().await;
        let log = open(&self.engine).await;
        self.cancel = CancellationToken::new();
        self.state = DiscordState::start(Arc::clone(&log), StateConfig::default(), self.cancel.clone());
        self.groups = declared(&log, &self.cancel).await;
        self.upstream.log = Arc::clone(&log);
        self.log = log;
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.proxy.as_ref().expect("running").address
    }

    pub(crate) async fn connect(&self) -> Client {
        self.connect_with("v=10&encoding=json").await
    }

    pub(crate) async fn connect_with(&self, query: &str) -> Client {
        Client::connect(self.address(), query).await
    }

    /// A client that has identified itself and knows all these guilds.
    pub(crate) async fn member(&self, guilds: usize) -> Client {
        let mut client = self.connect().await;
        client.identify(SECRET).await;
        client.ready(guilds).await;
        client
    }

    /// The group's committed positions.
    pub(crate) async fn committed(&self, partition: i32) -> i64 {
        let group = miso_groups::consumer_group(GROUP);
        self.log.committed(&group, GATEWAY_EVENTS, partition).await.expect("asked").expect("committed at its creation")
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.cancel.cancel();
        if let Some(role) = &self.proxy {
            role.task.abort();
        }
    }
}

async fn open(engine: &Engine) -> SharedLog {
    match engine {
        Engine::Embedded(dir) => {
            Arc::new(EmbeddedLog::open(EmbeddedConfig::new(dir.path().join("log.db"))).await.expect("the log opens"))
        }
        Engine::Kafka(brokers, prefix) => {
            let mut config = KafkaConfig::new(brokers);
            config.replication = 1;
            config.topic_prefix = Some(prefix.clone());
            config.catalogue = vec![
                GATEWAY_EVENTS,
                GATEWAY_COMMANDS,
                DISCORD_STATE,
                PROXY_GROUPS,
                PROXY_LEDGER,
                PROXY_SESSIONS,
                PARKED,
                SCHEMAS,
            ];
            Arc::new(KafkaLog::open(config).await.expect("a broker"))
        }
    }
}

async fn declared(log: &SharedLog, cancel: &CancellationToken) -> Arc<Groups> {
    let declared = vec![(GROUP.to_owned(), SECRET.to_owned())];
    Groups::start(Arc::clone(log), declared, cancel.clone()).await.expect("groups start")
}

fn rest() -> Router {
    Router::new().fallback(any(|request: axum::extract::Request| async move { format!("rest {}", request.uri()) }))
}

/// Waits for a condition, looking at it often.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let look = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}
