//! What the endpoints share: a link becomes an answer, from the cache or from the sites.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use miso_http::now_ms;

use crate::answer::Answer;
use crate::cache::{Cache, Known, MAX_BYTES, MAX_ENTRIES, Outcome, is_trouble};
use crate::chain::LookUp;
use crate::failure::Failure;
use crate::guard::Link;
use crate::providers::Whose;
use crate::render::Renderer;
use crate::sniffed::Sniffed;

/// One look-up that several callers wait for; it ends when the last of them leaves.
type Flight = Shared<BoxFuture<'static, Outcome>>;

/// Look-ups remembered as under way, before those that nobody waits for any more are swept out.
const SWEEP_FLIGHTS: usize = 256;

/// The service's state.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) cluster_key: String,
    pub(crate) public_url: Option<String>,
    pub(crate) renderer: Renderer,
    pub(crate) sniffed: Mutex<Sniffed>,
    pub(crate) core: Arc<Core>,
}

/// What a look-up needs, whoever asked for it.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) look_up: LookUp,
    cache: Mutex<Cache>,
    flights: Mutex<HashMap<String, WeakShared<BoxFuture<'static, Outcome>>>>,
}

/// What a caller wants of a link.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) url: String,
    /// BCP 47.
    pub(crate) lang: String,
    /// Bytes of a file, at most.
    pub(crate) max_bytes: u64,
}

impl Api {
    pub(crate) async fn answer(&self, wish: &Wish) -> Result<Answer, Failure> {
        let link = Link::parse(&wish.url, self.core.look_up.fetcher.ports())?;
        let known = self.core.known(link, &wish.lang).await;
        let found = known.outcome.clone()?;
        Ok(self.renderer.answer(&found, &known, wish.max_bytes, now_ms()))
    }
}

impl Core {
    pub(crate) fn new(look_up: LookUp) -> Self {
        Self { look_up, cache: Mutex::new(Cache::new(MAX_ENTRIES, MAX_BYTES)), flights: Mutex::default() }
    }

    pub(crate) fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn known(self: &Arc<Self>, link: Link, lang: &str) -> Known {
        let key = match self.look_up.providers.whose(&link) {
            Whose::Found(_, target) => format!("{lang} {}", target.url),
            Whose::Short(_) | Whose::Off => format!("{lang} {link}"),
        };
        let flight = match self.join(&key, link, lang) {
            Ok(known) => return known,
            Err(flight) => flight,
        };
        let outcome = flight.await;
        if is_trouble(&outcome)
            && let Some(known) = self.cache().get(&key, now_ms()).filter(|known| known.outcome.is_ok())
        {
            return Known { is_late: true, ..known };
        }
        Known { outcome, age_ms: 0, is_fresh: true, is_late: false }
    }

    /// What is known, or else the look-up that is under way or begins.
    fn join(self: &Arc<Self>, key: &str, link: Link, lang: &str) -> Result<Known, Flight> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = self.cache().get(key, now_ms()).filter(|known| known.is_fresh) {
            metrics::counter!("miso_embedder_lookups_total", "from" => "cache").increment(1);
            return Ok(known);
        }
        if let Some(flight) = flights.get(key).and_then(WeakShared::upgrade) {
            metrics::counter!("miso_embedder_lookups_total", "from" => "flight").increment(1);
            return Err(flight);
        }
        metrics::counter!("miso_embedder_lookups_total", "from" => "site").increment(1);
        if flights.len() >= SWEEP_FLIGHTS {
            flights.retain(|_, flight| flight.upgrade().is_some());
        }
        let (core, owned, lang) = (Arc::clone(self), key.to_owned(), lang.to_owned());
        let flight: Flight = async move {
            let outcome = core.look_up.look_up(&link, &lang).await.map(Arc::new);
            core.cache().put(&owned, &outcome, now_ms());
            core.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&owned);
            outcome
        }
        .boxed()
        .shared();
        if let Some(weak) = flight.downgrade() {
            flights.insert(key.to_owned(), weak);
        }
        Err(flight)
    }
}
