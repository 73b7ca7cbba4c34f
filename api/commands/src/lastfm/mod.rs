//! The Last.fm middleware, asked over HTTP.

mod shape;

use std::time::Duration;

use miso_command_catalogue::Problem;
use serde::de::DeserializeOwned;

pub(crate) use shape::{Album, Answer, Artist, Item, Items, Listen, Listens, Meta, Now, Profile, Track, TrackInfo};

/// One question is waited for so long.
pub const LASTFM_TIMEOUT: Duration = Duration::from_secs(8);
/// The same for the listening index, which waits behind everybody who waits for an answer.
pub const LASTFM_INDEX_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of an answer, at most; a larger one is as if the middleware were broken.
pub const LASTFM_ANSWER_BYTES: usize = 2 * 1_024 * 1_024;

/// Who waits for an answer: the middleware lets the first go before the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Somebody.
    Interactive,
    /// The listening index.
    Index,
}

/// Asks the middleware.
#[derive(Debug, Clone)]
pub(crate) struct Lastfm {
    http: reqwest::Client,
    url: reqwest::Url,
    key: Option<String>,
}

impl Lastfm {
    /// With the middleware at this address.
    pub(crate) fn new(url: &str, key: Option<String>) -> Result<Self, String> {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(2))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| error.to_string())?;
        let url = reqwest::Url::parse(url).map_err(|error| error.to_string())?;
        if url.cannot_be_a_base() {
            return Err("the address of the Last.fm middleware is no http address".to_owned());
        }
        Ok(Self { http, url, key })
    }

    /// `GET /v1/…`: the parts of the path, and the query.
    ///
    /// # Errors
    /// For people: see [`refusal`].
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        lane: Lane,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Answer<T>, Problem> {
        let mut url = self.url.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().push("v1").extend(path);
        }
        let (name, timeout) = match lane {
            Lane::Interactive => ("interactive", LASTFM_TIMEOUT),
            Lane::Index => ("index", LASTFM_INDEX_TIMEOUT),
        };
        let mut request = self.http.get(url).query(query).header("miso-lane", name).timeout(timeout);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        let mut response = request.send().await.map_err(|error| away(&error))?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| away(&error))? {
            if body.len() + chunk.len() > LASTFM_ANSWER_BYTES {
                tracing::warn!("the Last.fm middleware's answer is too large");
                return Err(refusal("upstream-down"));
            }
            body.extend_from_slice(&chunk);
        }
        understood(status, &body)
    }
}

fn away(error: &reqwest::Error) -> Problem {
    if error.is_timeout() {
        return refusal("upstream-slow");
    }
    tracing::warn!(error = %error.is_connect(), "the Last.fm middleware cannot be reached");
    refusal("upstream-down")
}

/// What an answer means. Pure.
fn understood<T: DeserializeOwned>(status: u16, body: &[u8]) -> Result<Answer<T>, Problem> {
    if status == 200 {
        return serde_json::from_slice(body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            tracing::warn!(line, column, "the Last.fm middleware's answer cannot be read");
            refusal("upstream-down")
        });
    }
    let problem: Option<Problem> = serde_json::from_slice(body).ok();
    match problem.as_ref().map(Problem::slug) {
        Some(slug) if status != 401 => Err(refusal(slug)),
        _ => {
            tracing::error!(status, "the Last.fm middleware refuses: both processes need the same MISO_CLUSTER_KEY");
            Err(refusal("upstream-down"))
        }
    }
}

/// What a person is told, and what to do. Callers do not ask again by themselves: 424 is an answer about
/// somebody else's service.
pub(crate) fn refusal(slug: &str) -> Problem {
    let (status, slug, detail) = match slug {
        "user-not-found" => (404, slug, "Last.fm knows nobody of that name. Check how it is spelt on last.fm."),
        "not-found" => (404, slug, "Last.fm does not know that. Check the spelling, or say `title | artist`."),
        "nothing-listened" => (404, slug, "There is nothing to show: nothing was played in that time."),
        "listening-private" => (
            403,
            slug,
            "Their listening is private at Last.fm. They can change that there: Settings, Privacy, \
             Hide recent listening information.",
        ),
        "rate-limited" | "busy" => (424, slug, "Last.fm is asked too much right now. Try again in a moment."),
        "upstream-slow" => (424, slug, "Last.fm does not answer in time. Try again in a moment."),
        "bad-key" => (424, slug, "Last.fm refuses this bot's key. Whoever runs the bot has to mend that."),
        "bad-period" | "invalid-query" | "bad-cursor" => (422, slug, "I cannot ask Last.fm for that."),
        _ => (424, "upstream-down", "Last.fm is out of order right now. Try again in a few minutes."),
    };
    Problem::new(status, slug, "Last.fm", detail)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_refusal_of_the_middleware_is_a_sentence_and_is_not_tried_again() {
        for slug in [
            "user-not-found",
            "not-found",
            "nothing-listened",
            "listening-private",
            "rate-limited",
            "busy",
            "upstream-down",
            "upstream-slow",
            "bad-key",
            "bad-period",
        ] {
            let body = format!(r#"{{"type":"urn:miso:problem:{slug}","title":"x","status":503,"detail":"x"}}"#);
            let problem = understood::<Value>(503, body.as_bytes()).expect_err(slug);
            assert_eq!(problem.slug(), slug);
            assert!(problem.detail.ends_with('.') && ![408, 429, 502, 503, 504].contains(&problem.status), "{slug}");
        }
        for body in [&b"<html>"[..], b"{}"] {
            assert_eq!(understood::<Value>(500, body).expect_err("broken").slug(), "upstream-down");
        }
        assert_eq!(understood::<Value>(200, b"{").expect_err("broken").slug(), "upstream-down");
    }

    #[test]
    fn an_answer_tells_its_age() {
        let body = br#"{"data":{"a":1},"meta":{"source":["api"],"age_s":90,"stale":true,"degraded":["x"]}}"#;
        let answer = understood::<Value>(200, body).expect("reads");
        assert!(answer.meta.stale && answer.meta.age_s == 90 && answer.data["a"] == 1);
    }
}
