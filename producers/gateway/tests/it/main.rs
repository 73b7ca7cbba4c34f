//! The gateway role against the simulated Discord, on the embedded log. The simulator's journal is
//! the oracle: what it says it emitted to a session must be in the log, once and in order.

mod away;
mod bench;
mod commands;
mod exactly_once;
mod sessions;
