//! The media embedder, asked over HTTP: what a link leads to, in one shape whatever the site.

mod shape;

use std::time::Duration;

use miso_command_catalogue::Problem;

pub(crate) use shape::{Author, File, Media, Metrics, Poll, PollOption};

/// One link is waited for so long; the embedder itself gives up before.
pub const EMBEDDER_TIMEOUT: Duration = Duration::from_secs(8);
/// Bytes of an answer, at most; a larger one is as if the embedder were broken.
pub const EMBEDDER_ANSWER_BYTES: usize = 1_024 * 1_024;

/// Asks the embedder.
#[derive(Debug, Clone)]
pub(crate) struct Embedder {
    http: reqwest::Client,
    url: String,
    key: Option<String>,
}

impl Embedder {
    /// With the embedder at this address.
    pub(crate) fn new(url: &str, key: Option<String>) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .timeout(EMBEDDER_TIMEOUT)
            .connect_timeout(Duration::from_secs(2))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self { http, url: url.trim_end_matches('/').to_owned(), key })
    }

    /// What a link leads to; files of `max_bytes` at most, where there is a choice.
    ///
    /// # Errors
    /// For people: see [`refusal`].
    pub(crate) async fn media(&self, link: &str, lang: &str, max_bytes: u64) -> Result<Media, Problem> {
        let mut request = self.http.get(format!("{}/v1/media", self.url)).query(&[
            ("url", link),
            ("lang", lang),
            ("max_bytes", &max_bytes.to_string()),
        ]);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        let mut response = request.send().await.map_err(away)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(away)? {
            if body.len() + chunk.len() > EMBEDDER_ANSWER_BYTES {
                tracing::warn!("the embedder's answer is too large");
                return Err(refusal("provider_broken"));
            }
            body.extend_from_slice(&chunk);
        }
        understood(status, &body)
    }
}

/// Worth another attempt soon: callers try a 503 again.
fn away(error: reqwest::Error) -> Problem {
    if error.is_timeout() {
        return refusal("provider_slow");
    }
    // The address holds the link, which a member wrote.
    tracing::warn!(error = %error.without_url(), "the embedder cannot be reached");
    let detail = "I cannot look links up right now. Please try again in a moment.";
    Problem::new(503, "embedder-away", "The embedder is away", detail)
}

/// What an answer means. Pure.
fn understood(status: u16, body: &[u8]) -> Result<Media, Problem> {
    if status == 200 {
        return serde_json::from_slice(body).map_err(|error| {
            tracing::warn!(line = error.line(), column = error.column(), "the embedder's answer cannot be read");
            refusal("provider_broken")
        });
    }
    let problem: Option<Problem> = serde_json::from_slice(body).ok();
    match problem.as_ref().map(Problem::slug) {
        Some(slug) if status != 401 => Err(refusal(slug)),
        _ => {
            tracing::error!(status, "the embedder refuses: both processes need the same MISO_CLUSTER_KEY");
            Err(refusal("provider_broken"))
        }
    }
}

/// What a person is told who wanted to see a link. A 502 is an answer about somebody else's service:
/// callers do not try it again by themselves.
pub(crate) fn refusal(slug: &str) -> Problem {
    let (status, title, detail) = match slug {
        "gone" => (404, "Gone", "The site says that this post does not exist any more."),
        "private" => (403, "Private", "This post is private: only those see it whom its author chose."),
        "login_required" => (403, "Login required", "The site shows this post only to people who are logged in."),
        "age_restricted" => (403, "Age restricted", "The site shows this post only to adults who are logged in."),
        "unsupported_url" => (415, "Unsupported link", "I cannot make anything of this link."),
        "blocked_address" => (422, "Blocked address", "This link leads to a place that I do not visit."),
        "too_large" => (413, "Too large", "What is behind this link is too large to be shown here."),
        "busy" => (502, "Busy", "I am looking up many links at once. Please try again in a moment."),
        "provider_slow" => (502, "The site is slow", "The site did not answer in time. Please try again in a moment."),
        _ => (502, "The site is out of order", "The site did not answer as it should. Please try again later."),
    };
    let slug = if status == 502 && slug != "busy" && slug != "provider_slow" { "provider_broken" } else { slug };
    Problem::new(status, slug, title, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_of_the_embedder_is_a_sentence_and_what_is_unreadable_is_out_of_order() {
        for (status, slug, expected) in [
            (404, "gone", "gone"),
            (403, "private", "private"),
            (403, "login_required", "login_required"),
            (403, "age_restricted", "age_restricted"),
            (415, "unsupported_url", "unsupported_url"),
            (422, "blocked_address", "blocked_address"),
            (413, "too_large", "too_large"),
            (429, "busy", "busy"),
            (502, "provider_broken", "provider_broken"),
            (504, "provider_slow", "provider_slow"),
            (500, "something-new", "provider_broken"),
            (401, "unauthorized", "provider_broken"),
        ] {
            let body = serde_json::to_vec(&Problem::new(status, slug, "t", "d")).expect("writes");
            let problem = understood(status, &body).expect_err(slug);
            assert_eq!(problem.slug(), expected);
            assert!(problem.detail.ends_with('.') && problem.detail != "d", "{slug}: {}", problem.detail);
        }
        assert_eq!(understood(200, b"<html>").expect_err("unreadable").slug(), "provider_broken");
        assert_eq!(understood(404, b"<html>").expect_err("unreadable").slug(), "provider_broken");
        let media = understood(200, br#"{"provider":"x","url":"https://x.com/a/status/1","new":1}"#).expect("reads");
        assert!(media.provider == "x" && media.media.is_empty());
    }
}
