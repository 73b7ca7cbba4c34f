//! Whatever part of a checkpoint was written when a process ended: restored and folded again, the
//! state is the same.

use std::collections::BTreeMap;

use miso_log::Append;
use miso_model::{LogRecord, StateEntry};
use proptest::prelude::*;
use serde_json::json;

use super::{Partition, Value, shard_ready};
use crate::checkpoint::Restore;

fn member(user: u64) -> Value {
    json!({"user": {"id": user.to_string()}, "roles": []})
}

/// A record and how a failure shows it.
#[derive(Clone)]
struct Event(String, Vec<u8>);

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn record(event_type: &str, d: &Value) -> Event {
    Event(format!("{event_type} {d}"), super::record(event_type, d))
}

fn event() -> impl Strategy<Value = Event> {
    let guild_id = prop_oneof![Just(1_u64), Just(2)];
    let ids = || proptest::collection::btree_set(10_u64..14, 0..4);
    let list = |ids: std::collections::BTreeSet<u64>, n: u8| -> Value {
        ids.into_iter().map(|id| json!({"id": id.to_string(), "n": n})).collect()
    };
    (guild_id, 0_u8..18, 10_u64..14, any::<u8>(), ids(), ids(), ids()).prop_map(
        move |(guild, what, id, n, channels, threads, members)| {
            let (guild_id, id_text) = (guild.to_string(), id.to_string());
            let of = |mut fields: Value| {
                fields["guild_id"] = guild_id.clone().into();
                fields
            };
            let threads: Value =
                threads.into_iter().map(|id| json!({"id": (id + 10).to_string(), "parent_id": id.to_string()})).collect();
            let members: Value = members.into_iter().map(member).collect();
            match what {
                0 | 1 => record(
                    "GUILD_CREATE",
                    &json!({
                        "id": guild_id, "n": n, "member_count": 5, "channels": list(channels.clone(), n), "threads": threads,
                        "roles": list(channels, n), "members": members, "voice_states": [],
                    }),
                ),
                2 => record("GUILD_DELETE", &json!({"id": guild_id})),
                3 => record("GUILD_DELETE", &json!({"id": guild_id, "unavailable": true})),
                4 => record("GUILD_UPDATE", &json!({"id": guild_id, "n": n, "roles": list(channels, n)})),
                5 | 6 => record("CHANNEL_UPDATE", &of(json!({"id": id_text, "n": n}))),
                7 => record("CHANNEL_DELETE", &of(json!({"id": id_text}))),
                8 => record("THREAD_CREATE", &of(json!({"id": (id + 10).to_string(), "parent_id": id_text}))),
                9 => record("THREAD_LIST_SYNC", &of(json!({"threads": threads, "channel_ids": [id_text]}))),
                10 => record("GUILD_ROLE_CREATE", &of(json!({"role": {"id": id_text, "n": n}}))),
                11 => record("GUILD_ROLE_DELETE", &of(json!({"role_id": id_text}))),
                12 => record("GUILD_MEMBER_ADD", &of(member(id))),
                13 => record("GUILD_MEMBER_UPDATE", &of(json!({"user": {"id": id_text}, "nick": n}))),
                14 => record("GUILD_MEMBER_REMOVE", &of(json!({"user": {"id": id_text}}))),
                15 => record("VOICE_STATE_UPDATE", &of(json!({"user_id": id_text, "channel_id": "10", "n": n}))),
                16 => record("GUILD_EMOJIS_UPDATE", &of(json!({"emojis": list(channels, n)}))),
                _ => {
                    let listed = [(n % 3).into(), 1];
                    Event(format!("ShardReady {listed:?}"), shard_ready(&listed))
                }
            }
        },
    )
}

/// A topic of one partition, compacted.
#[derive(Default, Clone)]
struct Topic(BTreeMap<Vec<u8>, Vec<u8>>);

impl Topic {
    fn write(&mut self, records: &[Append]) {
        for record in records {
            match &record.value {
                Some(value) => drop(self.0.insert(record.key.to_vec(), value.to_vec())),
                None => drop(self.0.remove(&record.key[..])),
            }
        }
    }

    fn restore(&self) -> Partition {
        let mut restore = Restore::default();
        for (key, value) in &self.0 {
            restore.take(key, Some(StateEntry::from_bytes(value)));
        }
        let (partition, unreadable) = restore.finish();
        assert_eq!(unreadable, 0);
        partition
    }
}

fn fold(partition: &mut Partition, events: &[Event], from: usize, to: usize) {
    for (offset, event) in events.iter().enumerate().take(to).skip(from) {
        partition.fold(i64::try_from(offset).expect("small"), &event.1).expect("folds");
    }
}

/// What is there, without what is only bookkeeping.
fn seen(partition: &Partition) -> BTreeMap<u64, (String, i64, i64, Vec<String>)> {
    let children = |guild: &crate::guild::Guild| {
        let all = crate::key::Kind::ALL.into_iter();
        all.flat_map(|kind| {
            guild.children(kind).iter().map(move |(id, child)| format!("{kind:?} {id} {} {}", child.at, child.json))
        })
        .collect()
    };
    let guilds = partition.guilds.iter();
    guilds.map(|(&id, guild)| (id, (guild.json(), guild.presence, guild.snapshot, children(guild)))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Fold to somewhere, write a checkpoint; fold on, write some records of the next one and stop
    /// there. The restored fold, continued from the committed position, is the fold.
    #[test]
    fn a_restored_fold_is_the_fold(
        events in proptest::collection::vec(event(), 1..60), first in any::<prop::sample::Index>(),
        second in any::<prop::sample::Index>(), written in any::<prop::sample::Index>(),
    ) {
        let committed = first.index(events.len() + 1);
        let reached = committed + second.index(events.len() - committed + 1);
        let mut topic = Topic::default();
        let mut live = Partition::default();
        fold(&mut live, &events, 0, committed);
        let whole = live.part(0, 0);
        prop_assert!(whole.last);
        topic.write(&whole.records);
        live.written(&whole.covers);
        prop_assert!(live.dirty.is_empty());
        let restored = topic.restore();
        prop_assert_eq!(seen(&restored), seen(&live), "a whole checkpoint");
        fold(&mut live, &events, committed, reached);
        let part = live.part(0, 0);
        topic.write(&part.records[..written.index(part.records.len() + 1)]);
        fold(&mut live, &events, reached, events.len());

        let mut again = topic.restore();
        fold(&mut again, &events, committed, events.len());
        prop_assert_eq!(seen(&again), seen(&live));
        // What the next owner writes makes the topic whole again.
        topic.write(&again.part(0, 0).records);
        prop_assert_eq!(seen(&topic.restore()), seen(&live));
    }
}
