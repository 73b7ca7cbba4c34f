//! A log under which handlers die: their transactions with records hang for ever, before or after they
//! took effect. Who is dropped then has died there.

use std::sync::Arc;

use async_trait::async_trait;
use miso_log::{
    Append, AppendError, Bounds, Log, LogError, Member, MemberEvent, OffsetCommit, Owner, PartitionLag, Reader,
    SharedLog, Topic, Transact, TransactError,
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::setup::PATIENCE;

/// Where its handlers die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dies {
    /// Before the transaction: nothing happened.
    Before,
    /// After it: everything happened, but the handler was not told.
    After,
}

#[derive(Debug)]
pub(crate) struct Mortal {
    inner: SharedLog,
    dies: Dies,
    /// Groups whose members hang.
    struck: watch::Sender<Vec<String>>,
}

impl Mortal {
    pub(crate) fn over(inner: SharedLog, dies: Dies) -> Arc<Self> {
        Arc::new(Self { inner, dies, struck: watch::Sender::new(Vec::new()) })
    }

    /// Waits until a handler of the group hangs in a transaction.
    pub(crate) async fn struck(&self, group: &str) {
        let mut struck = self.struck.subscribe();
        let struck = struck.wait_for(|groups| groups.iter().any(|hanging| hanging == group));
        drop(tokio::time::timeout(PATIENCE, struck).await.expect("a transaction in time").expect("it lives"));
    }
}

struct Hangs {
    owner: Owner,
    dies: Dies,
    /// Groups whose members hang.
    struck: watch::Sender<Vec<String>>,
}

#[async_trait]
impl Transact for Hangs {
    async fn transact(
        &self,
        _: i32,
        _: u64,
        records: Vec<Append>,
        offsets: Vec<OffsetCommit>,
    ) -> Result<Vec<i64>, TransactError> {
        if records.is_empty() {
            return self.owner.transact(records, offsets).await;
        }
        if self.dies == Dies::After {
            self.owner.transact(records, offsets).await?;
        }
        self.struck.send_modify(|groups| groups.push(self.owner.group().to_owned()));
        std::future::pending().await
    }

    fn is_current(&self, _: i32, _: u64) -> bool {
        self.owner.is_current()
    }
}

#[async_trait]
impl Log for Mortal {
    async fn append(&self, records: Vec<Append>) -> Result<Vec<i64>, AppendError> {
        self.inner.append(records).await
    }

    async fn join(&self, group: &str, topic: Topic) -> Result<Member, LogError> {
        let mut member = self.inner.join(group, topic).await?;
        let (events, taken) = mpsc::channel(miso_log::MEMBER_EVENTS);
        let (left, mut gone) = oneshot::channel();
        let (dies, struck) = (self.dies, self.struck.clone());
        tokio::spawn(async move {
            loop {
                let event = tokio::select! {
                    _ = &mut gone => return,
                    event = member.next() => event,
                };
                let event = event.map(|event| match event {
                    MemberEvent::Assigned(owner) => {
                        let (group, partition) = (owner.group().into(), owner.partition());
                        let hangs = Hangs { owner, dies, struck: struck.clone() };
                        MemberEvent::Assigned(Owner::new(group, partition, 0, Arc::new(hangs)))
                    }
                    other => other,
                });
                if events.send(event).await.is_err() {
                    return;
                }
            }
        });
        Ok(Member::new(taken, left))
    }

    fn reader(&self, topic: Topic, from: &[(i32, i64)]) -> Reader {
        self.inner.reader(topic, from)
    }

    async fn bounds(&self, topic: Topic, partition: i32) -> Result<Bounds, LogError> {
        self.inner.bounds(topic, partition).await
    }

    async fn offset_at(&self, topic: Topic, partition: i32, time_ms: i64) -> Result<i64, LogError> {
        self.inner.offset_at(topic, partition, time_ms).await
    }

    async fn committed(&self, group: &str, topic: Topic, partition: i32) -> Result<Option<i64>, LogError> {
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
