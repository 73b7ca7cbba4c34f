//! How long charts take, and how many answers a second come from the cache: `cargo run -p miso-lastfm --example
//! chart_rate [FOLDER]`; with a folder, the charts are written there to be looked at. Client, middleware and the
//! simulated Last.fm share the cores.
//!
//! Measured 2026-11-24 on a 2-core virtual machine that did other work too, own code at opt-level 1: a 10×10 chart with
//! nothing in the cache 510 ms (of which the simulator draws its hundred pictures), with another look 350 ms, from the cache
//! 1 ms; 12×12 as lossless WebP 430 ms, 5×5 with titles 45 ms. From the cache over 8 connections: a user 44,000/s, 50 artists
//! 28,000/s, 200 listens 22,000/s, the chart of 500 kB 4,900/s.

use std::time::{Duration, Instant};

use miso_lastfm::{Clock, Lastfm, LastfmConfig};
use miso_simulator::{Simulator, SimulatorConfig};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const KEY: &str = "key";
const CONNECTIONS: usize = 8;
const FOR: Duration = Duration::from_secs(3);

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let folder = std::env::args().nth(1);
    let simulator = Simulator::start(SimulatorConfig::default()).await?;
    let clock = Clock::default();
    let config = LastfmConfig {
        cluster_key: KEY.to_owned(),
        api_key: "key".to_owned(),
        api_url: format!("http://{}/lastfm/2.0/", simulator.address()),
        site_url: format!("http://{}/lastfm/site", simulator.address()),
        clock: clock.clone(),
        ..LastfmConfig::default()
    };
    let cancel = CancellationToken::new();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let service = tokio::spawn(Lastfm::start(config, cancel.clone())?.serve(listener));
    let base = format!("http://{address}/v1");
    for (name, query) in [
        ("10x10", "size=10x10&period=all"),
        ("10x10 again", "size=10x10&period=all"),
        ("10x10 other look", "size=10x10&period=all&titles=0"),
        ("3x3 recent png", "size=3x3&kind=recent&format=png"),
        ("10x10 png", "size=10x10&period=all&format=png"),
        ("12x12 webp", "size=12x12&period=all&format=webp"),
        ("5x5 padded png", "size=5x5&period=all&padded=1&format=png"),
        ("5x5 topster png", "size=5x5&period=all&topster=1&format=png"),
        ("5x5 artists png", "size=5x5&period=all&kind=artists&format=png"),
        ("5x5 rainbow png", "size=5x5&period=all&color=rainbow&format=png"),
    ] {
        let began = Instant::now();
        let request = reqwest::Client::new().get(format!("{base}/charts?user=ann&{query}")).bearer_auth(KEY);
        let bytes = request.send().await?.error_for_status()?.bytes().await?;
        println!("{name:18} {:7.1} ms  {:5} kB", began.elapsed().as_secs_f64() * 1e3, bytes.len() / 1_000);
        if let Some(folder) = &folder {
            let ending = if name.ends_with("png") {
                "png"
            } else if name.ends_with("webp") {
                "webp"
            } else {
                "jpg"
            };
            std::fs::write(format!("{folder}/{}.{ending}", name.replace(' ', "-")), &bytes)?;
        }
    }
    for path in [
        "/users/ann",
        "/users/ann/top/artists?limit=50",
        "/users/ann/recent?limit=200",
        "/charts?user=ann&size=10x10&period=all",
    ] {
        measure(path, &format!("{base}{path}")).await?;
    }
    cancel.cancel();
    service.await??;
    Ok(())
}

async fn measure(name: &str, url: &str) -> Outcome<()> {
    let get = |client: reqwest::Client| client.get(url).bearer_auth(KEY).send();
    get(reqwest::Client::new()).await?.error_for_status()?.bytes().await?;
    let end = Instant::now() + FOR;
    let mut tasks = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let url = url.to_owned();
        tasks.spawn(async move {
            let client = reqwest::Client::new();
            let mut times = Vec::new();
            while Instant::now() < end {
                let began = Instant::now();
                client.get(&url).bearer_auth(KEY).send().await?.error_for_status()?.bytes().await?;
                times.push(began.elapsed());
            }
            Ok::<_, reqwest::Error>(times)
        });
    }
    let mut times = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        times.extend(ended??);
    }
    times.sort_unstable();
    let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default().as_secs_f64() * 1e3;
    println!("{name:42} {:7.0}/s  p50 {:.2} ms  p99 {:.2} ms", times.len() as f64 / FOR.as_secs_f64(), at(50), at(99));
    Ok(())
}
