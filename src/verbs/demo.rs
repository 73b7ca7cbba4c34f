//! `miso demo`: everything, against a simulated Discord in the same process.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use clap::Args;
use miso_simulator::{Simulator, SimulatorConfig};
use serde::{Deserialize, Serialize};

use crate::config::{Config, Presets, Secret};
use crate::process;
use crate::roles::Role;
use crate::verbs::demo_history;

/// The demo's handler group and its secret: fixed, for they guard nothing but a simulated world.
const DEMO_GROUPS: &str = "demo=demo-handler-secret";
/// What `miso say` needs to know, in the data folder while the demo runs.
const DEMO_FILE: &str = "demo.json";
/// The demo must be ready in this time, or says what is not.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// Starts all roles against a simulated Discord; with DISCORD_TOKEN it is Discord itself.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Seed of the simulated world
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Address of the simulated Discord; port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    simulator: std::net::SocketAddr,
}

/// Where the running demo's Discord is, and as whom `miso say` speaks.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DemoWorld {
    /// Base of the simulator's control API.
    pub control: String,
    /// The guild.
    #[serde(default)]
    pub guild: String,
    /// The channel.
    pub channel: String,
    /// Its name.
    pub channel_name: String,
    /// The user.
    pub user: String,
    /// The bot.
    pub bot: String,
}

impl DemoWorld {
    /// Reads what a running demo has left in the data folder.
    pub(crate) fn read(data_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(data_dir.join(DEMO_FILE)).ok()?).ok()
    }

    async fn ask(control: &str, bot: String) -> anyhow::Result<Self> {
        let guilds: serde_json::Value =
            reqwest::get(format!("{control}/guilds")).await?.error_for_status()?.json().await?;
        let guild = &guilds[0];
        let channel = guild["channels"].as_array().into_iter().flatten().find(|channel| channel["type"] == 0);
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let world = channel.and_then(|channel| {
            Some(Self {
                control: control.to_owned(),
                guild: text(&guild["id"])?,
                channel: text(&channel["id"])?,
                channel_name: text(&channel["name"])?,
                user: text(&guild["users"][0])?,
                bot,
            })
        });
        world.context("the simulated world has no guild with a text channel and a member")
    }
}

/// Where the demo keeps its data unless told otherwise: apart from a real bot's.
pub(crate) fn data_dir_preset() -> Presets {
    if std::env::var_os("DISCORD_TOKEN").is_some() {
        return Presets::new();
    }
    Presets::from([("MISO_DATA_DIR", "data/demo".to_owned())])
}

/// For verbs that look at what is there: a demo that runs here, unless told otherwise.
pub(crate) fn running_demo_preset() -> Presets {
    let presets = data_dir_preset();
    let runs = presets.values().any(|folder| Path::new(folder).join(DEMO_FILE).exists());
    if runs { presets } else { Presets::new() }
}

impl Demo {
    pub(crate) fn presets(&self) -> Presets {
        let mut presets = data_dir_preset();
        presets.insert("MISO_GROUPS", DEMO_GROUPS.to_owned());
        if std::env::var_os("DISCORD_TOKEN").is_none() {
            // The simulated Discord takes sessions at once.
            presets.insert("MISO_DISCORD_API_URL", "http://127.0.0.1/api".to_owned());
            presets.insert("MISO_GATEWAY_IDENTIFY_INTERVAL_MS", "0".to_owned());
        }
        presets
    }

