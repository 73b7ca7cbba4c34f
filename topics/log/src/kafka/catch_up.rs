//! Reading behind the head: a few consumers that are assigned where a reader stands.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message;
use tokio::sync::{Semaphore, watch};

use super::client::{Clients, Polled, Quiet, passes, poll_now, signalling};
use super::head::{list, record};
use super::meta::Meta;
use super::pass::Pass;
use super::signal::Signal;
use super::stop::Stop;
use crate::{FETCH_RECORDS, Fetched, ReadError, Record, Topic};

/// Readers that are behind and read at the same time, each with a consumer of its own. At the bound
/// they take turns; one that comes back to find its consumer given away is assigned another.
pub const CATCH_UP_CONSUMERS: usize = 16;
/// Fetches that run or wait to be taken. At the bound those that nobody took are dropped; their
/// readers fetch again.
const FETCHES: usize = 64;
/// One fetch gives about so many bytes.
const FETCH_BYTES: usize = 4 * 1_024 * 1_024;
/// A fetch that gets nothing ends after so long; the reader asks again.
const FETCH_TIME: Duration = Duration::from_secs(2);
/// A consumer that nobody comes back to goes after so long.
const IDLE: Duration = Duration::from_secs(10);

pub(super) struct CatchUp {
    clients: Clients,
    meta: Arc<Meta>,
    stop: Arc<Stop>,
    turns: Arc<Semaphore>,
    waiting: Mutex<VecDeque<Consumer>>,
    /// Fetches that run, or whose result nobody took yet: a reader whose call was dropped finds the
    /// result when it asks again, so it gets on however often it is interrupted.
    running: Mutex<HashMap<Want, Arc<Running>>>,
}

type Want = (Topic, Vec<(i32, i64)>);

struct Running {
    began: Instant,
    result: Mutex<Option<Result<Fetched, ReadError>>>,
    done: watch::Sender<bool>,
}

impl Running {
    fn take(&self) -> Option<Result<Fetched, ReadError>> {
        self.result.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn finish(&self, result: Result<Fetched, ReadError>) {
        *self.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        self.done.send_replace(true);
    }
}

/// A consumer between two fetches of one reader.
struct Consumer {
    consumer: BaseConsumer<Quiet>,
    signal: Arc<Signal>,
    topic: Topic,
    pass: Pass,
    used: Instant,
}

impl CatchUp {
    pub(super) fn new(clients: &Clients, meta: &Arc<Meta>, stop: &Arc<Stop>) -> Arc<Self> {
        Arc::new(Self {
            clients: clients.clone(),
            meta: Arc::clone(meta),
            stop: Arc::clone(stop),
            turns: Arc::new(Semaphore::new(CATCH_UP_CONSUMERS)),
            waiting: Mutex::default(),
            running: Mutex::default(),
        })
    }

    pub(super) async fn fetch(self: &Arc<Self>, topic: Topic, wants: &[(i32, i64)]) -> Result<Fetched, ReadError> {
        let want = (topic, wants.to_vec());
        loop {
            let (running, new) = self.enter(&want);
            if new {
                tokio::spawn(Arc::clone(self).run(want.clone(), Arc::clone(&running)));
            }
            let mut done = running.done.subscribe();
            if done.wait_for(|done| *done).await.is_err() {
                return Err(ReadError::Closed);
            }
            self.leave(&want, &running);
            // Of two readers that stand at the same place only one gets it.
            if let Some(fetched) = running.take() {
                return fetched;
            }
        }
    }

    async fn run(self: Arc<Self>, want: Want, running: Arc<Running>) {
        let Ok(_turn) = Arc::clone(&self.turns).acquire_owned().await else {
            return running.finish(Err(ReadError::Closed));
        };
        let this = Arc::clone(&self);
        let fetched = tokio::task::spawn_blocking(move || this.fetch_now(want.0, &want.1)).await;
        running.finish(fetched.unwrap_or(Err(ReadError::Closed)));
    }

