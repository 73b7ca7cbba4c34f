//! Points in time and spans, as people write them.

use std::fmt;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// Words of a moment, at most.
pub const MOMENT_WORDS: usize = 8;
/// A moment lies this far ahead, at most: ten years, milliseconds.
pub const AHEAD_MS: i64 = 3_653 * DAY_MS;

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
const WEEK_MS: i64 = 7 * DAY_MS;

/// When a day is meant and no time is said.
const MORNING: (i8, i8) = (9, 0);

/// A point in time as somebody means it; when that is depends on now and on their time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// So many milliseconds from now.
    After(i64),
    /// Unix milliseconds.
    At(i64),
    /// By calendar and clock, in the zone of who says it.
    Local {
        /// Which day.
        day: Day,
        /// Hour and minute; without them, nine in the morning.
        time: Option<(i8, i8)>,
    },
}

/// Which day is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// Today, or tomorrow where the time has passed today.
    Next,
    /// So many days from today.
    Ahead(i8),
    /// The next one of these, after today; Monday is 1.
    Weekday(i8),
    /// A date; without a year, the next one.
    Date {
        /// Year.
        year: Option<i16>,
        /// Month from 1.
        month: i8,
        /// Day from 1.
        day: i8,
    },
}

/// Why a moment is no time to be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MomentError {
    /// It is over.
    #[error("that time has passed")]
    Past,
    /// See [`AHEAD_MS`].
    #[error("that is more than ten years ahead")]
    TooFar,
    /// 30 February.
    #[error("there is no such date")]
    NoSuchDate,
    /// Not an IANA name.
    #[error("there is no such time zone")]
    NoSuchZone,
}

impl Moment {
    /// Reads `in 2h`, `10m`, `at 9pm`, `tomorrow 9am`, `on friday at 18:00`, `2026-12-01 10:00`,
    /// `1 december`, `<t:1764000000>`. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        if let Some(stamp) = text.strip_prefix("<t:").and_then(|rest| rest.strip_suffix('>')) {
            let seconds = stamp.split(':').next()?.parse::<i64>().ok()?;
            return seconds.checked_mul(SECOND_MS).map(Self::At);
        }
        if let Some(ms) = duration(text.strip_prefix("in ").unwrap_or(&text)) {
            return Some(Self::After(ms));
        }
        let spaced = text.replace('t', " t ");
        let iso = spaced.split(" t ").collect::<Vec<_>>();
        // ISO 8601 puts a T between date and time.
        let text = match iso.as_slice() {
            [date, time] if iso_date(date).is_some() => format!("{date} {time}"),
            _ => text,
        };
        let words: Vec<&str> = text
            .split([' ', '\t', ','])
            .filter(|word| !matches!(*word, "" | "on" | "at" | "the" | "of" | "next" | "o'clock"))
            .collect();
        local(&words)
    }

    /// When it is for somebody in `zone` (an IANA name) at `now_ms`; Unix milliseconds. A time that a
    /// clock change leaves out is taken as the one an hour later.
    ///
    /// # Errors
    /// [`MomentError`].
    pub fn resolve(self, now_ms: i64, zone: &str) -> Result<i64, MomentError> {
        let at_ms = match self {
            Self::After(ms) => now_ms.saturating_add(ms),
            Self::At(unix_ms) => unix_ms,
            Self::Local { day, time } => in_zone(day, time, now_ms, zone)?,
        };
        if at_ms <= now_ms {
            Err(MomentError::Past)
        } else if at_ms - now_ms > AHEAD_MS {
            Err(MomentError::TooFar)
        } else {
            Ok(at_ms)
        }
    }
}

