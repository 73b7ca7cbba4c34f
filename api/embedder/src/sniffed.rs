//! What files are, by their address: remembered, so that the middle of a file needs no second look at its
//! start. Bounded: the oldest is looked at again.

use std::collections::{HashMap, VecDeque};

/// Addresses, at most.
pub(crate) const MAX_SNIFFED: usize = 4_096;

/// Types by address.
#[derive(Debug, Default)]
pub(crate) struct Sniffed {
    known: HashMap<String, &'static str>,
    order: VecDeque<String>,
}

impl Sniffed {
    pub(crate) fn get(&self, url: &str) -> Option<&'static str> {
        self.known.get(url).copied()
    }

    pub(crate) fn put(&mut self, url: &str, mime: &'static str) {
        if self.known.insert(url.to_owned(), mime).is_none() {
            self.order.push_back(url.to_owned());
        }
        while self.order.len() > MAX_SNIFFED {
            let oldest = self.order.pop_front();
            oldest.and_then(|oldest| self.known.remove(&oldest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten() {
        let mut sniffed = Sniffed::default();
        for n in 0..=MAX_SNIFFED {
            sniffed.put(&n.to_string(), "image/png");
            sniffed.put(&n.to_string(), "image/png");
        }
        assert_eq!((sniffed.known.len(), sniffed.get("0"), sniffed.get("1")), (MAX_SNIFFED, None, Some("image/png")));
    }
}
