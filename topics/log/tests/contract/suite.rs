//! What every adapter must do.

use std::collections::{BTreeMap, BTreeSet};

use miso_log::{AppendError, Bounds, Consumer, ConsumerEvent, LogError, TransactError};

use crate::engine::{Engine, LARGE, PARTITIONS, Topics, from_start, now_ms, own, record, take, text, within};

pub(crate) async fn appended_records_are_read_in_order_at_the_offsets_answered(engine: &dyn Engine) {
    let topics = Topics::new();
    let log = engine.open(&topics.all()).await;
    let mut reader = log.reader(topics.events, &from_start());
    let mut answered = BTreeMap::new();
    for round in 0..10 {
        let records = (0..20).map(|n| record(topics.events, n % PARTITIONS, format!("{round}/{n}"))).collect();
        for (n, offset) in (0..).zip(log.append(records).await.expect("appended")) {
            answered.insert((n % PARTITIONS, offset), format!("{round}/{n}"));
        }
    }
    let seen = take(&mut reader, 200).await;
    let by_position: BTreeMap<(i32, i64), String> =
        seen.iter().map(|record| ((record.partition, record.offset), text(record))).collect();
    assert_eq!(by_position, answered);
    let mut last = BTreeMap::new();
    for record in &seen {
        assert!(last.insert(record.partition, record.offset).is_none_or(|before| before < record.offset));
    }
    let mut again = log.reader(topics.events, &from_start());
    assert_eq!(take(&mut again, 200).await.len(), 200, "a second reader sees the same");
    log.close().await;
}

pub(crate) async fn a_reopened_log_holds_everything_and_never_gives_an_offset_twice(engine: &dyn Engine) {
    let topics = Topics::new();
    let log = engine.open(&topics.all()).await;
    let first = log.append(vec![record(topics.events, 1, "a"), record(topics.events, 1, "b")]).await.expect("ok");
    log.close().await;
    let log = engine.open(&topics.all()).await;
    let more = log.append(vec![record(topics.events, 1, "c")]).await.expect("ok");
    assert!(more[0] > first[1]);
    let mut reader = log.reader(topics.events, &[(1, 0)]);
    let seen: Vec<String> = take(&mut reader, 3).await.iter().map(text).collect();
    assert_eq!(seen, ["a", "b", "c"]);
    let bounds = log.bounds(topics.events, 1).await.expect("bounds");
    assert_eq!(bounds.earliest, 0);
    assert!(bounds.latest > more[0]);
    let empty = log.bounds(topics.events, 0).await.expect("bounds");
    assert_eq!(empty, Bounds { earliest: 0, latest: 0 });
    log.close().await;
}

pub(crate) async fn a_transaction_appends_and_commits_or_does_neither(engine: &dyn Engine) {
    let topics = Topics::new();
    let log = engine.open(&topics.all()).await;
    let group = format!("g-{}", topics.events.name);
    let mut consumer = Consumer::join(log.clone(), &group, topics.events).await.expect("joined");
    let owners = own(&mut consumer, 4).await;
    let partitions: BTreeSet<i32> = owners.iter().map(miso_log::Owner::partition).collect();
    assert_eq!(partitions, (0..PARTITIONS).collect());
    let owner = owners.iter().find(|owner| owner.partition() == 2).expect("2").clone();
    let offset = log.append(vec![record(topics.events, 2, "cause")]).await.expect("appended")[0];
    owner
        .transact(vec![record(topics.actions, 0, "effect")], vec![consumer.offset(2, offset + 1)])
        .await
        .expect("committed");
    assert_eq!(log.committed(&group, topics.events, 2).await.expect("position"), Some(offset + 1));
    let huge = miso_log::Append::new(topics.events, 0, vec![0_u8; LARGE + 1], now_ms());
    let refused = owner.transact(vec![record(topics.actions, 0, "no"), huge], vec![consumer.offset(2, 999)]).await;
    assert!(matches!(refused, Err(TransactError::Refused(_))), "{refused:?}");
    assert_eq!(log.committed(&group, topics.events, 2).await.expect("position"), Some(offset + 1));
    owner.transact(vec![record(topics.actions, 0, "next")], Vec::new()).await.expect("committed");
    let mut reader = log.reader(topics.actions, &[(0, 0)]);
    let seen: Vec<String> = take(&mut reader, 2).await.iter().map(text).collect();
    assert_eq!(seen, ["effect", "next"]);
    log.close().await;
}

pub(crate) async fn a_record_beyond_the_bound_is_refused_and_six_megabytes_pass(engine: &dyn Engine) {
    let topics = Topics::new();
    let log = engine.open(&topics.all()).await;
    let huge = miso_log::Append::new(topics.events, 0, vec![0_u8; LARGE + 1], now_ms());
    let error = log.append(vec![huge]).await.expect_err("too large");
    assert!(matches!(error, AppendError::TooLarge { bytes, bound: LARGE, .. } if bytes == LARGE + 1));
    let six: Vec<u8> = (0..6_000_000_u32).map(|n| n as u8).collect();
    log.append(vec![miso_log::Append::new(topics.events, 0, six.clone(), now_ms())]).await.expect("passes");
    let mut reader = log.reader(topics.events, &[(0, 0)]);
    assert!(take(&mut reader, 1).await[0].value.as_deref() == Some(&six[..]));
    log.close().await;
}

pub(crate) async fn members_share_partitions_and_a_leavers_go_to_the_rest(engine: &dyn Engine) {
    let topics = Topics::new();
    let log = engine.open(&topics.all()).await;
    let group = format!("g-{}", topics.events.name);
    let mut first = Consumer::join(log.clone(), &group, topics.events).await.expect("joined");
    let owners = own(&mut first, 4).await;
    let mut second = Consumer::join(log.clone(), &group, topics.events).await.expect("joined");
    let mut given = Vec::new();
    let mut gained = Vec::new();
    within("a level share", async {
        while gained.len() < 2 {
            tokio::select! {
                event = first.next() => match event.expect("an event") {
                    ConsumerEvent::Revoked(revocation) => given.push(revocation.partition),
                    other => panic!("{other:?}"),
                },
                event = second.next() => match event.expect("an event") {
                    ConsumerEvent::Assigned(owner) => gained.push(owner.partition()),
                    other => panic!("{other:?}"),
                },
            }
        }
    })
    .await;
    given.sort_unstable();
    gained.sort_unstable();
    assert_eq!(given, gained, "what one let go the other got");
    let stale = owners.iter().find(|owner| owner.partition() == given[0]).expect("owned before");
    assert!(!stale.is_current());
    let fenced = stale.transact(vec![record(topics.actions, 0, "zombie")], Vec::new()).await;
    assert!(matches!(fenced, Err(TransactError::Fenced(p)) if p == given[0]), "{fenced:?}");
    drop(second);
    let back: BTreeSet<i32> = own(&mut first, 2).await.iter().map(miso_log::Owner::partition).collect();
    assert_eq!(back, given.into_iter().collect());
    log.close().await;
    let ended = within("the end", first.next()).await;
    assert!(matches!(ended, Err(LogError::Closed)), "{ended:?}");
}
