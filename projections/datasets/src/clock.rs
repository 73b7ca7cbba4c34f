//! Times as text, many a second: the date is made once a day, the rest by arithmetic.

use jiff::Timestamp;
use jiff::tz::TimeZone;

const DAY_MS: i64 = 86_400_000;

/// Writes times as RFC 3339 in UTC to the millisecond.
#[derive(Debug, Default)]
pub struct Clock {
    day: i64,
    date: String,
}

impl Clock {
    /// The date of Unix milliseconds, `2026-11-24`; `unknown` where it is outside of the calendar.
    pub fn date(&mut self, ms: i64) -> &str {
        let day = ms.div_euclid(DAY_MS);
        if self.date.is_empty() || day != self.day {
            self.day = day;
            let at = Timestamp::from_millisecond(ms).map(|at| at.to_zoned_datetime(TimeZone::UTC).date().to_string());
            self.date = at.unwrap_or_else(|_| "unknown".to_owned());
        }
        &self.date
    }

    /// Appends `2026-11-24T05:12:09.412Z`; only the number of milliseconds where it is outside of the calendar.
    pub fn write(&mut self, out: &mut Vec<u8>, ms: i64) {
        if self.date(ms) == "unknown" {
            out.extend_from_slice(ms.to_string().as_bytes());
            return;
        }
        out.extend_from_slice(self.date.as_bytes());
        let of_day = ms.rem_euclid(DAY_MS);
        let digits = |out: &mut Vec<u8>, before: u8, value: i64, mut unit: i64| {
            out.push(before);
            while unit > 0 {
                out.push(b'0' + u8::try_from(value / unit % 10).unwrap_or(0));
                unit /= 10;
            }
        };
        digits(out, b'T', of_day / 3_600_000, 10);
        digits(out, b':', of_day / 60_000 % 60, 10);
        digits(out, b':', of_day / 1_000 % 60, 10);
        digits(out, b'.', of_day % 1_000, 100);
        out.push(b'Z');
    }
}

/// Unix milliseconds as RFC 3339 in UTC, to the millisecond.
#[must_use]
pub fn rfc3339(ms: i64) -> String {
    let mut out = Vec::with_capacity(24);
    Clock::default().write(&mut out, ms);
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_462_015_105_796), "2016-04-30T11:18:25.796Z");
        assert_eq!(rfc3339(951_782_399_999), "2000-02-28T23:59:59.999Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(rfc3339(i64::MAX), i64::MAX.to_string());
    }

    #[test]
    fn a_clock_that_goes_back_and_forth_stays_right() {
        let mut clock = Clock::default();
        for ms in [86_400_000, 0, 86_400_000, -1, 172_800_001] {
            let mut out = Vec::new();
            clock.write(&mut out, ms);
            assert_eq!(String::from_utf8(out).expect("text"), rfc3339(ms));
        }
    }
}
