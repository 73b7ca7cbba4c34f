//! What the endpoints share: the ways to Last.fm, what was answered, and how one becomes the other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::cache::{Cache, Found, Kept, Look, MAX_CACHE_BYTES, MAX_CACHE_ENTRIES};
use crate::chart::Fonts;
use crate::classes::Class;
use crate::fault::Fault;
use crate::flight::{Flights, Landed};
use crate::gate::Gate;
use crate::scrape::Scraper;
use crate::scrape::health::Health;
use crate::upstream::Upstream;
use crate::{Clock, LastfmConfig, LastfmError};

/// Pictures fetched and read at a time; further ones wait.
const PICTURES_AT_ONCE: usize = 16;
/// Charts drawn at a time; further ones wait.
const CHARTS_AT_ONCE: usize = 2;

/// The service's insides.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) cluster_key: String,
    pub(crate) upstream: Upstream,
    pub(crate) fonts: Fonts,
    pub(crate) clock: Clock,
    pub(crate) pictures: Semaphore,
    pub(crate) drawing: Semaphore,
    cache: Mutex<Cache>,
    flights: Flights,
    scrapers: Mutex<[Health; Scraper::ALL.len()]>,
}

/// What is to be asked anew.
enum Unsettled {
    /// It failed the last time.
    Failing(Found),
    Stale(Found),
    Missing,
}

fn count(class: &Class, from: &'static str) {
    metrics::counter!("miso_lastfm_answers_total", "class" => class.name, "from" => from).increment(1);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Kept {
    /// An answer made of this, out of one source.
    pub(crate) fn of(data: &impl Serialize, source: String) -> Result<Self, Fault> {
        let body = serde_json::to_vec(data).map_err(|_| Fault::Shape("itself"))?;
        Ok(Self { body: body.into(), sources: vec![source], degraded: Vec::new() })
    }

    /// Bytes that are no JSON.
    pub(crate) fn bytes(body: Bytes, source: String) -> Self {
        Self { body, sources: vec![source], degraded: Vec::new() }
    }
}

impl Found {
    /// What it says; it was written by [`Kept::of`].
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        serde_json::from_slice(&self.kept.body).map_err(|_| Fault::Shape("itself"))
    }
}

impl Service {
    pub(crate) fn new(config: LastfmConfig, gate: Gate, ended: CancellationToken) -> Result<Self, LastfmError> {
        Ok(Self {
            upstream: Upstream::new(&config, gate)?,
            fonts: Fonts::load(&config.fonts),
            cluster_key: config.cluster_key,
            clock: config.clock,
            pictures: Semaphore::new(PICTURES_AT_ONCE),
            drawing: Semaphore::new(CHARTS_AT_ONCE),
            cache: Mutex::new(Cache::new(MAX_CACHE_BYTES, MAX_CACHE_ENTRIES)),
            flights: Flights::new(ended),
            scrapers: Mutex::default(),
        })
    }

    /// What is known and good; else what `make` makes of it, once for all who ask meanwhile; where that fails,
    /// what was good before. While it keeps failing that is answered at once, and asked anew behind it.
    pub(crate) async fn keep(
        self: &Arc<Self>,
        class: &'static Class,
        of: &str,
        make: impl FnOnce(Arc<Self>) -> BoxFuture<'static, Result<Kept, Fault>>,
    ) -> Landed {
        let key = format!("{}|{of}", class.name);
        let unsettled = match self.settled(&key) {
            Ok(landed) => {
                count(class, "cache");
                return landed;
            }
            Err(unsettled) => unsettled,
        };
        let begin = || -> BoxFuture<'static, Landed> {
            let (service, key) = (Arc::clone(self), key.clone());
            let making = make(Arc::clone(self));
            Box::pin(async move {
                let made = making.await;
                service.remember(&key, class, made)
            })
        };
        let look = || self.settled(&key).ok();
        let stale = match unsettled {
            Unsettled::Failing(stale) => {
                let _later = self.flights.enter(&key, look, begin);
                count(class, "stale");
                return Ok(stale);
            }
            Unsettled::Stale(stale) => Some(stale),
            Unsettled::Missing => None,
        };
        match self.flights.join(&key, look, begin).await {
            Err(fault) if !fault.is_word() => {
                count(class, if stale.is_some() { "stale" } else { "nothing" });
                stale.ok_or(fault)
            }
            landed => {
                count(class, "upstream");
                landed
            }
        }
    }

    /// What needs no asking; else what there is where asking fails.
    fn settled(&self, key: &str) -> Result<Landed, Unsettled> {
        match lock(&self.cache).look(key, self.clock.now_ms()) {
            Look::Fresh(found) => Ok(Ok(found)),
            Look::No(fault) => Ok(Err(fault)),
            Look::Failed(landed) => Ok(landed),
            Look::Stale(found, true) => Err(Unsettled::Failing(found)),
            Look::Stale(found, false) => Err(Unsettled::Stale(found)),
            Look::Missing => Err(Unsettled::Missing),
        }
    }

    fn remember(&self, key: &str, class: &'static Class, made: Result<Kept, Fault>) -> Landed {
        let now_ms = self.clock.now_ms();
        let mut cache = lock(&self.cache);
        match made {
            Ok(kept) => {
                let kept = Arc::new(kept);
                cache.put(key, class, Arc::clone(&kept), now_ms);
                Ok(Found { kept, age_ms: 0, fresh_ms: class.fresh_ms, stale: false })
            }
            Err(fault) => {
                cache.fail(key, class, &fault, now_ms);
                Err(fault)
            }
        }
    }

    /// Entries and bytes of the cache.
    pub(crate) fn cached(&self) -> (usize, usize) {
        lock(&self.cache).size()
    }

    /// The health of one scraper.
    pub(crate) fn health<T>(&self, scraper: Scraper, look: impl FnOnce(&mut Health) -> T) -> T {
        look(&mut lock(&self.scrapers)[scraper as usize])
    }
}
