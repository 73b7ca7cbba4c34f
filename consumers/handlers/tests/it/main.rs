//! The bot over a real log, a real store and a real commands API: events in, actions out.
//!
//! The log is the embedded one; with `MISO_TEST_KAFKA`, Kafka.

mod answers;
mod chaos;
mod commands;
mod custom;
mod deaths;
mod hindered;
mod media;
mod mortal;
mod outages;
mod passive;
mod prefixes;
mod restoring;
mod setup;
