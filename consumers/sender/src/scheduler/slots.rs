//! The buckets of the scheduler: found by counter, evicted when idle, merged on evidence.

use std::collections::BTreeSet;
use std::time::Duration;

use miso_model::BucketState;

use super::{MAX_BUCKETS, MAX_MERGED, Scheduler, State, Ticket, Timer};
use crate::bucket::{Bucket, Moment};
use crate::job::Job;
use crate::seen::Seen;

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) key: Box<str>,
    pub(super) bucket: Bucket,
    pub(super) waiting: BTreeSet<Ticket>,
    /// Jobs that were submitted for it and are not finished, for the bound.
    pub(super) queued: usize,
    pub(super) listed: Option<(usize, Ticket)>,
    pub(super) timer: Option<Moment>,
    pub(super) partition: i32,
}

impl Scheduler {
    /// A bucket that an earlier process knew as spent or blocked.
    pub fn restore_bucket(&mut self, known: &BucketState, partition: i32, now: Moment, now_ms: i64) {
        let Ok(left) = u64::try_from(known.resets_ms - now_ms) else { return };
        if left == 0 {
            return;
        }
        let key = format!("{}\0{}", known.route, known.major);
        if let Some(slot) = self.slot_named(&key, partition, now) {
            self.slot_mut(slot).bucket.restore(known.hash.as_deref(), now + Duration::from_millis(left));
            self.refresh(slot, now);
        }
    }

    /// The spent and blocked buckets of a partition, for its checkpoint.
    #[must_use]
    pub fn spent_buckets(&self, partition: i32, now: Moment, now_ms: i64) -> Vec<BucketState> {
        let of_partition = self.slots.iter().flatten().filter(|slot| slot.partition == partition);
        of_partition.filter_map(|slot| slot.state(now, now_ms)).collect()
    }

    /// The counter that a granted or answered job was charged to, if it is spent or blocked.
    #[must_use]
    pub fn spent_bucket(&self, ticket: Ticket, now: Moment, now_ms: i64) -> Option<BucketState> {
        let entry = self.entries.get(&ticket)?;
        let key = self.key_of(&entry.job, now_ms);
        self.slots[*self.by_key.get(&*key)?].as_ref()?.state(now, now_ms)
    }

    pub(super) fn key_of(&self, job: &Job, now_ms: i64) -> Box<str> {
        let key = job.counter(now_ms);
        let route = key.split('\0').next().unwrap_or_default();
        match self.route_hash.get(route).filter(|hash| self.merged.contains(*hash)) {
            Some(hash) => format!("#{hash}\0{}", job.major).into(),
            None => key.into(),
        }
    }

    pub(super) fn slot_of(&mut self, job: &Job, now: Moment, now_ms: i64) -> Option<usize> {
        let key = self.key_of(job, now_ms);
        self.slot_named(&key, job.partition, now)
    }

    pub(super) fn slot_named(&mut self, key: &str, partition: i32, now: Moment) -> Option<usize> {
        if let Some(&slot) = self.by_key.get(key) {
            return Some(slot);
        }
        if self.by_key.len() >= MAX_BUCKETS {
            self.evict(now);
            if self.by_key.len() >= MAX_BUCKETS {
                return None;
            }
        }
        let new = Slot {
            key: key.into(),
            bucket: Bucket::new(now),
            waiting: BTreeSet::new(),
            queued: 0,
            listed: None,
            timer: None,
            partition,
        };
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[slot] = Some(new);
        self.by_key.insert(key.into(), slot);
        Some(slot)
    }

    pub(super) fn slot_mut(&mut self, slot: usize) -> &mut Slot {
        self.slots[slot].as_mut().expect("a bucket with jobs is never evicted")
    }

    /// Forgets buckets that nothing waits in and that the next probe learns again.
    pub(super) fn evict(&mut self, now: Moment) {
        for index in 0..self.slots.len() {
            let Some(slot) = &self.slots[index] else { continue };
            if slot.queued == 0 && slot.waiting.is_empty() && slot.bucket.evictable(now) {
                if let Some(at) = slot.timer {
                    self.timers.remove(&(at, Timer::Bucket(index)));
                }
                self.by_key.remove(&slot.key);
                self.slots[index] = None;
                self.vacant.push(index);
            }
        }
    }

    pub(super) fn remember_hash(&mut self, ticket: Ticket, seen: &Seen) {
        let (Some(entry), Some(counted)) = (self.entries.get(&ticket), &seen.counted) else { return };
        if self.route_hash.get(&entry.job.route).is_none_or(|hash| *hash != counted.hash) {
            if self.route_hash.len() >= MAX_BUCKETS {
                self.route_hash.clear();
            }
            self.route_hash.insert(entry.job.route.clone(), counted.hash.clone());
        }
    }

    /// A 429 although its window was open: if another route with the same hash and resource used
    /// it, both are one counter, and from now on treated so.
    pub(super) fn look_for_shared(&mut self, slot: usize, until: Moment, now: Moment) {
        let Some((hash, key)) =
            self.slots[slot].as_ref().and_then(|slot| Some((slot.bucket.hash()?.to_owned(), slot.key.clone())))
        else {
            return;
        };
        let Some(major) = key.split('\0').nth(1) else { return };
        let other = self.slots.iter().flatten().any(|other| {
            other.key != key && other.bucket.hash() == Some(&hash) && other.key.split('\0').nth(1) == Some(major)
        });
        if !other || self.merged.len() >= MAX_MERGED || !self.merged.insert(hash.as_str().into()) {
            return;
        }
        tracing::info!(bucket = hash, "two routes share one rate limit");
        let concerned: Vec<usize> = (0..self.slots.len())
            .filter(|index| self.slots[*index].as_ref().is_some_and(|slot| slot.bucket.hash() == Some(&hash)))
            .collect();
        for index in concerned {
            let partition = self.slot_mut(index).partition;
            let major = self.slot_mut(index).key.split('\0').nth(1).unwrap_or_default().to_owned();
            let waiting: Vec<Ticket> = self.slot_mut(index).waiting.iter().copied().collect();
            let Some(shared) = self.slot_named(&format!("#{hash}\0{major}"), partition, now) else { continue };
            if major == key.split('\0').nth(1).unwrap_or_default() {
                self.slot_mut(shared).bucket.block(until);
            }
            for ticket in waiting {
                self.leave_bucket(ticket, index, now);
                if let Some(entry) = self.entries.get_mut(&ticket) {
                    entry.state = State::Waiting(shared);
                }
                self.slot_mut(shared).waiting.insert(ticket);
            }
            self.refresh(shared, now);
        }
    }
}

impl Slot {
    fn state(&self, now: Moment, now_ms: i64) -> Option<BucketState> {
        let until = self.bucket.spent_until(now)?;
        let (route, major) = self.key.split_once('\0')?;
        let left = i64::try_from((until - now).as_millis()).unwrap_or(i64::MAX);
        Some(BucketState {
            route: route.to_owned(),
            major: major.to_owned(),
            hash: self.bucket.hash().map(str::to_owned),
            limit: 0,
            remaining: 0,
            resets_ms: now_ms.saturating_add(left),
        })
    }
}
