//! Taking over the home of a partition: claim, then read what the predecessor left.

use std::collections::HashMap;
use std::sync::Arc;

use miso_log::catalogue::{GATEWAY_EVENTS, PROXY_LEDGER, PROXY_SESSIONS};
use miso_log::{Append, Owner, ReadError, Record, Schemas, SharedLog, Topic};
use miso_model::{
    GroupCheckpoint, GroupStart, HandlerGroup, HomeClaim, HomeLease, HomeReleased, LogRecord, SLOTS, SessionCheckpoint,
};
use tokio::time::Instant;

use super::HOME_GROUP;
use super::foreign::ledger_entry;
use super::home_log::{CLAIM_KEY, HomeLog, LEASE_KEY, home_offset, transact_until_done};
use crate::ProxyError;
use crate::home::{LedgerEntry, Restored, restore};
use crate::proxy::{Shared, now_ms};

/// What the predecessor left, for all groups of the partition.
#[derive(Debug)]
pub(super) struct Taken {
    groups: HashMap<String, GroupCheckpoint>,
    sessions: Vec<(String, SessionCheckpoint)>,
    /// `None`: retention removed some of it.
    ledger: Option<Vec<(i64, LedgerEntry)>>,
    ledger_next: i64,
}

/// Claims the partition and reads what its predecessor left.
pub(super) async fn take_over(shared: &Shared, owner: Owner) -> Result<(HomeLog, Taken), ProxyError> {
    let (log, partition) = (&shared.log, owner.partition());
    let position = match log.committed(HOME_GROUP, PROXY_LEDGER, partition).await? {
        Some(position) => position,
        None => log.bounds(PROXY_LEDGER, partition).await?.earliest,
    };
    // From here on nobody else's transaction succeeds, and everything before this mark can be read.
    let at_ms = now_ms();
    let mark = Append::keyed(PROXY_SESSIONS, partition, LEASE_KEY, HomeLease { at_ms }.to_bytes(), at_ms);
    let (marked, _) = transact_until_done(&owner, &[mark], &[home_offset(partition, position)]).await?;
    let earliest = log.bounds(PROXY_SESSIONS, partition).await?.earliest;
    let records = read_until(log, PROXY_SESSIONS, partition, earliest, first(&marked)).await?.records;
    // What a predecessor of another version wrote, it wrote after its schemas.
    let schemas = Schemas::open(Arc::clone(log)).await?;
    let left = Left::of(&records, &schemas);

    let epoch = left.epoch + 1;
    let claim = HomeClaim { epoch, address: shared.config.address.clone(), at_ms }.to_bytes();
    let claims = [
        Append::new(PROXY_LEDGER, partition, claim.clone(), at_ms),
        Append::keyed(PROXY_SESSIONS, partition, CLAIM_KEY, claim, at_ms),
    ];
    let (claimed, _) = transact_until_done(&owner, &claims, &[home_offset(partition, position)]).await?;
    let claimed = first(&claimed);
    if left.was_abandoned && !shared.config.takeover_wait.is_zero() {
        // What a paused predecessor has in hand must be sent or refused before we send.
        tokio::time::sleep(shared.config.takeover_wait).await;
    }
    let from = left.ledger_from().unwrap_or(claimed).min(claimed);
    let read = read_until(log, PROXY_LEDGER, partition, from, claimed).await?;
    let decode = |record: &Record| {
        let value = record.value.as_ref()?;
        Some((record.offset, ledger_entry(&schemas, value)?))
    };
    let ledger = if read.has_gap {
        tracing::error!(partition, "retention has removed a part of the home's ledger; its sessions are ended");
        None
    } else {
        Some(read.records.iter().filter_map(decode).collect())
    };
    // A lease of its own: the claim's may be over after the wait and the reading.
    let lease = Append::keyed(PROXY_SESSIONS, partition, LEASE_KEY, HomeLease { at_ms }.to_bytes(), at_ms);
    let (_, leased_at): (_, Instant) = transact_until_done(&owner, &[lease], &[home_offset(partition, from)]).await?;
    let home_log = HomeLog::new(Arc::clone(log), owner, epoch, claimed + 1, leased_at);
    let taken = Taken { groups: left.groups, sessions: left.sessions, ledger, ledger_next: claimed + 1 };
    Ok((home_log, taken))
}

