//! Commands: said by blasted messages, answered through every role; as many as pass, and how long one takes.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::deployment::{Cpu, Deployment, GUILDS};
use crate::events::percentiles;

/// What every message begins with: a command whose answer repeats the message's number and time.
const PREFIX: &str = ">clap ";
/// Bytes of one event's `d`.
const EVENT_BYTES: usize = 800;
/// Commands that are said as fast as the simulator is let.
const MANY: u64 = 20_000;
/// The rate of [`latency`], commands a second.
const RATE: u64 = 50;
/// How often the simulator's journal is read on.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Without any answer for so long the run has failed.
const SILENCE: Duration = Duration::from_secs(15);

/// The answers to one blast: each command's once.
struct Run {
    answers: u64,
    /// From the simulator's first write to the last request.
    seconds: f64,
    /// Microseconds from the simulator's write of a message to the request with its answer.
    taken_us: Vec<u32>,
    before: Cpu,
    after: Cpu,
}

async fn run(deployment: &Deployment, mut blast: Value) -> anyhow::Result<Run> {
    blast["prefix"] = json!(PREFIX);
    blast["bytes"] = json!(EVENT_BYTES);
    blast["guilds"] = json!(GUILDS);
    let before = deployment.cpu();
    let mut from = deployment.get("/journal?limit=1&kind=rest").await?["next"].as_u64().context("no position")?;
    let started = deployment.post("/blast", &blast).await?;
    let (mut numbers, mut taken_us, mut last_us) = (HashSet::new(), Vec::new(), 0);
    let mut heard = Instant::now();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let status = deployment.get("/blast").await?;
        let page = deployment.get(&format!("/journal?from={from}&kind=rest")).await?;
        from = page["next"].as_u64().context("no position")?;
        for entry in page["entries"].as_array().context("no entries")? {
            let Some((number, sent_us)) = said(entry) else { continue };
            ensure!(entry["applied"] == true, "an answer was refused: {entry}");
            ensure!(numbers.insert(number), "the command {number} was answered twice");
            let at_us = entry["at_us"].as_u64().context("no time")?;
            taken_us.push(u32::try_from(at_us.saturating_sub(sent_us))?);
            last_us = last_us.max(at_us);
            heard = Instant::now();
        }
        let answers = numbers.len() as u64;
        if status["done"] == true && status["sent"] == answers {
            let began_us = status["started_us"].as_u64().context("no start")?;
            let first = started["first"].as_u64().context("no first number")?;
            ensure!((first..first + answers).all(|number| numbers.contains(&number)), "not every command was answered");
            let micros = u32::try_from(last_us.saturating_sub(began_us))?;
            let seconds = f64::from(micros) / 1_000_000.0;
            return Ok(Run { answers, seconds, taken_us, before, after: deployment.cpu() });
        }
        ensure!(heard.elapsed() < SILENCE, "{answers} of {} commands were answered, then none", status["sent"]);
    }
}

/// The number of the command that a request answers, and when it was said: the answer repeats its words.
fn said(entry: &Value) -> Option<(u64, u64)> {
    let body = entry["body"].to_string();
    let (_, text) = body.split_once("blast:")?;
    let mut numbers = text.split(|letter: char| !letter.is_ascii_digit()).filter(|digits| !digits.is_empty());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn report_cpu(run: &Run) -> anyhow::Result<()> {
    let per = 1_000_000.0 / f64::from(u32::try_from(run.answers.max(1))?);
    println!(
        "  CPU µs per command: miso {:.0}, simulator {:.0}, client {:.0}",
        (run.after.miso - run.before.miso) * per,
        (run.after.simulator - run.before.simulator) * per,
        (run.after.client - run.before.client) * per,
    );
    Ok(())
}

/// As many commands as pass, each answered once.
pub(crate) async fn throughput(deployment: &Deployment) -> anyhow::Result<()> {
    let run = run(deployment, json!({ "rate": 0, "count": MANY })).await?;
    println!("commands, {MANY} at once ({GUILDS} channels, all roles on)");
    println!(
        "  answered in {:.1} s: {:.0} commands/s",
        run.seconds,
        f64::from(u32::try_from(run.answers)?) / run.seconds
    );
    report_cpu(&run)?;
    println!();
    Ok(())
}

/// [`RATE`] commands a second: from the simulator's write of the message to the request with its answer.
pub(crate) async fn latency(deployment: &Deployment, seconds: u64) -> anyhow::Result<()> {
    let mut run = run(deployment, json!({ "rate": RATE, "seconds": seconds })).await?;
    println!("a command's answer at {RATE} commands/s, simulator's write to the request there");
    println!("  {}", percentiles(&mut run.taken_us));
    report_cpu(&run)?;
    println!();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_tells_which_command_it_is_to_and_when_that_was_said() {
        let body = json!({"embeds": [{"description": "blast:12 👏 1764000000000001 👏 lorem"}]});
        assert_eq!(said(&json!({"body": body})), Some((12, 1_764_000_000_000_001)));
        assert_eq!(said(&json!({"body": {"content": "hello"}})), None);
    }
}
