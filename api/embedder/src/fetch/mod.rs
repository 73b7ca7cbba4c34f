//! Fetching what users name: each hop's address is checked, connected to as checked, and read within bounds.

mod body;
mod exchange;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::failure::Failure;
use crate::guard::{Link, Network, Ports};

pub(crate) use exchange::{Exchange, Kept};

/// Redirects that are followed; one more is an error.
pub(crate) const MAX_REDIRECTS: usize = 5;
/// Fetches under way at once; a further one is refused.
pub(crate) const MAX_FETCHES: usize = 64;
/// Bytes of a page, packed and unpacked alike; a longer one is an error.
pub(crate) const MAX_PAGE_BYTES: usize = 2 << 20;
/// What sites are told of who asks, where a strategy says nothing else.
const USER_AGENT: &str = "Mozilla/5.0 (compatible; Miso/0.1; link preview)";

/// A request for a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) url: String,
    /// The strategy's own headers; they stay with the host that they are for.
    pub(crate) headers: Vec<(String, String)>,
    /// A form to post; `None`: GET.
    pub(crate) form: Option<String>,
}

impl Ask {
    pub(crate) fn get(url: impl Into<String>) -> Self {
        Self { url: url.into(), headers: Vec::new(), form: None }
    }

    pub(crate) fn post(url: impl Into<String>, fields: &[(&str, &str)]) -> Self {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Self { form: Some(form), ..Self::get(url) }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// A page that was read.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) status: u16,
    /// Where it was, redirects followed.
    pub(crate) link: Link,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Page {
    pub(crate) fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The cookies that the page sets, as a `Cookie` header for the same host.
    pub(crate) fn cookies(&self) -> String {
        let set = self.headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs: Vec<&str> = set.filter_map(|value| value.split(';').next()).map(str::trim).collect();
        pairs.join("; ")
    }
}

/// Why a page was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// A link or an address on the way is not let through.
    #[error("refused: {0:?}")]
    Refused(Failure),
    /// [`MAX_FETCHES`] are under way.
    #[error("too many fetches at once")]
    Busy,
    /// Not in time.
    #[error("too slow")]
    Slow,
    /// No connection, or it broke.
    #[error("not reached: {0}")]
    Unreached(String),
    /// More than [`MAX_REDIRECTS`].
    #[error("too many redirects")]
    Redirects,
    /// More bytes than allowed.
    #[error("too large")]
    TooLarge,
    /// The body is packed in a way that was not asked for, or wrongly.
    #[error("not unpacked")]
    Encoding,
}

impl FetchError {
    /// The word for it in `meta.tried`.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Busy => "busy",
            Self::Slow => "timeout",
            Self::Unreached(_) => "unreached",
            Self::Redirects => "redirects",
            Self::TooLarge => "too_large",
            Self::Encoding => "encoding",
        }
    }
}

impl From<Failure> for FetchError {
    fn from(failure: Failure) -> Self {
        Self::Refused(failure)
    }
}

/// Fetches pages and files.
#[derive(Debug)]
pub(crate) struct Fetcher {
    dialer: exchange::Dialer,
    ports: Ports,
    permits: Arc<Semaphore>,
    read_bytes: AtomicU64,
}

impl Fetcher {
    pub(crate) fn new(network: Box<dyn Network>, ports: Ports) -> Self {
        Self {
            dialer: exchange::Dialer::new(network),
            ports,
            permits: Arc::new(Semaphore::new(MAX_FETCHES)),
            read_bytes: AtomicU64::new(0),
        }
    }

    pub(crate) fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Bytes of bodies that were taken from the network so far.
    pub(crate) fn read_bytes(&self) -> u64 {
        self.read_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn under_way(&self) -> usize {
        MAX_FETCHES - self.permits.available_permits()
    }

    fn permit(&self) -> Result<OwnedSemaphorePermit, FetchError> {
        Arc::clone(&self.permits).try_acquire_owned().map_err(|_| FetchError::Busy)
    }

    /// Reads a page, whatever its status. The caller bounds the time.
    pub(crate) async fn page(&self, ask: &Ask) -> Result<Page, FetchError> {
        let _permit = self.permit()?;
        let mut headers = base_headers("gzip, deflate");
        extend(&mut headers, &ask.headers)?;
        let first = Link::parse(&ask.url, &self.ports)?;
        let form = ask.form.as_deref().map(|form| Bytes::copy_from_slice(form.as_bytes()));
        let (link, exchange) = self.follow(first, headers, form, true).await?;
        let (parts, body) = exchange.response.into_parts();
        let body = body::read(body, &parts.headers, MAX_PAGE_BYTES, &self.read_bytes).await?;
        Ok(Page { status: parts.status.as_u16(), link, headers: parts.headers, body })
    }

    /// Opens a file: its head was read, its body is the caller's to read and to bound. The permit is held
    /// until the exchange is dropped.
    pub(crate) async fn file(&self, link: Link, headers: &[(String, String)]) -> Result<Exchange, FetchError> {
        let permit = self.permit()?;
        let mut all = base_headers("identity");
        extend(&mut all, headers)?;
        let (_, mut exchange) = self.follow(link, all, None, false).await?;
        exchange.permit = Some(permit);
        Ok(exchange)
    }

    pub(crate) fn count(&self, bytes: usize) {
        self.read_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// `own_headers_stay`: whether what the strategy added is dropped on the way to another host. A file's
    /// headers (range, referrer) are for whoever has it.
    async fn follow(
        &self,
        mut link: Link,
        mut headers: HeaderMap,
        mut form: Option<Bytes>,
        own_headers_stay: bool,
    ) -> Result<(Link, Exchange), FetchError> {
        for _ in 0..=MAX_REDIRECTS {
            let method = if form.is_some() { Method::POST } else { Method::GET };
            let exchange = self.dialer.exchange(&link, method, &headers, form.as_ref()).await?;
            let Some(location) = redirect(&exchange) else { return Ok((link, exchange)) };
            let next = link.join(&location, &self.ports)?;
            if own_headers_stay && next.host() != link.host() {
                headers = base_headers("gzip, deflate");
            }
            // Whatever the status: nothing that was posted is posted to where a redirect leads.
            form = None;
            link = next;
        }
        Err(FetchError::Redirects)
    }
}

fn redirect(exchange: &Exchange) -> Option<String> {
    use StatusCode as S;
    let status = exchange.response.status();
    let redirects = [S::MOVED_PERMANENTLY, S::FOUND, S::SEE_OTHER, S::TEMPORARY_REDIRECT, S::PERMANENT_REDIRECT];
    let location = exchange.response.headers().get(header::LOCATION)?;
    redirects.contains(&status).then(|| String::from_utf8_lossy(location.as_bytes()).into_owned())
}

fn base_headers(encodings: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static("en"));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(encodings));
    headers
}

fn extend(headers: &mut HeaderMap, own: &[(String, String)]) -> Result<(), FetchError> {
    for (name, value) in own {
        let refused = || FetchError::Unreached(format!("the header {name} cannot be sent"));
        let value = HeaderValue::from_str(value).map_err(|_| refused())?;
        headers.insert(HeaderName::try_from(name.as_str()).map_err(|_| refused())?, value);
    }
    Ok(())
}
