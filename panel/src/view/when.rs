use maud::{Markup, html};
use time::OffsetDateTime;
use time::macros::format_description;

/// `2026-11-24 10:30`, UTC; where scripts run they show the visitor's own time.
pub(crate) fn date_time(at_ms: i64) -> Markup {
    let at = OffsetDateTime::from_unix_timestamp(at_ms.div_euclid(1_000)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let shown = at.format(format_description!("[year]-[month]-[day] [hour]:[minute]")).unwrap_or_default();
    let exact = at.format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z")).unwrap_or_default();
    html! { time datetime=(exact) { (shown) " UTC" } }
}

/// `3 minutes ago`.
pub(crate) fn ago(at_ms: i64, now_ms: i64) -> String {
    let seconds = (now_ms - at_ms).max(0) / 1_000;
    if seconds < 10 { "just now".to_owned() } else { format!("{} ago", duration(seconds)) }
}

/// `1 minute`, `5 hours`, `3 days`: the largest unit only.
pub(crate) fn duration(seconds: i64) -> String {
    let (count, unit) = match seconds {
        ..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_as_people_say_them() {
        assert_eq!(ago(1_000, 5_000), "just now");
        assert_eq!(ago(0, 61_000), "1 minute ago");
        assert_eq!(ago(0, 7_200_000), "2 hours ago");
        assert_eq!(ago(5_000, 0), "just now");
        assert_eq!(
            date_time(1_764_000_000_000).into_string(),
            "<time datetime=\"2025-11-24T16:00:00Z\">2025-11-24 16:00 UTC</time>"
        );
    }
}
