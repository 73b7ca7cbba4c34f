//! The command-line verbs, a file each.

pub(crate) mod actions;
pub(crate) mod backup;
mod capture;
pub(crate) mod command;
pub(crate) mod completions;
pub(crate) mod count;
pub(crate) mod demo;
mod demo_history;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod group;
pub(crate) mod lag;
pub(crate) mod models;
mod names;
mod nearest;
pub(crate) mod out;
pub(crate) mod parked;
mod progress;
pub(crate) mod replay;
mod replay_state;
pub(crate) mod say;
pub(crate) mod schema;
mod selection;
pub(crate) mod simulator;
pub(crate) mod tail;
pub(crate) mod topics;
pub(crate) mod trace;

use miso_log::{Span, Topic};

/// Exit code of a comparison that found differences, and of a value over its threshold.
pub(crate) const DIFFERENT: u8 = 3;
/// Exit code of what stopped early and can be gone on with.
pub(crate) const STOPPED: u8 = 4;
/// Exit code of what would change something and was not told `--yes`.
pub(crate) const NEEDS_YES: u8 = 5;

/// A wrong call: says what to type instead.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub String);

/// Unix milliseconds.
pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// What was asked for and is gone by retention is said, never left out in silence.
fn tell_missing(topic: Topic, missing: &[Span]) {
    for span in missing.iter().take(3) {
        eprintln!(
            "miso: {topic:?} partition {} begins at offset {}: {} to {} are gone by retention",
            span.partition, span.to, span.from, span.to
        );
    }
    if missing.len() > 3 {
        eprintln!("miso: so do {} more partitions", missing.len() - 3);
    }
}
