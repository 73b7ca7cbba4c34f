//! How long what Last.fm says is good: the one table.

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A kind of answer; all times in milliseconds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Class {
    /// In keys and metrics.
    pub(crate) name: &'static str,
    /// Answered without asking, so long.
    pub(crate) fresh_ms: u64,
    /// From then on answered where Last.fm fails, until it is so old.
    pub(crate) stale_ms: u64,
    /// Last.fm's own "no" is good for so long.
    pub(crate) negative_ms: u64,
    /// After a failure nothing is asked again for so long.
    pub(crate) failed_ms: u64,
}

macro_rules! classes {
    ($($(#[$meta:meta])* $name:ident: $text:literal, fresh $fresh:expr, stale $stale:expr, negative $negative:expr, failed $failed:expr;)*) => {
        $($(#[$meta])* pub(crate) const $name: &Class = &Class {
            name: $text, fresh_ms: $fresh, stale_ms: $stale, negative_ms: $negative, failed_ms: $failed,
        };)*
        /// All of them.
        #[cfg(test)]
        pub(crate) const ALL: &[&Class] = &[$($name),*];
    };
}

classes! {
    NOW: "now", fresh 5 * SECOND, stale MINUTE, negative 10 * SECOND, failed SECOND;
    RECENT: "recent", fresh 20 * SECOND, stale 5 * MINUTE, negative 10 * SECOND, failed SECOND;
    /// One listen by its number, and a week that is over: neither changes any more.
    CLOSED: "closed", fresh 30 * DAY, stale 90 * DAY, negative 10 * MINUTE, failed SECOND;
    USER: "user", fresh 10 * MINUTE, stale DAY, negative 10 * MINUTE, failed SECOND;
    /// Up to a month.
    TOP_SHORT: "top-short", fresh 10 * MINUTE, stale DAY, negative 10 * MINUTE, failed SECOND;
    TOP_MIDDLE: "top-middle", fresh 30 * MINUTE, stale DAY, negative 10 * MINUTE, failed SECOND;
    /// Of a year and of all time.
    TOP_LONG: "top-long", fresh HOUR, stale DAY, negative 10 * MINUTE, failed SECOND;
    MUSIC: "music", fresh DAY, stale 30 * DAY, negative 6 * HOUR, failed SECOND;
    /// With somebody's own plays in it.
    MUSIC_AS: "music-as", fresh MINUTE, stale HOUR, negative 10 * MINUTE, failed SECOND;
    IMAGES: "images", fresh 7 * DAY, stale 90 * DAY, negative DAY, failed MINUTE;
    RELEASE: "release", fresh 30 * DAY, stale 365 * DAY, negative 7 * DAY, failed MINUTE;
    /// Plays in a period, which only a page tells.
    PLAYS: "plays", fresh 10 * MINUTE, stale DAY, negative 10 * MINUTE, failed MINUTE;
    /// Pictures of a page of somebody's library.
    LIBRARY: "library", fresh DAY, stale 30 * DAY, negative 10 * MINUTE, failed MINUTE;
    /// The bytes of a picture.
    PICTURE: "picture", fresh 7 * DAY, stale 90 * DAY, negative DAY, failed MINUTE;
    CHART: "chart", fresh 10 * MINUTE, stale 10 * MINUTE, negative 10 * SECOND, failed SECOND;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_follows_fresh_and_names_differ() {
        let mut names = std::collections::BTreeSet::new();
        for class in ALL {
            assert!(class.stale_ms >= class.fresh_ms && class.failed_ms <= class.fresh_ms, "{}", class.name);
            assert!(names.insert(class.name), "{}", class.name);
        }
    }
}
