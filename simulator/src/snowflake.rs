//! Ids as Discord makes them, the seeded generator behind the world, and timestamps.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds between the Unix epoch and Discord's (2015-01-01).
pub(crate) const DISCORD_EPOCH_MS: u64 = 1_420_070_400_000;

/// Low bit that marks the id of a blasted message; ids of [`Ids`] never carry it.
pub(crate) const BLAST_BIT: u64 = 1 << 21;

/// Wall clock in microseconds since the Unix epoch.
pub(crate) fn unix_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

/// Strictly rising snowflakes with 2^21 ids per millisecond; beyond that the clock of the ids runs ahead.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    last_ms: u64,
    counter: u64,
}

impl Ids {
    pub(crate) fn next(&mut self, now_ms: u64) -> u64 {
        if now_ms > self.last_ms {
            self.last_ms = now_ms;
            self.counter = 0;
        } else {
            self.counter += 1;
            if self.counter >= BLAST_BIT {
                self.last_ms += 1;
                self.counter = 0;
            }
        }
        (self.last_ms.saturating_sub(DISCORD_EPOCH_MS) << 22) | self.counter
    }
}

/// The id of blasted message `number`, made at `at_ms`.
pub(crate) fn blast_id(number: u64, at_ms: u64) -> u64 {
    (at_ms.saturating_sub(DISCORD_EPOCH_MS) << 22) | BLAST_BIT | (number & (BLAST_BIT - 1))
}

/// The moment (Unix milliseconds) an id was made.
pub(crate) fn made_ms(id: u64) -> u64 {
    (id >> 22) + DISCORD_EPOCH_MS
}

/// SplitMix64: small, seeded, the same on every platform and in every version.
#[derive(Debug, Clone)]
pub(crate) struct Mix(u64);

impl Mix {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`; 0 when `bound` is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }

    /// True with probability `p` (0..=1).
    pub(crate) fn chance(&mut self, p: f64) -> bool {
        // 53 bits are exactly what a double holds.
        let unit = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        unit < p
    }
}

/// `2026-11-24T06:15:20.123000+00:00`, always 32 bytes for years 1970–9999.
pub(crate) fn iso8601(ms: u64) -> String {
    let (days, rest) = (ms / 86_400_000, ms % 86_400_000);
    // Civil-from-days, after Howard Hinnant, for dates after 1970.
    let z = days + 719_468;
    let era = z / 146_097;
    let doe = z % 146_097;
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + u64::from(month <= 2);
    let (hour, minute, second, milli) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60, rest % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}000+00:00")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_and_never_carry_the_blast_bit() {
        let mut ids = Ids::default();
        let mut last = 0;
        for now in [DISCORD_EPOCH_MS + 5, DISCORD_EPOCH_MS + 5, DISCORD_EPOCH_MS + 1, DISCORD_EPOCH_MS + 9] {
            let id = ids.next(now);
            assert!(id > last || last == 0);
            assert_eq!(id & BLAST_BIT, 0);
            last = id;
        }
    }

    #[test]
    fn timestamps_are_iso_8601_of_constant_length() {
        assert_eq!(iso8601(0), "1970-01-01T00:00:00.000000+00:00");
        assert_eq!(iso8601(1_709_210_096_789), "2024-02-29T12:34:56.789000+00:00");
        assert_eq!(iso8601(1_709_210_096_789).len(), 32);
    }

    #[test]
    fn a_seed_gives_the_same_numbers_every_time() {
        let draw = |seed| {
            let mut mix = Mix::new(seed);
            [mix.next(), mix.below(10), u64::from(mix.chance(0.5))]
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}
