//! Ranges of a topic, as people write them: the grammar, and what it names in a log.
//!
//! `start`, `end`, `123`, `+10`, `-10`, `A:B`, `@T`, `@T1:T2`, where a time `T` is a date, an RFC 3339 time,
//! seconds (10 digits) or milliseconds (13 digits) since 1970, or how long ago (`-2h`).

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::{Bounds, Log, LogError, Topic};

/// Characters of a range, at most: two times with room.
const MOST_CHARS: usize = 100;

/// A text that is no range, or one that names nothing in the log; says what to type instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// Not of the grammar.
    #[error("{text:?} is no range: {wrong}. Write start, end, 123, +10, -10, 5:20, @2026-11-24, @-2h or @-2h:-1h")]
    NotARange {
        /// As it was written.
        text: String,
        /// Which part, and why.
        wrong: String,
    },
    /// It ends before it begins.
    #[error("the range {text:?} ends before it begins; did you mean {swapped:?}?")]
    Backwards {
        /// As it was written.
        text: String,
        /// The other way round.
        swapped: String,
    },
    /// No such partition.
    #[error("topic {topic} has partitions 0 to {last}, no partition {partition}")]
    NoPartition {
        /// The topic.
        topic: &'static str,
        /// What was asked for.
        partition: i32,
        /// The last there is.
        last: i32,
    },
    /// It begins after everything that is there.
    #[error("{text:?} is beyond the end of {topic}: offsets there are {earliest} to {latest}; try -o -10")]
    Beyond {
        /// As it was written.
        text: String,
        /// The topic.
        topic: &'static str,
        /// The lowest offset of the partitions asked for.
        earliest: i64,
        /// The highest.
        latest: i64,
    },
    /// The log's.
    #[error(transparent)]
    Log(#[from] LogErrorText),
}

/// What the log said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LogErrorText(pub String);

impl From<LogError> for RangeError {
    fn from(error: LogError) -> Self {
        Self::Log(LogErrorText(error.to_string()))
    }
}

/// One end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The oldest record that is kept.
    Start,
    /// Behind the newest record of now.
    End,
    /// This offset of each partition.
    Offset(i64),
    /// So many offsets after the oldest of each partition.
    AfterStart(i64),
    /// So many offsets before the end of each partition.
    BeforeEnd(i64),
    /// The first record at or after this time, Unix milliseconds.
    Time(i64),
}

/// A range of a topic, half open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// Its first record.
    pub from: Point,
    /// Behind its last record; `None` when none was given: the end of now, or for ever when followed.
    pub to: Option<Point>,
    text: String,
}

impl Range {
    /// Everything that is there now.
    #[must_use]
    pub fn all() -> Self {
        Self { from: Point::Start, to: None, text: "start".to_owned() }
    }

    /// Reads a range. `now_ms` is what durations are counted from, Unix milliseconds; `zone` is where
    /// dates and times without an offset are meant.
    ///
    /// # Errors
    /// [`RangeError::NotARange`], [`RangeError::Backwards`].
    pub fn parse(text: &str, now_ms: i64, zone: &TimeZone) -> Result<Self, RangeError> {
        let wrong = |wrong: String| RangeError::NotARange { text: text.to_owned(), wrong };
        if text.chars().count() > MOST_CHARS {
            return Err(RangeError::NotARange {
                text: text.chars().take(20).collect(),
                wrong: "it is too long".into(),
            });
        }
        let one = |part: &str, timed: bool| if timed { time_point(part, now_ms, zone) } else { offset_point(part) };
        let (body, timed) = text.strip_prefix('@').map_or((text, false), |rest| (rest, true));
        if let Some(from) = one(body, timed) {
            return Ok(Self { from, to: None, text: text.to_owned() });
        }
        // Times hold colons themselves: the one that parts the two is where both sides can be read.
        let parts = || body.match_indices(':').map(|(at, _)| (&body[..at], &body[at + 1..]));
        let both =
            |(from, to): (&str, &str)| Some((one(from, timed)?, one(to.strip_prefix('@').unwrap_or(to), timed)?));
        let Some((from, to)) = parts().find_map(both) else {
            let part = |part: &str| format!("{part:?} is no {}", if timed { "time" } else { "offset" });
            return Err(wrong(match parts().next() {
                Some((from, to)) if one(from, timed).is_some() => part(to),
                Some((from, _)) if parts().nth(1).is_none() => part(from),
                _ => part(body),
            }));
        };
        if let (Point::Time(a), Point::Time(b)) | (Point::Offset(a), Point::Offset(b)) = (from, to)
            && a > b
        {
            let (first, second) = parts().find(|&parts| both(parts).is_some()).unwrap_or_default();
            let swapped = format!("{}{second}:{first}", if timed { "@" } else { "" });
            return Err(RangeError::Backwards { text: text.to_owned(), swapped });
        }
        Ok(Self { from, to: Some(to), text: text.to_owned() })
    }

