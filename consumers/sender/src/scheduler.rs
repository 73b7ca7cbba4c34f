//! Which request goes next: series, buckets, and the budgets over all routes. Pure: time comes in,
//! decisions go out.
//!
//! A job waits in its series (one at a time, in order), then in its bucket, then for the budgets.
//! The bucket's turn comes before the global one, so order within a channel is never lost, and a
//! blocked bucket holds up no other.

mod slots;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use crate::bucket::{Charge, Free, Moment};
use crate::budget::{Global, Invalid};
use crate::job::{Job, Standing};
use crate::seen::{Scope, Seen};

use slots::Slot;

/// Jobs that one bucket holds, at most; beyond it [`Scheduler::submit`] answers [`QueueFull`].
pub const MAX_QUEUED: usize = 10_000;
/// Buckets known, at most; idle ones go first. When none is idle, new ones are [`QueueFull`].
pub const MAX_BUCKETS: usize = 50_000;
/// Requests out at a time, at most; the others wait their turn.
pub const MAX_IN_FLIGHT: usize = 512;
/// Hashes that evidence has shown to be one counter over several routes, at most; later ones are not
/// merged (429s then do the pacing).
const MAX_MERGED: usize = 1_000;
/// A token that Discord refused is tried again after this long, in case it was mended there.
pub const TOKEN_RETRY: Duration = Duration::from_secs(300);
/// Longest pause after Cloudflare's refusals.
const MAX_EDGE_PAUSE: Duration = Duration::from_secs(3_600);

/// Identity and order of a job: earlier is smaller.
pub type Ticket = u64;

/// The bucket is full: the job was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueFull;

/// What is to be done with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Send it. [`Scheduler::sent`] and one of the endings must follow.
    Grant(Ticket),
    /// Its time is over; it was never granted. [`Scheduler::finish`] must follow.
    Expired(Ticket),
    /// A newer one took its place. [`Scheduler::finish`] must follow.
    Superseded(Ticket),
}

/// Settings.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Stop before so many invalid requests in ten minutes.
    pub invalid: usize,
    /// First pause after Cloudflare refused this address; doubles up to an hour.
    pub edge_pause: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Behind others of its series.
    InSeries,
    /// Not before a moment.
    Delayed(Moment),
    /// In a bucket.
    Waiting(usize),
    /// Granted, or expired: only an ending changes it.
    Out { bucket: usize, charge: Charge, reserved: bool, sent: bool },
    /// Answered; holds its series until it is finished or tried again.
    Settled,
}

#[derive(Debug)]
struct Entry {
    job: Job,
    state: State,
    counted_in: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Bucket(usize),
    Delayed(Ticket),
    Expiry(Ticket),
}

/// All queues and limits of one process.
#[derive(Debug)]
pub struct Scheduler {
    limits: Limits,
    entries: HashMap<Ticket, Entry>,
    series: HashMap<Box<str>, BTreeSet<Ticket>>,
    slots: Vec<Option<Slot>>,
    vacant: Vec<usize>,
    by_key: HashMap<Box<str>, usize>,
    /// Hashes that are one counter for all routes which tell them.
    merged: HashSet<Box<str>>,
    /// Last hash of each route, for merged ones.
    route_hash: HashMap<Box<str>, Box<str>>,
    /// By [`Standing`]: buckets whose first job may go, by its ticket.
    listed: [BTreeSet<(Ticket, usize)>; 3],
    timers: BTreeSet<(Moment, Timer)>,
    global: Global,
    invalid: Invalid,
    in_flight: usize,
    edge_pause: Option<Moment>,
    edge_strikes: u32,
    down: bool,
    halted: Option<Moment>,
    decided: Vec<Decision>,
    next_ticket: Ticket,
    budget_wake: Option<Moment>,
    held: bool,
}

