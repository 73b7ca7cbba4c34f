//! The writer's queue: where callers on any runtime meet the writer thread.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::groups::Share;
use crate::{Append, LogError, OffsetCommit};

/// Bytes of accepted requests that wait for the writer, at most; each request counts
/// [`REQUEST_COST`] besides its records, so their number is bounded too (65,536). Beyond it a
/// request stays with its caller, in order: it is accepted when there is room, and withdrawn when
/// the caller gives up.
pub const QUEUE_BYTES: usize = 64 * 1_024 * 1_024;
/// What a request weighs beside its records.
const REQUEST_COST: usize = 1_024;
/// Bytes that share one SQLite transaction, at most (one request may be larger).
const GROUP_BYTES: usize = 8 * 1_024 * 1_024;

/// Why the writer did not do it.
#[derive(Debug, Clone)]
pub(super) enum WriteError {
    /// The owner's assignment is over.
    Fenced(i32),
    /// The engine cannot now; says what to do.
    Unavailable(String),
    /// The log was closed.
    Closed,
}

impl WriteError {
    /// For calls that need no owner.
    pub(super) fn into_log_error(self) -> LogError {
        match self {
            Self::Unavailable(reason) => LogError::Unavailable(reason),
            Self::Closed | Self::Fenced(_) => LogError::Closed,
        }
    }
}

/// Offsets of the appended records, in order.
pub(super) type Answer = Result<Vec<i64>, WriteError>;

/// One call's change, applied whole or not at all.
pub(super) struct Change {
    /// The owner that must still be current: its group's share, partition and generation.
    pub(super) owner: Option<(Arc<Share>, i32, u64)>,
    /// Validated: topics are of this log, partitions exist, sizes are within bounds.
    pub(super) records: Vec<(usize, Append)>,
    pub(super) offsets: Vec<OffsetCommit>,
}

/// Background work that must be done by the one writer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Chore {
    /// Delete records older than this from the beginning of a topic.
    Retain { topic: usize, before_ms: i64 },
    /// Delete records that a later one of the same key replaced.
    Compact { topic: usize },
    /// Delete tombstones older than this that compaction has passed.
    Tombstones { topic: usize, before_ms: i64 },
    /// Copy the last frames of the WAL, so that the next commit starts it anew.
    FinishCheckpoint,
    /// A write that means nothing: whether the file takes writes again.
    Probe,
}

pub(super) enum Work {
    Change(Change),
    /// Answers `[1]` when there is more to do of the same.
    Chore(Chore),
}

pub(super) struct Request {
    pub(super) work: Work,
    pub(super) answer: oneshot::Sender<Answer>,
    cost: usize,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Request>,
    ready_bytes: usize,
    /// Not accepted yet: each belongs to a waiting caller.
    waiting: VecDeque<(u64, Request)>,
    tickets: u64,
    writer_sleeps: bool,
    closed: bool,
}

#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
}

/// What the writer does next.
pub(super) enum Taken {
    Changes(Vec<(Change, oneshot::Sender<Answer>)>),
    Chore(Chore, oneshot::Sender<Answer>),
    /// Closed and drained.
    End,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the writer do this, in the order of first polls, and waits for the answer.
    pub(super) async fn submit(&self, work: Work) -> Answer {
        let (ticket, answered) = self.enqueue(work)?;
        let withdraw = Withdraw { queue: self, ticket };
        let answer = answered.await.unwrap_or(Err(WriteError::Closed));
        std::mem::forget(withdraw);
        answer
    }

    /// As [`Queue::submit`], for threads.
    pub(super) fn submit_blocking(&self, work: Work) -> Answer {
        self.enqueue(work)?.1.blocking_recv().unwrap_or(Err(WriteError::Closed))
    }

    fn enqueue(&self, work: Work) -> Result<(u64, oneshot::Receiver<Answer>), WriteError> {
        let (answer, answered) = oneshot::channel();
        let bytes: usize = match &work {
            Work::Change(change) => change.records.iter().map(|(_, record)| record.len()).sum(),
            Work::Chore(_) => 0,
        };
        let request = Request { work, answer, cost: REQUEST_COST + bytes };
        let mut state = self.state();
        if state.closed {
            return Err(WriteError::Closed);
        }
        state.tickets += 1;
        let ticket = state.tickets;
        state.waiting.push_back((ticket, request));
        state.admit();
        let wake = std::mem::take(&mut state.writer_sleeps);
        drop(state);
        if wake {
            self.wake.notify_one();
        }
        Ok((ticket, answered))
    }

