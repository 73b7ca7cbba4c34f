//! What waits to be appended by one owner of shards, and how it becomes transactions. Pure.
//!
//! A transaction is a prefix of what waits, and a [`Checkpoint`] of every shard in it that says
//! exactly what was appended. Things that may only happen after a commit (opening a connection)
//! stand in the same queue, so they happen after everything before them is in the log.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use miso_log::Append;
use miso_log::catalogue::{GATEWAY_CHECKPOINTS, GATEWAY_EVENTS};
use miso_model::{Checkpoint, EventView, GatewayGap, GuildId, LogRecord, SLOTS, ShardReady, ShardState, slot};

use crate::route::route;
use crate::scan::Frame;
use crate::session::{Lost, Session, ShardSession};

/// Events of one transaction, at most.
pub(crate) const TRANSACTION_EVENTS: usize = 1_000;
/// Bytes of one transaction, about: an event larger than what is left goes into the next.
pub(crate) const TRANSACTION_BYTES: usize = 8 * 1_024 * 1_024;
/// What an item counts for beside its payload.
const ITEM_BYTES: usize = 160;

/// Whose transactions these are.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// Partition of `gateway.checkpoints`.
    pub(crate) partition: i32,
    pub(crate) epoch: i64,
    pub(crate) shard_count: i32,
}

/// A shard's checkpoint as it will stand when everything before it is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) session: Option<Session>,
    pub(crate) sequence: i64,
    pub(crate) state: ShardState,
}

#[derive(Debug)]
struct Item {
    shard: i32,
    records: Vec<Append>,
    bytes: usize,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Event {
        sequence: i64,
    },
    Ready {
        session: Session,
        sequence: i64,
    },
    Lost,
    Connecting,
    /// Records of no shard of ours: a forwarded command, an old checkpoint taken out.
    Other,
    /// Only the checkpoint again, for a transaction that would carry nothing else.
    Touch,
}

/// Records of a transaction and how many items they stand for.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) records: Vec<Append>,
    items: usize,
    pub(crate) events: usize,
}

/// What waits.
#[derive(Debug)]
pub(crate) struct Outbox {
    identity: Identity,
    items: VecDeque<Item>,
    bytes: usize,
    /// Per shard, as last committed.
    committed: BTreeMap<i32, Standing>,
}

