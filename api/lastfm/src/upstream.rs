//! Asks Last.fm: its API, its pages, its pictures. Every answer is bounded in bytes and time.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::LOCATION;
use reqwest::{Client, Response, StatusCode, Url, redirect};
use serde_json::Value;

use crate::budget::Lane;
use crate::decode::refusal;
use crate::fault::Fault;
use crate::gate::Gate;
use crate::{LastfmConfig, LastfmError};

/// Bytes of an answer of the API, at most. A page of 1,000 tracks has about 600,000.
pub const MAX_API_BYTES: usize = 4 * 1_024 * 1_024;
/// Bytes of a page, at most.
pub const MAX_PAGE_BYTES: usize = 2 * 1_024 * 1_024;
/// Bytes of a picture, at most; those of 300 × 300 have about 40,000.
pub const MAX_PICTURE_BYTES: usize = 2 * 1_024 * 1_024;
/// Where pictures are; an address elsewhere is not fetched.
const PICTURE_HOSTS: [&str; 2] = ["lastfm.freetls.fastly.net", "lastfm-img2.akamaized.net"];
/// Redirects that are followed for one page.
const MAX_REDIRECTS: usize = 2;
const CONNECT: Duration = Duration::from_secs(3);
/// What we are; Last.fm asks for it.
const AGENT: &str = concat!("Miso/", env!("CARGO_PKG_VERSION"), " (Discord bot)");

enum Page {
    Html(String),
    At(String),
}

/// A name as a part of a page's path: as the site escapes it, which escapes a plus twice, for it is a blank.
pub(crate) fn segment(name: &str) -> String {
    form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace("%2B", "%252B")
}

/// The three ways to Last.fm.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    http: Client,
    api: Url,
    site: Url,
    key: String,
    patience: Duration,
    gate: Gate,
}

impl Upstream {
    pub(crate) fn new(config: &LastfmConfig, gate: Gate) -> Result<Self, LastfmError> {
        let url = |text: &str| {
            let url = Url::parse(text).map_err(|error| LastfmError::Client(format!("{text}: {error}")))?;
            let usable = matches!(url.scheme(), "http" | "https") && url.host_str().is_some();
            if usable {
                Ok(url)
            } else {
                Err(LastfmError::Client(format!("{text} begins with no http:// or https://")))
            }
        };
        let http = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent(AGENT)
            .connect_timeout(CONNECT)
            .build()
            .map_err(|error| LastfmError::Client(error.to_string()))?;
        Ok(Self {
            http,
            api: url(&config.api_url)?,
            site: url(&config.site_url)?,
            key: config.api_key.clone(),
            patience: config.patience,
            gate,
        })
    }

    pub(crate) fn waiting(&self) -> [usize; 3] {
        self.gate.waiting()
    }

