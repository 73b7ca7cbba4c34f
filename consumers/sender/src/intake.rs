//! From a record to a job: what is read, adopted, held back, recovered, refused.

use bytes::Bytes;
use miso_log::Record;
use miso_log::catalogue::{REST_ACTIONS, REST_INTERACTIONS};
use miso_model::{Action, Lane, LogRecord, Orphaned, OutcomeKind, Payload, RecordError, Route, RouteClass};

use crate::SenderError;
use crate::bucket::Moment;
use crate::engine::{Engine, Live, MAX_GONE, RIDE_ALONG, RIDE_ALONG_TOTAL, Source};
use crate::follow_up::{follow_up_bytes, is_too_large, opens_for_message};
use crate::handle::{Command, GET_PATIENCE, GetError};
use crate::job::{Job, TYPING_TTL};
use crate::ledger::ActionAt;
use crate::nonce::{Nonce, nonce_in};
use crate::settle::{End, bot_id};
use crate::verdict::{Repeat, Verdict, recover};
use crate::wire::{Own, content_type};

impl Engine {
    pub(crate) fn record(
        &mut self,
        record: &Record,
        interactions: bool,
        now: Moment,
        now_ms: i64,
    ) -> Result<(), SenderError> {
        let at: ActionAt = (interactions, record.offset);
        let index = usize::from(interactions);
        let Some(part) = self.parts.get_mut(&record.partition).filter(|part| part.is_live()) else { return Ok(()) };
        let history = record.offset < part.history_until[index];
        let open = !history && part.progress[index].take(record.offset);
        let Some(value) = &record.value else {
            part.progress[index].finish(record.offset);
            return Ok(());
        };
        if Orphaned::codec().wrote(value) {
            if let Ok(orphan) = Orphaned::from_bytes(value) {
                part.adoption.orphaned(&orphan, interactions);
                if !history {
                    part.progress[index].finish(record.offset);
                    self.orphaned(record.partition, &orphan, interactions, now, now_ms);
                }
            }
            return Ok(());
        }
        let action = match Action::from_bytes(value) {
            Ok(action) => Box::new(action),
            Err(
                error @ (RecordError::UnknownSchema(_)
                | RecordError::NotSingleObject(_)
                | RecordError::Malformed { .. }),
            ) => {
                if history || !open {
                    return Ok(());
                }
                return Err(SenderError::Unreadable {
                    topic: if interactions { REST_INTERACTIONS.name } else { REST_ACTIONS.name },
                    partition: record.partition,
                    offset: record.offset,
                    reason: error.to_string(),
                });
            }
        };
        let origin = if part.adoption.concerns(&action) { part.adoption.action(&action, at) } else { None };
        if !open {
            return Ok(());
        }
        let assignment = part.assignment;
        part.unfinished.insert(at);
        match origin {
            Some(origin) if !part.open_intents.contains_key(&at) => {
                metrics::counter!("miso_sender_adopted_actions_total").increment(1);
                let earlier = part.tickets.get(&origin.at).copied();
                match earlier.and_then(|ticket| self.lives.get_mut(&ticket)) {
                    Some(earlier) => {
                        earlier.followers.push((at, action));
                        self.parked += 1;
                    }
                    // Its outcome is not in the ledger, where it would be looked for in vain.
                    None if part.unfinished.contains(&origin.at) => {
                        part.awaiting.entry(origin.at).or_default().push((at, action));
                        self.parked += 1;
                    }
                    None => self.copy_result(record.partition, assignment, at, action, origin),
                }
            }
            _ => self.accept(record.partition, at, action, now, now_ms),
        }
        Ok(())
    }

    /// An action that is to be sent, in its turn.
    pub(crate) fn accept(&mut self, partition: i32, at: ActionAt, action: Box<Action>, now: Moment, now_ms: i64) {
        let Some(part) = self.parts.get_mut(&partition) else { return };
        let recovering = part.open_intents.contains_key(&at);
        if recovering {
            part.holds.entry(action.order_key.clone()).or_default().unsettled += 1;
        } else if let Some(hold) = part.holds.get_mut(&action.order_key) {
            hold.parked.push((at, action));
            self.parked += 1;
            return;
        }
        self.submit(partition, at, action, now, now_ms);
    }