    /// Waits for work. Changes come in groups, chores alone.
    pub(super) fn take(&self) -> Taken {
        let mut state = self.state();
        while state.ready.is_empty() {
            if state.closed {
                return Taken::End;
            }
            state.writer_sleeps = true;
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let mut changes = Vec::new();
        let mut bytes = 0;
        while let Some(first) = state.ready.front() {
            let chore = matches!(first.work, Work::Chore(_));
            if !changes.is_empty() && (chore || bytes + first.cost > GROUP_BYTES) {
                break;
            }
            let Some(request) = state.ready.pop_front() else { break };
            state.ready_bytes -= request.cost;
            bytes += request.cost;
            match request.work {
                Work::Change(change) => changes.push((change, request.answer)),
                Work::Chore(chore) => {
                    state.admit();
                    return Taken::Chore(chore, request.answer);
                }
            }
        }
        state.admit();
        metrics::gauge!("miso_log_queue_bytes").set(state.ready_bytes as f64);
        Taken::Changes(changes)
    }

    /// No new requests; those accepted are still done.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.waiting.clear();
        drop(state);
        self.wake.notify_one();
    }
}

/// Closes the queue when the writer ends, however it ends: nobody waits for an answer that cannot
/// come.
pub(super) struct EndsWithWriter<'a>(pub(super) &'a Queue);

impl Drop for EndsWithWriter<'_> {
    fn drop(&mut self) {
        self.0.close();
        self.0.state().ready.clear();
    }
}

impl State {
    fn admit(&mut self) {
        while let Some((_, first)) = self.waiting.front() {
            if !self.ready.is_empty() && self.ready_bytes + first.cost > QUEUE_BYTES {
                break;
            }
            let Some((_, request)) = self.waiting.pop_front() else { break };
            self.ready_bytes += request.cost;
            self.ready.push_back(request);
        }
    }
}

/// Takes a request back that was not accepted before its caller gave up.
struct Withdraw<'a> {
    queue: &'a Queue,
    ticket: u64,
}

impl Drop for Withdraw<'_> {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        if let Ok(index) = state.waiting.binary_search_by_key(&self.ticket, |(ticket, _)| *ticket) {
            state.waiting.remove(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use bytes::Bytes;

    use super::*;
    use crate::catalogue::GATEWAY_EVENTS;

    fn change(mark: i64, bytes: usize) -> Work {
        let record = Append::new(GATEWAY_EVENTS, 0, Bytes::from(vec![0; bytes]), mark);
        Work::Change(Change { owner: None, records: vec![(0, record)], offsets: Vec::new() })
    }

    fn marks(taken: Taken) -> Vec<i64> {
        match taken {
            Taken::Changes(changes) => changes.iter().map(|(c, _)| c.records[0].1.timestamp_ms).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn beyond_the_bound_requests_wait_in_order_and_a_caller_that_gives_up_takes_its_own_back() {
        let queue = Queue::default();
        let mut context = Context::from_waker(Waker::noop());
        let half = QUEUE_BYTES / 2;
        let mut first = pin!(queue.submit(change(1, half)));
        let mut second = pin!(queue.submit(change(2, half)));
        let mut third = Box::pin(queue.submit(change(3, 10)));
        let mut fourth = pin!(queue.submit(change(4, 10)));
        for future in [first.as_mut().poll(&mut context), second.as_mut().poll(&mut context)] {
            assert!(matches!(future, Poll::Pending));
        }
        assert!(matches!(third.as_mut().poll(&mut context), Poll::Pending));
        assert!(matches!(fourth.as_mut().poll(&mut context), Poll::Pending));
        assert_eq!(queue.state().ready.len(), 1, "the second would pass the bound");
        drop(third);
        assert_eq!(marks(queue.take()), [1]);
        assert_eq!(marks(queue.take()), [2]);
        assert_eq!(marks(queue.take()), [4]);
        queue.close();
        assert!(matches!(queue.take(), Taken::End));
        assert!(matches!(fourth.as_mut().poll(&mut context), Poll::Ready(Err(WriteError::Closed))));
    }
}
