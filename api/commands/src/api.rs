use miso_bot_store::BotStore;
use miso_command_catalogue::Problem;
use miso_log::SharedLog;
use tokio::sync::watch;

use crate::answers::Board;
use crate::embedder::Embedder;
use crate::lastfm::Lastfm;
use crate::routes::limits::Limits;
use crate::routes::samples::SampleRate;

/// What the endpoints share.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) cluster_key: Option<String>,
    pub(crate) log: SharedLog,
    pub(crate) store: watch::Receiver<Option<BotStore>>,
    pub(crate) board: Board,
    pub(crate) limits: Limits,
    pub(crate) lastfm: Option<Lastfm>,
    /// Where links are looked up; none where it is not set up.
    pub(crate) embedder: Option<Embedder>,
    pub(crate) samples: SampleRate,
}

impl Api {
    /// The store, once it is prepared.
    pub(crate) fn store(&self) -> Result<BotStore, Problem> {
        self.store.borrow().clone().ok_or_else(|| {
            Problem::new(503, "starting", "Not ready yet", "The bot is still starting. Try again in a moment.")
        })
    }
}
