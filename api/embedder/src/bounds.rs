//! How much of a post is told: a page says what it likes, an answer stays small. Pure.

use crate::answer::Post;

/// Bytes of a text, at most; the rest is cut off.
pub(crate) const MAX_TEXT: usize = 16 * 1_024;
/// Pictures and videos, at most; further ones are left out.
pub(crate) const MAX_MEDIA: usize = 40;
/// Stretches of a text, at most; further ones are left out.
pub(crate) const MAX_FACETS: usize = 500;
/// Bytes of a whole post as JSON, at most; a larger one is none.
pub(crate) const MAX_POST: usize = 256 * 1_024;

/// The first bytes of a text, whole characters only.
pub(crate) fn head(text: &str, bytes: usize) -> &str {
    let at = (0..=bytes.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    &text[..at.unwrap_or(0)]
}

/// Cuts a post down; false where it is too large all the same.
pub(crate) fn cut(post: &mut Post) -> bool {
    if let Some(text) = &mut post.text
        && text.len() > MAX_TEXT
    {
        text.truncate(head(text, MAX_TEXT).len());
        text.push('…');
        let characters = text.chars().count();
        post.text_facets.retain(|facet| facet.end < characters);
    }
    post.text_facets.truncate(MAX_FACETS);
    post.media.truncate(MAX_MEDIA);
    let nested = [&mut post.quoted, &mut post.parent].into_iter().flatten().all(|nested| cut(nested));
    nested && serde_json::to_vec(post).is_ok_and(|json| json.len() <= MAX_POST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::{Author, Facet, FacetKind, Media};

    #[test]
    fn what_is_too_long_is_cut_and_what_is_too_large_is_refused() {
        let facet = |start| Facet { kind: FacetKind::Tag, start, end: start + 1, href: String::new() };
        let mut post = Post {
            text: Some("ö".repeat(20_000)),
            text_facets: vec![facet(5), facet(19_000)],
            media: vec![Media::image("a"); 100],
            ..Post::default()
        };
        assert!(cut(&mut post));
        assert!(post.text.as_ref().is_some_and(|text| text.len() <= MAX_TEXT + 3 && text.ends_with("ö…")));
        assert_eq!((post.text_facets.len(), post.media.len()), (1, MAX_MEDIA));
        post.author = Some(Author { name: "a".repeat(MAX_POST), ..Author::default() });
        assert!(!cut(&mut post));
    }
}
