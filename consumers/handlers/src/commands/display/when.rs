//! Points in time, as Discord shows them in everybody's own zone.

/// `<t:…:D>` of Unix milliseconds.
pub(crate) fn date(unix_ms: i64) -> String {
    format!("<t:{}:D>", unix_ms.div_euclid(1_000))
}

/// `<t:…:D>` of an ISO 8601 timestamp such as `2016-04-30T11:18:25.796000+00:00`; `None` for others.
pub(crate) fn iso_date(text: &str) -> Option<String> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days since 1970-01-01 in the proleptic Gregorian calendar, with years that begin in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days =
        year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (153 * month + 2) / 5 + day
            - 719_469;
    Some(date((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_of_discord_become_its_markup() {
        assert_eq!(iso_date("2016-04-30T11:18:25.796000+00:00").as_deref(), Some("<t:1462015105:D>"));
        assert_eq!(iso_date("1970-01-01T00:00:00Z").as_deref(), Some("<t:0:D>"));
        assert_eq!(iso_date("2024-02-29T23:59:59Z").as_deref(), Some("<t:1709251199:D>"));
        for wrong in ["", "soon", "2024-13-01T00:00:00Z", "2024-é2-29T23:59:59Z"] {
            assert_eq!(iso_date(wrong), None, "{wrong}");
        }
        assert_eq!(date(1_462_015_105_796), "<t:1462015105:D>");
    }
}
