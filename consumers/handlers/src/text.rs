//! Discord's bounds of texts, in UTF-16 units. Pure.

/// Content of a message.
pub(crate) const CONTENT: usize = 2_000;
/// Description of an embed.
pub(crate) const DESCRIPTION: usize = 4_096;
/// Value of an embed's field.
pub(crate) const FIELD_VALUE: usize = 1_024;
/// Name of an embed's author.
pub(crate) const AUTHOR_NAME: usize = 256;

/// At most `bound` UTF-16 units, the last of them an ellipsis where something was cut off.
pub(crate) fn cut(text: &str, bound: usize) -> String {
    if text.len() <= bound || text.encode_utf16().count() <= bound {
        return text.to_owned();
    }
    let mut room = bound.saturating_sub(1);
    let mut cut: String = text
        .chars()
        .take_while(|c| {
            let fits = c.len_utf16() <= room;
            room = room.saturating_sub(c.len_utf16());
            fits
        })
        .collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_the_bound_and_says_so() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "long…");
        assert_eq!(cut("🦀🦀🦀", 6), "🦀🦀🦀");
        assert_eq!(cut("🦀🦀🦀", 5), "🦀🦀…");
    }
}
