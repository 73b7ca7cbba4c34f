//! What every adapter must do.

use std::collections::{BTreeMap, BTreeSet};

use miso_log::{AppendError, Bounds, Consumer, ConsumerEvent, LogError, TransactError};

use crate::engine::{
    Engine, HOUR_MS, LARGE, PARTITIONS, Topics, aged, from_start, keyed, now_ms, own, record, take, text, within,
};

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

/// Calls are made in order and awaited all together.
pub(crate) async fn appends_of_one_caller_keep_their_order_also_when_not_awaited_one_by_one(engine: &dyn Engine) {
    let topics = Topics::new();
    let log = engine.open(&topics.all()).await;
    let callers = 8;
    let calls = 100;
    let mut tasks = tokio::task::JoinSet::new();
    for caller in 0..callers {
        let log = log.clone();
        tasks.spawn(async move {
            let partition = caller % PARTITIONS;
            let appends =
                (0..calls).map(|call| log.append(vec![record(topics.events, partition, format!("{caller}/{call}"))]));
            let offsets = futures_util::future::join_all(appends).await;
            let offsets: Vec<i64> = offsets.into_iter().map(|offsets| offsets.expect("appended")[0]).collect();
            assert!(offsets.is_sorted(), "caller {caller}: {offsets:?}");
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("in order");
    }
    let mut reader = log.reader(topics.events, &from_start());
    let mut next: BTreeMap<i32, i32> = BTreeMap::new();
    for record in take(&mut reader, (callers * calls) as usize).await {
        let text = text(&record);
        let (caller, call) = text.split_once('/').expect("caller/call");
        let expected = next.entry(caller.parse().expect("a number")).or_default();
        assert_eq!(call.parse::<i32>().expect("a number"), *expected);
        *expected += 1;
    }
    log.close().await;
}

pub(crate) async fn offsets_are_found_by_time(engine: &dyn Engine) {
    let topics = Topics::new();
    let log = engine.open(&topics.all()).await;
    let now = now_ms();
    let mut offsets = Vec::new();
    for n in 0..20 {
        let timestamp = now - 20_000 + i64::from(n) * 1_000;
        offsets.extend(log.append(vec![aged(topics.events, 1, "x", timestamp)]).await.expect("appended"));
    }
    let at = async |time| log.offset_at(topics.events, 1, time).await.expect("an offset");
    assert_eq!(at(0).await, offsets[0]);
    assert_eq!(at(now - 20_000 + 7_000).await, offsets[7]);
    assert_eq!(at(now - 20_000 + 7_001).await, offsets[8]);
    let latest = log.bounds(topics.events, 1).await.expect("bounds").latest;
    assert_eq!(at(now + 1_000).await, latest, "nothing is that young");
    log.close().await;
}

pub(crate) async fn compaction_keeps_the_last_record_of_each_key(engine: &dyn Engine) {
    let topics = Topics::new();
    let log = engine.open(&topics.all()).await;
    for round in 0..5 {
        let records = (0..20).map(|n| keyed(topics.latest, n % 2, &format!("k{n}"), &format!("{round}"))).collect();
        log.append(records).await.expect("appended");
    }
    let gone = miso_log::Append::tombstone(topics.latest, 0, "k0", now_ms() - 1_000);
    let last = log.append(vec![gone, keyed(topics.latest, 1, "k1", "last")]).await.expect("appended");
    engine.compact(&log, topics.latest).await;
    // What is in memory still may be read from there; a process that begins anew reads what is kept.
    log.close().await;
    let log = engine.open(&topics.all()).await;
    let mut reader = log.reader(topics.latest, &from_start());
    let ends = [(0, last[0] + 1), (1, last[1] + 1)];
    let mut kept: BTreeMap<String, Vec<Option<String>>> = BTreeMap::new();
    while let Some(batch) = within("the topic", reader.next_before(&ends)).await.expect("read") {
        for record in batch.iter() {
            let key = String::from_utf8(record.key.to_vec()).expect("utf-8");
            let value = record.value.as_ref().map(|value| String::from_utf8(value.to_vec()).expect("utf-8"));
            kept.entry(key).or_default().push(value);
        }
    }
    for n in 2..20 {
        let values = &kept[&format!("k{n}")];
        assert_eq!(values.last(), Some(&Some("4".to_owned())), "the last stays");
    }
    assert_eq!(kept["k1"].last(), Some(&Some("last".to_owned())));
    assert!(kept.get("k0").is_none_or(|values| values.last() == Some(&None)), "the tombstone wins, or is gone");
    let records: usize = kept.values().map(Vec::len).sum();
    assert!(records < 102, "compaction struck: {records} records are left of 102");
    log.close().await;
}

pub(crate) async fn a_position_behind_retention_is_reported_and_reading_goes_on(engine: &dyn Engine) {
    let topics = Topics::new();
    let log = engine.open(&topics.all()).await;
    let group = format!("g-{}", topics.events.name);
    let old = now_ms() - 2 * HOUR_MS;
    let gone = log.append((0..5).map(|_| aged(topics.brief, 0, "old", old)).collect()).await.expect("appended");
    let idle = log.append(vec![aged(topics.brief, 1, "idle", old)]).await.expect("appended");
    let kept = log.append(vec![record(topics.brief, 0, "young")]).await.expect("appended");
    let passed = miso_log::OffsetCommit { group: group.clone(), topic: topics.brief, partition: 1, next: idle[0] + 1 };
    let behind = miso_log::OffsetCommit { group: group.clone(), topic: topics.brief, partition: 0, next: gone[1] };
    log.commit(vec![passed, behind]).await.expect("committed");
    engine.expire(&log, topics.brief, 0, kept[0]).await;
    // What is in memory still may be read from there; a process that begins anew finds it gone.
    log.close().await;
    let log = engine.open(&topics.all()).await;
    let begins = log.bounds(topics.brief, 0).await.expect("bounds").earliest;
    assert!((gone[4] + 1..=kept[0]).contains(&begins), "the first offset that may be asked for: {begins}");

    let mut reader = log.reader(topics.brief, &[(0, gone[2])]);
    match within("a report", reader.next()).await {
        Err(miso_log::ReadError::BehindRetention { partition: 0, wanted, earliest }) => {
            assert_eq!((wanted, earliest), (gone[2], begins));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(text(&take(&mut reader, 1).await[0]), "young");

    let mut consumer = Consumer::join(log.clone(), &group, topics.brief).await.expect("joined");
    let mut gap = None;
    within("a gap, then the record", async {
        loop {
            match consumer.next().await.expect("an event") {
                ConsumerEvent::Gap { partition, from, to } => gap = Some((partition, from, to)),
                ConsumerEvent::Batch(batch) => {
                    assert_eq!(batch.iter().map(text).collect::<Vec<_>>(), ["young"]);
                    return;
                }
                _ => {}
            }
        }
    })
    .await;
    assert_eq!(gap, Some((0, gone[1], begins)), "and none for the idle partition, whose record was passed");
    log.close().await;
}

pub(crate) async fn a_waiting_reader_wakes_on_append_and_follows_partitions_added_later(engine: &dyn Engine) {
    let topics = Topics::new();
    let log = engine.open(&topics.all()).await;
    let mut reader = log.reader(topics.events, &[(0, 0)]);
    let waiting = tokio::spawn(async move {
        let first = take(&mut reader, 1).await;
        reader.seek(1, 0);
        let second = take(&mut reader, 1).await;
        reader.remove(0);
        (text(&first[0]), text(&second[0]), reader)
    });
    log.append(vec![record(topics.events, 1, "other"), record(topics.events, 0, "wanted")]).await.expect("appended");
    let (first, second, mut reader) = within("both records", waiting).await.expect("joined");
    assert_eq!((first.as_str(), second.as_str()), ("wanted", "other"));
    log.append(vec![record(topics.events, 0, "removed"), record(topics.events, 1, "kept")]).await.expect("appended");
    assert_eq!(text(&take(&mut reader, 1).await[0]), "kept");
    log.close().await;
    let ended = within("the end", reader.next()).await;
    assert!(matches!(ended, Err(miso_log::ReadError::Closed)), "{ended:?}");
}

/// A reader far behind catches up from the engine, past the ring, without a hole or a repeat.
pub(crate) async fn a_reader_that_falls_out_of_memory_reads_the_engine_without_a_hole(engine: &dyn Engine) {
    let topics = Topics::new();
    let log = engine.open(&topics.all()).await;
    let mut slow = log.reader(topics.events, &from_start());
    let payload = "x".repeat(100_000);
    let total = 2 * miso_log::RING_BYTES / payload.len() / 10 * 10;
    for n in (0..total).step_by(10) {
        let records = (n..n + 10)
            .map(|n| record(topics.events, (n % PARTITIONS as usize) as i32, format!("{n} {payload}")))
            .collect();
        log.append(records).await.expect("appended");
        if n == 100 {
            assert!(!take(&mut slow, 50).await.is_empty());
        }
    }
    let already = slow.position(0).expect("followed");
    let mut fresh = log.reader(topics.events, &from_start());
    let number = |record: &miso_log::Record| -> usize {
        text(record).split(' ').next().and_then(|n| n.parse().ok()).expect("a number")
    };
    let all: BTreeSet<usize> = take(&mut fresh, total).await.iter().map(number).collect();
    assert_eq!(all.len(), total);
    let ends = {
        let mut ends = Vec::new();
        for partition in 0..PARTITIONS {
            ends.push((partition, log.bounds(topics.events, partition).await.expect("bounds").latest));
        }
        ends
    };
    let mut last: BTreeMap<i32, usize> = BTreeMap::new();
    while let Some(batch) = within("the rest", slow.next_before(&ends)).await.expect("read") {
        for record in batch.iter() {
            let n = number(record);
            if let Some(before) = last.insert(record.partition, n) {
                assert_eq!(n, before + PARTITIONS as usize, "no hole, no repeat");
            }
        }
    }
    assert!(slow.position(0).expect("followed") > already);
    log.close().await;
}

pub(crate) async fn records_that_the_catalogue_does_not_allow_are_refused(engine: &dyn Engine) {
    let topics = Topics::new();
    let log = engine.open(&topics.all()).await;
    let elsewhere = Topics::new();
    let wrong = [
        record(topics.events, PARTITIONS, "no such partition"),
        record(topics.events, -1, "no such partition"),
        record(elsewhere.events, 0, "no such topic"),
    ];
    for append in wrong {
        let error = log.append(vec![append]).await;
        assert!(matches!(error, Err(AppendError::Refused(_))), "{error:?}");
    }
    assert!(matches!(log.join("g", elsewhere.events).await, Err(LogError::Refused(_))));
    assert_eq!(log.append(Vec::new()).await.expect("nothing to do"), Vec::<i64>::new());
    assert_eq!(log.topics(), topics.all());
    log.check().await.expect("it answers");
    log.close().await;
}
