//! Crashes of ingress and sender while clients send: judged by the simulator's journal.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Client;
use serde_json::json;

use crate::rig::{Rig, SECRET};

/// A client as libraries are: each message under a nonce of its own, enforced, kept over retries;
/// retries on broken connections and 5xx, waits on 429.
async fn client(url: String, name: String, count: usize, retries: Arc<AtomicUsize>) {
    let http = Client::builder().timeout(Duration::from_secs(20)).build().expect("a client");
    for number in 0..count {
        let body = json!({"content": format!("{number}"), "nonce": format!("{name}-{number}"), "enforce_nonce": true});
        for attempt in 0.. {
            assert!(attempt < 100, "no way to send {number}");
            let request = http.post(&url).header("authorization", SECRET).json(&body);
            match request.send().await {
                Ok(answer) if answer.status().is_success() => break,
                Ok(answer) if answer.status().is_client_error() => panic!("{}", answer.status()),
                _ => {
                    retries.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_through_crashes_of_ingress_and_sender_get_each_message_once_and_in_order() {
    let seed: u64 = std::env::var("MISO_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("seed {seed}");
    let mut rig = Rig::start(|simulator| {
        simulator.seed = seed;
        simulator.message_window_ms = 60;
    })
    .await;
    rig.order("POST", "delay", json!({"min_ms": 20, "max_ms": 150, "seed": seed}));
    rig.order(
        "POST",
        "faults",
        json!({"kind": "cut", "stage": "after", "count": null, "probability": 0.1, "seed": seed}),
    );
    let retries = Arc::new(AtomicUsize::new(0));
    let mut clients = tokio::task::JoinSet::new();
    for &channel in &rig.channels[..8] {
        let url = rig.url(&format!("/channels/{channel}/messages"));
        clients.spawn(client(url, channel.to_string()[..10].to_owned(), 25, Arc::clone(&retries)));
    }
    for round in 0..6 {
        let before: usize = rig.channels[..8].iter().map(|channel| rig.said(*channel).len()).sum();
        rig.until("progress", |rig| {
            rig.channels[..8].iter().map(|channel| rig.said(*channel).len()).sum::<usize>() > before + 8
        })
        .await;
        if round % 2 == 0 {
            rig.abort_sender().await;
            rig.run_sender();
        } else {
            rig.restart_ingress().await;
        }
    }
    while let Some(done) = clients.join_next().await {
        done.expect("a client got through");
    }
    assert!(retries.load(Ordering::Relaxed) > 0, "no client noticed a crash");
    let expected: Vec<String> = (0..25).map(|number| number.to_string()).collect();
    for &channel in &rig.channels[..8] {
        assert_eq!(rig.said(channel), expected);
    }
}