impl Scheduler {
    /// Nothing known.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            invalid: Invalid::new(limits.invalid),
            limits,
            entries: HashMap::new(),
            series: HashMap::new(),
            slots: Vec::new(),
            vacant: Vec::new(),
            by_key: HashMap::new(),
            merged: HashSet::new(),
            route_hash: HashMap::new(),
            listed: Default::default(),
            timers: BTreeSet::new(),
            global: Global::default(),
            in_flight: 0,
            edge_pause: None,
            edge_strikes: 0,
            down: false,
            halted: None,
            decided: Vec::new(),
            next_ticket: 1,
            budget_wake: None,
            held: false,
        }
    }

    /// Grants nothing while held: what an earlier process knew of the budgets is not all read yet.
    pub fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// The global limit of this process, requests per second; `None`: none.
    pub fn set_global(&mut self, limit: Option<u32>) {
        self.global.set_limit(limit);
    }

    /// Takes a job; it waits behind all taken before it.
    ///
    /// # Errors
    /// [`QueueFull`] at [`MAX_QUEUED`] jobs of its bucket.
    pub fn submit(&mut self, job: Job, now: Moment, now_ms: i64) -> Result<Ticket, QueueFull> {
        let slot = self.slot_of(&job, now, now_ms).ok_or(QueueFull)?;
        let queued = &mut self.slot_mut(slot).queued;
        if *queued >= MAX_QUEUED {
            return Err(QueueFull);
        }
        *queued += 1;
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        if let Some(expires) = job.expires {
            self.timers.insert((expires, Timer::Expiry(ticket)));
        }
        let series = job.series.clone();
        let replaceable = job.replaceable;
        self.entries.insert(ticket, Entry { job, state: State::InSeries, counted_in: slot });
        match series {
            None => self.ready(ticket, now, now_ms),
            Some(series) => {
                let members = self.series.entry(series).or_default();
                members.insert(ticket);
                let first = members.first() == Some(&ticket);
                let older = (replaceable && !first).then(|| members.iter().rev().nth(1).copied()).flatten();
                if first {
                    self.ready(ticket, now, now_ms);
                }
                if let Some(older) = older.filter(|older| self.withdraw(*older, now)) {
                    self.decided.push(Decision::Superseded(older));
                }
            }
        }
        Ok(ticket)
    }

    /// What is to be done now. `now` must not go back.
    pub fn poll(&mut self, now: Moment, now_ms: i64, out: &mut Vec<Decision>) {
        while let Some(&(at, timer)) = self.timers.first().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, timer));
            match timer {
                Timer::Bucket(slot) => {
                    if let Some(found) = self.slots[slot].as_mut() {
                        found.timer = None;
                        self.refresh(slot, now);
                    }
                }
                Timer::Delayed(ticket) => {
                    if matches!(self.state(ticket), Some(State::Delayed(until)) if until <= now) {
                        self.ready(ticket, now, now_ms);
                    }
                }
                Timer::Expiry(ticket) => {
                    if self.withdraw(ticket, now) {
                        self.decided.push(Decision::Expired(ticket));
                    }
                }
            }
        }
        out.append(&mut self.decided);
        self.budget_wake = None;
        while let Some((ticket, slot)) = self.next_allowed(now) {
            let Some(entry) = self.entries.get(&ticket) else { break };
            // A DELETE may have changed its counter by growing older.
            if entry.job.deletes.is_some() {
                let key = self.key_of(&entry.job, now_ms);
                if *key != *self.slot_mut(slot).key {
                    self.leave_bucket(ticket, slot, now);
                    self.ready(ticket, now, now_ms);
                    continue;
                }
            }
            self.grant(ticket, slot, now);
            out.push(Decision::Grant(ticket));
        }
        out.append(&mut self.decided);
    }

    /// When [`Scheduler::poll`] has something new to say, if nothing else happens.
    #[must_use]
    pub fn next_wake(&self) -> Option<Moment> {
        [self.timers.first().map(|(at, _)| *at), self.budget_wake].into_iter().flatten().min()
    }

    /// Some job cannot go at once because of a limit.
    #[must_use]
    pub fn constrained(&self) -> bool {
        self.budget_wake.is_some() || !self.timers.is_empty() || self.in_flight >= MAX_IN_FLIGHT
    }

    /// The bytes of a granted job leave now.
    pub fn sent(&mut self, ticket: Ticket, now: Moment) {
        if let Some(Entry { state: State::Out { reserved, sent, .. }, .. }) = self.entries.get_mut(&ticket)
            && !std::mem::replace(sent, true)
            && std::mem::take(reserved)
        {
            self.global.sent(now);
        }
    }

    /// A granted job was answered. It keeps its place in its series.
    pub fn answered(&mut self, ticket: Ticket, seen: &Seen, now: Moment) {
        if seen.invalid() {
            self.invalid.add(now);
        }
        let Some((slot, charge)) = self.settle(ticket) else { return };
        if seen.from_the_edge {
            let pause = self.limits.edge_pause.saturating_mul(1 << self.edge_strikes.min(10)).min(MAX_EDGE_PAUSE);
            self.edge_strikes += 1;
            let pause = pause.max(seen.retry_after.unwrap_or_default());
            self.edge_pause = Some(now + pause);
            self.slot_mut(slot).bucket.lost(charge);
            self.refresh(slot, now);
            return;
        }
        self.edge_strikes = 0;
        let standing = self.entries.get(&ticket).map_or(Standing::Bot, |entry| entry.job.standing);
        if standing == Standing::Bot {
            self.halted = (seen.status == 401).then(|| now + TOKEN_RETRY);
        }
        let contradicted =
            seen.status == 429 && seen.scope == Scope::User && self.slot_mut(slot).bucket.believed_open(charge);
        self.remember_hash(ticket, seen);
        let bucket = &mut self.slot_mut(slot).bucket;
        bucket.answered(charge, seen, now);
        if seen.status == 429 {
            let until = now + seen.retry_after.unwrap_or(Duration::from_secs(1)) + crate::bucket::RESET_MARGIN;
            match seen.scope {
                Scope::Global => self.global.pause(until),
                Scope::User | Scope::Shared => bucket.block(until),
            }
        }
        if contradicted {
            self.look_for_shared(slot, until_of(seen, now), now);
        }
        self.refresh(slot, now);
    }

    /// Bytes of a granted job left, no answer came. It keeps its place in its series.
    pub fn lost(&mut self, ticket: Ticket, now: Moment) {
        if let Some((slot, charge)) = self.settle(ticket) {
            self.slot_mut(slot).bucket.lost(charge);
            self.refresh(slot, now);
        }
    }

    /// A granted job never left. It keeps its place in its series.
    pub fn unsent(&mut self, ticket: Ticket, now: Moment) {
        if let Some((slot, charge)) = self.settle(ticket) {
            self.slot_mut(slot).bucket.give_back(charge);
            self.refresh(slot, now);
        }
    }

    /// Whether no connection can be made: nothing is granted then.
    pub fn down(&mut self, down: bool) {
        self.down = down;
    }

    /// The bot's token is another one.
    pub fn token_changed(&mut self) {
        self.halted = None;
    }

    /// Whether Discord refused the token.
    #[must_use]
    pub fn halted(&self) -> bool {
        self.halted.is_some()
    }

    /// A job that was answered, lost or unsent waits again, at its old place.
    pub fn again(&mut self, ticket: Ticket, not_before: Moment, now: Moment, now_ms: i64) {
        if let Some(entry) = self.entries.get_mut(&ticket) {
            entry.job.not_before = Some(not_before);
            self.ready(ticket, now, now_ms);
        }
    }

    /// A job is over: the next of its series may go.
    pub fn finish(&mut self, ticket: Ticket, now: Moment, now_ms: i64) {
        // Out without an answer: its partition went away.
        self.lost(ticket, now);
        self.withdraw(ticket, now);
        let Some(entry) = self.entries.remove(&ticket) else { return };
        if let Some(slot) = self.slots[entry.counted_in].as_mut() {
            slot.queued = slot.queued.saturating_sub(1);
        }
        if let Some(expires) = entry.job.expires {
            self.timers.remove(&(expires, Timer::Expiry(ticket)));
        }
        let Some(name) = &entry.job.series else { return };
        let Some(members) = self.series.get_mut(name) else { return };
        members.remove(&ticket);
        match members.first().copied() {
            None => {
                self.series.remove(name);
            }
            Some(next) if self.state(next) == Some(State::InSeries) => self.ready(next, now, now_ms),
            Some(_) => {}
        }
    }

    /// Whether the job was granted and not answered yet.
    #[must_use]
    pub fn is_out(&self, ticket: Ticket) -> bool {
        matches!(self.state(ticket), Some(State::Out { .. }))
    }

    /// Whether the job's bytes may have left already.
    #[must_use]
    pub fn was_sent(&self, ticket: Ticket) -> bool {
        matches!(self.state(ticket), Some(State::Out { sent: true, .. }))
    }

    /// Invalid requests of an earlier process.
    pub fn restore_invalid(&mut self, moments: impl Iterator<Item = Moment>) {
        self.invalid.restore(moments);
    }

    /// About how long a job submitted now would wait.
    #[must_use]
    pub fn predicted_wait(&self, job: &Job, now: Moment, now_ms: i64) -> Duration {
        let key = self.key_of(job, now_ms);
        let own = self.by_key.get(&*key).and_then(|slot| self.slots[*slot].as_ref());
        let own = own.map_or(Duration::ZERO, |slot| slot.bucket.predicted_wait(slot.queued, now));
        if job.standing == Standing::Exempt {
            return own;
        }
        let ahead = self.listed[1].len() + self.listed[2].len();
        let pauses = [self.edge_pause, self.halted].into_iter().flatten();
        let paused = pauses.map(|until| until.saturating_sub(now)).max().unwrap_or_default();
        own.max(self.global.predicted_wait(ahead, now)).max(paused)
    }

    /// Jobs not finished.
    #[must_use]
    pub fn open(&self) -> usize {
        self.entries.len()
    }

    /// Granted jobs without an ending.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    fn state(&self, ticket: Ticket) -> Option<State> {
        self.entries.get(&ticket).map(|entry| entry.state)
    }

    /// The next job that every budget lets go.
    fn next_allowed(&mut self, now: Moment) -> Option<(Ticket, usize)> {
        if self.held || self.down || self.in_flight >= MAX_IN_FLIGHT || self.listed.iter().all(BTreeSet::is_empty) {
            return None;
        }
        if let Some(until) = self.edge_pause.filter(|until| *until > now) {
            self.budget_wake = Some(until);
            return None;
        }
        let first = |standing: Standing| self.listed[standing as usize].first().copied();
        if let Err(at) = self.invalid.free(self.in_flight, now) {
            self.budget_wake = at;
            return None;
        }
        if let Some(exempt) = first(Standing::Exempt) {
            return Some(exempt);
        }
        let halted = self.halted.filter(|until| *until > now);
        let bot = first(Standing::Bot).filter(|_| halted.is_none());
        let chosen = [first(Standing::Tokened), bot].into_iter().flatten().min();
        if chosen.is_none() {
            self.budget_wake = halted;
            return None;
        }
        if let Err(at) = self.global.free(now) {
            self.budget_wake = at;
            return None;
        }
        chosen
    }

    fn grant(&mut self, ticket: Ticket, slot: usize, now: Moment) {
        self.slot_mut(slot).waiting.remove(&ticket);
        let charge = self.slot_mut(slot).bucket.charge(now);
        let Some(entry) = self.entries.get_mut(&ticket) else { return };
        let reserved = entry.job.standing != Standing::Exempt;
        entry.state = State::Out { bucket: slot, charge, reserved, sent: false };
        if reserved {
            self.global.reserve();
        }
        // After a refused token one request tries whether it is accepted again.
        if entry.job.standing == Standing::Bot && self.halted.is_some() {
            self.halted = Some(now + TOKEN_RETRY);
        }
        self.in_flight += 1;
        self.refresh(slot, now);
    }

    /// Ends the time out of a granted job.
    fn settle(&mut self, ticket: Ticket) -> Option<(usize, Charge)> {
        let entry = self.entries.get_mut(&ticket)?;
        let State::Out { bucket, charge, reserved, .. } = entry.state else { return None };
        entry.state = State::Settled;
        self.in_flight -= 1;
        if reserved {
            self.global.give_back();
        }
        Some((bucket, charge))
    }

    /// Takes a job that waits out of its queues; `false` when it is out or settled.
    fn withdraw(&mut self, ticket: Ticket, now: Moment) -> bool {
        match self.state(ticket) {
            None | Some(State::Settled | State::Out { .. }) => return false,
            Some(State::Delayed(until)) => {
                self.timers.remove(&(until, Timer::Delayed(ticket)));
            }
            Some(State::Waiting(slot)) => self.leave_bucket(ticket, slot, now),
            Some(State::InSeries) => {}
        }
        if let Some(entry) = self.entries.get_mut(&ticket) {
            entry.state = State::Settled;
        }
        true
    }

    fn leave_bucket(&mut self, ticket: Ticket, slot: usize, now: Moment) {
        self.slot_mut(slot).waiting.remove(&ticket);
        self.refresh(slot, now);
    }

    /// First of its series: into its bucket, now or when its time has come.
    fn ready(&mut self, ticket: Ticket, now: Moment, now_ms: i64) {
        let Some(entry) = self.entries.get_mut(&ticket) else { return };
        if entry.job.expires.is_some_and(|expires| expires <= now) {
            entry.state = State::Settled;
            self.decided.push(Decision::Expired(ticket));
            return;
        }
        if let Some(until) = entry.job.not_before.filter(|until| *until > now) {
            entry.state = State::Delayed(until);
            self.timers.insert((until, Timer::Delayed(ticket)));
            return;
        }
        let job = entry.job.clone();
        let counted_in = entry.counted_in;
        // A bucket can only be missing when all are busy: the one it was counted in is there.
        let slot = self.slot_of(&job, now, now_ms).unwrap_or(counted_in);
        if let Some(entry) = self.entries.get_mut(&ticket) {
            entry.state = State::Waiting(slot);
        }
        self.slot_mut(slot).waiting.insert(ticket);
        self.refresh(slot, now);
    }

    /// Lists a bucket where its first job may go, or sets its timer.
    fn refresh(&mut self, slot: usize, now: Moment) {
        let Some(found) = self.slots[slot].as_mut() else { return };
        if let Some((standing, ticket)) = found.listed.take() {
            self.listed[standing].remove(&(ticket, slot));
        }
        let Some(&first) = found.waiting.first() else { return };
        match found.bucket.free(now) {
            Free::Now => {
                let standing = self.entries.get(&first).map_or(Standing::Bot, |entry| entry.job.standing) as usize;
                found.listed = Some((standing, first));
                self.listed[standing].insert((first, slot));
            }
            Free::At(at) if found.timer != Some(at) => {
                if let Some(old) = found.timer.replace(at) {
                    self.timers.remove(&(old, Timer::Bucket(slot)));
                }
                self.timers.insert((at, Timer::Bucket(slot)));
            }
            Free::At(_) | Free::AfterAnswer => {}
        }
    }
}

fn until_of(seen: &Seen, now: Moment) -> Moment {
    now + seen.retry_after.unwrap_or(Duration::from_secs(1)) + crate::bucket::RESET_MARGIN
}

#[cfg(test)]
mod tests;
