//! The Last.fm middleware: Last.fm's API and pages as one typed, cached, budgeted REST API, and charts drawn
//! here.
//!
//! Last.fm's JSON has quirks (numbers as text, lists of one as objects, errors with 200), its API has gaps
//! (pictures of artists, release dates, plays in a period), and it allows few requests. Callers see none of it:
//! one shape, an age, and what is missing by name. All state is in memory and bounded; a restart begins empty.

mod answer;
mod asked;
mod budget;
mod cache;
mod canary;
mod chart;
mod charts;
mod classes;
mod clock;
mod config;
mod decode;
mod fault;
mod flight;
mod gate;
mod openapi;
mod parts;
mod period;
mod pictures;
mod routes;
mod scrape;
mod service;
mod shapes;
mod upstream;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use budget::BURST;
pub use cache::{MAX_CACHE_BYTES, MAX_CACHE_ENTRIES};
pub use clock::Clock;
pub use config::LastfmConfig;
pub use flight::MAX_FLIGHTS;
pub use openapi::openapi;
pub use routes::BODY_BYTES;
pub use scrape::health::{CIRCUIT_MS, KEPT_PAGE_BYTES};
pub use upstream::{MAX_API_BYTES, MAX_PAGE_BYTES, MAX_PICTURE_BYTES};

/// The role ended; a restart may mend it.
#[derive(Debug, thiserror::Error)]
pub enum LastfmError {
    /// The listener failed.
    #[error("the listener failed: {0}")]
    Listen(#[from] std::io::Error),
    /// The HTTP client cannot be made, or an address is none.
    #[error("no client for Last.fm: {0}; check MISO_LASTFM_API_URL and MISO_LASTFM_SITE_URL")]
    Client(String),
}

/// The service.
#[derive(Debug)]
pub struct Lastfm {
    service: service::Service,
    gate: gate::GateOwner,
    /// Of everything that runs for it.
    ended: CancellationToken,
    cancel: CancellationToken,
}

impl Lastfm {
    /// Reads the fonts; contacts nobody yet.
    ///
    /// # Errors
    /// [`LastfmError::Client`] when an address is none.
    pub fn start(config: LastfmConfig, cancel: CancellationToken) -> Result<Self, LastfmError> {
        let (gate, owner) = gate::Gate::new(config.per_second);
        let ended = CancellationToken::new();
        let service = service::Service::new(config, gate, ended.clone())?;
        Ok(Self { service, gate: owner, ended, cancel })
    }

    /// Serves until cancelled, requests under way to their end; dropped, it ends at once, with all its
    /// connections.
    ///
    /// # Errors
    /// See [`LastfmError`].
    pub async fn serve(self, listener: TcpListener) -> Result<(), LastfmError> {
        let _ends = self.ended.clone().drop_guard();
        let service = Arc::new(self.service);
        let router = routes::router(Arc::clone(&service));
        tokio::select! {
            served = miso_http::serve(listener, router, self.cancel) => Ok(served?),
            () = self.gate.run(self.ended) => Ok(()),
            () = canary::run(service) => Ok(()),
        }
    }
}
