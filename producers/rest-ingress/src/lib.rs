//! The REST ingress: what a handler library sends to `/api/v10` or `/api/v9`.
//!
//! A request that changes something becomes an [`Action`](miso_model::Action) in the log; the HTTP
//! request is held until its outcome stands in `rest.ledger`, and is answered as Discord would. GETs
//! come from the folded state where that answers, else through the sender's limits ([`Gets`]).
//!
//! Nothing is decided here about sending, repeating or adopting: only the order in the log is the
//! same for everybody.

mod answer;
mod follow;
mod gets;
mod hold;
mod request;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::any;
use miso_discord_state::DiscordState;
use miso_groups::Groups;
use miso_log::SharedLog;
use tokio::sync::Semaphore;

pub use follow::MAX_WAITING;
pub use gets::{GetAnswer, GetRefused, Gets};

/// Largest body of one request, bytes; larger ones are answered 413, naming it.
pub const MAX_BODY: usize = 16 * 1_024 * 1_024;
/// Bodies held at a time, bytes, until they stand in the log. Beyond it a request waits up to
/// [`BODY_PATIENCE`] before its body is read, then is answered 503.
pub const MAX_HELD_BODIES: usize = 256 * 1_024 * 1_024;
/// See [`MAX_HELD_BODIES`].
pub const BODY_PATIENCE: Duration = Duration::from_secs(10);

/// What an ingress is started with.
#[derive(Debug, Clone)]
pub struct IngressConfig {
    /// Address of the gateway proxy as handlers reach it (`ws://…` or `wss://…`, no query, no
    /// trailing slash): what `/gateway` and `/gateway/bot` answer.
    pub public_url: String,
    /// `shards` of `/gateway/bot`: how many connections an automatically sharding handler opens.
    pub shards: u32,
}

#[derive(Debug)]
struct Ingress {
    config: IngressConfig,
    log: SharedLog,
    groups: Arc<Groups>,
    state: Arc<DiscordState>,
    gets: Arc<dyn Gets>,
    cached: gets::Cache,
    outcomes: follow::Outcomes,
    bodies: Arc<Semaphore>,
}

/// The routes `/api/v10/*` and `/api/v9/*`. Needs a tokio runtime. The one reader of `rest.ledger`
/// ends with the router.
pub fn router(
    config: IngressConfig,
    log: SharedLog,
    groups: Arc<Groups>,
    state: Arc<DiscordState>,
    gets: Arc<dyn Gets>,
) -> Router {
    let ingress = Arc::new(Ingress {
        outcomes: follow::Outcomes::start(Arc::clone(&log)),
        config,
        log,
        groups,
        state,
        gets,
        cached: gets::Cache::default(),
        bodies: Arc::new(Semaphore::new(MAX_HELD_BODIES / request::PERMIT_BYTES)),
    });
    Router::new()
        .route("/api/v10/{*path}", any(request::handle))
        .route("/api/v9/{*path}", any(request::handle))
        .with_state(ingress)
}
