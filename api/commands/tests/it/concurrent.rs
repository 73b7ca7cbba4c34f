use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use miso_commands_api::CommandsConfig;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;

use crate::http::{read, signed_as};
use crate::setup::{PATIENCE, World};

const WRITERS: usize = 1_000;
/// Connections at once: a test process may not hold more open.
const CONNECTIONS: usize = 400;
/// Every so many-th writer does not give up at 409, but reads again.
const PERSISTENT: usize = 20;

/// A PUT of the amount under the version that was read just before; 200 with its version, or 409.
/// Repeated under its key on the other instance until one of them answers.
async fn write(client: Client, addresses: [SocketAddr; 2], writer: usize) -> Option<i64> {
    let mut turn = writer % 2;
    let (mut version, mut attempt) = (None, 0);
    loop {
        let url = format!("http://{}/v1/guilds/7/settings/starboard", addresses[turn]);
        turn = 1 - turn;
        if version.is_none() {
            match client.get(&url).send().await {
                Ok(response) if response.status() == 200 => {
                    let module: Value = response.json().await.expect("json");
                    version = module["version"].as_i64();
                }
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
            continue;
        }
        let request = client
            .put(&url)
            .header("miso-context", signed_as(1_000 + writer as u64 % 50, 7))
            .header("idempotency-key", format!("writer-{writer}-{attempt}"))
            .header("if-match", format!("\"{}\"", version.unwrap_or_default()))
            .json(&json!({"values": {"amount": writer % 100 + 1}}));
        match request.send().await {
            Ok(response) if response.status() == 200 => {
                let done: Value = response.json().await.expect("json");
                assert_eq!(done["values"]["amount"], json!(writer % 100 + 1));
                return done["version"].as_i64();
            }
            Ok(response) if response.status() == 409 => {
                let problem: Value = response.json().await.expect("json");
                assert!(problem["current"].as_i64() > version, "{problem}");
                if !writer.is_multiple_of(PERSISTENT) {
                    return None;
                }
                (version, attempt) = (None, attempt + 1);
                continue;
            }
            Ok(response) => assert_eq!(response.status(), 503, "an outage at most"),
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn all_write(addresses: [SocketAddr; 2], half: Option<Arc<Barrier>>) -> Vec<i64> {
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(15)).build().expect("client");
    let open = Arc::new(Semaphore::new(CONNECTIONS));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (client, open) = (client.clone(), Arc::clone(&open));
        writers.spawn(async move {
            let _open = open.acquire().await.expect("open");
            write(client, addresses, writer).await
        });
    }
    let (mut versions, mut done) = (Vec::new(), 0);
    while let Some(version) = writers.join_next().await {
        versions.extend(version.expect("writer"));
        done += 1;
        if done == WRITERS / 4
            && let Some(half) = &half
        {
            half.wait().await;
        }
    }
    versions
}

/// Every 200 is one version, without a gap; the audit shows each change once, in that order.
async fn holds(instance: &crate::setup::Instance, mut versions: Vec<i64>) {
    versions.sort_unstable();
    let count = i64::try_from(versions.len()).expect("fits");
    assert_eq!(versions, (1..=count).collect::<Vec<_>>(), "versions without a gap");
    assert!(
        count >= i64::try_from(WRITERS / PERSISTENT).expect("fits") && count < i64::try_from(WRITERS).expect("fits"),
        "{count} of {WRITERS} were accepted"
    );
    let mut seen = Vec::new();
    let mut path = "/v1/guilds/7/audit?limit=100".to_owned();
    loop {
        let page = read(instance, &path).await;
        seen.extend(page["entries"].as_array().expect("list").iter().map(|entry| {
            (entry["module_version"].as_i64().expect("number"), entry["version"].as_i64().expect("number"))
        }));
        let Some(next) = page["next"].as_i64() else { break };
        path = format!("/v1/guilds/7/audit?limit=100&before={next}");
    }
    seen.reverse();
    assert_eq!(seen, (1..=count).map(|version| (version, version)).collect::<Vec<_>>(), "the audit shows each once");
    assert_eq!(read(instance, "/v1/guilds/7/settings/starboard").await["version"], json!(count));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_writers_on_two_instances_get_200_or_409_and_versions_without_a_gap() {
    let world = World::new().await;
    let first = world.instance(CommandsConfig::default()).await;
    let second = world.instance(CommandsConfig::default()).await;
    let writing = all_write([first.address, second.address], None);
    let versions = tokio::time::timeout(PATIENCE * 4, writing).await.expect("in time");
    assert_eq!(versions.iter().collect::<BTreeSet<_>>().len(), versions.len());
    holds(&first, versions).await;
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_holds_when_one_of_the_instances_dies_in_the_middle() {
    let world = World::new().await;
    let first = world.instance(CommandsConfig::default()).await;
    let second = world.instance(CommandsConfig::default()).await;
    let addresses = [first.address, second.address];
    let half = Arc::new(Barrier::new(2));
    let dying = async {
        half.wait().await;
        drop(second);
    };
    let writing = async { tokio::join!(all_write(addresses, Some(Arc::clone(&half))), dying).0 };
    let versions = tokio::time::timeout(PATIENCE * 4, writing).await.expect("in time");
    holds(&first, versions).await;
    first.stop().await;
}
