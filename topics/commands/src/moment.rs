//! Points in time, as people write them.

use std::fmt;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::calendar::{WEEKDAYS, calendar, clock, iso_date};
use crate::span::{AHEAD_MS, SECOND_MS, duration, duration_text};

/// Words of a moment, at most.
pub const MOMENT_WORDS: usize = 8;
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

    proptest! {
        #[test]
        fn no_text_is_too_strange_to_be_read(text in "\\PC{0,40}") {
            if let Some(moment) = Moment::parse(&text) {
                let _ = moment.resolve(NOW_MS, "Europe/Helsinki");
            }
        }
    }
}
