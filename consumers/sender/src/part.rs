//! What the sender knows of one owned partition.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use bytes::Bytes;
use miso_log::catalogue::{REST_ACTIONS, REST_INTERACTIONS, REST_LEDGER};
use miso_log::{Append, OffsetCommit, Owner, Revocation};
use miso_model::Action;

use crate::adopt::Adoption;
use crate::bucket::Moment;
use crate::ledger::{ActionAt, OpenIntent};
use crate::progress::Progress;
use crate::scheduler::Ticket;
use crate::takeover::{GROUP, LEDGER_GROUP, Takeover};

/// Records in one transaction of outcomes, at most; more wait for the next.
pub(crate) const BATCH_RECORDS: usize = 512;
/// Bytes in one transaction of outcomes, about; more wait for the next.
pub(crate) const BATCH_BYTES: usize = 8 * 1_024 * 1_024;
/// Invalid requests remembered per partition, at most (Discord's own bound).
const MAX_INVALID: usize = 10_000;

/// A record for the ledger, and what is over once it is there.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) record: Bytes,
    /// The action that is finished by it.
    pub(crate) finishes: Option<ActionAt>,
    /// Its job, where it had one.
    pub(crate) ticket: Option<Ticket>,
    /// The action that follows from it, in the same transaction.
    pub(crate) then: Option<Append>,
}

/// Actions of one order key that wait until an earlier owner's intents on it are settled.
#[derive(Debug, Default)]
pub(crate) struct Hold {
    pub(crate) unsettled: usize,
    pub(crate) parked: Vec<(ActionAt, Box<Action>)>,
}

/// How a partition stands.
#[derive(Debug)]
pub(crate) enum Phase {
    /// Claiming and reading the ledger.
    Starting,
    Live,
    /// No intake; what is in flight is settled, then it is handed back.
    /// The revocation is answered when this is dropped.
    Draining {
        _revocation: Option<Revocation>,
        until: Moment,
        released: bool,
    },
}

#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) owner: Owner,
    /// Of this process; results of an older assignment are dropped.
    pub(crate) assignment: u64,
    pub(crate) phase: Phase,
    pub(crate) epoch: i64,
    /// By topic: actions, interactions.
    pub(crate) progress: [Progress; 2],
    pub(crate) committed: [i64; 2],
    /// Read again only for the retries that may be adopted.
    pub(crate) history_until: [i64; 2],
    pub(crate) open_intents: BTreeMap<ActionAt, OpenIntent>,
    /// Open intents are settled from this moment on.
    pub(crate) settle_from: Moment,
    /// Its share of the global limit counts from this moment on.
    pub(crate) share_from: Moment,
    pub(crate) holds: HashMap<String, Hold>,
    pub(crate) adoption: Adoption,
    /// Not finished, by place: jobs.
    pub(crate) tickets: HashMap<ActionAt, Ticket>,
    /// Actions read whose outcomes are not in the ledger yet, jobs or not.
    pub(crate) unfinished: HashSet<ActionAt>,
    /// Retries that take the result of an unfinished action that is no job (it waits for its order key, or its
    /// outcome is on its way into the ledger), by that action.
    pub(crate) awaiting: HashMap<ActionAt, Vec<(ActionAt, Box<Action>)>>,
    /// Granted, their intents to be committed.
    pub(crate) intents: Vec<Ticket>,
    /// The ledger's end when the running transaction of intents began.
    pub(crate) intents_running: Option<i64>,
    pub(crate) outcomes: VecDeque<Entry>,
    pub(crate) outcomes_running: Option<i64>,
    /// One past the last own record in the ledger.
    pub(crate) ledger_end: i64,
    pub(crate) changed: bool,
    pub(crate) checkpoint_due: Moment,
    pub(crate) invalid_ms: VecDeque<i64>,
}

