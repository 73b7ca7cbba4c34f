//! The Last.fm middleware: Last.fm's API and pages as one typed, cached, budgeted REST API, and charts drawn
//! here.
//!
//! Last.fm's JSON has quirks (numbers as text, lists of one as objects, errors with 200), its API has gaps
//! (pictures of artists, release dates, plays in a period), and it allows few requests. Callers see none of it:
//! one shape, an age, and what is missing by name. All state is in memory and bounded; a restart begins empty.

mod clock;
mod config;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use clock::Clock;
pub use config::LastfmConfig;

/// Requests to Last.fm that may follow at once after a pause.
pub const BURST: u32 = 10;

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
    config: LastfmConfig,
    cancel: CancellationToken,
}

impl Lastfm {
    /// Contacts nobody yet.
    ///
    /// # Errors
    /// [`LastfmError::Client`] when an address is none.
    pub fn start(config: LastfmConfig, cancel: CancellationToken) -> Result<Self, LastfmError> {
        Ok(Self { config, cancel })
    }

    /// Serves until cancelled; dropped, it ends at once, with all its connections.
    ///
    /// # Errors
    /// See [`LastfmError`].
    pub async fn serve(self, listener: TcpListener) -> Result<(), LastfmError> {
        let _config = self.config;
        Ok(miso_http::serve(listener, axum::Router::new(), self.cancel).await?)
    }
}
