//! One look-up: the provider's strategies in order, until one answers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use miso_http::now_ms;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::answer::Post;
use crate::bounds;
use crate::failure::Failure;
use crate::fetch::{Ask, FetchError, Fetcher, Page};
use crate::guard::Link;
use crate::health::Health;
use crate::providers::{Provider, Providers, Target, Whose};
use crate::strategy::{Context, Step, Strategy, Verdict};

/// How long one strategy may take.
const STRATEGY: Duration = Duration::from_secs(3);
/// How long a whole look-up may take: callers wait eight seconds.
const ALL: Duration = Duration::from_millis(7_500);
/// Look-ups under way at once; a further one is refused.
const MAX_LOOK_UPS: usize = 64;
/// Pages that one look-up keeps for its next strategies, at most; others are fetched again.
const MAX_KEPT: usize = 2;
/// Requests of one strategy, at most.
const MAX_STEPS: usize = 3;

/// What a look-up found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) post: Post,
    pub(crate) strategy: String,
    pub(crate) tried: Vec<String>,
    pub(crate) degraded: Vec<String>,
}

/// Looks links up; keeps only the health figures.
#[derive(Debug)]
pub(crate) struct LookUp {
    pub(crate) fetcher: Fetcher,
    pub(crate) providers: Providers,
    health: Mutex<Health>,
    permits: Semaphore,
}

/// What strategies of one look-up share: pages that were asked for twice are fetched once.
type Pages = Vec<(Ask, Arc<Result<Page, FetchError>>)>;

/// Why a strategy did not answer.
enum Miss {
    Fetch(Arc<Result<Page, FetchError>>),
    Read(Verdict),
}

impl LookUp {
    pub(crate) fn new(fetcher: Fetcher, providers: Providers) -> Self {
        Self { fetcher, providers, health: Mutex::default(), permits: Semaphore::new(MAX_LOOK_UPS) }
    }

    pub(crate) fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// # Errors
    /// What kept the link from being looked up.
    pub(crate) async fn look_up(&self, link: &Link, lang: &str) -> Result<Found, Failure> {
        let _permit = self.permits.try_acquire().map_err(|_| Failure::Busy)?;
        let until = Instant::now() + ALL;
        let (provider, target) = self.target(link, until).await?;
        self.ask(provider, &target, lang, until).await
    }

    /// Whose the link is; short ones are followed.
    ///
    /// # Errors
    /// [`Failure::Unsupported`] where the provider is off; a short link's own failures.
    async fn target(&self, link: &Link, until: Instant) -> Result<(&Provider, Box<Target>), Failure> {
        const OFF: Failure = Failure::Unsupported("Links of this site are not looked up here.");
        let short = match self.providers.whose(link) {
            Whose::Found(provider, target) => return Ok((provider, target)),
            Whose::Off => return Err(OFF),
            Whose::Short(provider) => provider,
        };
        let tried = |word: &str| vec![format!("{}.short@1:{word}", short.name)];
        let ask = Ask::get(link.to_string());
        let page = match timeout_at(until.min(Instant::now() + STRATEGY), self.fetcher.page(&ask)).await {
            Err(_) => return Err(Failure::Slow(tried("timeout"))),
            Ok(Err(FetchError::Refused(failure))) => return Err(failure),
            Ok(Err(FetchError::Busy)) => return Err(Failure::Busy),
            Ok(Err(error)) => return Err(Failure::Broken(tried(error.word()))),
            Ok(Ok(page)) => page,
        };
        match self.providers.whose(&page.link) {
            Whose::Found(provider, target) if provider.name == short.name => Ok((provider, target)),
            _ => Err(Failure::Broken(tried("leads nowhere"))),
        }
    }

    /// # Errors
    /// The provider's own word, or what kept every strategy from answering.
    async fn ask(&self, provider: &Provider, target: &Target, lang: &str, until: Instant) -> Result<Found, Failure> {
        let mut pages = Pages::new();
        let mut tried = Vec::new();
        let mut misses = Misses::default();
        let mut missed: Vec<&'static Strategy> = Vec::new();
        for strategy in provider.chain.iter().copied() {
            if misses.word.is_some() && strategy.yields.is_empty() {
                // The bare link says less than the provider's word.
                continue;
            }
            if let Some(word) = self.skipped(strategy) {
                tried.push(format!("{}:{word}", strategy.name()));
                continue;
            }
            let context =
                Context { target, settings: self.providers.settings(strategy.id), lang, ports: self.fetcher.ports() };
            let until = until.min(Instant::now() + STRATEGY);
            let Some(outcome) = self.attempt(strategy, &context, &mut pages, until).await else {
                tried.push(format!("{}:not configured", strategy.name()));
                continue;
            };
            match outcome {
                Ok(mut post) => {
                    self.note(provider, strategy, true);
                    // A post that one strategy reads and others do not is not the post's fault.
                    if !strategy.yields.is_empty() {
                        missed.drain(..).for_each(|missed| self.note(provider, missed, false));
                    }
                    for media in &mut post.media {
                        media.expires_at = crate::render::signed_until(&media.url);
                    }
                    tried.push(format!("{}:ok", strategy.name()));
                    let degraded = degraded(provider, strategy);
                    return Ok(Found { post, strategy: strategy.name(), tried, degraded });
                }
                Err(miss) => {
                    match miss.blame() {
                        Blame::Nobody => self.note(provider, strategy, true),
                        Blame::Site => self.note(provider, strategy, false),
                        Blame::SiteOrPost => missed.push(strategy),
                        Blame::Ours => {}
                    }
                    tried.push(format!("{}:{}", strategy.name(), miss.word()));
                    misses.add(miss);
                    if misses.ends() {
                        break;
                    }
                }
            }
        }
        Err(misses.failure(tried))
    }

