//! One reader of `rest.ledger` for all requests that wait in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use miso_log::catalogue::REST_LEDGER;
use miso_log::{ReadError, Reader, SharedLog};
use miso_model::{LogRecord, Outcome};
use tokio::sync::{oneshot, watch};
use tokio_util::task::AbortOnDropHandle;

/// Requests that wait for an outcome, at most; beyond it they are answered 503, nothing accepted.
pub const MAX_WAITING: usize = 100_000;
/// How long a request waits for the reader to have its position.
const READY_PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(200);

/// An action's id.
pub(crate) type ActionId = [u8; 16];

/// A request's place in the queue.
#[derive(Debug)]
struct Waiting {
    partition: i32,
    wake: oneshot::Sender<Outcome>,
}

#[derive(Debug)]
pub(crate) struct Outcomes {
    waiting: Arc<Mutex<HashMap<ActionId, Waiting>>>,
    ready: watch::Receiver<bool>,
    _task: AbortOnDropHandle<()>,
}

/// Waits for one outcome; dropping it stops waiting.
#[derive(Debug)]
pub(crate) struct Wait {
    id: ActionId,
    waiting: Arc<Mutex<HashMap<ActionId, Waiting>>>,
    outcome: oneshot::Receiver<Outcome>,
}

impl Wait {
    /// The outcome; `None`: it passed by unseen (this process was away from the log for too long).
    /// Cancel-safe.
    pub(crate) async fn outcome(&mut self) -> Option<Outcome> {
        (&mut self.outcome).await.ok()
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

impl Outcomes {
    pub(crate) fn start(log: SharedLog) -> Self {
        let waiting = Arc::default();
        let (tell, ready) = watch::channel(false);
        let task = tokio::spawn(follow(log, Arc::clone(&waiting), tell));
        Self { waiting, ready, _task: AbortOnDropHandle::new(task) }
    }

    /// Begins to wait, before the action is appended: the reader's position is fixed. `None`: not
    /// now, or too many wait.
    pub(crate) async fn wait_for(&self, id: ActionId, partition: i32) -> Option<Wait> {
        if !*self.ready.borrow() {
            let mut ready = self.ready.clone();
            let there = tokio::time::timeout(READY_PATIENCE, ready.wait_for(|ready| *ready)).await;
            there.ok()?.ok()?;
        }
        let (wake, outcome) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MAX_WAITING {
            return None;
        }
        waiting.insert(id, Waiting { partition, wake });
        drop(waiting);
        Some(Wait { id, waiting: Arc::clone(&self.waiting), outcome })
    }
}

async fn follow(log: SharedLog, waiting: Arc<Mutex<HashMap<ActionId, Waiting>>>, ready: watch::Sender<bool>) {
    let mut reader = loop {
        match at_end(&log).await {
            Ok(reader) => break reader,
            Err(error) => {
                tracing::warn!(%error, "rest.ledger cannot be read; requests are refused until it can");
                tokio::time::sleep(PAUSE).await;
            }
        }
    };
    ready.send_replace(true);
    loop {
        match reader.next().await {
            Ok(batch) => {
                for record in batch.iter() {
                    let Some(value) = &record.value else { continue };
                    let Some(id) = Outcome::peek_action_id(value) else { continue };
                    let found = waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
                    if let Some(found) = found {
                        match Outcome::from_bytes(value) {
                            Ok(outcome) => drop(found.wake.send(outcome)),
                            Err(error) => tracing::error!(offset = record.offset, %error, "an outcome cannot be read"),
                        }
                    }
                }
            }
            Err(ReadError::BehindRetention { partition, .. }) => {
                waiting
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .retain(|_, waiting| waiting.partition != partition);
            }
            Err(ReadError::Unavailable(reason)) => {
                tracing::warn!(reason, "rest.ledger cannot be read; requests wait");
                tokio::time::sleep(PAUSE).await;
            }
            Err(ReadError::Closed) => {
                waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
                ready.send_replace(false);
                return;
            }
        }
    }
}

async fn at_end(log: &SharedLog) -> Result<Reader, miso_log::LogError> {
    let mut ends = Vec::new();
    for partition in 0..REST_LEDGER.partitions {
        ends.push((partition, log.bounds(REST_LEDGER, partition).await?.latest));
    }
    Ok(log.reader(REST_LEDGER, &ends))
}
