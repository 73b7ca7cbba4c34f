//! How often Last.fm is asked: a token bucket, and who goes first. Pure: the time comes in.

use std::collections::VecDeque;

/// Requests that may follow at once after a pause.
pub const BURST: u32 = 10;
/// How long nothing is asked after Last.fm said that it was too much, milliseconds: less than anybody's patience.
const REST_MS: u64 = 3_000;
/// A request's worth of credit.
const ONE: u64 = 1_000;

/// Who asks. An earlier lane goes first, always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    /// Somebody waits for the answer.
    Interactive,
    /// The listening index is brought up to date.
    Index,
    /// Pages that only add pictures, and the canary.
    Images,
}

impl Lane {
    const ALL: [Self; 3] = [Self::Interactive, Self::Index, Self::Images];

    /// As in the header `Miso-Lane`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        Some(match text {
            "interactive" => Self::Interactive,
            "index" => Self::Index,
            "images" => Self::Images,
            _ => return None,
        })
    }

    /// How many may wait; the next is told that Miso is busy.
    pub(crate) fn places(self) -> usize {
        match self {
            Self::Interactive => 64,
            Self::Index | Self::Images => 256,
        }
    }

    /// How long one may wait, milliseconds; then it is told that Miso is busy.
    pub(crate) fn patience_ms(self) -> u64 {
        match self {
            Self::Interactive => 5_000,
            Self::Index => 60_000,
            Self::Images => 10_000,
        }
    }
}

/// What happens next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// This one goes now.
    Go(u64),
    /// Nobody, for so many milliseconds.
    Wait(u64),
    /// Nobody waits.
    Idle,
}

#[derive(Debug)]
struct Waiting {
    id: u64,
    until_ms: u64,
}

/// The bucket and its queues.
#[derive(Debug)]
pub(crate) struct Budget {
    /// Requests a second, which is thousandths of one a millisecond.
    rate: u64,
    credit: u64,
    counted_ms: u64,
    resting_until_ms: u64,
    lanes: [VecDeque<Waiting>; 3],
    number: u64,
}

impl Budget {
    /// A full bucket.
    pub(crate) fn new(per_second: u32) -> Self {
        Self {
            rate: u64::from(per_second.clamp(1, 100)),
            credit: u64::from(BURST) * ONE,
            counted_ms: 0,
            resting_until_ms: 0,
            lanes: Default::default(),
            number: 0,
        }
    }

    /// A place in the lane; `None` when all are taken.
    pub(crate) fn ask(&mut self, lane: Lane, now_ms: u64) -> Option<u64> {
        let queue = &mut self.lanes[lane as usize];
        if queue.len() >= lane.places() {
            return None;
        }
        self.number += 1;
        queue.push_back(Waiting { id: self.number, until_ms: now_ms + lane.patience_ms() });
        Some(self.number)
    }

    /// Whoever waited too long.
    pub(crate) fn expire(&mut self, now_ms: u64) -> Vec<u64> {
        let mut expired = Vec::new();
        for queue in &mut self.lanes {
            while queue.front().is_some_and(|first| first.until_ms <= now_ms) {
                expired.extend(queue.pop_front().map(|waiting| waiting.id));
            }
        }
        expired
    }

    /// Who goes now, or when to look again.
    pub(crate) fn next(&mut self, now_ms: u64) -> Next {
        self.count(now_ms);
        let Some(lane) = Lane::ALL.into_iter().find(|lane| !self.lanes[*lane as usize].is_empty()) else {
            return Next::Idle;
        };
        if now_ms < self.resting_until_ms {
            return Next::Wait(self.first_end(now_ms).min(self.resting_until_ms - now_ms).max(1));
        }
        if self.credit < ONE {
            return Next::Wait(self.first_end(now_ms).min((ONE - self.credit).div_ceil(self.rate)).max(1));
        }
        self.credit -= ONE;
        self.lanes[lane as usize].pop_front().map_or(Next::Idle, |waiting| Next::Go(waiting.id))
    }

