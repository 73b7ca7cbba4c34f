//! One counter of Discord's: what we know of it, and when the next request may go. Pure.
//!
//! It is never refilled to `Limit` by a clock alone: windows may slide. When one is over, a single
//! probe goes, and its answer opens the next.

use std::time::Duration;

use crate::seen::{Counted, Seen};

/// Monotonic time since an arbitrary start.
pub type Moment = Duration;

/// A window counts as over this long after `Reset-After` said so: times are rounded on the way.
pub const RESET_MARGIN: Duration = Duration::from_millis(15);

/// When a bucket's next request may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Free {
    /// At once.
    Now,
    /// Not before this moment.
    At(Moment),
    /// When one of those in flight was answered.
    AfterAnswer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Window {
    /// Nothing known: one probe at a time.
    Unknown,
    /// As the last answers told, less what we sent since.
    Counted { limit: i64, remaining: i64, resets: Moment },
    /// Answers tell no limit.
    Unlimited,
}

/// One counter.
#[derive(Debug)]
pub struct Bucket {
    hash: Option<Box<str>>,
    /// Bumped when Discord names another hash: requests in flight settle on the old one.
    generation: u32,
    window: Window,
    blocked: Option<Moment>,
    /// Of this generation.
    in_flight: u32,
    /// Last charge or answer, for eviction.
    touched: Moment,
}

/// What was taken from a bucket for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    generation: u32,
    /// It was taken as one of an open window (not as a probe).
    counted: bool,
}

impl Bucket {
    /// Nothing known.
    #[must_use]
    pub fn new(now: Moment) -> Self {
        Self { hash: None, generation: 0, window: Window::Unknown, blocked: None, in_flight: 0, touched: now }
    }

    /// When the next request may go.
    #[must_use]
    pub fn free(&self, now: Moment) -> Free {
        if let Some(until) = self.blocked.filter(|until| *until > now) {
            return Free::At(until);
        }
        match self.window {
            Window::Unlimited => Free::Now,
            Window::Counted { remaining, resets, .. } if now < resets => {
                if remaining > 0 {
                    Free::Now
                } else {
                    Free::At(resets)
                }
            }
            Window::Unknown | Window::Counted { .. } => {
                if self.in_flight == 0 {
                    Free::Now
                } else {
                    Free::AfterAnswer
                }
            }
        }
    }

    /// Takes one request. Call only when [`Bucket::free`] says so.
    pub fn charge(&mut self, now: Moment) -> Charge {
        self.touched = now;
        self.in_flight += 1;
        let mut counted = false;
        if let Window::Counted { remaining, resets, .. } = &mut self.window
            && now < *resets
        {
            *remaining -= 1;
            counted = true;
        }
        Charge { generation: self.generation, counted }
    }

    /// The request of this charge never left.
    pub fn give_back(&mut self, charge: Charge) {
        if self.settle(charge)
            && charge.counted
            && let Window::Counted { limit, remaining, .. } = &mut self.window
        {
            *remaining = (*remaining + 1).min(*limit);
        }
    }

    /// The request left and no answer came: it stays spent.
    pub fn lost(&mut self, charge: Charge) {
        self.settle(charge);
    }

    /// An answer came. 429s are told by [`Bucket::block`] besides.
    pub fn answered(&mut self, charge: Charge, seen: &Seen, now: Moment) {
        self.touched = now;
        let current = self.settle(charge);
        let Some(counted) = &seen.counted else {
            // A success without headers: this route has no limit of its own.
            let open = matches!(self.window, Window::Counted { resets, .. } if now < resets);
            if current && seen.status < 500 && seen.status != 429 && !open {
                self.window = Window::Unlimited;
            }
            return;
        };
        let resets = now + counted.reset_after + RESET_MARGIN;
        match &self.hash {
            Some(hash) if **hash != *counted.hash => {
                if current {
                    self.generation += 1;
                    self.in_flight = 0;
                    self.hash = Some(counted.hash.clone());
                    self.window = Window::Counted { limit: counted.limit, remaining: counted.remaining, resets };
                }
                return;
            }
            Some(_) => {}
            None => self.hash = Some(counted.hash.clone()),
        }
        self.learn(counted, resets, now);
    }

