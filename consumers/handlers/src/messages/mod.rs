//! Finding commands among messages.

pub(crate) mod message;
pub(crate) mod prefixes;
pub(crate) mod recognise;
pub(crate) mod scan;

use std::sync::Arc;

use miso_discord_state::DiscordState;
use miso_log::catalogue::{AGGREGATES, BOT_COMMANDS, GATEWAY_EVENTS};
use miso_log::{Append, Record, SharedLog};
use miso_model::{BotCommand, EventView, LogRecord, UserId, slot};
use tokio_util::sync::CancellationToken;

use self::message::Message;
use self::prefixes::Prefixes;
use self::recognise::recognise;
use self::scan::may_be_command;
use crate::HandlersError;
use crate::clock::now_ms;
use crate::gateway::{Handler, follow};
use crate::parked::parked;

/// Bytes of a MESSAGE_CREATE that may be a command, at most; a larger one is parked. Leaves room for
/// the rest of the record under the topic's bound.
const COMMAND_MESSAGE_BYTES: usize = BOT_COMMANDS.0.max_record_bytes - 64 * 1_024;

/// The consumer group of the message handler.
pub const GROUP: &str = "miso.messages";

/// Finds commands among the messages, until cancelled. Prefixes come from `bot.settings`, folded to
/// its end before the first message is looked at.
///
/// # Errors
/// See [`HandlersError`]. A log that is away is waited for.
pub async fn run_messages(
    log: SharedLog,
    state: Arc<DiscordState>,
    cancel: CancellationToken,
) -> Result<(), HandlersError> {
    let prefixes = tokio::select! {
        () = cancel.cancelled() => return Ok(()),
        prefixes = Prefixes::fold(&log) => prefixes?,
    };
    follow(log, Arc::clone(&state), Messages { state, prefixes, own: None }, cancel).await
}

struct Messages {
    state: Arc<DiscordState>,
    prefixes: Prefixes,
    /// The bot's user, once it is known.
    own: Option<UserId>,
}

impl Handler for Messages {
    const GROUP: &'static str = GROUP;

    fn needs_state(_: &str) -> bool {
        false
    }

    fn event(&mut self, event: &EventView<'_>, record: &Record, out: &mut Vec<Append>) {
        if event.event_type != "MESSAGE_CREATE" {
            return;
        }
        let prefix = self.prefixes.of(event.guild_id);
        if !may_be_command(event.d, prefix.as_bytes()) {
            return;
        }
        let message = match Message::read(event.d) {
            Ok(message) => message,
            Err(error) => {
                out.push(parked(GROUP, GATEWAY_EVENTS, record, "malformed_payload", &place_of(&error)));
                return;
            }
        };
        if !message.is_from_a_person() {
            return;
        }
        if self.own.is_none() {
            self.own = self.state.own_user().map(|own| own.id);
        }
        if event.d.len() > COMMAND_MESSAGE_BYTES {
            out.push(parked(GROUP, GATEWAY_EVENTS, record, "too_large", "the message is too large for bot.commands"));
            return;
        }
        let Some((prefix, line)) = recognise(&message.content, prefix, self.own) else { return };
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
        let partition = slot(command.channel_id) % AGGREGATES;
        // Kept from now on, however long the message has waited.
        out.push(Append::new(BOT_COMMANDS, partition, command.to_bytes(), now_ms()));
        metrics::counter!("miso_handlers_commands_recognised_total").increment(1);
    }

    async fn update(&mut self) -> Result<(), HandlersError> {
        self.prefixes.update().await
    }
}

/// Where JSON is wrong, without the JSON.
fn place_of(error: &serde_json::Error) -> String {
    format!("{:?} at line {}, column {}", error.classify(), error.line(), error.column())
}
