//! What is due when, and what was asked for already. Pure: times are given, Unix milliseconds.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use miso_model::Aggregate;

/// Timers of a partition held in memory, at most (about 150 bytes each). Beyond it the latest are left
/// out, and read again when those before them are gone.
pub const TIMERS_HELD: usize = 500_000;
/// A request that shows no effect is sent again after so long, milliseconds; then twice as long, and
/// so on up to [`RESEND_LAST_MS`].
pub const RESEND_FIRST_MS: i64 = 2_000;
/// The longest pause between two requests for one timer, milliseconds.
pub const RESEND_LAST_MS: i64 = 60_000;

/// A timer that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Its id: the key in `timers`.
    pub id: Arc<str>,
    /// Whose it is.
    pub aggregate: Aggregate,
    /// When it was due.
    pub due_ms: i64,
    /// Whether it was asked for before.
    pub again: bool,
}

#[derive(Debug)]
struct Timer {
    aggregate: Aggregate,
    due_ms: i64,
    /// When it is asked for next.
    ask_ms: i64,
    asked: u32,
}

/// The timers of a partition.
#[derive(Debug)]
pub struct Schedule {
    timers: HashMap<Arc<str>, Timer>,
    queue: BTreeSet<(i64, Arc<str>)>,
    bound: usize,
    /// The earliest time of a timer that was left out.
    left_out_ms: Option<i64>,
}

impl Default for Schedule {
    fn default() -> Self {
        Self::with_bound(TIMERS_HELD)
    }
}

impl Schedule {
    /// An empty one that holds at most `bound` timers.
    #[must_use]
    pub fn with_bound(bound: usize) -> Self {
        Self { timers: HashMap::new(), queue: BTreeSet::new(), bound, left_out_ms: None }
    }

    /// A timer is there, or has another time now.
    pub fn set(&mut self, id: &str, aggregate: Aggregate, due_ms: i64) {
        if self.timers.get(id).is_some_and(|timer| timer.due_ms == due_ms) {
            return;
        }
        self.remove(id);
        let id: Arc<str> = id.into();
        self.queue.insert((due_ms, Arc::clone(&id)));
        self.timers.insert(id, Timer { aggregate, due_ms, ask_ms: due_ms, asked: 0 });
        if self.timers.len() > self.bound
            && let Some((ask_ms, latest)) = self.queue.pop_last()
        {
            self.timers.remove(&latest);
            self.left_out_ms = Some(self.left_out_ms.map_or(ask_ms, |earlier| earlier.min(ask_ms)));
        }
    }

    /// A timer is gone: it was done or cancelled.
    pub fn remove(&mut self, id: &str) {
        if let Some((id, timer)) = self.timers.remove_entry(id) {
            self.queue.remove(&(timer.ask_ms, id));
        }
    }

