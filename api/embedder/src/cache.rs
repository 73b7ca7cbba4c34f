//! What was looked up lately. Bounded in entries and bytes; the oldest goes first. Pure: the time comes in.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::chain::Found;
use crate::failure::Failure;
use crate::moment;

/// Entries, at most.
pub(crate) const MAX_ENTRIES: usize = 20_000;
/// Bytes of all entries as JSON, at most.
pub(crate) const MAX_BYTES: usize = 64 << 20;

const MINUTE: i64 = 60_000;
const POST_MS: i64 = 10 * MINUTE;
/// How long a post is shown when its site does not answer any more.
const STALE_MS: i64 = 24 * 60 * MINUTE;
const OPEN_POLL_MS: i64 = MINUTE;
const GONE_MS: i64 = 10 * MINUTE;
const CLOSED_MS: i64 = 5 * MINUTE;
const BROKEN_MS: i64 = MINUTE / 2;
/// A signed address is given up so long before it ends.
const SIGNED_MARGIN_MS: i64 = MINUTE;

/// What a look-up ended with.
pub(crate) type Outcome = Result<Arc<Found>, Failure>;

#[derive(Debug, Clone)]
struct Entry {
    outcome: Outcome,
    at_ms: i64,
    /// When it should have been looked up anew.
    due_ms: i64,
    /// Until when it is not asked for again.
    fresh_until_ms: i64,
    stale_until_ms: i64,
    bytes: usize,
    number: u64,
}

/// What is known of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) outcome: Outcome,
    pub(crate) age_ms: i64,
    /// False: only for when the site does not answer.
    pub(crate) is_fresh: bool,
    /// Older than its kind should be: the site does not answer.
    pub(crate) is_late: bool,
}

/// Outcomes by link and language.
#[derive(Debug)]
pub(crate) struct Cache {
    max_entries: usize,
    max_bytes: usize,
    entries: HashMap<Arc<str>, Entry>,
    /// In the order of entry, with its number: an entry that was replaced is passed over.
    order: VecDeque<(Arc<str>, u64)>,
    number: u64,
    bytes: usize,
}

impl Cache {
    pub(crate) fn new(max_entries: usize, max_bytes: usize) -> Self {
        Self { max_entries, max_bytes, entries: HashMap::new(), order: VecDeque::new(), number: 0, bytes: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn get(&self, key: &str, now_ms: i64) -> Option<Known> {
        let entry = self.entries.get(key).filter(|entry| now_ms < entry.stale_until_ms)?;
        Some(Known {
            outcome: entry.outcome.clone(),
            age_ms: (now_ms - entry.at_ms).max(0),
            is_fresh: now_ms < entry.fresh_until_ms,
            is_late: now_ms >= entry.due_ms,
        })
    }

    /// Keeps an outcome as long as its kind is good for. A failure does not push a post out that may still be
    /// shown: the post is only left alone for a while.
    pub(crate) fn put(&mut self, key: &str, outcome: &Outcome, now_ms: i64) {
        let (fresh_ms, stale_ms) = life(outcome, now_ms);
        if is_trouble(outcome)
            && let Some(post) =
                self.entries.get_mut(key).filter(|entry| entry.outcome.is_ok() && now_ms < entry.stale_until_ms)
        {
            post.fresh_until_ms = now_ms + fresh_ms;
            return;
        }
        if fresh_ms <= 0 {
            return;
        }
        let bytes = key.len() + outcome.as_ref().map_or(64, |found| size(found));
        self.remove(key);
        self.number += 1;
        let (key, number): (Arc<str>, u64) = (key.into(), self.number);
        let entry = Entry {
            outcome: outcome.clone(),
            at_ms: now_ms,
            due_ms: now_ms + fresh_ms,
            fresh_until_ms: now_ms + fresh_ms,
            stale_until_ms: now_ms + stale_ms,
            bytes,
            number,
        };
        self.entries.insert(Arc::clone(&key), entry);
        self.order.push_back((key, number));
        self.bytes += bytes;
        while self.entries.len() > self.max_entries
            || self.bytes > self.max_bytes
            || self.order.len() > 2 * self.max_entries
        {
            let Some((oldest, number)) = self.order.pop_front() else { break };
            if self.entries.get(&oldest).is_some_and(|entry| entry.number == number) {
                self.remove(&oldest);
            }
        }
    }

    fn remove(&mut self, key: &str) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.bytes;
        }
    }
}

fn size(found: &Found) -> usize {
    serde_json::to_vec(&found.post).map_or(0, |json| json.len()) + found.tried.iter().map(String::len).sum::<usize>()
}

