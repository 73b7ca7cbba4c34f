//! Delivery reports: one wake-up per call, however many records it has.

use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DeliveryResult, ProducerContext, ThreadedProducer};
use tokio::sync::{Notify, oneshot};

use super::client::Quiet;
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
        let (deliveries, index) = *opaque;
        deliveries.settle(index, match result {
            Ok(message) => Ok(message.offset()),
            Err((error, _)) => Err(error.clone()),
        });
        self.room.notify_waiters();
    }
}

pub(super) type Producer = ThreadedProducer<Reports>;

/// Hands one record to librdkafka, which copies it.
pub(super) fn send(
    producer: &Producer,
    topic: &str,
    record: &Append,
    deliveries: &Arc<Deliveries>,
    index: usize,
) -> KafkaResult<()> {
    let opaque = Box::new((Arc::clone(deliveries), index));
    let mut outgoing: BaseRecord<'_, [u8], [u8], _> = BaseRecord::with_opaque_to(topic, opaque)
        .partition(record.partition)
        .timestamp(record.timestamp_ms);
    if !record.key.is_empty() {
        outgoing = outgoing.key(&record.key);
    }
    if let Some(value) = &record.value {
        outgoing = outgoing.payload(value);
    }
    producer.send(outgoing).map_err(|(error, _)| error)
}
