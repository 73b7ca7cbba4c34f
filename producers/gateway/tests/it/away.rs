//! The log is away: a log whose transactions do not happen while a switch is off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use miso_log::catalogue::GATEWAY_EVENTS;
use miso_log::{
    Append, AppendError, Bounds, Log, LogError, Member, MemberEvent, OffsetCommit, Owner, PartitionLag, Reader,
    SharedLog, Topic, Transact, TransactError,
};
use miso_model::{EventView, GatewayGap, LogRecord};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use crate::bench::{Bench, small, until};

#[derive(Debug)]
struct Away {
    inner: SharedLog,
    switch: Arc<Switch>,
}

#[derive(Debug, Default)]
struct Switch {
    away: AtomicBool,
    /// Only transactions that carry events do not happen.
    holds_events: AtomicBool,
    refused: AtomicU64,
}

struct Owned {
    owner: Owner,
    switch: Arc<Switch>,
}

#[async_trait]
impl Transact for Owned {
    async fn transact(
        &self,
        _: i32,
        _: u64,
        records: Vec<Append>,
        offsets: Vec<OffsetCommit>,
    ) -> Result<Vec<i64>, TransactError> {
        let carries_events = records.iter().any(|record| record.topic == GATEWAY_EVENTS);
        let is_held = carries_events && self.switch.holds_events.load(Ordering::SeqCst);
        if is_held || self.switch.away.load(Ordering::SeqCst) {
            self.switch.refused.fetch_add(1, Ordering::SeqCst);
            return Err(TransactError::Retry("switched off".to_owned()));
        }
        self.owner.transact(records, offsets).await
    }

    fn is_current(&self, _: i32, _: u64) -> bool {
        self.owner.is_current()
    }
}

#[async_trait]
impl Log for Away {
    async fn append(&self, records: Vec<Append>) -> Result<Vec<i64>, AppendError> {
        self.inner.append(records).await
    }

    async fn join(&self, group: &str, topic: Topic) -> Result<Member, LogError> {
        let mut member = self.inner.join(group, topic).await?;
        let (events, received) = mpsc::channel(64);
        let (left, mut gone) = oneshot::channel();
        let switch = Arc::clone(&self.switch);
        tokio::spawn(async move {
            loop {
                let event = tokio::select! {
                    _ = &mut gone => return,
                    event = member.next() => event,
                };
                let event = event.map(|event| match event {
                    MemberEvent::Assigned(owner) => {
                        let (group, partition) = (owner.group().into(), owner.partition());
                        let owned = Owned { owner, switch: Arc::clone(&switch) };
                        MemberEvent::Assigned(Owner::new(group, partition, 1, Arc::new(owned)))
                    }
                    other => other,
                });
                if events.send(event).await.is_err() {
                    return;
                }
            }
        });
        Ok(Member::new(received, left))
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

/// With room for everything the connection stays, and nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_wait_in_the_buffer_while_the_log_is_away() {
    let bench = Bench::start(small()).await;
    let switch = Arc::new(Switch::default());
    let mut role = bench.role_on(Arc::new(Away { inner: Arc::clone(&bench.log), switch: Arc::clone(&switch) }));
    role.live(1).await;
    switch.away.store(true, Ordering::SeqCst);
    bench.blast(2_000, 0).await;
    bench.blast_done().await;
    until("transactions were refused", async || switch.refused.load(Ordering::SeqCst) >= 3).await;
    switch.away.store(false, Ordering::SeqCst);
    bench.all_arrive().await;
    assert_eq!(bench.journal("identify").await.len(), 1);
    assert_eq!(bench.journal("resume").await.len(), 0, "the connection was kept");
    role.stop().await;
}

/// At the buffer's bound the connection is closed so that it can be resumed, and is, when the log is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_buffer_closes_resumably_until_the_log_is_back() {
    let mut bench = Bench::start(small()).await;
    bench.config.buffer_bytes = 100_000;
    let switch = Arc::new(Switch::default());
    let mut role = bench.role_on(Arc::new(Away { inner: Arc::clone(&bench.log), switch: Arc::clone(&switch) }));
    role.live(1).await;
    switch.away.store(true, Ordering::SeqCst);
    bench.blast(5_000, 0).await;
    until("the client closed with 4000", async || {
        bench
            .journal("gateway_closed")
            .await
            .iter()
            .any(|entry| entry["by_client"] == json!(true) && entry["code"] == json!(4000))
    })
    .await;
    assert_eq!(bench.journal("resume").await.len(), 0, "not before `Connecting` is in the log");
    switch.away.store(false, Ordering::SeqCst);
    bench.blast_done().await;
    bench.all_arrive().await;
    assert!(!bench.journal("resume").await.is_empty());
    assert_eq!(bench.journal("identify").await.len(), 1, "the session was never lost");
    assert_eq!(gaps(&bench).await, []);
    role.stop().await;
}

/// A process that dies between READY and its commit leaves a session that nobody can name: that is a
/// gap, and said so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_whose_ready_was_not_appended_is_a_gap() {
    let bench = Bench::start(small()).await;
    let switch = Arc::new(Switch::default());
    switch.holds_events.store(true, Ordering::SeqCst);
    let role = bench.role_on(Arc::new(Away { inner: Arc::clone(&bench.log), switch: Arc::clone(&switch) }));
    until("READY was not appended", async || switch.refused.load(Ordering::SeqCst) > 0).await;
    role.abort().await;
    let mut role = bench.role();
    role.live(1).await;
    assert_eq!(bench.journal("identify").await.len(), 2);
    let gaps = gaps(&bench).await;
    assert_eq!((gaps.len(), gaps[0].session_id.as_str(), gaps[0].after_sequence), (48, "", 0));
    role.stop().await;
}

async fn gaps(bench: &Bench) -> Vec<GatewayGap> {
    let values = bench.records(GATEWAY_EVENTS).await.into_iter().filter_map(|record| record.value);
    let gaps = values.filter(|value| EventView::decode(value).expect("a record").is_none());
    gaps.filter_map(|value| GatewayGap::from_bytes(&value).ok()).collect()
}
