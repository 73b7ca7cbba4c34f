//! The ledger of one partition, folded from its last checkpoint to the own claim: what an earlier
//! owner left behind. Pure.

use std::collections::BTreeMap;

use miso_model::{
    BucketState, Intent, LogRecord, Outcome, RecordError, Returned, SenderCheckpoint, SenderClaim, SenderReleased,
};

/// A record of `rest.ledger`.
#[derive(Debug, Clone, PartialEq)]
pub enum LedgerRecord {
    /// An owner began.
    Claim(SenderClaim),
    /// An owner ended in order.
    Released(SenderReleased),
    /// Bytes are about to leave.
    Intent(Intent),
    /// They had no effect.
    Returned(Returned),
    /// An action ended.
    Outcome(Box<Outcome>),
    /// All before, summed up.
    Checkpoint(SenderCheckpoint),
}

impl LedgerRecord {
    /// Reads a record.
    ///
    /// # Errors
    /// [`RecordError`]: a newer version wrote it, or it is broken.
    pub fn read(bytes: &[u8]) -> Result<Self, RecordError> {
        if Intent::codec().wrote(bytes) {
            Intent::from_bytes(bytes).map(Self::Intent)
        } else if Outcome::codec().wrote(bytes) {
            Outcome::from_bytes(bytes).map(|outcome| Self::Outcome(Box::new(outcome)))
        } else if Returned::codec().wrote(bytes) {
            Returned::from_bytes(bytes).map(Self::Returned)
        } else if SenderCheckpoint::codec().wrote(bytes) {
            SenderCheckpoint::from_bytes(bytes).map(Self::Checkpoint)
        } else if SenderReleased::codec().wrote(bytes) {
            SenderReleased::from_bytes(bytes).map(Self::Released)
        } else {
            SenderClaim::from_bytes(bytes).map(Self::Claim)
        }
    }
}

/// An intent without outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenIntent {
    /// Of the last attempt.
    pub attempt: i32,
    /// When the first open attempt was committed, Unix milliseconds.
    pub since_ms: i64,
    /// Where the first open attempt stands in the ledger.
    pub ledger_offset: i64,
}

/// An action: whether it stands in `rest.interactions`, and its offset.
pub type ActionAt = (bool, i64);

/// What the ledger says.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The last epoch seen.
    pub epoch: i64,
    /// The last owner handed back in order, and nothing came after.
    pub released: bool,
    /// There was an owner before.
    pub claimed: bool,
    /// Intents without outcome.
    pub open: BTreeMap<ActionAt, OpenIntent>,
    /// Finished: from → to, by topic (`false` first).
    finished: [BTreeMap<i64, i64>; 2],
    /// Buckets that were spent or blocked.
    pub buckets: Vec<BucketState>,
    /// Unix milliseconds of invalid requests.
    pub invalid_ms: Vec<i64>,
}

/// Buckets carried over a restart, at most; the oldest are forgotten.
const MAX_RESTORED: usize = 10_000;

impl Ledger {
    /// Adds the record at `offset`; offsets increase.
    pub fn apply(&mut self, offset: i64, record: LedgerRecord) {
        match record {
            LedgerRecord::Claim(claim) => {
                self.epoch = self.epoch.max(claim.epoch);
                self.claimed = true;
                self.released = false;
            }
            LedgerRecord::Released(released) => {
                self.epoch = self.epoch.max(released.epoch);
                self.released = true;
            }
            LedgerRecord::Intent(intent) => {
                let at = (intent.interactions, intent.action_offset);
                if self.is_finished(at) {
                    return;
                }
                let open = self.open.entry(at).or_insert(OpenIntent {
                    attempt: intent.attempt,
                    since_ms: intent.at_ms,
                    ledger_offset: offset,
                });
                open.attempt = open.attempt.max(intent.attempt);
            }
            LedgerRecord::Returned(returned) => {
                let at = (returned.interactions, returned.action_offset);
                if self.open.get(&at).is_some_and(|open| open.attempt <= returned.attempt) {
                    self.open.remove(&at);
                }
                self.buckets.extend(returned.blocked);
                if returned.invalid {
                    self.invalid_ms.push(returned.at_ms);
                }
            }
            LedgerRecord::Outcome(outcome) => self.outcome(&outcome),
            LedgerRecord::Checkpoint(checkpoint) => {
                self.epoch = self.epoch.max(checkpoint.epoch);
                for range in checkpoint.finished {
                    let known = self.finished[usize::from(range.interactions)].entry(range.from).or_insert(range.to);
                    *known = (*known).max(range.to);
                }
                self.buckets = checkpoint.buckets;
                self.invalid_ms = checkpoint.invalid_ms;
            }
        }
        let over = self.buckets.len().saturating_sub(MAX_RESTORED);
        self.buckets.drain(..over);
    }