fn in_zone(day: Day, time: Option<(i8, i8)>, now_ms: i64, zone: &str) -> Result<i64, MomentError> {
    let zone = TimeZone::get(zone).map_err(|_| MomentError::NoSuchZone)?;
    let now = Timestamp::from_millisecond(now_ms).map_err(|_| MomentError::Past)?.to_zoned_datetime(zone.clone());
    let today = now.date();
    let (hour, minute) = time.unwrap_or(MORNING);
    let time = Time::new(hour, minute, 0, 0).map_err(|_| MomentError::NoSuchDate)?;
    let at = |date: Date| {
        let zoned = date.to_datetime(time).to_zoned_datetime(zone.clone()).map_err(|_| MomentError::TooFar)?;
        Ok(zoned.timestamp().as_millisecond())
    };
    let ahead = |days: i64| today.checked_add(days.days()).map_err(|_| MomentError::TooFar);
    match day {
        Day::Next => match at(today)? {
            passed if passed <= now_ms => at(ahead(1)?),
            later => Ok(later),
        },
        Day::Ahead(days) => at(ahead(i64::from(days))?),
        Day::Weekday(number) => {
            let today = today.weekday().to_monday_one_offset();
            at(ahead(i64::from((number - today - 1).rem_euclid(7) + 1))?)
        }
        Day::Date { year: Some(year), month, day } => {
            at(Date::new(year, month, day).map_err(|_| MomentError::NoSuchDate)?)
        }
        Day::Date { year: None, month, day } => {
            // 29 February comes within eight years.
            let dates = (0..=8).filter_map(|ahead| Date::new(today.year() + ahead, month, day).ok());
            dates.map(at).find(|at| at.is_ok_and(|at| at > now_ms)).ok_or(MomentError::NoSuchDate)?
        }
    }
}

fn local(words: &[&str]) -> Option<Moment> {
    let (mut day, mut time) = (None, None);
    let mut at = 0;
    while at < words.len() {
        let left = &words[at..];
        if let (None, Some((found, used))) = (time, clock(left)) {
            time = Some(found);
            at += used;
        } else if let (None, Some((found, used))) = (day, calendar(left)) {
            day = Some(found);
            at += used;
        } else {
            return None;
        }
    }
    match (day, time) {
        (None, None) => None,
        // A bare number is no time.
        (Some(day), time) => Some(Moment::Local { day, time }),
        (None, Some(time)) => Some(Moment::Local { day: Day::Next, time: Some(time) }),
    }
}

/// A time of day, and how many words it takes.
fn clock(words: &[&str]) -> Option<((i8, i8), usize)> {
    let first = *words.first()?;
    match first {
        "noon" => return Some(((12, 0), 1)),
        "midnight" => return Some(((0, 0), 1)),
        _ => {}
    }
    let half = |word: &str| match word {
        "am" | "a.m." => Some(false),
        "pm" | "p.m." => Some(true),
        _ => None,
    };
    let digits = first.len() - first.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':').len();
    let (number, suffix) = first.split_at(digits);
    let (afternoon, used) = match (suffix, words.get(1).copied().and_then(half)) {
        ("", second) => (second, 1 + usize::from(second.is_some())),
        (suffix, _) => (Some(half(suffix)?), 1),
    };
    let (hour, minute) = match number.split_once(':') {
        Some((hour, minute)) if minute.len() >= 2 => {
            (hour.parse::<i8>().ok()?, minute.split(':').next()?.parse::<i8>().ok()?)
        }
        Some(_) => return None,
        None => (number.parse::<i8>().ok().filter(|_| afternoon.is_some())?, 0),
    };
    let hour = match afternoon {
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(afternoon) => hour % 12 + if afternoon { 12 } else { 0 },
    };
    ((0..24).contains(&hour) && (0..60).contains(&minute)).then_some(((hour, minute), used))
}

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// A day, and how many words it takes.
fn calendar(words: &[&str]) -> Option<(Day, usize)> {
    let first = *words.first()?;
    match first {
        "today" => return Some((Day::Ahead(0), 1)),
        "tomorrow" => return Some((Day::Ahead(1), 1)),
        _ => {}
    }
    if let Some(number) = named(first, &WEEKDAYS) {
        return Some((Day::Weekday(number), 1));
    }
    if let Some((year, month, day)) = iso_date(first).or_else(|| dotted_date(first)) {
        return Some((Day::Date { year, month, day }, 1));
    }
    let second = *words.get(1)?;
    let (month, day) = match (named(first, &MONTHS), named(second, &MONTHS)) {
        (Some(month), _) => (month, day_number(second)?),
        (None, Some(month)) => (month, day_number(first)?),
        (None, None) => return None,
    };
    let year = words.get(2).and_then(|word| word.parse::<i16>().ok()).filter(|year| (1_970..=9_000).contains(year));
    Some((Day::Date { year, month, day }, 2 + usize::from(year.is_some())))
}

