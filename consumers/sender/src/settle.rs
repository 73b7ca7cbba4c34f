//! From an answer to an outcome.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use miso_log::{Append, TransactError};
use miso_model::{Action, Header, LogRecord, Outcome, OutcomeKind, Payload, RateLimitSeen, Returned};

use crate::bucket::Moment;
use crate::engine::{Done, Engine, Source};
use crate::follow_up::message_after;
use crate::handle::GetError;
use crate::ledger::ActionAt;
use crate::look::{Looked, look};
use crate::nonce::{Nonce, client_nonce, nonce_of};
use crate::part::Entry;
use crate::scheduler::{Decision, Ticket};
use crate::seen::Seen;
use crate::upstream::{Answer, Tried};
use crate::verdict::{Ended, History, Verdict, backoff, judge, recover};
use crate::wire::{Own, answer_headers, content_type};

/// A bucket blocked for longer than this is written down at once, so that a restart waits too.
const LONG_BLOCK_MS: i64 = 2_000;
const UNKNOWN_WEBHOOK: i64 = 10_015;
/// Pause before a message is looked for again when Discord could not say.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// How an action ends.
pub(crate) struct End {
    kind: OutcomeKind,
    status: u16,
    reason: Option<&'static str>,
    headers: Vec<Header>,
    body: Bytes,
    bucket: Option<RateLimitSeen>,
}

impl End {
    pub(crate) fn own(own: Own) -> Self {
        Self {
            kind: own.kind,
            status: own.status,
            reason: Some(own.reason),
            headers: own.headers,
            body: own.body,
            bucket: None,
        }
    }

    /// The action that follows from this end.
    fn follow_up(&self, action: &Action, now_ms: i64) -> Option<Append> {
        let done = self.kind == OutcomeKind::Done;
        if done { message_after(action, self.status, &self.body, now_ms) } else { None }
    }

    fn record(&self, id: &Payload, at: ActionAt, received_ms: i64) -> Bytes {
        let outcome = Outcome {
            action_id: id.clone(),
            action_offset: at.1,
            interactions: at.0,
            kind: self.kind.clone(),
            status: i32::from(self.status),
            reason: self.reason.map(str::to_owned),
            headers: self.headers.clone(),
            body: Payload(self.body.clone()),
            bucket: self.bucket.clone(),
            received_ms,
        };
        outcome.to_bytes().into()
    }
}

impl Engine {
    pub(crate) fn decided(&mut self, decision: Decision, now: Moment, now_ms: i64) {
        match decision {
            Decision::Grant(ticket) => self.granted(ticket, now, now_ms),
            Decision::Superseded(ticket) => {
                let own = Own::pointless(OutcomeKind::Refused, "superseded");
                self.settle(ticket, &End::own(own), now, now_ms);
            }
            Decision::Expired(ticket) => {
                let Some(live) = self.lives.get(&ticket) else { return };
                let own = Self::expiry(live);
                self.settle(ticket, &End::own(own), now, now_ms);
            }
        }
    }

    fn granted(&mut self, ticket: Ticket, now: Moment, now_ms: i64) {
        let Some(live) = self.lives.get_mut(&ticket) else {
            self.scheduler.finish(ticket, now, now_ms);
            return;
        };
        let Source::Action { partition, .. } = live.source else {
            live.attempt += 1;
            self.send(ticket, None);
            return;
        };
        if std::mem::take(&mut live.recovering) {
            let since_ms = live.uncertain_since_ms.unwrap_or(now_ms);
            if recover(live.repeat, since_ms, now_ms) == Verdict::LookFor {
                self.scheduler.unsent(ticket, now);
                self.look_for(ticket, Duration::ZERO, now, now_ms);
                return;
            }
        }
        if let Some(part) = self.parts.get_mut(&partition) {
            part.intents.push(ticket);
        }
    }

