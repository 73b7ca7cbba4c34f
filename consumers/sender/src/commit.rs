//! Transactions: intents before bytes, outcomes after. One of each runs per partition; what comes
//! meanwhile goes together into the next.

use std::sync::{Arc, PoisonError};

use futures_util::FutureExt;
use miso_log::catalogue::REST_LEDGER;
use miso_log::{Append, OffsetCommit, Owner, TransactError};
use miso_model::{Action, Intent, LogRecord, SenderCheckpoint, SenderReleased};

use crate::adopt::Origin;
use crate::bucket::Moment;
use crate::config::LEASE;
use crate::engine::{Done, Engine, Source};
use crate::look::record_at;
use crate::nonce::{Nonce, nonce_of};
use crate::part::{BATCH_BYTES, BATCH_RECORDS, Entry, Part, Phase};
use crate::scheduler::Ticket;
use crate::takeover::RETRY;
use crate::verdict::Repeat;
use crate::wire::{request_body, request_headers};

/// A changed partition writes its checkpoint this often.
const CHECKPOINT_EVERY: Moment = Moment::from_secs(10);

/// Tries until it happened, or can never happen.
async fn transact(
    owner: Owner,
    records: Vec<Append>,
    offsets: Vec<OffsetCommit>,
    now: impl Fn() -> Moment,
) -> (Moment, Result<Vec<i64>, TransactError>) {
    loop {
        let began = now();
        match owner.transact(records.clone(), offsets.clone()).await {
            Err(TransactError::Retry(reason)) if owner.is_current() => {
                tracing::debug!(reason, "a transaction was aborted; trying again");
                tokio::time::sleep(RETRY).await;
            }
            result => return (began, result),
        }
    }
}

impl Engine {
    pub(crate) fn start_transactions(&mut self, now: Moment, now_ms: i64) {
        let mut over = Vec::new();
        for (&partition, part) in &mut self.parts {
            if matches!(part.phase, Phase::Starting) {
                continue;
            }
            if !part.intents.is_empty() && part.intents_running.is_none() {
                let tickets = std::mem::take(&mut part.intents);
                let assignment = part.assignment;
                let mut records = Vec::with_capacity(tickets.len());
                let mut going = Vec::with_capacity(tickets.len());
                for ticket in tickets {
                    let Some(live) = self.lives.get_mut(&ticket) else { continue };
                    let Source::Action { at, .. } = live.source else { continue };
                    if !std::mem::take(&mut live.refence) {
                        live.attempt += 1;
                        live.intent_ms = now_ms;
                    }
                    let intent = Intent {
                        action_id: live.action.action_id.clone(),
                        action_offset: at.1,
                        interactions: at.0,
                        attempt: live.attempt,
                        nonce: (live.nonce == Nonce::Ours).then(|| nonce_of(&live.action.action_id)),
                        bucket: None,
                        at_ms: now_ms,
                    };
                    records.push(Append::new(REST_LEDGER, partition, intent.to_bytes(), now_ms));
                    going.push(ticket);
                }
                if !records.is_empty() {
                    part.intents_running = Some(part.ledger_end);
                    part.changed = true;
                    let (owner, clock) = (part.owner.clone(), self.clock);
                    self.works.push(
                        async move {
                            let (began, result) = transact(owner, records, Vec::new(), move || clock.now()).await;
                            Done::Intents { partition, assignment, tickets: going, began, result }
                        }
                        .boxed(),
                    );
                }
            }
            let due = part.changed && part.checkpoint_due <= now && part.is_live();
            if part.outcomes_running.is_none() && (!part.outcomes.is_empty() || due) {
                let checkpoint = due.then(|| {
                    let open = part.tickets.values().filter_map(|ticket| self.lives.get(ticket)?.intent_offset);
                    part.ledger_needed_from(open)
                });
                let (records, offsets, entries) =
                    outcome_batch(part, checkpoint, || self.scheduler.spent_buckets(partition, now, now_ms), now_ms);
                if checkpoint.is_some() {
                    part.checkpoint_due = now + CHECKPOINT_EVERY;
                    part.changed = !entries.is_empty();
                } else {
                    part.changed = true;
                }
                part.outcomes_running = Some(part.ledger_end);
                let (owner, assignment, clock) = (part.owner.clone(), part.assignment, self.clock);
                self.works.push(
                    async move {
                        let (_, result) = transact(owner, records, offsets, move || clock.now()).await;
                        Done::Outcomes { partition, assignment, entries, result }
                    }
                    .boxed(),
                );
            }
            if let Phase::Draining { until, released, .. } = part.phase {
                let scheduler = &self.scheduler;
                let settled = part.is_settled(|ticket| scheduler.is_out(ticket));
                if settled && !released {
                    let needed = part.ledger_needed_from(std::iter::empty());
                    let buckets = self.scheduler.spent_buckets(partition, now, now_ms);
                    release(part, needed, buckets, now_ms, self.clock, &mut self.works);
                } else if now >= until {
                    over.push(partition);
                }
            }
        }
        for partition in over {
            tracing::warn!(partition, "what was in flight did not end in time; its next owner settles it");
            self.drop_part(partition);
        }
    }

