//! The first steps of an owner: claim, then read what the ledger says up to that claim.

use std::time::Duration;

use miso_log::catalogue::{REST_ACTIONS, REST_INTERACTIONS, REST_LEDGER};
use miso_log::{Append, Owner, ReadError, SharedLog, TransactError};
use miso_model::{LogRecord, SenderClaim};

use crate::SenderError;
use crate::adopt::KEY_WINDOW_MS;
use crate::bucket::Moment;
use crate::clock::Clock;
use crate::ledger::{Ledger, LedgerRecord};

/// The group of the owners; it also holds the positions of `rest.interactions`.
pub const GROUP: &str = "miso.sender";
/// A group without members: from where the ledger must be read.
pub const LEDGER_GROUP: &str = "miso.sender.ledger";
/// Wait before a transaction that was aborted is tried again.
pub(crate) const RETRY: Duration = Duration::from_millis(20);

/// Where an owner begins.
#[derive(Debug)]
pub(crate) struct Takeover {
    pub(crate) ledger: Ledger,
    pub(crate) epoch: i64,
    pub(crate) claimed_at: Moment,
    pub(crate) claim_offset: i64,
    /// Committed positions: actions, interactions.
    pub(crate) committed: [i64; 2],
    /// Where reading begins: earlier than committed, for the retries that may be adopted.
    pub(crate) from: [i64; 2],
}

/// Claims and reads; `None`: fenced meanwhile.
pub(crate) async fn take_over(
    log: SharedLog,
    owner: Owner,
    clock: Clock,
    address: String,
) -> Result<Option<Takeover>, SenderError> {
    let partition = owner.partition();
    // A time instead of a counter: unique enough for an alarm, and known before the ledger is read.
    let epoch = clock.now_ms();
    let claim = SenderClaim { epoch, address, at_ms: epoch }.to_bytes();
    let claim_offset = loop {
        let record = Append::new(REST_LEDGER, partition, claim.clone(), epoch);
        match owner.transact(vec![record], Vec::new()).await {
            Ok(offsets) => break offsets.first().copied().unwrap_or_default(),
            Err(TransactError::Fenced(_)) => return Ok(None),
            Err(TransactError::Retry(reason)) => {
                tracing::debug!(partition, reason, "the claim was aborted; trying again");
                tokio::time::sleep(RETRY).await;
            }
            Err(TransactError::Refused(reason)) => {
                return Err(miso_log::LogError::Refused(reason).into());
            }
        }
    };
    let claimed_at = clock.now();
    let ledger = read_ledger(&log, partition, claim_offset).await?;
    let mut committed = [0; 2];
    let mut from = [0; 2];
    for (index, topic) in [REST_ACTIONS, REST_INTERACTIONS].into_iter().enumerate() {
        let earliest = log.bounds(topic, partition).await?.earliest;
        let position = log.committed(GROUP, topic, partition).await?;
        committed[index] = position.unwrap_or(earliest).max(earliest);
        let recent = log.offset_at(topic, partition, clock.now_ms() - KEY_WINDOW_MS).await?;
        from[index] = recent.clamp(earliest, committed[index]);
    }
    Ok(Some(Takeover { ledger, epoch, claimed_at, claim_offset, committed, from }))
}

async fn read_ledger(log: &SharedLog, partition: i32, claim: i64) -> Result<Ledger, SenderError> {
    let earliest = log.bounds(REST_LEDGER, partition).await?.earliest;
    let from = log.committed(LEDGER_GROUP, REST_LEDGER, partition).await?.unwrap_or(earliest);
    if from < earliest {
        // Retention of actions is no longer than that of their outcomes, so nothing that could still
        // be sent is forgotten.
        tracing::warn!(partition, from, earliest, "the ledger begins behind the last checkpoint");
    }
    let mut ledger = Ledger::default();
    let mut reader = log.reader(REST_LEDGER, &[(partition, from.max(earliest))]);
    loop {
        let batch = match reader.next().await {
            Ok(batch) => batch,
            Err(ReadError::BehindRetention { .. }) => continue,
            Err(ReadError::Unavailable(reason)) => return Err(miso_log::LogError::Unavailable(reason).into()),
            Err(ReadError::Closed) => return Err(miso_log::LogError::Closed.into()),
        };
        for record in batch.iter() {
            if record.offset >= claim {
                return Ok(ledger);
            }
            let Some(value) = &record.value else { continue };
            let read = LedgerRecord::read(value).map_err(|error| SenderError::Unreadable {
                topic: REST_LEDGER.name,
                partition,
                offset: record.offset,
                reason: error.to_string(),
            })?;
            ledger.apply(record.offset, read);
        }
    }
}
