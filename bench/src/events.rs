//! Events: as many as pass, and how long one takes at 1,000 a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::client::{Handler, Numbers};
use crate::deployment::{Cpu, Deployment, GUILDS};

/// Bytes of one event's `d`.
const EVENT_BYTES: usize = 1_200;
/// The rate of [`sustained`], events a second: the aim on two cores.
const SUSTAINED: u64 = 60_000;
/// How often the simulator is asked how many it has sent.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// Not known yet how many there will be.
const UNKNOWN: u64 = u64::MAX;

struct Run {
    events: u64,
    seconds: f64,
    /// From the simulator's last write to the last event here.
    lag_ms: f64,
    latencies_us: Vec<u32>,
    before: Cpu,
    after: Cpu,
}

async fn run(deployment: &Deployment, rate: u64, seconds: u64, latencies: bool) -> anyhow::Result<Run> {
    let mut handler = Handler::connect(deployment.proxy, GUILDS).await?;
    let before = deployment.cpu();
    let blast = json!({ "rate": rate, "seconds": seconds, "bytes": EVENT_BYTES, "guilds": GUILDS });
    let began = Instant::now();
    let started = deployment.post("/blast", &blast).await?;
    let first = started["first"].as_u64().context("no first number")?;
    let total = Arc::new(AtomicU64::new(UNKNOWN));
    let finished = Arc::new(std::sync::Mutex::new(None));
    let watch = async {
        loop {
            tokio::time::sleep(ASK_EVERY).await;
            let status: Value = deployment.get("/blast").await?;
            if status["done"] == true {
                let finished_us = status["finished_us"].as_u64().context("no end")?;
                *finished.lock().map_err(|_| anyhow::anyhow!("poisoned"))? = Some(finished_us);
                total.store(status["sent"].as_u64().context("no count")?, Ordering::SeqCst);
                return anyhow::Ok(());
            }
        }
    };
    let counted = Arc::clone(&total);
    let known = move || Some(counted.load(Ordering::SeqCst)).filter(|&count| count != UNKNOWN);
    let (seen, watched) = tokio::join!(handler.read(Numbers::new(first, GUILDS), known, latencies), watch);
    let seen = seen?;
    watched?;
    let seconds = began.elapsed().as_secs_f64();
    let now_us = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_micros();
    let finished_us = finished.lock().map_err(|_| anyhow::anyhow!("poisoned"))?.context("no end")?;
    let lag_us = now_us.saturating_sub(u128::from(finished_us));
    let lag_ms = f64::from(u32::try_from(lag_us / 10).unwrap_or(u32::MAX)) / 100.0;
    Ok(Run { events: seen.events, seconds, lag_ms, latencies_us: seen.latencies_us, before, after: deployment.cpu() })
}

#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are far below 2^52")]
fn float(count: u64) -> f64 {
    count as f64
}

fn report_cpu(run: &Run) {
    let per = 100_000.0 / float(run.events.max(1));
    println!(
        "  CPU seconds per 100,000 events: miso {:.2}, simulator {:.2}, client {:.2}",
        (run.after.miso - run.before.miso) * per,
        (run.after.simulator - run.before.simulator) * per,
        (run.after.client - run.before.client) * per,
    );
}

/// As many events as pass, each checked, counted when acknowledged.
pub(crate) async fn throughput(deployment: &Deployment, seconds: u64) -> anyhow::Result<()> {
    let run = run(deployment, 0, seconds, false).await?;
    println!("events, as many as pass ({EVENT_BYTES} bytes, {GUILDS} guilds, one handler, all roles on)");
    println!(
        "  {} events acknowledged in {:.1} s: {:.0} events/s; last one acknowledged {:.0} ms after it was sent",
        run.events,
        run.seconds,
        float(run.events) / run.seconds,
        run.lag_ms
    );
    report_cpu(&run);
    for (name, value) in deployment.metrics("sync").await? {
        println!("  {name} {value}");
    }
    println!();
    Ok(())
}

/// [`SUSTAINED`] events a second, each checked: whether what was sent is acknowledged at once.
pub(crate) async fn sustained(deployment: &Deployment, seconds: u64) -> anyhow::Result<()> {
    let run = run(deployment, SUSTAINED, seconds, false).await?;
    println!("{SUSTAINED} events/s for {seconds} s");
    println!(
        "  {} events acknowledged in {:.1} s; last one acknowledged {:.0} ms after it was sent",
        run.events, run.seconds, run.lag_ms
    );
    report_cpu(&run);
    println!();
    Ok(())
}

/// 1,000 events a second: how long one takes from the simulator's write to the handler.
pub(crate) async fn latency(deployment: &Deployment, seconds: u64) -> anyhow::Result<()> {
    let mut run = run(deployment, 1_000, seconds, true).await?;
    println!("latency at 1,000 events/s, simulator's write to handler");
    println!("  {}", percentiles(&mut run.latencies_us));
    report_cpu(&run);
    println!();
    Ok(())
}

/// p50, p90, p99, p99.9 and the longest, in milliseconds.
pub(crate) fn percentiles(values_us: &mut [u32]) -> String {
    values_us.sort_unstable();
    let at = |per_mille: usize| -> f64 {
        let index = (values_us.len() * per_mille / 1_000).min(values_us.len().saturating_sub(1));
        values_us.get(index).map_or(f64::NAN, |&us| f64::from(us) / 1_000.0)
    };
    format!(
        "p50 {:.2} ms, p90 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms, longest {:.2} ms ({} measured)",
        at(500),
        at(900),
        at(990),
        at(999),
        at(1_000),
        values_us.len()
    )
}