    fn skipped(&self, strategy: &Strategy) -> Option<&'static str> {
        if !self.providers.is_on(strategy.id) {
            Some("off")
        } else if self.health().is_open(strategy.id, now_ms()) {
            Some("open")
        } else {
            None
        }
    }

    fn note(&self, provider: &Provider, strategy: &Strategy, is_good: bool) {
        let outcome = if is_good { "good" } else { "failed" };
        metrics::counter!("miso_embedder_attempts_total", "strategy" => strategy.id, "outcome" => outcome).increment(1);
        self.health().note(strategy.id, is_good, !provider.any_host, now_ms());
    }

    /// `None`: the strategy is not for this link.
    async fn attempt(
        &self,
        strategy: &Strategy,
        context: &Context<'_>,
        pages: &mut Pages,
        until: Instant,
    ) -> Option<Result<Post, Miss>> {
        let mut step = (strategy.start)(context)?;
        for _ in 0..=MAX_STEPS {
            let (ask, stage) = match step {
                Step::Found(mut post) => {
                    let fits = bounds::cut(&mut post);
                    return Some(if fits { Ok(*post) } else { Err(Miss::Read(Verdict::Shape("bounds"))) });
                }
                Step::Fetch(ask, stage) => (ask, stage),
            };
            let page = self.page(ask, pages, until).await;
            step = match page.as_ref() {
                Err(_) => return Some(Err(Miss::Fetch(page))),
                Ok(page) => match (strategy.read)(context, &stage, page) {
                    Ok(step) => step,
                    Err(verdict) => return Some(Err(Miss::Read(verdict))),
                },
            };
        }
        Some(Err(Miss::Read(Verdict::Shape("end"))))
    }

    async fn page(&self, ask: Ask, pages: &mut Pages, until: Instant) -> Arc<Result<Page, FetchError>> {
        if let Some((_, page)) = pages.iter().find(|(known, _)| *known == ask) {
            return Arc::clone(page);
        }
        let page = timeout_at(until, self.fetcher.page(&ask)).await.unwrap_or(Err(FetchError::Slow));
        let page = Arc::new(page);
        pages.truncate(MAX_KEPT - 1);
        pages.insert(0, (ask, Arc::clone(&page)));
        page
    }
}

/// What other strategies of the provider would have told.
fn degraded(provider: &Provider, used: &Strategy) -> Vec<String> {
    let mut missing: Vec<String> = provider
        .chain
        .iter()
        .flat_map(|strategy| strategy.yields)
        .filter(|field| !used.yields.contains(field))
        .map(|field| (*field).to_owned())
        .collect();
    missing.sort_unstable();
    missing.dedup();
    missing
}

impl Miss {
    fn word(&self) -> String {
        match self {
            Self::Read(Verdict::Word(failure)) => failure.slug().to_owned(),
            Self::Read(Verdict::Status(status)) => format!("http {status}"),
            Self::Read(Verdict::Shape(missing)) => format!("no {missing}"),
            Self::Fetch(page) => page.as_ref().as_ref().err().map_or("", FetchError::word).to_owned(),
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Read(Verdict::Word(_)) => Blame::Nobody,
            Self::Read(Verdict::Status(401 | 404 | 410) | Verdict::Shape(_)) => Blame::SiteOrPost,
            Self::Read(Verdict::Status(_)) => Blame::Site,
            Self::Fetch(page) => match page.as_ref() {
                Err(FetchError::Busy | FetchError::Refused(_)) => Blame::Ours,
                _ => Blame::Site,
            },
        }
    }
}

/// Whose fault a miss is.
enum Blame {
    /// The provider's word is an answer.
    Nobody,
    /// A block, an outage, slowness.
    Site,
    /// The site has changed, or there is no such post and it does not say so.
    SiteOrPost,
    /// It was not let through from here.
    Ours,
}

/// What went wrong so far.
#[derive(Default)]
struct Misses {
    /// What the provider said, where another strategy may still know more.
    word: Option<Failure>,
    refused: Option<Failure>,
    has_gone: bool,
    busy: bool,
    slow: usize,
    large: usize,
    other: usize,
}

impl Misses {
    fn add(&mut self, miss: Miss) {
        match miss {
            Miss::Read(Verdict::Word(word)) => {
                self.has_gone |= word == Failure::Gone;
                self.word.get_or_insert(word);
            }
            Miss::Read(_) => self.other += 1,
            Miss::Fetch(page) => match page.as_ref() {
                Err(FetchError::Refused(failure)) => self.refused = Some(failure.clone()),
                Err(FetchError::Busy) => self.busy = true,
                Err(FetchError::Slow) => self.slow += 1,
                Err(FetchError::TooLarge) => self.large += 1,
                _ => self.other += 1,
            },
        }
    }

    /// Whether no further strategy can change the answer.
    fn ends(&self) -> bool {
        self.has_gone || self.busy
    }

    fn failure(self, tried: Vec<String>) -> Failure {
        let Self { word, refused, has_gone, busy, slow, large, other } = self;
        if has_gone {
            return Failure::Gone;
        }
        if let Some(word) = word {
            return word;
        }
        if busy {
            return Failure::Busy;
        }
        match (refused, slow, large, other) {
            (Some(refused), _, _, 0) => refused,
            (_, 1.., 0, 0) => Failure::Slow(tried),
            (_, 0, 1.., 0) => Failure::TooLarge { max_bytes: crate::fetch::MAX_PAGE_BYTES as u64 },
            _ => Failure::Broken(tried),
        }
    }
}
