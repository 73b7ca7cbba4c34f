//! How many events a second go from a simulated Discord into an embedded log, simulator included.
//! `cargo run -p miso-gateway --example upstream -- [EVENTS] [FOLDER]`

use std::sync::Arc;
use std::time::Instant;

use miso_gateway::{GatewayConfig, run};
use miso_log::SharedLog;
use miso_log::catalogue::GATEWAY_EVENTS;
use miso_log::embedded::{EmbeddedConfig, EmbeddedLog};
use miso_simulator::{Simulator, SimulatorConfig};
use tokio_util::sync::CancellationToken;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut args = std::env::args().skip(1);
    let events: usize = args.next().and_then(|count| count.parse().ok()).unwrap_or(500_000);
    let parent = args.next().unwrap_or_else(|| std::env::temp_dir().display().to_string());
    for zstd in [false, true] {
        let discord =
            Simulator::start(SimulatorConfig { guilds: 100, ..SimulatorConfig::default() }).await.expect("a port");
        let folder = tempfile::tempdir_in(&parent).expect("a folder");
        let log = EmbeddedLog::open(EmbeddedConfig::new(folder.path().join("log.db"))).await.expect("a log");
        let log: SharedLog = Arc::new(log);
        let cancel = CancellationToken::new();
        let config = GatewayConfig { zstd, ..GatewayConfig::new(discord.token(), discord.api_url()) };
        let role = tokio::spawn(run(config, Arc::clone(&log), cancel.clone()));
        let from: Vec<(i32, i64)> = (0..GATEWAY_EVENTS.partitions).map(|partition| (partition, 0)).collect();
        let mut reader = log.reader(GATEWAY_EVENTS, &from);
        let mut seen = 0;
        while seen < 49 {
            seen += reader.next().await.expect("readable").len();
        }
        let client = reqwest::Client::new();
        let blast = serde_json::json!({"count": events, "rate": 0, "bytes": 1200});
        let started = Instant::now();
        client.post(format!("{}/blast", discord.control_url())).json(&blast).send().await.expect("a blast");
        let mut arrived = 0;
        while arrived < events {
            arrived += reader.next().await.expect("readable").len();
        }
        let seconds = started.elapsed().as_secs_f64();
        println!("zstd {zstd}: {events} events in {seconds:.2} s, {:.0} a second", events as f64 / seconds);
        cancel.cancel();
        role.await.expect("no panic").expect("no error");
        log.close().await;
        discord.shutdown().await;
    }
}
