//! What a home writes: fenced transactions that renew its lease, and plain appends under it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use miso_log::catalogue::{GATEWAY_EVENTS, PROXY_LEDGER, PROXY_SESSIONS};
use miso_log::{Append, AppendError, OffsetCommit, Owner, SharedLog, TransactError};
use miso_model::{HomeLease, HomeReleased, LogRecord};
use tokio::time::Instant;

use super::HOME_GROUP;
use crate::ProxyError;
use crate::home::{CommitPlan, PlannedRecord};
use crate::proxy::now_ms;

/// After its last fenced commit a home may send frames for so long.
const LEASE: Duration = Duration::from_secs(2);
/// The lease is renewed when less than this is left of it.
const LEASE_MARGIN: Duration = Duration::from_millis(750);
/// Between attempts while the log is not available: at first, and at the most.
const BACKOFF: Duration = Duration::from_millis(20);
const MAX_BACKOFF: Duration = Duration::from_secs(1);
/// Key in `proxy.sessions` of the last claim or hand-back.
pub(super) const CLAIM_KEY: &str = "claim";
/// Key in `proxy.sessions` of records that only mark a place.
pub(super) const LEASE_KEY: &str = "lease";

/// The writing side of one home, shared by the loops of its groups.
#[derive(Debug)]
pub(super) struct HomeLog {
    pub(super) log: SharedLog,
    pub(super) owner: Owner,
    pub(super) epoch: i64,
    /// One past the last ledger record known to be appended.
    head: AtomicI64,
    lease_until: Mutex<Instant>,
    /// Where a takeover must begin to read the ledger, by group.
    floors: Mutex<HashMap<String, i64>>,
}

impl HomeLog {
    pub(super) fn new(log: SharedLog, owner: Owner, epoch: i64, head: i64, leased_at: Instant) -> Self {
        Self {
            log,
            owner,
            epoch,
            head: AtomicI64::new(head),
            lease_until: Mutex::new(leased_at + LEASE),
            floors: Mutex::default(),
        }
    }

    pub(super) fn head(&self) -> i64 {
        self.head.load(Ordering::Acquire)
    }

    fn reached(&self, next: i64) {
        self.head.fetch_max(next, Ordering::AcqRel);
    }

    /// Appends new sessions' checkpoints and ledger records, again and again while the log is not
    /// available. Answers one past the last ledger offset.
    pub(super) async fn append(
        &self,
        sessions: Vec<(String, Vec<u8>)>,
        ledger: Vec<Vec<u8>>,
    ) -> Result<i64, ProxyError> {
        let (partition, at) = (self.owner.partition(), now_ms());
        let mut records = Vec::with_capacity(sessions.len() + ledger.len());
        for (key, value) in sessions {
            records.push(Append::keyed(PROXY_SESSIONS, partition, key, value, at));
        }
        let first_of_ledger = records.len();
        records.extend(ledger.into_iter().map(|value| Append::new(PROXY_LEDGER, partition, value, at)));
        let offsets = append_until_done(&self.log, records).await?;
        let next = offsets.get(first_of_ledger..).and_then(|ledger| ledger.iter().max()).map_or(0, |last| last + 1);
        self.reached(next);
        Ok(next)
    }

    /// Carries out a plan of a group, until it is done. Answers nothing but that it is.
    pub(super) async fn commit(&self, group: &str, plan: &CommitPlan) -> Result<(), ProxyError> {
        let partition = self.owner.partition();
        let floor = self.floor(group, plan.ledger_from);
        let mut records = Vec::with_capacity(plan.records.len() + 1);
        for record in &plan.records {
            records.push(match record {
                PlannedRecord::Ledger(value) => Append::new(PROXY_LEDGER, partition, value.clone(), now_ms()),
                PlannedRecord::Session(key, Some(value)) => {
                    Append::keyed(PROXY_SESSIONS, partition, key.clone(), value.clone(), now_ms())
                }
                PlannedRecord::Session(key, None) => {
                    Append::tombstone(PROXY_SESSIONS, partition, key.clone(), now_ms())
                }
            });
        }
        let topic = GATEWAY_EVENTS;
        let group = miso_groups::consumer_group(group);
        let offsets =
            plan.offsets.iter().map(|&(partition, next)| OffsetCommit { group: group.clone(), topic, partition, next });
        self.transact(records, offsets.collect(), floor).await.map(drop)
    }