    /// Whether its last record is given.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.to.is_some()
    }

    /// What it names in a topic now, in some partitions or all. What retention removed of it is told in
    /// [`Spans::missing`].
    ///
    /// # Errors
    /// [`RangeError::NoPartition`]; [`RangeError::Beyond`] when an offset was named that no partition
    /// reaches; the log's.
    pub async fn resolve(&self, log: &dyn Log, topic: Topic, partitions: &[i32]) -> Result<Spans, RangeError> {
        let last = topic.partitions - 1;
        if let Some(&partition) = partitions.iter().find(|partition| !(0..=last).contains(*partition)) {
            return Err(RangeError::NoPartition { topic: topic.name, partition, last });
        }
        let all: Vec<i32> = (0..topic.partitions).collect();
        let mut spans = Spans::default();
        let (mut earliest, mut latest) = (i64::MAX, 0);
        for &partition in if partitions.is_empty() { &all[..] } else { partitions } {
            let bounds = log.bounds(topic, partition).await?;
            (earliest, latest) = (earliest.min(bounds.earliest), latest.max(bounds.latest));
            let from = place(log, topic, partition, bounds, self.from).await?;
            let to = match self.to {
                Some(point) => place(log, topic, partition, bounds, point).await?,
                None => bounds.latest,
            };
            if from < bounds.earliest {
                spans.missing.push(Span { partition, from, to: bounds.earliest });
            }
            let from = from.clamp(bounds.earliest, bounds.latest);
            spans.spans.push(Span { partition, from, to: to.clamp(from, bounds.latest) });
        }
        match self.from {
            Point::Offset(offset) if offset > latest => {
                Err(RangeError::Beyond { text: self.text.clone(), topic: topic.name, earliest, latest })
            }
            _ => Ok(spans),
        }
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// Offsets `from..to` of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The partition.
    pub partition: i32,
    /// First offset.
    pub from: i64,
    /// One past the last.
    pub to: i64,
}

/// What a range names in a topic.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spans {
    /// One for each partition asked for, in their order; some may be empty.
    pub spans: Vec<Span>,
    /// Offsets that were named and are gone by retention.
    pub missing: Vec<Span>,
}

impl Spans {
    /// Whether there is no record to be read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.iter().all(|span| span.from >= span.to)
    }

    /// Where readers begin: partitions that have something to be read.
    #[must_use]
    pub fn starts(&self) -> Vec<(i32, i64)> {
        self.spans.iter().filter(|span| span.from < span.to).map(|span| (span.partition, span.from)).collect()
    }

    /// Where they end.
    #[must_use]
    pub fn ends(&self) -> Vec<(i32, i64)> {
        self.spans.iter().filter(|span| span.from < span.to).map(|span| (span.partition, span.to)).collect()
    }
}

impl std::fmt::Display for Spans {
    /// `partition:from..to`, with commas between.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, span) in self.spans.iter().filter(|span| span.from < span.to).enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}:{}..{}", span.partition, span.from, span.to)?;
        }
        Ok(())
    }
}

async fn place(log: &dyn Log, topic: Topic, partition: i32, bounds: Bounds, point: Point) -> Result<i64, LogError> {
    Ok(match point {
        Point::Start => bounds.earliest,
        Point::End => bounds.latest,
        Point::Offset(offset) => offset,
        Point::AfterStart(count) => bounds.earliest.saturating_add(count),
        Point::BeforeEnd(count) => bounds.latest.saturating_sub(count).max(bounds.earliest),
        Point::Time(ms) => log.offset_at(topic, partition, ms).await?,
    })
}

fn offset_point(text: &str) -> Option<Point> {
    let number = |digits: &str| {
        let digits = digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(digits)?;
        digits.parse::<i64>().ok()
    };
    match text {
        "start" => Some(Point::Start),
        "end" => Some(Point::End),
        _ => match text.split_at_checked(1)? {
            ("+", rest) => number(rest).map(Point::AfterStart),
            ("-", rest) => number(rest).map(Point::BeforeEnd),
            _ => number(text).map(Point::Offset),
        },
    }
}

fn time_point(text: &str, now_ms: i64, zone: &TimeZone) -> Option<Point> {
    match text {
        "start" => return Some(Point::Start),
        "end" | "now" => return Some(Point::End),
        _ => {}
    }
    parse_time(text, now_ms, zone).map(Point::Time)
}

