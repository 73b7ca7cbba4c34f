//! The log on Apache Kafka (3.7 or newer), through librdkafka.
//!
//! | part | thread | does |
//! |---|---|---|
//! | `appender` | librdkafka's | plain appends through one idempotent producer |
//! | `membership` | one per member | owns partitions of a group; reads nothing |
//! | `transactions` | one per member | records and offsets of its owners, group commit, fenced by the membership |
//! | `head` | one per topic that is read | publishes what becomes visible in the topic's ring |
//! | `catch_up` | tokio's blocking ones | reads behind the head |
//! | `meta`, `groups`, `lag` | tokio's blocking ones | questions about offsets and groups |
//!
//! Replication and `min.insync.replicas` are the cluster's settings. What is acknowledged is on
//! `min.insync.replicas` brokers (`acks=all`), whatever the topic's durability says.

mod address;
mod appender;
mod assignment;
mod catch_up;
mod client;
mod delivery;
mod groups;
mod head;
mod lag;
mod membership;
mod meta;
mod pass;
mod signal;
mod stop;
mod topics;
mod transactions;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::error::KafkaResult;
use tokio::sync::{mpsc, oneshot};

use self::appender::Appender;
use self::catch_up::CatchUp;
use self::client::Clients;
use self::groups::Groups;
use self::head::Head;
use self::membership::{MemberThread, Membership};
use self::meta::Meta;
use self::stop::Stop;
use self::transactions::Transactions;
use crate::{
    Append, AppendError, Bounds, Fetched, Log, LogError, MEMBER_EVENTS, Member, OffsetCommit, PartitionLag, ReadError,
    Reader, Ring, Source, Topic, catalogue,
};

pub use self::appender::{APPEND_BUFFER_KIB, APPEND_BUFFER_RECORDS, APPEND_TIMEOUT_MS};
pub use self::catch_up::CATCH_UP_CONSUMERS;
pub use self::transactions::{TRANSACTION_BYTES, TRANSACTION_QUEUE};

/// How long `close` waits for what is on its way.
const CLOSE_TIME: Duration = Duration::from_secs(5);
/// How often idle clients are looked for.
const CHORES: Duration = Duration::from_secs(10);
/// A reader that waits for more than the ring tells (the end of a transaction, the start of the head)
/// asks again after so long.
const ASK_AGAIN: Duration = Duration::from_millis(25);

/// How a log on Kafka is opened.
#[derive(Debug, Clone)]
pub struct KafkaConfig {
    /// `host:port,host:port`.
    pub brokers: String,
    /// Topics of the log; created where missing.
    pub catalogue: Vec<Topic>,
    /// `client.id` at the brokers.
    pub process_name: String,
    /// In front of every topic, group and transactional id, with a dot: several logs on one cluster.
    pub topic_prefix: Option<String>,
    /// Replicas of topics that are created; -1: the broker's default.
    pub replication: i32,
    /// More settings of librdkafka for every client, such as TLS where it is built in.
    pub client_settings: Vec<(String, String)>,
    /// More settings of topics that are created; they win over the catalogue's.
    pub topic_settings: Vec<(String, String)>,
}

impl KafkaConfig {
    /// Defaults, with the whole catalogue.
    #[must_use]
    pub fn new(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            catalogue: catalogue::ALL.to_vec(),
            process_name: "miso".to_owned(),
            topic_prefix: None,
            replication: -1,
            client_settings: Vec::new(),
            topic_settings: Vec::new(),
        }
    }
}

/// The log on Kafka.
pub struct KafkaLog {
    core: Arc<Core>,
}

impl fmt::Debug for KafkaLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KafkaLog({})", self.core.clients.config().brokers)
    }
}

