//! Identical retries: which action takes the result of which earlier one. Pure.
//!
//! A client that left before its answer and asks the same again gets the first try's result (once);
//! so does a client that gives the same `Idempotency-Key`. Decided here and not in the ingress,
//! because only the order in the log is the same for everybody.

use std::collections::{HashMap, VecDeque};

use miso_model::{Action, Orphaned};

use crate::ledger::ActionAt;

/// An orphaned action is adopted by an identical one accepted within this time, milliseconds.
pub const ORPHAN_WINDOW_MS: i64 = 60_000;
/// An `Idempotency-Key` is remembered for this time, milliseconds.
pub const KEY_WINDOW_MS: i64 = 120_000;
/// Origins remembered per partition, at most; the oldest are forgotten, and retries of them run anew.
pub const MAX_ORIGINS: usize = 10_000;

/// The earlier action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Where it stands.
    pub at: ActionAt,
    /// Unix milliseconds.
    pub accepted_ms: i64,
    /// Known by its key; else by its orphanhood.
    pub keyed: bool,
}

/// What one partition remembers.
#[derive(Debug, Default)]
pub struct Adoption {
    origins: HashMap<i64, Origin>,
    order: VecDeque<(i64, i64)>,
}

impl Adoption {
    /// Whether [`Adoption::action`] could say anything: spares a fingerprint for nearly all actions.
    #[must_use]
    pub fn concerns(&self, action: &Action) -> bool {
        action.idempotency_key.is_some() || !self.origins.is_empty()
    }

    /// An action was read; `Some`: it takes that one's result instead of being sent.
    pub fn action(&mut self, action: &Action, at: ActionAt) -> Option<Origin> {
        let fingerprint = action.fingerprint();
        if let Some(origin) = self.origins.get(&fingerprint).copied() {
            let window = if origin.keyed { KEY_WINDOW_MS } else { ORPHAN_WINDOW_MS };
            if at != origin.at && action.accepted_ms - origin.accepted_ms <= window {
                if !origin.keyed {
                    self.origins.remove(&fingerprint);
                }
                return Some(origin);
            }
        }
        if action.idempotency_key.is_some() {
            self.remember(fingerprint, Origin { at, accepted_ms: action.accepted_ms, keyed: true });
        }
        None
    }

    /// The client of an action left.
    pub fn orphaned(&mut self, orphan: &Orphaned, interactions: bool) {
        let at = (interactions, orphan.action_offset);
        if self.origins.get(&orphan.fingerprint).is_none_or(|origin| !origin.keyed) {
            self.remember(orphan.fingerprint, Origin { at, accepted_ms: orphan.accepted_ms, keyed: false });
        }
    }

    /// An orphan found its retry waiting already.
    pub fn adopted(&mut self, fingerprint: i64) {
        self.origins.remove(&fingerprint);
    }

    fn remember(&mut self, fingerprint: i64, origin: Origin) {
        self.origins.insert(fingerprint, origin);
        self.order.push_back((origin.accepted_ms, fingerprint));
        while let Some(&(accepted_ms, oldest)) = self.order.front() {
            let over = self.order.len() > MAX_ORIGINS || origin.accepted_ms - accepted_ms > KEY_WINDOW_MS;
            if !over {
                break;
            }
            self.order.pop_front();
            if self.origins.get(&oldest).is_some_and(|kept| kept.accepted_ms == accepted_ms) {
                self.origins.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use miso_model::Payload;

    use super::*;

    fn action(body: &'static str, key: Option<&str>, at_ms: i64) -> Action {
        let (mut action, _) = Action::new(
            [1; 16],
            "demo",
            "POST",
            "/channels/1/messages",
            Bytes::from_static(body.as_bytes()),
            at_ms,
            None,
        );
        action.idempotency_key = key.map(str::to_owned);
        action
    }

    fn orphan(of: &Action, offset: i64) -> Orphaned {
        Orphaned {
            action_id: Payload::default(),
            action_offset: offset,
            fingerprint: of.fingerprint(),
            accepted_ms: of.accepted_ms,
            at_ms: of.accepted_ms + 10,
        }
    }

    #[test]
    fn an_orphan_is_adopted_once_by_an_identical_retry_within_a_minute() {
        let mut adoption = Adoption::default();
        assert_eq!(adoption.action(&action("a", None, 0), (false, 1)), None);
        adoption.orphaned(&orphan(&action("a", None, 0), 1), false);
        assert_eq!(adoption.action(&action("b", None, 5), (false, 2)), None);
        let origin = adoption.action(&action("a", None, 60_000), (false, 3)).expect("adopted");
        assert_eq!(origin.at, (false, 1));
        assert_eq!(adoption.action(&action("a", None, 60_000), (false, 4)), None, "once");
        adoption.orphaned(&orphan(&action("a", None, 0), 1), false);
        assert_eq!(adoption.action(&action("a", None, 60_001), (false, 5)), None, "too late");
    }

    #[test]
    fn the_same_message_twice_without_an_orphan_is_two_messages() {
        let mut adoption = Adoption::default();
        assert!(!adoption.concerns(&action("a", None, 0)));
        assert_eq!(adoption.action(&action("a", None, 0), (false, 1)), None);
        assert_eq!(adoption.action(&action("a", None, 1), (false, 2)), None);
    }

    #[test]
    fn a_key_gives_the_first_result_as_often_as_it_is_sent() {
        let mut adoption = Adoption::default();
        assert_eq!(adoption.action(&action("a", Some("k"), 0), (false, 1)), None);
        for offset in 2..5 {
            assert_eq!(
                adoption.action(&action("z", Some("k"), 9), (false, offset)).map(|origin| origin.at),
                Some((false, 1))
            );
        }
        assert_eq!(adoption.action(&action("a", Some("other"), 9), (false, 6)), None);
    }

    #[test]
    fn origins_are_bounded() {
        let mut adoption = Adoption::default();
        for index in 0..2 * MAX_ORIGINS {
            let offset = i64::try_from(index).expect("small");
            adoption.orphaned(&Orphaned { fingerprint: offset, ..orphan(&action("a", None, 0), offset) }, false);
        }
        assert_eq!(adoption.origins.len(), MAX_ORIGINS);
    }
}
