//! How an owner of shards begins: it claims its partition, then reads what its predecessors left.

use std::collections::BTreeMap;

use miso_log::catalogue::GATEWAY_CHECKPOINTS;
use miso_log::{Append, LogError, Owner, ReadError, Schemas, SharedLog, TransactError};
use miso_model::{Checkpoint, LogRecord, RecordError, ShardClaim};

/// What `gateway.checkpoints` holds of one owner.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// By shard and shard count.
    pub(crate) checkpoints: BTreeMap<(i32, i32), Checkpoint>,
    /// The claim that stands; none: it was handed back, or there never was one.
    claim: Option<ShardClaim>,
}

/// A claim that stands.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) left: Left,
    pub(crate) epoch: i64,
    /// Nobody can have sent an IDENTIFY a moment ago.
    pub(crate) rested: bool,
}

/// A claim did not come about.
#[derive(Debug)]
pub(crate) enum NotClaimed {
    Fenced,
    Log(LogError),
}

impl From<LogError> for NotClaimed {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

pub(crate) fn claim_key(partition: i32) -> String {
    format!("claim/{partition}")
}

/// Claims the owner's partition.
pub(crate) async fn claim(log: &SharedLog, owner: &Owner, address: &str, now_ms: i64) -> Result<Claimed, NotClaimed> {
    let schemas = Schemas::open(log.clone()).await?;
    let partition = owner.partition();
    let mut left = Left::default();
    let bounds = log.bounds(GATEWAY_CHECKPOINTS, partition).await?;
    left.read(log, &schemas, partition, bounds.earliest, bounds.latest).await?;
    let rested = left.claim.is_none();
    let mut epoch = left.last_epoch() + 1;
    let record = ShardClaim { partition, epoch, address: address.to_owned(), at_ms: now_ms };
    let record = Append::keyed(GATEWAY_CHECKPOINTS, partition, claim_key(partition), record.to_bytes(), now_ms);
    let offset = match owner.transact(vec![record], Vec::new()).await {
        Ok(offsets) => offsets.first().copied().unwrap_or(bounds.latest),
        Err(TransactError::Fenced(_)) => return Err(NotClaimed::Fenced),
        Err(TransactError::Retry(reason)) => return Err(LogError::Unavailable(reason).into()),
        Err(TransactError::Refused(reason)) => return Err(LogError::Refused(reason).into()),
    };
    // What a predecessor had in flight was ordered before the claim.
    left.read(log, &schemas, partition, bounds.latest, offset).await?;
    epoch = epoch.max(left.last_epoch() + 1);
    Ok(Claimed { left, epoch, rested })
}

impl Left {
    fn last_epoch(&self) -> i64 {
        let checkpoints = self.checkpoints.values().map(|checkpoint| checkpoint.epoch);
        checkpoints.chain(self.claim.iter().map(|claim| claim.epoch)).max().unwrap_or(0)
    }

    async fn read(
        &mut self,
        log: &SharedLog,
        schemas: &Schemas,
        partition: i32,
        from: i64,
        to: i64,
    ) -> Result<(), LogError> {
        let mut reader = log.reader(GATEWAY_CHECKPOINTS, &[(partition, from)]);
        loop {
            match reader.next_before(&[(partition, to)]).await {
                Ok(Some(batch)) => {
                    for record in batch.iter().filter(|record| record.offset < to) {
                        self.take(schemas, &record.key, record.value.as_deref())?;
                    }
                }
                Ok(None) => return Ok(()),
                // Compaction: what it removed was written again later.
                Err(ReadError::BehindRetention { .. }) => {}
                Err(ReadError::Unavailable(reason)) => return Err(LogError::Unavailable(reason)),
                Err(ReadError::Closed) => return Err(LogError::Closed),
            }
        }
    }

    fn take(&mut self, schemas: &Schemas, key: &[u8], value: Option<&[u8]>) -> Result<(), LogError> {
        let Ok(key) = std::str::from_utf8(key) else { return Ok(()) };
        if key.starts_with("claim/") {
            self.claim = readable(key, value.map(|value| schemas.decode(value)))?;
        } else if let Some((shard, count)) = key.split_once('/')
            && let (Ok(shard), Ok(count)) = (shard.parse(), count.parse())
        {
            match readable(key, value.map(|value| schemas.decode(value)))? {
                Some(checkpoint) => drop(self.checkpoints.insert((shard, count), checkpoint)),
                None => drop(self.checkpoints.remove(&(shard, count))),
            }
        }
        Ok(())
    }
}

/// What another version wrote is waited for; what is damaged is as if it were not there.
fn readable<T: LogRecord>(key: &str, record: Option<Result<T, RecordError>>) -> Result<Option<T>, LogError> {
    match record {
        None => Ok(None),
        Some(Ok(record)) => Ok(Some(record)),
        Some(Err(error @ RecordError::UnknownSchema(_))) => Err(LogError::Unavailable(error.to_string())),
        Some(Err(error)) => {
            tracing::error!(%error, key, "a record of gateway.checkpoints cannot be read; its shard begins anew");
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use miso_model::ShardState;

    use super::*;

    #[tokio::test]
    async fn the_last_record_of_a_key_counts_and_a_handed_back_claim_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = miso_log::embedded::EmbeddedConfig::new(folder.path().join("log.db"));
        let log: SharedLog = std::sync::Arc::new(miso_log::embedded::EmbeddedLog::open(config).await.expect("a log"));
        let schemas = Schemas::open(log).await.expect("readable");
        let checkpoint = |sequence| Checkpoint {
            shard: 1,
            shard_count: 2,
            session_id: Some("a".into()),
            resume_url: None,
            sequence,
            state: ShardState::Live,
            epoch: 7,
            at_ms: 0,
        };
        let mut left = Left::default();
        let mut take = |key: &str, value: Option<&[u8]>| {
            left.take(&schemas, key.as_bytes(), value).expect("known schemas");
            (left.last_epoch(), left.claim.is_none(), left.checkpoints.get(&(1, 2)).map(|found| found.sequence))
        };
        let claim = ShardClaim { partition: 1, epoch: 9, address: String::new(), at_ms: 0 }.to_bytes();
        assert_eq!(take("claim/1", Some(&claim)), (9, false, None));
        assert_eq!(take("1/2", Some(&checkpoint(4).to_bytes())), (9, false, Some(4)));
        assert_eq!(take("1/2", Some(&checkpoint(5).to_bytes())), (9, false, Some(5)));
        assert_eq!(take("claim/1", None), (7, true, Some(5)));
        assert_eq!(take("nonsense", Some(b"x")), (7, true, Some(5)));
        assert_eq!(take("1/2", Some(b"damaged")), (0, true, None));
    }
}
