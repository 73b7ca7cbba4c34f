//! A simulated Discord, whose world is written into a log as the gateway would, and the service.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use miso_command_catalogue::{CONTEXT_HEADER, Permissions, SignedContext};
use miso_data_api::{DataApi, DataConfig, DataError};
use miso_discord_state::{DiscordState, StateConfig};
use miso_log::catalogue::GATEWAY_EVENTS;
use miso_log::embedded::{EmbeddedConfig, EmbeddedLog};
use miso_log::{Append, SharedLog};
use miso_model::{EventView, GuildId, LogRecord, ShardReady, UserId, slot};
use miso_simulator::{Running, Simulator, SimulatorConfig};
use reqwest::{Client, RequestBuilder, StatusCode, redirect};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
pub(crate) const KEY: &str = "the-deployment-s-key";
pub(crate) const CALLBACK: &str = "http://127.0.0.1:1/callback";
/// The pair of RFC 7636, appendix B.
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

pub(crate) struct Rig {
    pub(crate) simulator: Running,
    pub(crate) log: SharedLog,
    pub(crate) state: Arc<DiscordState>,
    pub(crate) http: Client,
    address: SocketAddr,
    folder: TempDir,
    _stop: CancellationToken,
    _task: JoinSet<Result<(), DataError>>,
}

impl Rig {
    /// The demo's world, folded, and the service beside it.
    pub(crate) async fn start() -> Self {
        Self::with(SimulatorConfig { history_days: 0, global_per_second: 0, ..SimulatorConfig::demo(1) }, |_| {}).await
    }

    pub(crate) async fn with(world: SimulatorConfig, configure: impl FnOnce(&mut DataConfig)) -> Self {
        let simulator = Simulator::start(world).await.expect("the simulator starts");
        let folder = tempfile::tempdir().expect("a folder");
        let log = open(&folder).await;
        let http = client();
        let rig = Self::serve(simulator, log, http, folder, configure).await;
        rig.tell(
            "READY",
            &json!({"user": rig.bot_get("/users/@me").await, "application": {"id": rig.bot(), "flags": 0}}),
        )
        .await;
        for guild in rig.worlds_guilds() {
            rig.tell_guild(&guild).await;
        }
        rig
    }

    /// The process ends and the next one begins, on the same log.
    pub(crate) async fn restart(self) -> Self {
        let Self { simulator, log, state, http, folder, .. } = self;
        drop(state);
        log.close().await;
        drop(log);
        let log = open(&folder).await;
        Self::serve(simulator, log, http, folder, |_| {}).await
    }

