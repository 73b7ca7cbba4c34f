//! What a home was when its last owner died: from the checkpoints, the ledger on top of them, and the
//! committed positions. Pure.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use miso_model::{
    Acked, Asked, Balance, Ended, GroupCheckpoint, HandlerGroup, HomeClaim, LogRecord, SLOTS, Sent, SentItem, SentKind,
    SessionCheckpoint,
};

use super::Slice;
use super::item::{Item, unpacked};
use super::members::AskedBy;
use super::packing::{unpack, unpack_offsets};
use super::partition::Partition;
use super::session::{Phase, Session, Wishes};

/// A record of `proxy.ledger`, decoded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LedgerEntry {
    Claim(HomeClaim),
    Sent(Sent),
    Acked(Acked),
    Ended(Ended),
    Asked(Asked),
}

impl LedgerEntry {
    /// `None`: a lease, a hand-back, or what a newer version wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        if Sent::codec().wrote(bytes) {
            return Sent::from_bytes(bytes).ok().map(Self::Sent);
        }
        if Acked::codec().wrote(bytes) {
            return Acked::from_bytes(bytes).ok().map(Self::Acked);
        }
        if Ended::codec().wrote(bytes) {
            return Ended::from_bytes(bytes).ok().map(Self::Ended);
        }
        if Asked::codec().wrote(bytes) {
            return Asked::from_bytes(bytes).ok().map(Self::Asked);
        }
        HomeClaim::codec().wrote(bytes).then(|| HomeClaim::from_bytes(bytes).ok()).flatten().map(Self::Claim)
    }

    fn epoch(&self) -> i64 {
        match self {
            Self::Claim(record) => record.epoch,
            Self::Sent(record) => record.home_epoch,
            Self::Acked(record) => record.home_epoch,
            Self::Ended(record) => record.home_epoch,
            Self::Asked(record) => record.home_epoch,
        }
    }
}

/// Where a home begins.
#[derive(Debug)]
pub(crate) struct Restored {
    pub(super) partitions: Vec<Partition>,
    pub(super) sessions: Vec<Session>,
    pub(super) asked: Vec<(String, AskedBy)>,
    /// Ended in the ledger, their checkpoints still there.
    pub(super) ended: Vec<Arc<str>>,
    pub(super) ledger_next: i64,
    /// The group has a checkpoint.
    pub(super) is_checkpointed: bool,
}

/// What a group was. `positions`: its committed ones, one per partition. `ledger`: all records from
/// the least `ledger_offset` of the checkpoints of this home up to its own claim, in order; `None`
/// where retention removed some of them: every session is ended then, and what they had is delivered
/// again.
pub(crate) fn restore(
    group: &HandlerGroup,
    positions: &[i64],
    checkpoint: Option<&GroupCheckpoint>,
    sessions: Vec<(String, SessionCheckpoint)>,
    ledger: Option<&[(i64, LedgerEntry)]>,
    ledger_next: i64,
    now: i64,
) -> Restored {
    let mut restoring = Restoring::new(&group.name, checkpoint, sessions, now);
    match ledger {
        Some(ledger) => restoring.apply(ledger),
        None => restoring.end_all(),
    }
    restoring.finish(positions, checkpoint, ledger_next, group.balance == Balance::Event)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Open,
    Sent,
}

struct Restoring {
    /// The ledger from here on changes `marks`.
    group_from: i64,
    /// The ledger from here on changes the session.
    session_from: HashMap<Arc<str>, i64>,
    sessions: HashMap<Arc<str>, Session>,
    marks: BTreeMap<(i32, i64), Mark>,
    /// Who owned a guild last, and the ledger offset at which that was so.
    owners: HashMap<u64, (i64, Arc<str>)>,
    asked: Vec<(String, AskedBy)>,
    ended: Vec<Arc<str>>,
    now: i64,
}

