//! Discord's state, as the events in the log tell it.
//!
//! [`DiscordState::start`] restores the last checkpoint (`discord.state`), folds `gateway.events`
//! from there on and keeps folding. Every process that needs the state has its own fold; a record is
//! folded before it is dispatched ([`DiscordState::wait_folded`]), so what a handler is told about a
//! guild never misses what its stream will not tell.
//!
//! Objects are kept as Discord's JSON, whole: an unknown field passes through. The decisions are in
//! the pure modules (`partition`, `guild`); `driver` reads, locks and writes.

mod checkpoint;
mod driver;
#[cfg(test)]
mod fold_tests;
mod guild;
mod key;
mod listing;
mod object;
mod partition;
pub mod permissions;
mod permitted;
mod snapshot;
mod state;

pub use partition::{FoldError, Partition};
pub use snapshot::GuildSnapshot;
pub use state::{DiscordState, LARGE_THRESHOLD, OwnUser, StateConfig, StateError};
