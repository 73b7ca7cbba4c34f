use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use miso_commands_api::CommandsConfig;
use miso_log::catalogue::BOT_FACTS;
use miso_model::{Fact, LogRecord};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::http::general;
use crate::requests::all;
use crate::setup::{Instance, PATIENCE, World};

const GUILDS: u64 = 9;
const CALLERS: usize = 4;

/// How much is asked, and how long an instance lives, microseconds. Kafka needs seconds to notice
/// who is gone.
struct Pace {
    seeds: u64,
    requests: usize,
    life_us: std::ops::Range<u64>,
    aborts: usize,
    struck: usize,
}

fn pace() -> Pace {
    if std::env::var("MISO_TEST_KAFKA").is_ok_and(|brokers| !brokers.is_empty()) {
        Pace { seeds: 2, requests: 150, life_us: 200_000..3_000_000, aborts: 6, struck: 2 }
    } else {
        Pace { seeds: 6, requests: 40, life_us: 1_000..60_000, aborts: 500, struck: 20 }
    }
}

/// Seeded programs of commands over many guilds; both instances are aborted again and again at any
/// moment; callers retry on whichever instance is there until they are answered. In the end every
/// request has exactly one fact, and every guild has the prefix of its last fact.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_takes_effect_once_through_aborts_of_the_deciders() {
    let mut repeats = 0;
    let pace = pace();
    for seed in 0..pace.seeds {
        println!("seed {seed}");
        repeats += tokio::time::timeout(PATIENCE * 4, one_run(seed, &pace))
            .await
            .unwrap_or_else(|_| panic!("seed {seed} took too long"));
    }
    assert!(repeats > pace.struck, "the faults struck: {repeats} requests had to be sent again");
}

async fn one_run(seed: u64, pace: &Pace) -> usize {
    let world = Arc::new(World::new().await);
    let instances = Arc::new([
        Mutex::new(Some(world.instance(CommandsConfig::default()).await)),
        Mutex::new(Some(world.instance(CommandsConfig::default()).await)),
    ]);
    let addresses: Vec<_> = {
        let mut addresses = Vec::new();
        for instance in instances.iter() {
            addresses.push(instance.lock().await.as_ref().expect("runs").address);
        }
        addresses
    };
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (addresses, requests) = (addresses.clone(), pace.requests);
        callers.spawn(async move {
            let mut random = StdRng::seed_from_u64(seed * 1_000 + caller as u64);
            let (mut sent, mut repeats) = (Vec::new(), 0);
            for n in 0..requests {
                let (guild, id) = (random.random_range(1..=GUILDS), format!("{seed}-{caller}-{n}"));
                let mut turn = random.random_range(0..2);
                while !answered(addresses[turn], &id, guild).await {
                    repeats += 1;
                    turn = 1 - turn;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                sent.push((id, guild));
            }
            (sent, repeats)
        });
    }
    let mut aborts = JoinSet::new();
    {
        let (world, instances) = (Arc::clone(&world), Arc::clone(&instances));
        let (life_us, count) = (pace.life_us.clone(), pace.aborts);
        aborts.spawn(async move {
            let mut random = StdRng::seed_from_u64(seed);
            for _ in 0..count {
                tokio::time::sleep(Duration::from_micros(random.random_range(life_us.clone()))).await;
                let which = random.random_range(0..2);
                let mut slot = instances[which].lock().await;
                let Some(Instance { address, .. }) = &*slot else { continue };
                let address = *address;
                *slot = None;
                tokio::time::sleep(Duration::from_micros(random.random_range(0..5_000))).await;
                let listener = loop {
                    if let Ok(listener) = TcpListener::bind(address).await {
                        break listener;
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                };
                *slot = Some(world.instance_at(listener, CommandsConfig::default()));
            }
        });
    }
    let (mut expected, mut repeats) = (BTreeMap::new(), 0);
    while let Some(result) = callers.join_next().await {
        let (sent, again) = result.expect("caller");
        expected.extend(sent);
        repeats += again;
    }
    aborts.shutdown().await;

    let facts: Vec<Fact> =
        all(&world.log, BOT_FACTS).await.iter().map(|value| Fact::from_bytes(value).expect("reads")).collect();
    let mut by_request: BTreeMap<&str, usize> = BTreeMap::new();
    for fact in &facts {
        *by_request.entry(&fact.request_id).or_default() += 1;
    }
    for id in expected.keys() {
        assert_eq!(by_request.get(id.as_str()), Some(&1), "seed {seed}: {id}");
    }
    assert_eq!(facts.len(), expected.len(), "seed {seed}");
    // The model: facts of one guild are numbered without gaps; the last one holds, everywhere.
    drop(instances);
    let last = world.instance(CommandsConfig::default()).await;
    for guild in 1..=GUILDS {
        let of_guild: Vec<&Fact> = facts.iter().filter(|fact| fact.aggregate == format!("guild/{guild}")).collect();
        assert!(of_guild.iter().zip(1..).all(|(fact, version)| fact.version == version), "seed {seed}");
        let Some(newest) = of_guild.last() else { continue };
        assert_eq!(general(&last, guild).await, (json!(newest.request_id), newest.version), "seed {seed}");
    }
    last.stop().await;
    repeats
}

/// The prefix is the request's id: what holds in the end tells who set it.
async fn answered(address: std::net::SocketAddr, id: &str, guild: u64) -> bool {
    let mut context = crate::http::context();
    context["guild"] = json!(guild.to_string());
    let body = json!({"args": {"prefix": id}, "context": context});
    let sent = crate::http::client()
        .post(format!("http://{address}/v1/commands/prefix"))
        .header("idempotency-key", id)
        .timeout(Duration::from_secs(6))
        .json(&body)
        .send();
    match sent.await {
        Ok(response) if response.status().as_u16() == 200 => true,
        Ok(response) => {
            assert_eq!(response.status().as_u16(), 503, "only outages are answered otherwise");
            false
        }
        Err(_) => false,
    }
}

#[tokio::test]
async fn an_instance_answers_503_until_its_store_is_there() {
    let world = World::new().await;
    let away = miso_bot_store::open("postgres://miso@127.0.0.1:1/miso").await.expect("not contacted yet");
    let cancel = tokio_util::sync::CancellationToken::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let address = listener.local_addr().expect("address");
    let api = miso_commands_api::CommandsApi::start(CommandsConfig::default(), world.log.clone(), away, cancel.clone());
    let mut task = JoinSet::new();
    task.spawn(api.serve(listener));
    let get =
        crate::http::client().get(format!("http://{address}/v1/guilds/7/settings")).send().await.expect("answers");
    assert!(get.headers().contains_key("retry-after"));
    let (status, problem) = crate::http::json_of(get).await;
    assert_eq!((status.as_u16(), problem["type"].as_str()), (503, Some("urn:miso:problem:starting")));
    // What needs no store is served.
    let ping = json!({"context": crate::http::context()});
    let ping = crate::http::client().post(format!("http://{address}/v1/commands/ping")).json(&ping).send().await;
    assert_eq!(ping.expect("answers").status().as_u16(), 200);
    cancel.cancel();
    let ended = tokio::time::timeout(PATIENCE, task.join_next()).await.expect("in time");
    ended.expect("task").expect("no panic").expect("no error");
}