    /// The least ledger offset that any group needs.
    fn floor(&self, group: &str, from: i64) -> i64 {
        let mut floors = self.floors.lock().unwrap_or_else(PoisonError::into_inner);
        floors.insert(group.to_owned(), from);
        floors.values().copied().min().unwrap_or(from).max(0)
    }

    /// Makes sure that frames may be sent now.
    pub(super) async fn hold_lease(&self) -> Result<(), ProxyError> {
        if !self.owner.is_current() {
            return Err(ProxyError::Fenced(self.owner.partition()));
        }
        let until = *self.lease_until.lock().unwrap_or_else(PoisonError::into_inner);
        if Instant::now() + LEASE_MARGIN < until {
            return Ok(());
        }
        let floor = self.floors.lock().unwrap_or_else(PoisonError::into_inner).values().copied().min();
        let floor = floor.unwrap_or_else(|| self.head());
        self.transact(Vec::new(), Vec::new(), floor.max(0)).await.map(drop)
    }

    /// A clean hand-back.
    pub(super) async fn release(&self) {
        let (partition, at_ms) = (self.owner.partition(), now_ms());
        let released = HomeReleased { epoch: self.epoch, at_ms }.to_bytes();
        let records = vec![
            Append::new(PROXY_LEDGER, partition, released.clone(), at_ms),
            Append::keyed(PROXY_SESSIONS, partition, CLAIM_KEY, released, at_ms),
        ];
        let floor = self.floors.lock().unwrap_or_else(PoisonError::into_inner).values().copied().min();
        let floor = floor.unwrap_or_else(|| self.head()).max(0);
        if let Err(error) = self.transact(records, Vec::new(), floor).await {
            tracing::info!(partition, %error, "a home could not be handed back in order");
        }
    }

    /// A fenced transaction that also commits the home's own position and renews its lease. A
    /// transaction that carries nothing else carries a lease record: without one no broker sees it.
    async fn transact(
        &self,
        mut records: Vec<Append>,
        mut offsets: Vec<OffsetCommit>,
        floor: i64,
    ) -> Result<Vec<i64>, ProxyError> {
        let partition = self.owner.partition();
        if records.is_empty() {
            let at_ms = now_ms();
            records.push(Append::keyed(PROXY_SESSIONS, partition, LEASE_KEY, HomeLease { at_ms }.to_bytes(), at_ms));
        }
        // The home's own offset last: see the log's rules about owners.
        offsets.push(home_offset(partition, floor));
        let (done, at) = transact_until_done(&self.owner, &records, &offsets).await?;
        *self.lease_until.lock().unwrap_or_else(PoisonError::into_inner) = at + LEASE;
        let ledger = records.iter().zip(&done).filter(|(record, _)| record.topic == PROXY_LEDGER);
        self.reached(ledger.map(|(_, &offset)| offset + 1).max().unwrap_or(0));
        Ok(done)
    }
}

/// The position of the homes' group: where a takeover begins to read.
pub(super) fn home_offset(partition: i32, next: i64) -> OffsetCommit {
    OffsetCommit { group: HOME_GROUP.to_owned(), topic: PROXY_LEDGER, partition, next }
}

/// Tries a transaction until it happens or never can. Answers the offsets and when the attempt that
/// succeeded had begun.
pub(super) async fn transact_until_done(
    owner: &Owner,
    records: &[Append],
    offsets: &[OffsetCommit],
) -> Result<(Vec<i64>, Instant), ProxyError> {
    let mut backoff = BACKOFF;
    loop {
        let at = Instant::now();
        match owner.transact(records.to_vec(), offsets.to_vec()).await {
            Ok(done) => return Ok((done, at)),
            Err(TransactError::Retry(reason)) => {
                tracing::warn!(reason, partition = owner.partition(), "a home's transaction is tried again");
                tokio::time::sleep(backoff).await;
                backoff = (backoff * 2).min(MAX_BACKOFF);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Appends until the log takes it, or never will.
pub(super) async fn append_until_done(log: &SharedLog, records: Vec<Append>) -> Result<Vec<i64>, ProxyError> {
    let mut backoff = BACKOFF;
    loop {
        match log.append(records.clone()).await {
            Ok(offsets) => return Ok(offsets),
            Err(AppendError::Unavailable(reason)) => {
                if backoff == BACKOFF {
                    tracing::warn!(reason, "the proxy waits for the log");
                }
                tokio::time::sleep(backoff).await;
                backoff = (backoff * 2).min(MAX_BACKOFF);
            }
            Err(error) => return Err(error.into()),
        }
    }
}
