use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Unix milliseconds.
pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Milliseconds of an hour.
pub(crate) const HOUR_MS: i64 = 60 * 60 * 1_000;

/// Day (`2026-11-24`) and hour (0–23) in UTC of an hour, counted from 1970.
pub(crate) fn day_and_hour(hour: i64) -> (String, u8) {
    let at = OffsetDateTime::from_unix_timestamp(hour.saturating_mul(HOUR_MS / 1_000));
    let at = at.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = at.to_calendar_date();
    (format!("{year:04}-{:02}-{day:02}", u8::from(month)), at.hour())
}

/// As Discord writes times: `2026-11-24T10:48:01.5Z`.
pub(crate) fn iso8601(at_ms: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at_ms) * 1_000_000);
    at.unwrap_or(OffsetDateTime::UNIX_EPOCH).format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_has_its_day() {
        assert_eq!(day_and_hour(0), ("1970-01-01".to_owned(), 0));
        assert_eq!(day_and_hour(1_796_083_199_000 / HOUR_MS), ("2026-11-30".to_owned(), 23));
        assert_eq!(day_and_hour(i64::MAX).0, "1970-01-01");
    }

    #[test]
    fn a_time_is_written_as_discord_writes_it() {
        assert_eq!(iso8601(1_462_015_105_796), "2016-04-30T11:18:25.796Z");
        assert_eq!(iso8601(i64::MAX), "1970-01-01T00:00:00Z");
    }
}