/// A time as people write it, Unix milliseconds: a date, an RFC 3339 time, 10 digits of seconds, 13 digits
/// of milliseconds, or a duration that is counted back from `now_ms` (`-2h`, `-1h30m`, `-7d`).
#[must_use]
pub fn parse_time(text: &str, now_ms: i64, zone: &TimeZone) -> Option<i64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.len() {
            10 => text.parse::<i64>().ok()?.checked_mul(1_000),
            13 => text.parse().ok(),
            _ => None,
        };
    }
    if let Some(duration) = text.strip_prefix('-') {
        return now_ms.checked_sub(parse_duration(duration)?);
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.as_millisecond());
    }
    let civil = match text.parse::<Date>() {
        // A date alone; a longer text that begins with one is a time of day.
        Ok(date) if text.len() == 10 => date.to_datetime(jiff::civil::Time::midnight()),
        _ => text.parse::<DateTime>().ok().filter(|_| text.len() > 10)?,
    };
    zone.to_timestamp(civil).ok().map(Timestamp::as_millisecond)
}

/// A duration in milliseconds: numbers with `ms`, `s`, `m`, `h`, `d` or `w` after them, as in `1h30m`.
#[must_use]
pub fn parse_duration(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let letters = after.bytes().take_while(u8::is_ascii_lowercase).count();
        let (unit, after) = after.split_at(letters);
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            _ => return None,
        };
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(unit_ms)?)?;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24T12:00:00Z.
    const NOW: i64 = 1_795_521_600_000;

    fn parse(text: &str) -> Result<(Point, Option<Point>), String> {
        let range = Range::parse(text, NOW, &TimeZone::UTC).map_err(|error| error.to_string())?;
        Ok((range.from, range.to))
    }

    #[test]
    fn every_form_of_the_grammar_is_read() {
        use Point::{AfterStart, BeforeEnd, End, Offset, Start, Time};
        for (text, from, to) in [
            ("start", Start, None),
            ("end", End, None),
            ("123", Offset(123), None),
            ("+10", AfterStart(10), None),
            ("-10", BeforeEnd(10), None),
            ("5:20", Offset(5), Some(Offset(20))),
            ("start:-3", Start, Some(BeforeEnd(3))),
            ("@2026-11-24", Time(NOW - 43_200_000), None),
            ("@2026-11-24T11:00:00Z", Time(NOW - 3_600_000), None),
            ("@2026-11-24T11:00:00", Time(NOW - 3_600_000), None),
            ("@2026-11-24T12:00:00+01:00", Time(NOW - 3_600_000), None),
            ("@1795521600", Time(NOW), None),
            ("@1795521600000", Time(NOW), None),
            ("@-2h:-1h", Time(NOW - 7_200_000), Some(Time(NOW - 3_600_000))),
            ("@-1m:end", Time(NOW - 60_000), Some(End)),
            ("@-1h30m", Time(NOW - 5_400_000), None),
            ("@2026-11-24T11:00:00Z:2026-11-24T11:30:00Z", Time(NOW - 3_600_000), Some(Time(NOW - 1_800_000))),
            ("@2026-11-23:@2026-11-24", Time(NOW - 129_600_000), Some(Time(NOW - 43_200_000))),
        ] {
            assert_eq!(parse(text), Ok((from, to)), "{text}");
        }
    }

    #[test]
    fn dates_are_meant_in_the_given_zone() {
        let berlin = TimeZone::get("Europe/Berlin").expect("a zone");
        let range = Range::parse("@2026-11-24", NOW, &berlin).expect("a range");
        assert_eq!(range.from, Point::Time(NOW - 43_200_000 - 3_600_000));
    }

    #[test]
    fn what_is_no_range_says_which_part_and_what_to_type() {
        for (text, part) in [
            ("", "\"\""),
            ("yesterday", "\"yesterday\""),
            ("5:x", "\"x\""),
            ("@2026-13-01", "\"2026-13-01\""),
            ("@-2x", "\"-2x\""),
            ("@-2h:nie", "\"nie\""),
            ("+-1", "\"+-1\""),
            ("99999999999999999999", "99999999999999999999"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(part) && error.contains("Write start, end"), "{text}: {error}");
        }
        assert!(parse(&"9".repeat(5_000)).expect_err("too long").contains("too long"));
    }

    #[test]
    fn a_range_that_ends_before_it_begins_is_turned_round() {
        assert!(parse("20:5").expect_err("backwards").contains("\"5:20\""));
        assert!(parse("@-1h:-2h").expect_err("backwards").contains("\"@-2h:-1h\""));
    }

    #[test]
    fn durations_add_up_and_never_overflow() {
        assert_eq!(parse_duration("1w2d3h4m5s6ms"), Some(604_800_000 + 172_800_000 + 10_800_000 + 240_000 + 5_006));
        assert_eq!(parse_duration("9223372036854775807w"), None);
        assert_eq!(parse_duration("h"), None);
        assert_eq!(parse_duration(""), None);
    }
}
