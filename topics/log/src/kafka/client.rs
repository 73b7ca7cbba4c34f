//! How librdkafka's clients are set up, and what things are called at the broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::util::Timeout;

use super::KafkaConfig;
use super::signal::Signal;
use crate::catalogue::LARGE_RECORD_BYTES;
use crate::{LogError, Topic};

/// A blocking question to the broker (offsets, groups, metadata) is given up after so long.
pub(super) const QUESTION_TIMEOUT: Duration = Duration::from_secs(5);
/// A committed position may wait for the end of a transaction that is about to move it: longer than
/// the broker lets one be open.
pub(super) const COMMITTED_TIMEOUT: Duration = Duration::from_secs(10);
/// A member that was not heard of for so long is out of its group.
pub(super) const SESSION_TIMEOUT_MS: u32 = 6_000;
/// A rebalance is noticed within this.
const HEARTBEAT_MS: u32 = 500;
/// The broker aborts a transaction that is open for longer.
pub(super) const TRANSACTION_TIMEOUT_MS: u32 = 5_000;
/// A batch around the largest record.
const BATCH_OVERHEAD_BYTES: usize = 64 * 1_024;
/// Fetched and not yet taken, per consumer at the head, KiB. At the bound it fetches no more.
const HEAD_BUFFER_KIB: u32 = 32 * 1_024;
/// The same for a consumer that catches up.
const CATCH_UP_BUFFER_KIB: u32 = 8 * 1_024;

/// Settings that a deployment cannot change: fencing and exactly-once rest on them.
const FIXED: &[&str] =
    &["isolation.level", "enable.idempotence", "acks", "partition.assignment.strategy", "transaction.timeout.ms"];

/// Names at the broker: with a prefix several logs share one cluster.
#[derive(Debug, Clone)]
pub(super) struct Clients {
    config: Arc<KafkaConfig>,
}

impl Clients {
    pub(super) fn new(config: Arc<KafkaConfig>) -> Self {
        Self { config }
    }

    pub(super) fn config(&self) -> &KafkaConfig {
        &self.config
    }

    /// With the prefix in front.
    pub(super) fn named(&self, name: &str) -> String {
        match &self.config.topic_prefix {
            Some(prefix) => format!("{prefix}.{name}"),
            None => name.to_owned(),
        }
    }

    /// Without it; `None` when it belongs to another log.
    pub(super) fn unnamed<'a>(&self, name: &'a str) -> Option<&'a str> {
        match &self.config.topic_prefix {
            Some(prefix) => name.strip_prefix(prefix.as_str())?.strip_prefix('.'),
            None => Some(name),
        }
    }

    /// Nothing is written there: owners commit a position of their partition of it with every transaction.
    pub(super) fn fence_topic(&self) -> String {
        self.named("miso.fence")
    }

    fn base(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", &self.config.brokers)
            .set("client.id", &self.config.process_name)
            .set("socket.nagle.disable", "true")
            .set("socket.keepalive.enable", "true")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            .set("log.connection.close", "false")
            .set_log_level(RDKafkaLogLevel::Warning);
        client
    }

    /// The deployment's own settings win.
    fn finish(&self, mut client: ClientConfig) -> ClientConfig {
        for (key, value) in &self.config.client_settings {
            if FIXED.contains(&key.as_str()) {
                tracing::warn!(setting = key, "what Miso's guarantees rest on cannot be set otherwise");
            } else {
                client.set(key, value);
            }
        }
        client
    }

    pub(super) fn admin(&self) -> ClientConfig {
        self.finish(self.base())
    }

    /// `timeout_ms`: an undelivered record fails after so long.
    fn producer(&self, timeout_ms: u32) -> ClientConfig {
        let mut client = self.base();
        client
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("compression.type", "lz4")
            .set("message.max.bytes", (LARGE_RECORD_BYTES + BATCH_OVERHEAD_BYTES).to_string())
            .set("message.timeout.ms", timeout_ms.to_string());
        client
    }

    pub(super) fn appender(&self, timeout_ms: u32, buffer_records: u32, buffer_kib: u32) -> ClientConfig {
        let mut client = self.producer(timeout_ms);
        client
            .set("linger.ms", "0.2")
            .set("queue.buffering.max.messages", buffer_records.to_string())
            .set("queue.buffering.max.kbytes", buffer_kib.to_string());
        self.finish(client)
    }

    /// A fresh transactional id: nothing but fencing by the group keeps owners apart.
    pub(super) fn transactional(&self, id: &str) -> ClientConfig {
        let mut client = self.producer(TRANSACTION_TIMEOUT_MS);
        client
            .set("transactional.id", id)
            .set("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS.to_string())
            .set("linger.ms", "0.1")
            .set("queue.buffering.max.messages", "1000000")
            .set("queue.buffering.max.kbytes", (512 * 1_024).to_string());
        self.finish(client)
    }

    fn consumer(&self, group: &str) -> ClientConfig {
        let mut client = self.base();
        client
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", "read_committed")
            .set("fetch.queue.backoff.ms", "5")
            .set("fetch.error.backoff.ms", "50")
            .set("fetch.max.bytes", (3 * LARGE_RECORD_BYTES).to_string())
            .set("auto.offset.reset", "error");
        client
    }

    /// Asks for offsets, never joins.
    pub(super) fn asking(&self, group: &str) -> ClientConfig {
        self.finish(self.consumer(group))
    }

    /// The same, and sees what open transactions have appended.
    pub(super) fn asking_uncommitted(&self, group: &str) -> ClientConfig {
        let mut client = self.consumer(group);
        client.set("isolation.level", "read_uncommitted");
        self.finish(client)
    }

    pub(super) fn member(&self, group: &str) -> ClientConfig {
        let mut client = self.consumer(group);
        client
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", SESSION_TIMEOUT_MS.to_string())
            .set("heartbeat.interval.ms", HEARTBEAT_MS.to_string())
            .set("auto.offset.reset", "latest")
            // A topic that was missing when the group was joined is found within this.
            .set("topic.metadata.refresh.interval.ms", "5000")
            .set("queued.min.messages", "1")
            .set("queued.max.messages.kbytes", "1024");
        self.finish(client)
    }

    pub(super) fn head(&self) -> ClientConfig {
        let mut client = self.consumer(&self.named("miso.readers"));
        client.set("fetch.wait.max.ms", "1000").set("queued.max.messages.kbytes", HEAD_BUFFER_KIB.to_string());
        self.finish(client)
    }

    pub(super) fn catch_up(&self) -> ClientConfig {
        let mut client = self.consumer(&self.named("miso.readers"));
        client
            .set("enable.partition.eof", "true")
            .set("fetch.wait.max.ms", "100")
            .set("queued.max.messages.kbytes", CATCH_UP_BUFFER_KIB.to_string());
        self.finish(client)
    }

    /// The error for people: what does not answer, and what to look at.
    pub(super) fn does_not_serve(&self, error: &KafkaError) -> String {
        match error.rdkafka_error_code() {
            Some(code) => self.unavailable(code),
            None => self.unavailable(error),
        }
    }

    pub(super) fn unavailable(&self, error: impl std::fmt::Display) -> String {
        format!(
            "Kafka at {} does not serve ({error}): look whether it runs and is reachable from here",
            self.config.brokers
        )
    }

    pub(super) fn log_error(&self, error: &KafkaError) -> LogError {
        match error {
            KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) => {
                LogError::Refused(format!("Kafka's settings are wrong: {error}"))
            }
            _ => LogError::Unavailable(self.does_not_serve(error)),
        }
    }

    pub(super) fn topic(&self, topic: Topic) -> String {
        self.named(topic.name)
    }
}