impl Restoring {
    fn new(
        group: &str,
        checkpoint: Option<&GroupCheckpoint>,
        sessions: Vec<(String, SessionCheckpoint)>,
        now: i64,
    ) -> Self {
        let mut this = Self {
            group_from: checkpoint.map_or(i64::MIN, |checkpoint| checkpoint.ledger_offset),
            session_from: HashMap::new(),
            sessions: HashMap::new(),
            marks: BTreeMap::new(),
            owners: HashMap::new(),
            asked: Vec::new(),
            ended: Vec::new(),
            now,
        };
        for (id, checkpoint) in sessions.into_iter().filter(|(_, checkpoint)| checkpoint.group == group) {
            let id: Arc<str> = id.into();
            this.session_from.insert(Arc::clone(&id), checkpoint.ledger_offset);
            for guild in &checkpoint.guilds {
                this.owns(guild.0, checkpoint.ledger_offset, &id);
            }
            this.sessions.insert(Arc::clone(&id), session_of(id, &checkpoint));
        }
        for read in checkpoint.into_iter().flat_map(|checkpoint| &checkpoint.partitions) {
            for offset in unpack_offsets(&read.open).unwrap_or_default() {
                this.marks.insert((read.partition, offset), Mark::Open);
            }
            // Sent before, and pending nowhere.
            for offset in unpack_offsets(&read.done).unwrap_or_default() {
                this.marks.insert((read.partition, offset), Mark::Sent);
            }
        }
        for asked in checkpoint.into_iter().flat_map(|checkpoint| &checkpoint.asked) {
            this.ask(asked);
        }
        this
    }

    fn apply(&mut self, ledger: &[(i64, LedgerEntry)]) {
        let mut epoch = i64::MIN;
        for (offset, entry) in ledger {
            if entry.epoch() < epoch {
                // Written by a home that had been replaced: void.
                continue;
            }
            match entry {
                LedgerEntry::Claim(claim) => epoch = claim.epoch,
                LedgerEntry::Sent(sent) => self.sent(*offset, sent),
                LedgerEntry::Acked(acked) => self.acked(*offset, acked),
                LedgerEntry::Ended(ended) => self.ended(*offset, &ended.session_id),
                LedgerEntry::Asked(asked) => self.ask(asked),
            }
        }
    }

    fn session_at(&mut self, id: &str, offset: i64) -> Option<&mut Session> {
        if self.session_from.get(id).is_none_or(|&from| offset < from) {
            return None;
        }
        self.sessions.get_mut(id)
    }

    /// A checkpoint or a snapshot says so; the latest counts. A checkpoint that was not renewed since
    /// a guild moved away still lists it.
    fn owns(&mut self, guild: u64, offset: i64, id: &Arc<str>) {
        let known = self.owners.entry(guild).or_insert_with(|| (offset, Arc::clone(id)));
        if offset >= known.0 {
            *known = (offset, Arc::clone(id));
        }
    }

    fn sent(&mut self, offset: i64, sent: &Sent) {
        if offset >= self.group_from && self.session_from.contains_key(&*sent.session_id) {
            for place in sent.items.iter().flat_map(places) {
                self.marks.insert(place, Mark::Sent);
            }
        }
        let now = self.now;
        let mut taken = Vec::new();
        let Some(session) = self.session_at(&sent.session_id, offset) else { return };
        let id = Arc::clone(&session.id);
        let known = usize::try_from(session.next - sent.first_sequence).unwrap_or(usize::MAX);
        for item in unpacked(&sent.items).into_iter().skip(known) {
            match item {
                Item::Snapshot { guild, .. } => {
                    session.guilds.insert(guild);
                    taken.push(guild);
                }
                Item::Gone(guild) => drop(session.guilds.remove(&guild)),
                _ => {}
            }
            session.items.push_back(item);
            session.next += 1;
        }
        session.logged = session.next - 1;
        session.heard_at = session.heard_at.min(now);
        for guild in taken {
            self.owns(guild, offset, &id);
        }
    }

    fn acked(&mut self, offset: i64, acked: &Acked) {
        let since_group = offset >= self.group_from;
        let Some(session) = self.session_at(&acked.session_id, offset) else { return };
        let count = usize::try_from(acked.sequence - session.settled).unwrap_or(0).min(session.items.len());
        let finished: Vec<Item> = session.items.drain(..count).collect();
        session.settled += i64::try_from(count).unwrap_or(0);
        session.acked = session.settled;
        session.acked_logged = session.settled;
        // The group's checkpoint knew them as pending.
        for item in finished.into_iter().filter(|_| since_group) {
            if let Item::Event { partition, offset, .. } = item {
                self.marks.insert((partition, offset), Mark::Sent);
            }
        }
    }

    fn ended(&mut self, offset: i64, id: &str) {
        let Some((id, session)) = self.sessions.remove_entry(id) else { return };
        // An older checkpoint of the group does not know of it; a newer one has reopened the rest itself.
        if offset >= self.group_from {
            self.reopen(&session);
        }
        self.ended.push(id);
    }

