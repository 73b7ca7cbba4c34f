//! Handlers' side of the product: one address, credentials, and the simulator's journal.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use miso_discord_state::{DiscordState, StateConfig};
use miso_groups::Groups;
use miso_log::SharedLog;
use miso_log::embedded::{EmbeddedConfig, EmbeddedLog};
use miso_rest_ingress::{GetAnswer, GetRefused, Gets, IngressConfig, router};
use miso_sender::{GetError, Sender, SenderConfig, SenderHandle};
use miso_simulator::{Running, Simulator, SimulatorConfig};
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const SECRET: &str = "a-secret-of-the-demo-group";

/// GETs through the sender of this process, as the binary wires them.
#[derive(Debug)]
pub(crate) struct ByHandle(pub(crate) Arc<SenderHandle>);

#[async_trait]
impl Gets for ByHandle {
    async fn get(&self, path: &str) -> Result<GetAnswer, GetRefused> {
        let answer = self.0.get(path).await.map_err(|error| match error {
            GetError::Absent => GetRefused::Absent,
            GetError::TooLong | GetError::Full => GetRefused::Limited,
            GetError::NoAnswer => GetRefused::NoAnswer,
        })?;
        Ok(GetAnswer { status: answer.status, headers: answer.headers, body: answer.body })
    }

    async fn predicted_wait(&self, method: &str, path: &str) -> Duration {
        self.0.predicted_wait(method, path).await
    }
}

pub(crate) struct Rig {
    pub(crate) simulator: Running,
    pub(crate) log: SharedLog,
    pub(crate) address: SocketAddr,
    pub(crate) channels: Vec<u64>,
    pub(crate) user: u64,
    config: SenderConfig,
    handle: Arc<SenderHandle>,
    groups: Arc<Groups>,
    state: Arc<DiscordState>,
    sender: Option<AbortOnDropHandle<()>>,
    ingress: Option<AbortOnDropHandle<()>>,
    _token: watch::Sender<String>,
    _folder: tempfile::TempDir,
}

impl Rig {
    pub(crate) async fn start(world: impl FnOnce(&mut SimulatorConfig)) -> Self {
        let mut simulated = SimulatorConfig {
            message_window_ms: 200,
            channels_per_guild: 8,
            global_per_second: 0,
            ..SimulatorConfig::default()
        };
        world(&mut simulated);
        let global = simulated.global_per_second;
        let simulator = Simulator::start(simulated).await.expect("simulator");
        let folder = tempfile::tempdir().expect("folder");
        let log: SharedLog =
            Arc::new(EmbeddedLog::open(EmbeddedConfig::new(folder.path().join("log.db"))).await.expect("log"));
        let (token, told) = watch::channel(simulator.token().to_owned());
        let mut config = SenderConfig::new(&simulator.api_url(), told);
        config.global_per_second = global;
        config.takeover_wait = Duration::from_millis(450);
        let guilds = simulator.order("GET", "guilds", Value::Null).expect("guilds");
        let id = |value: &Value| value.as_str().and_then(|id| id.parse::<u64>().ok()).expect("an id");
        let channels =
            guilds.as_array().expect("a list").iter().flat_map(|guild| guild["channels"].as_array().expect("a list"));
        let channels = channels.filter(|channel| channel["type"] == 0).map(|channel| id(&channel["id"])).collect();
        let user = id(&guilds[0]["users"][0]);
        let declared = vec![("demo".to_owned(), SECRET.to_owned())];
        let groups = Groups::start(Arc::clone(&log), declared, CancellationToken::new()).await.expect("groups");
        let state = DiscordState::start(Arc::clone(&log), StateConfig::default(), CancellationToken::new());
        let mut rig = Self {
            simulator,
            log,
            address: ([127, 0, 0, 1], 0).into(),
            channels,
            user,
            config,
            handle: SenderHandle::new(),
            groups,
            state,
            sender: None,
            ingress: None,
            _token: token,
            _folder: folder,
        };
        rig.run_sender();
        rig.run_ingress().await;
        rig
    }

    pub(crate) fn run_sender(&mut self) {
        let running =
            Sender::run(self.config.clone(), Arc::clone(&self.log), Arc::clone(&self.handle), CancellationToken::new());
        self.sender =
            Some(AbortOnDropHandle::new(tokio::spawn(async move { running.await.expect("the sender runs") })));
    }

    /// Ends the sender wherever it is.
    pub(crate) async fn abort_sender(&mut self) {
        if let Some(sender) = self.sender.take() {
            sender.abort();
            let _ = sender.await;
        }
    }

    /// Ends the ingress with all its connections, as a crash would, and starts another at the same
    /// address.
    pub(crate) async fn restart_ingress(&mut self) {
        self.ingress = None;
        self.run_ingress().await;
    }

    async fn run_ingress(&mut self) {
        let config = IngressConfig { public_url: "ws://127.0.0.1:1".to_owned(), shards: 1 };
        let gets = Arc::new(ByHandle(Arc::clone(&self.handle)));
        let router = router(config, Arc::clone(&self.log), Arc::clone(&self.groups), Arc::clone(&self.state), gets);
        let socket = tokio::net::TcpSocket::new_v4().expect("socket");
        socket.set_reuseaddr(true).expect("an option");
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while let Err(error) = socket.bind(self.address) {
            assert!(tokio::time::Instant::now() < deadline, "{error}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let listener = socket.listen(1_024).expect("listening");
        self.address = listener.local_addr().expect("an address");
        self.ingress = Some(AbortOnDropHandle::new(tokio::spawn(serve(listener, router))));
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/api/v10{path}", self.address)
    }

    pub(crate) fn order(&self, method: &str, path: &str, body: Value) -> Value {
        self.simulator.order(method, path, body).expect("the simulator obeys")
    }

    pub(crate) fn received(&self, method: &str, path: &str) -> Vec<Value> {
        let mut entries = Vec::new();
        let mut from = 0;
        loop {
            let page = self.order("GET", &format!("journal?kind=rest&from={from}"), Value::Null);
            let new = page["entries"].as_array().expect("entries").clone();
            if new.is_empty() {
                break;
            }
            entries.extend(new);
            from = page["next"].as_u64().expect("next");
        }
        entries.retain(|entry| entry["method"] == method && entry["path"] == path);
        entries
    }

    pub(crate) fn said(&self, channel: u64) -> Vec<String> {
        let applied = self.received("POST", &format!("/channels/{channel}/messages"));
        let applied = applied.into_iter().filter(|entry| entry["applied"] == true);
        applied.map(|entry| entry["body"]["content"].as_str().unwrap_or_default().to_owned()).collect()
    }

    pub(crate) async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !condition(self) {
            assert!(tokio::time::Instant::now() < deadline, "{what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Serves connections as tasks that end with this future.
async fn serve(listener: tokio::net::TcpListener, router: axum::Router) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                let service = hyper_util::service::TowerToHyperService::new(router.clone());
                let io = hyper_util::rt::TokioIo::new(stream);
                connections.spawn(async move {
                    let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
                });
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}
