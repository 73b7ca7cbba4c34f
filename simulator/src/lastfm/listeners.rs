//! Who listens to what, and when: by number, out of the seed, so that nothing is kept but what was ordered.

use std::collections::{BTreeMap, HashMap};

use super::catalogue::{ALBUM_TRACKS, ARTISTS, Names, TRACKS};
use crate::snowflake::Mix;

/// Listens of one listener, at most.
pub(super) const MAX_LISTENS: u64 = 1_000_000;
/// Listeners, at most; the next is refused.
pub(super) const MAX_LISTENERS: usize = 20_000;
/// Seconds of a track while somebody plays.
const PLAY_S: u64 = 240;

/// One listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listen {
    pub(super) at_s: u64,
    pub(super) artist: u32,
    pub(super) track: u32,
}

impl Listen {
    pub(super) fn album(&self) -> u32 {
        self.track / ALBUM_TRACKS
    }
}

#[derive(Debug, Clone)]
pub(super) struct Listener {
    pub(super) name: String,
    pub(super) seed: u64,
    /// Listens before the simulator began.
    pub(super) listens: u64,
    /// Artists that they choose among.
    pub(super) artists: u32,
    /// Seconds between listens.
    pub(super) every_s: u64,
    /// Whether they go on listening.
    pub(super) playing: bool,
    pub(super) private: bool,
    /// Ordered ones, after the seeded.
    pub(super) ordered: Vec<Listen>,
}

/// All listeners.
#[derive(Debug)]
pub(super) struct Listeners {
    seed: u64,
    began_s: u64,
    pub(super) names: Names,
    by_name: BTreeMap<String, Listener>,
}

impl Listeners {
    pub(super) fn new(seed: u64, began_s: u64) -> Self {
        let mut listeners = Self { seed, began_s, names: Names::new(), by_name: BTreeMap::new() };
        for (name, listens) in [("quiet", 500), ("newcomer", 0), ("ann", 12_000)] {
            let mut listener = listeners.seeded(name);
            listener.private = name == "quiet";
            listener.playing = name == "ann";
            listener.listens = listens;
            listeners.by_name.insert(name.to_owned(), listener);
        }
        listeners
    }

    /// A listener of that name as the seed makes them.
    pub(super) fn seeded(&self, name: &str) -> Listener {
        let own = name.bytes().fold(self.seed, |seed, byte| Mix::new(seed ^ u64::from(byte)).next());
        let mut mix = Mix::new(own);
        Listener {
            name: name.to_owned(),
            seed: mix.next(),
            listens: 2_000 + mix.below(10_000),
            artists: 30 + u32::try_from(mix.below(120)).unwrap_or(0),
            every_s: 1_000 + mix.below(1_500),
            playing: mix.below(2) == 0,
            private: false,
            ordered: Vec::new(),
        }
    }

    /// Somebody of the simulated Discord.
    pub(super) fn ensure(&mut self, name: &str) {
        let name = name.to_lowercase();
        if !self.by_name.contains_key(&name) && self.by_name.len() < MAX_LISTENERS {
            let listener = self.seeded(&name);
            self.by_name.insert(name, listener);
        }
    }

    /// False when there are too many.
    pub(super) fn insert(&mut self, listener: Listener) -> bool {
        let fits = self.by_name.len() < MAX_LISTENERS || self.by_name.contains_key(&listener.name);
        if fits {
            self.by_name.insert(listener.name.clone(), listener);
        }
        fits
    }

