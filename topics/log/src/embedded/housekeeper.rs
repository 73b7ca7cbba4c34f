//! The background thread: checkpoints when the WAL has grown, retention and compaction once a
//! minute while somebody writes. It sleeps without a timer while nobody does.

use std::fs::File;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

use super::file::PAGE_BYTES;
use super::queue::{Chore, Work, WriteError};
use super::{EmbeddedConfig, Inner};
use crate::Kept;

/// A checkpoint pass leaves at most so many frames for the writer to copy between two commits.
const LAST_FRAMES: i64 = 512;
/// Passes of one checkpoint, at most: while writing outruns copying, the rest waits for the next.
const PASSES: usize = 8;

#[derive(Default)]
struct State {
    wal_bytes: i64,
    written: bool,
    closed: bool,
}

#[derive(Default)]
pub(super) struct Housekeeper {
    state: Mutex<State>,
    wake: Condvar,
    checkpoint_bytes: i64,
    interval: Duration,
    tombstone_grace_ms: i64,
}

enum Due {
    Checkpoint,
    Sweep,
    End,
}

impl Housekeeper {
    /// `wal_bytes`: what the WAL holds already.
    pub(super) fn new(config: &EmbeddedConfig, wal_bytes: u64) -> Self {
        let wal_bytes = i64::try_from(wal_bytes).unwrap_or(i64::MAX / 2);
        Self {
            state: Mutex::new(State { wal_bytes, ..State::default() }),
            checkpoint_bytes: config.checkpoint_bytes,
            interval: config.sweep_interval,
            tombstone_grace_ms: config.tombstone_grace_ms,
            ..Self::default()
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// About so many bytes went into the WAL.
    pub(super) fn written(&self, bytes: i64) {
        let mut state = self.state();
        let began = !std::mem::replace(&mut state.written, true);
        let before = state.wal_bytes;
        state.wal_bytes += bytes;
        let full = before < self.checkpoint_bytes && state.wal_bytes >= self.checkpoint_bytes;
        drop(state);
        if began || full {
            self.wake.notify_one();
        }
    }

    pub(super) fn close(&self) {
        self.state().closed = true;
        self.wake.notify_one();
    }

    fn wait(&self, last_sweep: Instant) -> Due {
        let mut state = self.state();
        loop {
            if state.closed {
                return Due::End;
            }
            if state.wal_bytes >= self.checkpoint_bytes {
                state.wal_bytes = 0;
                return Due::Checkpoint;
            }
            if !state.written {
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let left = self.interval.saturating_sub(last_sweep.elapsed());
            if left.is_zero() {
                state.written = false;
                return Due::Sweep;
            }
            state = self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The thread's loop. `file` is the database file itself.
    pub(super) fn run(&self, inner: &Inner, db: &Connection, file: &File) {
        let mut last_sweep = Instant::now();
        loop {
            let result = match self.wait(last_sweep) {
                Due::End => return,
                Due::Checkpoint => checkpoint(inner, db, file),
                Due::Sweep => {
                    let swept = self.sweep(inner);
                    last_sweep = Instant::now();
                    swept
                }
            };
            match result {
                Ok(()) => {}
                Err(WriteError::Closed) => return,
                Err(error) => tracing::warn!(?error, "housekeeping of the log failed; it is tried again"),
            }
        }
    }

    /// Retention and compaction, now.
    pub(super) fn sweep(&self, inner: &Inner) -> Result<(), WriteError> {
        let now_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        for (index, topic) in inner.topics.iter().enumerate() {
            match topic.topic.kept {
                Kept::Forever => {}
                Kept::For(age_ms) => {
                    repeat(inner, Chore::Retain { topic: index, before_ms: now_ms - age_ms })?;
                }
                Kept::Compacted => {
                    repeat(inner, Chore::Compact { topic: index })?;
                    let before_ms = now_ms - self.tombstone_grace_ms;
                    repeat(inner, Chore::Tombstones { topic: index, before_ms })?;
                }
            }
        }
        Ok(())
    }
}

fn repeat(inner: &Inner, chore: Chore) -> Result<(), WriteError> {
    while inner.queue.submit_blocking(Work::Chore(chore))? != [0] {}
    Ok(())
}

/// Copies the WAL into the database beside the writer, until little is left; syncs the database
/// while that stalls nobody; then the writer copies the rest between two commits, and its next
/// commit starts the WAL anew.
fn checkpoint(inner: &Inner, db: &Connection, file: &File) -> Result<(), WriteError> {
    let began = Instant::now();
    for _ in 0..PASSES {
        let (frames, copied): (i64, i64) = db
            .query_row("pragma wal_checkpoint(passive)", [], |row| Ok((row.get(1)?, row.get(2)?)))
            .map_err(|error| WriteError::Unavailable(error.to_string()))?;
        metrics::gauge!("miso_log_wal_bytes").set((frames * PAGE_BYTES) as f64);
        if frames - copied <= LAST_FRAMES {
            file.sync_data().map_err(|error| WriteError::Unavailable(error.to_string()))?;
            inner.queue.submit_blocking(Work::Chore(Chore::FinishCheckpoint))?;
            break;
        }
    }
    metrics::histogram!("miso_log_checkpoint_seconds").record(began.elapsed().as_secs_f64());
    Ok(())
}
