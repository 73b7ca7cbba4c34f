//! The bot's own handlers in two processes: one is killed amid ten thousand messages.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::MissedTickBehavior;

use super::commands::{Crowd, Place, Said, answered_us, judge, was_open};
use super::journal::{Discords, RestSeen, unix_us};
use crate::harness::{Deployment, Discord, Engines, engines_are_there, eventually};

const HANDLERS: [&str; 2] = ["handlers-a", "handlers-b"];
/// Messages that are no commands, and commands among them.
const TALK: u64 = 9_000;
const COMMANDS: usize = 1_000;
/// Messages that are no commands, a second, and the time between two commands: both last 20 s.
const TALK_PER_SECOND: u64 = 450;
const BETWEEN: Duration = Duration::from_millis(20);
/// Commands given at once, to every guild, just before the kill.
const BURST: usize = 24;
/// What was given before the kill and is answered so long after it has waited for somebody to take over.
const TAKEN_OVER_US: u64 = 1_500_000;
/// From the start of the messages to the last answer.
const WITHIN: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_commands_among_ten_thousand_messages_are_answered_once_on_kafka_though_one_of_two_handlers_is_killed()
 {
    if !engines_are_there("two processes of handlers") {
        return;
    }
    let guilds = BURST.to_string();
    let options = ["--guilds", &guilds, "--channels", "3", "--members", "6", "--no-bucket-limits"];
    let discord = Discord::start(&[&options[..], &["--global-per-second", "0"]].concat()).await;
    let discord = Arc::new(discord);
    let mut miso = Deployment::new(&discord, Engines::KafkaAndPostgres, "h=a-secret-of-the-handlers");
    miso.set("MISO_DISCORD_GLOBAL_PER_SECOND", "1000");
    miso.set("MISO_COMMANDS_PER_MINUTE", "0");
    miso.set("MISO_CLUSTER_KEY", "a key of the handlers, long enough");
    for role in ["commands-api", "sender", "gateway"] {
        miso.start(role, &["run", role]);
    }
    for name in HANDLERS {
        miso.start(name, &["run", "handlers"]);
    }
    for name in ["commands-api", "sender", "gateway"].iter().chain(&HANDLERS) {
        miso.ready(name).await;
    }
    let places = discord.guilds().await.into_iter().map(|guild| Place {
        channel: guild.channels.last().expect("a channel").clone(),
        user: guild.users[0].clone(),
    });
    let crowd = Arc::new(Crowd::new(Arc::clone(&discord), places.collect()));
    // Both have something to do: commands of some channels each.
    eventually("both handlers answer", || async {
        crowd.say().await;
        (answered_by(&miso, HANDLERS[0]).await && answered_by(&miso, HANDLERS[1]).await).then_some(())
    })
    .await;
    eventually("the first commands are answered", || async {
        let (rest, said) = (answers(&discord).await, crowd.said());
        said.iter().all(|said| answered_us(&rest, said).is_some()).then_some(())
    })
    .await;

    let began = Instant::now();
    let before = crowd.said().len();
    let talk = discord.post("/blast", json!({"rate": TALK_PER_SECOND, "count": TALK, "bytes": 700})).await;
    speak(&crowd, COMMANDS / 2 - BURST).await;
    for _ in 0..BURST {
        crowd.say().await;
    }
    let killed_us = unix_us();
    miso.kill(HANDLERS[0]).await;
    speak(&crowd, COMMANDS / 2).await;
    let said = crowd.said();
    assert_eq!(said.len() - before, COMMANDS);

    let mut looks = tokio::time::interval(LOOK_EVERY);
    let rest = loop {
        looks.tick().await;
        let rest = answers(&discord).await;
        let open = said.iter().filter(|said| answered_us(&rest, said).is_none()).count();
        if open == 0 {
            break rest;
        }
        assert!(began.elapsed() < WITHIN, "after {WITHIN:?} {open} commands are not answered");
    };
    let path = format!("/blast/{}", talk["blast"]);
    let sent = eventually("all messages are said", || async {
        let blast = discord.get(&path).await;
        (blast["done"] == true).then_some(blast["sent"].clone())
    })
    .await;
    assert_eq!(sent, json!(TALK));
    let midway = &said[before..before + COMMANDS / 2];
    let open = midway.iter().filter(|said| was_open(&rest, said, killed_us)).count();
    let late = |said: &&Said| answered_us(&rest, said).is_some_and(|us| us > killed_us + TAKEN_OVER_US);
    let taken_over = midway.iter().filter(late).count();
    let took = began.elapsed();
    let given = midway.len();
    eprintln!("killed with {open} of {given} commands open, {taken_over} taken over; all answered after {took:?}");
    assert!(taken_over > 0 && open < given, "it was struck midway, with work in flight");
    assert_eq!(judge(&rest, &said), Vec::<String>::new());
}

/// What was asked of Discord so far.
async fn answers(discord: &Discord) -> Vec<RestSeen> {
    Discords::read(&discord.journal("rest").await, &[].into()).rest
}

/// Gives so many commands, one after the other.
async fn speak(crowd: &Crowd, count: usize) {
    let mut ticks = tokio::time::interval(BETWEEN);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for _ in 0..count {
        ticks.tick().await;
        crowd.say().await;
    }
}

/// Whether a process of handlers has taken up commands.
async fn answered_by(miso: &Deployment, name: &str) -> bool {
    let text = reqwest::get(format!("http://{}/metrics", miso.ops(name))).await.expect("metrics").text().await;
    text.expect("text").lines().any(|line| line.starts_with("miso_handlers_commands_total"))
}
