//! Carries out a program's requests as an HTTP library does: keeps a connection, and repeats what got no answer
//! or a 5xx with the same nonce (`enforce_nonce`) or the same `Idempotency-Key`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use reqwest::header::RETRY_AFTER;
use serde_json::{Value, json};

use super::actions::{Asked, Told};
use super::journal::unix_us;
use super::program::{Effect, Program};

/// One attempt may take so long.
const ATTEMPT: Duration = Duration::from_secs(20);
/// All attempts together.
const GIVE_UP: Duration = Duration::from_secs(60);
/// Rest before an attempt is repeated, drawn between these.
const REST_MS: std::ops::Range<u64> = 30..200;
/// The least a program asks for.
pub(crate) const REQUESTS: usize = 16;
/// The most, while faults still strike.
const MOST_REQUESTS: usize = 160;

/// What the programs and the fault injector know of each other.
#[derive(Debug, Default)]
pub(crate) struct Board {
    /// Requests that are under way.
    pub(crate) open: AtomicUsize,
    /// Requests that were answered.
    pub(crate) answered: AtomicUsize,
    /// No more faults: programs may end.
    pub(crate) over: AtomicBool,
}

/// Where and as whom.
#[derive(Debug, Clone)]
pub(crate) struct Library {
    http: reqwest::Client,
    api: String,
    credential: String,
}

/// A channel in which a program works.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) channel: String,
    /// Id and token.
    pub(crate) webhook: Option<(String, String)>,
}

impl Library {
    pub(crate) fn new(proxy: SocketAddr, credential: &str) -> Self {
        let http = reqwest::Client::builder().timeout(ATTEMPT).build().expect("a client");
        Self { http, api: format!("http://{proxy}/api/v10"), credential: format!("Bot {credential}") }
    }

    /// Asks until there is an answer; the id of the created message comes along.
    pub(crate) async fn ask(&self, place: &Place, effect: Effect, random: &mut StdRng) -> (Asked, Option<String>) {
        let (began, began_us) = (Instant::now(), unix_us());
        let (nonce, key): (u64, u128) = (random.random(), random.random());
        let key = format!("{key:032x}");
        let mut attempts = 0;
        let mut last = String::new();
        let (told, made) = loop {
            if began.elapsed() > GIVE_UP {
                break (Told::Failed(format!("no answer; the last attempt: {last}")), None);
            }
            attempts += 1;
            let mut rest = Duration::from_millis(random.random_range(REST_MS));
            match self.attempt(place, &effect, nonce, &key).await {
                Err(error) => last = format!("{error:?}"),
                Ok(answer) if answer.status == 429 => {
                    last = "429".to_owned();
                    rest = rest.max(answer.retry_after);
                }
                Ok(answer) if answer.is_unknown() => break (Told::Unknown, None),
                Ok(answer) if answer.status >= 500 => last = format!("{} {}", answer.status, answer.body),
                Ok(answer) if (200..300).contains(&answer.status) => {
                    break (Told::Done, answer.body["id"].as_str().map(str::to_owned));
                }
                Ok(answer) => break (Told::Failed(format!("{} {}", answer.status, answer.body)), None),
            }
            tokio::time::sleep(rest).await;
        };
        (Asked { effect, told, attempts, began_us, ended_us: unix_us() }, made)
    }

    async fn attempt(&self, place: &Place, effect: &Effect, nonce: u64, key: &str) -> reqwest::Result<Answer> {
        let (api, channel) = (&self.api, &place.channel);
        let messages = format!("{api}/channels/{channel}/messages");
        let request = match effect {
            Effect::Created { content } => {
                let body = json!({"content": content, "nonce": nonce, "enforce_nonce": true});
                self.http.post(messages).json(&body)
            }
            Effect::Edited { message, content } => {
                self.http.patch(format!("{messages}/{message}")).json(&json!({"content": content}))
            }
            Effect::Deleted { message } => self.http.delete(format!("{messages}/{message}")),
            Effect::Reacted { message, emoji } => self.http.put(format!("{messages}/{message}/reactions/{emoji}/@me")),
            Effect::ThreadMade { name } => {
                let body = json!({"name": name, "type": 11, "auto_archive_duration": 60});
                self.http.post(format!("{api}/channels/{channel}/threads")).json(&body)
            }
            Effect::Executed { content } => {
                let (id, token) = place.webhook.as_ref().expect("only where there is one");
                self.http.post(format!("{api}/webhooks/{id}/{token}?wait=true")).json(&json!({"content": content}))
            }
        };
        let request = match effect {
            Effect::Created { .. } => request,
            _ => request.header("Idempotency-Key", key),
        };
        let response = request.header("Authorization", &self.credential).send().await?;
        let status = response.status().as_u16();
        let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = header.and_then(|seconds| seconds.parse().ok()).unwrap_or(1.0);
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Answer { status, retry_after: Duration::from_secs_f64(retry_after), body })
    }
}

struct Answer {
    status: u16,
    retry_after: Duration,
    body: Value,
}

impl Answer {
    /// Miso says that it does not know whether the request took effect.
    fn is_unknown(&self) -> bool {
        self.status == 409 && self.body["title"] == "unknown_effect"
    }
}

/// Runs a channel's program until it has asked enough and no more faults strike.
pub(crate) async fn run(
    library: Library,
    place: Place,
    number: usize,
    seed: u64,
    pause_ms: u64,
    board: Arc<Board>,
) -> (String, Vec<Asked>) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut program = Program::new(number, place.webhook.is_some());
    let mut done: Vec<Asked> = Vec::new();
    while done.len() < REQUESTS || (!board.over.load(Ordering::Relaxed) && done.len() < MOST_REQUESTS) {
        let effect = program.next(&mut random);
        board.open.fetch_add(1, Ordering::Relaxed);
        let (asked, made) = library.ask(&place, effect, &mut random).await;
        board.open.fetch_sub(1, Ordering::Relaxed);
        board.answered.fetch_add(1, Ordering::Relaxed);
        if let (Effect::Created { .. }, Some(id)) = (&asked.effect, &made) {
            program.created(id);
        }
        let failed = matches!(asked.told, Told::Failed(_));
        done.push(asked);
        if failed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..=pause_ms))).await;
    }
    (place.channel, done)
}