    pub(crate) async fn run(self, mut config: Config) -> anyhow::Result<ExitCode> {
        if config.token.is_some() {
            eprintln!("DISCORD_TOKEN is set: this is Discord itself.");
            let started = process::start(config.clone(), Role::ALL.to_vec()).await?;
            banner(&config, None);
            return process::wait_for_end(started).await;
        }
        let world = SimulatorConfig { listen: self.simulator, ..SimulatorConfig::demo(self.seed) };
        let days = world.history_days;
        let simulator = Simulator::start(world).await?;
        let address = simulator.address();
        let control = format!("http://{address}/control");
        let overview: serde_json::Value = reqwest::get(&control).await?.json().await?;
        let token = overview["token"].as_str().context("the simulator has no token")?;
        config.token = Some(Secret(token.to_owned()));
        config.discord_api_url = format!("http://{address}/api");
        config.client_secret = Some(Secret(simulator.client_secret().to_owned()));
        config.simulator_control_url = Some(control.clone());
        config.lastfm_api_url = format!("http://{address}/lastfm/2.0/");
        config.lastfm_site_url = format!("http://{address}/lastfm/site");
        config.lastfm_api_key.get_or_insert_with(|| Secret("of-the-demo".to_owned()));
        config.embedder_sites_at = Some(address);
        let bot = overview["bot"].as_str().unwrap_or_default().to_owned();
        let world = DemoWorld::ask(&control, bot).await?;
        // Whoever looks around sees the operators' pages too, and may kill a handler to see what becomes of its events.
        if config.panel_operators.is_empty() {
            config.panel_operators.extend(world.user.parse::<u64>());
        }
        config.faults = config.ops_listen.ip().is_loopback();
        let guilds: Vec<serde_json::Value> = reqwest::get(format!("{control}/guilds")).await?.json().await?;
        std::fs::create_dir_all(&config.data_dir).ok();
        // What keeps a log from being opened is said by the start below.
        if let Err(error) = demo_history::begin(&config.log, &guilds, self.seed, days).await {
            tracing::warn!(%error, "the demo begins without its past");
        }

        let mut started = process::start(config.clone(), Role::ALL.to_vec()).await?;
        let mark = DemoMark::write(&config.data_dir, &world)?;
        let ready = async {
            while !started.readiness.all_ready() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            () = ready => {}
            ended = &mut started.ended => return ended?.map(|()| ExitCode::SUCCESS),
            () = tokio::time::sleep(READY_WITHIN) => {
                for (part, why) in started.readiness.report() {
                    if let Some(why) = why {
                        eprintln!("not ready after {} s: {part}: {why}", READY_WITHIN.as_secs());
                    }
                }
            }
        }
        banner(&config, Some((&address.to_string(), &world)));
        let code = process::wait_for_end(started).await;
        drop(mark);
        simulator.shutdown().await;
        code
    }
}

/// The file for `miso say`, there while the demo runs.
struct DemoMark(PathBuf);

impl DemoMark {
    fn write(data_dir: &Path, world: &DemoWorld) -> anyhow::Result<Self> {
        let path = data_dir.join(DEMO_FILE);
        std::fs::write(&path, serde_json::to_vec_pretty(world)?)?;
        Ok(Self(path))
    }
}

impl Drop for DemoMark {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn banner(config: &Config, simulated: Option<(&str, &DemoWorld)>) {
    let proxy = config.proxy_listen;
    println!("\nMiso is running.\n");
    if let Some((address, _)) = simulated {
        println!("  Discord (simulated)   http://{address}/api");
    }
    println!("  handlers connect to   ws://{proxy}   REST http://{proxy}/api/v10");
    if let Some((name, secret)) = config.groups.first() {
        println!(
            "  a handler's token     {}",
            credential(simulated.map_or("0", |(_, world)| &world.bot), name, &secret.0)
        );
    }
    println!("  panel                 {}", config.panel_url());
    println!("  commands API          http://{}/v1/commands", config.commands_listen);
    println!("  data API              http://{}/v1/me", config.data_listen);
    println!(
        "  Last.fm, links        http://{}/v1/health  http://{}/v1/health",
        config.lastfm_listen, config.embedder_listen
    );
    println!("  health and metrics    http://{}/readyz  /metrics", config.ops_listen);
    println!("  data                  {}", config.data_dir.display());
    match simulated {
        Some((_, world)) => println!(
            "\nOpen the panel and log in with one click, or speak in #{} from another terminal:\n\n  target/debug/miso say '>help'\n\nCtrl-C ends it.",
            world.channel_name
        ),
        None => println!("\nCtrl-C ends it."),
    }
}

/// A credential shaped like a Discord token, as libraries parse it.
fn credential(bot: &str, group: &str, secret: &str) -> String {
    let base64 = base64::engine::general_purpose::STANDARD_NO_PAD;
    format!("{}.{}.{secret}", base64.encode(bot), base64.encode(group))
}
