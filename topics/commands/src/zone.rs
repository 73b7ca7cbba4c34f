//! Time zones: IANA's, from a database that is built in.

use jiff::Timestamp;
use jiff::tz::TimeZone;

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
    use super::*;

    #[test]
    fn zones_are_found_by_name_or_city() {
        assert_eq!(zone_named("europe/helsinki"), Some("Europe/Helsinki"));
        assert_eq!(zone_named("New York"), Some("America/New_York"));
        assert_eq!((zone_named("UTC"), zone_named("atlantis"), zone_named("")), (Some("UTC"), None, None));
        let text = moment_text(1_795_516_200_000, "Europe/Helsinki");
        assert_eq!(text.as_deref(), Some("Tuesday 24 November 2026, 12:30 (Europe/Helsinki)"));
    }
}
