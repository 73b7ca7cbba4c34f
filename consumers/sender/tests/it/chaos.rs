//! Seeded crashes while actions flow: judged by the simulator's journal alone.

use std::collections::HashMap;
use std::time::Duration;

use miso_model::OutcomeKind;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::rig::{Id, Rig, json_of};

/// Rounds of actions and crashes per seed.
const CRASHES: usize = 4;

struct Sent {
    id: Id,
    method: &'static str,
    path: String,
    text: String,
}

async fn storm(seed: u64) {
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut rig = Rig::with(
        |simulator| {
            simulator.seed = seed;
            simulator.global_per_second = 0;
            simulator.message_window_ms = 60;
        },
        |config| config.takeover_wait = Duration::from_millis(450),
    )
    .await;
    rig.run();
    let channels = rig.channels[..6].to_vec();
    let mut messages = HashMap::new();
    for &channel in &channels {
        let made = rig.outcome(rig.say(channel, "base").await).await;
        messages.insert(channel, json_of(&made)["id"].as_str().expect("an id").to_owned());
    }
    rig.order("POST", "delay", json!({"min_ms": 50, "max_ms": 300, "seed": seed}));
    rig.fault(json!({"kind": "cut", "stage": "after", "count": null, "probability": 0.1, "seed": seed}));
    rig.fault(json!({"kind": "cut", "stage": "before", "count": null, "probability": 0.05, "seed": seed + 1}));
    rig.fault(json!({"kind": "status", "status": 502, "stage": "after", "count": null, "probability": 0.05, "seed": seed + 2}));
    let mut sent = Vec::new();
    let mut struck = 0;
    for round in 0..CRASHES {
        for number in 0..40 {
            let channel = channels[random.random_range(0..channels.len())];
            let text = format!("{round}-{number}");
            let message = &messages[&channel];
            let (method, path, body) = match random.random_range(0..10) {
                0..6 => ("POST", format!("/channels/{channel}/messages"), json!({"content": text})),
                6 => ("PATCH", format!("/channels/{channel}/messages/{message}"), json!({"content": text})),
                7 => ("PUT", format!("/channels/{channel}/messages/{message}/reactions/%F0%9F%91%8D/@me"), Value::Null),
                8 => ("POST", format!("/channels/{channel}/webhooks"), json!({"name": text})),
                _ => (
                    "PATCH",
                    format!("/channels/{channel}"),
                    json!({"rate_limit_per_user": random.random_range(0..100)}),
                ),
            };
            let id = rig.append(method, &path, &body).await;
            sent.push(Sent { id, method, path, text });
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(50..500))).await;
        let open = sent.iter().filter(|sent| rig.known(sent.id).is_none()).count();
        struck += usize::from(open > 0);
        rig.abort().await;
        rig.run();
    }
    assert_eq!(struck, CRASHES, "every crash found work in flight");
    for action in &sent {
        let outcome = rig.outcome(action.id).await;
        let other_post = action.path.ends_with("/webhooks");
        let unknown = outcome.kind == OutcomeKind::UnknownEffect;
        assert!(!unknown || other_post, "{} {} is unknown", action.method, action.path);
        assert!(
            unknown || (200..300).contains(&outcome.status),
            "{} {}: {}",
            action.method,
            action.path,
            outcome.status
        );
    }
    judge(&rig, &sent, &channels);
}

fn judge(rig: &Rig, sent: &[Sent], channels: &[u64]) {
    let journal = rig.journal();
    for &channel in channels {
        let path = format!("/channels/{channel}/messages");
        let asked: Vec<&str> = sent
            .iter()
            .filter(|sent| sent.method == "POST" && sent.path == path)
            .map(|sent| sent.text.as_str())
            .collect();
        assert_eq!(rig.said(channel)[1..], asked, "each message once, in order");
    }
    let webhooks: Vec<&Sent> = sent.iter().filter(|sent| sent.path.ends_with("/webhooks")).collect();
    for hook in webhooks {
        let made = journal.iter().filter(|entry| {
            entry["path"] == *hook.path && entry["body"]["name"] == *hook.text && entry["applied"] == true
        });
        let made = made.count();
        let unknown = rig.known(hook.id).expect("settled").kind == OutcomeKind::UnknownEffect;
        assert!(made == 1 || (made == 0 && unknown), "another POST happened {made} times");
    }
    // What was written to one resource, with repeats of the same write taken as one.
    let mut resources: HashMap<&str, Vec<&str>> = HashMap::new();
    for action in sent.iter().filter(|sent| sent.method == "PATCH" && sent.path.contains("/messages/")) {
        resources.entry(&action.path).or_default().push(&action.text);
    }
    for (path, asked) in resources {
        let mut written: Vec<String> = rig
            .received("PATCH", path)
            .into_iter()
            .filter(|entry| entry["fault"].as_str().is_none_or(|fault| !fault.starts_with("before")))
            .map(|entry| entry["body"]["content"].as_str().unwrap_or_default().to_owned())
            .collect();
        written.dedup();
        assert_eq!(written, asked, "edits in order, none after a newer one");
    }
    let faults = rig.order("GET", "faults", Value::Null);
    assert!(faults["struck"].as_u64().expect("a number") > 5, "the faults struck: {faults}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crashes_lose_nothing_and_double_nothing() {
    let first: u64 = std::env::var("MISO_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let count: u64 = std::env::var("MISO_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(3);
    for seed in first..first + count {
        storm(seed).await;
    }
}