    fn reopen(&mut self, session: &Session) {
        for item in &session.items {
            if let Item::Event { partition, offset, .. } = item {
                self.marks.insert((*partition, *offset), Mark::Open);
            }
        }
    }

    fn end_all(&mut self) {
        for (id, session) in std::mem::take(&mut self.sessions) {
            self.reopen(&session);
            self.ended.push(id);
        }
    }

    fn ask(&mut self, asked: &Asked) {
        let by = AskedBy { session: asked.session_id.as_str().into(), nonce: asked.client_nonce.clone() };
        self.asked.retain(|(request, _)| *request != asked.request_id);
        self.asked.push((asked.request_id.clone(), by));
    }

    fn finish(
        mut self,
        positions: &[i64],
        checkpoint: Option<&GroupCheckpoint>,
        ledger_next: i64,
        by_event: bool,
    ) -> Restored {
        let mut partitions: Vec<Partition> = (0..SLOTS)
            .map(|number| {
                let position = usize::try_from(number).ok().and_then(|p| positions.get(p)).copied().unwrap_or(0);
                let mut partition = Partition::new(position);
                let mut reads = checkpoint.into_iter().flat_map(|checkpoint| &checkpoint.partitions);
                let read = reads.find(|read| read.partition == number);
                partition.end = read.map_or(position, |read| read.end.max(position));
                partition
            })
            .collect();
        let mut sessions: Vec<Session> = std::mem::take(&mut self.sessions).into_values().collect();
        sessions.sort_by(|a, b| a.id.cmp(&b.id));
        for session in &mut sessions {
            if !by_event {
                session.guilds.retain(|guild| self.owners.get(guild).is_none_or(|(_, owner)| *owner == session.id));
            }
            for item in &session.items {
                if let Item::Event { partition, offset, .. } = item
                    && let Some(state) = usize::try_from(*partition).ok().and_then(|p| partitions.get_mut(p))
                {
                    self.marks.remove(&(*partition, *offset));
                    state.sent.insert(*offset);
                    state.restored_until = state.restored_until.max(*offset);
                }
            }
            session.rewind(session.settled, self.now);
            session.phase = Phase::Away(self.now);
        }
        for ((number, offset), mark) in self.marks {
            let Some(state) = usize::try_from(number).ok().and_then(|p| partitions.get_mut(p)) else { continue };
            match mark {
                // Behind the committed position everything is finished; beyond the end it is read anew.
                Mark::Open if offset >= state.committed && offset < state.end => drop(state.open.insert(offset)),
                // Sent, and pending nowhere: it was acknowledged.
                Mark::Sent if offset >= state.end => {
                    state.done.insert(offset);
                    state.restored_until = state.restored_until.max(offset);
                }
                Mark::Open | Mark::Sent => {}
            }
        }
        let is_checkpointed = checkpoint.is_some();
        Restored { partitions, sessions, asked: self.asked, ended: self.ended, ledger_next, is_checkpointed }
    }
}

fn places(item: &SentItem) -> Vec<(i32, i64)> {
    match (&item.kind, &item.events) {
        (SentKind::Events, Some(events)) => unpack(events).unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn session_of(id: Arc<str>, checkpoint: &SessionCheckpoint) -> Session {
    let shard = checkpoint.shard.zip(checkpoint.shard_count).map(|(i, n)| (i64::from(i), i64::from(n)));
    let wishes = Wishes {
        shard,
        slice: shard.and_then(|(i, n)| Slice::new(i, n)).unwrap_or(Slice::WHOLE),
        intents: u32::try_from(checkpoint.intents).unwrap_or(u32::MAX),
        version: checkpoint.version,
        large_threshold: usize::try_from(checkpoint.large_threshold).unwrap_or(50),
    };
    let mut session = Session::new(id, wishes, Phase::Away(0), checkpoint.seen_ms);
    session.settled = checkpoint.acked;
    session.acked = checkpoint.acked;
    session.acked_logged = checkpoint.acked;
    session.items = unpacked(&checkpoint.pending).into();
    session.next = checkpoint.next_sequence;
    session.logged = checkpoint.next_sequence - 1;
    session.guilds = checkpoint.guilds.iter().map(|guild| guild.0).collect();
    session.is_urgent = false;
    session.checkpoint_offset = checkpoint.ledger_offset;
    session
}
