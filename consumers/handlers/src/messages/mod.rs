//! Finding commands, and links that are shown by themselves, among messages and pressed buttons, and what
//! else follows from messages: experience, notifications, counts.

mod activity;
mod keywords;
mod links;
pub(crate) mod message;
pub(crate) mod passive;
pub(crate) mod recipients;
pub(crate) mod recognise;
pub(crate) mod scan;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use miso_command_catalogue::{CATALOGUE, Found};
use miso_discord_state::DiscordState;
use miso_log::catalogue::{AGGREGATES, BOT_COMMANDS, GATEWAY_EVENTS};
use miso_log::{Append, Record, SharedLog};
use miso_model::{BotCommand, EventView, LogRecord, UserId, slot};
use tokio_util::sync::CancellationToken;

use self::activity::{Writing, worth};
use self::links::may_hold_link;
use self::message::Message;
use self::passive::Heard;
use self::recipients::Recipients;
use self::recognise::recognise;
use self::scan::may_be_command;
use self::settings::{GuildMessages, MessageSettings};
use crate::action::Cause;
use crate::clock::now_ms;
use crate::commands::media::taken_away;
use crate::commands::pages::pressed;
use crate::counts::{Counted, Counts};
use crate::following::Work;
use crate::gateway::{EventHandler, follow};
use crate::parked::{parked, place_of};
use crate::place::among;
use crate::settings::Followed;
use crate::{HandlersError, Joins, LAZY_COMMIT_INTERVAL};

/// Bytes of a MESSAGE_CREATE that may be a command, at most; a larger one is parked. Leaves room for
/// the rest of the record under the topic's bound.
const COMMAND_MESSAGE_BYTES: usize = BOT_COMMANDS.0.max_record_bytes - 64 * 1_024;

/// The consumer group of the message handler.
pub const GROUP: &str = "miso.messages";

/// Messages are only counted: what was counted of a partition is told so often, at the most, and the
/// position waits with it. After a crash so much is read again.
pub const COUNTS_WITHIN: Duration = Duration::from_secs(10);

/// Section of the configuration.
#[derive(Debug, Clone)]
pub struct MessagesHandlerConfig {
    /// How long counts and the positions behind them may wait: [`COUNTS_WITHIN`].
    pub counts_within: Duration,
}

impl Default for MessagesHandlerConfig {
    fn default() -> Self {
        Self { counts_within: COUNTS_WITHIN }
    }
}

/// Finds commands and links among the messages, counts what members write, and tells who asked for a word,
/// until cancelled: all in the transactions that pass the messages. Settings come
/// from `bot.settings`, folded to its end before the first message is looked at.
///
/// # Errors
/// See [`HandlersError`]. A log that is away is waited for.
pub async fn run_messages(
    config: MessagesHandlerConfig,
    log: SharedLog,
    state: Arc<DiscordState>,
    joins: Joins,
    cancel: CancellationToken,
) -> Result<(), HandlersError> {
    let settings = tokio::select! {
        () = cancel.cancelled() => return Ok(()),
        settings = Followed::prepared(&log, &state) => settings?,
    };
    let messages = Messages {
        config,
        state: Arc::clone(&state),
        settings,
        own: None,
        writing: Writing::default(),
        counts: Counts::default(),
        recipients: Recipients::default(),
    };
    follow(log, state, messages, &joins, cancel).await
}

struct Messages {
    config: MessagesHandlerConfig,
    state: Arc<DiscordState>,
    settings: Followed<MessageSettings>,
    /// The bot's user, once it is known.
    own: Option<UserId>,
    writing: Writing,
    counts: Counts,
    recipients: Recipients,
}

impl EventHandler for Messages {
    const GROUP: &'static str = GROUP;

    /// Where it matters, it is waited for.
    fn needs_state(_: &str) -> bool {
        false
    }

    async fn event(&mut self, event: &EventView<'_>, record: &Record, out: &mut Vec<Append>) -> Option<Work> {
        if event.event_type == "INTERACTION_CREATE" {
            out.extend(turned(event, record));
            out.extend(taken_away(event, now_ms()));
        }
        if event.event_type != "MESSAGE_CREATE" {
            return None;
        }
        if let Some(guild) = event.guild_id {
            self.counts.add(record.partition, guild, event.received_at_ms, Counted::Message);
        }
        // Most messages concern nothing of this, and are not parsed.
        let view = &self.settings.view;
        let settings = view.of(event.guild_id);
        let command = may_be_command(event.d, GuildMessages::prefix(settings).as_bytes());
        if settings.is_some_and(GuildMessages::counts_not_everywhere)
            && event.channel_id.is_some_and(|channel| self.state.channel_guild(channel).is_none())
        {
            // A new thread, perhaps: whose it is must be known.
            self.state.wait_folded(record.partition, record.offset + 1).await;
        }
        let ignores = |channels: &[u64], channel| among(&self.state, channels, channel);
        let counted = view.counts(settings, event.channel_id, event.user_id, ignores);
        let watched = event.guild_id.is_some() && !view.keywords.is_empty();
        let linked = settings.is_some_and(|settings| settings.embeds.is_some()) && may_hold_link(event.d);
        if !(command || counted || watched || linked) {
            return None;
        }
        match Message::read(event.d) {
            Ok(message) if message.is_from_a_person() => self.heard(event, record, &message, out).await,
            Ok(_) => {}
            Err(error) => out.push(parked(GROUP, GATEWAY_EVENTS, record, "malformed_payload", &place_of(&error))),
        }
        None
    }