/// The number from 1 of a name or of its first three letters or more.
fn named(word: &str, names: &[&str]) -> Option<i8> {
    let found = names.iter().position(|name| word.len() >= 3 && name.starts_with(word))?;
    i8::try_from(found + 1).ok()
}

/// `1`, `1.`, `1st`, `2nd`.
fn day_number(word: &str) -> Option<i8> {
    let digits = word.trim_end_matches('.');
    let digits = ["st", "nd", "rd", "th"].iter().find_map(|end| digits.strip_suffix(end)).unwrap_or(digits);
    digits.parse().ok().filter(|day| (1..=31).contains(day))
}

/// `2026-12-01`.
fn iso_date(word: &str) -> Option<(Option<i16>, i8, i8)> {
    let mut parts = word.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 {
        return None;
    }
    whole_date(Some(year), month, day)
}

/// `1.12.2026`, `1.12.`.
fn dotted_date(word: &str) -> Option<(Option<i16>, i8, i8)> {
    let mut parts = word.split('.');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || !(year.is_empty() || year.len() == 4) {
        return None;
    }
    whole_date(Some(year).filter(|year| !year.is_empty()), month, day)
}

fn whole_date(year: Option<&str>, month: &str, day: &str) -> Option<(Option<i16>, i8, i8)> {
    let year = year.map(str::parse).transpose().ok()?;
    let (month, day) = (month.parse().ok()?, day.parse().ok()?);
    ((1..=12).contains(&month) && (1..=31).contains(&day)).then_some((year, month, day))
}

/// Milliseconds of `2h30m`, `90 seconds`, `1 week and 2 days`, `an hour`; `None` for anything else,
/// and for spans longer than [`AHEAD_MS`].
#[must_use]
pub fn duration(text: &str) -> Option<i64> {
    let text = text.trim().to_lowercase();
    let mut rest = text.as_str();
    let (mut total, mut parts) = (0_i64, 0);
    loop {
        rest = rest.trim_start_matches([' ', ',', '\t']);
        if parts > 0 {
            rest = rest.strip_prefix("and ").unwrap_or(rest).trim_start();
        }
        if rest.is_empty() {
            return (parts > 0).then_some(total);
        }
        let (number, after) = if let Some(after) = rest.strip_prefix("an ").or_else(|| rest.strip_prefix("a ")) {
            (1, after)
        } else {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            (rest[..digits].parse::<i64>().ok()?, &rest[digits..])
        };
        let after = after.trim_start();
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let ms = number.checked_mul(unit_ms(&after[..letters])?)?;
        total = total.checked_add(ms).filter(|total| *total <= AHEAD_MS)?;
        parts += 1;
        rest = &after[letters..];
    }
}

fn unit_ms(word: &str) -> Option<i64> {
    Some(match word {
        "s" | "sec" | "secs" | "second" | "seconds" => SECOND_MS,
        "m" | "min" | "mins" | "minute" | "minutes" => MINUTE_MS,
        "h" | "hr" | "hrs" | "hour" | "hours" => HOUR_MS,
        "d" | "day" | "days" => DAY_MS,
        "w" | "week" | "weeks" => WEEK_MS,
        "y" | "year" | "years" => 365 * DAY_MS,
        _ => return None,
    })
}

