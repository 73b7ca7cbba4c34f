use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Wake, Waker};
use std::time::Duration;

/// Wakes one waiting thread. Signals given before the wait are not lost; several count as one.
///
/// It is also a [`Waker`], so that a thread may poll futures (such as the receivers by which a member
/// tells that it let go) between its waits, without a runtime.
#[derive(Debug, Default)]
pub(super) struct Signal {
    given: Mutex<bool>,
    wake: Condvar,
}

impl Signal {
    pub(super) fn notify(&self) {
        *self.given.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.wake.notify_one();
    }

    /// Until a signal was given, at most so long.
    pub(super) fn wait(&self, at_most: Duration) {
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut given, _) =
            self.wake.wait_timeout_while(given, at_most, |given| !*given).unwrap_or_else(PoisonError::into_inner);
        *given = false;
    }

    pub(super) fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.notify();
    }
}
