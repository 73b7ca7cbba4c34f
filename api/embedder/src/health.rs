//! How well each strategy works: its last outcomes, and a circuit that opens when it fails time after time.
//! Pure: the time comes in.

use std::collections::{BTreeMap, VecDeque};

/// Outcomes per strategy that the figure is drawn from.
const RING: usize = 100;
/// Failures running that open the circuit.
const FAILURES: u32 = 5;
/// How long an open circuit lets nothing through, milliseconds; then one attempt decides.
pub(crate) const OPEN_MS: i64 = 60_000;

/// One strategy's record.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    ring: VecDeque<bool>,
    failures: u32,
    open_until_ms: i64,
    pub(crate) last_good_ms: Option<i64>,
}

impl Record {
    /// Good outcomes in a hundred; `None`: none yet.
    pub(crate) fn percent(&self) -> Option<usize> {
        let good = self.ring.iter().filter(|good| **good).count();
        (good * 100).checked_div(self.ring.len())
    }

    /// `green` from 98 %, `amber` from 90 %, `red` below or with an open circuit; `unknown` before the first.
    pub(crate) fn colour(&self, now_ms: i64) -> &'static str {
        match self.percent() {
            _ if self.is_open(now_ms) => "red",
            None => "unknown",
            Some(98..) => "green",
            Some(90..) => "amber",
            Some(_) => "red",
        }
    }

    pub(crate) fn is_open(&self, now_ms: i64) -> bool {
        now_ms < self.open_until_ms
    }

    fn note(&mut self, is_good: bool, has_circuit: bool, now_ms: i64) {
        if self.ring.len() == RING {
            self.ring.pop_front();
        }
        self.ring.push_back(is_good);
        if is_good {
            (self.failures, self.last_good_ms) = (0, Some(now_ms));
            return;
        }
        self.failures += 1;
        if has_circuit && self.failures >= FAILURES {
            self.open_until_ms = now_ms + OPEN_MS;
        }
    }
}

/// The records of all strategies.
#[derive(Debug, Default)]
pub(crate) struct Health(BTreeMap<&'static str, Record>);

impl Health {
    /// `has_circuit`: whether the strategy asks one site; one that asks anybody's host goes on with the others'.
    pub(crate) fn note(&mut self, strategy: &'static str, is_good: bool, has_circuit: bool, now_ms: i64) {
        self.0.entry(strategy).or_default().note(is_good, has_circuit, now_ms);
    }

    pub(crate) fn is_open(&self, strategy: &str, now_ms: i64) -> bool {
        self.0.get(strategy).is_some_and(|record| record.is_open(now_ms))
    }

    pub(crate) fn of(&self, strategy: &str) -> Record {
        self.0.get(strategy).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_circuit_opens_after_failures_running_and_one_attempt_closes_it() {
        let mut health = Health::default();
        for n in 0..5 {
            assert!(!health.is_open("a", n));
            health.note("a", false, true, n);
        }
        assert!(health.is_open("a", 5) && !health.is_open("a", 4 + OPEN_MS));
        health.note("a", false, true, 4 + OPEN_MS);
        assert!(health.is_open("a", 5 + OPEN_MS), "one more failure opens it again");
        health.note("a", true, true, 4 + 2 * OPEN_MS);
        health.note("a", false, true, 5 + 2 * OPEN_MS);
        assert!(!health.is_open("a", 6 + 2 * OPEN_MS));
    }

    #[test]
    fn a_strategy_for_anybody_s_host_has_no_circuit() {
        let mut health = Health::default();
        for _ in 0..10 {
            health.note("a", false, true, 0);
            health.note("b", false, false, 0);
        }
        assert!(health.is_open("a", 1) && !health.is_open("b", 1));
        assert_eq!((health.of("b").colour(1), health.of("c").colour(1)), ("red", "unknown"));
    }

    #[test]
    fn the_figure_is_of_the_last_hundred() {
        let mut health = Health::default();
        for n in 0..250 {
            health.note("a", n >= 150, false, n);
        }
        assert_eq!((health.of("a").percent(), health.of("a").colour(250)), (Some(100), "green"));
    }
}
