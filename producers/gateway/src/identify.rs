//! When a shard may IDENTIFY: one at a time and one per interval in each bucket, and never below a
//! reserve of the day's limit, because exhausting it resets the bot's token. Pure; a RESUME needs
//! none of this.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// IDENTIFYs of the day that are never used. Fewer remain: shards wait until Discord's count resets.
pub(crate) const RESERVE: u32 = 20;

/// The IDENTIFY turns of one owner's shards.
#[derive(Debug)]
pub(crate) struct IdentifyGate {
    interval: Duration,
    max_concurrency: i32,
    buckets: BTreeMap<i32, Bucket>,
    not_before: Instant,
    /// What is left of the day's limit, the reserve included.
    remaining: u32,
    last: Option<Instant>,
}

#[derive(Debug, Default)]
struct Bucket {
    waiting: VecDeque<i32>,
    /// The shard whose connection is being opened for an IDENTIFY that has not gone out yet.
    admitted: Option<i32>,
    granted_at: Option<Instant>,
}

impl IdentifyGate {
    /// `not_before`: after a claim the first IDENTIFY waits, the owner before may just have sent one.
    pub(crate) fn new(interval: Duration, max_concurrency: i32, not_before: Instant, remaining: u32) -> Self {
        let max_concurrency = max_concurrency.max(1);
        Self { interval, max_concurrency, buckets: BTreeMap::new(), not_before, remaining, last: None }
    }

    fn bucket(&mut self, shard: i32) -> &mut Bucket {
        self.buckets.entry(shard % self.max_concurrency).or_default()
    }

    /// A shard wants a turn; asked twice, it has one place.
    pub(crate) fn ask(&mut self, shard: i32) {
        let bucket = self.bucket(shard);
        if bucket.admitted != Some(shard) && !bucket.waiting.contains(&shard) {
            bucket.waiting.push_back(shard);
        }
    }

    /// Shards whose connection may be opened now, in the order in which they asked: their IDENTIFY
    /// is the next of its bucket.
    pub(crate) fn admit(&mut self, now: Instant) -> Vec<i32> {
        let (not_before, interval, mut left) = (self.not_before, self.interval, self.remaining);
        let mut admitted = Vec::new();
        for bucket in self.buckets.values_mut() {
            left = left.saturating_sub(u32::from(bucket.admitted.is_some()));
            if bucket.admitted.is_none() && left > RESERVE && bucket.opens_at(not_before, interval) <= now {
                bucket.admitted = bucket.waiting.pop_front();
                left = left.saturating_sub(u32::from(bucket.admitted.is_some()));
                admitted.extend(bucket.admitted);
            }
        }
        admitted
    }

    /// The IDENTIFY of an admitted shard goes out.
    pub(crate) fn granted(&mut self, shard: i32, now: Instant) {
        let bucket = self.bucket(shard);
        if bucket.admitted == Some(shard) {
            bucket.admitted = None;
            bucket.granted_at = Some(now);
            self.remaining = self.remaining.saturating_sub(1);
            self.last = Some(now);
        }
    }

    /// A shard needs no turn any more: its connection ended before the IDENTIFY went out.
    pub(crate) fn release(&mut self, shard: i32) {
        let bucket = self.bucket(shard);
        bucket.waiting.retain(|&waiting| waiting != shard);
        if bucket.admitted == Some(shard) {
            bucket.admitted = None;
        }
    }

    /// Whether this shard's IDENTIFY may go out.
    pub(crate) fn is_admitted(&mut self, shard: i32) -> bool {
        self.bucket(shard).admitted == Some(shard)
    }

    /// When [`admit`](Self::admit) is worth calling again.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        if self.is_exhausted() {
            return None;
        }
        let open = self.buckets.values().filter(|bucket| bucket.admitted.is_none() && !bucket.waiting.is_empty());
        open.map(|bucket| bucket.opens_at(self.not_before, self.interval)).min()
    }

    /// Whether shards wait only because the day's limit is used up to the reserve.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.remaining <= RESERVE && self.buckets.values().any(|bucket| !bucket.waiting.is_empty())
    }

    /// What Discord says now is left of the day's limit.
    pub(crate) fn set_remaining(&mut self, remaining: u32) {
        self.remaining = remaining;
    }

    /// Whether the next owner need not wait before its first IDENTIFY.
    pub(crate) fn is_rested(&self, now: Instant) -> bool {
        self.last.is_none_or(|last| now.duration_since(last) >= self.interval)
    }
}

impl Bucket {
    fn opens_at(&self, not_before: Instant, interval: Duration) -> Instant {
        self.granted_at.map_or(not_before, |at| (at + interval).max(not_before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(5);

    fn gate(max_concurrency: i32, remaining: u32) -> (IdentifyGate, Instant) {
        let now = Instant::now();
        (IdentifyGate::new(INTERVAL, max_concurrency, now, remaining), now)
    }

    #[test]
    fn a_bucket_identifies_in_order_one_per_interval() {
        let (mut gate, start) = gate(2, 1_000);
        (0..4).for_each(|shard| gate.ask(shard));
        assert_eq!(gate.admit(start), [0, 1]);
        assert_eq!(gate.admit(start), Vec::<i32>::new(), "one at a time in each bucket");
        gate.granted(0, start);
        assert_eq!(gate.next_at(), Some(start + INTERVAL));
        assert_eq!(gate.admit(start + INTERVAL - Duration::from_millis(1)), Vec::<i32>::new());
        assert_eq!(gate.admit(start + INTERVAL), [2], "shard 1 still holds its bucket");
        gate.release(1);
        assert_eq!(gate.admit(start + INTERVAL), [3], "a connection that ended gives its turn back");
    }

    #[test]
    fn the_first_identify_waits_after_a_claim() {
        let now = Instant::now();
        let mut gate = IdentifyGate::new(INTERVAL, 1, now + INTERVAL, 1_000);
        gate.ask(0);
        assert_eq!(gate.admit(now), Vec::<i32>::new());
        assert_eq!(gate.next_at(), Some(now + INTERVAL));
        assert_eq!(gate.admit(now + INTERVAL), [0]);
    }

    #[test]
    fn the_reserve_of_the_day_is_never_touched() {
        let (mut gate, start) = gate(4, RESERVE + 2);
        (0..4).for_each(|shard| gate.ask(shard));
        assert_eq!(gate.admit(start), [0, 1]);
        gate.granted(0, start);
        gate.granted(1, start);
        assert!(gate.is_exhausted());
        assert_eq!((gate.admit(start + INTERVAL), gate.next_at()), (vec![], None));
        gate.set_remaining(1_000);
        assert_eq!(gate.admit(start + INTERVAL), [2, 3]);
    }

    #[test]
    fn asking_twice_gives_one_place() {
        let (mut gate, start) = gate(1, 1_000);
        gate.ask(0);
        gate.ask(0);
        assert_eq!(gate.admit(start), [0]);
        gate.ask(0);
        gate.granted(0, start);
        assert_eq!(gate.admit(start + INTERVAL), Vec::<i32>::new());
        assert!(!gate.is_rested(start) && gate.is_rested(start + INTERVAL));
    }
}