/// A span for people and for [`duration`]: `1d 2h 3m 4s`. Less than a second is left out.
#[must_use]
pub fn duration_text(ms: i64) -> String {
    let mut left = ms.max(0);
    let mut parts = Vec::new();
    for (unit_ms, unit) in [(DAY_MS, 'd'), (HOUR_MS, 'h'), (MINUTE_MS, 'm'), (SECOND_MS, 's')] {
        if left >= unit_ms {
            parts.push(format!("{}{unit}", left / unit_ms));
            left %= unit_ms;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

/// Such that [`Moment::parse`] reads it back.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (day, time) = match *self {
            Self::After(ms) => return write!(f, "in {}", duration_text(ms)),
            Self::At(unix_ms) => return write!(f, "<t:{}>", unix_ms.div_euclid(SECOND_MS)),
            Self::Local { day, time } => (day, time),
        };
        match day {
            Day::Next => f.write_str("at")?,
            Day::Ahead(0) => f.write_str("today")?,
            Day::Ahead(_) => f.write_str("tomorrow")?,
            Day::Weekday(number) => {
                let index = usize::try_from(number - 1).unwrap_or_default();
                write!(f, "on {}", WEEKDAYS.get(index).unwrap_or(&WEEKDAYS[0]))?;
            }
            Day::Date { year: Some(year), month, day } => write!(f, "on {year:04}-{month:02}-{day:02}")?,
            Day::Date { year: None, month, day } => write!(f, "on {day}.{month}.")?,
        }
        match time {
            Some((hour, minute)) => write!(f, " {hour:02}:{minute:02}"),
            None => Ok(()),
        }
    }
}

/// The IANA name of a time zone, given in any case, or by the last part of it: `tokyo`.
#[must_use]
pub fn zone_named(text: &str) -> Option<&'static str> {
    let wanted = text.trim().replace(' ', "_");
    let names = || zones().iter().map(String::as_str);
    names()
        .find(|name| name.eq_ignore_ascii_case(&wanted))
        .or_else(|| names().find(|name| name.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(&wanted))))
}

/// Names of all time zones, sorted.
#[must_use]
pub fn zones() -> &'static [String] {
    static ZONES: std::sync::LazyLock<Vec<String>> = std::sync::LazyLock::new(|| {
        let mut names: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
        names.sort();
        names
    });
    &ZONES
}

