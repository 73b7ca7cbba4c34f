//! Progress of long verbs, on standard error: a bar on a terminal, nothing in a log file.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// How often the bar is drawn.
const EVERY: Duration = Duration::from_millis(200);
/// Characters of the bar itself.
const WIDTH: usize = 20;

/// A bar with rate and time left.
pub(crate) struct Progress {
    total: u64,
    began: Instant,
    drawn: Option<Instant>,
    shown: bool,
}

impl Progress {
    pub(crate) fn new(total: u64) -> Self {
        Self { total, began: Instant::now(), drawn: None, shown: std::io::stderr().is_terminal() }
    }

    /// Draws it, not more often than a person sees.
    pub(crate) fn draw(&mut self, label: &str, done: u64, rows: u64) {
        let now = Instant::now();
        if !self.shown || self.drawn.is_some_and(|last| now.duration_since(last) < EVERY) {
            return;
        }
        self.drawn = Some(now);
        let bar = bar(label, done, self.total, rows, now.duration_since(self.began));
        let mut err = std::io::stderr().lock();
        let _ = write!(err, "\r\x1b[2K{bar}").and_then(|()| err.flush());
    }

    /// Takes it away.
    pub(crate) fn end(&mut self) {
        if self.drawn.take().is_some() {
            eprint!("\r\x1b[2K");
        }
    }
}

/// `messages  2026-11-04  ███████░░░░░  61 %  1.21 M rows  182 k/s  ETA 4 s`.
fn bar(label: &str, done: u64, total: u64, rows: u64, elapsed: Duration) -> String {
    let total = total.max(done).max(1);
    let filled = usize::try_from(u128::from(done) * WIDTH as u128 / u128::from(total)).unwrap_or(WIDTH);
    let percent = u128::from(done) * 100 / u128::from(total);
    let millis = elapsed.as_millis().max(1);
    let rate = u64::try_from(u128::from(rows) * 1_000 / millis).unwrap_or(u64::MAX);
    let left = u128::from(total - done) * millis / u128::from(done.max(1)) / 1_000;
    format!(
        "{label}  {}{}  {percent} %  {} rows  {}/s  ETA {left} s",
        "█".repeat(filled),
        "░".repeat(WIDTH - filled),
        short(rows),
        short(rate),
    )
}

/// A number with at most three digits before its unit.
pub(crate) fn short(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        1_000..100_000 => format!("{}.{} k", number / 1_000, number % 1_000 / 100),
        100_000..1_000_000 => format!("{} k", number / 1_000),
        1_000_000..100_000_000 => format!("{}.{:02} M", number / 1_000_000, number % 1_000_000 / 10_000),
        _ => format!("{} M", number / 1_000_000),
    }
}

/// `1,983,204`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes for people.
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        1_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes % 1_000_000_000 / 100_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_tells_share_rate_and_time_left() {
        assert_eq!(
            bar("messages", 500, 1_000, 5_000, Duration::from_secs(2)),
            "messages  ██████████░░░░░░░░░░  50 %  5.0 k rows  2.5 k/s  ETA 2 s"
        );
        assert!(bar("x", 0, 0, 0, Duration::ZERO).contains("0 %"));
        assert!(bar("x", 9, 3, 9, Duration::from_secs(1)).contains("100 %"));
    }

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(grouped(1_983_204), "1,983,204");
        assert_eq!(grouped(12), "12");
        assert_eq!(short(1_210_000), "1.21 M");
        assert_eq!(bytes(41_000_000), "41 MB");
    }
}