    pub(crate) fn intents_done(
        &mut self,
        partition: i32,
        tickets: &[Ticket],
        began: Moment,
        result: Result<Vec<i64>, TransactError>,
        now: Moment,
        now_ms: i64,
    ) {
        let Some(part) = self.parts.get_mut(&partition) else { return };
        part.intents_running = None;
        let offsets = match result {
            Ok(offsets) => offsets,
            Err(error) => return self.transaction_failed(partition, error),
        };
        part.ledger_end = offsets.last().map_or(part.ledger_end, |last| part.ledger_end.max(last + 1));
        let draining = part.is_draining();
        for (ticket, offset) in tickets.iter().zip(offsets) {
            let Some(live) = self.lives.get_mut(ticket) else { continue };
            live.intent_offset.get_or_insert(offset);
            if draining {
                // Nothing was sent yet: the next owner shall know.
                self.scheduler.unsent(*ticket, now);
                self.returned(*ticket, None, std::time::Duration::ZERO, now, now_ms);
            } else {
                self.send(*ticket, Some(began + LEASE));
            }
        }
    }

    /// Sends a granted request; with a lease, no byte leaves after it.
    pub(crate) fn send(&mut self, ticket: Ticket, lease: Option<Moment>) {
        let Some(live) = self.lives.get(&ticket) else { return };
        let Ok(method) = http::Method::from_bytes(live.action.method.as_bytes()) else { return };
        let headers = request_headers(&live.action, self.config.token.borrow().trim());
        let path = live.action.path.clone();
        let repeatable = live.repeat != Repeat::Never;
        let nonce = live.nonce;
        let here = live.body_here.then(|| request_body(&live.action, nonce, &live.action.body.0));
        let place = match live.source {
            Source::Action { partition, at, .. } => Some((partition, at)),
            Source::Get { .. } => None,
        };
        let (log, upstream, clock, left) =
            (Arc::clone(&self.log), Arc::clone(&self.upstream), self.clock, Arc::clone(&self.left));
        self.works.push(
            async move {
                let body = match (here, place) {
                    (Some(body), _) => body,
                    (None, Some((partition, at))) => {
                        let record = record_at(&log, at.0, partition, at.1).await;
                        match record.map(|record| Action::from_bytes(&record)) {
                            Some(Ok(action)) => request_body(&action, nonce, &action.body.0),
                            _ => return Done::BodyGone { ticket },
                        }
                    }
                    (None, None) => return Done::BodyGone { ticket },
                };
                let leaving = || {
                    let now = clock.now();
                    if lease.is_some_and(|lease| now >= lease) {
                        return false;
                    }
                    left.lock().unwrap_or_else(PoisonError::into_inner).push((ticket, now));
                    true
                };
                let tried = upstream.send(&method, &path, headers, body, repeatable, leaving).await;
                Done::Tried { ticket, tried }
            }
            .boxed(),
        );
    }

    pub(crate) fn outcomes_done(
        &mut self,
        partition: i32,
        entries: Vec<Entry>,
        result: Result<Vec<i64>, TransactError>,
        now: Moment,
        now_ms: i64,
    ) {
        let Some(part) = self.parts.get_mut(&partition) else { return };
        part.outcomes_running = None;
        match result {
            Ok(offsets) => {
                part.ledger_end = offsets.last().map_or(part.ledger_end, |last| part.ledger_end.max(last + 1));
            }
            Err(error) => return self.transaction_failed(partition, error),
        }
        for entry in entries {
            let Some(at) = entry.finishes else { continue };
            let Some(part) = self.parts.get_mut(&partition) else { return };
            part.tickets.remove(&at);
            part.open_intents.remove(&at);
            part.unfinished.remove(&at);
            let assignment = part.assignment;
            // Retries that came while it was no job, or while its outcome was being committed: they read it there.
            let mut late = part.awaiting.remove(&at).unwrap_or_default();
            if let Some(live) = entry.ticket.and_then(|ticket| self.lives.get_mut(&ticket)) {
                late.append(&mut live.followers);
            }
            self.parked -= late.len();
            for (follower, action) in late {
                // The outcome is the newest of the ledger: looking from the retry's own time on finds it.
                let origin = Origin { at, accepted_ms: action.accepted_ms, keyed: false };
                self.copy_result(partition, assignment, follower, action, origin);
            }
            let Some(ticket) = entry.ticket else { continue };
            let held = self.lives.get(&ticket).filter(|live| live.holds_key).map(|live| live.action.order_key.clone());
            self.forget(ticket, now, now_ms);
            if let Some(order_key) = held {
                self.unhold(partition, &order_key, true, now, now_ms);
            }
        }
    }
}

