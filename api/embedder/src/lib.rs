//! The media embedder: a link to a post of a social site becomes one JSON schema, whatever the site.
//!
//! What a site answers is read by strategies, several per site, each a request and a pure parser with a
//! version and a health figure; the first that answers is the answer. Everything fetched is untrusted: every
//! address is checked before a connection is made to it, and every body is bounded. This is the only process
//! that fetches what users name. All state is in memory and may be lost.

mod access;
mod answer;
mod api;
mod bounds;
mod cache;
mod chain;
mod failure;
mod fetch;
mod guard;
mod health;
mod html;
mod moment;
mod openapi;
mod providers;
mod render;
mod routes;
mod schema;
mod sign;
mod sniff;
mod sniffed;
mod strategy;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::api::{Api, Core};
use crate::chain::LookUp;
use crate::fetch::Fetcher;
use crate::guard::{Internet, Network, Ports, Sites};
use crate::providers::Providers;
use crate::render::Renderer;
use crate::sign::Signer;

pub use openapi::openapi;

/// Section of the configuration.
#[derive(Clone, Default)]
pub struct EmbedderConfig {
    /// `MISO_CLUSTER_KEY`: services send it as `Authorization: Bearer <key>`. Empty: nobody is let in.
    pub cluster_key: String,
    /// What the file `MISO_EMBEDDER_PROVIDERS` says: TOML laid over the built-in table of providers: ids, tokens,
    /// off switches.
    pub providers: Option<String>,
    /// `MISO_EMBEDDER_SITES_AT`: where all public hosts are reached, over plain HTTP by their `Host`. Loopback
    /// only: for the demo and the tests.
    pub sites_at: Option<SocketAddr>,
    /// `MISO_EMBEDDER_PUBLIC_URL`: where people reach this service, if they do; told by `/v1/providers`.
    pub public_url: Option<String>,
    /// Ports that may be connected to; empty: 80 and 443.
    pub ports: Vec<u16>,
}

impl std::fmt::Debug for EmbedderConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbedderConfig")
            .field("cluster_key", &if self.cluster_key.is_empty() { "unset" } else { "set" })
            // It may hold tokens.
            .field("providers", &self.providers.as_ref().map(|_| "set"))
            .field("sites_at", &self.sites_at)
            .field("public_url", &self.public_url)
            .field("ports", &self.ports)
            .finish()
    }
}

/// The role does not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum EmbedderError {
    /// The listener failed.
    #[error("the listener failed: {0}")]
    Listen(#[from] std::io::Error),
    /// The table of providers does not fit.
    #[error("the table of providers does not fit: {0}; correct MISO_EMBEDDER_PROVIDERS")]
    Providers(String),
    /// The cluster key does not sign.
    #[error("MISO_CLUSTER_KEY cannot be used to sign")]
    Key,
    /// Simulated sites are only on this machine.
    #[error("{0} is not loopback; MISO_EMBEDDER_SITES_AT is for the demo and for tests")]
    SitesElsewhere(SocketAddr),
}

/// The service.
#[derive(Debug)]
pub struct Embedder {
    api: Arc<Api>,
    cancel: CancellationToken,
}

impl Embedder {
    /// Contacts nobody yet.
    ///
    /// # Errors
    /// [`EmbedderError::Providers`], [`EmbedderError::SitesElsewhere`].
    pub fn start(config: EmbedderConfig, cancel: CancellationToken) -> Result<Self, EmbedderError> {
        if let Some(address) = config.sites_at.filter(|address| !address.ip().is_loopback()) {
            return Err(EmbedderError::SitesElsewhere(address));
        }
        let providers = Providers::load(config.providers.as_deref())?;
        let network: Box<dyn Network> = match config.sites_at {
            Some(address) => Box::new(Sites(address)),
            None => Box::new(Internet),
        };
        let signer = Signer::new(&config.cluster_key).ok_or(EmbedderError::Key)?;
        let renderer = Renderer::new(signer, &providers);
        let fetcher = Fetcher::new(network, Ports::new(config.ports));
        let api = Api {
            cluster_key: config.cluster_key,
            public_url: config.public_url,
            renderer,
            sniffed: Mutex::default(),
            core: Arc::new(Core::new(LookUp::new(fetcher, providers), miso_http::now_ms)),
        };
        Ok(Self { api: Arc::new(api), cancel })
    }

    /// Serves until cancelled; dropped, it ends at once, with all its connections.
    ///
    /// # Errors
    /// [`EmbedderError::Listen`].
    pub async fn serve(self, listener: TcpListener) -> Result<(), EmbedderError> {
        Ok(miso_http::serve(listener, routes::router(self.api), self.cancel).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_show() {
        let config =
            EmbedderConfig { cluster_key: "abc".into(), providers: Some("def".into()), ..EmbedderConfig::default() };
        let shown = format!("{config:?}");
        assert!(!shown.contains("abc") && !shown.contains("def"), "{shown}");
    }

    #[test]
    fn simulated_sites_are_only_taken_from_this_machine() {
        let config =
            EmbedderConfig { sites_at: Some(SocketAddr::from(([10, 0, 0, 1], 80))), ..EmbedderConfig::default() };
        let refused = Embedder::start(config, CancellationToken::new());
        assert!(matches!(refused, Err(EmbedderError::SitesElsewhere(_))));
    }
}