    pub(crate) fn done(&mut self, done: Done) {
        let (now, now_ms) = (self.clock.now(), self.clock.now_ms());
        match done {
            Done::TakenOver { partition, assignment, found } => {
                if self.is_current(partition, assignment) {
                    match found {
                        Ok(found) => self.taken_over(partition, found),
                        Err(error) => self.failure = Some(error),
                    }
                }
            }
            Done::Intents { partition, assignment, tickets, began, result } => {
                if self.is_current(partition, assignment) {
                    self.intents_done(partition, &tickets, began, result, now, now_ms);
                }
            }
            Done::Outcomes { partition, assignment, entries, result } => {
                if self.is_current(partition, assignment) {
                    self.outcomes_done(partition, entries, result, now, now_ms);
                }
            }
            Done::Released { partition, assignment } => {
                if self.is_current(partition, assignment) {
                    self.drop_part(partition);
                }
            }
            Done::Reached => {
                self.reaching = false;
                self.scheduler.down(false);
            }
            Done::Tried { ticket, tried } => self.tried(ticket, tried, now, now_ms),
            Done::BodyGone { ticket } => {
                self.scheduler.unsent(ticket, now);
                self.settle(ticket, &End::own(Own::body_gone()), now, now_ms);
            }
            Done::Looked { ticket, looked } => self.looked(ticket, looked, now, now_ms),
            Done::Copied { partition, assignment, at, action, outcome } => {
                if self.is_current(partition, assignment) {
                    match outcome {
                        Some(outcome) => self.copy(partition, at, &action, *outcome),
                        None => self.accept(partition, at, action, now, now_ms),
                    }
                }
            }
        }
    }

    pub(crate) fn is_current(&self, partition: i32, assignment: u64) -> bool {
        self.parts.get(&partition).is_some_and(|part| part.assignment == assignment)
    }

    fn tried(&mut self, ticket: Ticket, tried: Tried, now: Moment, now_ms: i64) {
        let Some(live) = self.lives.get_mut(&ticket) else {
            self.scheduler.finish(ticket, now, now_ms);
            return;
        };
        match tried {
            Tried::LeaseOver => {
                live.refence = true;
                if let Source::Action { partition, .. } = live.source
                    && let Some(part) = self.parts.get_mut(&partition)
                {
                    part.intents.push(ticket);
                }
            }
            Tried::NoConnection(reason) => {
                self.scheduler.unsent(ticket, now);
                self.unreachable(&reason);
                self.judged(ticket, Ended::NotSent, None, now, now_ms);
            }
            Tried::Lost(reason) => {
                tracing::info!(route = %live.action.template, method = %live.action.method, reason, "no answer; the effect is unknown");
                metrics::counter!("miso_sender_lost_answers_total").increment(1);
                live.uncertain_since_ms.get_or_insert(live.intent_ms);
                self.scheduler.lost(ticket, now);
                self.judged(ticket, Ended::Lost, None, now, now_ms);
            }
            Tried::Answered(answer) => {
                let seen = Seen::read(answer.status, &answer.headers, &answer.body);
                if seen.status >= 500 {
                    live.uncertain_since_ms.get_or_insert(live.intent_ms);
                }
                self.scheduler.sent(ticket, now);
                self.scheduler.answered(ticket, &seen, now);
                self.judged(ticket, Ended::Answered(&seen), Some(&answer), now, now_ms);
            }
        }
    }

    /// No connection: no intent is committed until there is one again, so that a crash meanwhile
    /// leaves nothing uncertain.
    fn unreachable(&mut self, reason: &str) {
        if std::mem::replace(&mut self.reaching, true) {
            return;
        }
        tracing::warn!(reason, "Discord cannot be reached; nothing was sent, everything waits");
        self.scheduler.down(true);
        let upstream = Arc::clone(&self.upstream);
        self.works.push(
            async move {
                for attempt in 1.. {
                    tokio::time::sleep(backoff(attempt)).await;
                    if upstream.reach().await.is_ok() {
                        break;
                    }
                }
                Done::Reached
            }
            .boxed(),
        );
    }

