//! What was answered, up to a bound of bytes and entries. Pure: the time comes in.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;

use crate::classes::Class;
use crate::fault::Fault;

/// Bytes of answers with their keys, at most; beyond it what was used least lately goes.
pub const MAX_CACHE_BYTES: usize = 256 * 1_024 * 1_024;
/// Entries, at most; beyond it what was used least lately goes.
pub const MAX_CACHE_ENTRIES: usize = 200_000;
/// What an entry takes beside its bytes: keys, times, places in the maps.
const ENTRY_BYTES: usize = 256;

/// One answer as it is kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// JSON, or a picture.
    pub(crate) body: Bytes,
    /// Where it came from, such as `api:user.getInfo` or `scrape:album@3`.
    pub(crate) sources: Vec<String>,
    /// Fields that are null because their source failed.
    pub(crate) degraded: Vec<String>,
}

/// An answer and how old it is.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) kept: Arc<Kept>,
    pub(crate) age_ms: u64,
    /// For how much longer it is fresh, milliseconds.
    pub(crate) fresh_ms: u64,
    pub(crate) stale: bool,
}

/// What the cache says.
#[derive(Debug)]
pub(crate) enum Look {
    /// Good.
    Fresh(Found),
    /// Last.fm's own "no", which is still good.
    No(Fault),
    /// To be asked anew; where that fails, this. Whether it has failed since.
    Stale(Found, bool),
    /// Asking has just failed: this, or the failure.
    Failed(Result<Found, Fault>),
    /// Nothing.
    Missing,
}

#[derive(Debug)]
struct Entry {
    held: Option<Arc<Kept>>,
    no: Option<Fault>,
    class: &'static Class,
    made_ms: u64,
    failed: Option<(Fault, u64)>,
    used: u64,
    bytes: usize,
}

/// What asking came to.
enum Outcome {
    Held(Arc<Kept>),
    No(Fault),
    Failed(Fault, u64),
}

/// Answers by key.
#[derive(Debug)]
pub(crate) struct Cache {
    max_bytes: usize,
    max_entries: usize,
    entries: HashMap<Arc<str>, Entry>,
    /// By when they were used.
    order: BTreeMap<u64, Arc<str>>,
    uses: u64,
    bytes: usize,
}

impl Cache {
    pub(crate) fn new(max_bytes: usize, max_entries: usize) -> Self {
        Self { max_bytes, max_entries, entries: HashMap::new(), order: BTreeMap::new(), uses: 0, bytes: 0 }
    }

    /// What is known.
    pub(crate) fn look(&mut self, key: &str, now_ms: u64) -> Look {
        let Some((name, entry)) = self.entries.get_key_value(key) else { return Look::Missing };
        let name = Arc::clone(name);
        let age_ms = now_ms.saturating_sub(entry.made_ms);
        let class = entry.class;
        if let Some(no) = entry.no.as_ref().filter(|_| age_ms < class.negative_ms) {
            return Look::No(no.clone());
        }
        let held = entry.held.as_ref().filter(|_| age_ms < class.stale_ms);
        let found = held.map(|kept| Found {
            kept: Arc::clone(kept),
            age_ms,
            fresh_ms: class.fresh_ms.saturating_sub(age_ms),
            stale: age_ms >= class.fresh_ms,
        });
        let has_failed = entry.failed.is_some();
        let failed = entry.failed.as_ref().filter(|(_, until_ms)| now_ms < *until_ms).map(|(fault, _)| fault.clone());
        self.touch(&name);
        match (found, failed) {
            (Some(found), _) if !found.stale => Look::Fresh(found),
            (Some(found), Some(_)) => Look::Failed(Ok(found)),
            (Some(found), None) => Look::Stale(found, has_failed),
            (None, Some(fault)) => Look::Failed(Err(fault)),
            (None, None) => {
                self.remove(&name);
                Look::Missing
            }
        }
    }

    /// An answer, in place of what there was.
    pub(crate) fn put(&mut self, key: &str, class: &'static Class, kept: Arc<Kept>, now_ms: u64) {
        let words: usize = kept.sources.iter().chain(&kept.degraded).map(String::len).sum();
        let bytes = kept.body.len() + words;
        self.insert(key, class, Outcome::Held(kept), bytes, now_ms);
    }

    /// A failure: Last.fm's own "no" takes the place of what there was, anything else leaves it.
    pub(crate) fn fail(&mut self, key: &str, class: &'static Class, fault: &Fault, now_ms: u64) {
        if fault.is_word() {
            self.insert(key, class, Outcome::No(fault.clone()), 0, now_ms);
            return;
        }
        let until_ms = now_ms + class.failed_ms;
        match self.entries.get_mut(key) {
            Some(entry) => entry.failed = Some((fault.clone(), until_ms)),
            None => self.insert(key, class, Outcome::Failed(fault.clone(), until_ms), 0, now_ms),
        }
    }

