//! Starts processes, talks to the simulator, reads journals. Everything has a deadline.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

/// A condition that does not hold after so long has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Lines of a client that wait to be looked at; a client that writes more waits.
const CLIENT_LINES: usize = 65_536;

/// Which engines a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engines {
    Embedded,
    KafkaAndPostgres,
}

impl Engines {
    /// The variables for a process; `name` keeps runs on one broker apart.
    fn environment(self, name: &str) -> Vec<(String, String)> {
        match self {
            Self::Embedded => Vec::new(),
            Self::KafkaAndPostgres => {
                let kafka = std::env::var("MISO_TEST_KAFKA").expect("checked by `on_engines`");
                let postgres = std::env::var("MISO_TEST_POSTGRES").expect("checked by `on_engines`");
                let separator = if postgres.contains('?') { '&' } else { '?' };
                let create = format!("create schema if not exists {name}");
                let created = std::process::Command::new("psql").args([postgres.as_str(), "-qc", &create]).status();
                assert!(created.is_ok_and(|status| status.success()), "psql creates the run's schema");
                vec![
                    ("MISO_LOG".into(), format!("kafka://{kafka}?prefix={name}.")),
                    ("MISO_STORE".into(), format!("{postgres}{separator}options=-csearch_path%3D{name}")),
                ]
            }
        }
    }
}

/// Whether Kafka and PostgreSQL are there; says so when they are not.
pub(crate) fn engines_are_there(test: &str) -> bool {
    let there = std::env::var_os("MISO_TEST_KAFKA").is_some() && std::env::var_os("MISO_TEST_POSTGRES").is_some();
    if !there {
        eprintln!("{test}: needs Kafka and PostgreSQL, which `make test-engines` starts; not run here");
    }
    there
}

/// Waits until `condition` gives something; panics with `what` at the deadline.
pub(crate) async fn eventually<T, F>(what: &str, mut condition: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    within(DEADLINE, what, &mut condition).await
}