    fn judged(&mut self, ticket: Ticket, ended: Ended<'_>, answer: Option<&Answer>, now: Moment, now_ms: i64) {
        let Some(live) = self.lives.get(&ticket) else { return };
        let history = History { attempt: live.attempt, uncertain_since_ms: live.uncertain_since_ms };
        let seen = if let Ended::Answered(seen) = ended { Some(seen) } else { None };
        let mut verdict = judge(live.repeat, &live.action.method, history, ended, now_ms);
        let refused_token = seen.is_some_and(|seen| seen.status == 401) && !live.tokened;
        if refused_token {
            tracing::error!("Discord refuses the bot's token (401): actions wait; give the right DISCORD_TOKEN");
            verdict = Verdict::Return(Duration::ZERO);
        }
        if let Some(seen) = seen {
            metrics::counter!("miso_sender_answers_total", "status" => class(seen.status)).increment(1);
            if seen.status == 404
                && seen.code == Some(UNKNOWN_WEBHOOK)
                && live.tokened
                && live.major.starts_with("webhook/")
            {
                let major = live.major.clone();
                self.webhook_gone(&major, now, now_ms);
            }
        }
        match verdict {
            Verdict::Answer => {
                if let (Some(answer), Some(seen)) = (answer, seen) {
                    self.answered(ticket, answer, seen, now, now_ms);
                }
            }
            Verdict::Succeeded(status) => {
                let end = End {
                    kind: OutcomeKind::Done,
                    status,
                    reason: Some("succeeded_before"),
                    headers: Vec::new(),
                    body: Bytes::new(),
                    bucket: None,
                };
                self.settle(ticket, &end, now, now_ms);
            }
            Verdict::Return(pause) => self.returned(ticket, seen, pause, now, now_ms),
            Verdict::Again(pause) => self.again(ticket, pause, now, now_ms),
            Verdict::LookFor => self.look_for(ticket, Duration::ZERO, now, now_ms),
            Verdict::Unknown => self.settle(ticket, &End::own(Own::unknown()), now, now_ms),
        }
    }

    fn answered(&mut self, ticket: Ticket, answer: &Answer, seen: &Seen, now: Moment, now_ms: i64) {
        let Some(live) = self.lives.get_mut(&ticket) else { return };
        let partition = match &mut live.source {
            Source::Get { reply } => {
                if let Some(reply) = reply.take() {
                    let _ = reply.send(Ok(answer.clone()));
                }
                self.forget(ticket, now, now_ms);
                return;
            }
            Source::Action { partition, .. } => *partition,
        };
        if seen.invalid()
            && let Some(part) = self.parts.get_mut(&partition)
        {
            part.note_invalid(now_ms);
        }
        let spent = seen.counted.as_ref().filter(|counted| counted.remaining <= 0);
        let spent = spent.and_then(|_| self.scheduler.spent_bucket(ticket, now, now_ms));
        let bucket = seen.counted.as_ref().map(|counted| RateLimitSeen {
            hash: counted.hash.to_string(),
            limit: counted.limit,
            remaining: counted.remaining,
            reset_after_ms: i64::try_from(counted.reset_after.as_millis()).unwrap_or(i64::MAX),
            route: spent.as_ref().map(|spent| spent.route.clone()),
            major: spent.as_ref().map(|spent| spent.major.clone()),
        });
        let end = End {
            kind: OutcomeKind::Done,
            status: answer.status,
            reason: None,
            headers: answer_headers(&answer.headers),
            body: answer.body.clone(),
            bucket,
        };
        self.settle(ticket, &end, now, now_ms);
    }

