//! How names, numbers and times of Last.fm's are shown. Pure.

use miso_command_catalogue::Document;

use crate::lastfm::Meta;

/// Characters of a name in a list, at most.
const NAME_CHARS: usize = 100;

/// A name as Markdown shows it as it is, shortened.
pub(super) fn plain(name: &str) -> String {
    let mut shown = String::new();
    for (index, c) in name.chars().enumerate() {
        if index == NAME_CHARS {
            shown.push('…');
            break;
        }
        if "\\*_~`|[]()<>#@".contains(c) {
            shown.push('\\');
        }
        shown.push(if c.is_control() { ' ' } else { c });
    }
    shown
}

/// `12,345`.
pub(super) fn number(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().unwrap_or_default().to_string();
    let mut shown = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// `1 play`, `2 plays`.
pub(super) fn plays(count: impl TryInto<u64>) -> String {
    counted(count, "play")
}

/// `1 thing`, `2 things`.
pub(super) fn counted(count: impl TryInto<u64>, thing: &str) -> String {
    let count = count.try_into().unwrap_or_default();
    format!("{} {thing}{}", number(count), if count == 1 { "" } else { "s" })
}

/// `3:21`.
pub(super) fn length(ms: u64) -> String {
    let seconds = ms / 1_000;
    if seconds >= 3_600 {
        return format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    }
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// Discord's relative time.
pub(super) fn ago(at_ms: i64) -> String {
    format!("<t:{}:R>", at_ms / 1_000)
}

/// With a word about its age, where Last.fm did not answer.
pub(super) fn aged(mut document: Document, meta: &Meta) -> Document {
    if meta.stale {
        let minutes = meta.age_s.div_ceil(60);
        let note = format!("Last.fm does not answer; this is {} old", counted(minutes, "minute"));
        document.footer = Some(match document.footer.take() {
            Some(footer) => format!("{footer} · {note}"),
            None => note,
        });
    }
    document
}

#[cfg(test)]
mod tests {
    use miso_command_catalogue::Colour;

    use super::*;

    #[test]
    fn names_are_shown_as_they_are_and_numbers_can_be_read() {
        assert_eq!(plain("*NSYNC_ (live)\n"), "\\*NSYNC\\_ \\(live\\) ");
        assert_eq!(plain(&"x".repeat(200)).chars().count(), NAME_CHARS + 1);
        assert_eq!(
            (number(7_u64), number(1_234_567_i64), number(-1_i64)),
            ("7".into(), "1,234,567".into(), "0".into())
        );
        assert_eq!((plays(1_u64), plays(2_000_i64)), ("1 play".into(), "2,000 plays".into()));
        assert_eq!((length(201_000), length(3_723_000)), ("3:21".into(), "1:02:03".into()));
    }

    #[test]
    fn an_answer_of_before_says_so() {
        let meta = Meta { age_s: 90, stale: true };
        let document = aged(Document::text(Colour::Lastfm, "x").footer("f"), &meta);
        assert_eq!(document.footer.as_deref(), Some("f · Last.fm does not answer; this is 2 minutes old"));
        assert_eq!(aged(Document::default(), &Meta::default()).footer, None);
    }
}
