//! The one schema of every answer. Strings that a site leaves out are null, lists empty.

use serde::{Deserialize, Serialize};

/// What a link shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Something somebody posted.
    #[default]
    Post,
    /// A video's own page.
    Video,
    /// Any other page.
    Page,
}

/// A post, whatever the site.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Post {
    pub(crate) provider: String,
    pub(crate) kind: Kind,
    pub(crate) url: String,
    /// The site's own.
    pub(crate) id: Option<String>,
    pub(crate) author: Option<Author>,
    pub(crate) text: Option<String>,
    pub(crate) text_facets: Vec<Facet>,
    /// BCP 47.
    pub(crate) lang: Option<String>,
    /// RFC 3339, UTC.
    pub(crate) created_at: Option<String>,
    pub(crate) sensitive: bool,
    pub(crate) metrics: Metrics,
    pub(crate) quoted: Option<Box<Post>>,
    /// What it answers.
    pub(crate) parent: Option<Box<Post>>,
    pub(crate) poll: Option<Poll>,
    pub(crate) media: Vec<Media>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Author {
    pub(crate) name: String,
    /// Without `@`.
    pub(crate) handle: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) avatar: Option<String>,
}

/// What a stretch of the text stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FacetKind {
    Url,
    Mention,
    Tag,
}

/// A stretch of the text: characters (Unicode scalar values) from `start` up to `end`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Facet {
    pub(crate) kind: FacetKind,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) href: String,
}

/// How often; null: the site did not say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Metrics {
    pub(crate) likes: Option<u64>,
    pub(crate) reposts: Option<u64>,
    pub(crate) replies: Option<u64>,
    pub(crate) views: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Poll {
    pub(crate) options: Vec<PollOption>,
    pub(crate) votes: Option<u64>,
    pub(crate) closes_at: Option<String>,
    pub(crate) closed: bool,
    pub(crate) multiple: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct PollOption {
    pub(crate) label: String,
    pub(crate) votes: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MediaKind {
    #[default]
    Image,
    /// Moves without sound.
    Gif,
    Video,
    Audio,
}

/// A picture or video; `file` streams it through this service, null where that cannot be, or where nothing
/// of it is as small as the caller asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Media {
    pub(crate) kind: MediaKind,
    pub(crate) url: String,
    pub(crate) file: Option<String>,
    pub(crate) mime: Option<String>,
    pub(crate) width: Option<u64>,
    pub(crate) height: Option<u64>,
    pub(crate) duration_ms: Option<u64>,
    pub(crate) bytes: Option<u64>,
    pub(crate) alt: Option<String>,
    pub(crate) thumbnail: Option<String>,
    /// RFC 3339: until when the site serves `url`.
    pub(crate) expires_at: Option<String>,
    /// The same in other sizes, the best first.
    pub(crate) variants: Vec<Variant>,
    /// Whether `url` is a file at all: a page to play it at is not.
    #[serde(skip)]
    pub(crate) is_page: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Variant {
    pub(crate) bytes: Option<u64>,
    /// Bits a second.
    pub(crate) bitrate: Option<u64>,
    pub(crate) file: Option<String>,
    #[serde(skip)]
    pub(crate) url: String,
}

/// Where an answer comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Meta {
    pub(crate) strategy: String,
    /// Every strategy that was tried and how it went.
    pub(crate) tried: Vec<String>,
    pub(crate) age_s: u64,
    /// What another strategy would have told; `freshness`: the site does not answer, this is from before.
    pub(crate) degraded: Vec<String>,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Answer {
    #[serde(flatten)]
    pub(crate) post: Post,
    pub(crate) meta: Meta,
}

impl Media {
    pub(crate) fn image(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// A video in sizes, the best first; `None`: no size.
    pub(crate) fn video(variants: Vec<Variant>) -> Option<Self> {
        let best = variants.first()?;
        let (url, bytes) = (best.url.clone(), best.bytes);
        Some(Self {
            kind: MediaKind::Video,
            url,
            bytes,
            mime: Some("video/mp4".to_owned()),
            variants,
            ..Self::default()
        })
    }

    pub(crate) fn sized(mut self, width: Option<u64>, height: Option<u64>) -> Self {
        (self.width, self.height) = (width, height);
        self
    }
}