/// The next outcomes, the commits they allow, and a checkpoint where one is due: it then says from
/// where the ledger is needed.
fn outcome_batch(
    part: &mut Part,
    checkpoint: Option<i64>,
    buckets: impl FnOnce() -> Vec<miso_model::BucketState>,
    now_ms: i64,
) -> (Vec<Append>, Vec<OffsetCommit>, Vec<Entry>) {
    let partition = part.owner.partition();
    let (mut entries, mut bytes) = (Vec::new(), 0);
    while entries.len() < BATCH_RECORDS && bytes < BATCH_BYTES {
        let Some(entry) = part.outcomes.pop_front() else { break };
        bytes += entry.record.len() + entry.then.as_ref().map_or(0, Append::len);
        if let Some((interactions, offset)) = entry.finishes {
            part.progress[usize::from(interactions)].finish(offset);
        }
        entries.push(entry);
    }
    // The ledger's records last: the offset of the last one tells where the ledger ends.
    let mut records: Vec<Append> = entries.iter().filter_map(|entry| entry.then.clone()).collect();
    records.extend(entries.iter().map(|entry| Append::new(REST_LEDGER, partition, entry.record.clone(), now_ms)));
    let mut offsets = Vec::new();
    let commits = part.commits();
    if let Some(needed) = checkpoint {
        records.push(checkpoint_record(part, needed, buckets(), now_ms));
        offsets.push(part.ledger_commit(needed));
    }
    offsets.extend(commits);
    (records, offsets, entries)
}

fn checkpoint_record(part: &Part, ledger_offset: i64, buckets: Vec<miso_model::BucketState>, now_ms: i64) -> Append {
    let [actions, interactions] = &part.progress;
    let mut finished = actions.finished(false);
    finished.extend(interactions.finished(true));
    let recent = now_ms - i64::try_from(crate::budget::INVALID_WINDOW.as_millis()).unwrap_or(i64::MAX);
    let checkpoint = SenderCheckpoint {
        epoch: part.epoch,
        committed: part.committed[0],
        committed_interactions: part.committed[1],
        finished,
        buckets,
        invalid_ms: part.invalid_ms.iter().copied().filter(|at_ms| *at_ms > recent).collect(),
        ledger_offset,
        at_ms: now_ms,
    };
    Append::new(REST_LEDGER, part.owner.partition(), checkpoint.to_bytes(), now_ms)
}

/// The last transaction of an owner that ends in order.
fn release(
    part: &mut Part,
    needed: i64,
    buckets: Vec<miso_model::BucketState>,
    now_ms: i64,
    clock: crate::clock::Clock,
    works: &mut futures_util::stream::FuturesUnordered<futures_util::future::BoxFuture<'static, Done>>,
) {
    let partition = part.owner.partition();
    let commits = part.commits();
    let released = SenderReleased { epoch: part.epoch, at_ms: now_ms };
    let records = vec![
        checkpoint_record(part, needed, buckets, now_ms),
        Append::new(REST_LEDGER, partition, released.to_bytes(), now_ms),
    ];
    let mut offsets = vec![part.ledger_commit(needed)];
    offsets.extend(commits);
    let (owner, assignment) = (part.owner.clone(), part.assignment);
    if let Phase::Draining { released, .. } = &mut part.phase {
        *released = true;
    }
    works.push(
        async move {
            let (_, result) = transact(owner, records, offsets, move || clock.now()).await;
            if let Err(error) = result {
                tracing::debug!(partition, %error, "a partition was handed back without its last record");
            }
            Done::Released { partition, assignment }
        }
        .boxed(),
    );
}
