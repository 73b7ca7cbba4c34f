//! The bot over a real log, a real store and a real commands API: events in, actions out.

mod answers;
mod chaos;
mod outages;
mod prefixes;
mod setup;