    fn learn(&mut self, counted: &Counted, new_resets: Moment, now: Moment) {
        match &mut self.window {
            Window::Counted { limit, remaining, resets } if now < *resets => {
                *limit = counted.limit;
                // Answers overtake each other: within a window Remaining only falls.
                if counted.remaining <= *remaining {
                    *remaining = counted.remaining;
                    *resets = new_resets.max(*resets);
                }
            }
            window => {
                let uncounted = i64::from(self.in_flight);
                *window = Window::Counted {
                    limit: counted.limit,
                    remaining: (counted.remaining - uncounted).max(0),
                    resets: new_resets,
                };
            }
        }
    }

    /// A 429 of this bucket: nothing before `until`, then a probe.
    pub fn block(&mut self, until: Moment) {
        self.blocked = Some(self.blocked.map_or(until, |blocked| blocked.max(until)));
        self.window = Window::Unknown;
    }

    /// Spent until `until`, as an earlier process knew it.
    pub fn restore(&mut self, hash: Option<&str>, until: Moment) {
        self.hash = hash.map(Into::into);
        self.block(until);
    }

    /// Whether an open window said that more may go: a 429 then contradicts it.
    #[must_use]
    pub fn believed_open(&self, charge: Charge) -> bool {
        charge.counted && charge.generation == self.generation
    }

    /// Discord's name of it.
    #[must_use]
    pub fn hash(&self) -> Option<&str> {
        self.hash.as_deref()
    }

    /// Nothing in flight, nothing blocked, no window open: all that is lost with it is learned by
    /// the next probe.
    #[must_use]
    pub fn evictable(&self, now: Moment) -> bool {
        self.in_flight == 0
            && self.blocked.is_none_or(|until| until <= now)
            && !matches!(self.window, Window::Counted { resets, .. } if now < resets)
    }

    /// When it is free again, if it is spent or blocked for a while: `(until, limit, hash)`.
    #[must_use]
    pub fn spent_until(&self, now: Moment) -> Option<Moment> {
        match (self.blocked, self.window) {
            (Some(until), _) if until > now => Some(until),
            (_, Window::Counted { remaining: ..=0, resets, .. }) if resets > now => Some(resets),
            _ => None,
        }
    }

    /// How long a request behind `ahead` others waits, about.
    #[must_use]
    pub fn predicted_wait(&self, ahead: usize, now: Moment) -> Duration {
        let ahead = i64::try_from(ahead).unwrap_or(i64::MAX);
        let blocked = self.blocked.map_or(Duration::ZERO, |until| until.saturating_sub(now));
        match self.window {
            Window::Counted { limit, remaining, resets } if resets > now => {
                let over = ahead + 1 - remaining;
                if over <= 0 {
                    return blocked;
                }
                let left = resets - now;
                let windows = u32::try_from((over - 1) / limit.max(1)).unwrap_or(u32::MAX);
                blocked.max(left + left.saturating_mul(windows))
            }
            _ => blocked,
        }
    }

