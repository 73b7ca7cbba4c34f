use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use miso_command_catalogue::Problem;
use miso_model::{Aggregate, GuildId, Request};
use serde_json::{Value, json};

use super::caller::{Caller, guild_id};
use super::{positioned, read_body, request_id};
use crate::api::Api;
use crate::decide::samples::{ASK_SAMPLE, AskSample};
use crate::problem::Refusal;

/// Samples of a guild in a [`SAMPLES_WINDOW`] at one instance; further ones are answered with 429.
pub const SAMPLES: u32 = 6;
/// How long they are counted.
pub const SAMPLES_WINDOW: Duration = Duration::from_secs(60);
/// Guilds that are counted at once; of more, those whose window is over are forgotten, else all.
const COUNTED_GUILDS: usize = 4_096;

/// How many samples guilds had lately: since when, and how many.
#[derive(Debug, Default)]
pub(crate) struct SampleRate(Mutex<HashMap<GuildId, (Instant, u32)>>);

impl SampleRate {
    /// Counts one, or says how long to wait.
    fn take(&self, guild: GuildId, now: Instant) -> Result<(), Duration> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |since: &Instant| now.saturating_duration_since(*since) >= SAMPLES_WINDOW;
        if counted.len() >= COUNTED_GUILDS && !counted.contains_key(&guild) {
            counted.retain(|_, (since, _)| !over(since));
            if counted.len() >= COUNTED_GUILDS {
                counted.clear();
            }
        }
        let (since, count) = counted.entry(guild).or_insert((now, 0));
        if over(since) {
            (*since, *count) = (now, 0);
        }
        if *count >= SAMPLES {
            return Err(SAMPLES_WINDOW.saturating_sub(now.saturating_duration_since(*since)));
        }
        *count += 1;
        Ok(())
    }
}

/// `POST /v1/guilds/{guild}/samples`: has sent what a module would send, to the channel that is set or to
/// who asks.
pub(crate) async fn ask(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(guild): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let guild = guild_id(&guild)?;
    let context = caller.may_manage(guild)?;
    let sample: AskSample = read_body(body)?;
    api.samples.take(guild, Instant::now()).map_err(|wait| {
        let detail = format!("A server can try {SAMPLES} times a minute. Try again in a moment.");
        let mut problem = Problem::new(429, "too-often", "Too often", detail);
        problem.members.retry_after = Some(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1));
        problem
    })?;
    let aggregate = Aggregate::Guild(guild);
    let request = Request {
        request_id: request_id(&headers)?,
        aggregate: aggregate.to_string(),
        kind: ASK_SAMPLE.to_owned(),
        expected_version: None,
        actor: format!("user/{}", context.user),
        body: json!(sample).to_string().into(),
        at_ms: miso_http::now_ms(),
    };
    let answer = api.ask(aggregate, &request).await?;
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    Ok(positioned(Json(said).into_response(), Some((answer.partition, answer.position))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guild_tries_so_often_and_others_do_not_wait_for_it() {
        let (rate, start) = (SampleRate::default(), Instant::now());
        for _ in 0..SAMPLES {
            assert_eq!(rate.take(GuildId(1), start), Ok(()));
        }
        let later = start + Duration::from_secs(20);
        assert_eq!(rate.take(GuildId(1), later), Err(Duration::from_secs(40)));
        assert_eq!(rate.take(GuildId(2), later), Ok(()));
        assert_eq!(rate.take(GuildId(1), start + SAMPLES_WINDOW), Ok(()));
        for guild in 0..COUNTED_GUILDS as u64 * 2 {
            assert_eq!(rate.take(GuildId(guild + 10), later), Ok(()));
        }
        assert!(rate.0.lock().expect("whole").len() <= COUNTED_GUILDS);
    }
}
