//! The bot: message, command and event handlers, as consumer groups of the log.
//!
//! - [`run_messages`], group `miso.messages` over `gateway.events`: finds messages that are commands
//!   and appends them to `bot.commands`.
//! - [`run_commands`], group `miso.commands` over `bot.commands`: parses arguments, asks the commands
//!   API or shows Discord's data, and appends the answer to `rest.actions`.
//! - [`run_events`], group `miso.events` over `gateway.events`: joins, leaves, reactions.
//!
//! Effects and positions are one transaction: a handler that dies anywhere has answered a command
//! or will, once.

mod clock;
mod commands;
mod events;
mod gateway;
mod messages;
mod parked;

use miso_log::LogError;

pub use commands::{
    API_ATTEMPT_TIMEOUT, API_PATIENCE, COMMAND_BATCH, CONCURRENT_CHANNELS, CommandsHandlerConfig,
    GROUP as COMMANDS_GROUP, run_commands,
};
pub use events::{GROUP as EVENTS_GROUP, run_events};
pub use gateway::{LAZY_COMMIT_EVENTS, LAZY_COMMIT_INTERVAL};
pub use messages::scan::may_be_command;
pub use messages::{GROUP as MESSAGES_GROUP, run_messages};

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