/// A point in time in a zone, for people: `Tuesday 1 December 2026, 10:00 (Europe/Helsinki)`.
#[must_use]
pub fn moment_text(unix_ms: i64, zone: &str) -> Option<String> {
    let at = Timestamp::from_millisecond(unix_ms).ok()?.to_zoned_datetime(TimeZone::get(zone).ok()?);
    Some(format!("{} ({zone})", at.strftime("%A %-d %B %Y, %H:%M")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Tuesday 2026-11-24 10:30:00 in UTC, 12:30 in Helsinki.
    const NOW_MS: i64 = 1_795_516_200_000;

    fn when(text: &str, zone: &str) -> Result<String, String> {
        let moment = Moment::parse(text).ok_or("not a moment")?;
        assert_eq!(Moment::parse(&moment.to_string()), Some(moment), "{text} as {moment}");
        let at_ms = moment.resolve(NOW_MS, zone).map_err(|error| error.to_string())?;
        Ok(Timestamp::from_millisecond(at_ms).expect("in range").strftime("%F %T").to_string())
    }

    #[test]
    fn times_are_read_as_people_write_them_in_their_own_zone() {
        for (text, expected) in [
            ("in 2h", "2026-11-24 12:30:00"),
            ("10m", "2026-11-24 10:40:00"),
            ("in an hour and 5 minutes", "2026-11-24 11:35:00"),
            ("in 1 week, 2 days", "2026-12-03 10:30:00"),
            ("at 13:00", "2026-11-24 11:00:00"),
            ("at 12:30", "2026-11-25 10:30:00"),
            ("9am", "2026-11-25 07:00:00"),
            ("9:15 pm", "2026-11-24 19:15:00"),
            ("12 am", "2026-11-24 22:00:00"),
            ("noon tomorrow", "2026-11-25 10:00:00"),
            ("tomorrow", "2026-11-25 07:00:00"),
            ("Tomorrow 9am", "2026-11-25 07:00:00"),
            ("today at 18:00", "2026-11-24 16:00:00"),
            ("on 2026-12-01 10:00", "2026-12-01 08:00:00"),
            ("2026-12-01T10:00", "2026-12-01 08:00:00"),
            ("1.12.2026 10:00", "2026-12-01 08:00:00"),
            ("1.12.", "2026-12-01 07:00:00"),
            ("on the 1st of December at 10:00", "2026-12-01 08:00:00"),
            ("jan 2", "2027-01-02 07:00:00"),
            ("2 january 2028", "2028-01-02 07:00:00"),
            ("29 february", "2028-02-29 07:00:00"),
            ("on friday", "2026-11-27 07:00:00"),
            ("next tuesday 8am", "2026-12-01 06:00:00"),
            // Clocks go forward at 03:00 on 2027-03-28.
            ("2027-03-28 03:30", "2027-03-28 01:30:00"),
            ("<t:1795600000:R>", "2026-11-25 09:46:40"),
        ] {
            assert_eq!(when(text, "Europe/Helsinki").as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(when("tomorrow 9am", "America/New_York").as_deref(), Ok("2026-11-25 14:00:00"));
    }

    #[test]
    fn what_is_no_time_or_no_time_to_wait_for_is_told() {
        for text in [
            "",
            "soon",
            "9",
            "in",
            "in two",
            "25:00",
            "13pm",
            "12:5",
            "tomorrow tomorrow",
            "2h to eat",
            "-5m",
            "1.13.2026",
            "5 marchtember",
            "é",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
        for (text, zone, error) in [
            ("2026-11-24 12:00", "Europe/Helsinki", "passed"),
            ("today 9am", "UTC", "passed"),
            ("2026-02-30", "UTC", "no such date"),
            ("30 february", "UTC", "no such date"),
            ("2099-01-01", "UTC", "ten years"),
            ("tomorrow", "Mars/Olympus", "no such time zone"),
        ] {
            let told = when(text, zone).expect_err(text);
            assert!(told.contains(error), "{text}: {told}");
        }
        assert_eq!(Moment::parse("in 4000d"), None);
    }

    #[test]
    fn spans_are_read_and_written() {
        assert_eq!(duration("1d2h 3m 4s"), Some(93_784_000));
        assert_eq!(duration_text(93_784_000), "1d 2h 3m 4s");
        assert_eq!(duration("999999999999999999999s"), None);
        assert_eq!((duration("h"), duration("5"), duration("")), (None, None, None));
    }

    #[test]
    fn zones_are_found_by_name_or_city() {
        assert_eq!(zone_named("europe/helsinki"), Some("Europe/Helsinki"));
        assert_eq!(zone_named("New York"), Some("America/New_York"));
        assert_eq!((zone_named("UTC"), zone_named("atlantis"), zone_named("")), (Some("UTC"), None, None));
        let text = moment_text(NOW_MS, "Europe/Helsinki");
        assert_eq!(text.as_deref(), Some("Tuesday 24 November 2026, 12:30 (Europe/Helsinki)"));
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange_to_be_read(text in "\\PC{0,40}") {
            if let Some(moment) = Moment::parse(&text) {
                let _ = moment.resolve(NOW_MS, "Europe/Helsinki");
            }
        }
    }
}
