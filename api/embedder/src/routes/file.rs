//! A file of an answer, streamed: what it is is told by its first bytes, how much of it by its signature.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use miso_command_catalogue::Problem;
use miso_http::{Refusal, now_ms};
use tokio::time::timeout;

use crate::api::Api;
use crate::failure::Failure;
use crate::fetch::{Exchange, FetchError, Kept};
use crate::guard::Link;
use crate::sign::{Grant, NotGood};
use crate::sniff;

/// How long a file's head may take.
const HEAD: Duration = Duration::from_secs(8);
/// How long a file may rest before it is cut off.
const REST: Duration = Duration::from_secs(10);
/// Bytes before which a file must come, so that a slow one ends: at least so many in each [`REST`].
const AT_LEAST: usize = 1_024;

/// `GET /v1/file/{signed}`
pub(super) async fn file(
    State(api): State<Arc<Api>>,
    Path(signed): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let grant = api.renderer.signer.verify(&signed, now_ms() / 1_000).map_err(|reason| match reason {
        NotGood::Forged => Problem::new(403, "not-signed", "Not an address of this service", "Look the link up again."),
        NotGood::Expired => Problem::new(410, "expired", "The address has expired", "Look the link up again."),
    })?;
    let range = headers.get(header::RANGE).and_then(|range| first_byte(range.to_str().ok()?).zip(range.to_str().ok()));
    let known = match range {
        // The middle of a file does not tell what it is.
        Some((Some(0), _)) | None => None,
        Some(_) => Some(kind_of(&api, &grant).await?),
    };
    let opened = open(&api, &grant, range.map(|(_, range)| range)).await?;
    let head = Head::of(&opened, &grant)?;
    let (_, mut body, kept) = opened.into_parts();
    let start = starting(&api, &mut body, if known.is_some() { 0 } else { sniff::ENOUGH }).await?;
    let mime = match known {
        Some(mime) => mime,
        None => sniff::mime(&start).ok_or_else(no_media)?,
    };
    remember(&api, &grant.url, mime);
    Ok(head.answer(mime, stream_of(Arc::clone(&api), start, body, kept, grant.max_bytes)))
}

/// The first byte of a range, `Some(None)` where it counts from the end; `None`: not one range of bytes.
fn first_byte(range: &str) -> Option<Option<u64>> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(from) || !is_number(to) || from.is_empty() && to.is_empty() {
        return None;
    }
    if from.is_empty() { Some(None) } else { Some(from.parse().ok()) }
}

async fn kind_of(api: &Api, grant: &Grant) -> Result<&'static str, Problem> {
    if let Some(mime) = api.sniffed.lock().unwrap_or_else(PoisonError::into_inner).get(&grant.url) {
        return Ok(mime);
    }
    let range = format!("bytes=0-{}", sniff::ENOUGH - 1);
    let opened = open(api, grant, Some(&range)).await?;
    Head::of(&opened, grant)?;
    let (_, mut body, _kept) = opened.into_parts();
    let start = starting(api, &mut body, sniff::ENOUGH).await?;
    sniff::mime(&start).ok_or_else(no_media)
}

fn remember(api: &Api, url: &str, mime: &'static str) {
    api.sniffed.lock().unwrap_or_else(PoisonError::into_inner).put(url, mime);
}

fn no_media() -> Problem {
    Failure::Unsupported("That is no picture, video or sound.").problem()
}

async fn open(api: &Api, grant: &Grant, range: Option<&str>) -> Result<Exchange, Problem> {
    let fetcher = &api.core.look_up.fetcher;
    let link = Link::parse(&grant.url, fetcher.ports()).map_err(|failure| failure.problem())?;
    let mut headers = Vec::new();
    headers.extend(range.map(|range| ("range".to_owned(), range.to_owned())));
    headers.extend(grant.referer.as_ref().map(|referer| ("referer".to_owned(), referer.clone())));
    let tried = |word: &str| vec![format!("file:{word}")];
    match timeout(HEAD, fetcher.file(link, &headers)).await {
        Ok(Ok(exchange)) => Ok(exchange),
        Ok(Err(FetchError::Refused(failure))) => Err(failure.problem()),
        Ok(Err(FetchError::Busy)) => Err(Failure::Busy.problem()),
        Ok(Err(error)) => Err(Failure::Broken(tried(error.word())).problem()),
        Err(_) => Err(Failure::Slow(tried("timeout")).problem()),
    }
}