    fn running(&self) -> MutexGuard<'_, HashMap<Want, Arc<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, want: &Want) -> (Arc<Running>, bool) {
        let mut all = self.running();
        if let Some(running) = all.get(want) {
            return (Arc::clone(running), false);
        }
        if all.len() >= FETCHES {
            all.retain(|_, running| !*running.done.borrow());
        }
        let running =
            Arc::new(Running { began: Instant::now(), result: Mutex::default(), done: watch::Sender::new(false) });
        all.insert(want.clone(), Arc::clone(&running));
        (running, true)
    }

    fn leave(&self, want: &Want, running: &Arc<Running>) {
        let mut all = self.running();
        if all.get(want).is_some_and(|other| Arc::ptr_eq(other, running)) {
            all.remove(want);
        }
    }

    fn fetch_now(&self, topic: Topic, wants: &[(i32, i64)]) -> Result<Fetched, ReadError> {
        if self.stop.is_stopped() {
            return Err(ReadError::Closed);
        }
        let unavailable = |error: KafkaError| ReadError::Unavailable(self.clients.does_not_serve(&error));
        let mut consumer = match self.take(topic, wants) {
            Some(consumer) => consumer,
            None => match self.begin(topic, wants)? {
                Some(consumer) => consumer,
                None => return Ok(Fetched { records: Vec::new(), next: wants.to_vec() }),
            },
        };
        let records = consumer.read(&self.stop).map_err(unavailable)?;
        let next = consumer.pass.positions();
        if consumer.pass.is_done() {
            let _ = consumer.consumer.unassign();
        }
        consumer.used = Instant::now();
        self.put(consumer);
        Ok(Fetched { records, next })
    }

    /// The consumer that stands where the reader stands.
    fn take(&self, topic: Topic, wants: &[(i32, i64)]) -> Option<Consumer> {
        let mut waiting = self.waiting();
        let found = waiting.iter().position(|consumer| {
            consumer.topic == topic && !consumer.pass.is_done() && consumer.pass.positions() == wants
        })?;
        waiting.remove(found)
    }

    /// A new pass; `None` when the reader is at the end.
    fn begin(&self, topic: Topic, wants: &[(i32, i64)]) -> Result<Option<Consumer>, ReadError> {
        let unavailable = |error: KafkaError| ReadError::Unavailable(self.clients.does_not_serve(&error));
        let name = self.clients.topic(topic);
        let partitions = || wants.iter().map(|&(partition, _)| partition);
        let beginnings = self.meta.beginnings(&name, partitions()).map_err(unavailable)?;
        for &(partition, wanted) in wants {
            match beginnings.get(&partition) {
                Some(&earliest) if wanted < earliest => {
                    return Err(ReadError::BehindRetention { partition, wanted, earliest });
                }
                _ => {}
            }
        }
        let ends = self.meta.ends(&name, partitions()).map_err(unavailable)?;
        let pass = Pass::new(wants, &ends);
        if pass.is_done() {
            return Ok(None);
        }
        self.assign(topic, &name, pass).map(Some).map_err(unavailable)
    }

    /// Partitions with no record from the given position to the end. Those that cannot be told in
    /// time are left out. Blocks.
    pub(super) fn holes(
        &self,
        topic: Topic,
        name: &str,
        from: &BTreeMap<i32, i64>,
        ends: &BTreeMap<i32, i64>,
    ) -> KafkaResult<BTreeSet<i32>> {
        let wants: Vec<(i32, i64)> = from.iter().map(|(&partition, &next)| (partition, next)).collect();
        let pass = Pass::new(&wants, ends);
        if pass.is_done() {
            return Ok(BTreeSet::new());
        }
        let mut holes = BTreeSet::new();
        let mut consumer = self.assign(topic, name, pass)?;
        let until = Instant::now() + FETCH_TIME;
        while !consumer.pass.is_done() && Instant::now() < until && !self.stop.is_stopped() {
            match poll_now(&consumer.consumer) {
                Polled::Message(message) => consumer.pass.exhausted(message.partition()),
                Polled::Eof(partition) if consumer.pass.reading().contains_key(&partition) => {
                    consumer.pass.exhausted(partition);
                    holes.insert(partition);
                }
                Polled::Error(error) if !passes(&error) => return Err(error),
                Polled::Eof(_) | Polled::Error(_) => {}
                Polled::Empty => consumer.signal.wait(until - Instant::now().min(until)),
            }
        }
        Ok(holes)
    }

