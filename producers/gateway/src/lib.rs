//! Upstream shards: what Discord's gateway dispatches becomes records of `gateway.events`.
//!
//! [`run`] is the role. Its process is given partitions of `gateway.commands`, and with each the
//! shards that it stands for ([`route::owner_of`]). An owner begins with a claim, RESUMEs from the
//! checkpoints that its predecessors left, and appends what comes in transactions of events and
//! checkpoint, one at a time: the checkpoint says exactly what was appended, so whatever happens to
//! the process, Discord replays the rest and repeats are recognised by their sequence.
//!
//! Pure decisions: [`scan`] (a frame's outer fields), [`route`] (an event's partition), `session` (a
//! shard), `outbox` (transactions), `identify` (turns), `commands` (what is sent). `owner` and
//! `connection` act.

mod claim;
mod commands;
mod config;
mod connection;
mod discord;
mod error;
mod identify;
mod incoming;
mod intake;
mod intents;
mod outbox;
mod owner;
pub mod route;
mod run;
pub mod scan;
mod session;
mod status;

pub use config::{BUFFER_BYTES, GatewayConfig, IntentsChoice, Shards};
pub use error::GatewayError;
pub use run::{run, run_with_status};
pub use status::{GatewayStatus, JOINING, STARTING, ShardStatus};