    pub(super) fn get(&self, name: &str) -> Option<&Listener> {
        self.by_name.get(&name.to_lowercase())
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Listener> {
        self.by_name.get_mut(&name.to_lowercase())
    }

    pub(super) fn total(&self, listener: &Listener, now_s: u64) -> u64 {
        let live = if listener.playing && listener.ordered.is_empty() {
            now_s.saturating_sub(self.began_s) / PLAY_S
        } else {
            0
        };
        listener.listens + listener.ordered.len() as u64 + live
    }

    /// The listen of a number, 0 the first ever.
    pub(super) fn listen(&self, listener: &Listener, number: u64) -> Listen {
        if let Some(ordered) =
            number.checked_sub(listener.listens).and_then(|at| listener.ordered.get(usize::try_from(at).ok()?))
        {
            return ordered.clone();
        }
        let mut mix = Mix::new(listener.seed ^ (number << 1));
        let mut taste = Mix::new(listener.seed);
        // Few artists are heard most: the cube of an even share.
        let share = mix.below(1 << 16);
        let rank = ((share * share) >> 16).wrapping_mul(share) >> 16;
        let rank = (rank * u64::from(listener.artists)) >> 16;
        let pool = u64::from(listener.artists.max(60)).min(u64::from(ARTISTS));
        let artist = (rank * 7 + taste.below(pool)) % pool;
        let track = (mix.below(u64::from(TRACKS)) * mix.below(u64::from(TRACKS))) / u64::from(TRACKS);
        let at_s = if number < listener.listens {
            let before = (listener.listens - number) * listener.every_s;
            self.began_s.saturating_sub(before + PLAY_S) + mix.below(listener.every_s.max(1))
        } else {
            self.began_s + (number - listener.listens) * PLAY_S
        };
        Listen { at_s, artist: u32::try_from(artist).unwrap_or(0), track: u32::try_from(track).unwrap_or(0) }
    }

    /// The numbers of the listens from `from_s` on and before `to_s`.
    pub(super) fn between(&self, listener: &Listener, from_s: u64, to_s: u64, now_s: u64) -> std::ops::Range<u64> {
        let total = self.total(listener, now_s);
        let first = |at_s: u64| {
            let (mut low, mut high) = (0, total);
            while low < high {
                let middle = (low + high) / 2;
                if self.listen(listener, middle).at_s < at_s { low = middle + 1 } else { high = middle }
            }
            low
        };
        let from = first(from_s);
        from..first(to_s).max(from)
    }

    /// Plays of artists, albums or tracks, by what `key` makes of a listen; the most first.
    pub(super) fn counted(
        &self,
        listener: &Listener,
        range: std::ops::Range<u64>,
        key: impl Fn(&Listen) -> (u32, u32),
    ) -> Vec<((u32, u32), u64)> {
        let mut counts: HashMap<(u32, u32), u64> = HashMap::new();
        for number in range {
            *counts.entry(key(&self.listen(listener, number))).or_default() += 1;
        }
        let mut counted: Vec<_> = counts.into_iter().collect();
        counted.sort_unstable_by_key(|(of, plays)| (std::cmp::Reverse(*plays), *of));
        counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_life_of_listening_in_order() {
        let (one, two) = (Listeners::new(1, 1_700_000_000), Listeners::new(1, 1_700_000_000));
        let listener = one.seeded("aino");
        let all: Vec<Listen> = (0..listener.listens).map(|number| one.listen(&listener, number)).collect();
        assert!(all.windows(2).all(|pair| pair[0].at_s < pair[1].at_s + listener.every_s));
        assert_eq!(all[7], two.listen(&two.seeded("aino"), 7));
        let artists: std::collections::BTreeSet<u32> = all.iter().map(|listen| listen.artist).collect();
        assert!(artists.len() > 10 && all.iter().all(|listen| listen.track < TRACKS), "{}", artists.len());
    }

    #[test]
    fn times_bound_what_is_counted() {
        let listeners = Listeners::new(1, 1_700_000_000);
        let listener = listeners.get("ann").expect("a listener").clone();
        let now = 1_700_000_000 + 10 * PLAY_S;
        assert_eq!(listeners.total(&listener, now), 12_010, "they go on listening");
        let week = listeners.between(&listener, 1_700_000_000 - 7 * 86_400, 1_700_000_000, now);
        let counted = listeners.counted(&listener, week.clone(), |listen| (listen.artist, 0));
        assert_eq!(counted.iter().map(|(_, plays)| plays).sum::<u64>(), week.end - week.start);
        assert!(counted.is_sorted_by_key(|(_, plays)| std::cmp::Reverse(*plays)) && counted.len() > 3);
    }
}