/// What every client does with librdkafka's own words: outages are reported where they matter (an
/// append, a check), so the clients' repeated lines go to `debug`.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    /// Something was handled inside the last poll, so more may wait.
    handled: AtomicBool,
    /// All brokers are away, as far as the client knows.
    away: AtomicBool,
}

impl Quiet {
    pub(super) fn mark_handled(&self) {
        self.handled.store(true, Ordering::Relaxed);
    }

    /// Whether all brokers went away since the last call.
    pub(super) fn take_away(&self) -> bool {
        self.away.swap(false, Ordering::Relaxed)
    }
}

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        self.mark_handled();
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::warn!(target: "miso_log::librdkafka", fac, "{message}");
            }
            _ => tracing::debug!(target: "miso_log::librdkafka", fac, "{message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.mark_handled();
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.away.store(true, Ordering::Relaxed);
        }
        tracing::debug!(target: "miso_log::librdkafka", %error, reason, "client error");
    }
}

impl ConsumerContext for Quiet {
    fn main_queue_min_poll_interval(&self) -> Timeout {
        Timeout::After(Duration::from_secs(1))
    }
}

/// Access to the quiet part of a consumer's context.
pub(super) trait HasQuiet {
    fn quiet(&self) -> &Quiet;
}

impl HasQuiet for Quiet {
    fn quiet(&self) -> &Quiet {
        self
    }
}

/// A consumer that gives a signal when its queue has something.
pub(super) fn signalling<C: ConsumerContext + 'static>(
    client: &ClientConfig,
    context: C,
    signal: &Arc<Signal>,
) -> KafkaResult<BaseConsumer<C>> {
    let mut consumer: BaseConsumer<C> = client.create_with_context(context)?;
    let signal = Arc::clone(signal);
    consumer.set_nonempty_callback(move || signal.notify());
    Ok(consumer)
}

/// What a consumer's queue gave.
pub(super) enum Polled<'a> {
    Message(rdkafka::message::BorrowedMessage<'a>),
    Eof(i32),
    Error(KafkaError),
    Empty,
}

/// Polls without waiting; `Empty` only when the queue is.
pub(super) fn poll_now<C: ConsumerContext + HasQuiet>(consumer: &BaseConsumer<C>) -> Polled<'_> {
    use rdkafka::consumer::Consumer;
    loop {
        let quiet = consumer.context().quiet();
        quiet.handled.store(false, Ordering::Relaxed);
        match consumer.poll(Duration::ZERO) {
            Some(Ok(message)) => return Polled::Message(message),
            Some(Err(KafkaError::PartitionEOF(partition))) => return Polled::Eof(partition),
            Some(Err(error)) => return Polled::Error(error),
            None if quiet.handled.load(Ordering::Relaxed) => {}
            None => return Polled::Empty,
        }
    }
}

/// An outage, or leaders that move: passes by itself.
pub(super) fn passes(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::AllBrokersDown
                | Code::BrokerTransportFailure
                | Code::Resolve
                | Code::OperationTimedOut
                | Code::RequestTimedOut
                | Code::LeaderNotAvailable
                | Code::NotLeaderForPartition
                | Code::BrokerNotAvailable
                | Code::FencedLeaderEpoch
                | Code::UnknownLeaderEpoch
                | Code::OffsetNotAvailable
        )
    )
}
