//! The oracle: every request received, every session opened, every event emitted, in order, with its time.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

/// Entries kept in memory for `GET /control/journal`; older ones are only in the file.
pub(crate) const MAX_ENTRIES: usize = 400_000;
/// Bytes kept in memory; older entries are only in the file.
const MAX_BYTES: usize = 256 << 20;
/// Bytes waiting for the file; at the bound whoever records waits for the disk.
const MAX_PENDING_BYTES: usize = 64 << 20;
/// An entry waits at most about so long for its write.
const GATHER: Duration = Duration::from_millis(5);

#[derive(Debug, Default)]
struct Inner {
    entries: VecDeque<Box<str>>,
    /// Index of `entries[0]`.
    first: u64,
    bytes: usize,
    pending: Vec<u8>,
    to_file: bool,
    writing: bool,
    closed: bool,
}

/// Handle on the journal; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Journal(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    inner: Mutex<Inner>,
    /// Told when the first entry of a batch waits, and at the end.
    filled: Condvar,
    /// Told when a batch is in the file.
    drained: Condvar,
}

/// One page of the journal.
pub(crate) struct Page {
    pub(crate) first: u64,
    pub(crate) next: u64,
    /// The entries as a JSON array.
    pub(crate) entries: String,
}

impl Journal {
    /// A journal in memory, and in `path` when given (the file is truncated).
    pub(crate) fn open(path: Option<&Path>) -> std::io::Result<(Self, Option<std::thread::JoinHandle<()>>)> {
        let journal = Self::default();
        let Some(path) = path else {
            return Ok((journal, None));
        };
        let file = File::create(path)?;
        journal.lock().to_file = true;
        let writer = journal.clone();
        let thread = std::thread::Builder::new().name("journal".to_owned()).spawn(move || writer.write_to(file))?;
        Ok((journal, Some(thread)))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends one entry; the object gets its `index` first. `entry` must serialise to a JSON object with at least one field.
    pub(crate) fn record<T: Serialize>(&self, entry: &T) {
        let Ok(body) = serde_json::to_string(entry) else {
            return;
        };
        let mut inner = self.lock();
        while inner.to_file && inner.pending.len() > MAX_PENDING_BYTES && !inner.closed {
            inner = self.0.drained.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        let index = inner.first + inner.entries.len() as u64;
        let line = format!("{{\"index\":{index},{}", body.get(1..).unwrap_or("}"));
        if inner.to_file {
            if inner.pending.is_empty() {
                self.0.filled.notify_one();
            }
            inner.pending.extend_from_slice(line.as_bytes());
            inner.pending.push(b'\n');
        }
        inner.bytes += line.len();
        inner.entries.push_back(line.into_boxed_str());
        while inner.entries.len() > MAX_ENTRIES || inner.bytes > MAX_BYTES {
            let Some(old) = inner.entries.pop_front() else {
                break;
            };
            inner.bytes -= old.len();
            inner.first += 1;
        }
    }

    /// Up to `limit` entries from index `from` whose text contains `needle`.
    pub(crate) fn page(&self, from: u64, limit: usize, needle: Option<&str>) -> Page {
        let inner = self.lock();
        let end = inner.first + inner.entries.len() as u64;
        let skip = usize::try_from(from.saturating_sub(inner.first)).unwrap_or(usize::MAX);
        let mut entries = String::from("[");
        let (mut taken, mut next) = (0, from.clamp(inner.first, end));
        for (offset, line) in inner.entries.iter().enumerate().skip(skip) {
            if taken == limit {
                break;
            }
            next = inner.first + offset as u64 + 1;
            if needle.is_some_and(|needle| !line.contains(needle)) {
                continue;
            }
            if taken > 0 {
                entries.push(',');
            }
            entries.push_str(line);
            taken += 1;
        }
        entries.push(']');
        Page { first: inner.first, next, entries }
    }

    /// Ends the file after everything recorded so far.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.0.filled.notify_all();
        self.0.drained.notify_all();
    }

    /// Waits until everything recorded so far is in the file.
    pub(crate) fn flush(&self) {
        let mut inner = self.lock();
        while inner.to_file && (inner.writing || !inner.pending.is_empty()) && !inner.closed {
            inner = self.0.drained.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn write_to(&self, mut file: File) {
        loop {
            let mut inner = self.lock();
            while inner.pending.is_empty() && !inner.closed {
                inner = self.0.filled.wait(inner).unwrap_or_else(PoisonError::into_inner);
            }
            if !inner.closed {
                // What comes within this time goes into the same write.
                inner = self.0.filled.wait_timeout(inner, GATHER).unwrap_or_else(PoisonError::into_inner).0;
            }
            let batch = std::mem::take(&mut inner.pending);
            inner.writing = true;
            let closed = inner.closed;
            drop(inner);
            let written = file.write_all(&batch);
            let mut inner = self.lock();
            inner.writing = false;
            if let Err(error) = written {
                tracing::error!(%error, "the journal cannot be written; it continues in memory only");
                inner.to_file = false;
                inner.pending = Vec::new();
            }
            self.0.drained.notify_all();
            if !inner.to_file || (closed && inner.pending.is_empty()) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn pages_continue_where_the_last_one_ended_and_the_file_has_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.ndjson");
        let (journal, thread) = Journal::open(Some(&path)).unwrap();
        for n in 0..10 {
            journal.record(&json!({"kind": "test", "n": n}));
        }
        let page = journal.page(0, 4, None);
        assert_eq!((page.first, page.next), (0, 4));
        let rest: Vec<Value> = serde_json::from_str(&journal.page(page.next, 100, None).entries).unwrap();
        assert_eq!(rest.iter().map(|entry| entry["n"].as_u64().unwrap()).collect::<Vec<_>>(), [4, 5, 6, 7, 8, 9]);
        assert_eq!(journal.page(0, 10, Some("\"n\":7")).entries.matches("index").count(), 1);
        journal.flush();
        journal.close();
        thread.unwrap().join().unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(text.lines().count(), 10);
        assert_eq!(serde_json::from_str::<Value>(text.lines().last().unwrap()).unwrap()["index"], 9);
    }
}
