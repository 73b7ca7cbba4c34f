//! What the endpoints share: a link becomes an answer, from the cache or from the sites.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};

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
    /// Unix milliseconds of now.
    clock: fn() -> i64,
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
        Ok(self.renderer.answer(&found, &known, wish.max_bytes, (self.core.clock)()))
    }
}

impl Core {
    pub(crate) fn new(look_up: LookUp, clock: fn() -> i64) -> Self {
        Self { look_up, clock, cache: Mutex::new(Cache::new(MAX_ENTRIES, MAX_BYTES)), flights: Mutex::default() }
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
            && let Some(known) = self.cache().get(&key, (self.clock)()).filter(|known| known.outcome.is_ok())
        {
            return Known { is_late: true, ..known };
        }
        Known { outcome, age_ms: 0, is_fresh: true, is_late: false }
    }

    /// What is known, or else the look-up that is under way or begins.
    fn join(self: &Arc<Self>, key: &str, link: Link, lang: &str) -> Result<Known, Flight> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = self.cache().get(key, (self.clock)()).filter(|known| known.is_fresh) {
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
            core.cache().put(&owned, &outcome, (core.clock)());
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

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, SocketAddr};
    use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::fetch::Fetcher;
    use crate::guard::{Network, Ports};
    use crate::providers::Providers;
    use crate::sign::Signer;

    static NOW_MS: AtomicI64 = AtomicI64::new(1_000_000_000_000);
    const MINUTE: i64 = 60_000;

    /// One site, wherever it is looked for.
    #[derive(Debug)]
    struct Nearby(SocketAddr);

    #[async_trait::async_trait]
    impl Network for Nearby {
        async fn resolve(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
            Ok(vec![IpAddr::from([93, 184, 216, 34])])
        }

        async fn connect(&self, _: SocketAddr) -> std::io::Result<TcpStream> {
            TcpStream::connect(self.0).await
        }

        fn has_tls(&self) -> bool {
            false
        }
    }

    /// A page, and after the first time nothing but errors.
    async fn site(asked: Arc<AtomicUsize>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = [0; 2_048];
                let _read = stream.read(&mut head).await;
                let page = "<meta property=\"og:title\" content=\"Soup\">";
                let status = if asked.fetch_add(1, Ordering::SeqCst) == 0 { "200 OK" } else { "503 Away" };
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{page}", page.len());
                let _written = stream.write_all(answer.as_bytes()).await;
            }
        });
        address
    }

    #[tokio::test]
    async fn what_is_known_is_told_with_its_age_for_a_day_while_the_site_is_down() {
        let asked = Arc::new(AtomicUsize::new(0));
        let network = Nearby(site(Arc::clone(&asked)).await);
        let providers = Providers::load(None).expect("the table fits");
        let renderer = Renderer::new(Signer::new("key").expect("a signer"), &providers);
        let look_up = LookUp::new(Fetcher::new(Box::new(network), Ports::new(Vec::new())), providers);
        let core = Arc::new(Core::new(look_up, || NOW_MS.load(Ordering::SeqCst)));
        let (cluster_key, sniffed) = (String::new(), Mutex::default());
        let api = Api { cluster_key, public_url: None, renderer, sniffed, core };
        let wish = Wish { url: "https://blog.example/".into(), lang: "en".into(), max_bytes: 1 };
        let is_late = |answer: &Answer| answer.meta.degraded.contains(&"freshness".to_owned());
        let fresh = api.answer(&wish).await.expect("an answer");
        assert!(!is_late(&fresh) && fresh.meta.age_s == 0);
        NOW_MS.fetch_add(9 * MINUTE, Ordering::SeqCst);
        let kept = api.answer(&wish).await.expect("an answer");
        assert!(!is_late(&kept) && kept.meta.age_s == 540 && asked.load(Ordering::SeqCst) == 1);
        NOW_MS.fetch_add(2 * MINUTE, Ordering::SeqCst);
        for _ in 0..5 {
            let stale = api.answer(&wish).await.expect("an answer");
            assert!(is_late(&stale) && stale.meta.age_s == 660 && stale.post.text.as_deref() == Some("Soup"));
        }
        assert_eq!(asked.load(Ordering::SeqCst), 2, "a site in trouble is left alone for a while");
        NOW_MS.fetch_add(24 * 60 * MINUTE, Ordering::SeqCst);
        assert!(matches!(api.answer(&wish).await, Err(Failure::Broken(_))));
    }
}
