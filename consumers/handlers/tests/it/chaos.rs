use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use miso_handlers::{COMMANDS_GROUP, MESSAGES_GROUP};
use miso_log::catalogue::{BOT_COMMANDS, BOT_FACTS, GATEWAY_EVENTS};
use miso_model::{Fact, LogRecord};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::net::TcpListener;

use crate::setup::{Handlers, OWNER, PATIENCE, World, all, channel, channel_of, consumed};

const GUILDS: u64 = 5;
const MESSAGES: usize = 120;

/// Seeds, aborts per seed, and how long roles live between them, microseconds. Kafka needs seconds
/// to notice who is gone.
fn pace() -> (u64, usize, std::ops::Range<u64>) {
    if std::env::var("MISO_TEST_KAFKA").is_ok_and(|brokers| !brokers.is_empty()) {
        (1, 6, 200_000..3_000_000)
    } else {
        (5, 12, 3_000..60_000)
    }
}

/// Handlers and the commands API are aborted again and again while messages flow. Every command is
/// answered exactly once and in its channel's order, every change takes effect once, and nothing
/// else is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_is_answered_once_through_aborts_of_all_roles() {
    let mut struck = 0;
    let (seeds, aborts, life_us) = pace();
    for seed in 0..seeds {
        println!("seed {seed}");
        let run = tokio::time::timeout(PATIENCE * 3, one_run(seed, aborts, &life_us)).await;
        struck += run.unwrap_or_else(|_| panic!("seed {seed} took too long"));
    }
    assert!(
        struck * 4 >= aborts * usize::try_from(seeds).expect("few"),
        "the faults struck: {struck} aborts with work in flight"
    );
}

async fn one_run(seed: u64, aborts: usize, life_us: &std::ops::Range<u64>) -> usize {
    let world = Arc::new(World::new(GUILDS).await);
    let first = world.api().await;
    let address = first.address;
    let mut random = StdRng::seed_from_u64(seed);
    let speaking = {
        let world = Arc::clone(&world);
        let mut random = StdRng::seed_from_u64(seed + 1_000);
        // So that there is something to say as long as roles are aborted.
        let pause = Duration::from_micros(life_us.end / 4);
        async move {
            let (mut asked, mut changes) = (Vec::new(), 0);
            for n in 0..MESSAGES {
                let guild = random.random_range(0..GUILDS);
                let said = match random.random_range(0..4) {
                    0 => ">rng 1-1000000".to_owned(),
                    1 => ">avatar".to_owned(),
                    2 => {
                        changes += 1;
                        ">prefix >".to_owned()
                    }
                    _ => format!("talk {n}"),
                };
                let message = world.say(guild, OWNER, &said).await;
                if said.starts_with('>') {
                    asked.push((guild, message));
                }
                if n % 10 == 0 {
                    tokio::time::sleep(pause).await;
                }
            }
            (asked, changes)
        }
    };
    let speaking = tokio::spawn(speaking);
    let (mut api, mut handlers): (_, Option<Handlers>) = (Some(first), None);
    let mut struck = 0;
    for _ in 0..aborts {
        handlers.get_or_insert_with(|| world.tireless_handlers(address));
        tokio::time::sleep(Duration::from_micros(random.random_range(life_us.clone()))).await;
        struck += usize::from(behind(&world).await);
        if random.random_bool(0.6) {
            handlers = None;
        }
        if random.random_bool(0.5) {
            drop(api.take());
            let listener = loop {
                if let Ok(listener) = TcpListener::bind(address).await {
                    break listener;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            };
            api = Some(world.api_at(listener));
        }
    }
    let (asked, changes) = speaking.await.expect("speaks");
    let handlers = handlers.unwrap_or_else(|| world.tireless_handlers(address));
    consumed(&world.log, MESSAGES_GROUP, GATEWAY_EVENTS).await;
    consumed(&world.log, COMMANDS_GROUP, BOT_COMMANDS).await;
    handlers.stop().await;
    drop(api);

    let mut answered: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for body in world.answers().await {
        let message = body["message_reference"]["message_id"].as_str().expect("a reply").to_owned();
        answered.entry(channel_of(&body).0).or_default().push(message);
    }
    for guild in 0..GUILDS {
        let wanted: Vec<&str> =
            asked.iter().filter(|(of, _)| *of == guild).map(|(_, message)| message.as_str()).collect();
        let got = answered.remove(&channel(guild)).unwrap_or_default();
        assert_eq!(got, wanted, "seed {seed}: guild {guild} is answered once and in order");
    }
    assert!(answered.is_empty(), "seed {seed}");
    let facts: Vec<Fact> =
        all(&world.log, BOT_FACTS).await.iter().map(|value| Fact::from_bytes(value).expect("reads")).collect();
    let changed = facts.iter().filter(|fact| fact.kind == "SettingsChanged").count();
    assert_eq!(changed, changes, "seed {seed}: every change took effect once");
    struck
}

/// Whether the command handlers have work in flight.
async fn behind(world: &World) -> bool {
    let messages = world.log.lag(MESSAGES_GROUP).await.expect("lag");
    let commands = world.log.lag(COMMANDS_GROUP).await.expect("lag");
    commands.iter().chain(&messages).any(|partition| partition.records > 0)
}