    fn submit(&mut self, partition: i32, at: ActionAt, action: Box<Action>, now: Moment, now_ms: i64) {
        let Some(part) = self.parts.get(&partition) else { return };
        let open = part.open_intents.get(&at).cloned();
        let settle_from = part.settle_from;
        let route = Route::of_lane(&action.method, &action.path, if at.0 { Lane::Interactions } else { Lane::Actions });
        let nonce = match route.class {
            RouteClass::CreateMessage => nonce_in(content_type(&action), &action.body),
            RouteClass::Idempotent | RouteClass::Post | RouteClass::Get => Nonce::Unenforced,
        };
        let repeat = if opens_for_message(&action) { Repeat::Idempotent } else { Repeat::of(route.class, nonce) };
        let unanswered = open.is_none();
        if let Some(own) = self.refusal(&action, &route, repeat, open.as_ref().map(|open| open.since_ms), now_ms) {
            self.settle_unscheduled(partition, at, &action, own, now_ms);
            self.unhold(partition, &action.order_key, !unanswered, now, now_ms);
            return;
        }
        let mut job = Job::of(&route, &action.method, &action.path, &action.body);
        job.partition = partition;
        job.not_before = open.is_some().then_some(settle_from);
        let expires_ms = action.expires_ms.or_else(|| {
            let ttl = i64::try_from(TYPING_TTL.as_millis()).unwrap_or_default();
            job.replaceable.then_some(action.accepted_ms + ttl)
        });
        // What may have been sent already is settled, however late.
        job.expires = expires_ms.filter(|_| unanswered).map(|at_ms| later(now, at_ms - now_ms));
        let (tokened, callback, major) = (route.tokened, route.is_callback(), job.major.clone());
        let Ok(ticket) = self.scheduler.submit(job, now, now_ms) else {
            self.settle_unscheduled(partition, at, &action, Own::queue_full(), now_ms);
            self.unhold(partition, &action.order_key, !unanswered, now, now_ms);
            return;
        };
        let mut action = action;
        let size = action.body.len();
        // What follows an action always waits with it, and leaves less room for bodies.
        self.riding += follow_up_bytes(&action);
        let body_here = size <= RIDE_ALONG && self.riding + size <= RIDE_ALONG_TOTAL;
        if body_here {
            self.riding += size;
        } else {
            action.body = Payload::default();
        }
        let live = Live {
            source: Source::Action { partition, at },
            body_here,
            tokened,
            callback,
            major,
            repeat,
            nonce,
            attempt: open.as_ref().map_or(0, |open| open.attempt),
            uncertain_since_ms: open.as_ref().map(|open| open.since_ms),
            recovering: open.is_some(),
            holds_key: open.is_some(),
            refence: false,
            intent_offset: open.as_ref().map(|open| open.ledger_offset),
            intent_ms: now_ms,
            followers: Vec::new(),
            settled: false,
            action,
        };
        self.lives.insert(ticket, live);
        if let Some(part) = self.parts.get_mut(&partition) {
            part.tickets.insert(at, ticket);
        }
    }

    /// Why an action is not sent at all.
    fn refusal(
        &self,
        action: &Action,
        route: &Route,
        repeat: Repeat,
        open_since_ms: Option<i64>,
        now_ms: i64,
    ) -> Option<Own> {
        if let Some(since_ms) = open_since_ms {
            let unknown = matches!(recover(repeat, since_ms, now_ms), Verdict::Unknown);
            return unknown.then(Own::unknown);
        }
        if action.replay_id.is_some() {
            return Some(Own::replayed());
        }
        if is_too_large(action) {
            return Some(Own::follow_up_too_large());
        }
        if action.expires_ms.is_some_and(|expires_ms| expires_ms <= now_ms) {
            return Some(Own::interaction_expired(route.is_callback()));
        }
        (route.tokened && self.gone_webhooks.contains(route.major.as_str())).then(Own::webhook_gone)
    }

    /// One of those that an order key waits for is settled; the last one lets the others go.
    pub(crate) fn unhold(&mut self, partition: i32, order_key: &str, held: bool, now: Moment, now_ms: i64) {
        if !held {
            return;
        }
        let Some(part) = self.parts.get_mut(&partition) else { return };
        let Some(hold) = part.holds.get_mut(order_key) else { return };
        hold.unsettled = hold.unsettled.saturating_sub(1);
        if hold.unsettled > 0 {
            return;
        }
        let parked = part.holds.remove(order_key).unwrap_or_default().parked;
        self.parked -= parked.len();
        for (at, action) in parked {
            self.submit(partition, at, action, now, now_ms);
        }
    }