    /// Entries and bytes.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.entries.len(), self.bytes)
    }

    fn insert(&mut self, key: &str, class: &'static Class, outcome: Outcome, bytes: usize, now_ms: u64) {
        self.remove(key);
        let bytes = bytes + 2 * key.len() + ENTRY_BYTES;
        if bytes > self.max_bytes {
            return;
        }
        self.uses += 1;
        let name: Arc<str> = key.into();
        self.order.insert(self.uses, Arc::clone(&name));
        let (held, no, failed) = match outcome {
            Outcome::Held(kept) => (Some(kept), None, None),
            Outcome::No(fault) => (None, Some(fault), None),
            Outcome::Failed(fault, until_ms) => (None, None, Some((fault, until_ms))),
        };
        let entry = Entry { held, no, class, made_ms: now_ms, failed, used: self.uses, bytes };
        self.entries.insert(name, entry);
        self.bytes += bytes;
        while self.bytes > self.max_bytes || self.entries.len() > self.max_entries {
            let Some((_, oldest)) = self.order.first_key_value() else { break };
            let oldest = Arc::clone(oldest);
            self.remove(&oldest);
        }
    }

    fn touch(&mut self, name: &Arc<str>) {
        self.uses += 1;
        if let Some(entry) = self.entries.get_mut(name) {
            self.order.remove(&entry.used);
            entry.used = self.uses;
            self.order.insert(self.uses, Arc::clone(name));
        }
    }

    fn remove(&mut self, key: &str) {
        if let Some(entry) = self.entries.remove(key) {
            self.order.remove(&entry.used);
            self.bytes -= entry.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classes::{NOW, RELEASE};

    fn kept(length: usize) -> Arc<Kept> {
        Arc::new(Kept { body: vec![b'x'; length].into(), sources: Vec::new(), degraded: Vec::new() })
    }

    #[test]
    fn an_answer_is_fresh_then_good_where_last_fm_fails_then_gone() {
        let mut cache = Cache::new(10_000, 10);
        cache.put("a", NOW, kept(5), 1_000);
        assert!(matches!(cache.look("a", 5_999), Look::Fresh(found) if found.age_ms == 4_999 && found.fresh_ms == 1));
        assert!(matches!(cache.look("a", 6_000), Look::Stale(found, false) if found.stale));
        cache.fail("a", NOW, &Fault::Slow, 6_000);
        assert!(matches!(cache.look("a", 6_999), Look::Failed(Ok(found)) if found.stale));
        assert!(matches!(cache.look("a", 7_000), Look::Stale(_, true)), "asked again");
        assert!(matches!(cache.look("a", 61_000), Look::Missing));
        assert_eq!(cache.size(), (0, 0));
    }

    #[test]
    fn a_no_is_remembered_in_its_class_and_replaces_the_answer() {
        let mut cache = Cache::new(10_000, 10);
        cache.put("a", NOW, kept(5), 0);
        cache.fail("a", NOW, &Fault::Private, 100);
        assert!(matches!(cache.look("a", 10_099), Look::No(Fault::Private)));
        assert!(matches!(cache.look("a", 10_100), Look::Missing));
        cache.fail("b", RELEASE, &Fault::Slow, 0);
        assert!(matches!(cache.look("b", 59_999), Look::Failed(Err(Fault::Slow))));
        assert!(matches!(cache.look("b", 60_000), Look::Missing));
    }

    #[test]
    fn at_the_bounds_what_was_used_least_lately_goes() {
        let mut cache = Cache::new(1_000_000, 3);
        for key in ["a", "b", "c"] {
            cache.put(key, NOW, kept(1), 0);
        }
        assert!(matches!(cache.look("a", 1), Look::Fresh(_)));
        cache.put("d", NOW, kept(1), 1);
        assert!(matches!(cache.look("b", 1), Look::Missing));
        assert!(matches!(cache.look("a", 1), Look::Fresh(_)));
        let mut cache = Cache::new(2_000, 100);
        for n in 0..50 {
            cache.put(&n.to_string(), NOW, kept(700), 0);
            assert!(cache.size().1 <= 2_000);
        }
        assert_eq!(cache.size().0, 2);
        cache.put("large", NOW, kept(5_000), 0);
        assert!(matches!(cache.look("large", 0), Look::Missing), "larger than all");
        assert_eq!((cache.order.len(), cache.entries.len()), (cache.size().0, cache.size().0));
    }
}
