use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use miso_bot_store::{PostgresStore, Statement, Store};
use miso_commands_api::{CommandsApi, CommandsConfig, CommandsError};
use miso_log::SharedLog;
use miso_log::catalogue::{BOT_ANSWERS, BOT_FACTS, BOT_REQUESTS, BOT_SETTINGS, PARKED, SCHEMAS, TIMERS};
use miso_log::embedded::{EmbeddedConfig, EmbeddedLog};
use miso_log::kafka::{KafkaConfig, KafkaLog};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A test waits for a condition so long, at most.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Unix milliseconds: retention goes by the records' own times.
pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("before the year 292 million")
}

/// A fresh log and a fresh store.
pub(crate) struct World {
    pub(crate) log: SharedLog,
    pub(crate) store: Arc<dyn Store>,
    _folder: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let log = log(&folder).await;
        let store = match std::env::var("MISO_TEST_POSTGRES") {
            Ok(server) => {
                let schema = format!("test_{}", rand::random::<u64>());
                let create = Statement::new(format!("create schema {schema}"), vec![]);
                PostgresStore::open(&server).expect("address").execute(create).await.expect("schema");
                let and = if server.contains('?') { '&' } else { '?' };
                miso_bot_store::open(&format!("{server}{and}options=-c%20search_path%3D{schema}")).await
            }
            Err(_) => miso_bot_store::open(&format!("file:{}", folder.path().join("store.db").display())).await,
        };
        Self { log, store: store.expect("store"), _folder: folder }
    }

    /// An instance of the service on a fresh port, ready.
    pub(crate) async fn instance(&self, config: CommandsConfig) -> Instance {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let instance = self.instance_at(listener, config);
        let mut ready = instance.ready.clone();
        tokio::time::timeout(PATIENCE, ready.wait_for(|ready| *ready)).await.expect("in time").expect("ready");
        instance
    }

    pub(crate) fn instance_at(&self, listener: TcpListener, config: CommandsConfig) -> Instance {
        let address = listener.local_addr().expect("address");
        let cancel = CancellationToken::new();
        let api = CommandsApi::start(config, self.log.clone(), self.store.clone(), cancel.clone());
        let ready = api.ready();
        let mut task = JoinSet::new();
        task.spawn(api.serve(listener));
        Instance { address, ready, cancel, task }
    }
}

/// An embedded log in the folder; with `MISO_TEST_KAFKA`, fresh topics of that broker.
async fn log(folder: &TempDir) -> SharedLog {
    let catalogue = vec![BOT_REQUESTS, BOT_ANSWERS, BOT_FACTS, BOT_SETTINGS, TIMERS, PARKED, SCHEMAS];
    match std::env::var("MISO_TEST_KAFKA") {
        Ok(brokers) if !brokers.is_empty() => {
            let mut config = KafkaConfig::new(brokers);
            config.catalogue = catalogue;
            config.topic_prefix = Some(format!("commands-{:x}", rand::random::<u64>()));
            config.replication = 1;
            Arc::new(KafkaLog::open(config).await.expect("log"))
        }
        Ok(_) | Err(_) => {
            let mut config = EmbeddedConfig::new(folder.path().join("log.db"));
            config.catalogue = catalogue;
            Arc::new(EmbeddedLog::open(config).await.expect("log"))
        }
    }
}

/// A running instance; dropped, it is aborted.
pub(crate) struct Instance {
    pub(crate) address: SocketAddr,
    ready: tokio::sync::watch::Receiver<bool>,
    cancel: CancellationToken,
    task: JoinSet<Result<(), CommandsError>>,
}

impl Instance {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Stops it in order.
    pub(crate) async fn stop(mut self) {
        self.cancel.cancel();
        let ended = tokio::time::timeout(PATIENCE, self.task.join_next()).await.expect("in time");
        ended.expect("a task").expect("no panic").expect("no error");
    }
}
