//! A simulated Discord, a log in a temporary folder, the role, and the oracle's comparison.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use miso_gateway::{GatewayConfig, GatewayError, GatewayStatus, ShardStatus, run_with_status};
use miso_log::catalogue::{GATEWAY_CHECKPOINTS, GATEWAY_COMMANDS, GATEWAY_EVENTS, PARKED, SCHEMAS};
use miso_log::embedded::{EmbeddedConfig, EmbeddedLog};
use miso_log::kafka::{KafkaConfig, KafkaLog};
use miso_log::{Record, SharedLog, Topic};
use miso_model::EventView;
use miso_simulator::{Running, Simulator, SimulatorConfig};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// Nothing in these tests takes longer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Bench {
    pub(crate) discord: Running,
    pub(crate) log: SharedLog,
    pub(crate) config: GatewayConfig,
    client: reqwest::Client,
    _folder: Option<tempfile::TempDir>,
}

/// A running role.
pub(crate) struct Role {
    pub(crate) status: watch::Receiver<GatewayStatus>,
    cancel: CancellationToken,
    task: JoinHandle<Result<(), GatewayError>>,
}

/// A small, fast Discord.
pub(crate) fn small() -> SimulatorConfig {
    SimulatorConfig { identify_window_ms: 100, global_per_second: 0, ..SimulatorConfig::default() }
}

