//! Durability: one thread runs `fdatasync` on the WAL beside the writer and tells who waits.

use std::fs::File;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::queue::{Answer, WriteError};

/// How long data that nobody waits for stays unsynced: with the sync itself, less than 50 ms.
pub const ORDERED_SYNC_DELAY: Duration = Duration::from_millis(35);

/// Told after each completed `fdatasync`, before anybody who waited: the length of the WAL that was
/// there when it began. For tests that cut the power.
pub type OnSynced = Arc<dyn Fn(u64) + Send + Sync>;

#[derive(Default)]
struct State {
    /// Committed and not yet synced, since when.
    dirty_since: Option<Instant>,
    waiting: Vec<(oneshot::Sender<Answer>, Vec<i64>)>,
    /// A sync failed: what the disk holds is unknown until the file is opened anew.
    failed: Option<String>,
    closed: bool,
}

#[derive(Default)]
pub(super) struct Syncer {
    state: Mutex<State>,
    wake: Condvar,
}

impl Syncer {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A transaction was committed; those who wait for the disk are answered after the next sync.
    pub(super) fn committed(&self, waiting: Vec<(oneshot::Sender<Answer>, Vec<i64>)>) {
        let mut state = self.state();
        let wake = state.dirty_since.is_none() || (state.waiting.is_empty() && !waiting.is_empty());
        if state.dirty_since.is_none() {
            state.dirty_since = Some(Instant::now());
        }
        state.waiting.extend(waiting);
        drop(state);
        if wake {
            self.wake.notify_one();
        }
    }

    /// Why nothing can be written any more.
    pub(super) fn failed(&self) -> Option<String> {
        self.state().failed.clone()
    }

    /// The thread ends when everything is synced.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.wake.notify_one();
    }

    /// The thread's loop. Blocks without a timer while nothing is dirty.
    pub(super) fn run(&self, wal: &File, on_synced: Option<&OnSynced>) {
        loop {
            let mut state = self.state();
            loop {
                let Some(since) = state.dirty_since else {
                    if state.closed {
                        return;
                    }
                    state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                    continue;
                };
                let left = ORDERED_SYNC_DELAY.saturating_sub(since.elapsed());
                if left.is_zero() || state.closed || !state.waiting.is_empty() {
                    break;
                }
                state = self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            }
            state.dirty_since = None;
            let waiting = std::mem::take(&mut state.waiting);
            drop(state);

            let began = Instant::now();
            let length = if on_synced.is_some() { wal.metadata().map_or(0, |meta| meta.len()) } else { 0 };
            let result = wal.sync_data();
            metrics::histogram!("miso_log_fsync_seconds").record(began.elapsed().as_secs_f64());
            match result {
                Ok(()) => {
                    if let Some(told) = on_synced {
                        told(length);
                    }
                    for (answer, offsets) in waiting {
                        let _ = answer.send(Ok(offsets));
                    }
                }
                Err(error) => {
                    let text = format!(
                        "the disk refused to sync ({error}), so what it holds is unknown; check the disk, then restart"
                    );
                    tracing::error!(%error, "fdatasync of the log failed; it takes no more records");
                    self.state().failed = Some(text.clone());
                    for (answer, _) in waiting {
                        let _ = answer.send(Err(WriteError::Unavailable(text.clone())));
                    }
                }
            }
        }
    }
}
