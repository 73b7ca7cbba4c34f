//! The one writer: drains the queue into SQLite transactions, publishes what became visible,
//! answers.
//!
//! Calls that arrive together share one transaction. Everything that can be wrong with a single
//! call (its owner, topics, sizes) is checked before its first insert, so what fails inside is the
//! engine's failure and all of the transaction's: no savepoints.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::Inner;
use super::chores;
use super::file::{PAGE_BYTES, advice};
use super::heads::{MARK_RECORDS, TopicHead};
use super::queue::{Answer, Change, EndsWithWriter, Taken, WriteError};
use crate::{Durability, Record};

/// Pages that a commit writes besides its records' bytes, about: for the estimate of the WAL.
const PAGES_PER_COMMIT: i64 = 3;

type Asked = (Change, oneshot::Sender<Answer>);

pub(super) struct Writer {
    pub(super) db: Connection,
    pub(super) inner: Arc<Inner>,
    /// Ahead of the shared heads while a transaction is open.
    pub(super) heads: Vec<TopicHead>,
    inserts: Vec<String>,
}

impl Writer {
    pub(super) fn new(db: Connection, inner: Arc<Inner>) -> Self {
        let heads = inner.topics.iter().map(|topic| topic.head().clone()).collect();
        let insert = |id| {
            format!(
                "insert into topic_{id}(offset, partition, ordinal, timestamp, key, value) values (?1, ?2, ?3, ?4, ?5, ?6)"
            )
        };
        let inserts = inner.topics.iter().map(|topic| insert(topic.id)).collect();
        Self { db, inner, heads, inserts }
    }

    /// Runs until the queue is closed and drained; hands the connection back, to be closed last.
    pub(super) fn run(mut self) -> Connection {
        let inner = Arc::clone(&self.inner);
        let _ends = EndsWithWriter(&inner.queue);
        loop {
            match inner.queue.take() {
                Taken::Changes(changes) => self.changes(changes),
                Taken::Chore(chore, answer) => {
                    let began = Instant::now();
                    let result = match chores::perform(&mut self, chore) {
                        Ok(more) => {
                            self.works();
                            Ok(vec![i64::from(more)])
                        }
                        Err(error) => Err(self.recover(&error)),
                    };
                    metrics::histogram!("miso_log_chore_seconds").record(began.elapsed().as_secs_f64());
                    let _ = answer.send(result);
                }
                Taken::End => return self.db,
            }
        }
    }

    fn changes(&mut self, changes: Vec<Asked>) {
        let began = Instant::now();
        if let Some(reason) = self.inner.syncer.failed() {
            for (_, answer) in changes {
                let _ = answer.send(Err(WriteError::Unavailable(reason.clone())));
            }
            return;
        }
        let mut accepted: Vec<Asked> = Vec::with_capacity(changes.len());
        for (change, answer) in changes {
            match &change.owner {
                Some((share, partition, generation)) if !share.is_current(*partition, *generation) => {
                    let _ = answer.send(Err(WriteError::Fenced(*partition)));
                }
                _ => accepted.push((change, answer)),
            }
        }
        match self.write(&accepted) {
            Ok(offsets) => {
                if !offsets.is_empty() {
                    self.works();
                }
                self.publish(accepted, &offsets);
            }
            Err(error) => {
                let error = self.recover(&error);
                for (_, answer) in accepted {
                    let _ = answer.send(Err(error.clone()));
                }
            }
        }
        metrics::histogram!("miso_log_commit_seconds").record(began.elapsed().as_secs_f64());
    }