impl Outbox {
    pub(crate) fn new(identity: Identity, committed: BTreeMap<i32, Standing>) -> Self {
        Self { identity, items: VecDeque::new(), bytes: 0, committed }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn push(&mut self, shard: i32, records: Vec<Append>, step: Step) {
        let bytes = ITEM_BYTES + records.iter().map(Append::len).sum::<usize>();
        self.bytes += bytes;
        self.items.push_back(Item { shard, records, bytes, step });
    }

    /// The record of a dispatch.
    pub(crate) fn record(&self, shard: i32, session_id: &str, frame: &Frame<'_>, sequence: i64, now_ms: i64) -> Append {
        let event_type = frame.t.unwrap_or_default();
        let place = route(event_type, &frame.routing);
        let view = EventView {
            shard,
            shard_count: self.identity.shard_count,
            session_id,
            sequence,
            epoch: self.identity.epoch,
            received_at_ms: now_ms,
            event_type,
            guild_id: place.guild_id,
            channel_id: place.channel_id,
            user_id: place.user_id,
            d: frame.d.as_bytes(),
        };
        Append::new(GATEWAY_EVENTS, place.partition, view.encode(), now_ms)
    }

    /// A dispatch was received.
    pub(crate) fn event(&mut self, shard: i32, sequence: i64, record: Append) {
        self.push(shard, vec![record], Step::Event { sequence });
    }

    /// A dispatch that the log can never take: only its sequence is remembered.
    pub(crate) fn skip(&mut self, shard: i32, sequence: i64) {
        self.push(shard, Vec::new(), Step::Event { sequence });
    }

    /// READY was received: every partition is told which of its guilds the shard has.
    pub(crate) fn ready(&mut self, shard: i32, session: Session, sequence: i64, record: Append, guilds: &[GuildId]) {
        let at_ms = record.timestamp_ms;
        let mut by_slot: BTreeMap<i32, Vec<GuildId>> = (0..SLOTS).map(|partition| (partition, Vec::new())).collect();
        for &guild in guilds {
            by_slot.entry(slot(guild)).or_default().push(guild);
        }
        let mut records: Vec<Append> = by_slot
            .into_iter()
            .map(|(partition, guild_ids)| {
                let ready = ShardReady {
                    shard,
                    shard_count: self.identity.shard_count,
                    session_id: session.id.clone(),
                    epoch: self.identity.epoch,
                    at_ms,
                    guild_ids,
                };
                Append::new(GATEWAY_EVENTS, partition, ready.to_bytes(), at_ms)
            })
            .collect();
        records.push(record);
        self.push(shard, records, Step::Ready { session, sequence });
    }

    /// A session is gone with what it had not sent: every partition is told.
    pub(crate) fn lost(&mut self, shard: i32, lost: &Lost, now_ms: i64) {
        let records = gap_records(shard, self.identity.shard_count, lost, now_ms);
        self.push(shard, records, Step::Lost);
    }

    /// A checkpoint of shards that are no more (their number changed): a gap, and its key is taken out.
    pub(crate) fn retire(&mut self, shard: i32, shard_count: i32, lost: Option<&Lost>, now_ms: i64) {
        let mut records = lost.map(|lost| gap_records(shard, shard_count, lost, now_ms)).unwrap_or_default();
        let key = checkpoint_key(shard, shard_count);
        records.push(Append::tombstone(GATEWAY_CHECKPOINTS, self.identity.partition, key, now_ms));
        self.push(shard, records, Step::Other);
    }

    /// A connection is wanted: [`committed`](Self::committed) says when it may be opened.
    pub(crate) fn connecting(&mut self, shard: i32) {
        self.push(shard, Vec::new(), Step::Connecting);
    }

    /// A record that goes along.
    pub(crate) fn other(&mut self, shard: i32, record: Append) {
        self.push(shard, vec![record], Step::Other);
    }

    /// Makes sure that there is a transaction.
    pub(crate) fn touch(&mut self, shard: i32) {
        if self.items.is_empty() {
            self.push(shard, Vec::new(), Step::Touch);
        }
    }

    /// The next transaction: the same again until it is committed. `None` when nothing waits.
    pub(crate) fn transaction(&self, now_ms: i64) -> Option<Transaction> {
        let mut standings: BTreeMap<i32, Standing> = BTreeMap::new();
        let mut touched = BTreeSet::new();
        let (mut records, mut items, mut events, mut bytes) = (Vec::new(), 0, 0, 0);
        for item in &self.items {
            if events >= TRANSACTION_EVENTS || (items > 0 && bytes + item.bytes > TRANSACTION_BYTES) {
                break;
            }
            records.extend(item.records.iter().cloned());
            items += 1;
            bytes += item.bytes;
            events += usize::from(matches!(item.step, Step::Event { .. } | Step::Ready { .. }));
            if !matches!(item.step, Step::Other) {
                touched.insert(item.shard);
                let standing = standings.entry(item.shard).or_insert_with(|| self.standing(item.shard));
                standing.step(&item.step);
            }
        }
        for shard in touched {
            if let Some(standing) = standings.get(&shard) {
                records.push(self.checkpoint(shard, standing, now_ms));
            }
        }
        (items > 0).then_some(Transaction { records, items, events })
    }

    /// Whether the transaction carries everything that waits.
    pub(crate) fn is_all(&self, transaction: &Transaction) -> bool {
        transaction.items == self.items.len()
    }

    /// The transaction is in the log; answers the shards whose connection may be opened now.
    pub(crate) fn committed(&mut self, transaction: &Transaction) -> Vec<i32> {
        let mut opened = Vec::new();
        for item in self.items.drain(..transaction.items) {
            self.bytes -= item.bytes;
            if matches!(item.step, Step::Connecting) {
                opened.push(item.shard);
            }
            if !matches!(item.step, Step::Other) {
                self.committed.entry(item.shard).or_insert_with(Standing::none).step(&item.step);
            }
        }
        opened
    }

    /// Whether the READY or RESUMED that made this session live is in the log.
    pub(crate) fn has_committed(&self, shard: i32, session: &ShardSession) -> bool {
        self.committed
            .get(&shard)
            .is_some_and(|standing| standing.session == session.session && standing.sequence >= session.live_at)
    }

    fn standing(&self, shard: i32) -> Standing {
        self.committed.get(&shard).cloned().unwrap_or_else(Standing::none)
    }

    fn checkpoint(&self, shard: i32, standing: &Standing, now_ms: i64) -> Append {
        let checkpoint = Checkpoint {
            shard,
            shard_count: self.identity.shard_count,
            session_id: standing.session.as_ref().map(|session| session.id.clone()),
            resume_url: standing.session.as_ref().and_then(|session| session.resume_url.clone()),
            sequence: standing.sequence,
            state: standing.state.clone(),
            epoch: self.identity.epoch,
            at_ms: now_ms,
        };
        let key = checkpoint_key(shard, self.identity.shard_count);
        Append::keyed(GATEWAY_CHECKPOINTS, self.identity.partition, key, checkpoint.to_bytes(), now_ms)
    }
}

impl Standing {
    fn none() -> Self {
        Self { session: None, sequence: 0, state: ShardState::Connecting }
    }

