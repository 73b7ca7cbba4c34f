//! Was this message sent? Asked when the nonce's window is over: first our own MESSAGE_CREATE in
//! the log, by nonce; then the channel's messages since, by author, content and time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use memchr::memmem;
use miso_log::catalogue::{GATEWAY_EVENTS, REST_ACTIONS, REST_LEDGER};
use miso_log::{Log, ReadError, SharedLog, Topic};
use miso_model::{Action, EventView, LogRecord, Outcome};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::handle::{GetError, SenderHandle};
use crate::nonce::json_part;
use crate::wire::content_type;

/// Pages of 100 messages that are looked through, at most; beyond, the effect stays unknown.
pub const MAX_PAGES: usize = 10;
/// Clocks of Discord and of this machine differ by no more than this, milliseconds.
const SKEW_MS: i64 = 5_000;
const DISCORD_EPOCH_MS: i64 = 1_420_070_400_000;
/// A partition without news for so long has told all it holds (its last offsets may be holes).
const END_OF_PARTITION: Duration = Duration::from_secs(2);

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Looked {
    /// The message, as Discord tells it.
    Found(Bytes),
    /// It was never sent: it may be sent again.
    NotSent,
    /// There is no way to tell.
    NoTelling,
    /// Not now: look again.
    Later,
}

/// Looks for the message of `action`, whose first attempt began at `since_ms`.
pub(crate) async fn look(
    log: &SharedLog,
    handle: &Arc<SenderHandle>,
    action: &Action,
    nonce: &str,
    author: Option<u64>,
    since_ms: i64,
) -> Looked {
    let channel = action.path.split('/').nth(2).and_then(|id| id.parse::<u64>().ok());
    let Some(channel) = channel else { return Looked::NoTelling };
    match in_events(log, channel, nonce, since_ms - SKEW_MS).await {
        Ok(Some(message)) => return Looked::Found(message),
        Ok(None) => {}
        Err(error) => {
            tracing::warn!(%error, "events cannot be searched for a message; asking Discord");
        }
    }
    let Some(author) = author else { return Looked::NoTelling };
    let body = json_part(content_type(action), &action.body);
    let body: Value =
        body.and_then(|(from, to)| serde_json::from_slice(&action.body[from..to]).ok()).unwrap_or_default();
    let content = body["content"].as_str().unwrap_or_default().trim().to_owned();
    if content.is_empty() {
        return Looked::NoTelling;
    }
    among_recent(handle, channel, author, &content, since_ms).await
}

async fn among_recent(handle: &Arc<SenderHandle>, channel: u64, author: u64, content: &str, since_ms: i64) -> Looked {
    let mut after = u64::try_from(since_ms - SKEW_MS - DISCORD_EPOCH_MS).unwrap_or_default() << 22;
    for _ in 0..MAX_PAGES {
        let path = format!("/channels/{channel}/messages?limit=100&after={after}");
        let answer = match handle.get(&path).await {
            Ok(answer) if answer.status == 200 => answer,
            Ok(answer) if answer.status < 500 => return Looked::NoTelling,
            Ok(_) | Err(GetError::NoAnswer | GetError::TooLong | GetError::Full) => return Looked::Later,
            Err(GetError::Absent) => return Looked::Later,
        };
        let Ok(messages) = serde_json::from_slice::<Vec<&RawValue>>(&answer.body) else { return Looked::NoTelling };
        let mut newest = after;
        for raw in &messages {
            let Ok(message) = serde_json::from_str::<Value>(raw.get()) else { continue };
            let id = message["id"].as_str().and_then(|id| id.parse::<u64>().ok()).unwrap_or_default();
            newest = newest.max(id);
            let by = message["author"]["id"].as_str().and_then(|id| id.parse::<u64>().ok());
            if by == Some(author) && message["content"].as_str().map(str::trim) == Some(content) {
                return Looked::Found(Bytes::copy_from_slice(raw.get().as_bytes()));
            }
        }
        if messages.len() < 100 || newest == after {
            return Looked::NotSent;
        }
        after = newest;
    }
    Looked::NoTelling
}

async fn in_events(log: &SharedLog, channel: u64, nonce: &str, since_ms: i64) -> Result<Option<Bytes>, String> {
    let quoted = json!(nonce).to_string();
    let mut found = None;
    // The channel's guild, and so the partition, is not known here: all are read.
    for partition in 0..GATEWAY_EVENTS.partitions {
        scan(log, GATEWAY_EVENTS, partition, since_ms, &mut |value| {
            if let Ok(Some(event)) = EventView::decode(value)
                && event.event_type == "MESSAGE_CREATE"
                && event.channel_id.is_some_and(|id| id.0 == channel)
                && memmem::find(event.d, quoted.as_bytes()).is_some()
                && serde_json::from_slice::<Value>(event.d).is_ok_and(|message| message["nonce"] == json!(nonce))
            {
                found = Some(Bytes::copy_from_slice(event.d));
            }
            found.is_some()
        })
        .await?;
        if found.is_some() {
            break;
        }
    }
    Ok(found)
}

/// The outcome of an action that was finished earlier, for one that takes its result.
pub(crate) async fn find_outcome(
    log: &SharedLog,
    partition: i32,
    at: (bool, i64),
    since_ms: i64,
) -> Result<Option<Outcome>, String> {
    let mut found = None;
    scan(log, REST_LEDGER, partition, since_ms - SKEW_MS, &mut |value| {
        if Outcome::codec().wrote(value)
            && let Ok(outcome) = Outcome::from_bytes(value)
            && (outcome.interactions, outcome.action_offset) == at
        {
            found = Some(outcome);
        }
        found.is_some()
    })
    .await?;
    Ok(found)
}

/// One record by its offset; `None`: it is gone.
pub(crate) async fn record_at(log: &SharedLog, interactions: bool, partition: i32, offset: i64) -> Option<Bytes> {
    let topic = if interactions { miso_log::catalogue::REST_INTERACTIONS } else { REST_ACTIONS };
    let mut reader = log.reader(topic, &[(partition, offset)]);
    loop {
        match reader.next().await {
            Ok(batch) => {
                let record = batch.iter().next()?;
                return (record.offset == offset).then(|| record.value.clone()).flatten();
            }
            Err(ReadError::BehindRetention { .. } | ReadError::Closed) => return None,
            Err(ReadError::Unavailable(_)) => tokio::time::sleep(crate::takeover::RETRY).await,
        }
    }
}

/// Calls `visit` with every value from `since_ms` to the present end, until it answers `true`.
async fn scan(
    log: &SharedLog,
    topic: Topic,
    partition: i32,
    since_ms: i64,
    visit: &mut (dyn FnMut(&[u8]) -> bool + Send),
) -> Result<(), String> {
    let log: &dyn Log = &**log;
    let text = |error: miso_log::LogError| error.to_string();
    let from = log.offset_at(topic, partition, since_ms).await.map_err(text)?;
    let end = log.bounds(topic, partition).await.map_err(text)?.latest;
    let mut reader = log.reader(topic, &[(partition, from)]);
    while reader.position(partition).is_some_and(|position| position < end) {
        let batch = match tokio::time::timeout(END_OF_PARTITION, reader.next()).await {
            Err(_) => return Ok(()),
            Ok(Ok(batch)) => batch,
            Ok(Err(ReadError::BehindRetention { .. })) => continue,
            Ok(Err(error)) => return Err(error.to_string()),
        };
        for record in batch.iter() {
            if record.value.as_ref().is_some_and(|value| visit(value)) {
                return Ok(());
            }
        }
    }
    Ok(())
}
