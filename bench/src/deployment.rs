//! The processes that are measured, and what they cost.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// Guilds of the simulated world.
pub(crate) const GUILDS: usize = 128;
/// Processes must be ready after so long.
const READY_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Linux counts CPU time in hundredths of a second for programs.
const TICKS_PER_SECOND: f64 = 100.0;
/// The secret of the one handler group.
pub(crate) const SECRET: &str = "bench-group-secret";

/// How the deployment is made.
pub(crate) struct Settings {
    pub(crate) miso: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) kafka: Option<String>,
    pub(crate) upstream: String,
}

/// A simulator and a `miso up`.
pub(crate) struct Deployment {
    simulator: Child,
    miso: Child,
    pub(crate) proxy: SocketAddr,
    pub(crate) api: String,
    pub(crate) token: String,
    ops: SocketAddr,
    data: tempfile::TempDir,
    pub(crate) http: reqwest::Client,
}

/// CPU seconds since the start of each process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cpu {
    pub(crate) simulator: f64,
    pub(crate) miso: f64,
    pub(crate) client: f64,
}

impl Deployment {
    pub(crate) async fn start(settings: &Settings) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&settings.data)?;
        let data = tempfile::tempdir_in(&settings.data)?;
        let mut simulator = Command::new(&settings.miso)
            .args(["simulator", "--listen", "127.0.0.1:0", "--channels", "1", "--members", "4"])
            .args(["--guilds", &GUILDS.to_string(), "--no-bucket-limits", "--global-per-second", "0"])
            .kill_on_drop(true)
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} cannot be started; type: make release", settings.miso.display()))?;
        let mut lines = BufReader::new(simulator.stdout.take().context("no output")?).lines();
        let (mut api, mut token) = (String::new(), String::new());
        while api.is_empty() || token.is_empty() {
            let line = lines.next_line().await?.context("the simulator ended")?;
            if let Some(value) = line.strip_prefix("MISO_DISCORD_API_URL=") {
                value.clone_into(&mut api);
            }
            if let Some(value) = line.strip_prefix("DISCORD_TOKEN=") {
                value.clone_into(&mut token);
            }
        }
        let (proxy, commands, ops) = (free_address()?, free_address()?, free_address()?);
        let mut command = Command::new(&settings.miso);
        command
            .arg("up")
            .env("DISCORD_TOKEN", &token)
            .env("MISO_DISCORD_API_URL", &api)
            .env("MISO_DATA_DIR", data.path())
            .env("MISO_PROXY_LISTEN", proxy.to_string())
            .env("MISO_COMMANDS_LISTEN", commands.to_string())
            .env("MISO_DATA_LISTEN", free_address()?.to_string())
            .env("MISO_PANEL_LISTEN", free_address()?.to_string())
            .env("MISO_LASTFM_LISTEN", "127.0.0.1:0")
            .env("MISO_EMBEDDER_LISTEN", "127.0.0.1:0")
            .env("MISO_LASTFM_LISTEN", "127.0.0.1:0")
            .env("MISO_EMBEDDER_LISTEN", "127.0.0.1:0")
            .env("MISO_OPS_LISTEN", ops.to_string())
            .env("MISO_GROUPS", format!("bench={SECRET}"))
            .env("MISO_GATEWAY_COMPRESSION", &settings.upstream)
            .env("MISO_DISCORD_GLOBAL_PER_SECOND", "100000")
            .env("MISO_COMMANDS_PER_MINUTE", "0")
            .kill_on_drop(true)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(data.path().join("stderr"))?);
        if let Some(kafka) = &settings.kafka {
            let prefix = data.path().file_name().and_then(|name| name.to_str()).unwrap_or("bench").replace('.', "");
            command.env("MISO_LOG", format!("kafka://{kafka}?prefix={prefix}."));
        }
        let miso = command.spawn()?;
        let http = reqwest::Client::builder().pool_max_idle_per_host(256).build()?;
        let deployment = Self { simulator, miso, proxy, api, token, ops, data, http };
        deployment.ready().await?;
        Ok(deployment)
    }

    async fn ready(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let response = self.http.get(format!("http://{}/readyz", self.ops)).send().await;
            if response.is_ok_and(|response| response.status().is_success()) {
                return Ok(());
            }
            let said = std::fs::read_to_string(self.data.path().join("stderr")).unwrap_or_default();
            ensure!(began.elapsed() < READY_WITHIN, "miso is not ready after {READY_WITHIN:?}:\n{said}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The simulator's control API.
    pub(crate) fn control(&self) -> String {
        self.api.replace("/api", "/control")
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}{path}", self.control())).json(body);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.http.get(format!("{}{path}", self.control()));
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    /// Numbers of `/metrics` whose name contains `part`, summed over labels.
    pub(crate) async fn metrics(&self, part: &str) -> anyhow::Result<Vec<(String, f64)>> {
        let text = self.http.get(format!("http://{}/metrics", self.ops)).send().await?.text().await?;
        let mut sums: Vec<(String, f64)> = Vec::new();
        for line in text.lines().filter(|line| !line.starts_with('#') && line.contains(part)) {
            let Some((name, value)) = line.rsplit_once(' ') else { continue };
            let name = name.split('{').next().unwrap_or(name).to_owned();
            let value: f64 = value.parse().unwrap_or(0.0);
            match sums.iter_mut().find(|(other, _)| *other == name) {
                Some((_, sum)) => *sum += value,
                None => sums.push((name, value)),
            }
        }
        Ok(sums)
    }

    pub(crate) fn cpu(&self) -> Cpu {
        Cpu {
            simulator: self.simulator.id().map_or(0.0, cpu_seconds),
            miso: self.miso.id().map_or(0.0, cpu_seconds),
            client: cpu_seconds(std::process::id()),
        }
    }

    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        self.miso.kill().await?;
        self.simulator.kill().await?;
        Ok(())
    }
}

/// User and system time of a process, all its threads.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name.split_whitespace().skip(11).take(2);
    ticks.filter_map(|text| text.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_SECOND
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Cores, processor and date, for the table.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let cpuinfo = std::fs::read_to_string(Path::new("/proc/cpuinfo")).unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, m)| m));
    let date = std::process::Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"]).output();
    let date = date.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned()).unwrap_or_default();
    format!("{date}; {cores} cores, {}", model.unwrap_or("unknown processor"))
}