    /// One transaction of all changes; the records' offsets in order.
    fn write(&mut self, changes: &[Asked]) -> rusqlite::Result<Vec<i64>> {
        if changes.iter().all(|(change, _)| change.records.is_empty() && change.offsets.is_empty()) {
            return Ok(Vec::new());
        }
        let mut offsets = Vec::with_capacity(changes.iter().map(|(change, _)| change.records.len()).sum());
        let Self { db, heads, inserts, inner } = self;
        db.prepare_cached("begin immediate")?.execute([])?;
        {
            let mut insert = None;
            for (topic, record) in changes.iter().flat_map(|(change, _)| &change.records) {
                if insert.as_ref().is_none_or(|(of, _)| of != topic) {
                    insert = Some((*topic, db.prepare_cached(&inserts[*topic])?));
                }
                let Some((_, statement)) = &mut insert else { continue };
                let partition = usize::try_from(record.partition).expect("partitions were validated");
                let (offset, ordinal) = heads[*topic].append(partition, record.timestamp_ms);
                let key = (!record.key.is_empty()).then_some(&record.key[..]);
                statement.execute(params![
                    offset,
                    record.partition,
                    ordinal,
                    record.timestamp_ms,
                    key,
                    record.value.as_deref()
                ])?;
                offsets.push(offset);
            }
        }
        for commit in changes.iter().flat_map(|(change, _)| &change.offsets) {
            let topic = inner.index_of(commit.topic).expect("topics were validated");
            db.prepare_cached(
                "insert into offsets(grp, topic, partition, next) values (?1, ?2, ?3, ?4)
                 on conflict do update set next = excluded.next",
            )?
            .execute(params![commit.group, inner.topics[topic].id, commit.partition, commit.next])?;
        }
        for (head, topic) in heads.iter_mut().zip(&inner.topics) {
            if head.next - head.marked >= MARK_RECORDS {
                head.save(db, topic.id)?;
            }
        }
        db.prepare_cached("commit")?.execute([])?;
        Ok(offsets)
    }

    /// After the commit: shows the new heads and records, then answers.
    fn publish(&mut self, changes: Vec<Asked>, offsets: &[i64]) {
        let mut offsets = offsets.iter().copied();
        let mut batches: Vec<Vec<Record>> = self.inner.topics.iter().map(|_| Vec::new()).collect();
        let mut visible = Vec::new();
        let mut waiting = Vec::new();
        let mut appended = 0;
        let mut bytes = 0;
        let mut dirty = false;
        for (change, answer) in changes {
            let mut synced = false;
            let mut answered = Vec::with_capacity(change.records.len());
            dirty |= !change.records.is_empty() || !change.offsets.is_empty();
            for ((topic, record), offset) in change.records.into_iter().zip(&mut offsets) {
                synced |= self.inner.topics[topic].topic.durability == Durability::Synced;
                appended += 1;
                bytes += record.len();
                answered.push(offset);
                batches[topic].push(Record {
                    partition: record.partition,
                    offset,
                    timestamp_ms: record.timestamp_ms,
                    key: record.key,
                    value: record.value,
                });
            }
            self.inner.note_commits(&change.offsets);
            if synced {
                waiting.push((answer, answered));
            } else {
                visible.push((answer, answered));
            }
        }
        for (topic, batch) in batches.into_iter().enumerate() {
            if !batch.is_empty() {
                self.show(topic);
                self.inner.topics[topic].ring.publish(batch);
            }
        }
        if dirty {
            self.inner.syncer.committed(waiting);
            metrics::counter!("miso_log_append_records_total").increment(appended);
            let bytes = i64::try_from(bytes).unwrap_or(i64::MAX / 2);
            self.inner.housekeeper.written(bytes + PAGES_PER_COMMIT * PAGE_BYTES);
        }
        for (answer, offsets) in visible {
            let _ = answer.send(Ok(offsets));
        }
    }

    /// The shared head of a topic becomes the writer's.
    pub(super) fn show(&self, topic: usize) {
        self.inner.topics[topic].head().clone_from(&self.heads[topic]);
    }

    /// A write succeeded.
    fn works(&self) {
        if self.inner.failing.swap(false, Ordering::Relaxed) {
            tracing::info!("the log can be written again");
        }
    }

    /// After a failed transaction: nothing of it stays, in the file or in memory.
    fn recover(&mut self, error: &rusqlite::Error) -> WriteError {
        if !self.db.is_autocommit()
            && let Err(error) = self.db.execute_batch("rollback")
        {
            tracing::error!(%error, "the log's transaction could not be rolled back");
        }
        for (head, topic) in self.heads.iter_mut().zip(&self.inner.topics) {
            head.clone_from(&topic.head());
        }
        let text = advice(&self.inner.path, error);
        if !self.inner.failing.swap(true, Ordering::Relaxed) {
            tracing::error!(reason = %text, "the log cannot be written");
        }
        WriteError::Unavailable(text)
    }
}
