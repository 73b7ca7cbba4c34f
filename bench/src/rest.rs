//! REST actions: synced create-messages through the ingress, the log and the sender, beside the same
//! requests straight to the simulator.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::json;
use tokio::task::JoinSet;

use crate::deployment::{Deployment, SECRET};
use crate::events::percentiles;

/// Connections of the throughput measurement, each with a channel of its own.
const CONNECTIONS: usize = 64;

/// Throughput with 64 connections, then latency with one, through Miso and without it.
pub(crate) async fn actions(deployment: &Deployment, seconds: u64) -> anyhow::Result<()> {
    let guilds = deployment.get("/guilds").await?;
    let mut channels = Vec::new();
    for guild in guilds.as_array().context("guilds")? {
        let found = guild["channels"].as_array().context("channels")?.iter().find(|channel| channel["type"] == 0);
        channels.push(found.and_then(|channel| channel["id"].as_str()).context("a text channel")?.to_owned());
    }
    ensure!(channels.len() >= CONNECTIONS, "at least {CONNECTIONS} channels are needed");
    let through = format!("http://{}/api", deployment.proxy);
    let lasting = Duration::from_secs(seconds);

    println!("synced create-messages");
    let before = deployment.cpu();
    let began = Instant::now();
    let mut many = measure(deployment, &through, SECRET, &channels[..CONNECTIONS], lasting).await?;
    let elapsed = began.elapsed().as_secs_f64();
    let after = deployment.cpu();
    let count = u32::try_from(many.len())?;
    println!(
        "  {CONNECTIONS} connections, {CONNECTIONS} channels: {:.0} actions/s; {}",
        f64::from(count) / elapsed,
        percentiles(&mut many)
    );
    let per = 1_000_000.0 / f64::from(count.max(1));
    println!(
        "  CPU µs per action: miso {:.0}, simulator {:.0}, client {:.0}",
        (after.miso - before.miso) * per,
        (after.simulator - before.simulator) * per,
        (after.client - before.client) * per,
    );
    let short = lasting / 3;
    let mut one = measure(deployment, &through, SECRET, &channels[..1], short).await?;
    let mut direct = measure(deployment, &deployment.api, &deployment.token, &channels[..1], short).await?;
    println!("  one connection through Miso: {}", percentiles(&mut one));
    println!("  one connection straight to the simulator: {}", percentiles(&mut direct));
    println!("  added at the median: {:.2} ms\n", (f64::from(median(&one)) - f64::from(median(&direct))) / 1_000.0);
    Ok(())
}

fn median(sorted_us: &[u32]) -> u32 {
    sorted_us.get(sorted_us.len() / 2).copied().unwrap_or(0)
}

/// One connection per channel, each sending as soon as it was answered; microseconds of each request.
async fn measure(
    deployment: &Deployment,
    api: &str,
    token: &str,
    channels: &[String],
    lasting: Duration,
) -> anyhow::Result<Vec<u32>> {
    let until = Instant::now() + lasting;
    let mut tasks = JoinSet::new();
    for channel in channels {
        let url = format!("{api}/v10/channels/{channel}/messages");
        let (http, authorization) = (deployment.http.clone(), format!("Bot {token}"));
        tasks.spawn(async move {
            let mut taken = Vec::new();
            while Instant::now() < until {
                let began = Instant::now();
                let body = json!({ "content": format!("action {}", taken.len()) });
                let request = http.post(&url).header("Authorization", &authorization).json(&body);
                let response = request.send().await?;
                let status = response.status();
                let body = response.bytes().await?;
                ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
                taken.push(u32::try_from(began.elapsed().as_micros())?);
            }
            Ok(taken)
        });
    }
    let mut all = Vec::new();
    while let Some(taken) = tasks.join_next().await {
        all.extend(taken??);
    }
    Ok(all)
}
