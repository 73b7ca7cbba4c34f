//! A Discord that behaves: gateway v10, REST v10 and v9, and a world that both change and tell about. For the demo, the tests
//! and the benchmarks of Miso; it imports nothing of the product.
//!
//! One listener serves everything: REST under `/api/v10` and `/api/v9`, the gateway as websocket on any path, OAuth2 under
//! `/oauth2`, pictures under `/cdn`, a Last.fm under `/lastfm`, the control API under `/control` (see `simulator/README.md`). Everything random follows the seed. Every request received and every event
//! emitted is in the journal.

mod config;
mod control;
mod core;
mod events;
mod gateway;
mod history;
mod intents;
mod journal;
mod lastfm;
mod oauth;
mod pictures;
mod rest;
mod server;
mod sites;
mod snowflake;
mod world;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;

pub use config::{ALL_PRIVILEGED_FLAGS, MIN_RESUME_BUFFER, SimulatorConfig, USAGE};
pub use history::{MAX_HISTORY_DAYS, SeededRequest, seeded_history};

use crate::core::Core;
use crate::journal::Journal;

/// How long shutdown waits for connections.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(2);

/// Why a simulator does not start.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}; choose another address or stop what uses it")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The journal's file cannot be created.
    #[error("cannot write the journal: {0}; check the folder and its permissions")]
    Journal(std::io::Error),
    /// A control call was refused.
    #[error("the control call was refused with {status}: {reason}")]
    Control {
        /// As over HTTP.
        status: u16,
        /// What was wrong.
        reason: String,
    },
    /// The operating system refuses to start the runtime's threads.
    #[error("cannot start the runtime: {0}")]
    Runtime(std::io::Error),
    /// The command line is wrong; every problem on its own line.
    #[error("wrong arguments:\n{0}")]
    Arguments(String),
}

/// Starts simulators.
#[derive(Debug, Clone, Copy)]
pub struct Simulator;

/// A running simulator; dropping it stops it without waiting.
#[derive(Debug)]
pub struct Running {
    core: Arc<Core>,
    journal_thread: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Starts a simulator inside the current tokio runtime.
    ///
    /// # Errors
    /// [`SimulatorError::Listen`] when the address is taken, [`SimulatorError::Journal`] when its file cannot be created.
    pub async fn start(config: SimulatorConfig) -> Result<Running, SimulatorError> {
        let config = config.bounded();
        let address = config.listen;
        let listener = TcpListener::bind(address).await.map_err(|source| SimulatorError::Listen { address, source })?;
        let address = listener.local_addr().map_err(|source| SimulatorError::Listen { address, source })?;
        let (journal, journal_thread) = Journal::open(config.journal.as_deref()).map_err(SimulatorError::Journal)?;
        let core = Arc::new(Core::new(config, address, journal));
        core.tasks.spawn(server::accept(Arc::clone(&core), listener));
        core.tasks.spawn(gateway::expire_sessions(Arc::clone(&core)));
        tracing::info!(%address, guilds = core.world().guilds.len(), "the simulator listens");
        Ok(Running { core, journal_thread })
    }
}

impl Running {
    /// The one address of REST, gateway and control API.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.core.address
    }

    /// What `MISO_DISCORD_API_URL` is set to: `http://…/api`.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("http://{}/api", self.core.address)
    }

    /// The gateway's address, `ws://…`, without query and trailing slash.
    #[must_use]
    pub fn gateway_url(&self) -> String {
        self.core.gateway_url()
    }

    /// The control API's base, `http://…/control`.
    #[must_use]
    pub fn control_url(&self) -> String {
        format!("http://{}/control", self.core.address)
    }

    /// Where people log in and invite the bot: `http://…/oauth2/authorize`.
    #[must_use]
    pub fn authorize_url(&self) -> String {
        format!("http://{}/oauth2/authorize", self.core.address)
    }

    /// The application's secret, for OAuth2.
    #[must_use]
    pub fn client_secret(&self) -> &str {
        &self.core.config.client_secret
    }

    /// The bot's token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.core.config.token
    }

    /// Orders something of the control API without HTTP, for instance `("POST", "say", json!({…}))` or
    /// `("GET", "journal?from=0", Value::Null)`; see `simulator/README.md`. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`SimulatorError::Control`] with the status and reason the HTTP call would get.
    pub fn order(
        &self,
        method: &str,
        path: &str,
        body: serde_json::Value,
    ) -> Result<serde_json::Value, SimulatorError> {
        control::order(&self.core, method, path, body)
            .map_err(|(status, reason)| SimulatorError::Control { status, reason })
    }

    /// Waits until everything recorded so far is in the journal's file; blocks for a few milliseconds at most.
    pub fn flush_journal(&self) {
        self.core.journal.flush();
    }

    /// Closes every connection, ends all tasks and completes the journal's file.
    pub async fn shutdown(mut self) {
        self.core.shutdown.cancel();
        self.core.tasks.close();
        let _late = tokio::time::timeout(SHUTDOWN_WAIT, self.core.tasks.wait()).await;
        self.core.journal.close();
        if let Some(thread) = self.journal_thread.take() {
            let _joined = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.core.shutdown.cancel();
        self.core.journal.close();
    }
}

/// Runs a simulator until SIGINT or SIGTERM; prints its addresses and token on stdout first.
///
/// # Errors
/// As [`Simulator::start`].
pub async fn run(config: SimulatorConfig) -> Result<(), SimulatorError> {
    use std::io::Write as _;
    use tokio::signal::unix::{SignalKind, signal};
    // Registered before the addresses are printed: who reads them may send the signal at once.
    let mut terminate = signal(SignalKind::terminate()).map_err(SimulatorError::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(SimulatorError::Runtime)?;
    let running = Simulator::start(config).await?;
    let mut out = std::io::stdout().lock();
    let _closed_pipe = writeln!(
        out,
        "api      {}\ngateway  {}\ncontrol  {}\ntoken    {}",
        running.api_url(),
        running.gateway_url(),
        running.control_url(),
        running.token()
    )
    .and_then(|()| out.flush());
    drop(out);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    running.shutdown().await;
    Ok(())
}
