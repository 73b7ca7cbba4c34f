//! Records that wait behind one of their partition whose work goes on apart, while other partitions go on.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use miso_log::{Append, Record};
use tokio::sync::Semaphore;

/// Works that go on at once; the others, one per partition at most, wait for their turn.
pub const WORKS_AT_ONCE: usize = 8;
/// Records that wait behind works, in all partitions; at the bound nothing more is read until one is done.
pub const WAITING_RECORDS: usize = 20_000;

/// What a record has begun and what is finished apart: it gives what is to be appended in the transaction that
/// passes the record. Dropped, the record is read again.
pub(crate) type Work = BoxFuture<'static, Vec<Append>>;

/// Works and who waits behind them.
#[derive(Debug)]
pub(crate) struct Held {
    works: FuturesUnordered<BoxFuture<'static, Done>>,
    partitions: HashMap<i32, Behind>,
    waiting: usize,
    number: u64,
    turns: Arc<Semaphore>,
}

/// Behind the work with this number.
#[derive(Debug, Default)]
struct Behind {
    number: u64,
    records: VecDeque<Record>,
}

/// A work that is done.
#[derive(Debug)]
pub(crate) struct Done {
    number: u64,
    pub(crate) partition: i32,
    /// The offset behind its record.
    pub(crate) next: i64,
    pub(crate) appends: Vec<Append>,
}

impl Default for Held {
    fn default() -> Self {
        let (works, partitions) = (FuturesUnordered::new(), HashMap::new());
        Self { works, partitions, waiting: 0, number: 0, turns: Arc::new(Semaphore::new(WORKS_AT_ONCE)) }
    }
}

impl Held {
    /// Whether a work of this partition goes on.
    pub(crate) fn holds(&self, partition: i32) -> bool {
        self.partitions.contains_key(&partition)
    }

    /// Whether more may be read.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting < WAITING_RECORDS
    }

    /// The record waits behind the work of its partition.
    pub(crate) fn wait(&mut self, record: Record) {
        self.partitions.entry(record.partition).or_default().records.push_back(record);
        self.waiting += 1;
    }

    /// The record has begun a work, after what it already appends. Its partition is held until it is done.
    pub(crate) fn begin(&mut self, record: &Record, mut appends: Vec<Append>, work: Work) {
        self.number += 1;
        let (number, partition, next) = (self.number, record.partition, record.offset + 1);
        self.partitions.entry(partition).or_default().number = number;
        let turns = Arc::clone(&self.turns);
        self.works.push(Box::pin(async move {
            // Never closed: without a turn it would go on all the same.
            let _turn = turns.acquire().await;
            appends.extend(work.await);
            Done { number, partition, next, appends }
        }));
    }

    /// The next work that is done, of a partition that is still held, and who waited behind it. Cancel-safe;
    /// never resolves while there is none.
    pub(crate) async fn done(&mut self) -> (Done, VecDeque<Record>) {
        loop {
            let Some(done) = self.works.next().await else { return std::future::pending().await };
            let current = self.partitions.get(&done.partition).is_some_and(|behind| behind.number == done.number);
            if current {
                let records = self.take(done.partition);
                return (done, records);
            }
        }
    }

    /// The partition is not ours any more: its works are void.
    pub(crate) fn forget(&mut self, partition: i32) {
        self.take(partition);
    }

    fn take(&mut self, partition: i32) -> VecDeque<Record> {
        let records = self.partitions.remove(&partition).unwrap_or_default().records;
        self.waiting -= records.len();
        records
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use miso_log::catalogue::PARKED;
    use tokio::sync::oneshot;

    use super::*;

    fn record(partition: i32, offset: i64) -> Record {
        Record { partition, offset, timestamp_ms: 0, key: Default::default(), value: None }
    }

    fn work() -> (oneshot::Sender<()>, Work) {
        let (finish, finished) = oneshot::channel::<()>();
        let work = async move {
            let _ = finished.await;
            vec![Append::new(PARKED, 0, vec![2], 0)]
        };
        (finish, Box::pin(work))
    }

    #[test]
    fn a_partition_is_held_until_its_work_is_done_and_then_gives_who_waited_in_order() {
        let mut held = Held::default();
        let (finish, going_on) = work();
        held.begin(&record(3, 7), vec![Append::new(PARKED, 0, vec![1], 0)], going_on);
        assert!(held.holds(3) && !held.holds(4));
        held.wait(record(3, 8));
        held.wait(record(3, 9));
        assert!(held.done().now_or_never().is_none(), "not done yet");
        finish.send(()).expect("it goes on");
        let (done, behind) = held.done().now_or_never().expect("done");
        assert_eq!((done.partition, done.next, done.appends.len()), (3, 8, 2));
        assert_eq!(behind.iter().map(|record| record.offset).collect::<Vec<_>>(), [8, 9]);
        assert!(!held.holds(3) && held.waiting == 0);
    }

    #[test]
    fn works_of_a_partition_that_went_away_come_to_nothing_though_it_comes_back() {
        let mut held = Held::default();
        let (finish, going_on) = work();
        held.begin(&record(3, 7), Vec::new(), going_on);
        held.wait(record(3, 8));
        held.forget(3);
        finish.send(()).expect("it goes on");
        let (finish, again) = work();
        held.begin(&record(3, 7), Vec::new(), again);
        assert!(held.done().now_or_never().is_none(), "the first counts no more");
        finish.send(()).expect("it goes on");
        assert!(held.done().now_or_never().is_some_and(|(_, behind)| behind.is_empty()));
    }

    #[test]
    fn so_many_go_on_at_once_and_nothing_more_is_read_beyond_the_bound() {
        let mut held = Held::default();
        let mut ends = Vec::new();
        for partition in 0..=WORKS_AT_ONCE {
            let (finish, going_on) = work();
            held.begin(&record(i32::try_from(partition).expect("small"), 1), Vec::new(), going_on);
            ends.push(finish);
        }
        assert!(held.done().now_or_never().is_none());
        ends.pop().expect("the last").send(()).expect("it goes on");
        assert!(held.done().now_or_never().is_none(), "it has no turn yet");
        ends.remove(0).send(()).expect("it goes on");
        assert_eq!(held.done().now_or_never().expect("the first").0.partition, 0);
        assert_eq!(held.done().now_or_never().expect("the last").0.partition, 8);
        for offset in 0..i64::try_from(WAITING_RECORDS).expect("fits") {
            assert!(held.has_room());
            held.wait(record(1, offset));
        }
        assert!(!held.has_room());
    }
}
