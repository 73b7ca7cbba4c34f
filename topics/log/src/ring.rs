use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::Record;

/// Bytes of recent records (values and keys) kept in memory per topic. Beyond it the oldest batch
/// goes; a reader that has not seen it reads the engine instead.
pub const RING_BYTES: usize = 32 * 1_024 * 1_024;

/// Recent batches of one topic, shared by all readers in the process: whoever reads at the head
/// touches no disk, and bytes are never copied.
#[derive(Debug)]
pub struct Ring {
    state: Mutex<State>,
    /// Number of the next batch; bumped on every publication.
    next: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    batches: VecDeque<Arc<Vec<Record>>>,
    /// Number of `batches[0]`.
    first: u64,
    bytes: usize,
    /// Per partition: every visible record at or above this offset is in `batches`.
    from: Vec<i64>,
    closed: bool,
}

/// What a cursor finds.
pub(crate) enum Look {
    Batch(Arc<Vec<Record>>),
    /// Its batch is gone: read the engine.
    Evicted,
    NotYet,
    Closed,
}

impl Ring {
    /// A ring that covers, per partition, the offsets from the given one on (`i64::MAX`: nothing yet).
    #[must_use]
    pub fn new(from: Vec<i64>) -> Self {
        let state = State { batches: VecDeque::new(), first: 0, bytes: 0, from, closed: false };
        Self { state: Mutex::new(state), next: watch::Sender::new(0) }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds records that have just become visible, in offset order per partition, and wakes readers.
    pub fn publish(&self, records: Vec<Record>) {
        if records.is_empty() {
            return;
        }
        let mut state = self.state();
        state.bytes += records.iter().map(size).sum::<usize>();
        state.batches.push_back(Arc::new(records));
        while state.bytes > RING_BYTES && state.batches.len() > 1 {
            let Some(gone) = state.batches.pop_front() else { break };
            state.first += 1;
            for record in gone.iter() {
                state.bytes -= size(record);
                if let Some(from) = usize::try_from(record.partition).ok().and_then(|p| state.from.get_mut(p)) {
                    *from = record.offset + 1;
                }
            }
        }
        let next = state.first + state.batches.len() as u64;
        drop(state);
        self.next.send_replace(next);
    }

    /// From now on every visible record of the partition at or above `from` is published here.
    pub fn cover(&self, partition: i32, from: i64) {
        let mut state = self.state();
        if let Some(slot) = usize::try_from(partition).ok().and_then(|p| state.from.get_mut(p)) {
            *slot = from;
        }
        drop(state);
        self.next.send_modify(|_| ());
    }

    /// Wakes all readers; they end.
    pub fn close(&self) {
        self.state().closed = true;
        self.next.send_modify(|_| ());
    }

    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.next.subscribe()
    }

    /// The number of the oldest batch, if the ring holds everything from these positions on.
    pub(crate) fn covers(&self, positions: impl Iterator<Item = (i32, i64)>) -> Option<u64> {
        let state = self.state();
        for (partition, next) in positions {
            let from = usize::try_from(partition).ok().and_then(|p| state.from.get(p)).copied();
            if from.is_none_or(|from| next < from) {
                return None;
            }
        }
        Some(state.first)
    }

    pub(crate) fn look(&self, number: u64) -> Look {
        let state = self.state();
        if state.closed {
            return Look::Closed;
        }
        let Some(index) = number.checked_sub(state.first) else { return Look::Evicted };
        match usize::try_from(index).ok().and_then(|index| state.batches.get(index)) {
            Some(batch) => Look::Batch(Arc::clone(batch)),
            None => Look::NotYet,
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state().closed
    }
}

fn size(record: &Record) -> usize {
    record.key.len() + record.value.as_ref().map_or(0, bytes::Bytes::len)
}
