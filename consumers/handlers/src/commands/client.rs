use std::time::Duration;

use miso_command_catalogue::{Colour, Document, Invocation, Problem};
use tokio::time::Instant;

use super::CommandsHandlerConfig;
use crate::HandlersError;

/// How long the commands API is tried again for one command before its author is told, by default.
pub const API_PATIENCE: Duration = Duration::from_secs(10);
/// One attempt, at most: longer than the commands API itself waits for a decision.
pub const API_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
/// First pause between attempts; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Bytes of an answer, at most.
const ANSWER_BYTES: usize = 1_024 * 1_024;

/// Asks the commands API.
#[derive(Debug, Clone)]
pub(crate) struct ApiClient {
    http: reqwest::Client,
    url: String,
    key: Option<String>,
    patience: Duration,
}

/// What the commands API said.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) document: Document,
    /// Why it did not do it, the last part of the problem's kind; none where it did.
    pub(crate) refused: Option<String>,
}

impl Told {
    fn refused(document: Document, why: &str) -> Self {
        Self { document, refused: Some(why.to_owned()) }
    }
}

enum Attempt {
    Answer(Told),
    /// Why, for people; worth another attempt.
    Again(String),
}

impl ApiClient {
    pub(crate) fn new(config: &CommandsHandlerConfig) -> Result<Self, HandlersError> {
        let http = reqwest::Client::builder()
            .timeout(API_ATTEMPT_TIMEOUT)
            .connect_timeout(Duration::from_secs(2))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| HandlersError::Client(error.to_string()))?;
        Ok(Self {
            http,
            url: config.commands_url.trim_end_matches('/').to_owned(),
            key: config.cluster_key.clone(),
            patience: config.patience,
        })
    }

    /// The answer to a command, whatever happens. Asked again with the same event id it takes effect
    /// once.
    pub(crate) async fn ask(&self, command: &str, event_id: &str, invocation: &Invocation) -> Told {
        let trace = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(event_id.as_bytes()));
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let why = match self.attempt(command, event_id, &trace, invocation).await {
                Attempt::Answer(told) => return told,
                Attempt::Again(why) => why,
            };
            metrics::counter!("miso_handlers_api_retries_total").increment(1);
            if began.elapsed() + pause >= self.patience {
                tracing::warn!(command, trace, why, "the commands API did not answer in time");
                let text = "I cannot do that right now: a part of me is not answering. Please try again in a moment.";
                let document = Document::text(Colour::Error, text).footer(format!("trace {trace}"));
                return Told::refused(document, "no-answer");
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn attempt(&self, command: &str, event_id: &str, trace: &str, invocation: &Invocation) -> Attempt {
        let name = command.replace(' ', "%20");
        let mut request = self
            .http
            .post(format!("{}/v1/commands/{name}", self.url))
            .header("idempotency-key", event_id)
            .header("traceparent", format!("00-{trace}-{}-01", &trace[..16]))
            .json(invocation);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Attempt::Again(error.without_url().to_string()),
        };
        let status = response.status().as_u16();
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= ANSWER_BYTES => body.extend_from_slice(&chunk),
                Ok(Some(_)) => return Attempt::Answer(unreadable(trace)),
                Ok(None) => break,
                Err(error) => return Attempt::Again(error.without_url().to_string()),
            }
        }
        understood(status, &body, trace)
    }
}

/// What an answer means. Pure.
fn understood(status: u16, body: &[u8], trace: &str) -> Attempt {
    if (200..300).contains(&status) {
        let read = serde_json::from_slice(body).map(|document| Told { document, refused: None });
        return Attempt::Answer(read.unwrap_or_else(|_| unreadable(trace)));
    }
    let problem = serde_json::from_slice::<Problem>(body);
    // With a problem of the API's own, a 502 is its answer about a service behind it: it has tried.
    if matches!(status, 408 | 429 | 503 | 504) || (status == 502 && problem.is_err()) {
        return Attempt::Again(format!("status {status}"));
    }
    if status == 401 {
        tracing::error!("the commands API wants another MISO_CLUSTER_KEY than this process has");
    }
    Attempt::Answer(match problem {
        Ok(problem) if status != 401 => Told::refused(problem.document(), problem.slug()),
        Ok(_) | Err(_) => unreadable(trace),
    })
}

fn unreadable(trace: &str) -> Told {
    let document = Document::text(Colour::Error, "Something went wrong inside me.").footer(format!("trace {trace}"));
    Told::refused(document, "unreadable")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_shown_refusals_told_and_outages_tried_again() {
        let shown = |status, body: &str| match understood(status, body.as_bytes(), "t1") {
            Attempt::Answer(Told { document, .. }) => Ok((document.colour, document.text.unwrap_or_default())),
            Attempt::Again(why) => Err(why),
        };
        assert_eq!(shown(200, r#"{"text":"hi","colour":"success"}"#), Ok((Colour::Success, "hi".to_owned())));
        let problem = r#"{"type":"urn:miso:problem:x","title":"x","status":403,"detail":"You need it."}"#;
        assert_eq!(shown(403, problem), Ok((Colour::Warning, "You need it.".to_owned())));
        for status in [429, 503, 504] {
            assert!(shown(status, problem).is_err(), "{status}");
        }
        assert!(shown(502, "<html>").is_err(), "a proxy's");
        assert_eq!(shown(502, problem), Ok((Colour::Warning, "You need it.".to_owned())), "the API's own");
        for (status, body) in [(200, "<html>"), (500, "oops"), (401, problem)] {
            let (colour, text) = shown(status, body).expect("told");
            assert_eq!((colour, text.as_str()), (Colour::Error, "Something went wrong inside me."), "{status}");
        }
    }
}