    fn settle(&mut self, charge: Charge) -> bool {
        let current = charge.generation == self.generation;
        if current {
            self.in_flight = self.in_flight.saturating_sub(1);
        }
        current
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seen::Scope;

    fn seen(hash: &str, limit: i64, remaining: i64, reset_after_ms: u64) -> Seen {
        let counted =
            Counted { hash: hash.into(), limit, remaining, reset_after: Duration::from_millis(reset_after_ms) };
        Seen {
            status: 200,
            counted: Some(counted),
            retry_after: None,
            scope: Scope::User,
            from_the_edge: false,
            code: None,
        }
    }

    fn bare(status: u16) -> Seen {
        Seen { status, counted: None, ..seen("", 0, 0, 0) }
    }

    const fn ms(ms: u64) -> Moment {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_cold_bucket_sends_one_probe_then_opens_its_window() {
        let mut bucket = Bucket::new(ms(0));
        let probe = bucket.charge(ms(0));
        assert_eq!(bucket.free(ms(1)), Free::AfterAnswer);
        bucket.answered(probe, &seen("h", 5, 4, 1_000), ms(10));
        for _ in 0..4 {
            assert_eq!(bucket.free(ms(11)), Free::Now);
            bucket.charge(ms(11));
        }
        assert_eq!(bucket.free(ms(12)), Free::At(ms(1_010) + RESET_MARGIN));
    }

    #[test]
    fn remaining_never_rises_within_a_window() {
        let mut bucket = Bucket::new(ms(0));
        let probe = bucket.charge(ms(0));
        bucket.answered(probe, &seen("h", 3, 2, 1_000), ms(1));
        let (first, second) = (bucket.charge(ms(2)), bucket.charge(ms(2)));
        bucket.answered(second, &seen("h", 3, 0, 990), ms(3));
        bucket.answered(first, &seen("h", 3, 1, 995), ms(4));
        assert!(matches!(bucket.free(ms(5)), Free::At(_)), "an answer that was overtaken opens nothing");
    }

    #[test]
    fn a_window_that_is_over_is_probed_and_never_refilled_by_the_clock() {
        let mut bucket = Bucket::new(ms(0));
        let probe = bucket.charge(ms(0));
        bucket.answered(probe, &seen("h", 5, 0, 100), ms(0));
        let over = ms(100) + RESET_MARGIN;
        assert_eq!(bucket.free(over), Free::Now);
        let probe = bucket.charge(over);
        assert_eq!(bucket.free(over), Free::AfterAnswer);
        bucket.answered(probe, &seen("h", 5, 1, 100), over);
        bucket.charge(over);
        assert!(matches!(bucket.free(over), Free::At(_)), "a sliding window had room for one only");
    }

    #[test]
    fn in_flight_requests_settle_on_the_old_hash() {
        let mut bucket = Bucket::new(ms(0));
        let probe = bucket.charge(ms(0));
        bucket.answered(probe, &seen("old", 5, 4, 1_000), ms(1));
        let (first, second) = (bucket.charge(ms(2)), bucket.charge(ms(2)));
        bucket.answered(first, &seen("new", 2, 1, 1_000), ms(3));
        assert_eq!(bucket.hash(), Some("new"));
        bucket.answered(second, &seen("old", 5, 0, 1_000), ms(4));
        assert_eq!((bucket.hash(), bucket.free(ms(5))), (Some("new"), Free::Now));
    }

    #[test]
    fn an_answer_without_headers_means_no_limit_but_an_error_proves_nothing() {
        let mut bucket = Bucket::new(ms(0));
        let probe = bucket.charge(ms(0));
        bucket.answered(probe, &bare(502), ms(1));
        bucket.charge(ms(2));
        assert_eq!(bucket.free(ms(3)), Free::AfterAnswer);
        let mut bucket = Bucket::new(ms(0));
        let probe = bucket.charge(ms(0));
        bucket.answered(probe, &bare(204), ms(1));
        bucket.charge(ms(2));
        assert_eq!(bucket.free(ms(3)), Free::Now);
    }

    #[test]
    fn a_request_that_never_left_is_given_back_and_a_lost_one_is_not() {
        let mut bucket = Bucket::new(ms(0));
        let probe = bucket.charge(ms(0));
        bucket.answered(probe, &seen("h", 2, 1, 1_000), ms(1));
        let charge = bucket.charge(ms(2));
        bucket.give_back(charge);
        assert_eq!(bucket.free(ms(3)), Free::Now);
        let charge = bucket.charge(ms(3));
        bucket.lost(charge);
        assert!(matches!(bucket.free(ms(4)), Free::At(_)));
    }

    #[test]
    fn a_block_outlasts_its_window_and_ends_in_a_probe() {
        let mut bucket = Bucket::new(ms(0));
        let probe = bucket.charge(ms(0));
        bucket.answered(probe, &seen("h", 50_000, 49_999, 1_000), ms(1));
        bucket.block(ms(86_400_000));
        assert_eq!(bucket.free(ms(2)), Free::At(ms(86_400_000)));
        assert!(!bucket.evictable(ms(2)) && bucket.evictable(ms(86_400_000)));
        bucket.charge(ms(86_400_000));
        assert_eq!(bucket.free(ms(86_400_000)), Free::AfterAnswer);
    }

    #[test]
    fn the_wait_is_predicted_in_whole_windows() {
        let mut bucket = Bucket::new(ms(0));
        let probe = bucket.charge(ms(0));
        bucket.answered(probe, &seen("h", 5, 4, 1_000 - 15), ms(0));
        assert_eq!(bucket.predicted_wait(3, ms(0)), Duration::ZERO);
        assert_eq!(bucket.predicted_wait(4, ms(0)), ms(1_000));
        assert_eq!(bucket.predicted_wait(9, ms(0)), ms(2_000));
    }
}