    /// The attempt had no effect: void its intent, wait again.
    pub(crate) fn returned(&mut self, ticket: Ticket, seen: Option<&Seen>, pause: Duration, now: Moment, now_ms: i64) {
        let Some(live) = self.lives.get(&ticket) else { return };
        if let Source::Action { partition, at, .. } = live.source {
            let blocked = self.scheduler.spent_bucket(ticket, now, now_ms);
            let invalid = seen.is_some_and(Seen::invalid);
            // An earlier attempt of unknown effect stays open: its intent is not voided.
            if live.uncertain_since_ms.is_none() {
                let returned = Returned {
                    action_id: live.action.action_id.clone(),
                    action_offset: at.1,
                    interactions: at.0,
                    attempt: live.attempt,
                    status: seen.map_or(0, |seen| i32::from(seen.status)),
                    blocked: blocked.filter(|bucket| bucket.resets_ms - now_ms > LONG_BLOCK_MS),
                    invalid,
                    at_ms: now_ms,
                };
                if let Some(part) = self.parts.get_mut(&partition) {
                    if invalid {
                        part.note_invalid(now_ms);
                    }
                    part.outcomes.push_back(Entry {
                        record: returned.to_bytes().into(),
                        finishes: None,
                        ticket: None,
                        then: None,
                    });
                }
                if let Some(live) = self.lives.get_mut(&ticket) {
                    live.intent_offset = None;
                }
            }
        }
        self.again(ticket, pause, now, now_ms);
    }

    fn again(&mut self, ticket: Ticket, pause: Duration, now: Moment, now_ms: i64) {
        let draining = self.lives.get(&ticket).and_then(|live| match live.source {
            Source::Action { partition, at, .. } => Some((partition, at)),
            Source::Get { .. } => None,
        });
        if let Some((partition, at)) = draining
            && let Some(part) = self.parts.get_mut(&partition)
            && part.is_draining()
        {
            part.tickets.remove(&at);
            self.forget(ticket, now, now_ms);
            return;
        }
        self.scheduler.again(ticket, now + pause, now, now_ms);
    }

    fn look_for(&mut self, ticket: Ticket, pause: Duration, now: Moment, now_ms: i64) {
        let Some(live) = self.lives.get(&ticket) else { return };
        let Source::Action { partition, at, .. } = live.source else {
            self.settle(ticket, &End::own(Own::unknown()), now, now_ms);
            return;
        };
        metrics::counter!("miso_sender_lookups_total").increment(1);
        let (log, handle) = (Arc::clone(&self.log), Arc::clone(&self.handle));
        let author = bot_id(&self.config.token.borrow());
        let since_ms = live.uncertain_since_ms.unwrap_or(now_ms);
        let (mut action, body_here, ours) = (live.action.clone(), live.body_here, live.nonce == Nonce::Ours);
        self.works.push(
            async move {
                tokio::time::sleep(pause).await;
                if !body_here
                    && let Some(record) = crate::look::record_at(&log, at.0, partition, at.1).await
                    && let Ok(whole) = Action::from_bytes(&record)
                {
                    action.body = whole.body;
                }
                let nonce = if ours {
                    Some(nonce_of(&action.action_id))
                } else {
                    client_nonce(content_type(&action), &action.body)
                };
                let looked = look(&log, &handle, &action, &nonce.unwrap_or_default(), author, since_ms).await;
                Done::Looked { ticket, looked }
            }
            .boxed(),
        );
    }

    fn looked(&mut self, ticket: Ticket, looked: Looked, now: Moment, now_ms: i64) {
        match looked {
            Looked::Found(body) => {
                let pair = |name: &str, value: &str| Header { name: name.to_owned(), value: value.to_owned().into() };
                let end = End {
                    kind: OutcomeKind::Done,
                    status: 200,
                    reason: Some("found"),
                    headers: vec![pair("content-type", "application/json"), pair("via", "1.1 miso")],
                    body,
                    bucket: None,
                };
                self.settle(ticket, &end, now, now_ms);
            }
            Looked::NotSent => {
                if let Some(live) = self.lives.get_mut(&ticket) {
                    // Nothing of it is there: a new nonce window begins.
                    live.uncertain_since_ms = None;
                }
                self.again(ticket, Duration::ZERO, now, now_ms);
            }
            Looked::NoTelling => self.settle(ticket, &End::own(Own::unknown()), now, now_ms),
            Looked::Later => self.look_for(ticket, LOOK_AGAIN, now, now_ms),
        }
    }