    fn assign(&self, topic: Topic, name: &str, pass: Pass) -> KafkaResult<Consumer> {
        let (consumer, signal) = match self.spare() {
            Some(spare) => spare,
            None => {
                let signal = self.stop.signal();
                (signalling(&self.clients.catch_up(), Quiet::default(), &signal)?, signal)
            }
        };
        consumer.assign(&list(name, &pass.reading())?)?;
        Ok(Consumer { consumer, signal, topic, pass, used: Instant::now() })
    }

    /// One whose pass is done; when all consumers are taken, the one not used for the longest.
    fn spare(&self) -> Option<(BaseConsumer<Quiet>, Arc<Signal>)> {
        let mut waiting = self.waiting();
        let done = waiting.iter().position(|consumer| consumer.pass.is_done());
        let index = done.or_else(|| (waiting.len() >= CATCH_UP_CONSUMERS).then_some(0))?;
        let Consumer { consumer, signal, .. } = waiting.remove(index)?;
        drop(waiting);
        // Nothing of the old assignment may be left in the queue.
        let _ = consumer.unassign();
        while !matches!(poll_now(&consumer), Polled::Empty) {}
        Some((consumer, signal))
    }

    fn put(&self, consumer: Consumer) {
        let gone = {
            let mut waiting = self.waiting();
            waiting.push_back(consumer);
            (waiting.len() > CATCH_UP_CONSUMERS).then(|| waiting.pop_front()).flatten()
        };
        drop(gone);
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Consumer>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of consumers that nobody came back to.
    pub(super) fn forget_idle(&self) {
        let now = Instant::now();
        let idle: VecDeque<Consumer> = {
            let mut waiting = self.waiting();
            let (idle, used) = waiting.drain(..).partition(|consumer| now.duration_since(consumer.used) > IDLE);
            *waiting = used;
            idle
        };
        drop(idle);
        self.running().retain(|_, running| !*running.done.borrow() || now.duration_since(running.began) < IDLE);
    }

    /// Lets go of all.
    pub(super) fn close(&self) {
        self.turns.close();
        let all = std::mem::take(&mut *self.waiting());
        drop(all);
    }
}

impl Consumer {
    /// What is there now, about one fetch; waits only while there is nothing at all.
    fn read(&mut self, stop: &Stop) -> KafkaResult<Vec<Record>> {
        let until = Instant::now() + FETCH_TIME;
        let mut records = Vec::new();
        let mut bytes = 0;
        while records.len() < FETCH_RECORDS && bytes < FETCH_BYTES && !self.pass.is_done() {
            match poll_now(&self.consumer) {
                Polled::Message(message) => {
                    if self.pass.record(message.partition(), message.offset()) {
                        bytes += message.payload_len() + message.key_len();
                        records.push(record(&message));
                    }
                }
                Polled::Eof(partition) => self.pass.exhausted(partition),
                Polled::Error(error) if !passes(&error) => return Err(error),
                Polled::Error(_) => {}
                Polled::Empty => {
                    let now = Instant::now();
                    if !records.is_empty() || now >= until || stop.is_stopped() {
                        break;
                    }
                    self.signal.wait(until - now);
                }
            }
        }
        Ok(records)
    }
}