/// As [`eventually`], with a deadline of its own.
pub(crate) async fn within<T, F>(deadline: Duration, what: &str, condition: &mut impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let began = Instant::now();
    loop {
        if let Some(found) = condition().await {
            return found;
        }
        assert!(began.elapsed() < deadline, "after {deadline:?} still not: {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Ports below those that the system gives to outgoing connections: a process that is killed and started
/// again finds its port free.
const LASTING_PORTS: std::ops::Range<u16> = 10_240..32_000;

/// A loopback address that nothing listens on now, nor while its process is being restarted.
pub(crate) fn free_address() -> SocketAddr {
    loop {
        let port = rand::random_range(LASTING_PORTS);
        if let Ok(listener) = std::net::TcpListener::bind(("127.0.0.1", port)) {
            return listener.local_addr().expect("address");
        }
    }
}

/// The binary under test.
pub(crate) fn miso() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_miso"));
    command.env_clear().kill_on_drop(true);
    for name in ["PATH", "HOME", "LANG", "RUST_LOG", "RUST_BACKTRACE"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// A simulated Discord in its own process.
pub(crate) struct Discord {
    _process: Child,
    pub(crate) api: String,
    control: String,
    pub(crate) token: String,
    http: reqwest::Client,
    /// Channel by webhook, of those made here.
    webhooks: Mutex<HashMap<String, String>>,
}

/// A guild of the simulated world.
#[derive(Debug, Clone)]
pub(crate) struct Guild {
    pub(crate) id: String,
    pub(crate) channels: Vec<String>,
    pub(crate) users: Vec<String>,
}

impl Discord {
    pub(crate) async fn start(options: &[&str]) -> Self {
        let mut process = miso()
            .args(["simulator", "--listen", "127.0.0.1:0"])
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the simulator starts");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let (mut api, mut token) = (None, None);
        while let (None, _) | (_, None) = (&api, &token) {
            let line = tokio::time::timeout(DEADLINE, lines.next_line()).await.expect("the simulator speaks");
            let line = line.expect("readable").expect("the simulator prints its address and token");
            if let Some(value) = line.strip_prefix("MISO_DISCORD_API_URL=") {
                api = Some(value.to_owned());
            }
            if let Some(value) = line.strip_prefix("DISCORD_TOKEN=") {
                token = Some(value.to_owned());
            }
        }
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let api = api.expect("set");
        let control = api.replace("/api", "/control");
        Self {
            _process: process,
            control,
            api,
            token: token.expect("set"),
            http: reqwest::Client::new(),
            webhooks: Mutex::default(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let response = self.http.get(format!("{}{path}", self.control)).send().await.expect("the simulator answers");
        response.error_for_status().expect("success").json().await.expect("JSON")
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let request = self.http.post(format!("{}{path}", self.control)).json(&body);
        let response = request.send().await.expect("the simulator answers");
        assert!(response.status().is_success(), "{path} {body}: {:?}", response.text().await);
        response.json().await.expect("JSON")
    }

    pub(crate) async fn guilds(&self) -> Vec<Guild> {
        let guilds = self.get("/guilds").await;
        guilds.as_array().expect("a list").iter().map(guild_of).collect()
    }

    /// Says something as a user; the message's id.
    pub(crate) async fn say(&self, channel: &str, user: &str, content: &str) -> String {
        let said = self.post("/say", json!({ "channel": channel, "user": user, "content": content })).await;
        said["id"].as_str().expect("an id").to_owned()
    }

    /// Messages of a channel that came after one, as Discord shows them.
    pub(crate) async fn messages(&self, channel: &str, after: &str) -> Vec<Value> {
        let messages = self.get(&format!("/channels/{channel}/messages?after={after}")).await;
        messages.as_array().expect("a list").clone()
    }

    /// Its listener: REST and gateway.
    pub(crate) fn address(&self) -> SocketAddr {
        let address = self.api.strip_prefix("http://").and_then(|rest| rest.strip_suffix("/api"));
        address.and_then(|address| address.parse().ok()).expect("an address")
    }

    /// As the bot, past Miso: how a test prepares its world.
    async fn as_bot(&self, method: reqwest::Method, path: &str, body: Value) -> Value {
        let request = self.http.request(method, format!("{}/v10{path}", self.api)).json(&body);
        let response = request.header("Authorization", format!("Bot {}", self.token)).send().await;
        response.expect("an answer").error_for_status().expect("success").json().await.expect("JSON")
    }

    /// Makes a webhook: id and token.
    pub(crate) async fn create_webhook(&self, channel: &str) -> (String, String) {
        let path = format!("/channels/{channel}/webhooks");
        let made = self.as_bot(reqwest::Method::POST, &path, json!({ "name": "a test" })).await;
        let text = |name: &str| made[name].as_str().expect("a text").to_owned();
        self.webhooks.lock().expect("no panic").insert(text("id"), channel.to_owned());
        (text("id"), text("token"))
    }

    /// Channel by webhook.
    pub(crate) fn webhooks(&self) -> HashMap<String, String> {
        self.webhooks.lock().expect("no panic").clone()
    }

    /// Who owns a guild.
    pub(crate) async fn owner(&self, guild: &str) -> String {
        let guild = self.as_bot(reqwest::Method::GET, &format!("/guilds/{guild}"), Value::Null).await;
        guild["owner_id"].as_str().expect("an id").to_owned()
    }

    /// The whole journal so far, of one kind.
    pub(crate) async fn journal(&self, kind: &str) -> Vec<Value> {
        self.journal_where("kind", kind).await
    }

    /// The entries of the journal so far that contain a text.
    pub(crate) async fn journal_containing(&self, text: &str) -> Vec<Value> {
        self.journal_where("contains", text).await
    }

    async fn journal_where(&self, filter: &str, value: &str) -> Vec<Value> {
        let (mut from, mut entries) = (0, Vec::new());
        loop {
            let page = self.get(&format!("/journal?from={from}&{filter}={value}")).await;
            let next = page["next"].as_u64().expect("a number");
            let found = page["entries"].as_array().expect("a list");
            entries.extend(found.iter().cloned());
            if next == from || found.is_empty() {
                return entries;
            }
            from = next;
        }
    }
}

fn guild_of(guild: &Value) -> Guild {
    let text = |value: &Value| value.as_str().expect("an id").to_owned();
    let channels = guild["channels"].as_array().expect("a list").iter();
    Guild {
        id: text(&guild["id"]),
        channels: channels.filter(|channel| channel["type"] == 0).map(|channel| text(&channel["id"])).collect(),
        users: guild["users"].as_array().expect("a list").iter().map(text).collect(),
    }
}

/// A deployment of Miso: its settings, its data folder, and the processes that run.
pub(crate) struct Deployment {
    data: TempDir,
    settings: BTreeMap<String, String>,
    pub(crate) proxy: SocketAddr,
    processes: BTreeMap<&'static str, Running>,
    http: reqwest::Client,
}

/// A listener's address where nobody needs to know it before.
pub(crate) const ANY_PORT: &str = "127.0.0.1:0";

struct Running {
    child: Child,
    ops: SocketAddr,
}

impl Deployment {
    /// Settings for `discord`, with these handler groups (`name=secret,…`). Starts nothing.
    pub(crate) fn new(discord: &Discord, engines: Engines, groups: &str) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let name = format!("t{:016x}", rand::random::<u64>());
        let (proxy, commands, data_api, panel) = (free_address(), free_address(), free_address(), free_address());
        let mut settings = BTreeMap::from([
            ("DISCORD_TOKEN".to_owned(), discord.token.clone()),
            ("MISO_DISCORD_API_URL".to_owned(), discord.api.clone()),
            ("MISO_DATA_DIR".to_owned(), data.path().display().to_string()),
            ("MISO_PROXY_LISTEN".to_owned(), proxy.to_string()),
            ("MISO_COMMANDS_LISTEN".to_owned(), commands.to_string()),
            ("MISO_COMMANDS_URL".to_owned(), format!("http://{commands}")),
            ("MISO_DATA_LISTEN".to_owned(), data_api.to_string()),
            ("MISO_PANEL_LISTEN".to_owned(), panel.to_string()),
            // They are asked only by roles of their own process, who find them wherever they are.
            ("MISO_LASTFM_LISTEN".to_owned(), ANY_PORT.to_owned()),
            ("MISO_EMBEDDER_LISTEN".to_owned(), ANY_PORT.to_owned()),
            ("MISO_LASTFM_API_URL".to_owned(), format!("http://{}/lastfm/2.0/", discord.address())),
            ("MISO_LASTFM_SITE_URL".to_owned(), format!("http://{}/lastfm/site", discord.address())),
            ("LASTFM_API_KEY".to_owned(), "of-the-tests".to_owned()),
            ("MISO_EMBEDDER_SITES_AT".to_owned(), discord.address().to_string()),
            ("MISO_GROUPS".to_owned(), groups.to_owned()),
            ("MISO_FAULTS".to_owned(), "1".to_owned()),
        ]);
        settings.extend(engines.environment(&name));
        Self { data, settings, proxy, processes: BTreeMap::new(), http: reqwest::Client::new() }
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.settings.insert(name.to_owned(), value.to_owned());
    }

    /// The ops listener of a process.
    pub(crate) fn ops(&self, name: &str) -> SocketAddr {
        self.processes[name].ops
    }

    pub(crate) fn data_dir(&self) -> &Path {
        self.data.path()
    }

    /// The data folder stays when the test fails; see [`Self::remove_data`].
    pub(crate) fn keep_data(&mut self) {
        self.data.disable_cleanup(true);
    }

    /// The data folder goes after all.
    pub(crate) fn remove_data(&mut self) {
        self.data.disable_cleanup(false);
    }

    /// A command with this deployment's settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = miso();
        command.args(arguments).envs(&self.settings);
        command
    }

    /// Starts a process under a name; `arguments` such as `["up"]` or `["run", "sender"]`.
    pub(crate) fn start(&mut self, name: &'static str, arguments: &[&str]) {
        let ops = self.processes.get(name).map_or_else(free_address, |running| running.ops);
        let log = self.log_path(name);
        let file = std::fs::File::options().create(true).append(true).open(&log).expect("a log file");
        let child = self
            .command(arguments)
            .env("MISO_OPS_LISTEN", ops.to_string())
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a handle"))
            .stderr(file)
            .spawn()
            .expect("miso starts");
        self.processes.insert(name, Running { child, ops });
    }

    fn log_path(&self, name: &str) -> PathBuf {
        self.data.path().join(format!("{name}.stderr"))
    }

    /// What a process wrote so far.
    pub(crate) fn said(&self, name: &str) -> String {
        std::fs::read_to_string(self.log_path(name)).unwrap_or_default()
    }

    /// Waits until `/readyz` of a process is 200.
    pub(crate) async fn ready(&self, name: &str) {
        let url = format!("http://{}/readyz", self.processes[name].ops);
        let began = Instant::now();
        let mut last = String::from("no answer");
        while began.elapsed() < DEADLINE {
            if let Ok(response) = self.http.get(&url).send().await {
                if response.status().is_success() {
                    return;
                }
                last = response.text().await.unwrap_or_default();
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        panic!("{name} is not ready after {DEADLINE:?}: {last}\n{}", self.said(name));
    }

    /// Status and body of `/readyz`, if the process answers.
    pub(crate) async fn readyz(&self, name: &str) -> Option<(u16, Value)> {
        let url = format!("http://{}/readyz", self.processes[name].ops);
        let response = self.http.get(url).send().await.ok()?;
        Some((response.status().as_u16(), response.json().await.ok()?))
    }

    /// kill -9.
    pub(crate) async fn kill(&mut self, name: &str) {
        let running = self.processes.get_mut(name).expect("it runs");
        running.child.kill().await.expect("killed");
    }

    /// SIGTERM and the exit code.
    pub(crate) async fn terminate(&mut self, name: &str) -> Option<i32> {
        let running = self.processes.get_mut(name).expect("it runs");
        let pid =
            running.child.id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed())).expect("it runs");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("signalled");
        let status = tokio::time::timeout(DEADLINE, running.child.wait()).await.expect("it ends in time");
        status.expect("a status").code()
    }

    /// Sends a signal to a process.
    pub(crate) fn signal(&self, name: &str, signal: rustix::process::Signal) {
        let pid = self.processes[name].child.id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed()));
        rustix::process::kill_process(pid.expect("it runs"), signal).expect("signalled");
    }

    /// Aborts a role inside a process.
    pub(crate) async fn abort(&self, name: &str, role: &str) {
        let url = format!("http://{}/faults/{role}", self.processes[name].ops);
        let response = self.http.post(url).send().await.expect("the ops listener answers");
        assert!(response.status().is_success(), "{role}: {:?}", response.text().await);
    }
}

/// A client library in a process of its own that tells what it sees.
pub(crate) struct Client {
    child: Child,
    lines: mpsc::Receiver<Value>,
    pub(crate) seen: Vec<Value>,
}

impl Client {
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child =
            command.kill_on_drop(true).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the client starts");
        let mut output = BufReader::new(child.stdout.take().expect("piped")).lines();
        let (send, lines) = mpsc::channel(CLIENT_LINES);
        tokio::spawn(async move {
            while let Ok(Some(line)) = output.next_line().await {
                if let Ok(value) = serde_json::from_str(&line) {
                    let _ = send.send(value).await;
                }
            }
        });
        Self { child, lines, seen: Vec::new() }
    }

    /// Takes what has come so far.
    pub(crate) fn drain(&mut self) {
        while let Ok(value) = self.lines.try_recv() {
            self.seen.push(value);
        }
    }

    /// Entries of a kind so far.
    pub(crate) fn of(&mut self, kind: &str) -> Vec<Value> {
        self.drain();
        self.seen.iter().filter(|entry| entry["kind"] == kind).cloned().collect()
    }

    /// Waits until so many entries of a kind have come.
    pub(crate) async fn wait_for(&mut self, kind: &str, count: usize) {
        let began = Instant::now();
        while self.of(kind).len() < count {
            let left = DEADLINE.checked_sub(began.elapsed());
            let left = left.unwrap_or_else(|| panic!("{count} × {kind} expected; seen: {}", summary(&self.seen)));
            match tokio::time::timeout(left, self.lines.recv()).await {
                Ok(Some(value)) => self.seen.push(value),
                Ok(None) => panic!("the client ended; seen: {}", summary(&self.seen)),
                Err(_) => {}
            }
        }
    }

    /// Ends it in order.
    pub(crate) async fn end(mut self) -> Vec<Value> {
        drop(self.child.stdin.take());
        let _ = tokio::time::timeout(DEADLINE, self.child.wait()).await.expect("the client ends");
        self.drain();
        self.seen
    }
}

fn summary(seen: &[Value]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in seen {
        *counts.entry(entry["kind"].as_str().unwrap_or("?")).or_default() += 1;
    }
    format!("{counts:?}, last: {:?}", seen.last())
}
