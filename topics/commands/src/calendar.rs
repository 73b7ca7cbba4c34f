//! Days and times of day, as people write them. Pure.

use crate::Day;

/// A time of day, and how many words it takes.
pub(crate) fn clock(words: &[&str]) -> Option<((i8, i8), usize)> {
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

pub(crate) const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
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
pub(crate) fn calendar(words: &[&str]) -> Option<(Day, usize)> {
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
pub(crate) fn iso_date(word: &str) -> Option<(Option<i16>, i8, i8)> {
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
