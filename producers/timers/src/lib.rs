//! Durable timers: what is due when, from the log, into the log.
//!
//! `timers` (compacted, key = timer id) holds what is due when; only the decider writes it. An owner
//! of a partition holds that partition in memory, sleeps until the next timer is due, and appends the
//! request `TimerDue` to `bot.requests`. The decider checks it, does what is due, and takes the timer
//! out; until that is seen here the request is sent again, under the same id, so that it takes effect
//! once. What became due while nobody ran is asked for at the start: late, but not lost.
//!
//! The decisions are in [`schedule`]; `partition` reads, sleeps and writes.

mod partition;
pub mod schedule;

use std::sync::Arc;

use miso_log::catalogue::TIMERS;
use miso_log::{LogError, Owned, Schemas, SharedLog, run_owned};
use tokio_util::sync::CancellationToken;

/// The group whose members share the partitions of `timers`.
pub const GROUP: &str = "miso.timers";

/// The kind of the request that says a timer is due. Its body: `timer_id`, `due_ms`.
pub const TIMER_DUE: &str = "TimerDue";

/// The role ended; a restart may mend it.
#[derive(Debug, thiserror::Error)]
pub enum TimersError {
    /// The log failed in a way that waiting does not mend.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Says when timers are due, for the partitions that this process owns, until cancelled.
///
/// # Errors
/// See [`TimersError`]. A log that is away is waited for.
pub async fn run(log: SharedLog, cancel: CancellationToken) -> Result<(), TimersError> {
    let schemas = Arc::new(Schemas::open(log.clone()).await?);
    let work = |owned: Owned| partition::run(owned, log.clone(), Arc::clone(&schemas));
    run_owned(log.clone(), GROUP, TIMERS, cancel, || {}, work).await
}
