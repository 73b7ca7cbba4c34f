//! A simulator, a log, a sender; and everything that its ledger says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use miso_log::catalogue::{REST_ACTIONS, REST_INTERACTIONS, REST_LEDGER};
use miso_log::embedded::{EmbeddedConfig, EmbeddedLog};
use miso_log::{Append, SharedLog};
use miso_model::{Action, Header, Lane, LogRecord, Outcome};
use miso_sender::{Sender, SenderConfig, SenderError, SenderHandle};
use miso_simulator::{Running, Simulator, SimulatorConfig};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What a test waits for at the most.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) type Id = [u8; 16];

pub(crate) struct Rig {
    pub(crate) simulator: Running,
    pub(crate) log: SharedLog,
    pub(crate) config: SenderConfig,
    pub(crate) handle: Arc<SenderHandle>,
    pub(crate) token: watch::Sender<String>,
    /// Text channels.
    pub(crate) channels: Vec<u64>,
    pub(crate) user: u64,
    outcomes: watch::Receiver<usize>,
    seen: Arc<Mutex<HashMap<Id, Vec<Outcome>>>>,
    running: Option<(JoinHandle<Result<(), SenderError>>, CancellationToken)>,
    _follow: tokio_util::task::AbortOnDropHandle<()>,
    _folder: tempfile::TempDir,
}

impl Rig {
    /// A simulator whose create-message windows are short, no global limit, and a sender.
    pub(crate) async fn start() -> Self {
        let mut rig = Self::with(|simulator| simulator.global_per_second = 0, |_| {}).await;
        rig.run();
        rig
    }

    pub(crate) async fn with(world: impl FnOnce(&mut SimulatorConfig), sender: impl FnOnce(&mut SenderConfig)) -> Self {
        let mut simulated =
            SimulatorConfig { message_window_ms: 300, channels_per_guild: 8, ..SimulatorConfig::default() };
        world(&mut simulated);
        let global = simulated.global_per_second;
        let simulator = Simulator::start(simulated).await.expect("simulator");
        let folder = tempfile::tempdir().expect("folder");
        let log: SharedLog =
            Arc::new(EmbeddedLog::open(EmbeddedConfig::new(folder.path().join("log.db"))).await.expect("log"));
        let (token, told) = watch::channel(simulator.token().to_owned());
        let mut config = SenderConfig::new(&simulator.api_url(), told);
        config.global_per_second = global;
        config.edge_pause = Duration::from_millis(400);
        config.request_timeout = Duration::from_secs(5);
        sender(&mut config);
        let guilds = simulator.order("GET", "guilds", Value::Null).expect("guilds");
        let guilds = guilds.as_array().expect("a list");
        let channels = guilds.iter().flat_map(|guild| guild["channels"].as_array().expect("channels"));
        let channels = channels.filter(|channel| channel["type"] == 0).map(|channel| id_of(&channel["id"])).collect();
        let user = id_of(&guilds[0]["users"][0]);
        let seen: Arc<Mutex<HashMap<Id, Vec<Outcome>>>> = Arc::default();
        let (tell, outcomes) = watch::channel(0);
        let follow = tokio::spawn(follow(Arc::clone(&log), Arc::clone(&seen), tell));
        Self {
            simulator,
            log,
            config,
            handle: SenderHandle::new(),
            token,
            channels,
            user,
            outcomes,
            seen,
            running: None,
            _follow: tokio_util::task::AbortOnDropHandle::new(follow),
            _folder: folder,
        }
    }

    /// Starts a sender.
    pub(crate) fn run(&mut self) {
        let cancel = CancellationToken::new();
        let sender = Sender::run(self.config.clone(), Arc::clone(&self.log), Arc::clone(&self.handle), cancel.clone());
        self.running = Some((tokio::spawn(sender), cancel));
    }

    /// Ends the sender as a crash would, wherever it is.
    pub(crate) async fn abort(&mut self) {
        if let Some((task, _)) = self.running.take() {
            task.abort();
            if let Ok(ended) = task.await {
                panic!("the sender had ended by itself: {ended:?}");
            }
        }
    }

    /// Ends the sender in order.
    pub(crate) async fn stop(&mut self) {
        if let Some((task, cancel)) = self.running.take() {
            cancel.cancel();
            tokio::time::timeout(PATIENCE, task).await.expect("in time").expect("no panic").expect("no error");
        }
    }

    /// Appends an action, as an ingress does.
    pub(crate) async fn append(&self, method: &str, path: &str, body: &Value) -> Id {
        self.append_with(method, path, body, |_| {}).await.0
    }

