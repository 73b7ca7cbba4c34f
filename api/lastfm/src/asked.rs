//! What callers ask, checked before anything is looked up. Pure.

use miso_command_catalogue::Problem;

use crate::decode::Kind;
use crate::period::Period;

/// Characters of a name of an artist, album or track, at most.
const NAME_CHARS: usize = 300;
/// The latest time that is one, Unix milliseconds: the year 9999.
const LATEST_MS: i64 = 253_402_300_799_999;

fn wrong(slug: &str, detail: impl Into<String>) -> Problem {
    Problem::new(400, slug, "The query does not fit", detail)
}

/// A user's name, by Last.fm's rule. In lower case: Last.fm knows no difference.
pub(crate) fn user(text: &str) -> Result<String, Problem> {
    let fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if fits && (1..=15).contains(&text.len()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(wrong("invalid-user", "A Last.fm user's name has up to 15 letters, digits, underscores and hyphens."))
}

/// A name that must be there.
pub(crate) fn name(field: &str, text: Option<&String>) -> Result<String, Problem> {
    maybe_name(field, text)?.ok_or_else(|| wrong("invalid-query", format!("`{field}` is missing.")))
}

/// A name that may be there; blank is not there.
pub(crate) fn maybe_name(field: &str, text: Option<&String>) -> Result<Option<String>, Problem> {
    let Some(text) = text.map(|text| text.trim()).filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.chars().count() > NAME_CHARS || text.chars().any(char::is_control) {
        let detail = format!("`{field}` has up to {NAME_CHARS} characters, and none that are not printed.");
        return Err(wrong("invalid-query", detail));
    }
    Ok(Some(text.to_owned()))
}

/// A number from 1 to a bound.
pub(crate) fn number(field: &str, text: Option<&String>, default: u64, most: u64) -> Result<u64, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(default) };
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| wrong("invalid-query", format!("`{field}` is a number from 1 to {most}.")))
}

/// A period; without it all time.
pub(crate) fn period(text: Option<&String>) -> Result<Period, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Period::All) };
    Period::read(text).ok_or_else(|| wrong("bad-period", "`period` is one of 7d, 1m, 3m, 6m, 12m and all."))
}

/// A time, Unix milliseconds.
pub(crate) fn time(field: &str, text: Option<&String>) -> Result<Option<i64>, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let time = text.parse().ok().filter(|time| (0..=LATEST_MS).contains(time));
    time.map(Some).ok_or_else(|| wrong("invalid-query", format!("`{field}` is a time in Unix milliseconds.")))
}

/// A yes or no; without it no.
pub(crate) fn flag(field: &str, text: Option<&String>) -> Result<bool, Problem> {
    match text.map(String::as_str) {
        None | Some("" | "0" | "false") => Ok(false),
        Some("1" | "true") => Ok(true),
        Some(_) => Err(wrong("invalid-query", format!("`{field}` is 1 or 0."))),
    }
}

/// What a list is of, in a path.
pub(crate) fn kind(text: &str) -> Result<Kind, Problem> {
    let detail = "There are lists of artists, albums and tracks.";
    Kind::read(text).ok_or_else(|| Problem::new(404, "not-found", "No such list", detail))
}

/// Where a list goes on: the page, and the time (Unix seconds) that the first page ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) page: u64,
    pub(crate) until_s: Option<i64>,
}

impl Cursor {
    pub(crate) const FIRST: Self = Self { page: 1, until_s: None };
    /// The last page that may be asked for: beyond it lists by plays have nobody left.
    const LAST: u64 = 1_000_000;

    /// As it was handed out.
    pub(crate) fn read(text: Option<&String>) -> Result<Self, Problem> {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Self::FIRST) };
        let read = || {
            let (page, until) = text.split_once('.')?;
            let page = page.parse().ok().filter(|page| (2..=Self::LAST).contains(page))?;
            let until_s = if until.is_empty() { None } else { Some(until.parse().ok().filter(|until| *until > 0)?) };
            Some(Self { page, until_s })
        };
        read().ok_or_else(|| wrong("bad-cursor", "`cursor` is the one of the page before; leave it out for the first."))
    }

    pub(crate) fn write(self) -> String {
        match self.until_s {
            Some(until_s) => format!("{}.{until_s}", self.page),
            None => format!("{}.", self.page),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn users_are_named_by_last_fm_s_rule() {
        assert_eq!(user("RJ_-9").expect("fits"), "rj_-9");
        for text in ["", "a/b", "a b", "ä", "a%2e", "..", "sixteencharacter"] {
            assert_eq!(user(text).expect_err("does not fit").slug(), "invalid-user", "{text}");
        }
    }

    #[test]
    fn names_may_hold_anything_that_is_printed() {
        let text = some(" AC/DC + 100% why? ");
        assert_eq!(name("artist", text.as_ref()).expect("fits"), "AC/DC + 100% why?");
        for text in [None, some("  "), some("a\u{0}b"), some(&"x".repeat(301))] {
            assert_eq!(name("artist", text.as_ref()).expect_err("does not fit").slug(), "invalid-query");
        }
    }

    #[test]
    fn numbers_times_and_periods_have_their_bounds() {
        assert_eq!(number("limit", some("50").as_ref(), 10, 200).expect("fits"), 50);
        assert_eq!(number("limit", None, 10, 200).expect("fits"), 10);
        for text in ["0", "201", "-1", "99999999999999999999999", "ten"] {
            assert!(number("limit", some(text).as_ref(), 10, 200).is_err(), "{text}");
        }
        assert_eq!(time("from", some("1700000000000").as_ref()).expect("fits"), Some(1_700_000_000_000));
        assert!(
            time("from", some("-1").as_ref()).is_err() && time("from", some("9223372036854775807").as_ref()).is_err()
        );
        assert_eq!(period(some("3m").as_ref()).expect("fits"), Period::Quarter);
        assert_eq!(period(some("week").as_ref()).expect_err("none").slug(), "bad-period");
        assert!(flag("images", some("1").as_ref()).expect("fits") && flag("images", some("yes").as_ref()).is_err());
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is_one() {
        for cursor in [Cursor { page: 2, until_s: Some(1_700_000_000) }, Cursor { page: 9, until_s: None }] {
            assert_eq!(Cursor::read(Some(&cursor.write())).expect("reads"), cursor);
        }
        for text in ["1.", "0.5", "2", "x.1", "2.-1", "2.x", "99999999.", "2.1.1"] {
            assert_eq!(Cursor::read(some(text).as_ref()).expect_err("none").slug(), "bad-cursor", "{text}");
        }
    }
}
