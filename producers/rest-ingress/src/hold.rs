//! An accepted action and the client that waits for it: whichever ends first.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use miso_log::{Append, AppendError, SharedLog, Topic};
use miso_model::{LogRecord, Orphaned};

/// The append of an action. Once begun it is finished, also when the client leaves; an action whose
/// client left unanswered is told to the sender as orphaned, so that an identical retry adopts it.
pub(crate) struct Accepted {
    append: Option<BoxFuture<'static, Result<Vec<i64>, AppendError>>>,
    offset: Option<i64>,
    orphan: Option<Orphan>,
}

struct Orphan {
    log: SharedLog,
    topic: Topic,
    partition: i32,
    record: Orphaned,
}

impl Accepted {
    pub(crate) fn new(log: &SharedLog, action: Append, orphan: Orphaned) -> Self {
        let (topic, partition) = (action.topic, action.partition);
        let appending = std::sync::Arc::clone(log);
        let append = async move { appending.append(vec![action]).await }.boxed();
        let orphan = Orphan { log: std::sync::Arc::clone(log), topic, partition, record: orphan };
        Self { append: Some(append), offset: None, orphan: Some(orphan) }
    }

    /// The client has its answer.
    pub(crate) fn answered(mut self) {
        self.orphan = None;
    }
}

impl Future for &mut Accepted {
    type Output = Result<(), AppendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(append) = &mut self.append else { return Poll::Ready(Ok(())) };
        let Poll::Ready(result) = append.poll_unpin(cx) else { return Poll::Pending };
        self.append = None;
        match result {
            Ok(offsets) => {
                self.offset = offsets.first().copied();
                Poll::Ready(Ok(()))
            }
            Err(error) => {
                self.orphan = None;
                Poll::Ready(Err(error))
            }
        }
    }
}

impl Drop for Accepted {
    fn drop(&mut self) {
        let (append, offset) = (self.append.take(), self.offset);
        let Some(orphan) = self.orphan.take() else { return };
        metrics::counter!("miso_ingress_orphaned_actions_total").increment(1);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let offset = match (offset, append) {
                (Some(offset), _) => Some(offset),
                (None, Some(append)) => append.await.ok().and_then(|offsets| offsets.first().copied()),
                (None, None) => None,
            };
            let Some(offset) = offset else { return };
            let record = Orphaned { action_offset: offset, ..orphan.record };
            let at_ms = record.at_ms;
            let record = Append::new(orphan.topic, orphan.partition, record.to_bytes(), at_ms);
            if let Err(error) = orphan.log.append(vec![record]).await {
                tracing::warn!(%error, "an orphaned action could not be told; an identical retry runs anew");
            }
        });
    }
}
