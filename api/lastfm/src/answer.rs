//! Answers: data, and what there is to know about it.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::cache::Found;
use crate::fault::Fault;

/// Where an answer came from, and what it lacks.
#[derive(Debug, Default)]
pub(crate) struct Meta {
    sources: Vec<String>,
    degraded: Vec<String>,
    age_ms: u64,
    fresh_ms: u64,
    stale: bool,
}

impl Meta {
    /// Of an answer of one part.
    pub(crate) fn of(found: &Found) -> Self {
        let mut meta = Self { fresh_ms: u64::MAX, ..Self::default() };
        meta.add(found);
        meta
    }

    /// Another part: the oldest says the age, the one that spoils first says for how long it is good.
    pub(crate) fn add(&mut self, found: &Found) {
        self.sources.extend(
            found.kept.sources.iter().filter(|source| !self.sources.contains(source)).cloned().collect::<Vec<_>>(),
        );
        self.degraded.extend(found.kept.degraded.iter().cloned());
        self.age_ms = self.age_ms.max(found.age_ms);
        self.fresh_ms = self.fresh_ms.min(found.fresh_ms);
        self.stale |= found.stale;
    }

    /// A field is null because its source failed. The answer is not to be kept for long: the source may mend.
    pub(crate) fn degrade(&mut self, field: &str) {
        if !self.degraded.iter().any(|one| one == field) {
            self.degraded.push(field.to_owned());
        }
        self.fresh_ms = self.fresh_ms.min(10_000);
    }

    /// Names of fields that are null because their source failed.
    pub(crate) fn degraded(&self) -> &[String] {
        &self.degraded
    }

    /// `{"data": …, "meta": …}`, with age and validity as headers; 304 where the caller has it.
    pub(crate) fn answer(&self, data: &impl Serialize, asked: &HeaderMap) -> Response {
        match serde_json::to_vec(data) {
            Ok(data) => self.answer_written(&data, asked),
            Err(_) => miso_http::Refusal(Fault::Shape("itself").problem()).into_response(),
        }
    }

    /// The same, of JSON that is written.
    pub(crate) fn answer_written(&self, data: &[u8], asked: &HeaderMap) -> Response {
        #[derive(Serialize)]
        struct Shown<'a> {
            source: &'a [String],
            age_s: u64,
            stale: bool,
            degraded: &'a [String],
        }
        let age_s = self.age_ms / 1_000;
        let shown = Shown { source: &self.sources, age_s, stale: self.stale, degraded: &self.degraded };
        let meta = serde_json::to_vec(&shown).unwrap_or_default();
        let body = [b"{\"data\":", data, b",\"meta\":", &meta, b"}"].concat();
        let tag = format!("\"{:016x}\"", xxh3_64(data));
        self.finished(Bytes::from(body), "application/json", &tag, asked)
    }

    /// A picture.
    pub(crate) fn answer_picture(&self, body: Bytes, mime: &'static str, asked: &HeaderMap) -> Response {
        let tag = format!("\"{:016x}\"", xxh3_64(&body));
        let mut response = self.finished(body, mime, &tag, asked);
        let degraded = HeaderValue::from_str(&self.degraded.join(",")).ok().filter(|value| !value.is_empty());
        if let Some(degraded) = degraded {
            response.headers_mut().insert("miso-degraded", degraded);
        }
        response
    }

    fn finished(&self, body: Bytes, mime: &'static str, tag: &str, asked: &HeaderMap) -> Response {
        let has = asked.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
        let has = has.is_some_and(|tags| tags.split(',').any(|one| one.trim() == tag || one.trim() == "*"));
        let mut response = if has {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(header::CONTENT_TYPE, mime)], body).into_response()
        };
        let fresh_s = if self.stale { 0 } else { self.fresh_ms / 1_000 };
        let headers = [
            (header::ETAG, tag.to_owned()),
            (header::AGE, (self.age_ms / 1_000).to_string()),
            (header::CACHE_CONTROL, format!("private, max-age={fresh_s}")),
        ];
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
