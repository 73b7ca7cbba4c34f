//! Requests as handlers and timers append them: straight into the log.

use miso_log::catalogue::{AGGREGATES, BOT_ANSWERS, BOT_FACTS, BOT_REQUESTS, TIMERS};
use miso_log::{Append, SharedLog};
use miso_model::{Aggregate, Answer, Fact, LogRecord, Request, TimerRecord};
use serde_json::{Value, json};

use crate::requests::all;
use crate::setup::{PATIENCE, now_ms};

pub(crate) fn record(aggregate: Aggregate, id: &str, kind: &str, body: &Value) -> Append {
    let request = Request {
        request_id: id.to_owned(),
        aggregate: aggregate.to_string(),
        kind: kind.to_owned(),
        expected_version: None,
        actor: "handler/test".to_owned(),
        body: body.to_string().into(),
        at_ms: now_ms(),
    };
    Append::new(BOT_REQUESTS, aggregate.partition(AGGREGATES), request.to_bytes(), request.at_ms)
}

/// Appends requests in one transaction and waits for the answer to the last; answers its status.
pub(crate) async fn ask(log: &SharedLog, aggregate: Aggregate, asked: &[(&str, &str, Value)]) -> i32 {
    let records = asked.iter().map(|(id, kind, body)| record(aggregate, id, kind, body)).collect();
    log.append(records).await.expect("appends");
    let name = aggregate.to_string();
    let (last, _, _) = asked.last().expect("one at least");
    let answered = async {
        loop {
            let answers = answers(log).await;
            if let Some(answer) = answers.iter().find(|answer| answer.request_id == *last && answer.aggregate == name) {
                return answer.status;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, answered).await.expect("answered in time")
}

async fn answers(log: &SharedLog) -> Vec<Answer> {
    let values = all(log, BOT_ANSWERS).await;
    values.iter().map(|value| Answer::from_bytes(value).expect("reads")).collect()
}

/// Facts of an aggregate: kind and body, in order.
pub(crate) async fn facts(log: &SharedLog, aggregate: Aggregate) -> Vec<(String, Value)> {
    let all: Vec<Fact> =
        all(log, BOT_FACTS).await.iter().map(|value| Fact::from_bytes(value).expect("reads")).collect();
    let mut of: Vec<&Fact> = all.iter().filter(|fact| fact.aggregate == aggregate.to_string()).collect();
    of.sort_by_key(|fact| fact.version);
    assert!(of.iter().zip(1..).all(|(fact, version)| fact.version == version), "versions without a gap");
    of.iter().map(|fact| (fact.kind.clone(), serde_json::from_slice(&fact.body).unwrap_or(json!(null)))).collect()
}

/// Timers as they stand: key and when it is due; `None` for one that was taken back.
pub(crate) async fn timers(log: &SharedLog) -> std::collections::BTreeMap<String, Option<i64>> {
    let mut timers = std::collections::BTreeMap::new();
    for partition in 0..TIMERS.partitions {
        let bounds = log.bounds(TIMERS, partition).await.expect("bounds");
        let mut reader = log.reader(TIMERS, &[(partition, bounds.earliest)]);
        while let Some(batch) = reader.next_before(&[(partition, bounds.latest)]).await.expect("reads") {
            for record in batch.iter() {
                let key = String::from_utf8(record.key.to_vec()).expect("text");
                let due = record.value.as_ref().map(|value| TimerRecord::from_bytes(value).expect("reads").due_ms);
                timers.insert(key, due);
            }
        }
    }
    timers
}
