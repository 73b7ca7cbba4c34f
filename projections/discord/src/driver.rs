//! Reads, folds under the partitions' locks, writes checkpoints.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use miso_log::catalogue::{DISCORD_STATE, GATEWAY_EVENTS};
use miso_log::{
    Batch, LogError, MemberEvent, OffsetCommit, Owner, ReadError, Reader, Schemas, SharedLog, Topic, TransactError,
};
use miso_model::{GatewayEvent, GatewayGap, LogRecord, RecordError, SLOTS, ShardReady, StateEntry};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::checkpoint::{Restore, position_record};
use crate::partition::{FoldError, Partition};
use crate::state::{Shared, StateConfig};

/// The group whose position says up to where `discord.state` has folded.
pub(crate) const GROUP: &str = "miso.state";
/// Wait before the log is asked again after it was not available.
const RETRY: Duration = Duration::from_millis(500);
/// A partition in which no object changed has its position written when it moved this far.
const POSITION_RECORDS: i64 = 10_000;
/// Checkpoints written elsewhere are looked at this often, so that what they cover is forgotten here.
const PRUNE_EVERY: Duration = Duration::from_secs(60);
/// The last checkpoint, and one on revocation, may take so long.
const SETTLE: Duration = Duration::from_secs(5);
pub(crate) async fn run(log: SharedLog, config: StateConfig, shared: Arc<Shared>, cancel: CancellationToken) {
    let (schemas, positions) = loop {
        let restored = tokio::select! {
            () = cancel.cancelled() => return,
            restored = restore(&log, &shared) => restored,
        };
        match restored {
            Ok(restored) => break restored,
            Err(LogError::Closed) => return,
            Err(error) => {
                tracing::warn!(%error, "Discord's state cannot be restored now");
                sleep_until(Instant::now() + RETRY).await;
            }
        }
    };
    let stopped = CancellationToken::new();
    tokio::join!(
        async {
            fold(&log, &schemas, &shared, &positions, &cancel).await;
            stopped.cancel();
        },
        Checkpoints { log: log.clone(), config, shared: Arc::clone(&shared), owners: BTreeMap::new() }.run(&stopped),
    );
}

/// Reads the checkpoint; answers where the fold goes on, per partition.
async fn restore(log: &SharedLog, shared: &Shared) -> Result<(Schemas, Vec<(i32, i64)>), LogError> {
    let schemas = Schemas::open(log.clone()).await?;
    // Positions first: what is then read from the topic may be newer than they are, never older.
    let mut positions = Vec::new();
    for partition in 0..SLOTS {
        let next = match log.committed(GROUP, GATEWAY_EVENTS, partition).await? {
            Some(next) => next,
            None => log.bounds(GATEWAY_EVENTS, partition).await?.earliest,
        };
        positions.push((partition, next));
    }
    let mut restores: Vec<Restore> = (0..SLOTS).map(|_| Restore::default()).collect();
    let mut unknown = None;
    let mut ends = Vec::new();
    for partition in 0..SLOTS {
        let bounds = log.bounds(DISCORD_STATE, partition).await?;
        if bounds.earliest < bounds.latest {
            ends.push((partition, bounds.earliest, bounds.latest));
        }
    }
    read_to(log, DISCORD_STATE, &ends, |batch| {
        for record in batch.iter() {
            if let Some(restore) = usize::try_from(record.partition).ok().and_then(|p| restores.get_mut(p)) {
                let entry = record.value.as_ref().map(|value| schemas.decode::<StateEntry>(value));
                if let Some(Err(RecordError::UnknownSchema(fingerprint))) = entry {
                    unknown = Some(fingerprint);
                }
                restore.take(&record.key, entry);
                shared.note_folded_at(record.partition, record.timestamp_ms);
            }
        }
    })
    .await?;
    if let Some(fingerprint) = unknown {
        return Err(LogError::Unavailable(format!("the schema {fingerprint:016x} of discord.state is not known yet")));
    }
    for (&(number, next), restore) in positions.iter().zip(restores) {
        let (mut partition, unreadable) = restore.finish();
        if unreadable > 0 {
            metrics::counter!("miso_state_unreadable_records_total").increment(unreadable);
            tracing::error!(partition = number, records = unreadable, "records of discord.state cannot be read");
        }
        shared.index_channels(std::mem::take(&mut partition.moved));
        *shared.write(number) = partition;
        shared.set_folded(number, next);
    }
    Ok((schemas, positions))
}

/// Reads `(partition, from, to)` until every partition has arrived.
async fn read_to(
    log: &SharedLog,
    topic: Topic,
    ends: &[(i32, i64, i64)],
    mut take: impl FnMut(&Batch),
) -> Result<(), LogError> {
    let from: Vec<(i32, i64)> = ends.iter().map(|&(partition, from, _)| (partition, from)).collect();
    let to: Vec<(i32, i64)> = ends.iter().map(|&(partition, _, to)| (partition, to)).collect();
    let mut reader = log.reader(topic, &from);
    loop {
        match reader.next_before(&to).await {
            Ok(Some(batch)) => take(&batch),
            Ok(None) => return Ok(()),
            // Compaction moved on while we read: what it removed has been written again later.
            Err(ReadError::BehindRetention { .. }) => {}
            Err(ReadError::Unavailable(reason)) => return Err(LogError::Unavailable(reason)),
            Err(ReadError::Closed) => return Err(LogError::Closed),
        }
    }
}