    /// Who was let go had gone already: the credit is good for another.
    pub(crate) fn give_back(&mut self) {
        self.credit = (self.credit + ONE).min(u64::from(BURST) * ONE);
    }

    /// Last.fm says that it was too much.
    pub(crate) fn rest(&mut self, now_ms: u64) {
        self.count(now_ms);
        self.credit = 0;
        self.resting_until_ms = now_ms + REST_MS;
    }

    /// How many wait, by lane.
    pub(crate) fn waiting(&self) -> [usize; 3] {
        Lane::ALL.map(|lane| self.lanes[lane as usize].len())
    }

    fn count(&mut self, now_ms: u64) {
        let passed = now_ms.saturating_sub(self.counted_ms.max(self.resting_until_ms));
        self.counted_ms = self.counted_ms.max(now_ms);
        self.credit = (self.credit + passed * self.rate).min(u64::from(BURST) * ONE);
    }

    /// Milliseconds until the first one's patience ends.
    fn first_end(&self, now_ms: u64) -> u64 {
        let ends = self.lanes.iter().filter_map(|queue| queue.front());
        ends.map(|first| first.until_ms.saturating_sub(now_ms)).min().unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gone(budget: &mut Budget, now_ms: u64) -> usize {
        std::iter::from_fn(|| matches!(budget.next(now_ms), Next::Go(_)).then_some(())).count()
    }

    #[test]
    fn after_the_burst_requests_go_at_the_rate() {
        let mut budget = Budget::new(4);
        (0..60).for_each(|_| assert!(budget.ask(Lane::Interactive, 0).is_some()));
        assert_eq!(gone(&mut budget, 0), 10);
        assert_eq!(budget.next(0), Next::Wait(250));
        let mut total = 10;
        for now in 1..=4_000 {
            total += gone(&mut budget, now);
            assert!(total as u64 <= 10 + now * 4 / 1_000, "{total} at {now}");
        }
        assert_eq!(total, 26);
    }

    #[test]
    fn who_waits_for_an_answer_goes_before_the_index_and_pictures_come_last() {
        let mut budget = Budget::new(1);
        assert!((0..10).all(|_| budget.ask(Lane::Index, 0).is_some()));
        assert_eq!(gone(&mut budget, 0), 10);
        let images = budget.ask(Lane::Images, 0).expect("a place");
        let index = budget.ask(Lane::Index, 0).expect("a place");
        let interactive = budget.ask(Lane::Interactive, 0).expect("a place");
        let order: Vec<Next> = [1_000, 2_000, 3_000].into_iter().map(|now| budget.next(now)).collect();
        assert_eq!(order, [Next::Go(interactive), Next::Go(index), Next::Go(images)]);
        assert_eq!(budget.next(3_000), Next::Idle);
    }

    #[test]
    fn places_and_patience_end() {
        let mut budget = Budget::new(1);
        budget.rest(0);
        let taken = (0..100).filter(|_| budget.ask(Lane::Interactive, 0).is_some()).count();
        assert_eq!(taken, Lane::Interactive.places());
        assert!(budget.ask(Lane::Index, 0).is_some(), "another lane has places of its own");
        assert!(budget.expire(4_999).is_empty());
        assert_eq!(budget.expire(5_000).len(), taken);
        assert_eq!(budget.waiting(), [0, 1, 0]);
    }

    #[test]
    fn after_too_much_nothing_goes_for_a_while_and_no_credit_grows() {
        let mut budget = Budget::new(4);
        budget.rest(1_000);
        assert!(budget.ask(Lane::Index, 1_000).is_some());
        assert_eq!(budget.next(1_000), Next::Wait(REST_MS));
        assert_eq!(budget.next(1_000 + REST_MS), Next::Wait(250));
        assert!(matches!(budget.next(1_250 + REST_MS), Next::Go(_)));
        budget.give_back();
        assert!(budget.ask(Lane::Index, 1_250 + REST_MS).is_some());
        assert!(matches!(budget.next(1_250 + REST_MS), Next::Go(_)), "given back");
    }
}
