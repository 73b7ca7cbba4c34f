//! The embedder's answer, as far as it is shown. What it does not say is absent; what is new is ignored.

use serde::Deserialize;

/// A post.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(crate) struct Media {
    /// Its site, in the words of settings.
    #[serde(default)]
    pub(crate) provider: String,
    /// Its own address.
    #[serde(default)]
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) author: Option<Author>,
    #[serde(default)]
    pub(crate) text: Option<String>,
    /// RFC 3339.
    #[serde(default)]
    pub(crate) created_at: Option<String>,
    /// Not for everybody's eyes.
    #[serde(default)]
    pub(crate) sensitive: bool,
    #[serde(default)]
    pub(crate) metrics: Option<Metrics>,
    #[serde(default)]
    pub(crate) quoted: Option<Box<Media>>,
    #[serde(default)]
    pub(crate) poll: Option<Poll>,
    #[serde(default)]
    pub(crate) media: Vec<File>,
}

/// Who wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Author {
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// Without `@`.
    #[serde(default)]
    pub(crate) handle: Option<String>,
    #[serde(default)]
    pub(crate) url: Option<String>,
}

/// How many did what with it; none where the site does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Metrics {
    #[serde(default)]
    pub(crate) likes: Option<u64>,
    #[serde(default)]
    pub(crate) reposts: Option<u64>,
    #[serde(default)]
    pub(crate) replies: Option<u64>,
    #[serde(default)]
    pub(crate) views: Option<u64>,
}

/// A poll.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Poll {
    #[serde(default)]
    pub(crate) options: Vec<PollOption>,
    #[serde(default)]
    pub(crate) closed: bool,
}

/// What can be chosen, and how many chose it; none where the site does not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct PollOption {
    #[serde(default)]
    pub(crate) label: String,
    #[serde(default)]
    pub(crate) votes: Option<u64>,
}

/// A picture, a video or a sound.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct File {
    /// `image`, `video`, `gif`, `audio`.
    #[serde(default)]
    pub(crate) kind: String,
    /// At its site.
    #[serde(default)]
    pub(crate) url: String,
    /// At the embedder, a path there.
    #[serde(default)]
    pub(crate) file: Option<String>,
    #[serde(default)]
    pub(crate) mime: Option<String>,
    /// Where it is known.
    #[serde(default)]
    pub(crate) bytes: Option<u64>,
    /// A picture of it, at its site.
    #[serde(default)]
    pub(crate) thumbnail: Option<String>,
    /// The same, smaller.
    #[serde(default)]
    pub(crate) variants: Vec<Variant>,
}

/// A smaller one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Variant {
    #[serde(default)]
    pub(crate) bytes: Option<u64>,
    #[serde(default)]
    pub(crate) file: Option<String>,
}

impl File {
    /// The best of it that has no more than `max` bytes, as a path at the embedder; `None` where all of it
    /// is larger.
    pub(crate) fn within(&self, max: u64) -> Option<&str> {
        let whole = self.file.as_deref().filter(|_| self.bytes.is_none_or(|bytes| bytes <= max));
        whole.or_else(|| {
            let fit = self.variants.iter().filter(|variant| variant.bytes.is_some_and(|bytes| bytes <= max));
            fit.max_by_key(|variant| variant.bytes).and_then(|variant| variant.file.as_deref())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_that_fits_is_taken() {
        let variant = |bytes, file: &str| Variant { bytes: Some(bytes), file: Some(file.to_owned()) };
        let mut video = File {
            file: Some("/v1/file/big".to_owned()),
            bytes: Some(900),
            variants: vec![variant(100, "/v1/file/a"), variant(300, "/v1/file/b"), variant(600, "/v1/file/c")],
            ..File::default()
        };
        assert_eq!(
            [900, 599, 100, 99].map(|max| video.within(max)),
            [Some("/v1/file/big"), Some("/v1/file/b"), Some("/v1/file/a"), None]
        );
        video.bytes = None;
        assert_eq!(video.within(1), Some("/v1/file/big"), "the one who fetches it will see");
    }
}
