//! What a client may do how often. Pure: the time comes in, milliseconds of a clock that only rises.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Payloads per [`WINDOW_MS`], as Discord has it; one more closes with 4008.
const PAYLOADS: u32 = 120;
const WINDOW_MS: u64 = 60_000;
/// Failed credentials per address and [`WINDOW_MS`] that are refused at once; further ones wait.
const QUICK_FAILURES: usize = 5;
/// How long a further one waits before it is refused: discordgo comes back at once, for ever.
pub(crate) const FAILURE_HOLD_MS: u64 = 5_000;
/// Failures remembered; beyond it the oldest is forgotten.
const MAX_FAILURES: usize = 1_024;

/// Counts one connection's payloads.
#[derive(Debug, Default)]
pub(crate) struct PayloadLimit {
    since: u64,
    count: u32,
}

impl PayloadLimit {
    /// Whether one more payload is within the limit.
    pub(crate) fn takes(&mut self, now: u64) -> bool {
        if self.count == 0 || now >= self.since + WINDOW_MS {
            self.since = now;
            self.count = 0;
        }
        self.count += 1;
        self.count <= PAYLOADS
    }
}

/// Failed credentials by address.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<VecDeque<(IpAddr, u64)>>);

impl Failures {
    /// One more from this address. Answers how long its refusal waits, milliseconds.
    pub(crate) fn add(&self, address: IpAddr, now: u64) -> u64 {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while failures.len() >= MAX_FAILURES || failures.front().is_some_and(|&(_, at)| at + WINDOW_MS <= now) {
            failures.pop_front();
        }
        failures.push_back((address, now));
        let count = failures.iter().filter(|(known, _)| *known == address).count();
        if count > QUICK_FAILURES { FAILURE_HOLD_MS } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_121st_payload_of_a_minute_is_too_many() {
        let mut limit = PayloadLimit::default();
        assert!((0..120).all(|payload| limit.takes(payload)));
        assert!(!limit.takes(59_999));
        assert!(limit.takes(60_000));
    }

    #[test]
    fn an_address_that_keeps_failing_waits() {
        let failures = Failures::default();
        let address = IpAddr::from([127, 0, 0, 1]);
        assert!((0..5).all(|_| failures.add(address, 0) == 0));
        assert_eq!(failures.add(address, 1), FAILURE_HOLD_MS);
        assert_eq!(failures.add(IpAddr::from([127, 0, 0, 2]), 1), 0);
        assert_eq!(failures.add(address, 60_001), 0);
    }
}
