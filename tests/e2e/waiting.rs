//! What waits while no handler is there, and what a RESUME gives after kill -9.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::harness::{Deployment, Discord, Engines, engines_are_there, eventually};
use crate::raw_client::RawClient;

/// How long events flow without a handler.
const WITHOUT_HANDLER: Duration = Duration::from_secs(30);
const SECRET: &str = "waiting-secret";

#[tokio::test(flavor = "multi_thread")]
async fn events_of_30_s_without_a_handler_wait_and_come_in_order_on_the_embedded_log() {
    without_handler(Engines::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_30_s_without_a_handler_wait_and_come_in_order_on_kafka() {
    if engines_are_there("waiting on Kafka") {
        without_handler(Engines::KafkaAndPostgres).await;
    }
}

async fn without_handler(engines: Engines) {
    let discord = Discord::start(&["--guilds", "4"]).await;
    let mut miso = Deployment::new(&discord, engines, &format!("w={SECRET}"));
    miso.start("up", &["up"]);
    miso.ready("up").await;
    let guilds = discord.guilds().await;
    let began = Instant::now();
    let mut said = Vec::new();
    while began.elapsed() < WITHOUT_HANDLER {
        let guild = &guilds[said.len() % guilds.len()];
        said.push((guild.id.clone(), discord.say(&guild.channels[0], &guild.users[0], "still here").await));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut client = RawClient::identify(miso.proxy, SECRET, None).await;
    let missing = |client: &RawClient| {
        let came: BTreeSet<_> = client.messages().into_iter().collect();
        let missing: Vec<_> = said.iter().enumerate().filter(|(_, message)| !came.contains(message)).collect();
        format!(
            "all {} that were said; not these, by when they were said: {missing:?}; miso: {}",
            said.len(),
            miso.said("up")
        )
    };
    client.read_until_or_tell(|c| c.messages().len() >= said.len(), missing).await;
    let messages = client.messages();
    assert_eq!(messages.len(), said.len());
    for guild in &guilds {
        let of_guild = |entries: &[(String, String)]| -> Vec<String> {
            entries.iter().filter(|(id, _)| *id == guild.id).map(|(_, message)| message.clone()).collect()
        };
        assert_eq!(of_guild(&messages), of_guild(&said), "in order in guild {}", guild.id);
    }
    client.assert_sequences_without_gap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_after_kill_9_of_everything_gives_exactly_what_was_not_seen_on_the_embedded_log() {
    resume_after_kill(Engines::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_after_kill_9_of_everything_gives_exactly_what_was_not_seen_on_kafka() {
    if engines_are_there("RESUME on Kafka") {
        resume_after_kill(Engines::KafkaAndPostgres).await;
    }
}

async fn resume_after_kill(engines: Engines) {
    let discord = Discord::start(&["--guilds", "4"]).await;
    let mut miso = Deployment::new(&discord, engines, &format!("w={SECRET}"));
    miso.start("up", &["up"]);
    miso.ready("up").await;
    let guilds = discord.guilds().await;
    let say = async |n: usize| {
        let guild = &guilds[n % guilds.len()];
        discord.say(&guild.channels[0], &guild.users[0], &format!("n:{n}")).await
    };
    let mut client = RawClient::identify(miso.proxy, SECRET, None).await;
    client.read_until("all guilds", |c| c.count("GUILD_CREATE") >= guilds.len()).await;
    let mut said = Vec::new();
    for n in 0..50 {
        said.push(say(n).await);
    }
    client.read_until("the first 50", |c| c.messages().len() >= 50).await;
    client.heartbeat().await;
    for n in 50..100 {
        said.push(say(n).await);
    }
    client.read_until("some of the next", |c| c.messages().len() >= 70).await;
    // Killed without closing, with frames that it never read; then the proxy, with everything else.
    let session = client.abandon();
    let seen_before = session.sequence;
    miso.kill("up").await;
    for n in 100..130 {
        said.push(say(n).await);
    }
    miso.start("up", &["up"]);
    miso.ready("up").await;

    let mut resumed = RawClient::resume(miso.proxy, SECRET, session).await;
    resumed.read_until("RESUMED and the rest", |c| c.count("RESUMED") == 1 && c.messages_ever() >= said.len()).await;
    resumed.assert_sequences_without_gap();
    assert_eq!(resumed.first_sequence(), Some(seen_before + 1), "it goes on where the client was");
    let ever: Vec<String> = resumed.message_ids_ever();
    assert_eq!(ever.len(), said.len(), "none twice");
    assert_eq!(ever.iter().collect::<BTreeSet<_>>(), said.iter().collect::<BTreeSet<_>>(), "none missing");
    eventually("nothing more comes", || async { Some(()) }).await;
}