    /// An IDENTIFY may have gone out whose READY never came into the log.
    pub(crate) fn is_unseen(&self) -> bool {
        self.session.is_none() && self.state == ShardState::Connecting
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Event { sequence } => {
                self.sequence = *sequence;
                self.state = ShardState::Live;
            }
            Step::Ready { session, sequence } => {
                *self = Self { session: Some(session.clone()), sequence: *sequence, state: ShardState::Live };
            }
            Step::Lost => *self = Self::none(),
            Step::Connecting => self.state = ShardState::Connecting,
            Step::Other | Step::Touch => {}
        }
    }
}

/// `shard/count`.
pub(crate) fn checkpoint_key(shard: i32, shard_count: i32) -> Bytes {
    format!("{shard}/{shard_count}").into()
}

fn gap_records(shard: i32, shard_count: i32, lost: &Lost, now_ms: i64) -> Vec<Append> {
    let gap = GatewayGap {
        shard,
        shard_count,
        session_id: lost.session_id.clone(),
        after_sequence: lost.after_sequence,
        reason: lost.reason.to_owned(),
        at_ms: now_ms,
    };
    let bytes = Bytes::from(gap.to_bytes());
    (0..SLOTS).map(|partition| Append::new(GATEWAY_EVENTS, partition, bytes.clone(), now_ms)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;
    use crate::scan::scan;

    fn outbox() -> Outbox {
        Outbox::new(Identity { partition: 3, epoch: 5, shard_count: 2 }, BTreeMap::new())
    }

    fn session(id: &str) -> Session {
        Session { id: id.to_owned(), resume_url: Some("ws://r".to_owned()) }
    }

    fn add_event(outbox: &mut Outbox, shard: i32, sequence: i64, bytes: usize) {
        let text = format!(r#"{{"t":"X","s":{sequence},"op":0,"d":{{"text":"{}"}}}}"#, "x".repeat(bytes));
        let record = outbox.record(shard, "a", &scan(&text).expect("a frame"), sequence, 1);
        outbox.event(shard, sequence, record);
    }

    fn add_ready(outbox: &mut Outbox, shard: i32, id: &str, guilds: &[GuildId]) {
        let record = outbox.record(shard, id, &scan(r#"{"t":"READY","s":1,"op":0,"d":{}}"#).expect("a frame"), 1, 1);
        outbox.ready(shard, session(id), 1, record, guilds);
    }

    fn checkpoints(transaction: &Transaction) -> BTreeMap<i32, Checkpoint> {
        let records = transaction.records.iter().filter(|record| record.topic == GATEWAY_CHECKPOINTS);
        records
            .map(|record| Checkpoint::from_bytes(record.value.as_ref().expect("a value")).expect("a checkpoint"))
            .map(|checkpoint| (checkpoint.shard, checkpoint))
            .collect()
    }

    #[test]
    fn a_transaction_is_bounded_and_its_checkpoint_says_what_it_holds() {
        let mut outbox = outbox();
        add_ready(&mut outbox, 0, "a", &[]);
        (2..=1_500).for_each(|sequence| add_event(&mut outbox, 0, sequence, 10));
        let first = outbox.transaction(1).expect("something waits");
        assert_eq!((first.events, checkpoints(&first)[&0].sequence), (TRANSACTION_EVENTS, 1_000));
        assert_eq!(
            outbox.transaction(1).expect("again").records.len(),
            first.records.len(),
            "the same until committed"
        );
        outbox.committed(&first);
        let second = outbox.transaction(1).expect("the rest");
        let checkpoint = &checkpoints(&second)[&0];
        assert_eq!((second.events, checkpoint.sequence), (500, 1_500));
        assert_eq!((checkpoint.session_id.as_deref(), checkpoint.resume_url.as_deref()), (Some("a"), Some("ws://r")));
        assert_eq!((checkpoint.state.clone(), checkpoint.epoch, checkpoint.shard_count), (ShardState::Live, 5, 2));
        outbox.committed(&second);
        assert!((outbox.is_empty(), outbox.bytes()) == (true, 0) && outbox.transaction(1).is_none());
    }

    #[test]
    fn large_events_go_in_transactions_of_their_own() {
        let mut outbox = outbox();
        for sequence in 1..=3 {
            add_event(&mut outbox, 0, sequence, TRANSACTION_BYTES);
        }
        let transaction = outbox.transaction(1).expect("something waits");
        assert_eq!((transaction.events, outbox.is_all(&transaction)), (1, false));
    }

    #[test]
    fn ready_tells_every_partition_its_guilds_in_the_readys_transaction() {
        let mut outbox = outbox();
        add_ready(&mut outbox, 1, "a", &[GuildId(5 << 22), GuildId(53 << 22), GuildId(6 << 22)]);
        let transaction = outbox.transaction(1).expect("something waits");
        let ready: Vec<(i32, ShardReady)> = transaction
            .records
            .iter()
            .filter(|record| record.value.as_ref().is_some_and(|value| ShardReady::codec().wrote(value)))
            .map(|record| {
                (record.partition, ShardReady::from_bytes(record.value.as_ref().expect("a value")).expect("a record"))
            })
            .collect();
        assert_eq!(ready.iter().map(|(partition, _)| *partition).collect::<Vec<_>>(), (0..SLOTS).collect::<Vec<_>>());
        assert_eq!(ready[5].1.guild_ids, [GuildId(5 << 22), GuildId(53 << 22)]);
        assert_eq!(checkpoints(&transaction)[&1].session_id.as_deref(), Some("a"));
    }

    #[test]
    fn a_lost_session_leaves_a_checkpoint_without_one() {
        let mut outbox = outbox();
        add_ready(&mut outbox, 0, "a", &[]);
        outbox.lost(0, &Lost { session_id: "a".into(), after_sequence: 1, reason: "session invalidated" }, 1);
        outbox.connecting(0);
        let transaction = outbox.transaction(1).expect("something waits");
        let checkpoint = &checkpoints(&transaction)[&0];
        assert_eq!(
            (&checkpoint.session_id, checkpoint.sequence, &checkpoint.state),
            (&None, 0, &ShardState::Connecting)
        );
        assert_eq!(outbox.committed(&transaction), [0]);
    }

    #[test]
    fn an_old_checkpoint_is_taken_out_with_its_gap() {
        let mut outbox = outbox();
        let lost = Lost { session_id: "old".into(), after_sequence: 9, reason: "shard count changed" };
        outbox.retire(0, 1, Some(&lost), 1);
        let transaction = outbox.transaction(1).expect("something waits");
        let last = transaction.records.last().expect("records");
        assert_eq!((&last.key[..], last.value.is_none(), transaction.records.len()), (&b"0/1"[..], true, 49));
    }

    proptest! {
        /// However transactions are cut and retried: events leave in order, each once, a connection is
        /// opened only after all that came before it, and a checkpoint is the last event before it.
        #[test]
        fn what_is_committed_is_a_prefix(
            steps in proptest::collection::vec((0_u8..4, 0_i32..2, any::<bool>()), 1..80),
        ) {
            let mut outbox = outbox();
            let mut expected: VecDeque<(i32, Option<i64>)> = VecDeque::new();
            let mut sequences = [0_i64; 2];
            let mut appended = [0_i64; 2];
            for (step, shard, commits) in steps {
                match step {
                    0 | 1 => {
                        let sequence = &mut sequences[usize::try_from(shard).expect("small")];
                        *sequence += 1;
                        add_event(&mut outbox, shard, *sequence, 2_000_000);
                        expected.push_back((shard, Some(*sequence)));
                    }
                    2 => {
                        outbox.connecting(shard);
                        expected.push_back((shard, None));
                    }
                    _ => if let Some(transaction) = outbox.transaction(1) && commits {
                        let checkpoints = checkpoints(&transaction);
                        let mut events = transaction.records.iter().filter(|record| record.topic == GATEWAY_EVENTS);
                        let opened = outbox.committed(&transaction);
                        let mut wanted = Vec::new();
                        for _ in 0..transaction.items {
                            match expected.pop_front().expect("an item") {
                                (shard, Some(sequence)) => {
                                    let record = events.next().expect("a record");
                                    let event = EventView::decode(record.value.as_ref().expect("a value"));
                                    let event = event.expect("a record").expect("an event");
                                    prop_assert_eq!((event.shard, event.sequence), (shard, sequence));
                                    appended[usize::try_from(shard).expect("small")] = sequence;
                                }
                                (shard, None) => wanted.push(shard),
                            }
                        }
                        prop_assert!(events.next().is_none());
                        prop_assert_eq!(opened, wanted);
                        for (shard, checkpoint) in checkpoints {
                            prop_assert_eq!(checkpoint.sequence, appended[usize::try_from(shard).expect("small")]);
                        }
                    }
                }
            }
        }
    }
}
