//! The web panel: server-rendered pages over the commands API and the data API. It owns no data:
//! whoever is logged in is a sealed cookie, settings are the commands API's, drop-downs the data
//! API's. Any process serves any request.
//!
//! Forms are made from the declarations of `miso-settings` and work without JavaScript; a few small
//! modules in `assets/` make them quicker.

mod access;
mod app;
mod assets;
mod carry;
mod clients;
mod clock;
mod failure;
mod guard;
mod health;
mod hierarchy;
mod login;
mod logins;
mod operations;
mod routes;
mod rules;
mod session;
mod view;
mod visitor;

use std::sync::Arc;

use miso_groups::Groups;
use miso_log::SharedLog;
use miso_model::UserId;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use app::{KEPT_SETTINGS, REFRESHED, UPSTREAM_PATIENCE, USED_STATES};
pub use guard::BODY_BYTES;
pub use logins::{ENDED_ONES, KNOWN_USERS, LOOK_AGAIN};
pub use miso_http::MAX_CONNECTIONS;
pub use operations::{ACTIONS_LOOKED_AT, COMPACTED, READ_BYTES, READ_PATIENCE};

/// Section of the configuration.
#[derive(Clone, Default)]
pub struct PanelConfig {
    /// Where browsers reach the panel, without a slash at the end. With https its cookies are
    /// `__Host-` and secure.
    pub public_url: String,
    /// Base of the commands API, such as `http://127.0.0.1:8081`.
    pub commands_url: String,
    /// Base of the data API, such as `http://127.0.0.1:8082`.
    pub data_url: String,
    /// The deployment's key: what both services take, and what cookies are sealed with.
    pub cluster_key: String,
    /// Base of the simulator's control API; with it there is `/play`, and pictures are not fetched
    /// from Discord.
    pub simulator_control_url: Option<String>,
    /// Who sees `/ops`.
    pub operators: Vec<UserId>,
    /// Base of the operations listener that `/ops` shows.
    pub ops_url: Option<String>,
    /// The log, for `/ops` and for the pipeline beside the playground's messages; none: these pages say so.
    pub log: Option<SharedLog>,
    /// Handler groups, for `/ops/groups` and `/ops/handlers/new`.
    pub groups: Option<Arc<Groups>>,
    /// Where handlers connect, such as `ws://127.0.0.1:8080`, for the lines that are to be copied.
    pub proxy_url: Option<String>,
    /// Base of the embedder, for the box that tries a link.
    pub embedder_url: Option<String>,
    /// Base of the Last.fm middleware.
    pub lastfm_url: Option<String>,
}

impl std::fmt::Debug for PanelConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PanelConfig")
            .field("public_url", &self.public_url)
            .field("commands_url", &self.commands_url)
            .field("data_url", &self.data_url)
            .field("simulator_control_url", &self.simulator_control_url)
            .field("operators", &self.operators)
            .field("ops_url", &self.ops_url)
            .field("proxy_url", &self.proxy_url)
            .field("embedder_url", &self.embedder_url)
            .field("lastfm_url", &self.lastfm_url)
            .finish_non_exhaustive()
    }
}

/// The role ended; a restart may mend it.
#[derive(Debug, thiserror::Error)]
pub enum PanelError {
    /// The listener failed.
    #[error("the listener failed: {0}")]
    Listen(#[from] std::io::Error),
    /// Cookies would be sealed with a key that everybody knows.
    #[error("the panel needs the deployment's key, which seals its cookies: set MISO_CLUSTER_KEY")]
    NoKey,
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made: {0}")]
    Client(#[from] reqwest::Error),
}

/// The panel's server.
#[derive(Debug)]
pub struct Panel;

impl Panel {
    /// Serves until cancelled, then lets requests under way end. Contacts the services only for
    /// requests: one that is away makes pages that say so.
    ///
    /// # Errors
    /// See [`PanelError`].
    pub async fn serve(
        config: PanelConfig,
        listener: TcpListener,
        cancel: CancellationToken,
    ) -> Result<(), PanelError> {
        if config.cluster_key.is_empty() {
            return Err(PanelError::NoKey);
        }
        let app = Arc::new(app::App::new(config, cancel.clone())?);
        Ok(miso_http::serve(listener, routes::router(app), cancel).await?)
    }
}