impl Part {
    pub(crate) fn new(owner: Owner, assignment: u64) -> Self {
        Self {
            owner,
            assignment,
            phase: Phase::Starting,
            epoch: 0,
            progress: Default::default(),
            committed: [0; 2],
            history_until: [0; 2],
            open_intents: BTreeMap::new(),
            settle_from: Moment::ZERO,
            share_from: Moment::ZERO,
            holds: HashMap::new(),
            adoption: Adoption::default(),
            tickets: HashMap::new(),
            unfinished: HashSet::new(),
            awaiting: HashMap::new(),
            intents: Vec::new(),
            intents_running: None,
            outcomes: VecDeque::new(),
            outcomes_running: None,
            ledger_end: 0,
            changed: false,
            checkpoint_due: Moment::ZERO,
            invalid_ms: VecDeque::new(),
        }
    }

    /// Goes live with what the takeover found.
    pub(crate) fn begin(&mut self, found: &mut Takeover, takeover_wait: Moment) {
        self.phase = Phase::Live;
        self.epoch = found.epoch;
        self.committed = found.committed;
        self.history_until = found.committed;
        self.ledger_end = found.claim_offset + 1;
        let ledger = &mut found.ledger;
        self.progress = [false, true].map(|interactions| {
            Progress::new(found.committed[usize::from(interactions)], ledger.finished(interactions))
        });
        self.open_intents = std::mem::take(&mut ledger.open);
        let committed = self.committed;
        self.open_intents.retain(|(interactions, offset), _| *offset >= committed[usize::from(*interactions)]);
        let crashed = ledger.claimed && !ledger.released;
        self.settle_from = found.claimed_at + takeover_wait;
        self.share_from = if crashed { found.claimed_at + crate::config::LEASE } else { found.claimed_at };
        self.invalid_ms = std::mem::take(&mut ledger.invalid_ms).into();
        self.changed = true;
    }

    /// Forgets the actions that wait for others; how many there were.
    pub(crate) fn forget_parked(&mut self) -> usize {
        let held: usize = self.holds.drain().map(|(_, hold)| hold.parked.len()).sum();
        held + self.awaiting.drain().map(|(_, retries)| retries.len()).sum::<usize>()
    }

    pub(crate) fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live)
    }

    pub(crate) fn is_draining(&self) -> bool {
        matches!(self.phase, Phase::Draining { .. })
    }

    pub(crate) fn note_invalid(&mut self, at_ms: i64) {
        if self.invalid_ms.len() >= MAX_INVALID {
            self.invalid_ms.pop_front();
        }
        self.invalid_ms.push_back(at_ms);
    }

    /// Nothing more to be written but the release.
    pub(crate) fn is_settled(&self, out: impl Fn(Ticket) -> bool) -> bool {
        self.outcomes.is_empty()
            && self.outcomes_running.is_none()
            && self.intents_running.is_none()
            && !self.tickets.values().any(|ticket| out(*ticket))
    }

    /// From where a later owner must read the ledger: nothing below it is unsettled.
    pub(crate) fn ledger_needed_from(&self, open: impl Iterator<Item = i64>) -> i64 {
        let running = [self.intents_running, self.outcomes_running].into_iter().flatten();
        let before = self.open_intents.values().map(|intent| intent.ledger_offset);
        running.chain(before).chain(open).chain([self.ledger_end]).min().unwrap_or(0)
    }

    pub(crate) fn commits(&mut self) -> Vec<OffsetCommit> {
        let partition = self.owner.partition();
        let mut commits = Vec::new();
        for (index, topic) in [(1, REST_INTERACTIONS), (0, REST_ACTIONS)] {
            let next = self.progress[index].next();
            if next > self.committed[index] {
                self.committed[index] = next;
                commits.push(OffsetCommit { group: GROUP.to_owned(), topic, partition, next });
            }
        }
        commits
    }

    pub(crate) fn ledger_commit(&self, next: i64) -> OffsetCommit {
        OffsetCommit { group: LEDGER_GROUP.to_owned(), topic: REST_LEDGER, partition: self.owner.partition(), next }
    }
}
