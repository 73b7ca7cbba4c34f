//! What `/readyz` says: each part of the process, ready or why not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The same complaint of a part is written at most once in this time.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// Shared by everything in the process that can be unready.
#[derive(Debug, Clone, Default)]
pub(crate) struct Readiness(Arc<Mutex<BTreeMap<String, Part>>>);

#[derive(Debug)]
struct Part {
    unready: Option<String>,
    complained: Option<Instant>,
}

impl Readiness {
    fn parts(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Part>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The part works.
    pub(crate) fn ready(&self, part: &str) {
        let mut parts = self.parts();
        let before = parts.insert(part.to_owned(), Part { unready: None, complained: None });
        if before.is_some_and(|before| before.complained.is_some()) {
            tracing::info!(part, "ready again");
        }
    }

    /// The part does not work now; said on stderr at most once a minute.
    pub(crate) fn unready(&self, part: &str, why: impl Into<String>, now: Instant) {
        let why = why.into();
        let mut parts = self.parts();
        let entry = parts.entry(part.to_owned()).or_insert(Part { unready: None, complained: None });
        if entry.complained.is_none_or(|at| now.duration_since(at) >= COMPLAIN_EVERY) {
            tracing::warn!(part, reason = %why, "not ready");
            entry.complained = Some(now);
        }
        entry.unready = Some(why);
    }

    /// The part is not there yet, and nothing is wrong with that.
    pub(crate) fn waiting(&self, part: &str, what: impl Into<String>) {
        let mut parts = self.parts();
        let entry = parts.entry(part.to_owned()).or_insert(Part { unready: None, complained: None });
        entry.unready = Some(what.into());
    }

    /// All parts: name and, where it is not ready, why.
    pub(crate) fn report(&self) -> Vec<(String, Option<String>)> {
        self.parts().iter().map(|(name, part)| (name.clone(), part.unready.clone())).collect()
    }

    /// Whether every part is ready.
    pub(crate) fn all_ready(&self) -> bool {
        self.parts().values().all(|part| part.unready.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unready_part_makes_the_process_unready_until_it_is_mended() {
        let readiness = Readiness::default();
        assert!(readiness.all_ready());
        readiness.waiting("log", "starting");
        assert!(!readiness.all_ready());
        readiness.ready("log");
        readiness.unready("store", "no connection", Instant::now());
        assert_eq!(readiness.report(), [("log".into(), None), ("store".into(), Some("no connection".into()))]);
        readiness.ready("store");
        assert!(readiness.all_ready());
    }
}
