//! What of a partition is written to `discord.state`, and how it is read back. Pure.

use std::collections::BTreeMap;

use bytes::Bytes;
use miso_log::{Append, catalogue::DISCORD_STATE};
use miso_model::{LogRecord, Payload, RecordError, StateEntry};

use crate::guild::{Child, Guild};
use crate::key::{Key, Kind};
use crate::partition::Partition;

/// Records of one checkpoint transaction, at most.
pub(crate) const CHECKPOINT_RECORDS: usize = 1_000;
/// Bytes of one checkpoint transaction, about: a larger object goes alone.
const CHECKPOINT_BYTES: usize = 4 * 1_024 * 1_024;

/// A part of a checkpoint.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) records: Vec<Append>,
    /// What the records cover: key and the offset of its last change.
    pub(crate) covers: Vec<(Key, i64)>,
    /// Nothing else is to be written: the position may be committed with this part.
    pub(crate) last: bool,
}

impl Partition {
    /// The next part of a checkpoint. Objects come before removals, so a checkpoint that stopped in
    /// between has forgotten nothing.
    pub(crate) fn part(&self, partition: i32, now_ms: i64) -> Part {
        let mut part = Part { records: Vec::new(), covers: Vec::new(), last: true };
        let mut bytes = 0;
        for removals in [false, true] {
            for (&key, &at) in &self.dirty {
                let entry = self.entry(key);
                if entry.is_none() != removals {
                    continue;
                }
                if part.records.len() == CHECKPOINT_RECORDS || bytes >= CHECKPOINT_BYTES {
                    part.last = false;
                    return part;
                }
                let key_bytes = key.to_string().into_bytes();
                let record = match entry {
                    Some(entry) => Append::keyed(DISCORD_STATE, partition, key_bytes, entry.to_bytes(), now_ms),
                    None => Append::tombstone(DISCORD_STATE, partition, key_bytes, now_ms),
                };
                bytes += record.len();
                part.records.push(record);
                part.covers.push((key, at));
            }
        }
        part
    }

    /// A part was committed: what it covered is clean, unless it changed again.
    pub(crate) fn written(&mut self, covers: &[(Key, i64)]) {
        for (key, at) in covers {
            if self.dirty.get(key) == Some(at) {
                self.dirty.remove(key);
            }
        }
    }

    /// Another process wrote a checkpoint up to this position.
    pub(crate) fn written_elsewhere(&mut self, next: i64) {
        self.dirty.retain(|_, at| *at >= next);
    }

    fn entry(&self, key: Key) -> Option<StateEntry> {
        let child = |child: &Child, epoch| StateEntry {
            at: child.at,
            epoch,
            snapshot_epoch: 0,
            json: Payload(Bytes::copy_from_slice(child.json.as_bytes())),
        };
        match key {
            Key::Guild(id) => self.guilds.get(&id).map(|guild| StateEntry {
                at: guild.at,
                epoch: guild.presence,
                snapshot_epoch: guild.snapshot,
                json: guild.json().into(),
            }),
            Key::Child(guild, kind, id) => {
                let guild = self.guilds.get(&guild)?;
                guild.child(kind, id).map(|found| child(found, guild.epoch_of(kind)))
            }
            Key::Dm(id) => self.dms.get(&id).map(|found| child(found, 0)),
            Key::Own => self.own.as_ref().map(|found| child(found, 0)),
            Key::Shards => self.shards.as_ref().map(|found| child(found, 0)),
            Key::Position => None,
        }
    }
}

/// A record for a commit of the position when no object changed: on Kafka a transaction needs one.
pub(crate) fn position_record(partition: i32, next: i64, now_ms: i64) -> Append {
    let entry = StateEntry { at: next, epoch: 0, snapshot_epoch: 0, json: String::from("{}").into() };
    Append::keyed(DISCORD_STATE, partition, Key::Position.to_string().into_bytes(), entry.to_bytes(), now_ms)
}

/// Collects the records of one partition of `discord.state`, then makes the partition of them.
#[derive(Debug, Default)]
pub(crate) struct Restore {
    entries: BTreeMap<Key, StateEntry>,
    /// Records that this version cannot read: another's keys, or damaged.
    pub(crate) unreadable: u64,
}

impl Restore {
    /// `entry`: none for a tombstone.
    pub(crate) fn take(&mut self, key: &[u8], entry: Option<Result<StateEntry, RecordError>>) {
        let Some(key) = std::str::from_utf8(key).ok().and_then(|text| text.parse::<Key>().ok()) else {
            self.unreadable += 1;
            return;
        };
        match entry {
            Some(Ok(entry)) => drop(self.entries.insert(key, entry)),
            Some(Err(_)) => self.unreadable += 1,
            None => drop(self.entries.remove(&key)),
        }
    }

    /// Guilds first, then their children of the guild's epochs; children of other epochs are gone.
    pub(crate) fn finish(mut self) -> (Partition, u64) {
        let mut partition = Partition::default();
        for (key, entry) in &self.entries {
            if let Key::Guild(id) = *key {
                match Guild::restored(entry.at, entry.epoch, entry.snapshot_epoch, &entry.json) {
                    Ok(guild) => drop(partition.guilds.insert(id, guild)),
                    Err(_) => self.unreadable += 1,
                }
            }
        }
        for (key, entry) in self.entries {
            let Ok(json) = std::str::from_utf8(&entry.json) else {
                self.unreadable += 1;
                continue;
            };
            match key {
                Key::Guild(_) | Key::Position => {}
                Key::Child(guild_id, kind, id) => {
                    let Some(guild) = partition.guilds.get_mut(&guild_id) else { continue };
                    if guild.epoch_of(kind) != entry.epoch {
                        continue;
                    }
                    guild.put(kind, id, entry.at, json);
                    if matches!(kind, Kind::Channel | Kind::Thread) {
                        partition.moved.push((id, Some(guild_id)));
                    }
                }
                Key::Dm(id) => drop(partition.dms.insert(id, Child { at: entry.at, json: json.into() })),
                Key::Shards => partition.shards = Some(Child { at: entry.at, json: json.into() }),
                Key::Own => partition.own = Some(Child { at: entry.at, json: json.into() }),
            }
        }
        (partition, self.unreadable)
    }
}
