//! Spans of time, as people write them.

/// A moment lies this far ahead, at most: ten years, milliseconds.
pub const AHEAD_MS: i64 = 3_653 * DAY_MS;

pub(crate) const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
const WEEK_MS: i64 = 7 * DAY_MS;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written() {
        assert_eq!(duration("1d2h 3m 4s"), Some(93_784_000));
        assert_eq!(duration_text(93_784_000), "1d 2h 3m 4s");
        assert_eq!(duration("999999999999999999999s"), None);
        assert_eq!((duration("h"), duration("5"), duration("")), (None, None, None));
    }
}
