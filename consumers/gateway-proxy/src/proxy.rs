use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use miso_discord_state::DiscordState;
use miso_groups::Groups;
use miso_log::{Schemas, SharedLog};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::edge::Failures;
use crate::wire::{ConnectionId, ToHome};
use crate::{ProxyConfig, ProxyError, admission, driver, edge};

/// What edges and homes of a process share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: ProxyConfig,
    pub(crate) log: SharedLog,
    pub(crate) schemas: Schemas,
    pub(crate) state: Arc<DiscordState>,
    pub(crate) groups: Arc<Groups>,
    pub(crate) failures: Failures,
    /// Where the home of each group is reached.
    pub(crate) homes: watch::Sender<HashMap<String, mpsc::Sender<ToHome>>>,
    next_connection: AtomicU64,
    started: tokio::time::Instant,
}

impl Shared {
    pub(crate) fn new(
        config: ProxyConfig,
        log: SharedLog,
        schemas: Schemas,
        state: Arc<DiscordState>,
        groups: Arc<Groups>,
    ) -> Self {
        Self {
            config,
            log,
            schemas,
            state,
            groups,
            failures: Failures::default(),
            homes: watch::Sender::default(),
            next_connection: AtomicU64::new(1),
            started: tokio::time::Instant::now(),
        }
    }

    pub(crate) fn next_connection(&self) -> ConnectionId {
        self.next_connection.fetch_add(1, Ordering::Relaxed)
    }

    /// Milliseconds of a clock that only rises.
    pub(crate) fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn heartbeat_interval_ms(&self) -> u64 {
        u64::try_from(self.config.heartbeat_interval.as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn upstream_intents(&self) -> u32 {
        let automatic = || admission::automatic_intents(self.state.application().as_deref());
        self.config.upstream_intents.map_or_else(automatic, |bits| u32::try_from(bits).unwrap_or(u32::MAX))
    }

    /// The home of a group, once there is one. `None`: the proxy is ending.
    pub(crate) async fn home_of(&self, group: &str) -> Option<mpsc::Sender<ToHome>> {
        let mut homes = self.homes.subscribe();
        let known = homes.wait_for(|homes| homes.get(group).is_some_and(|home| !home.is_closed())).await.ok()?;
        known.get(group).cloned()
    }
}

/// Unix milliseconds.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The proxy of one process: the homes of the groups it owns, and the edge for all of them. All its
/// tasks end with it.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    homes: Mutex<AbortOnDropHandle<Result<(), ProxyError>>>,
}

impl Proxy {
    /// Begins to take over homes: the process joins `miso.home`. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`ProxyError::Log`] when the group cannot be joined.
    pub async fn start(
        config: ProxyConfig,
        log: SharedLog,
        state: Arc<DiscordState>,
        groups: Arc<Groups>,
        cancel: CancellationToken,
    ) -> Result<Self, ProxyError> {
        let schemas = Schemas::open(Arc::clone(&log)).await?;
        let shared = Arc::new(Shared::new(config, log, schemas, state, groups));
        let member = driver::join(&shared).await?;
        let homes: JoinHandle<_> = tokio::spawn(driver::run(Arc::clone(&shared), member, cancel));
        Ok(Self { shared, homes: Mutex::new(AbortOnDropHandle::new(homes)) })
    }

    /// Serves the handlers' listener: websockets of the gateway on `/` and `//` (any query), everything
    /// else goes to `rest`. Returns when cancelled, after clients were sent away to resume.
    ///
    /// # Errors
    /// What ended the homes or the listener; the role may be started again.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        rest: Router,
        cancel: CancellationToken,
    ) -> Result<(), ProxyError> {
        let edge = edge::serve(Arc::clone(&self.shared), listener, rest, cancel);
        let mut homes = self.homes.lock().await;
        tokio::pin!(edge);
        tokio::select! {
            result = &mut edge => {
                result?;
                (&mut *homes).await.unwrap_or(Err(ProxyError::Broke("the homes' task")))
            }
            result = &mut *homes => {
                match result.unwrap_or(Err(ProxyError::Broke("the homes' task"))) {
                    Ok(()) => edge.await,
                    Err(error) => Err(error),
                }
            }
        }
    }
}