    async fn serve(
        simulator: Running,
        log: SharedLog,
        http: Client,
        folder: TempDir,
        configure: impl FnOnce(&mut DataConfig),
    ) -> Self {
        let stop = CancellationToken::new();
        let config = StateConfig { checkpoint_interval: Duration::from_millis(5) };
        let state = DiscordState::start(Arc::clone(&log), config, stop.clone());
        timeout(DEADLINE, state.ready().wait_for(|ready| *ready)).await.expect("in time").expect("alive");
        let mut config = DataConfig {
            cluster_key: KEY.to_owned(),
            api_url: simulator.api_url(),
            client_id: None,
            client_secret: Some(simulator.client_secret().to_owned()),
        };
        configure(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut task = JoinSet::new();
        task.spawn(DataApi::start(config, Arc::clone(&state), stop.clone()).asking(Arc::clone(&log)).serve(listener));
        Self { simulator, log, state, http, address, folder, _stop: stop, _task: task }
    }

    /// Waits until the checkpoint in the log covers everything that was folded.
    pub(crate) async fn until_checkpointed(&self, guild: GuildId) {
        let started = Instant::now();
        for partition in [0, slot(guild)] {
            let folded = self.state.folded(partition);
            while self.log.committed("miso.state", GATEWAY_EVENTS, partition).await.expect("readable") != Some(folded) {
                assert!(started.elapsed() < DEADLINE, "no checkpoint of partition {partition}");
                tokio::task::yield_now().await;
            }
        }
    }

    pub(crate) fn bot(&self) -> String {
        self.order("GET", "", Value::Null)["bot"].as_str().expect("an id").to_owned()
    }

    pub(crate) fn order(&self, method: &str, path: &str, body: Value) -> Value {
        self.simulator.order(method, path, body).expect("done")
    }

    /// The guilds of the world: id, channels, users.
    pub(crate) fn worlds_guilds(&self) -> Vec<Value> {
        self.order("GET", "guilds", Value::Null).as_array().cloned().expect("guilds")
    }

    pub(crate) fn guild(&self, index: usize) -> GuildId {
        self.worlds_guilds()[index]["id"].as_str().and_then(|id| id.parse().ok()).expect("an id")
    }

    pub(crate) fn user(&self, guild: usize, index: usize) -> UserId {
        self.worlds_guilds()[guild]["users"][index].as_str().and_then(|id| id.parse().ok()).expect("an id")
    }

    pub(crate) fn channel(&self, guild: usize, name: &str) -> String {
        let guilds = self.worlds_guilds();
        let channels = guilds[guild]["channels"].as_array().cloned().expect("channels");
        let found = channels.iter().find(|channel| channel["name"] == name).expect("a channel");
        found["id"].as_str().expect("an id").to_owned()
    }

    pub(crate) async fn bot_get(&self, path: &str) -> Value {
        let request = self.http.get(format!("{}/v10{path}", self.simulator.api_url()));
        let request = request.header("authorization", format!("Bot {}", self.simulator.token()));
        request.send().await.expect("an answer").error_for_status().expect("200").json().await.expect("JSON")
    }

    async fn tell_guild(&self, guild: &Value) {
        let id = guild["id"].as_str().expect("an id");
        let mut d = self.bot_get(&format!("/guilds/{id}")).await;
        d["channels"] = self.bot_get(&format!("/guilds/{id}/channels")).await;
        d["threads"] = self.bot_get(&format!("/guilds/{id}/threads/active")).await["threads"].clone();
        d["members"] = self.bot_get(&format!("/guilds/{id}/members?limit=1000")).await;
        d["member_count"] = json!(d["members"].as_array().map_or(0, Vec::len));
        d["voice_states"] = json!([]);
        self.tell("GUILD_CREATE", &d).await;
    }

    /// The gateway says how many shards there are, which it says with their guilds.
    pub(crate) async fn shard_ready(&self) {
        let guilds = (0..self.worlds_guilds().len()).map(|index| self.guild(index));
        let ready = ShardReady {
            shard: 0,
            shard_count: 1,
            session_id: "s".to_owned(),
            epoch: 1,
            at_ms: 1,
            guild_ids: guilds.filter(|guild| slot(*guild) == 0).collect(),
        };
        let record = Append::new(GATEWAY_EVENTS, 0, ready.to_bytes(), now_ms());
        let at = self.log.append(vec![record]).await.expect("appended")[0];
        timeout(DEADLINE, self.state.wait_folded(0, at + 1)).await.expect("folded");
    }

    /// Appends an event as the gateway would, and waits until it is folded.
    pub(crate) async fn tell(&self, event_type: &str, d: &Value) {
        let id = |field: &str| d[field].as_str().and_then(|id| id.parse().ok()).map(GuildId);
        let guild =
            if event_type == "GUILD_CREATE" || event_type == "GUILD_DELETE" { id("id") } else { id("guild_id") };
        let text = d.to_string();
        let event = EventView {
            shard: 0,
            shard_count: 1,
            session_id: "s",
            sequence: 1,
            epoch: 1,
            received_at_ms: 1,
            event_type,
            guild_id: guild,
            channel_id: None,
            user_id: None,
            d: text.as_bytes(),
        };
        let partition = guild.map_or(0, slot);
        let record = Append::new(GATEWAY_EVENTS, partition, event.encode(), now_ms());
        let at = self.log.append(vec![record]).await.expect("appended")[0];
        timeout(DEADLINE, self.state.wait_folded(partition, at + 1)).await.expect("folded");
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/v1{path}", self.address)
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> (StatusCode, Value) {
        sent(self.http.get(self.url(path)).bearer_auth(token)).await
    }

    pub(crate) async fn post(&self, token: &str, path: &str, body: Value) -> (StatusCode, Value) {
        sent(self.http.post(self.url(path)).bearer_auth(token).json(&body)).await
    }

    /// As a service, for a user.
    pub(crate) async fn get_for(&self, user: UserId, path: &str) -> (StatusCode, Value) {
        let context = context(user).sign(KEY.as_bytes());
        sent(self.http.get(self.url(path)).bearer_auth(KEY).header(CONTEXT_HEADER, context)).await
    }

    /// Clicks through the simulated Discord's page; answers the whole address that it leads back to.
    pub(crate) async fn consent(&self, url: &str, user: UserId) -> String {
        let clicked = self.http.get(format!("{url}&user={user}&consent=1")).send().await.expect("an answer");
        assert_eq!(clicked.status(), StatusCode::FOUND);
        clicked.headers()["location"].to_str().expect("an address").to_owned()
    }

    /// A code for a user, by the page.
    pub(crate) async fn code(&self, user: UserId) -> String {
        let asked = json!({"redirect_uri": CALLBACK, "state": "s", "code_challenge": CHALLENGE});
        let (_, login) = self.post(KEY, "/oauth/authorize", asked).await;
        let back = self.consent(login["url"].as_str().expect("an address"), user).await;
        back.split("code=").nth(1).and_then(|rest| rest.split('&').next()).expect("a code").to_owned()
    }

    /// The tokens of a user who has just logged in.
    pub(crate) async fn tokens(&self, user: UserId) -> Value {
        let code = self.code(user).await;
        let asked = json!({"code": code, "code_verifier": VERIFIER, "redirect_uri": CALLBACK});
        let (status, tokens) = self.post(KEY, "/oauth/token", asked).await;
        assert_eq!(status, StatusCode::OK, "{tokens}");
        tokens
    }

    pub(crate) async fn login(&self, user: UserId) -> String {
        self.tokens(user).await["access_token"].as_str().expect("a token").to_owned()
    }
}

pub(crate) fn client() -> Client {
    Client::builder().redirect(redirect::Policy::none()).no_proxy().build().expect("a client")
}

pub(crate) fn context(user: UserId) -> SignedContext {
    SignedContext {
        user,
        guild: None,
        permissions: Permissions::NONE,
        via: "panel".to_owned(),
        name: None,
        expires_s: now_ms() / 1_000 + 60,
    }
}

pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("before the year 292 million")
}

pub(crate) async fn sent(request: RequestBuilder) -> (StatusCode, Value) {
    let response = timeout(DEADLINE, request.send()).await.expect("in time").expect("an answer");
    let status = response.status();
    let body = response.bytes().await.expect("a body");
    (status, if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).expect("JSON") })
}

async fn open(folder: &TempDir) -> SharedLog {
    Arc::new(EmbeddedLog::open(EmbeddedConfig::new(folder.path().join("log.db"))).await.expect("a log"))
}