/// The site's trouble or ours, and no word on the post.
pub(crate) fn is_trouble(outcome: &Outcome) -> bool {
    matches!(outcome, Err(Failure::Broken(_) | Failure::Slow(_) | Failure::Busy))
}

/// How long it is good, and how long it may be shown when nothing newer is had, milliseconds.
fn life(outcome: &Outcome, now_ms: i64) -> (i64, i64) {
    let found = match outcome {
        Ok(found) => found,
        Err(failure) => {
            let ms = match failure {
                Failure::Gone => GONE_MS,
                Failure::Private | Failure::LoginRequired | Failure::AgeRestricted => CLOSED_MS,
                Failure::Broken(_) | Failure::Slow(_) | Failure::TooLarge { .. } | Failure::Blocked(_) => BROKEN_MS,
                Failure::Busy | Failure::Unsupported(_) => 0,
            };
            return (ms, ms);
        }
    };
    let is_open_poll = found.post.poll.as_ref().is_some_and(|poll| !poll.closed);
    let fresh = if is_open_poll { OPEN_POLL_MS } else { POST_MS };
    let ends = found.post.media.iter().filter_map(|media| moment::to_unix(media.expires_at.as_deref()?)).min();
    let signed = ends.map_or(i64::MAX, |seconds| seconds.saturating_mul(1_000) - SIGNED_MARGIN_MS - now_ms);
    (fresh.min(signed), STALE_MS.min(signed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::{Media, Poll, Post};

    fn found(post: Post) -> Outcome {
        Ok(Arc::new(Found { post, strategy: "x@1".into(), tried: Vec::new(), degraded: Vec::new() }))
    }

    fn fresh_ms(outcome: &Outcome) -> i64 {
        let mut cache = Cache::new(10, 10_000);
        cache.put("a", outcome, 0);
        (0..=POST_MS).step_by(500).take_while(|now| cache.get("a", *now).is_some_and(|known| known.is_fresh)).count()
            as i64
            * 500
    }

    #[test]
    fn every_class_is_kept_as_long_as_it_is_good_for() {
        let poll = |closed| Post { poll: Some(Poll { closed, ..Poll::default() }), ..Post::default() };
        assert_eq!(fresh_ms(&found(Post::default())), POST_MS);
        assert_eq!(fresh_ms(&found(poll(false))), OPEN_POLL_MS);
        assert_eq!(fresh_ms(&found(poll(true))), POST_MS);
        let signed = Media { expires_at: Some("1970-01-01T00:05:00Z".into()), ..Media::default() };
        assert_eq!(fresh_ms(&found(Post { media: vec![signed], ..Post::default() })), 4 * MINUTE);
        assert_eq!(fresh_ms(&Err(Failure::Gone)), GONE_MS);
        assert_eq!(fresh_ms(&Err(Failure::LoginRequired)), CLOSED_MS);
        assert_eq!(fresh_ms(&Err(Failure::Slow(Vec::new()))), BROKEN_MS);
        assert_eq!(fresh_ms(&Err(Failure::Busy)), 0);
    }

    #[test]
    fn trouble_leaves_the_post_that_was_known_and_asks_again_later() {
        let mut cache = Cache::new(10, 10_000);
        cache.put("a", &found(Post::default()), 0);
        assert!(!cache.get("a", POST_MS).expect("stale").is_fresh);
        cache.put("a", &Err(Failure::Broken(Vec::new())), POST_MS);
        let known = cache.get("a", POST_MS + 1).expect("known");
        assert!(known.is_fresh && known.outcome.is_ok() && known.age_ms == POST_MS + 1);
        assert!(!cache.get("a", POST_MS + BROKEN_MS).expect("stale").is_fresh);
        assert_eq!(cache.get("a", STALE_MS), None);
        cache.put("a", &Err(Failure::Gone), POST_MS);
        assert_eq!(cache.get("a", POST_MS).expect("known").outcome, Err(Failure::Gone), "the provider's word counts");
    }

    #[test]
    fn the_oldest_goes_at_either_bound() {
        let mut cache = Cache::new(3, 100_000);
        for n in 0..1_000 {
            cache.put(&format!("{}", n % 5), &Err(Failure::Gone), n);
            assert!(cache.len() <= 3 && cache.order.len() <= 7);
        }
        let mut cache = Cache::new(1_000, 10_000);
        for n in 0..1_000 {
            cache.put(&n.to_string(), &found(Post { text: Some("a".repeat(500)), ..Post::default() }), n);
            assert!(cache.bytes() <= 10_000);
        }
        assert!(cache.len() > 5 && cache.get("999", 999).is_some() && cache.get("0", 999).is_none());
    }
}