    /// A client left: an identical retry that waits already takes this action's result.
    fn orphaned(&mut self, partition: i32, orphan: &Orphaned, interactions: bool, now: Moment, now_ms: i64) {
        let Some(part) = self.parts.get(&partition) else { return };
        let Some(origin) = part.tickets.get(&(interactions, orphan.action_offset)).copied() else { return };
        let settled = self.lives.get(&origin).is_some_and(|live| live.settled);
        let retry = part.tickets.iter().find(|((lane, offset), ticket)| {
            *lane == interactions
                && *offset > orphan.action_offset
                && self.lives.get(ticket).is_some_and(|live| {
                    live.attempt == 0
                        && !live.settled
                        // If the result is not found after all, it must be sendable.
                        && (live.body_here || !settled)
                        && live.action.accepted_ms - orphan.accepted_ms <= crate::adopt::ORPHAN_WINDOW_MS
                        && live.action.fingerprint() == orphan.fingerprint
                })
                && !self.scheduler.is_out(**ticket)
        });
        let Some((&at, &ticket)) = retry else { return };
        let action = self.lives.get(&ticket).map(|live| live.action.clone());
        if let (Some(action), Some(live)) = (action, self.lives.get_mut(&origin)) {
            live.followers.push((at, action));
            self.parked += 1;
            if let Some(part) = self.parts.get_mut(&partition) {
                part.tickets.remove(&at);
                part.adoption.adopted(orphan.fingerprint);
            }
            self.forget(ticket, now, now_ms);
            metrics::counter!("miso_sender_adopted_actions_total").increment(1);
        }
    }

    /// A webhook answered 404 "Unknown Webhook": what waits for it fails visibly, at once.
    pub(crate) fn webhook_gone(&mut self, major: &str, now: Moment, now_ms: i64) {
        if self.gone_webhooks.len() >= MAX_GONE {
            self.gone_webhooks.clear();
        }
        self.gone_webhooks.insert(major.into());
        let waiting: Vec<_> = self
            .lives
            .iter()
            .filter(|(ticket, live)| *live.major == *major && live.attempt == 0 && !self.scheduler.is_out(**ticket))
            .map(|(ticket, _)| *ticket)
            .collect();
        for ticket in waiting {
            self.settle(ticket, &End::own(Own::webhook_gone()), now, now_ms);
        }
    }

    pub(crate) fn command(&mut self, command: Command) {
        let (now, now_ms) = (self.clock.now(), self.clock.now_ms());
        match command {
            Command::Predict { method, path, reply } => {
                let application = bot_id(&self.config.token.borrow());
                let job = Job::of(&Route::of(&method, &path, application), &method, &path, b"");
                let _ = reply.send(self.scheduler.predicted_wait(&job, now, now_ms));
            }
            Command::Get { path, reply } => {
                let (action, route) = Action::new([0; 16], "", "GET", &path, Bytes::new(), now_ms, None);
                let mut job = Job::of(&route, "GET", &path, b"");
                job.expires = Some(now + GET_PATIENCE);
                let Ok(ticket) = self.scheduler.submit(job, now, now_ms) else {
                    let _ = reply.send(Err(GetError::Full));
                    return;
                };
                let live = Live {
                    source: Source::Get { reply: Some(reply) },
                    body_here: true,
                    tokened: route.tokened,
                    callback: false,
                    major: route.major.as_str().into(),
                    repeat: Repeat::Read,
                    nonce: Nonce::Unenforced,
                    attempt: 0,
                    uncertain_since_ms: None,
                    recovering: false,
                    holds_key: false,
                    refence: false,
                    intent_offset: None,
                    intent_ms: now_ms,
                    followers: Vec::new(),
                    settled: false,
                    action: Box::new(action),
                };
                self.lives.insert(ticket, live);
            }
        }
    }

    /// What an expired job's client is told.
    pub(crate) fn expiry(live: &Live) -> Own {
        if live.uncertain_since_ms.is_some() {
            Own::unknown()
        } else if live.tokened {
            Own::interaction_expired(live.callback)
        } else {
            Own::pointless(OutcomeKind::Expired, "deadline")
        }
    }
}

fn later(now: Moment, left_ms: i64) -> Moment {
    now + Moment::from_millis(u64::try_from(left_ms).unwrap_or_default())
}
