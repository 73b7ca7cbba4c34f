//! What was said: messages are read back from the log, where their guild's events stand, by time.

use std::collections::HashMap;
use std::time::Duration;

use miso_log::catalogue::GATEWAY_EVENTS;
use miso_log::{Log, LogError, ReadError, SharedLog};
use miso_model::{ChannelId, EventView, GuildId, MessageId, slot};
use serde::Deserialize;

use crate::person::Person;

/// Records that are looked through for a message, at most; what is beyond counts as unknown.
pub const HISTORY_RECORDS: usize = 50_000;
/// And for so long, at most.
pub const HISTORY_TIME: Duration = Duration::from_secs(2);
/// For so long when the handler is behind: others wait.
pub const HISTORY_TIME_BEHIND: Duration = Duration::from_millis(250);
/// A handler that looks at what came so long ago is behind, milliseconds.
const BEHIND_MS: i64 = 10_000;
/// Events stand in the log by the time they came; a message's id tells when Discord made it. Clocks
/// and delays differ by no more than this, milliseconds.
const MARGIN_MS: i64 = 60_000;

/// A message as it was last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) author: Option<Person>,
    pub(crate) content: String,
    pub(crate) attachments: Vec<Attachment>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Attachment {
    #[serde(default)]
    pub(crate) filename: String,
    #[serde(default)]
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) content_type: Option<String>,
}

impl Attachment {
    pub(crate) fn is_image(&self) -> bool {
        self.content_type.as_deref().is_some_and(|kind| kind.starts_with("image/"))
    }
}

/// Where to look for what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) guild: GuildId,
    pub(crate) channel: ChannelId,
    pub(crate) messages: &'a [MessageId],
    /// Only events below this offset count: how it was before them.
    pub(crate) before: Option<i64>,
    /// How long ago that happened for which it is wanted, milliseconds.
    pub(crate) ago_ms: i64,
}

/// The wanted messages, as far as the log still knows them.
pub(crate) async fn said(log: &SharedLog, wanted: Wanted<'_>) -> HashMap<u64, Said> {
    let mut found = HashMap::new();
    let time = if wanted.ago_ms > BEHIND_MS { HISTORY_TIME_BEHIND } else { HISTORY_TIME };
    match tokio::time::timeout(time, search(&**log, wanted, &mut found)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the log cannot be searched for a message"),
        Err(_) => metrics::counter!("miso_handlers_history_cut_total").increment(1),
    }
    found
}

/// The one message.
pub(crate) async fn said_one(
    log: &SharedLog,
    (guild, channel, message): (GuildId, ChannelId, MessageId),
    before: Option<i64>,
    ago_ms: i64,
) -> Option<Said> {
    said(log, Wanted { guild, channel, messages: &[message], before, ago_ms }).await.remove(&message.0)
}

async fn search(log: &dyn Log, wanted: Wanted<'_>, found: &mut HashMap<u64, Said>) -> Result<(), LogError> {
    let Some(oldest) = wanted.messages.iter().map(|message| message.created_ms()).min() else { return Ok(()) };
    let partition = slot(wanted.guild);
    let from = log.offset_at(GATEWAY_EVENTS, partition, oldest - MARGIN_MS).await?;
    let latest = log.bounds(GATEWAY_EVENTS, partition).await?.latest;
    let ends = [(partition, wanted.before.unwrap_or(latest).min(latest))];
    let mut reader = log.reader(GATEWAY_EVENTS, &[(partition, from)]);
    let mut looked = 0;
    loop {
        let batch = match reader.next_before(&ends).await {
            Ok(Some(batch)) => batch,
            Ok(None) => return Ok(()),
            Err(ReadError::BehindRetention { .. }) => continue,
            Err(ReadError::Unavailable(reason)) => return Err(LogError::Unavailable(reason)),
            Err(ReadError::Closed) => return Err(LogError::Closed),
        };
        for record in batch.iter() {
            looked += 1;
            if looked > HISTORY_RECORDS {
                metrics::counter!("miso_handlers_history_cut_total").increment(1);
                return Ok(());
            }
            if record.offset >= ends[0].1 {
                return Ok(());
            }
            if let Some(Ok(Some(event))) = record.value.as_deref().map(EventView::decode) {
                look(&event, &wanted, found);
            }
        }
    }
}

fn look(event: &EventView<'_>, wanted: &Wanted<'_>, found: &mut HashMap<u64, Said>) {
    #[derive(Deserialize)]
    struct Id {
        id: MessageId,
    }
    #[derive(Deserialize)]
    struct Message {
        #[serde(default)]
        content: Option<String>,
        #[serde(default)]
        author: Option<Person>,
        #[serde(default)]
        attachments: Option<Vec<Attachment>>,
    }
    if !matches!(event.event_type, "MESSAGE_CREATE" | "MESSAGE_UPDATE") || event.channel_id != Some(wanted.channel) {
        return;
    }
    let Ok(Id { id }) = serde_json::from_slice(event.d) else { return };
    if !wanted.messages.contains(&id) {
        return;
    }
    let Ok(message) = serde_json::from_slice::<Message>(event.d) else { return };
    let said = found.entry(id.0).or_default();
    if let Some(content) = message.content {
        said.content = content;
    }
    if message.author.is_some() {
        said.author = message.author;
    }
    if let Some(attachments) = message.attachments {
        said.attachments = attachments;
    }
}

/// Where a message can be seen.
pub(crate) fn jump_url(guild: GuildId, channel: ChannelId, message: MessageId) -> String {
    format!("https://discord.com/channels/{guild}/{channel}/{message}")
}