struct Core {
    clients: Clients,
    stop: Arc<Stop>,
    appender: Appender,
    meta: Arc<Meta>,
    groups: Arc<Groups>,
    catch_up: Arc<CatchUp>,
    rings: Mutex<HashMap<Topic, Arc<Ring>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl KafkaLog {
    /// Connects and creates missing topics.
    ///
    /// # Errors
    /// [`LogError::Unavailable`] when no broker answers; [`LogError::Refused`] when a topic is there
    /// with another number of partitions, or a setting is wrong.
    pub async fn open(config: KafkaConfig) -> Result<Self, LogError> {
        let clients = Clients::new(Arc::new(config));
        topics::create(&clients).await?;
        let core = Core::open(clients.clone()).map_err(|error| clients.log_error(&error))?;
        Ok(Self { core: Arc::new(core) })
    }
}

impl Drop for KafkaLog {
    fn drop(&mut self) {
        self.core.end();
    }
}

impl Core {
    fn open(clients: Clients) -> KafkaResult<Self> {
        let stop = Arc::new(Stop::default());
        let meta = Meta::open(&clients)?;
        let core = Self {
            appender: Appender::open(&clients)?,
            groups: Groups::new(&clients),
            catch_up: CatchUp::new(&clients, &meta, &stop),
            rings: Mutex::default(),
            threads: Mutex::default(),
            clients,
            stop,
            meta,
        };
        let (groups, catch_up, stop) = (Arc::clone(&core.groups), Arc::clone(&core.catch_up), Arc::clone(&core.stop));
        core.spawn("kafka-chores", move || {
            let signal = stop.signal();
            while !stop.is_stopped() {
                signal.wait(CHORES);
                groups.forget_idle();
                catch_up.forget_idle();
            }
        });
        Ok(core)
    }

    fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) {
        match thread::Builder::new().name(name.to_owned()).spawn(run) {
            Ok(thread) => {
                let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
                threads.retain(|thread| !thread.is_finished());
                threads.push(thread);
            }
            Err(error) => tracing::error!(name, %error, "the system gives no thread"),
        }
    }

    fn rings(&self) -> MutexGuard<'_, HashMap<Topic, Arc<Ring>>> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The topic's ring; the first call begins to read the head.
    fn ring(&self, topic: Topic) -> Arc<Ring> {
        let mut rings = self.rings();
        if let Some(ring) = rings.get(&topic) {
            return Arc::clone(ring);
        }
        let partitions = usize::try_from(topic.partitions).unwrap_or(0);
        let ring = Arc::new(Ring::new(vec![i64::MAX; partitions]));
        if self.stop.is_stopped() {
            ring.close();
            return ring;
        }
        rings.insert(topic, Arc::clone(&ring));
        drop(rings);
        let head = Head {
            clients: self.clients.clone(),
            meta: Arc::clone(&self.meta),
            topic,
            ring: Arc::clone(&ring),
            stop: Arc::clone(&self.stop),
        };
        self.spawn("kafka-head", move || head.run());
        ring
    }

    fn end(&self) {
        self.stop.stop();
        self.rings().values().for_each(|ring| ring.close());
    }

    fn known(&self, topic: Topic, partition: i32) -> Result<(), LogError> {
        if self.clients.config().catalogue.contains(&topic) && (0..topic.partitions).contains(&partition) {
            return Ok(());
        }
        Err(LogError::Refused(format!("this log has no partition {partition} of topic {topic:?}")))
    }
}

#[async_trait]
impl Source for Core {
    async fn fetch(&self, topic: Topic, wants: &[(i32, i64)]) -> Result<Fetched, ReadError> {
        self.catch_up.fetch(topic, wants).await
    }

    async fn wait(&self, _topic: Topic, _wants: &[(i32, i64)]) {
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// Blocking questions, on a thread that may block.
async fn blocking<T: Send + 'static>(
    core: &Arc<Core>,
    ask: impl FnOnce(&Core) -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    if core.stop.is_stopped() {
        return Err(LogError::Closed);
    }
    let core = Arc::clone(core);
    tokio::task::spawn_blocking(move || ask(&core)).await.unwrap_or(Err(LogError::Closed))
}

#[async_trait]
impl Log for KafkaLog {
    async fn append(&self, records: Vec<Append>) -> Result<Vec<i64>, AppendError> {
        if self.core.stop.is_stopped() {
            return Err(AppendError::Unavailable("the log is closed".to_owned()));
        }
        self.core.appender.append(records).await
    }

    async fn join(&self, group: &str, topic: Topic) -> Result<Member, LogError> {
        self.core.known(topic, 0)?;
        let (events, received) = mpsc::channel(MEMBER_EVENTS);
        let (member, left) = oneshot::channel();
        let (queue, requests) = mpsc::channel(TRANSACTION_QUEUE);
        let group = group.to_owned();
        blocking(&self.core, move |core| {
            let membership = Membership::new(&group, core.clients.config().catalogue.clone(), queue);
            let thread =
                MemberThread::join(&core.clients, Arc::clone(&membership), topic, Arc::clone(&core.stop), events)
                    .map_err(|error| core.clients.log_error(&error))?;
            let transactions =
                Transactions::new(core.clients.clone(), Arc::clone(&core.groups), membership, Arc::clone(&core.stop));
            core.spawn("kafka-transact", move || transactions.run(requests));
            let clients = core.clients.clone();
            core.spawn("kafka-member", move || thread.run(left, &clients));
            Ok(())
        })
        .await?;
        Ok(Member::new(received, member))
    }

