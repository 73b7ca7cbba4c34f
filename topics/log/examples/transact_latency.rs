//! How long the transactions of one owner take on Kafka, each with one record in so many partitions:
//! `transact_latency kafka://HOST:PORT?prefix=NAME [PARTITIONS]`. The first half of its 15 s warms up.

use std::time::{Duration, Instant};

use miso_log::catalogue::{GATEWAY_COMMANDS, GATEWAY_EVENTS};
use miso_log::{Append, Consumer, ConsumerEvent};

const RUNS: Duration = Duration::from_secs(15);

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().expect("kafka://HOST:PORT");
    let spread: i32 = arguments.next().map_or(8, |number| number.parse().expect("a number of partitions"));
    let log = miso_log::open(&address, "transact_latency").await.expect("opened");
    let mut consumer = Consumer::join(log.clone(), "transact_latency", GATEWAY_COMMANDS).await.expect("joined");
    let owner = loop {
        if let ConsumerEvent::Assigned(owner) = consumer.next().await.expect("an event") {
            break owner;
        }
    };
    let (mut took, mut first) = (Vec::new(), 0);
    let until = Instant::now() + RUNS;
    while Instant::now() < until {
        let partitions = (first..first + spread).map(|number| number % GATEWAY_EVENTS.partitions);
        let records =
            partitions.map(|partition| Append::new(GATEWAY_EVENTS, partition, vec![7_u8; 1_200], 0)).collect();
        first += spread;
        let began = Instant::now();
        owner.transact(records, Vec::new()).await.expect("committed");
        took.push(began.elapsed());
    }
    let mut took = took.split_off(took.len() / 2);
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    println!(
        "{} transactions: p50 {:?}, p90 {:?}, p99 {:?}, longest {:?}",
        took.len(),
        at(50),
        at(90),
        at(99),
        at(100)
    );
    log.close().await;
}
