//! A log in which one call hangs until it is let go.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use miso_log::{
    Append, AppendError, Bounds, Log, LogError, Member, OffsetCommit, PartitionLag, Reader, SharedLog, Topic,
};
use tokio::sync::watch;

/// What hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hangs {
    /// Where a time stands: with that a search for an old message begins.
    Searches,
    /// Where a group stands: with that Discord's state is restored.
    Restores,
}

#[derive(Debug)]
pub(crate) struct Hindered {
    inner: SharedLog,
    hangs: Hangs,
    begun: AtomicUsize,
    let_go: watch::Sender<bool>,
}

impl Hindered {
    pub(crate) fn over(inner: SharedLog, hangs: Hangs) -> Arc<Self> {
        Arc::new(Self { inner, hangs, begun: AtomicUsize::new(0), let_go: watch::Sender::new(false) })
    }

    /// Calls that hang, or have hung.
    pub(crate) fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    pub(crate) fn let_go(&self) {
        self.let_go.send_replace(true);
    }

    async fn hang(&self, call: Hangs) {
        if self.hangs == call {
            self.begun.fetch_add(1, Ordering::SeqCst);
            let _ = self.let_go.subscribe().wait_for(|free| *free).await;
        }
    }
}

#[async_trait]
impl Log for Hindered {
    async fn append(&self, records: Vec<Append>) -> Result<Vec<i64>, AppendError> {
        self.inner.append(records).await
    }

    async fn join(&self, group: &str, topic: Topic) -> Result<Member, LogError> {
        self.inner.join(group, topic).await
    }

    fn reader(&self, topic: Topic, from: &[(i32, i64)]) -> Reader {
        self.inner.reader(topic, from)
    }

    async fn bounds(&self, topic: Topic, partition: i32) -> Result<Bounds, LogError> {
        self.inner.bounds(topic, partition).await
    }

    async fn offset_at(&self, topic: Topic, partition: i32, time_ms: i64) -> Result<i64, LogError> {
        self.hang(Hangs::Searches).await;
        self.inner.offset_at(topic, partition, time_ms).await
    }

    async fn committed(&self, group: &str, topic: Topic, partition: i32) -> Result<Option<i64>, LogError> {
        self.hang(Hangs::Restores).await;
        self.inner.committed(group, topic, partition).await
    }

    async fn commit(&self, offsets: Vec<OffsetCommit>) -> Result<(), LogError> {
        self.inner.commit(offsets).await
    }

    async fn lag(&self, group: &str) -> Result<Vec<PartitionLag>, LogError> {
        self.inner.lag(group).await
    }

    async fn groups(&self) -> Result<Vec<String>, LogError> {
        self.inner.groups().await
    }

    fn topics(&self) -> &[Topic] {
        self.inner.topics()
    }

    async fn check(&self) -> Result<(), LogError> {
        self.inner.check().await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
