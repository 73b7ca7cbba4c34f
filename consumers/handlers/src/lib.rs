//! The bot: message, command and event handlers, as consumer groups of the log.
//!
//! - [`run_messages`], group `miso.messages` over `gateway.events`: finds messages that are commands, or hold
//!   links that are shown by themselves, and appends them to `bot.commands`; counts what members write, tells
//!   who asked for a word.
//! - [`run_commands`], group `miso.commands` over `bot.commands`: parses arguments, asks the commands
//!   API or shows Discord's data or says a guild's own text, and appends the answer to `rest.actions`.
//! - [`run_events`], group `miso.events` over `gateway.events`: greetings, goodbyes, roles for new
//!   members, logs, stars.
//! - [`run_facts`], group `miso.facts` over `bot.facts`: levels, reminders, the starboard.
//!
//! Effects and positions are one transaction: a handler that dies anywhere has answered a command
//! or will, once.

mod action;
mod ask;
mod clock;
mod commands;
mod counts;
mod events;
mod facts;
mod following;
mod form;
mod gateway;
mod guild;
mod history;
mod joins;
mod messages;
mod parked;
mod person;
mod place;
mod placeholders;
mod settings;
mod text;

use miso_log::LogError;

pub use commands::{
    API_ATTEMPT_TIMEOUT, API_PATIENCE, ATTACHMENT_BATCH_BYTES, ATTACHMENT_TIMEOUT, COMMAND_BATCH, CONCURRENT_CHANNELS,
    CommandsHandlerConfig, GROUP as COMMANDS_GROUP, MAX_ATTACHMENT_BYTES, MAX_ATTACHMENTS, MESSAGE_ATTACHMENT_BYTES,
    run_commands,
};
pub use events::{DEFAULT_PANEL_URL, EventsHandlerConfig, GROUP as EVENTS_GROUP, run_events};
pub use facts::{GROUP as FACTS_GROUP, run_facts};
pub use following::{LAZY_COMMIT_EVENTS, LAZY_COMMIT_INTERVAL, WAITING_RECORDS, WORKS_AT_ONCE};
pub use history::{HISTORY_RECORDS, HISTORY_TIME, HISTORY_TIME_BEHIND};
pub use joins::Joins;
pub use messages::passive::NOTIFIED;
pub use messages::recipients::{NOTIFIED_PER_PERSON, NOTIFIED_WITHIN_MS};
pub use messages::scan::may_be_command;
pub use messages::{COUNTS_WITHIN, GROUP as MESSAGES_GROUP, MessagesHandlerConfig, run_messages};

/// A handler ended; a restart may mend it.
#[derive(Debug, thiserror::Error)]
pub enum HandlersError {
    /// The log failed in a way that waiting does not mend.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The client for the commands API cannot be built.
    #[error("the HTTP client cannot be built: {0}")]
    Client(String),
}