impl Taken {
    /// Where one group's home begins.
    pub(super) async fn restore(&self, log: &SharedLog, group: &HandlerGroup) -> Result<Restored, ProxyError> {
        let consumer = miso_groups::consumer_group(&group.name);
        let mut positions = Vec::new();
        for partition in 0..SLOTS {
            let position = match log.committed(&consumer, GATEWAY_EVENTS, partition).await? {
                Some(position) => position,
                None => {
                    let bounds = log.bounds(GATEWAY_EVENTS, partition).await?;
                    if group.start == GroupStart::Latest { bounds.latest } else { bounds.earliest }
                }
            };
            positions.push(position);
        }
        Ok(restore(
            group,
            &positions,
            self.groups.get(&group.name),
            self.sessions.clone(),
            self.ledger.as_deref(),
            self.ledger_next,
            now_ms(),
        ))
    }
}

/// The partition of `proxy.sessions`, compacted.
#[derive(Debug, Default)]
struct Left {
    /// Last epoch claimed; 0: none.
    epoch: i64,
    /// Claimed and not handed back.
    was_abandoned: bool,
    groups: HashMap<String, GroupCheckpoint>,
    sessions: Vec<(String, SessionCheckpoint)>,
}

impl Left {
    fn of(records: &[Record], schemas: &Schemas) -> Self {
        let mut latest: HashMap<&str, &Record> = HashMap::new();
        for record in records {
            if let Ok(key) = std::str::from_utf8(&record.key) {
                latest.insert(key, record);
            }
        }
        let mut left = Self::default();
        for (key, record) in latest {
            let Some(value) = &record.value else { continue };
            let is_read = match schemas.name_of(value).as_deref() {
                Some("HomeClaim") => schemas.decode::<HomeClaim>(value).map(|claim| {
                    left.epoch = claim.epoch;
                    left.was_abandoned = true;
                }),
                Some("HomeReleased") => {
                    schemas.decode::<HomeReleased>(value).map(|released| left.epoch = released.epoch)
                }
                Some("GroupCheckpoint") => schemas.decode::<GroupCheckpoint>(value).map(|checkpoint| {
                    left.groups.insert(checkpoint.group.clone(), checkpoint);
                }),
                Some("SessionCheckpoint") => schemas.decode::<SessionCheckpoint>(value).map(|checkpoint| {
                    left.sessions.push((key.to_owned(), checkpoint));
                }),
                _ => continue,
            };
            if let Err(error) = is_read {
                tracing::error!(key, %error, "a checkpoint cannot be read; its session is ended");
            }
        }
        left
    }

    fn ledger_from(&self) -> Option<i64> {
        let groups = self.groups.values().map(|checkpoint| checkpoint.ledger_offset);
        groups.chain(self.sessions.iter().map(|(_, checkpoint)| checkpoint.ledger_offset)).min()
    }
}

struct ReadAll {
    records: Vec<Record>,
    /// Retention removed some of what was asked for.
    has_gap: bool,
}

/// Reads a partition from an offset up to a record that is known to be there.
async fn read_until(
    log: &SharedLog,
    topic: Topic,
    partition: i32,
    from: i64,
    last: i64,
) -> Result<ReadAll, ProxyError> {
    let mut reader = log.reader(topic, &[(partition, from)]);
    let mut all = ReadAll { records: Vec::new(), has_gap: false };
    loop {
        let batch = match reader.next().await {
            Ok(batch) => batch,
            Err(ReadError::BehindRetention { .. }) => {
                all.has_gap = true;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        for record in batch.iter() {
            if record.offset <= last {
                all.records.push(record.clone());
            }
            if record.offset >= last {
                return Ok(all);
            }
        }
    }
}

fn first(offsets: &[i64]) -> i64 {
    offsets.first().copied().unwrap_or(0)
}
