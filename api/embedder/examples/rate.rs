//! Requests a second from the cache: `cargo run -p miso-embedder --example rate` (`--release` for the real
//! thing). Client, service and simulated sites share the cores.
//!
//! Measured 2026-11-24 on a 2-core virtual machine that did other work too, own code at opt-level 1, 8 connections: a post with a
//! video 21,800/s (p95 0.4 ms), with three pictures 22,000/s (p95 0.3 ms), text only 31,300/s (p95 0.2 ms).

use std::time::{Duration, Instant};

use miso_embedder::{Embedder, EmbedderConfig};
use miso_simulator::{Simulator, SimulatorConfig};
use reqwest::Client;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const CONNECTIONS: usize = 8;
const FOR: Duration = Duration::from_secs(5);
const KEY: &str = "key";
const LINKS: [&str; 3] = [
    "https://x.com/ann/status/1900000000000000002",
    "https://bsky.app/profile/ann.bsky.social/post/3kmiso3",
    "https://mastodon.social/@ann/115000000000000000",
];

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let simulator = Simulator::start(SimulatorConfig::default()).await?;
    let config = EmbedderConfig {
        cluster_key: KEY.to_owned(),
        sites_at: Some(simulator.address()),
        ..EmbedderConfig::default()
    };
    let stop = CancellationToken::new();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let mut service = JoinSet::new();
    service.spawn(Embedder::start(config, stop.clone())?.serve(listener));
    let http = Client::builder().no_proxy().build()?;
    for link in LINKS {
        let began = Instant::now();
        ask(&http, &format!("http://{address}/v1/media?url={link}")).await?;
        println!("{link}: {} ms from the site", began.elapsed().as_millis());
    }
    for link in LINKS {
        let url = format!("http://{address}/v1/media?url={link}");
        let mut callers = JoinSet::new();
        let until = Instant::now() + FOR;
        for _ in 0..CONNECTIONS {
            let (http, url) = (http.clone(), url.clone());
            callers.spawn(async move {
                let mut took = Vec::new();
                while Instant::now() < until {
                    let began = Instant::now();
                    ask(&http, &url).await?;
                    took.push(began.elapsed());
                }
                Outcome::Ok(took)
            });
        }
        let mut took: Vec<Duration> = callers.join_all().await.into_iter().collect::<Outcome<Vec<_>>>()?.concat();
        took.sort_unstable();
        let rate = took.len() as f64 / FOR.as_secs_f64();
        let at = |percent: usize| took[(took.len() - 1) * percent / 100].as_micros();
        println!("{link}: {rate:.0}/s from the cache, p50 {} µs, p95 {} µs", at(50), at(95));
    }
    stop.cancel();
    Ok(())
}

async fn ask(http: &Client, url: &str) -> Outcome<()> {
    let answer = http.get(url).bearer_auth(KEY).send().await?.error_for_status()?;
    answer.bytes().await?;
    Ok(())
}
