//! Last.fm's JSON, read. Pure: values in, shapes out. A field that is odd is null or left out; an answer
//! without what makes it one is [`Odd`].

mod lists;
mod music;
mod people;
mod quirk;
mod refusal;

pub(crate) use lists::{recent, top, weekly};
pub(crate) use music::{album, artist, track};
pub(crate) use people::user;
pub(crate) use quirk::is_placeholder;
pub(crate) use refusal::refusal;

/// The answer has not the shape of its method's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Odd;

/// What a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Artists,
    Albums,
    Tracks,
}

impl Kind {
    pub(crate) fn read(text: &str) -> Option<Self> {
        Some(match text {
            "artists" => Self::Artists,
            "albums" => Self::Albums,
            "tracks" => Self::Tracks,
            _ => return None,
        })
    }

    /// As in our paths, and in the site's.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Artists => "artists",
            Self::Albums => "albums",
            Self::Tracks => "tracks",
        }
    }

    /// As in the API's fields.
    pub(crate) fn singular(self) -> &'static str {
        match self {
            Self::Artists => "artist",
            Self::Albums => "album",
            Self::Tracks => "track",
        }
    }
}
