//! What the middleware answers, as far as commands show it. What is missing is as if it were null.

use serde::Deserialize;

/// Data, and what is to be known about it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Answer<T> {
    pub(crate) data: T,
    #[serde(default)]
    pub(crate) meta: Meta,
}

/// How old it is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Meta {
    pub(crate) age_s: u64,
    /// Last.fm did not answer: this is what it said before.
    pub(crate) stale: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Named {
    pub(crate) name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AlbumOf {
    pub(crate) name: String,
    pub(crate) image: Option<String>,
    pub(crate) release_date: Option<String>,
}

/// A track.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Track {
    pub(crate) name: String,
    pub(crate) artist: Named,
    pub(crate) album: Option<AlbumOf>,
    pub(crate) duration_ms: Option<u64>,
    pub(crate) loved: Option<bool>,
    pub(crate) url: Option<String>,
}

impl Track {
    /// Its cover.
    pub(crate) fn image(&self) -> Option<&str> {
        self.album.as_ref().and_then(|album| album.image.as_deref())
    }
}

/// What somebody is listening to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Now {
    pub(crate) track: Option<Track>,
    pub(crate) now_playing: bool,
    pub(crate) played_at: Option<i64>,
    pub(crate) user_plays: Option<u64>,
    pub(crate) tags: Vec<String>,
    pub(crate) total: u64,
}

/// A listen.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Listen {
    #[serde(flatten)]
    pub(crate) track: Track,
    pub(crate) now_playing: bool,
    pub(crate) played_at: Option<i64>,
}

/// A page of listens.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Listens {
    pub(crate) tracks: Vec<Listen>,
    pub(crate) total: u64,
    pub(crate) cursor: Option<String>,
}

/// An entry of a list by plays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) artist: Option<Named>,
    pub(crate) plays: u64,
    pub(crate) rank: u64,
}

/// A list by plays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Items {
    pub(crate) items: Vec<Item>,
    pub(crate) total: u64,
}

/// A user of Last.fm's.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Profile {
    pub(crate) name: String,
    pub(crate) real_name: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) image: Option<String>,
    pub(crate) country: Option<String>,
    pub(crate) registered_at: Option<i64>,
    pub(crate) plays: u64,
    pub(crate) artists: Option<u64>,
    pub(crate) albums: Option<u64>,
    pub(crate) tracks: Option<u64>,
}

/// An artist.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Artist {
    pub(crate) name: String,
    pub(crate) url: Option<String>,
    pub(crate) listeners: u64,
    pub(crate) plays: u64,
    pub(crate) user_plays: Option<u64>,
    pub(crate) tags: Vec<String>,
    pub(crate) bio: Option<String>,
    pub(crate) image: Option<String>,
}

/// A track of an album.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AlbumTrack {
    pub(crate) name: String,
    pub(crate) duration_ms: Option<u64>,
}

/// An album.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Album {
    pub(crate) name: String,
    pub(crate) artist: Named,
    pub(crate) url: Option<String>,
    pub(crate) listeners: u64,
    pub(crate) plays: u64,
    pub(crate) user_plays: Option<u64>,
    pub(crate) tags: Vec<String>,
    pub(crate) image: Option<String>,
    pub(crate) tracks: Vec<AlbumTrack>,
    pub(crate) duration_ms: Option<u64>,
    pub(crate) release_date: Option<String>,
}

/// What is known of a track.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TrackInfo {
    pub(crate) name: String,
    pub(crate) artist: Named,
    pub(crate) album: Option<AlbumOf>,
}
