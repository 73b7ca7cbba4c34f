//! What every adapter must do for groups: members, owners, positions.

use std::collections::{BTreeMap, BTreeSet};

use miso_log::{Consumer, ConsumerEvent, LogError, MemberEvent, TransactError};

use crate::engine::{Engine, PARTITIONS, Topics, from_start, own, record, take, text, within};

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
                    ConsumerEvent::Joined => {}
                    other => panic!("{other:?}"),
                },
                event = second.next() => match event.expect("an event") {
                    ConsumerEvent::Assigned(owner) => gained.push(owner.partition()),
                    ConsumerEvent::Joined => {}
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

/// Members come and go while records flow. Each record's effect is appended in the transaction that
/// moves the position, so in the end there is exactly one effect per record, in order.
pub(crate) async fn every_record_takes_effect_once_while_members_come_and_go(engine: &dyn Engine) {
    let topics = Topics::new();
    let log = engine.open(&topics.all()).await;
    let group = format!("g-{}", topics.events.name);
    let total = 2_000;
    let producer = tokio::spawn({
        let log = log.clone();
        async move {
            for n in (0..total).step_by(10) {
                let records = (n..n + 10).map(|n| record(topics.events, n % PARTITIONS, n.to_string())).collect();
                log.append(records).await.expect("appended");
                tokio::task::yield_now().await;
            }
        }
    });
    let mut members = Vec::new();
    let mut fences = 0;
    let mut revocations = 0;
    for round in 0..6 {
        members.push(tokio::spawn(work(log.clone(), group.clone(), topics, round % 2 == 0)));
        let lag_goal = i64::from(total) * (5 - round) / 6;
        until_lag(&log, &group, lag_goal).await;
        if (1..5).contains(&round) {
            let gone = members.remove(0);
            gone.abort();
            assert!(gone.await.expect_err("it never ends by itself").is_cancelled());
        }
    }
    producer.await.expect("produced");
    until_lag(&log, &group, 0).await;
    log.close().await;
    for member in members {
        let (fenced, revoked) = member.await.expect("ended");
        fences += fenced;
        revocations += revoked;
    }
    let log = engine.open(&topics.all()).await;
    let mut reader = log.reader(topics.actions, &from_start());
    let effects = take(&mut reader, total as usize).await;
    assert_eq!(effects.len(), total as usize, "one effect per record; {fences} fences, {revocations} revocations");
    let mut last: BTreeMap<i32, i32> = BTreeMap::new();
    for effect in &effects {
        let n: i32 = text(effect).parse().expect("a number");
        assert!(last.insert(n % PARTITIONS, n).is_none_or(|before| before < n), "in order, once");
    }
    let ends: Vec<(i32, i64)> = {
        let mut ends = Vec::new();
        for partition in 0..PARTITIONS {
            ends.push((partition, log.bounds(topics.actions, partition).await.expect("bounds").latest));
        }
        ends
    };
    assert!(within("the end", reader.next_before(&ends)).await.expect("read").is_none(), "no more effects");
    log.close().await;
}

async fn until_lag(log: &miso_log::SharedLog, group: &str, goal: i64) {
    within("a lag small enough", async {
        loop {
            let lags = log.lag(group).await.expect("lag");
            let all = lags.len() == PARTITIONS as usize;
            if all && lags.iter().map(|lag| lag.records).sum::<i64>() <= goal {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// A member that copies records to `actions`; answers how often it was fenced and revoked.
async fn work(log: miso_log::SharedLog, group: String, topics: Topics, one_by_one: bool) -> (u32, u32) {
    let mut consumer = Consumer::join(log, &group, topics.events).await.expect("joined");
    let (mut fences, mut revocations) = (0, 0);
    loop {
        match consumer.next().await {
            Ok(ConsumerEvent::Assigned(_) | ConsumerEvent::Joined | ConsumerEvent::Gap { .. }) => {}
            Ok(ConsumerEvent::Lost(_)) => fences += 1,
            Ok(ConsumerEvent::Revoked(revocation)) => {
                revocations += 1;
                revocation.release();
            }
            Ok(ConsumerEvent::Batch(batch)) => {
                let mut by_partition: BTreeMap<i32, Vec<&miso_log::Record>> = BTreeMap::new();
                for record in batch.iter() {
                    by_partition.entry(record.partition).or_default().push(record);
                }
                for (partition, records) in by_partition {
                    let size = if one_by_one { 1 } else { records.len() };
                    for chunk in records.chunks(size) {
                        let Some(owner) = consumer.owner(partition).cloned() else { break };
                        let effects =
                            chunk.iter().map(|cause| record(topics.actions, partition, text(cause))).collect();
                        let next = consumer.offset(partition, chunk[chunk.len() - 1].offset + 1);
                        match owner.transact(effects, vec![next]).await {
                            Ok(_) => {}
                            Err(TransactError::Fenced(_)) => {
                                fences += 1;
                                break;
                            }
                            Err(TransactError::Retry(_)) => {
                                consumer.seek(partition, chunk[0].offset);
                                break;
                            }
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
            }
            Err(LogError::Closed) => return (fences, revocations),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Records finish in any order, the member dies: the next one gets all from the least unfinished on.
pub(crate) async fn what_was_not_in_the_finished_prefix_is_delivered_again(engine: &dyn Engine) {
    let topics = Topics::new();
    let log = engine.open(&topics.all()).await;
    let group = format!("g-{}", topics.events.name);
    let offsets =
        log.append((0..10).map(|n| record(topics.events, 0, n.to_string())).collect()).await.expect("appended");
    let mut first = Consumer::join(log.clone(), &group, topics.events).await.expect("joined");
    let mut prefix = miso_log::FinishedPrefix::new(0);
    let mut taken = 0;
    within("ten records", async {
        while taken < 10 {
            if let ConsumerEvent::Batch(batch) = first.next().await.expect("an event") {
                for record in batch.iter() {
                    prefix.take(record.offset);
                    taken += 1;
                }
            }
        }
    })
    .await;
    for finished in [0, 1, 2, 4, 5, 9] {
        prefix.finish(offsets[finished]);
    }
    let owner = first.owner(0).expect("owned").clone();
    owner
        .transact(vec![record(topics.actions, 0, "effect")], vec![first.offset(0, prefix.next())])
        .await
        .expect("committed");
    drop(first);
    let mut second = Consumer::join(log.clone(), &group, topics.events).await.expect("joined");
    let again = within("the rest", async {
        let mut again = Vec::new();
        while again.len() < 7 {
            if let ConsumerEvent::Batch(batch) = second.next().await.expect("an event") {
                again.extend(batch.iter().map(text));
            }
        }
        again
    })
    .await;
    assert_eq!(again, ["3", "4", "5", "6", "7", "8", "9"]);
    log.close().await;
}

pub(crate) async fn after_a_second_claim_the_first_owners_next_transaction_fails(engine: &dyn Engine) {
    let topics = Topics::new();
    let log = engine.open(&topics.all()).await;
    let group = format!("g-{}", topics.events.name);
    let mut first = Consumer::join(log.clone(), &group, topics.events).await.expect("joined");
    let old = own(&mut first, 4).await;
    old[0].transact(vec![record(topics.actions, 0, "old")], Vec::new()).await.expect("committed");
    drop(first);
    let mut second = Consumer::join(log.clone(), &group, topics.events).await.expect("joined");
    let new = own(&mut second, 4).await;
    for owner in &old {
        let commit = second.offset(owner.partition(), 1_000);
        let result = owner.transact(vec![record(topics.actions, 0, "zombie")], vec![commit]).await;
        assert!(matches!(result, Err(TransactError::Fenced(_))), "{result:?}");
        assert!(!owner.is_current());
    }
    new[0].transact(vec![record(topics.actions, 0, "new")], Vec::new()).await.expect("committed");
    let mut reader = log.reader(topics.actions, &[(0, 0)]);
    let seen: Vec<String> = take(&mut reader, 2).await.iter().map(text).collect();
    assert_eq!(seen, ["old", "new"]);
    for partition in 0..PARTITIONS {
        assert_eq!(log.committed(&group, topics.events, partition).await.expect("position"), None);
    }
    log.close().await;
}

pub(crate) async fn positions_of_other_groups_move_with_an_owners_transaction(engine: &dyn Engine) {
    let topics = Topics::new();
    let log = engine.open(&topics.all()).await;
    let group = format!("g-{}", topics.events.name);
    let other = format!("h-{}", topics.events.name);
    let start = miso_log::OffsetCommit { group: other.clone(), topic: topics.actions, partition: 3, next: 7 };
    log.commit(vec![start]).await.expect("no members, so anybody may");
    assert_eq!(log.committed(&other, topics.actions, 3).await.expect("position"), Some(7));
    let mut home = Consumer::join(log.clone(), &group, topics.events).await.expect("joined");
    let owners = own(&mut home, 4).await;
    let theirs = miso_log::OffsetCommit { group: other.clone(), topic: topics.actions, partition: 3, next: 9 };
    let mine = home.offset(owners[0].partition(), 0);
    owners[0].transact(vec![record(topics.events, 0, "ledger")], vec![theirs, mine.clone()]).await.expect("committed");
    assert_eq!(log.committed(&other, topics.actions, 3).await.expect("position"), Some(9));
    let refused = log.commit(vec![mine]).await;
    assert!(matches!(refused, Err(LogError::Refused(_))), "{refused:?}");
    let groups = log.groups().await.expect("groups");
    assert!(groups.contains(&group) && groups.contains(&other), "{groups:?}");
    log.close().await;
}

pub(crate) async fn lag_is_what_was_not_passed_and_zero_exactly_at_the_end(engine: &dyn Engine) {
    let topics = Topics::new();
    let log = engine.open(&topics.all()).await;
    let group = format!("g-{}", topics.events.name);
    let records = (0..40).map(|n| record(topics.events, n % 2, n.to_string())).collect();
    let offsets = log.append(records).await.expect("appended");
    let commit =
        |partition, next| miso_log::OffsetCommit { group: group.clone(), topic: topics.events, partition, next };
    let lag = async |log: &miso_log::SharedLog| -> BTreeMap<i32, i64> {
        let lags = log.lag(&group).await.expect("lag");
        lags.into_iter().map(|lag| (lag.partition, lag.records)).collect()
    };
    assert!(lag(&log).await.is_empty(), "no positions yet");
    log.commit(vec![commit(0, 0), commit(1, offsets[29] + 1)]).await.expect("committed");
    let found = lag(&log).await;
    assert_eq!(found[&0], 20);
    assert_eq!(found[&1], 5);
    log.commit(vec![commit(0, offsets[38] + 1), commit(1, offsets[39] + 1)]).await.expect("committed");
    assert!(lag(&log).await.values().all(|&records| records == 0));
    log.close().await;
}

/// A member that keeps a revoked partition is fenced after 5 s, and told.
pub(crate) async fn a_member_that_keeps_a_revoked_partition_is_fenced(engine: &dyn Engine) {
    let topics = Topics::new();
    let log = engine.open(&topics.all()).await;
    let group = format!("g-{}", topics.events.name);
    let mut first = Consumer::join(log.clone(), &group, topics.events).await.expect("joined");
    let owners = own(&mut first, 4).await;
    let mut second = Consumer::join(log.clone(), &group, topics.events).await.expect("joined");
    let began = std::time::Instant::now();
    let mut kept = Vec::new();
    let mut lost = BTreeSet::new();
    let mut gained = BTreeSet::new();
    within("the fence", async {
        while lost.len() < 2 || gained.len() < 2 {
            tokio::select! {
                event = first.next() => match event.expect("an event") {
                    ConsumerEvent::Revoked(revocation) => {
                        let owner = owners.iter().find(|owner| owner.partition() == revocation.partition).expect("ours");
                        owner.transact(vec![record(topics.actions, 0, "settled")], Vec::new()).await.expect("still ours");
                        kept.push(revocation);
                    }
                    ConsumerEvent::Lost(partition) => { lost.insert(partition); }
                    ConsumerEvent::Joined => {}
                    other => panic!("{other:?}"),
                },
                event = second.next() => if let ConsumerEvent::Assigned(owner) = event.expect("an event") {
                    gained.insert(owner.partition());
                },
            }
        }
    })
    .await;
    assert!(began.elapsed() >= std::time::Duration::from_millis(4_500), "5 s were given: {:?}", began.elapsed());
    assert_eq!(lost, gained);
    for owner in owners.iter().filter(|owner| lost.contains(&owner.partition())) {
        let result = owner.transact(vec![record(topics.actions, 0, "late")], Vec::new()).await;
        assert!(matches!(result, Err(TransactError::Fenced(_))), "{result:?}");
    }
    log.close().await;
}

/// Until then a process cannot say whether it stands by.
pub(crate) async fn a_member_is_told_that_it_joined_after_its_share_also_when_that_is_none(engine: &dyn Engine) {
    let topics = Topics::new();
    let log = engine.open(&topics.all()).await;
    let group = format!("g-{}", topics.events.name);
    let mut members = tokio::task::JoinSet::new();
    let mut owned = 0;
    for number in 0..=PARTITIONS {
        let mut member = log.join(&group, topics.events).await.expect("joined");
        within("the word that it joined", async {
            loop {
                match member.next().await.expect("an event") {
                    MemberEvent::Assigned(_) => owned += i32::from(number == 0),
                    MemberEvent::Joined => break,
                    other => panic!("{other:?}"),
                }
            }
        })
        .await;
        if number == 0 {
            assert_eq!(owned, PARTITIONS, "the first is told of all before");
        }
        // It lets go of what it is asked for, so that the next gets its share: a revocation that is
        // dropped is released.
        members.spawn(async move { while member.next().await.is_ok() {} });
    }
    log.close().await;
}
