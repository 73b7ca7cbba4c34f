//! Timers over the embedded log: what is due becomes a request, at its time, and once in effect.

use std::sync::Arc;
use std::time::Duration;

use miso_log::catalogue::{AGGREGATES, BOT_REQUESTS, SCHEMAS, TIMERS};
use miso_log::embedded::{EmbeddedConfig, EmbeddedLog};
use miso_log::{Append, SharedLog};
use miso_model::{Aggregate, LogRecord, Request, TimerRecord, UserId};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(20);

struct World {
    log: SharedLog,
    _folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let mut config = EmbeddedConfig::new(folder.path().join("log.db"));
        config.catalogue = vec![TIMERS, BOT_REQUESTS, SCHEMAS];
        Self { log: Arc::new(EmbeddedLog::open(config).await.expect("log")), _folder: folder }
    }

    /// Sets a reminder as the decider does; answers its id.
    async fn set(&self, user: u64, name: &str, due_ms: i64) -> String {
        let aggregate = Aggregate::User(UserId(user));
        let id = format!("{aggregate}/reminder/{name}");
        let timer = TimerRecord {
            aggregate: aggregate.to_string(),
            kind: "Reminder".to_owned(),
            due_ms,
            body: json!({}).to_string().into(),
        };
        let record = Append::keyed(TIMERS, aggregate.partition(AGGREGATES), id.clone(), timer.to_bytes(), now_ms());
        self.log.append(vec![record]).await.expect("appends");
        id
    }

    async fn end(&self, user: u64, id: &str) {
        let partition = Aggregate::User(UserId(user)).partition(AGGREGATES);
        let record = Append::tombstone(TIMERS, partition, id.to_owned(), now_ms());
        self.log.append(vec![record]).await.expect("appends");
    }

    fn role(&self) -> Role {
        let cancel = CancellationToken::new();
        let mut task = JoinSet::new();
        task.spawn(miso_timers::run(self.log.clone(), cancel.clone()));
        Role { cancel, task }
    }

    async fn requests(&self) -> Vec<Request> {
        let (mut from, mut ends) = (Vec::new(), Vec::new());
        for partition in 0..AGGREGATES {
            let bounds = self.log.bounds(BOT_REQUESTS, partition).await.expect("bounds");
            from.push((partition, bounds.earliest));
            ends.push((partition, bounds.latest));
        }
        let mut reader = self.log.reader(BOT_REQUESTS, &from);
        let mut requests = Vec::new();
        while let Some(batch) = reader.next_before(&ends).await.expect("reads") {
            let values = batch.iter().filter_map(|record| record.value.as_deref());
            requests.extend(values.map(|value| Request::from_bytes(value).expect("a request")));
        }
        requests
    }

    async fn wait_for(&self, count: usize) -> Vec<Request> {
        let there = async {
            loop {
                let requests = self.requests().await;
                if requests.len() >= count {
                    return requests;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, there).await.expect("requests in time")
    }
}

struct Role {
    cancel: CancellationToken,
    task: JoinSet<Result<(), miso_timers::TimersError>>,
}

impl Role {
    async fn stop(mut self) {
        self.cancel.cancel();
        let ended = tokio::time::timeout(PATIENCE, self.task.join_next()).await.expect("in time");
        ended.expect("a task").expect("no panic").expect("no error");
    }
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("fits")
}

#[tokio::test]
async fn a_timer_becomes_a_request_when_it_is_due_and_not_before() {
    let world = World::new().await;
    let role = world.role();
    let due_ms = now_ms() + 400;
    let id = world.set(7, "a", due_ms).await;
    let cancelled = world.set(7, "b", due_ms - 100).await;
    world.set(7, "later", due_ms + 60_000).await;
    world.end(7, &cancelled).await;
    let requests = world.wait_for(1).await;
    assert_eq!(requests.len(), 1);
    let request = &requests[0];
    let early_or_late = request.at_ms - due_ms;
    assert!((0..1_000).contains(&early_or_late), "{early_or_late} ms after its time");
    assert_eq!((request.kind.as_str(), request.actor.as_str()), ("TimerDue", "timers"));
    assert_eq!(request.aggregate, "user/7");
    assert_eq!(request.request_id, format!("{id}:{due_ms}"));
    let body: Value = serde_json::from_slice(&request.body).expect("JSON");
    assert_eq!(body, json!({"timer_id": id, "due_ms": due_ms}));
    world.end(7, &id).await;
    role.stop().await;
}

#[tokio::test]
async fn what_became_due_while_nobody_ran_is_asked_for_at_the_start_in_order() {
    let world = World::new().await;
    for (name, ago) in [("b", 20_000), ("a", 60_000), ("c", 5)] {
        world.set(7, name, now_ms() - ago).await;
    }
    let role = world.role();
    let requests = world.wait_for(3).await;
    let names: Vec<&str> = requests.iter().filter_map(|request| request.request_id.split(['/', ':']).nth(3)).collect();
    assert_eq!(names, ["a", "b", "c"]);
    role.stop().await;
}

#[tokio::test]
async fn a_request_is_repeated_under_its_id_until_the_timer_is_seen_to_be_gone() {
    let world = World::new().await;
    let id = world.set(7, "a", now_ms()).await;
    let role = world.role();
    let requests = world.wait_for(2).await;
    assert_eq!(requests[0].request_id, requests[1].request_id);
    assert!(requests[1].at_ms - requests[0].at_ms >= miso_timers::schedule::RESEND_FIRST_MS);
    world.end(7, &id).await;
    // A later timer shows that the end was read: nothing of the first came in between.
    let count = world.requests().await.len();
    let next = world.set(7, "b", now_ms() + 4_100).await;
    let requests = world.wait_for(count + 1).await;
    assert!(requests[count].request_id.starts_with(&next));
    role.stop().await;
}

#[tokio::test]
async fn a_role_that_dies_after_asking_asks_again_under_the_same_id() {
    let world = World::new().await;
    world.set(7, "a", now_ms()).await;
    let role = world.role();
    world.wait_for(1).await;
    drop(role);
    let role = world.role();
    let requests = world.wait_for(2).await;
    assert_eq!(requests[0].request_id, requests[1].request_id, "for the decider they are one");
    role.stop().await;
}

#[tokio::test]
async fn two_roles_share_the_work_and_one_takes_over_when_the_other_dies() {
    let world = World::new().await;
    let (one, two) = (world.role(), world.role());
    let at = now_ms() + 500;
    for user in 0..40 {
        world.set(user, "a", at).await;
    }
    let requests = world.wait_for(40).await;
    let mut users: Vec<&str> = requests.iter().map(|request| request.aggregate.as_str()).collect();
    users.sort_unstable();
    users.dedup();
    assert_eq!((requests.len(), users.len()), (40, 40), "each once");
    for request in &requests {
        let user: u64 = request.aggregate.trim_start_matches("user/").parse().expect("an id");
        world.end(user, &format!("user/{user}/reminder/a")).await;
    }
    drop(one);
    for user in 0..40 {
        world.set(user, "b", now_ms()).await;
    }
    let all = world.wait_for(80).await;
    let second = all.iter().filter(|request| request.request_id.contains("/reminder/b:")).count();
    assert_eq!(second, 40);
    two.stop().await;
}
