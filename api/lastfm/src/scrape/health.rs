//! How well a scraper reads: a light, a circuit, and the page that it could not read. Pure: the time comes in.

use std::collections::VecDeque;

use serde::Serialize;

use super::ShapeError;

/// Readings that the light goes by; older ones are forgotten.
pub(crate) const READINGS: usize = 200;
/// Fewer of them say nothing about the ratio.
const ENOUGH: usize = 20;
/// How long nothing is read after a circuit opened, milliseconds.
pub const CIRCUIT_MS: u64 = 600_000;
/// Pages running of another shape that open the circuit.
const SHAPE_ERRORS: u32 = 2;
/// Bytes of a failing page that are kept, the first ones.
pub const KEPT_PAGE_BYTES: usize = 256 * 1_024;

/// Green: at least 98 of 100 fields; amber: at least 90; red: fewer, or pages of another shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Light {
    Green,
    Amber,
    Red,
}

/// The page that could not be read, for whoever mends the scraper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FailingPage {
    pub(crate) url: String,
    pub(crate) error: String,
    pub(crate) html: String,
}

/// Of one scraper.
#[derive(Debug, Default)]
pub(crate) struct Health {
    ring: VecDeque<(u32, u32)>,
    running: u32,
    open_until_ms: Option<u64>,
    pages: u64,
    shape_errors: u64,
    failing: Option<FailingPage>,
}

impl Health {
    /// Whether a page may be asked for. After the circuit's time the next one decides.
    pub(crate) fn allows(&self, now_ms: u64) -> bool {
        self.open_until_ms.is_none_or(|until| until <= now_ms)
    }

    /// A page was read.
    pub(crate) fn read(&mut self, found: u32, fields: u32, now_ms: u64) {
        self.pages += 1;
        self.running = 0;
        if self.open_until_ms.take_if(|until| *until <= now_ms).is_some() {
            // What was before the circuit opened says nothing about now.
            self.ring.clear();
        }
        if fields == 0 {
            return;
        }
        self.ring.push_back((found, fields));
        if self.ring.len() > READINGS {
            self.ring.pop_front();
        }
        if self.light() == Light::Red {
            self.open_until_ms = Some(now_ms + CIRCUIT_MS);
        }
    }

    /// A page was of another shape.
    pub(crate) fn failed(&mut self, error: ShapeError, url: &str, html: &str, now_ms: u64) {
        self.pages += 1;
        self.shape_errors += 1;
        self.running += 1;
        let kept = (0..=html.len().min(KEPT_PAGE_BYTES)).rev().find(|at| html.is_char_boundary(*at)).unwrap_or(0);
        self.failing =
            Some(FailingPage { url: url.to_owned(), error: error.to_string(), html: html[..kept].to_owned() });
        if self.running >= SHAPE_ERRORS {
            self.open_until_ms = Some(now_ms + CIRCUIT_MS);
        }
    }

    /// Of 1,000 fields, those that were read lately; `None` before the first.
    pub(crate) fn permille(&self) -> Option<u32> {
        let (found, fields) = self
            .ring
            .iter()
            .fold((0_u64, 0_u64), |(found, fields), (one, of)| (found + u64::from(*one), fields + u64::from(*of)));
        u32::try_from((found * 1_000).checked_div(fields)?).ok()
    }

    pub(crate) fn light(&self) -> Light {
        if self.running >= SHAPE_ERRORS {
            return Light::Red;
        }
        match self.permille().filter(|_| self.ring.len() >= ENOUGH) {
            None | Some(980..) => Light::Green,
            Some(900..) => Light::Amber,
            Some(_) => Light::Red,
        }
    }

    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.pages, self.shape_errors)
    }

    pub(crate) fn failing(&self) -> Option<&FailingPage> {
        self.failing.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(health: &mut Health, now_ms: u64) {
        health.failed(ShapeError("title"), "https://…", &"ä".repeat(KEPT_PAGE_BYTES), now_ms);
    }

    #[test]
    fn two_pages_running_of_another_shape_open_the_circuit_for_its_time() {
        let mut health = Health::default();
        failed(&mut health, 0);
        health.read(2, 2, 1);
        failed(&mut health, 2);
        assert!(health.allows(3) && health.light() == Light::Green, "not running");
        failed(&mut health, 10);
        assert!(!health.allows(11) && health.light() == Light::Red);
        assert!(health.allows(10 + CIRCUIT_MS));
        failed(&mut health, 10 + CIRCUIT_MS);
        assert!(!health.allows(11 + CIRCUIT_MS), "the one that decides was of another shape, too");
        health.read(2, 2, 20 + 2 * CIRCUIT_MS);
        assert!(health.allows(20 + 2 * CIRCUIT_MS) && health.light() == Light::Green);
        assert!(health.failing().is_some_and(|page| page.html.len() <= KEPT_PAGE_BYTES), "kept, and bounded");
    }

    #[test]
    fn the_light_follows_the_share_of_fields_once_there_are_enough() {
        let mut health = Health::default();
        (0..19).for_each(|_| health.read(0, 1, 0));
        assert_eq!(health.light(), Light::Green, "too few to tell");
        let of = |found: u32| {
            let mut health = Health::default();
            (0..100).for_each(|n| health.read(u32::from(n % 100 < found), 1, 0));
            health
        };
        // The first ones all read, the last ones not: the share falls only at the end.
        assert_eq!((of(98).light(), of(95).light(), of(80).light()), (Light::Green, Light::Amber, Light::Red));
        assert!(!of(80).allows(1), "red opens the circuit");
        let mut mended = of(80);
        mended.read(1, 1, CIRCUIT_MS);
        assert_eq!((mended.light(), mended.permille()), (Light::Green, Some(1_000)));
    }
}
