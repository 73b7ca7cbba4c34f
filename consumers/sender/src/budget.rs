//! The two budgets over all routes: requests per second, and invalid requests per ten minutes. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use crate::bucket::Moment;

/// The rolling window of the global limit: a second, and what the way may compress.
pub const GLOBAL_WINDOW: Duration = Duration::from_millis(1_030);
/// Discord counts invalid requests over this window.
pub const INVALID_WINDOW: Duration = Duration::from_secs(600);

/// Requests per second over all routes, charged when they are sent.
#[derive(Debug, Default)]
pub struct Global {
    /// 0: no limit.
    limit: u32,
    /// Sent within the window; at most `limit`.
    sent: VecDeque<Moment>,
    /// Granted, not sent yet.
    reserved: u32,
    paused: Option<Moment>,
}

impl Global {
    /// With a limit of requests per second; `None`: unlimited.
    pub fn set_limit(&mut self, limit: Option<u32>) {
        self.limit = limit.map_or(0, |limit| limit.max(1));
    }

    /// Nothing before `until`: a global 429.
    pub fn pause(&mut self, until: Moment) {
        self.paused = Some(self.paused.map_or(until, |paused| paused.max(until)));
    }

    /// `Ok`: one may be reserved now. `Err`: not before then (`None`: when a reserved one was sent
    /// or given back).
    pub fn free(&mut self, now: Moment) -> Result<(), Option<Moment>> {
        if let Some(until) = self.paused.filter(|until| *until > now) {
            return Err(Some(until));
        }
        if self.limit == 0 {
            return Ok(());
        }
        while self.sent.front().is_some_and(|sent| *sent + GLOBAL_WINDOW <= now) {
            self.sent.pop_front();
        }
        let sent = u32::try_from(self.sent.len()).unwrap_or(u32::MAX);
        if sent.saturating_add(self.reserved) < self.limit {
            return Ok(());
        }
        Err(self.sent.front().map(|sent| *sent + GLOBAL_WINDOW))
    }

    /// Takes one; later [`Global::sent`] or [`Global::give_back`] follows.
    pub fn reserve(&mut self) {
        self.reserved += 1;
    }

    /// The bytes leave now.
    pub fn sent(&mut self, now: Moment) {
        self.reserved = self.reserved.saturating_sub(1);
        if self.limit > 0 {
            self.sent.push_back(now);
        }
    }

    /// It did not leave.
    pub fn give_back(&mut self) {
        self.reserved = self.reserved.saturating_sub(1);
    }

    /// How long `ahead` others take, about.
    #[must_use]
    pub fn predicted_wait(&self, ahead: usize, now: Moment) -> Duration {
        let paused = self.paused.map_or(Duration::ZERO, |until| until.saturating_sub(now));
        if self.limit == 0 {
            return paused;
        }
        let seconds = u64::try_from(ahead).unwrap_or(u64::MAX) / u64::from(self.limit);
        paused + Duration::from_secs(seconds)
    }
}

/// Invalid requests (401, 403, 429 not shared): Discord bans the address beyond 10,000.
#[derive(Debug)]
pub struct Invalid {
    limit: usize,
    /// Bounded by `limit`: nothing is sent once it is reached.
    seen: VecDeque<Moment>,
}

impl Invalid {
    /// Stops before `limit` invalid requests in ten minutes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, seen: VecDeque::new() }
    }

    /// One was seen.
    pub fn add(&mut self, now: Moment) {
        self.seen.push_back(now);
        while self.seen.len() > self.limit.max(1) {
            self.seen.pop_front();
        }
    }

    /// Those of an earlier process, in any order.
    pub fn restore(&mut self, moments: impl Iterator<Item = Moment>) {
        self.seen.extend(moments);
        self.seen.make_contiguous().sort_unstable();
        let over = self.seen.len().saturating_sub(self.limit.max(1));
        self.seen.drain(..over);
    }

    /// `Ok`: another may go while `in_flight` are out, even if all of them turn out invalid.
    pub fn free(&mut self, in_flight: usize, now: Moment) -> Result<(), Option<Moment>> {
        while self.seen.front().is_some_and(|seen| *seen + INVALID_WINDOW <= now) {
            self.seen.pop_front();
        }
        if self.seen.len() + in_flight < self.limit {
            return Ok(());
        }
        Err(self.seen.front().map(|seen| *seen + INVALID_WINDOW))
    }

    /// How many in the window.
    #[must_use]
    pub fn count(&self) -> usize {
        self.seen.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn ms(ms: u64) -> Moment {
        Duration::from_millis(ms)
    }

    proptest! {
        #[test]
        fn no_second_sees_more_than_the_limit(steps in proptest::collection::vec((0_u64..400, 0_u64..60), 1..200), limit in 1_u32..20) {
            let mut global = Global::default();
            global.set_limit(Some(limit));
            let mut now = ms(0);
            let mut reserved: Vec<()> = Vec::new();
            let mut sent: Vec<Moment> = Vec::new();
            for (wait, what) in steps {
                now += ms(wait);
                for _ in 0..what {
                    if global.free(now).is_ok() { global.reserve(); reserved.push(()); }
                }
                for _ in 0..reserved.len() / 2 + 1 {
                    if reserved.pop().is_some() { global.sent(now); sent.push(now); }
                }
                let recent = sent.iter().filter(|at| **at + ms(1_000) > now).count();
                prop_assert!(recent <= limit as usize, "{recent} in a second of {limit}");
            }
        }
    }

    #[test]
    fn a_global_429_pauses_and_a_returned_permit_is_free_again() {
        let mut global = Global::default();
        global.set_limit(Some(1));
        global.reserve();
        assert_eq!(global.free(ms(0)), Err(None));
        global.give_back();
        assert_eq!(global.free(ms(0)), Ok(()));
        global.pause(ms(700));
        assert_eq!(global.free(ms(699)), Err(Some(ms(700))));
        assert_eq!(global.free(ms(700)), Ok(()));
    }

    #[test]
    fn the_invalid_budget_counts_what_is_in_flight_and_what_came_before_a_restart() {
        let mut invalid = Invalid::new(4);
        invalid.restore([ms(50), ms(10)].into_iter());
        assert_eq!(invalid.free(1, ms(60)), Ok(()));
        assert_eq!(invalid.free(2, ms(60)), Err(Some(ms(10) + INVALID_WINDOW)));
        assert_eq!(invalid.free(2, ms(10) + INVALID_WINDOW), Ok(()));
        for at in 0..100 {
            invalid.add(ms(1_000 + at));
        }
        assert_eq!(invalid.count(), 4);
    }
}