async fn fold(
    log: &SharedLog,
    schemas: &Schemas,
    shared: &Shared,
    positions: &[(i32, i64)],
    cancel: &CancellationToken,
) {
    let mut ends = ends_of(log, positions).await;
    let mut reader = log.reader(GATEWAY_EVENTS, positions);
    loop {
        let next = tokio::select! {
            () = cancel.cancelled() => return,
            next = next_batch(&mut reader, ends.as_deref()) => next,
        };
        match next {
            Ok(Some(batch)) => tokio::select! {
                biased;
                () = fold_batch(schemas, shared, &reader, &batch) => {}
                () = cancel.cancelled() => return,
            },
            Ok(None) => {
                ends = None;
                shared.ready.send_replace(true);
            }
            Err(ReadError::BehindRetention { partition, wanted, earliest }) => {
                metrics::counter!("miso_state_gaps_total").increment(1);
                tracing::error!(partition, wanted, earliest, "retention removed events before they were folded");
                shared.set_folded(partition, earliest);
                shared.progress.send_replace(());
            }
            Err(ReadError::Unavailable(error)) => {
                tracing::warn!(error, "events cannot be read now");
                tokio::select! {
                    () = cancel.cancelled() => return,
                    () = sleep_until(Instant::now() + RETRY) => {}
                }
            }
            Err(ReadError::Closed) => return,
        }
        tokio::task::consume_budget().await;
    }
}

/// The next batch; `None` once, when the reader has arrived at `ends`.
async fn next_batch(reader: &mut Reader, ends: Option<&[(i32, i64)]>) -> Result<Option<Batch>, ReadError> {
    match ends {
        Some(ends) => reader.next_before(ends).await,
        None => reader.next().await.map(Some),
    }
}

/// Where the partitions end now; a log that cannot say leaves the fold to be ready at once.
async fn ends_of(log: &SharedLog, positions: &[(i32, i64)]) -> Option<Vec<(i32, i64)>> {
    let mut ends = Vec::new();
    for &(partition, next) in positions {
        if let Ok(bounds) = log.bounds(GATEWAY_EVENTS, partition).await
            && bounds.latest > next
        {
            ends.push((partition, bounds.latest));
        }
    }
    Some(ends)
}

/// Folds a batch; waits only for the schema of a record that another version wrote.
async fn fold_batch(schemas: &Schemas, shared: &Shared, reader: &Reader, batch: &Batch) {
    // By partition: when the newest of its records was appended.
    let mut touched: [Option<i64>; SLOTS as usize] = [None; SLOTS as usize];
    let mut moved = Vec::new();
    let mut errors = 0;
    for record in batch.iter() {
        if let Some(touched) = usize::try_from(record.partition).ok().and_then(|p| touched.get_mut(p)) {
            *touched = (*touched).max(Some(record.timestamp_ms));
        }
        let Some(value) = &record.value else { continue };
        let mut folded = fold_record(shared, record.partition, record.offset, value, &mut moved);
        if let Err(FoldError::Record(RecordError::UnknownSchema(fingerprint))) = folded {
            folded = match as_ours(schemas, fingerprint, value).await {
                Ok(ours) => fold_record(shared, record.partition, record.offset, &ours, &mut moved),
                Err(error) => Err(error.into()),
            };
        }
        if let Err(error) = folded {
            errors += 1;
            tracing::error!(%error, partition = record.partition, offset = record.offset, "a record was not folded");
        }
    }
    shared.index_channels(moved);
    for (partition, at_ms) in (0..SLOTS).zip(touched).filter_map(|(partition, at)| Some((partition, at?))) {
        shared.note_folded_at(partition, at_ms);
        if let Some(next) = reader.position(partition) {
            shared.set_folded(partition, next);
        }
    }
    shared.progress.send_replace(());
    metrics::counter!("miso_state_folded_records_total").increment(batch.len() as u64);
    if errors > 0 {
        metrics::counter!("miso_state_fold_errors_total").increment(errors);
    }
}

fn fold_record(
    shared: &Shared,
    partition: i32,
    offset: i64,
    value: &[u8],
    moved: &mut Vec<(u64, Option<u64>)>,
) -> Result<(), FoldError> {
    if !Partition::concerns(value)? {
        return Ok(());
    }
    let mut partition = shared.write(partition);
    let folded = partition.fold(offset, value);
    moved.append(&mut partition.moved);
    folded
}