    fn gathered(&mut self, partition: i32, next: i64) -> Vec<Append> {
        let now_ms = now_ms();
        let mut requests = self.writing.take(GROUP, partition, next, now_ms);
        requests.extend(self.counts.take(GROUP, partition, next, now_ms));
        requests
    }

    fn patience(&self, partition: i32) -> Duration {
        let only_counts = self.writing.is_empty(partition) && !self.counts.is_empty(partition);
        if only_counts { self.config.counts_within } else { LAZY_COMMIT_INTERVAL.min(self.config.counts_within) }
    }

    fn forget(&mut self, partition: i32) {
        self.writing.forget(partition);
        self.counts.forget(partition);
    }

    async fn update(&mut self) -> Result<(), HandlersError> {
        self.settings.update().await
    }
}

/// A button under a list says its command again.
fn turned(event: &EventView<'_>, record: &Record) -> Option<Append> {
    let command = pressed(event, record.partition, record.offset).filter(|_| event.d.len() <= COMMAND_MESSAGE_BYTES)?;
    Some(append(&command))
}

impl Messages {
    /// A person wrote something that may matter.
    async fn heard(&mut self, event: &EventView<'_>, record: &Record, message: &Message<'_>, out: &mut Vec<Append>) {
        if self.own.is_none() {
            self.own = self.state.own_user().map(|own| own.id);
        }
        let view = &self.settings.view;
        let settings = view.of(event.guild_id);
        let ignores = |channels: &[u64], channel| among(&self.state, channels, channel);
        if let Some(guild) = event.guild_id
            && view.counts(settings, Some(message.channel_id), Some(message.author.id), ignores)
        {
            let xp = worth(&message.content, message.attachments.len());
            let at = (message.author.id, message.channel_id);
            self.writing.add(record.partition, guild, at, xp, event.received_at_ms);
        }
        let called = recognise(&message.content, GuildMessages::prefix(settings), self.own);
        let known = called.is_some_and(|(_, line)| matches!(CATALOGUE.find(line), Found::Command { .. }));
        let own = settings.zip(called).is_some_and(|(settings, (_, line))| settings.has_own(line));
        if (known || own)
            && let Some(guild) = event.guild_id
        {
            self.counts.add(record.partition, guild, event.received_at_ms, Counted::Command);
        }
        if let Some((prefix, line)) = called {
            out.push(Self::command(event, record, message, (prefix, line)));
            return;
        }
        let Some(guild) = event.guild_id else { return };
        let embeds = settings.and_then(|settings| settings.embeds.as_ref());
        let links = embeds.and_then(|embeds| Some((embeds, embeds.line(&message.content)?)));
        let found = passive::found(&view.keywords, message, guild);
        if links.is_none() && found.is_empty() {
            return;
        }
        self.state.wait_folded(record.partition, record.offset + 1).await;
        if let Some((embeds, line)) = links
            && event.d.len() <= COMMAND_MESSAGE_BYTES
            && !among(&self.state, &embeds.ignored, message.channel_id)
        {
            metrics::counter!("miso_handlers_links_recognised_total").increment(1);
            // Nobody typed it: no prefix.
            out.push(Self::command(event, record, message, ("", &line)));
        }
        let id = event.id();
        let cause = Cause { group: GROUP, id: &id, now_ms: now_ms() };
        let heard = Heard { cause, guild, state: &self.state, message, d: event.d };
        out.extend(passive::notify(&heard, found, &mut self.recipients));
    }

    fn command(event: &EventView<'_>, record: &Record, message: &Message<'_>, (prefix, line): (&str, &str)) -> Append {
        if event.d.len() > COMMAND_MESSAGE_BYTES {
            return parked(GROUP, GATEWAY_EVENTS, record, "too_large", "the message is too large for bot.commands");
        }
        let command = BotCommand {
            event_id: event.id(),
            guild_id: message.guild_id,
            channel_id: message.channel_id,
            user_id: message.author.id,
            message_id: message.id,
            prefix: prefix.to_owned(),
            line: line.to_owned(),
            message: event.d.to_vec().into(),
            at_ms: event.received_at_ms,
            event_partition: record.partition,
            event_offset: record.offset,
        };
        append(&command)
    }
}

fn append(command: &BotCommand) -> Append {
    metrics::counter!("miso_handlers_commands_recognised_total").increment(1);
    // Kept from now on, however long the message has waited.
    Append::new(BOT_COMMANDS, slot(command.channel_id) % AGGREGATES, command.to_bytes(), now_ms())
}