    /// Writes an action's outcome (and its followers'); its job ends when that is committed.
    pub(crate) fn settle(&mut self, ticket: Ticket, end: &End, now: Moment, now_ms: i64) {
        let Some(live) = self.lives.get_mut(&ticket) else {
            self.scheduler.finish(ticket, now, now_ms);
            return;
        };
        match &mut live.source {
            Source::Get { reply } => {
                if let Some(reply) = reply.take() {
                    let error = if live.attempt == 0 { GetError::TooLong } else { GetError::NoAnswer };
                    let _ = reply.send(Err(error));
                }
                self.forget(ticket, now, now_ms);
            }
            Source::Action { partition, at, .. } => {
                metrics::counter!("miso_sender_outcomes_total", "kind" => end.kind.as_str().to_owned()).increment(1);
                let (partition, at) = (*partition, *at);
                if std::mem::replace(&mut live.settled, true) {
                    return;
                }
                let followers = std::mem::take(&mut live.followers);
                self.parked -= followers.len();
                let own = Entry {
                    record: end.record(&live.action.action_id, at, now_ms),
                    finishes: Some(at),
                    ticket: Some(ticket),
                    then: end.follow_up(&live.action, now_ms),
                };
                let copies = followers.into_iter().map(|(at, action)| Entry {
                    record: end.record(&action.action_id, at, now_ms),
                    finishes: Some(at),
                    ticket: None,
                    then: None,
                });
                if let Some(part) = self.parts.get_mut(&partition) {
                    part.outcomes.push_back(own);
                    part.outcomes.extend(copies);
                }
            }
        }
    }

    /// An action that never became a job.
    pub(crate) fn settle_unscheduled(&mut self, partition: i32, at: ActionAt, action: &Action, own: Own, now_ms: i64) {
        metrics::counter!("miso_sender_outcomes_total", "kind" => own.kind.as_str().to_owned()).increment(1);
        let record = End::own(own).record(&action.action_id, at, now_ms);
        if let Some(part) = self.parts.get_mut(&partition) {
            part.outcomes.push_back(Entry { record, finishes: Some(at), ticket: None, then: None });
        }
    }

    fn copy(&mut self, partition: i32, at: ActionAt, action: &Action, outcome: Outcome) {
        let copy = Outcome {
            action_id: action.action_id.clone(),
            action_offset: at.1,
            interactions: at.0,
            bucket: None,
            ..outcome
        };
        if let Some(part) = self.parts.get_mut(&partition) {
            part.outcomes.push_back(Entry {
                record: copy.to_bytes().into(),
                finishes: Some(at),
                ticket: None,
                then: None,
            });
        }
    }

    /// A transaction failed for good: fenced, or refused.
    pub(crate) fn transaction_failed(&mut self, partition: i32, error: TransactError) {
        match error {
            TransactError::Fenced(_) | TransactError::Retry(_) => {
                tracing::warn!(partition, "the sender no longer owns a partition");
                metrics::counter!("miso_sender_fenced_total").increment(1);
                self.drop_part(partition);
            }
            TransactError::Refused(reason) => {
                self.failure = Some(miso_log::LogError::Refused(reason).into());
            }
        }
    }
}

/// The bot's user id, which the token's first part is.
pub(crate) fn bot_id(token: &str) -> Option<u64> {
    use base64::Engine as _;
    let first = token.split('.').next()?.trim_end_matches('=');
    let id = base64::engine::general_purpose::STANDARD_NO_PAD.decode(first).ok()?;
    std::str::from_utf8(&id).ok()?.parse().ok()
}

fn class(status: u16) -> &'static str {
    match status {
        429 => "429",
        401 => "401",
        403 => "403",
        404 => "404",
        ..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_bot() {
        assert_eq!(bot_id("MTc1OTI4ODQ3Mjk5MTE3MDYz.x.y"), Some(175_928_847_299_117_063));
        assert_eq!(bot_id("nonsense"), None);
    }
}