/// A record that another version wrote, as this version writes it.
async fn as_ours(schemas: &Schemas, fingerprint: u64, value: &[u8]) -> Result<Vec<u8>, RecordError> {
    let unknown = RecordError::UnknownSchema(fingerprint);
    let Ok(foreign) = schemas.resolve(fingerprint).await else { return Err(unknown) };
    match foreign.name.as_str() {
        "GatewayEvent" => Ok(GatewayEvent::from_bytes_written_with(value, &foreign.schema)?.to_bytes()),
        "ShardReady" => Ok(ShardReady::from_bytes_written_with(value, &foreign.schema)?.to_bytes()),
        "GatewayGap" => Ok(GatewayGap::from_bytes_written_with(value, &foreign.schema)?.to_bytes()),
        _ => Err(unknown),
    }
}

struct Owned {
    owner: Owner,
    /// The position in `discord.state`; `None` until it was looked up.
    committed: Option<i64>,
}

/// Writes the checkpoints of the partitions that this process owns.
struct Checkpoints {
    log: SharedLog,
    config: StateConfig,
    shared: Arc<Shared>,
    owners: BTreeMap<i32, Owned>,
}

impl Checkpoints {
    async fn run(mut self, stopped: &CancellationToken) {
        let mut member = match self.log.join(GROUP, GATEWAY_EVENTS).await {
            Ok(member) => member,
            Err(error) => {
                tracing::error!(%error, "no checkpoint of Discord's state will be written");
                return stopped.cancelled().await;
            }
        };
        let mut tick = interval(self.config.checkpoint_interval.max(Duration::from_millis(1)));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pruned = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = stopped.cancelled() => break,
                event = member.next() => match event {
                    Ok(MemberEvent::Assigned(owner)) => {
                        self.owners.insert(owner.partition(), Owned { owner, committed: None });
                    }
                    Ok(MemberEvent::Revoked(revocation)) => {
                        let _ = timeout(SETTLE, self.write(revocation.partition)).await;
                        self.owners.remove(&revocation.partition);
                        revocation.release();
                    }
                    Ok(MemberEvent::Lost(partition)) => drop(self.owners.remove(&partition)),
                    Ok(MemberEvent::Joined) => {}
                    Err(LogError::Closed) => return,
                    Err(error) => tracing::warn!(%error, "membership in {GROUP} is troubled"),
                },
                _ = tick.tick() => {
                    self.write_all().await;
                    if pruned.elapsed() >= PRUNE_EVERY {
                        pruned = Instant::now();
                        self.prune().await;
                    }
                }
            }
        }
        let _ = timeout_at(Instant::now() + SETTLE, self.write_all()).await;
    }

    async fn write_all(&mut self) {
        let partitions: Vec<i32> = self.owners.keys().copied().collect();
        for partition in partitions {
            self.write(partition).await;
        }
    }

    /// Writes what changed in one partition, in parts; the position goes with the last of them.
    async fn write(&mut self, partition: i32) {
        let Some(owned) = self.owners.get_mut(&partition) else { return };
        let committed = match owned.committed {
            Some(committed) => committed,
            None => match self.log.committed(GROUP, GATEWAY_EVENTS, partition).await {
                Ok(committed) => {
                    let committed = committed.unwrap_or(0);
                    self.shared.write(partition).written_elsewhere(committed);
                    *owned.committed.insert(committed)
                }
                Err(_) => return,
            },
        };
        loop {
            // Before the lock: the objects are then as of this position or newer.
            let next = self.shared.folded(partition);
            if next < committed {
                return;
            }
            let now_ms = now_ms();
            let mut part = self.shared.read(partition).part(partition, now_ms);
            if part.records.is_empty() {
                if next - committed < POSITION_RECORDS {
                    return;
                }
                part.records.push(position_record(partition, next, now_ms));
            }
            let offsets = if part.last {
                vec![OffsetCommit { group: GROUP.to_owned(), topic: GATEWAY_EVENTS, partition, next }]
            } else {
                Vec::new()
            };
            let count = part.records.len() as u64;
            match owned.owner.transact(part.records, offsets).await {
                Ok(_) => {
                    metrics::counter!("miso_state_checkpoint_records_total").increment(count);
                    self.shared.write(partition).written(&part.covers);
                    if part.last {
                        owned.committed = Some(next);
                        return;
                    }
                }
                Err(TransactError::Fenced(_)) => {
                    self.owners.remove(&partition);
                    return;
                }
                Err(TransactError::Retry(reason)) => {
                    tracing::warn!(reason, partition, "the checkpoint waits");
                    return;
                }
                Err(TransactError::Refused(reason)) => {
                    tracing::error!(reason, partition, "the checkpoint is refused");
                    return;
                }
            }
        }
    }

    /// Forgets what other processes' checkpoints cover.
    async fn prune(&self) {
        for partition in (0..SLOTS).filter(|partition| !self.owners.contains_key(partition)) {
            if let Ok(Some(next)) = self.log.committed(GROUP, GATEWAY_EVENTS, partition).await {
                self.shared.write(partition).written_elsewhere(next);
            }
        }
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