impl Bench {
    pub(crate) async fn start(discord: SimulatorConfig) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = EmbeddedLog::open(EmbeddedConfig::new(folder.path().join("log.db"))).await.expect("a log");
        Self::on(discord, Arc::new(log), Some(folder)).await
    }

    /// On the broker that the environment names (`scripts/engines.sh start`), if it does.
    pub(crate) async fn start_on_kafka(discord: SimulatorConfig) -> Option<Self> {
        let brokers = std::env::var("MISO_TEST_KAFKA").ok().filter(|brokers| !brokers.is_empty())?;
        let mut config = KafkaConfig::new(&brokers);
        config.replication = 1;
        config.topic_prefix = Some(format!("gateway-{}-{}", std::process::id(), rand::random::<u32>()));
        config.catalogue = vec![GATEWAY_EVENTS, GATEWAY_CHECKPOINTS, GATEWAY_COMMANDS, PARKED, SCHEMAS];
        let log = KafkaLog::open(config).await.expect("a broker");
        Some(Self::on(discord, Arc::new(log), None).await)
    }

    async fn on(discord: SimulatorConfig, log: SharedLog, folder: Option<tempfile::TempDir>) -> Self {
        let discord = Simulator::start(discord).await.expect("a free port");
        let mut config = GatewayConfig::new(discord.token(), discord.api_url());
        config.identify_interval = Duration::from_millis(150);
        Self { discord, log, config, client: reqwest::Client::new(), _folder: folder }
    }

    pub(crate) fn role(&self) -> Role {
        self.role_on(Arc::clone(&self.log))
    }

    pub(crate) fn role_on(&self, log: SharedLog) -> Role {
        let sender = watch::Sender::new(GatewayStatus::default());
        let status = sender.subscribe();
        let cancel = CancellationToken::new();
        let task = tokio::spawn(run_with_status(self.config.clone(), log, sender, cancel.clone()));
        Role { status, cancel, task }
    }

    /// A call of the simulator's control API.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/{path}", self.discord.control_url());
        let response = self.client.post(url).json(&body).send().await.expect("the simulator answers");
        assert!(response.status().is_success(), "{path}: {}", response.status());
        response.json().await.expect("JSON")
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let url = format!("{}/{path}", self.discord.control_url());
        self.client.get(url).send().await.expect("the simulator answers").json().await.expect("JSON")
    }

    /// All entries of one kind.
    pub(crate) async fn journal(&self, kind: &str) -> Vec<Value> {
        let (mut from, mut all) = (0, Vec::new());
        loop {
            let page = self.get(&format!("journal?kind={kind}&from={from}")).await;
            let entries = page["entries"].as_array().expect("entries").clone();
            let next = page["next"].as_u64().expect("next");
            all.extend(entries);
            if next == from {
                return all;
            }
            from = next;
        }
    }

    /// Makes messages until `count` of them are emitted; answers when they are.
    pub(crate) async fn blast(&self, count: u64, rate: u64) {
        self.post("blast", json!({"count": count, "rate": rate, "bytes": 300})).await;
    }

    pub(crate) async fn blast_done(&self) {
        until("the blast is over", async || {
            let status = self.get("blast").await;
            status["finished_us"].as_u64().is_some_and(|at| at > 0) || status["running"] == json!(false)
        })
        .await;
    }

    /// What the simulator emitted: sequences by session.
    pub(crate) async fn emitted(&self) -> BTreeMap<String, BTreeSet<i64>> {
        let mut emitted: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
        let text = |entry: &Value| entry["session"].as_str().expect("a session").to_owned();
        for entry in self.journal("event").await {
            emitted.entry(text(&entry)).or_default().insert(entry["sequence"].as_i64().expect("a sequence"));
        }
        for entry in self.journal("blast_run").await {
            let first = entry["first_sequence"].as_i64().expect("a sequence");
            let events = entry["events"].as_i64().expect("a count");
            emitted.entry(text(&entry)).or_default().extend(first..first + events);
        }
        emitted
    }

    /// Everything in a topic, in order of offset: on the embedded log the order of appending, on Kafka
    /// only within a partition.
    pub(crate) async fn records(&self, topic: Topic) -> Vec<Record> {
        let mut from = Vec::new();
        let mut ends = Vec::new();
        for partition in 0..topic.partitions {
            let bounds = self.log.bounds(topic, partition).await.expect("bounds");
            from.push((partition, bounds.earliest));
            ends.push((partition, bounds.latest));
        }
        let mut reader = self.log.reader(topic, &from);
        let mut records = Vec::new();
        while let Some(batch) =
            timeout(DEADLINE, reader.next_before(&ends)).await.expect("records in time").expect("readable")
        {
            records.extend(batch.iter().cloned());
        }
        records.sort_by_key(|record| record.offset);
        records
    }

    /// The events in the log: sequences by session. Fails when one is there twice, or out of order
    /// within its partition.
    pub(crate) async fn logged(&self) -> BTreeMap<String, Vec<i64>> {
        let mut logged: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
        let mut last: BTreeMap<(i32, String), i64> = BTreeMap::new();
        for record in self.records(GATEWAY_EVENTS).await {
            let value = record.value.expect("no tombstones");
            let Some(event) = EventView::decode(&value).expect("a record") else { continue };
            let session = event.session_id.to_owned();
            let before = last.insert((record.partition, session.clone()), event.sequence);
            assert!(
                before.is_none_or(|before| before < event.sequence),
                "{session}/{} after {before:?}",
                event.sequence
            );
            assert!(logged.entry(session).or_default().insert(event.sequence), "{} twice", event.sequence);
        }
        logged.into_iter().map(|(session, sequences)| (session, sequences.into_iter().collect())).collect()
    }

    /// Waits until the log holds what the simulator emitted, everything once and in order. RESUMED
    /// is no event of the journal's; sequences above what it knows are let pass.
    pub(crate) async fn all_arrive(&self) -> BTreeMap<String, Vec<i64>> {
        let emitted = self.emitted().await;
        let started = Instant::now();
        loop {
            let logged = self.logged().await;
            let missing: usize = emitted
                .iter()
                .map(|(session, sequences)| {
                    let there: BTreeSet<i64> = logged.get(session).into_iter().flatten().copied().collect();
                    sequences.difference(&there).count()
                })
                .sum();
            if missing == 0 {
                return logged;
            }
            assert!(started.elapsed() < DEADLINE, "{missing} events are not in the log");
            tokio::task::yield_now().await;
        }
    }
}

impl Role {
    /// Waits until every shard is live, `shards` of them.
    pub(crate) async fn live(&mut self, shards: usize) {
        let all = |status: &GatewayStatus| {
            status.shards.len() == shards && status.shards.values().all(|shard| *shard == ShardStatus::Live)
        };
        let waited = timeout(DEADLINE, self.status.wait_for(all)).await.is_ok();
        assert!(waited, "the shards are not live: {:?}", *self.status.borrow());
    }

    /// As a supervisor's fault: dropped at whatever await point it is.
    pub(crate) async fn abort(self) {
        self.task.abort();
        let ended = timeout(DEADLINE, self.task).await.expect("ends at once");
        assert!(ended.is_err_and(|error| error.is_cancelled()));
    }

    pub(crate) async fn stop(self) {
        self.cancel.cancel();
        timeout(DEADLINE, self.task).await.expect("settles in time").expect("no panic").expect("no error");
    }
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < DEADLINE, "not in time: {what}");
        tokio::time::sleep_until(Instant::now() + Duration::from_millis(5)).await;
    }
}