    fn reader(&self, topic: Topic, from: &[(i32, i64)]) -> Reader {
        let source: Arc<dyn Source> = Arc::clone(&self.core) as _;
        Reader::new(topic, from, self.core.ring(topic), source)
    }

    async fn bounds(&self, topic: Topic, partition: i32) -> Result<Bounds, LogError> {
        self.core.known(topic, partition)?;
        blocking(&self.core, move |core| {
            let name = core.clients.topic(topic);
            let error = |error| core.clients.log_error(&error);
            let earliest = core.meta.beginnings(&name, std::iter::once(partition)).map_err(error)?;
            let latest = core.meta.undecided_end(&name, partition).map_err(error)?;
            match (earliest.get(&partition), latest) {
                (Some(&earliest), Some(latest)) => Ok(Bounds { earliest, latest }),
                _ => Err(LogError::Unavailable(core.clients.unavailable("no offsets were answered"))),
            }
        })
        .await
    }

    async fn offset_at(&self, topic: Topic, partition: i32, time_ms: i64) -> Result<i64, LogError> {
        self.core.known(topic, partition)?;
        let found = blocking(&self.core, move |core| {
            let name = core.clients.topic(topic);
            core.meta.at(&name, partition, time_ms).map_err(|error| core.clients.log_error(&error))
        })
        .await?;
        match found {
            Some(offset) => Ok(offset),
            None => Ok(self.bounds(topic, partition).await?.latest),
        }
    }

    async fn committed(&self, group: &str, topic: Topic, partition: i32) -> Result<Option<i64>, LogError> {
        self.core.known(topic, partition)?;
        let group = group.to_owned();
        blocking(&self.core, move |core| {
            let found = core.groups.committed(&group, std::iter::once((topic, partition)));
            Ok(found.map_err(|error| core.clients.log_error(&error))?.into_values().next())
        })
        .await
    }

    async fn commit(&self, offsets: Vec<OffsetCommit>) -> Result<(), LogError> {
        for offset in &offsets {
            self.core.known(offset.topic, offset.partition)?;
        }
        blocking(&self.core, move |core| core.groups.commit(&offsets)).await
    }

    async fn lag(&self, group: &str) -> Result<Vec<PartitionLag>, LogError> {
        let group = group.to_owned();
        blocking(&self.core, move |core| lag::lag(&core.clients, &core.groups, &core.meta, &core.catch_up, &group))
            .await
    }

    async fn groups(&self) -> Result<Vec<String>, LogError> {
        blocking(&self.core, |core| {
            let error = |error| core.clients.log_error(&error);
            let catalogue = &core.clients.config().catalogue;
            let mut groups = Vec::new();
            for name in core.meta.groups().map_err(error)? {
                let Some(group) = core.clients.unnamed(&name) else { continue };
                let everywhere =
                    catalogue.iter().flat_map(|&topic| (0..topic.partitions).map(move |partition| (topic, partition)));
                if !core.groups.committed(group, everywhere).map_err(error)?.is_empty() {
                    groups.push(group.to_owned());
                }
            }
            groups.sort();
            Ok(groups)
        })
        .await
    }

    fn topics(&self) -> &[Topic] {
        &self.core.clients.config().catalogue
    }

    async fn check(&self) -> Result<(), LogError> {
        blocking(&self.core, |core| {
            core.meta.check(&core.clients.fence_topic()).map_err(|error| core.clients.log_error(&error))
        })
        .await
    }

    async fn close(&self) {
        let core = Arc::clone(&self.core);
        core.end();
        let closed = tokio::task::spawn_blocking(move || {
            core.appender.flush(CLOSE_TIME);
            let threads = std::mem::take(&mut *core.threads.lock().unwrap_or_else(PoisonError::into_inner));
            for thread in threads {
                let _ = thread.join();
            }
            core.groups.close();
            core.catch_up.close();
        });
        if tokio::time::timeout(2 * CLOSE_TIME, closed).await.is_err() {
            tracing::warn!("Kafka does not answer; the log is closed without waiting longer");
        }
    }
}