    /// How many timers are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.timers.len()
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.timers.is_empty()
    }

    /// When something is to be asked for next.
    #[must_use]
    pub fn next_ms(&self) -> Option<i64> {
        self.queue.first().map(|(ask_ms, _)| *ask_ms)
    }

    /// Whether one that was left out may be due before any that is held: read all again.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.left_out_ms.is_some_and(|left_out| self.next_ms().is_none_or(|next| next >= left_out))
    }

    /// What is to be asked for now, earliest first, `limit` at most. Each is asked for again later,
    /// unless it is gone by then.
    pub fn take_due(&mut self, now_ms: i64, limit: usize) -> Vec<Due> {
        let mut due = Vec::new();
        while due.len() < limit
            && let Some((_, id)) = self.queue.first().filter(|(ask_ms, _)| *ask_ms <= now_ms).cloned()
        {
            self.queue.pop_first();
            let Some(timer) = self.timers.get_mut(&id) else { continue };
            let pause_ms = RESEND_FIRST_MS.checked_shl(timer.asked.min(16)).unwrap_or(RESEND_LAST_MS);
            due.push(Due {
                id: Arc::clone(&id),
                aggregate: timer.aggregate,
                due_ms: timer.due_ms,
                again: timer.asked > 0,
            });
            timer.asked += 1;
            timer.ask_ms = now_ms + pause_ms.min(RESEND_LAST_MS);
            self.queue.insert((timer.ask_ms, id));
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use miso_model::UserId;
    use proptest::prelude::*;

    use super::*;

    const USER: Aggregate = Aggregate::User(UserId(1));

    fn ids(due: &[Due]) -> Vec<&str> {
        due.iter().map(|due| &*due.id).collect()
    }

    #[test]
    fn what_is_due_comes_in_the_order_of_time_and_what_is_cancelled_never() {
        let mut schedule = Schedule::default();
        for (id, due_ms) in [("b", 20), ("a", 10), ("d", 40), ("c", 30)] {
            schedule.set(id, USER, due_ms);
        }
        schedule.remove("b");
        assert_eq!(schedule.next_ms(), Some(10));
        assert_eq!(ids(&schedule.take_due(9, 10)), Vec::<&str>::new());
        assert_eq!(ids(&schedule.take_due(30, 10)), ["a", "c"]);
        assert_eq!(schedule.next_ms(), Some(40));
    }

    #[test]
    fn a_timer_that_was_moved_is_due_at_its_new_time_only() {
        let mut schedule = Schedule::default();
        schedule.set("a", USER, 10);
        schedule.set("a", USER, 50);
        assert_eq!(schedule.take_due(49, 10), []);
        let due = schedule.take_due(50, 10);
        assert_eq!(due, [Due { id: "a".into(), aggregate: USER, due_ms: 50, again: false }]);
        schedule.set("a", USER, 60);
        assert!(!schedule.take_due(60, 10)[0].again, "a new time is a new request");
    }

    #[test]
    fn a_request_without_effect_is_sent_again_ever_more_slowly() {
        let mut schedule = Schedule::default();
        schedule.set("a", USER, 0);
        let mut at = Vec::new();
        while at.len() < 8 {
            let now = schedule.next_ms().expect("asked again");
            at.push(now);
            schedule.set("a", USER, 0);
            assert_eq!(schedule.take_due(now, 10).len(), 1);
        }
        let pauses: Vec<i64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(pauses, [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        schedule.remove("a");
        assert_eq!(schedule.next_ms(), None);
    }

    #[test]
    fn beyond_the_bound_the_latest_are_left_out_and_asked_for_when_their_turn_comes() {
        let mut schedule = Schedule::with_bound(2);
        for (id, due_ms) in [("late", 90), ("a", 10), ("b", 20), ("later", 99)] {
            schedule.set(id, USER, due_ms);
        }
        assert_eq!((schedule.len(), schedule.is_short()), (2, false));
        assert_eq!(ids(&schedule.take_due(20, 10)), ["a", "b"]);
        schedule.remove("a");
        schedule.remove("b");
        assert!(schedule.is_short(), "those that were left out must be read again");
    }

    proptest! {
        /// Against a model: a map that is looked through at every step.
        #[test]
        fn every_timer_is_asked_for_when_due_and_while_it_is_there(
            steps in proptest::collection::vec((0_u8..5, 0_i64..2_000, 0_u8..3), 1..80),
        ) {
            let mut schedule = Schedule::default();
            let mut model: BTreeMap<String, (i64, bool)> = BTreeMap::new();
            let mut now = 0;
            for (id, time, what) in steps {
                let id = format!("t{id}");
                match what {
                    0 => {
                        schedule.set(&id, USER, time);
                        let timer = model.entry(id).or_insert((time, false));
                        if timer.0 != time {
                            *timer = (time, false);
                        }
                    }
                    1 => {
                        schedule.remove(&id);
                        model.remove(&id);
                    }
                    _ => {
                        now += time / 4;
                        let first: Vec<String> = schedule
                            .take_due(now, usize::MAX)
                            .into_iter()
                            .filter(|due| !due.again)
                            .map(|due| due.id.to_string())
                            .collect();
                        let mut wanted: Vec<(i64, String)> = Vec::new();
                        for (id, (due_ms, asked)) in &mut model {
                            if *due_ms <= now && !std::mem::replace(asked, true) {
                                wanted.push((*due_ms, id.clone()));
                            }
                        }
                        wanted.sort();
                        let wanted: Vec<String> = wanted.into_iter().map(|(_, id)| id).collect();
                        prop_assert_eq!(first, wanted);
                    }
                }
                prop_assert_eq!(schedule.len(), model.len());
            }
        }
    }
}