    /// Calls a method of the API.
    pub(crate) async fn call(
        &self,
        lane: Lane,
        method: &'static str,
        parameters: &[(&str, String)],
    ) -> Result<Value, Fault> {
        if self.key.is_empty() {
            return Err(Fault::BadKey);
        }
        let mut url = self.api.clone();
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("method", method);
            query.extend_pairs(parameters);
            query.append_pair("format", "json").append_pair("api_key", &self.key);
        }
        self.gate.turn(lane).await?;
        let outcome = self.answered(method, url).await;
        count(method, outcome.as_ref().err());
        if outcome == Err(Fault::RateLimited) {
            self.gate.rest().await;
        }
        outcome
    }

    async fn answered(&self, method: &'static str, url: Url) -> Result<Value, Fault> {
        let (status, _, body) = self.get(url, MAX_API_BYTES).await?;
        match serde_json::from_slice::<Value>(&body) {
            Ok(answer) => match refusal(method, &answer) {
                Some(fault) => Err(fault),
                None if status.is_success() => Ok(answer),
                None if status == StatusCode::TOO_MANY_REQUESTS => Err(Fault::RateLimited),
                None => Err(Fault::Down("an error without a code")),
            },
            Err(_) if status == StatusCode::TOO_MANY_REQUESTS => Err(Fault::RateLimited),
            Err(_) => Err(Fault::Down("no JSON")),
        }
    }

    /// The address of a page: `path` behind the site's own, its names by [`segment`].
    pub(crate) fn page_url(&self, path: &str, query: &[(&str, String)]) -> Url {
        let mut url = self.site.clone();
        url.set_path(&format!("{}/{path}", self.site.path().trim_end_matches('/')));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// A page of the site. Names that it writes otherwise redirect: within the site that is followed.
    pub(crate) async fn page(&self, lane: Lane, mut url: Url) -> Result<String, Fault> {
        for _ in 0..=MAX_REDIRECTS {
            self.gate.turn(lane).await?;
            let outcome = self.page_once(url.clone()).await;
            count("page", outcome.as_ref().err());
            match outcome {
                Ok(Page::Html(html)) => return Ok(html),
                Ok(Page::At(location)) => {
                    let next = url.join(&location).ok().filter(|next| next.origin() == url.origin());
                    url = next.filter(|next| !next.path().contains("/login")).ok_or(Fault::Down("a way elsewhere"))?;
                }
                Err(fault) => {
                    if fault == Fault::RateLimited {
                        self.gate.rest().await;
                    }
                    return Err(fault);
                }
            }
        }
        Err(Fault::Down("too many redirects"))
    }

    async fn page_once(&self, url: Url) -> Result<Page, Fault> {
        let (status, location, body) = self.get(url, MAX_PAGE_BYTES).await?;
        match (status, location) {
            (StatusCode::OK, _) => Ok(Page::Html(String::from_utf8_lossy(&body).into_owned())),
            (StatusCode::NOT_FOUND, _) => Err(Fault::NotFound("page")),
            (StatusCode::TOO_MANY_REQUESTS, _) => Err(Fault::RateLimited),
            (status, Some(location)) if status.is_redirection() => Ok(Page::At(location)),
            _ => Err(Fault::Down("no page")),
        }
    }

    /// The bytes of a picture. It counts against no budget.
    pub(crate) async fn picture(&self, url: &str) -> Result<Bytes, Fault> {
        let url = Url::parse(url).ok().filter(|url| self.is_picture(url)).ok_or(Fault::NotFound("picture"))?;
        let outcome = match self.get(url, MAX_PICTURE_BYTES).await {
            Ok((StatusCode::OK, _, body)) => Ok(body),
            Ok((StatusCode::NOT_FOUND | StatusCode::FORBIDDEN, ..)) => Err(Fault::NotFound("picture")),
            Ok(_) => Err(Fault::Down("no picture")),
            Err(fault) => Err(fault),
        };
        count("picture", outcome.as_ref().err());
        outcome
    }

    /// Whether pictures may come from there: only from Last.fm's own hosts.
    pub(crate) fn is_picture(&self, url: &Url) -> bool {
        let of_network = url.scheme() == "https" && url.host_str().is_some_and(|host| PICTURE_HOSTS.contains(&host));
        of_network && url.port().is_none() || url.origin() == self.site.origin()
    }

    async fn get(&self, url: Url, bound: usize) -> Result<(StatusCode, Option<String>, Bytes), Fault> {
        let whole = async {
            let response = self.http.get(url).send().await.map_err(|error| unreachable(&error))?;
            let status = response.status();
            let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            let location = location.map(str::to_owned);
            Ok((status, location, bounded(response, bound).await?))
        };
        tokio::time::timeout(self.patience, whole).await.unwrap_or(Err(Fault::Slow))
    }
}

fn unreachable(error: &reqwest::Error) -> Fault {
    if error.is_timeout() { Fault::Slow } else { Fault::Down("no connection") }
}

async fn bounded(mut response: Response, bound: usize) -> Result<Bytes, Fault> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
        if body.len() + chunk.len() > bound {
            return Err(Fault::Down("an answer beyond its bound"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

fn count(what: &'static str, fault: Option<&Fault>) {
    let outcome = match fault {
        None => "ok",
        Some(fault) if fault.is_word() => "no",
        Some(fault) => {
            tracing::warn!(what, %fault, "Last.fm gave no answer");
            "failed"
        }
    };
    metrics::counter!("miso_lastfm_upstream_requests_total", "what" => what, "outcome" => outcome).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream() -> Upstream {
        Upstream::new(&LastfmConfig::default(), Gate::new(4).0).expect("a client")
    }

    #[test]
    fn names_are_escaped_as_the_site_escapes_them() {
        let path = |name: &str| upstream().page_url(&format!("music/{}/+images", segment(name)), &[]).path().to_owned();
        assert_eq!(path("AC/DC"), "/music/AC%2FDC/+images");
        assert_eq!(path("Salt + Pepper"), "/music/Salt+%252B+Pepper/+images");
        assert_eq!(path("Why? 100%"), "/music/Why%3F+100%25/+images");
        assert_eq!(path("달빛"), "/music/%EB%8B%AC%EB%B9%9B/+images");
    }

    #[test]
    fn pictures_come_from_last_fm_only() {
        let upstream = upstream();
        let fits = |url: &str| Url::parse(url).is_ok_and(|url| upstream.is_picture(&url));
        assert!(fits("https://lastfm.freetls.fastly.net/i/u/300x300/a.jpg"));
        for url in [
            "http://lastfm.freetls.fastly.net/a.jpg",
            "https://lastfm.freetls.fastly.net:81/a.jpg",
            "https://lastfm.freetls.fastly.net.evil.example/a.jpg",
            "https://evil.example/lastfm.freetls.fastly.net",
            "http://169.254.169.254/latest",
            "file:///etc/passwd",
        ] {
            assert!(!fits(url), "{url}");
        }
    }

    #[test]
    fn an_address_that_is_none_is_said_at_the_start() {
        for api_url in ["", "ws.audioscrobbler.com", "ftp://ws.audioscrobbler.com"] {
            let config = LastfmConfig { api_url: api_url.to_owned(), ..LastfmConfig::default() };
            assert!(matches!(Upstream::new(&config, Gate::new(4).0), Err(LastfmError::Client(_))), "{api_url}");
        }
    }
}
