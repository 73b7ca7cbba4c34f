use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::signal::Signal;

/// Ends the threads of one log.
#[derive(Debug, Default)]
pub(super) struct Stop {
    stopped: AtomicBool,
    signals: Mutex<Vec<Weak<Signal>>>,
}

impl Stop {
    /// A signal that `stop` gives too.
    pub(super) fn signal(&self) -> Arc<Signal> {
        let signal = Arc::new(Signal::default());
        let mut signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        signals.retain(|signal| signal.strong_count() > 0);
        signals.push(Arc::downgrade(&signal));
        signal
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        let signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        signals.iter().filter_map(Weak::upgrade).for_each(|signal| signal.notify());
    }
}
