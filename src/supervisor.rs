//! Keeps roles running: a role that ends or is aborted is started again, with backoff.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::readiness::Readiness;

/// Wait before a role that failed is started again: doubles from the first to the last.
const RESTART_FIRST: Duration = Duration::from_millis(50);
const RESTART_LAST: Duration = Duration::from_secs(5);
/// A role that ran so long is forgiven its earlier failures.
const FORGIVEN_AFTER: Duration = Duration::from_secs(30);

type RoleFuture = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

/// Handle to the running roles of a process.
#[derive(Clone, Default)]
pub(crate) struct Supervisor(Arc<Mutex<BTreeMap<String, Running>>>);

struct Running {
    abort: AbortHandle,
    aborts: u64,
}

impl Supervisor {
    fn running(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Aborts a role; how often that was done so far. `None`: no such role runs here.
    pub(crate) fn abort(&self, role: &str) -> Option<u64> {
        let mut running = self.running();
        let role = running.get_mut(role)?;
        role.abort.abort();
        role.aborts += 1;
        Some(role.aborts)
    }

    /// Runs a role until `cancel`; `start` makes its future anew each time.
    pub(crate) async fn keep(
        self,
        role: &'static str,
        readiness: Readiness,
        cancel: CancellationToken,
        start: impl Fn() -> RoleFuture + Send + 'static,
    ) {
        let mut wait = RESTART_FIRST;
        let mut aborts = 0;
        while !cancel.is_cancelled() {
            let began = Instant::now();
            // Aborting the set's one task drops the role's future; so does dropping the set.
            let mut task = JoinSet::new();
            let abort = task.spawn(start());
            self.running().insert(role.into(), Running { abort, aborts });
            readiness.ready(role);
            let ended = task.join_next().await;
            aborts = self.running().get(role).map_or(aborts, |running| running.aborts);
            if cancel.is_cancelled() {
                break;
            }
            let why = match ended {
                Some(Ok(Ok(()))) | None => "it ended".to_owned(),
                Some(Ok(Err(error))) => format!("{error:#}"),
                Some(Err(error)) if error.is_cancelled() => "it was aborted".to_owned(),
                Some(Err(_)) => "it panicked; see the message above".to_owned(),
            };
            metrics::counter!("miso_process_role_restarts_total", "role" => role).increment(1);
            readiness.unready(role, why, Instant::now());
            if began.elapsed() >= FORGIVEN_AFTER {
                wait = RESTART_FIRST;
            }
            tokio::select! {
                () = cancel.cancelled() => break,
                () = tokio::time::sleep(wait) => {}
            }
            wait = (wait * 2).min(RESTART_LAST);
        }
        self.running().remove(role);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[tokio::test]
    async fn an_aborted_or_failed_role_is_started_again_and_cancel_ends_it() {
        let supervisor = Supervisor::default();
        let readiness = Readiness::default();
        let cancel = CancellationToken::new();
        let starts = Arc::new(AtomicU64::new(0));
        let (started, mut wait) = tokio::sync::mpsc::channel(8);
        let (counter, token) = (Arc::clone(&starts), cancel.clone());
        let kept = tokio::spawn(supervisor.clone().keep("x", readiness, cancel.clone(), move || {
            let (n, started, token) = (counter.fetch_add(1, Ordering::SeqCst), started.clone(), token.clone());
            Box::pin(async move {
                started.send(n).await?;
                if n == 1 {
                    anyhow::bail!("the second run fails");
                }
                token.cancelled().await;
                Ok(())
            })
        }));
        assert_eq!(wait.recv().await, Some(0));
        assert_eq!(supervisor.abort("x"), Some(1));
        assert_eq!(wait.recv().await, Some(1));
        assert_eq!(wait.recv().await, Some(2));
        assert_eq!(supervisor.abort("y"), None);
        cancel.cancel();
        tokio::time::timeout(Duration::from_secs(5), kept).await.expect("ends").expect("no panic");
        assert_eq!(starts.load(Ordering::SeqCst), 3);
    }
}