/// What of the site's answer is passed on.
struct Head {
    status: StatusCode,
    length: Option<u64>,
    range: Option<HeaderValue>,
}

impl Head {
    fn of(opened: &Exchange, grant: &Grant) -> Result<Self, Problem> {
        let (status, headers) = (opened.response.status(), opened.response.headers());
        let number = |name: header::HeaderName| {
            headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()?.parse::<u64>().ok())
        };
        let length = number(header::CONTENT_LENGTH);
        let range = headers.get(header::CONTENT_RANGE).cloned();
        let whole = range.as_ref().and_then(|range| range.to_str().ok()?.rsplit('/').next()?.parse::<u64>().ok());
        if status == StatusCode::RANGE_NOT_SATISFIABLE {
            return Err(Problem::new(416, "range", "No such part", "The file ends before this range."));
        }
        if !matches!(status, StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
            return Err(Failure::Broken(vec![format!("file:http {}", status.as_u16())]).problem());
        }
        if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            return Err(Failure::Broken(vec!["file:encoding".to_owned()]).problem());
        }
        if length.into_iter().chain(whole).any(|bytes| bytes > grant.max_bytes) {
            return Err(Failure::TooLarge { max_bytes: grant.max_bytes }.problem());
        }
        Ok(Self { status, length, range })
    }

    fn answer(self, mime: &'static str, body: Body) -> Response {
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=600"));
        let name = format!("inline; filename=\"media.{}\"", sniff::ending(mime));
        if let Ok(name) = HeaderValue::from_str(&name) {
            headers.insert(header::CONTENT_DISPOSITION, name);
        }
        if let Some(length) = self.length {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        if let Some(range) = self.range {
            headers.insert(header::CONTENT_RANGE, range);
        }
        response
    }
}

/// The first bytes of a body: at least `enough`, or all there are.
async fn starting(api: &Api, body: &mut Incoming, enough: usize) -> Result<Bytes, Problem> {
    let mut start = BytesMut::new();
    while start.len() < enough {
        match timeout(REST, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                let Ok(data) = frame.into_data() else { continue };
                api.core.look_up.fetcher.count(data.len());
                start.extend_from_slice(&data);
            }
            Ok(Some(Err(_))) => return Err(Failure::Broken(vec!["file:unreached".to_owned()]).problem()),
            Ok(None) => break,
            Err(_) => return Err(Failure::Slow(vec!["file:timeout".to_owned()]).problem()),
        }
    }
    Ok(start.freeze())
}

/// A body under way; ends with an error where it is longer than allowed or too slow.
struct Flow {
    api: Arc<Api>,
    start: Option<Bytes>,
    body: Incoming,
    _kept: Kept,
    left: u64,
}

fn stream_of(api: Arc<Api>, start: Bytes, body: Incoming, kept: Kept, max_bytes: u64) -> Body {
    let flow = Flow { api, start: Some(start).filter(|start| !start.is_empty()), body, _kept: kept, left: max_bytes };
    Body::from_stream(stream::try_unfold(flow, |mut flow| async move {
        let data = match flow.start.take() {
            Some(start) => start,
            None => match flow.next().await? {
                Some(data) => data,
                None => return Ok(None),
            },
        };
        flow.left = flow.left.checked_sub(data.len() as u64).ok_or(FetchError::TooLarge)?;
        Ok::<_, FetchError>(Some((data, flow)))
    }))
}

impl Flow {
    /// [`AT_LEAST`] bytes in a [`REST`], or the end.
    async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        let mut gathered = BytesMut::new();
        let gathering = async {
            while gathered.len() < AT_LEAST {
                let Some(frame) = self.body.frame().await else { break };
                let Ok(data) = frame.map_err(|error| FetchError::Unreached(error.to_string()))?.into_data() else {
                    continue;
                };
                gathered.extend_from_slice(&data);
            }
            Ok::<_, FetchError>(())
        };
        timeout(REST, gathering).await.map_err(|_| FetchError::Slow)??;
        self.api.core.look_up.fetcher.count(gathered.len());
        Ok(Some(gathered.freeze()).filter(|data| !data.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_of_bytes_is_understood() {
        assert_eq!(first_byte("bytes=0-"), Some(Some(0)));
        assert_eq!(first_byte("bytes=5-9"), Some(Some(5)));
        assert_eq!(first_byte("bytes=-9"), Some(None));
        for other in ["bytes=-", "bytes=a-b", "bytes=0-1,4-5", "lines=0-1", ""] {
            assert_eq!(first_byte(other), None, "{other}");
        }
    }
}
