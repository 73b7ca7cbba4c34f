//! What an answer of Discord tells the limits. Pure.

use std::time::Duration;

use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER, VIA};
use serde::Deserialize;

/// Bodies beyond this length are not searched for Discord's error code, bytes.
const MAX_ERROR_BODY: usize = 64 * 1_024;
/// Longest wait that is believed: a day and an hour.
const MAX_WAIT: Duration = Duration::from_secs(25 * 60 * 60);

/// Whose limit a 429 is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// This bot's, in one bucket (also when the header is missing).
    User,
    /// This bot's, over all routes.
    Global,
    /// Of the resource, shared with others: not counted as invalid.
    Shared,
}

/// `X-RateLimit-*` of one answer. `Reset` is ignored: clocks differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// `Bucket`.
    pub hash: Box<str>,
    /// `Limit`.
    pub limit: i64,
    /// `Remaining`.
    pub remaining: i64,
    /// `Reset-After`, from the receipt on.
    pub reset_after: Duration,
}

/// One answer, as far as limits and decisions go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// HTTP status.
    pub status: u16,
    /// Absent on routes without a limit and on many errors.
    pub counted: Option<Counted>,
    /// The longer of the header and the body's `retry_after`; only on 429.
    pub retry_after: Option<Duration>,
    /// Only meaningful on 429.
    pub scope: Scope,
    /// It never reached Discord: an error of Cloudflare (no `Via`, HTML).
    pub from_the_edge: bool,
    /// Discord's JSON error code.
    pub code: Option<i64>,
}

#[derive(Deserialize, Default)]
struct ErrorBody {
    #[serde(default)]
    code: Option<i64>,
    #[serde(default)]
    retry_after: Option<f64>,
    #[serde(default)]
    global: Option<bool>,
}

impl Seen {
    /// Reads status, headers and (of an error) the body.
    #[must_use]
    pub fn read(status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let named = |name: &'static str| headers.get(name).and_then(|value| value.to_str().ok());
        let error = if status >= 400 && body.len() <= MAX_ERROR_BODY && body.first() == Some(&b'{') {
            serde_json::from_slice::<ErrorBody>(body).unwrap_or_default()
        } else {
            ErrorBody::default()
        };
        let html = text(&CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/html"));
        let header = text(&RETRY_AFTER).and_then(|seconds| seconds.parse::<f64>().ok());
        let longer = [header, error.retry_after].into_iter().flatten().map(wait).max();
        let scope = match named("x-ratelimit-scope") {
            _ if error.global == Some(true) || named("x-ratelimit-global") == Some("true") => Scope::Global,
            Some("global") => Scope::Global,
            Some("shared") => Scope::Shared,
            _ => Scope::User,
        };
        Self {
            status,
            counted: counted(&named),
            retry_after: longer.filter(|_| status == 429),
            scope,
            from_the_edge: matches!(status, 403 | 429) && html && !headers.contains_key(VIA),
            code: error.code,
        }
    }

    /// Whether it counts against the invalid-request budget.
    #[must_use]
    pub fn invalid(&self) -> bool {
        match self.status {
            401 | 403 => true,
            429 => self.scope != Scope::Shared || self.from_the_edge,
            _ => false,
        }
    }
}

fn wait(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(MAX_WAIT).min(MAX_WAIT)
}

fn counted<'a>(named: &impl Fn(&'static str) -> Option<&'a str>) -> Option<Counted> {
    Some(Counted {
        hash: named("x-ratelimit-bucket")?.into(),
        limit: named("x-ratelimit-limit")?.parse().ok()?,
        remaining: named("x-ratelimit-remaining")?.parse().ok()?,
        reset_after: wait(named("x-ratelimit-reset-after")?.parse().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a value"))).collect()
    }

    #[test]
    fn the_longer_of_header_and_body_is_the_wait() {
        let seen = Seen::read(
            429,
            &headers(&[("retry-after", "2"), ("via", "1.1 google")]),
            br#"{"retry_after": 2.5, "code": 0}"#,
        );
        assert_eq!(seen.retry_after, Some(Duration::from_millis(2_500)));
        let seen = Seen::read(429, &headers(&[("retry-after", "90000")]), b"{\"retry_after\": 0.1}");
        assert_eq!(seen.retry_after, Some(Duration::from_secs(90_000)));
    }

    #[test]
    fn a_shared_limit_is_not_invalid_and_a_global_one_is_told_by_header_or_body() {
        let shared = Seen::read(429, &headers(&[("x-ratelimit-scope", "shared"), ("via", "x")]), b"{}");
        assert_eq!((shared.scope, shared.invalid()), (Scope::Shared, false));
        for global in [
            Seen::read(429, &headers(&[("x-ratelimit-global", "true")]), b"{}"),
            Seen::read(429, &headers(&[("x-ratelimit-scope", "global")]), b"{}"),
            Seen::read(429, &HeaderMap::new(), b"{\"global\":true}"),
        ] {
            assert_eq!((global.scope, global.invalid()), (Scope::Global, true));
        }
        assert!(!Seen::read(404, &HeaderMap::new(), b"{}").invalid());
        assert!(Seen::read(403, &headers(&[("via", "x")]), b"{}").invalid());
    }

    #[test]
    fn cloudflare_is_told_from_discord() {
        let html = headers(&[("content-type", "text/html; charset=UTF-8"), ("retry-after", "30")]);
        assert!(Seen::read(429, &html, b"<html>").from_the_edge);
        assert!(Seen::read(403, &html, b"<html>").from_the_edge);
        let discord = headers(&[("content-type", "application/json"), ("via", "1.1 google")]);
        assert!(!Seen::read(403, &discord, b"{}").from_the_edge);
    }

    #[test]
    fn reset_is_ignored_because_clocks_differ() {
        let with = |reset: &'static str| {
            headers(&[
                ("x-ratelimit-bucket", "h"),
                ("x-ratelimit-limit", "5"),
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", reset),
                ("x-ratelimit-reset-after", "1.25"),
            ])
        };
        let seen = ["1", "99999999999.5"].map(|reset| Seen::read(200, &with(reset), b"").counted.expect("whole"));
        assert_eq!(seen[0], seen[1]);
        assert_eq!(seen[0].reset_after, Duration::from_millis(1_250));
    }

    #[test]
    fn absurd_and_missing_headers_are_survived() {
        let all = |limit| {
            headers(&[
                ("x-ratelimit-bucket", "h"),
                ("x-ratelimit-limit", limit),
                ("x-ratelimit-remaining", "1"),
                ("x-ratelimit-reset-after", "1e300"),
            ])
        };
        assert_eq!(Seen::read(200, &all("5"), b"").counted.expect("whole").reset_after, MAX_WAIT);
        assert_eq!(Seen::read(200, &all("five"), b"").counted, None);
        assert_eq!(Seen::read(200, &HeaderMap::new(), b"").counted, None);
        assert_eq!(Seen::read(404, &HeaderMap::new(), b"{\"code\":10015}").code, Some(10_015));
        assert_eq!(Seen::read(429, &headers(&[("retry-after", "-5")]), b"{").retry_after, Some(MAX_WAIT));
    }
}