    fn outcome(&mut self, outcome: &Outcome) {
        let at = (outcome.interactions, outcome.action_offset);
        self.open.remove(&at);
        self.finished[usize::from(at.0)].insert(at.1, at.1 + 1);
        if matches!(outcome.status, 401 | 403) {
            self.invalid_ms.push(outcome.received_ms);
        }
        if let Some(seen) = &outcome.bucket
            && let (Some(route), Some(major)) = (&seen.route, &seen.major)
        {
            self.buckets.push(BucketState {
                route: route.clone(),
                major: major.clone(),
                hash: Some(seen.hash.clone()),
                limit: seen.limit,
                remaining: seen.remaining,
                resets_ms: outcome.received_ms + seen.reset_after_ms,
            });
        }
    }

    fn is_finished(&self, (interactions, offset): ActionAt) -> bool {
        let finished = &self.finished[usize::from(interactions)];
        finished.range(..=offset).next_back().is_some_and(|(_, to)| offset < *to)
    }

    /// Finished ranges of one topic, half open.
    pub fn finished(&self, interactions: bool) -> impl Iterator<Item = (i64, i64)> + '_ {
        self.finished[usize::from(interactions)].iter().map(|(&from, &to)| (from, to))
    }
}

#[cfg(test)]
mod tests {
    use miso_model::{FinishedRange, OutcomeKind, Payload};

    use super::*;

    fn intent(offset: i64, attempt: i32, at_ms: i64) -> LedgerRecord {
        LedgerRecord::Intent(Intent {
            action_id: Payload::default(),
            action_offset: offset,
            interactions: false,
            attempt,
            nonce: None,
            bucket: None,
            at_ms,
        })
    }

    fn returned(offset: i64, attempt: i32) -> LedgerRecord {
        LedgerRecord::Returned(Returned {
            action_id: Payload::default(),
            action_offset: offset,
            interactions: false,
            attempt,
            status: 429,
            blocked: None,
            invalid: true,
            at_ms: 9,
        })
    }

    fn outcome(offset: i64) -> LedgerRecord {
        LedgerRecord::Outcome(Box::new(Outcome {
            action_id: Payload::default(),
            action_offset: offset,
            interactions: false,
            kind: OutcomeKind::Done,
            status: 403,
            reason: None,
            headers: Vec::new(),
            body: Payload::default(),
            bucket: None,
            received_ms: 7,
        }))
    }

    fn fold(records: impl IntoIterator<Item = LedgerRecord>) -> Ledger {
        let mut ledger = Ledger::default();
        for (offset, record) in records.into_iter().enumerate() {
            ledger.apply(i64::try_from(offset).expect("small"), record);
        }
        ledger
    }

    #[test]
    fn an_intent_is_open_until_its_outcome_or_its_return() {
        let ledger = fold([intent(1, 1, 5), intent(2, 1, 6), outcome(1), intent(3, 1, 7), returned(3, 1)]);
        assert_eq!(ledger.open.keys().collect::<Vec<_>>(), [&(false, 2)]);
        assert_eq!(ledger.finished(false).collect::<Vec<_>>(), [(1, 2)]);
        assert_eq!(ledger.invalid_ms, [7, 9]);
    }

    #[test]
    fn a_return_voids_its_attempt_and_no_later_one() {
        let ledger = fold([intent(1, 1, 5), intent(1, 2, 8), returned(1, 1)]);
        assert_eq!(ledger.open[&(false, 1)], OpenIntent { attempt: 2, since_ms: 5, ledger_offset: 0 });
    }

    #[test]
    fn a_repeat_keeps_the_time_of_its_first_attempt() {
        let ledger = fold([intent(1, 1, 5), intent(1, 2, 100)]);
        assert_eq!(ledger.open[&(false, 1)].since_ms, 5);
    }

    #[test]
    fn a_checkpoint_replaces_what_came_before_but_not_open_intents() {
        let checkpoint = SenderCheckpoint {
            epoch: 4,
            committed: 1,
            committed_interactions: 0,
            finished: vec![FinishedRange { interactions: false, from: 5, to: 8 }],
            buckets: Vec::new(),
            invalid_ms: vec![3],
            ledger_offset: 0,
            at_ms: 0,
        };
        let ledger = fold([intent(1, 1, 5), outcome(2), LedgerRecord::Checkpoint(checkpoint), intent(6, 1, 9)]);
        assert_eq!(ledger.open.len(), 1, "an action that the checkpoint knows as finished is not open");
        assert_eq!(ledger.finished(false).collect::<Vec<_>>(), [(2, 3), (5, 8)]);
        assert_eq!((ledger.epoch, ledger.invalid_ms.as_slice()), (4, &[3_i64][..]));
    }

    #[test]
    fn a_claim_after_a_release_is_a_crash_again() {
        let claim = |epoch| LedgerRecord::Claim(SenderClaim { epoch, address: String::new(), at_ms: 0 });
        let released = LedgerRecord::Released(SenderReleased { epoch: 1, at_ms: 0 });
        assert!(fold([claim(1), released.clone()]).released);
        let ledger = fold([claim(1), released, claim(2)]);
        assert_eq!((ledger.released, ledger.claimed, ledger.epoch), (false, true, 2));
    }
}