    pub(crate) async fn append_with(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        change: impl FnOnce(&mut Action),
    ) -> (Id, i64) {
        let id: Id = rand::random();
        let (action, lane, partition) = self.action(id, method, path, body, change);
        let topic = if lane == Lane::Actions { REST_ACTIONS } else { REST_INTERACTIONS };
        let record = Append::new(topic, partition, action.to_bytes(), action.accepted_ms);
        let offsets = self.log.append(vec![record]).await.expect("appended");
        (id, offsets[0])
    }

    pub(crate) fn action(
        &self,
        id: Id,
        method: &str,
        path: &str,
        body: &Value,
        change: impl FnOnce(&mut Action),
    ) -> (Action, Lane, i32) {
        let bytes = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        let bot = 0;
        let (mut action, route) = Action::new(id, "demo", method, path, bytes, now_ms(), Some(bot));
        let json = Header { name: "content-type".to_owned(), value: "application/json".to_owned().into() };
        action.headers.push(json);
        change(&mut action);
        (action, route.lane, route.partition)
    }

    pub(crate) async fn say(&self, channel: u64, text: &str) -> Id {
        self.append("POST", &format!("/channels/{channel}/messages"), &json!({"content": text})).await
    }

    /// The one outcome of an action, waited for.
    pub(crate) async fn outcome(&self, id: Id) -> Outcome {
        let mut outcomes = self.outcomes.clone();
        let there = async {
            loop {
                if let Some(found) = self.known(id) {
                    return found;
                }
                outcomes.changed().await.expect("the ledger is followed");
            }
        };
        tokio::time::timeout(PATIENCE, there).await.expect("an outcome in time")
    }

    pub(crate) fn known(&self, id: Id) -> Option<Outcome> {
        let seen = self.seen.lock().expect("lock");
        let found = seen.get(&id)?;
        assert_eq!(found.len(), 1, "an action has one outcome");
        Some(found[0].clone())
    }

    pub(crate) fn order(&self, method: &str, path: &str, body: Value) -> Value {
        self.simulator.order(method, path, body).expect("the simulator obeys")
    }

    pub(crate) fn fault(&self, fault: Value) {
        self.order("POST", "faults", fault);
    }

    /// REST requests that the simulator received.
    pub(crate) fn journal(&self) -> Vec<Value> {
        let mut entries = Vec::new();
        let mut from = 0;
        loop {
            let page = self.order("GET", &format!("journal?kind=rest&from={from}"), Value::Null);
            let new = page["entries"].as_array().expect("entries").clone();
            if new.is_empty() {
                return entries;
            }
            entries.extend(new);
            from = page["next"].as_u64().expect("next");
        }
    }

    /// Those of one method and path.
    pub(crate) fn received(&self, method: &str, path: &str) -> Vec<Value> {
        self.journal().into_iter().filter(|entry| entry["method"] == method && entry["path"] == path).collect()
    }

    /// Contents of the bot's messages in a channel, in the order in which they took effect.
    pub(crate) fn said(&self, channel: u64) -> Vec<String> {
        let applied = self.received("POST", &format!("/channels/{channel}/messages"));
        let applied = applied.into_iter().filter(|entry| entry["applied"] == true);
        applied.map(|entry| entry["body"]["content"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// 429s: of a bucket, global.
    pub(crate) fn limited(&self) -> (u64, u64) {
        let limits = self.order("GET", "limits", Value::Null);
        (limits["limited_user"].as_u64().expect("a number"), limits["limited_global"].as_u64().expect("a number"))
    }

    /// Waits for a condition that only the simulator shows.
    pub(crate) async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !condition(self) {
            assert!(tokio::time::Instant::now() < deadline, "{what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn follow(log: SharedLog, seen: Arc<Mutex<HashMap<Id, Vec<Outcome>>>>, tell: watch::Sender<usize>) {
    let from: Vec<(i32, i64)> = (0..REST_LEDGER.partitions).map(|partition| (partition, 0)).collect();
    let mut reader = log.reader(REST_LEDGER, &from);
    while let Ok(batch) = reader.next().await {
        for value in batch.iter().filter_map(|record| record.value.as_ref()) {
            if let Some(id) = Outcome::peek_action_id(value) {
                let outcome = Outcome::from_bytes(value).expect("an outcome");
                seen.lock().expect("lock").entry(id).or_default().push(outcome);
            }
        }
        tell.send_modify(|count| *count += batch.len());
    }
}

pub(crate) fn id_of(value: &Value) -> u64 {
    value.as_str().and_then(|id| id.parse().ok()).expect("an id")
}

pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("fits")
}

pub(crate) fn json_of(outcome: &Outcome) -> Value {
    serde_json::from_slice(&outcome.body).unwrap_or_default()
}
