//! What is remembered of tokens: under their hash, for a while, up to a bound. Pure: the time comes in.

use std::collections::{HashMap, VecDeque};

use sha2::{Digest as _, Sha256};

/// SHA-256 of a token: what stands for it in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenHash([u8; 32]);

impl TokenHash {
    pub(crate) fn of(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }
}

/// Values by token. At the bound the oldest is forgotten: it is asked for again.
#[derive(Debug)]
pub(crate) struct Bounded<V> {
    bound: usize,
    known: HashMap<TokenHash, (V, i64, u64)>,
    /// In the order of entry, with its number: an entry that was replaced is passed over.
    order: VecDeque<(TokenHash, u64)>,
    number: u64,
}

impl<V: Clone> Bounded<V> {
    pub(crate) fn new(bound: usize) -> Self {
        Self { bound, known: HashMap::new(), order: VecDeque::new(), number: 0 }
    }

    /// What is known and not yet `expires_ms` old.
    pub(crate) fn get(&self, token: TokenHash, now_ms: i64) -> Option<V> {
        self.known.get(&token).filter(|(_, expires_ms, _)| now_ms < *expires_ms).map(|(value, ..)| value.clone())
    }

    /// What is remembered, however old.
    pub(crate) fn remembers(&self, token: TokenHash) -> bool {
        self.known.contains_key(&token)
    }

    pub(crate) fn put(&mut self, token: TokenHash, value: V, expires_ms: i64) {
        self.number += 1;
        self.known.insert(token, (value, expires_ms, self.number));
        self.order.push_back((token, self.number));
        // The order may hold what was replaced or removed: twice the bound at most.
        while self.known.len() > self.bound || self.order.len() > self.bound * 2 {
            let Some((oldest, number)) = self.order.pop_front() else { break };
            if self.known.get(&oldest).is_some_and(|(.., known)| *known == number) {
                self.known.remove(&oldest);
            }
        }
    }

    pub(crate) fn remove(&mut self, token: TokenHash) {
        self.known.remove(&token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(n: usize) -> TokenHash {
        TokenHash::of(n.to_string().as_bytes())
    }

    #[test]
    fn what_is_known_expires_and_the_oldest_goes_at_the_bound() {
        let mut known = Bounded::new(3);
        known.put(token(1), "a", 10);
        assert_eq!((known.get(token(1), 9), known.get(token(1), 10)), (Some("a"), None));
        for n in 2..=3 {
            known.put(token(n), "b", 100);
        }
        known.put(token(1), "c", 100);
        known.put(token(4), "d", 100);
        assert_eq!(known.get(token(2), 0), None, "the oldest");
        assert_eq!(known.get(token(1), 0), Some("c"), "entered anew since");
        known.remove(token(1));
        assert_eq!(known.get(token(1), 0), None);
    }

    #[test]
    fn entering_the_same_again_and_again_grows_nothing() {
        let mut known = Bounded::new(4);
        for n in 0..1_000 {
            known.put(token(n % 2), n, 1);
            known.remove(token(n % 2));
        }
        assert!(known.order.len() <= 8 && known.known.len() <= 4);
    }
}
