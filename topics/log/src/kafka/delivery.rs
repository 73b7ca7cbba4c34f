//! Delivery reports: one wake-up per call, however many records it has.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use tokio::sync::{Notify, oneshot};

use super::client::Quiet;
use super::signal::Signal;
use crate::Append;

/// The records of one call on their way.
#[derive(Debug)]
pub(super) struct Deliveries(Mutex<State>);

#[derive(Debug)]
struct State {
    offsets: Vec<i64>,
    remaining: usize,
    failed: Option<KafkaError>,
    done: Option<oneshot::Sender<KafkaResult<Vec<i64>>>>,
}

impl Deliveries {
    /// The receiver answers when all `count` (> 0) are delivered or have failed.
    pub(super) fn of(count: usize) -> (Arc<Self>, oneshot::Receiver<KafkaResult<Vec<i64>>>) {
        let (done, receiver) = oneshot::channel();
        let state = State { offsets: vec![-1; count], remaining: count, failed: None, done: Some(done) };
        (Arc::new(Self(Mutex::new(state))), receiver)
    }

    fn settle(&self, index: usize, result: KafkaResult<i64>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(offset) => state.offsets[index] = offset,
            Err(error) => {
                state.failed.get_or_insert(error);
            }
        }
        state.remaining -= 1;
        if state.remaining == 0
            && let Some(done) = state.done.take()
        {
            let result = match state.failed.take() {
                None => Ok(std::mem::take(&mut state.offsets)),
                Some(error) => Err(error),
            };
            let _ = done.send(result);
        }
    }

    /// A record that was never handed over.
    pub(super) fn fail(&self, index: usize, error: KafkaError) {
        self.settle(index, Err(error));
    }
}

/// The context of producers.
#[derive(Debug, Default)]
pub(super) struct Reports {
    quiet: Quiet,
    /// Told at every delivery: there may be room in the buffer.
    pub(super) room: Arc<Notify>,
    /// Handed over and not settled.
    in_flight: AtomicUsize,
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        self.quiet.log(level, fac, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.quiet.error(error, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<(Arc<Deliveries>, usize)>;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: Self::DeliveryOpaque) {
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
        let (deliveries, index) = *opaque;
        deliveries.settle(
            index,
            match result {
                Ok(message) => Ok(message.offset()),
                Err((error, _)) => Err(error.clone()),
            },
        );
        self.room.notify_waiters();
    }
}

/// A producer and the thread that takes its delivery reports.
///
/// rdkafka's own polling thread spins for the last millisecond of each poll, ten times a second, also
/// when nothing is sent; this one polls only while something is in flight.
pub(super) struct Producer {
    producer: Arc<BaseProducer<Reports>>,
    signal: Arc<Signal>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// One poll while something is in flight. Reports are taken at once; it is only how often the thread
/// looks whether anything is left.
const POLL: Duration = Duration::from_millis(100);
/// How often librdkafka's words are taken while nothing is in flight.
const IDLE: Duration = Duration::from_secs(2);

impl Producer {
    pub(super) fn new(client: &ClientConfig) -> KafkaResult<Self> {
        let producer: BaseProducer<Reports> = client.create_with_context(Reports::default())?;
        let producer = Arc::new(producer);
        let (signal, ended) = (Arc::new(Signal::default()), Arc::new(AtomicBool::new(false)));
        let thread = {
            let (producer, signal, ended) = (Arc::clone(&producer), Arc::clone(&signal), Arc::clone(&ended));
            thread::Builder::new().name("kafka-reports".to_owned()).spawn(move || {
                while !ended.load(Ordering::Acquire) {
                    if producer.context().in_flight.load(Ordering::Acquire) > 0 {
                        producer.poll(POLL);
                    } else {
                        signal.wait(IDLE);
                        producer.poll(Duration::ZERO);
                    }
                }
            })
        };
        let thread = thread.map_err(|error| KafkaError::ClientCreation(format!("no thread: {error}")))?;
        Ok(Self { producer, signal, ended, thread: Some(thread) })
    }

    pub(super) fn room(&self) -> Arc<Notify> {
        Arc::clone(&self.producer.context().room)
    }

    /// Hands one record to librdkafka, which copies it.
    pub(super) fn send(
        &self,
        topic: &str,
        record: &Append,
        deliveries: &Arc<Deliveries>,
        index: usize,
    ) -> KafkaResult<()> {
        let opaque = Box::new((Arc::clone(deliveries), index));
        let mut outgoing: BaseRecord<'_, [u8], [u8], _> =
            BaseRecord::with_opaque_to(topic, opaque).partition(record.partition).timestamp(record.timestamp_ms);
        if !record.key.is_empty() {
            outgoing = outgoing.key(&record.key);
        }
        if let Some(value) = &record.value {
            outgoing = outgoing.payload(value);
        }
        let in_flight = &self.producer.context().in_flight;
        let idle = in_flight.fetch_add(1, Ordering::AcqRel) == 0;
        let sent = self.producer.send(outgoing).map_err(|(error, _)| error);
        if sent.is_err() {
            in_flight.fetch_sub(1, Ordering::AcqRel);
        } else if idle {
            self.signal.notify();
        }
        sent
    }
}

impl Deref for Producer {
    type Target = BaseProducer<Reports>;

    fn deref(&self) -> &Self::Target {
        &self.producer
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        self.signal.notify();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
