use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use crate::{Append, LogError, OffsetCommit};

/// Events of a member that wait to be taken, at most. They are few: two per partition and rebalance.
pub const MEMBER_EVENTS: usize = 1_024;

/// A transaction did not happen.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TransactError {
    /// The partition belongs to somebody else now. Drop everything known of it, act no further.
    #[error("partition {0} is owned by another now")]
    Fenced(i32),
    /// Nothing happened; the same transaction may be tried again at once or after a while.
    #[error("the transaction was aborted: {0}")]
    Retry(String),
    /// It can never succeed as it is (a record too large, a topic unknown).
    #[error("the transaction is refused: {0}")]
    Refused(String),
}

/// What an adapter does for an owner. Owners are made by adapters only.
#[async_trait]
pub trait Transact: Send + Sync {
    /// Appends records and commits offsets, all or nothing, unless the owner is fenced.
    async fn transact(
        &self,
        partition: i32,
        generation: u64,
        records: Vec<Append>,
        offsets: Vec<OffsetCommit>,
    ) -> Result<Vec<i64>, TransactError>;

    /// Whether this assignment still stands, as far as this process knows. No I/O.
    fn is_current(&self, partition: i32, generation: u64) -> bool;
}

/// The right to act for one partition of a group's topics. Cheap to clone.
#[derive(Clone)]
pub struct Owner {
    partition: i32,
    generation: u64,
    group: Arc<str>,
    adapter: Arc<dyn Transact>,
}

impl std::fmt::Debug for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Owner({} {} generation {})", self.group, self.partition, self.generation)
    }
}

impl Owner {
    /// For adapters.
    #[must_use]
    pub fn new(group: Arc<str>, partition: i32, generation: u64, adapter: Arc<dyn Transact>) -> Self {
        Self { partition, generation, group, adapter }
    }

    /// The partition, of every topic that the group joined.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// The group.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.group
    }

    /// One transaction: the records appended and the offsets committed, all or nothing; the
    /// records' offsets in the order given. Calls of one owner take effect in the order in which
    /// their futures are first polled. Have everything ready before: no I/O may happen inside.
    ///
    /// # Errors
    /// See [`TransactError`].
    pub async fn transact(&self, records: Vec<Append>, offsets: Vec<OffsetCommit>) -> Result<Vec<i64>, TransactError> {
        self.adapter.transact(self.partition, self.generation, records, offsets).await
    }

    /// Whether this assignment still stands, as far as this process knows.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.adapter.is_current(self.partition, self.generation)
    }
}

/// A partition that must be handed back. Until it is released (or dropped), or 5 s are over, it is
/// still ours: stop intake, settle, commit, then release. After 5 s the owner is fenced.
#[derive(Debug)]
pub struct Revocation {
    /// The partition.
    pub partition: i32,
    released: Option<oneshot::Sender<()>>,
}

impl Revocation {
    /// For adapters: `released` is told when the member has let go.
    #[must_use]
    pub fn new(partition: i32, released: oneshot::Sender<()>) -> Self {
        Self { partition, released: Some(released) }
    }

    /// Lets the partition go. Dropping does the same.
    pub fn release(mut self) {
        if let Some(released) = self.released.take() {
            let _ = released.send(());
        }
    }
}

/// What happens to a member.
#[derive(Debug)]
pub enum MemberEvent {
    /// A partition is ours.
    Assigned(Owner),
    /// A partition must be handed back in order.
    Revoked(Revocation),
    /// A partition went away without asking (we were paused too long): commit nothing for it.
    Lost(i32),
    /// Told once, after the first share of the group's partitions: what is ours, perhaps none, was
    /// [`MemberEvent::Assigned`] before. Until then nobody can say whether the member stands by.
    Joined,
}

/// A member of a group. Dropping it leaves the group at once, as a crash would.
pub struct Member {
    events: mpsc::Receiver<Result<MemberEvent, LogError>>,
    /// Told when the member is dropped or leaves; the adapter then gives its partitions away.
    _left: oneshot::Sender<()>,
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Member")
    }
}

impl Member {
    /// For adapters: events come through `events`; `left` resolves (with an error) when the member
    /// is gone.
    #[must_use]
    pub fn new(events: mpsc::Receiver<Result<MemberEvent, LogError>>, left: oneshot::Sender<()>) -> Self {
        Self { events, _left: left }
    }

    /// The next event. Cancel-safe.
    ///
    /// # Errors
    /// [`LogError::Closed`] when the log was closed; [`LogError::Unavailable`] is reported once per
    /// outage, the member goes on by itself.
    pub async fn next(&mut self) -> Result<MemberEvent, LogError> {
        self.events.recv().await.unwrap_or(Err(LogError::Closed))
    }
}
