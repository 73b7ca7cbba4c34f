use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use miso_log::catalogue::{AGGREGATES, BOT_ANSWERS};
use miso_log::{LogError, ReadError, Reader, Schemas, SharedLog, Waits};
use miso_model::Answer;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::CommandsError;

/// Requests of one instance whose answers are awaited at once; beyond it callers get 503.
pub const MAX_WAITING: usize = 4_096;

/// How long a caller waits for an instance that has just started to read answers; then 503.
const READING_PATIENCE: Duration = Duration::from_secs(2);

/// By aggregate and request id: who waits, each under a number of their own.
type Waiting = HashMap<(String, String), Vec<(u64, oneshot::Sender<Answer>)>>;

/// Where callers wait for answers: one reader of `bot.answers` serves them all. It stands at a
/// position before a request is appended, so no answer can be missed.
#[derive(Debug, Clone)]
pub(crate) struct Board {
    waiting: Arc<Mutex<Waiting>>,
    /// Whether the reader stands at a position.
    reading: watch::Sender<bool>,
}

impl Default for Board {
    fn default() -> Self {
        Self { waiting: Arc::default(), reading: watch::Sender::new(false) }
    }
}

/// A place on the board; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    board: Board,
    key: (String, String),
    number: u64,
    pub(crate) answer: oneshot::Receiver<Answer>,
}

/// The board is full, or not read yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoPlace;

impl Board {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until answers are read, [`READING_PATIENCE`] at the longest.
    pub(crate) async fn is_read(&self) -> bool {
        let mut reading = self.reading.subscribe();
        let reading = reading.wait_for(|reading| *reading);
        matches!(tokio::time::timeout(READING_PATIENCE, reading).await, Ok(Ok(_)))
    }

    /// Waits for the answer to a request that will be appended after this call.
    pub(crate) fn wait_for(&self, aggregate: &str, request_id: &str) -> Result<Place, NoPlace> {
        if !*self.reading.borrow() {
            return Err(NoPlace);
        }
        let mut waiting = self.waiting();
        if waiting.len() >= MAX_WAITING {
            return Err(NoPlace);
        }
        let (sender, answer) = oneshot::channel();
        let number = rand::random();
        let key = (aggregate.to_owned(), request_id.to_owned());
        waiting.entry(key.clone()).or_default().push((number, sender));
        drop(waiting);
        Ok(Place { board: self.clone(), key, number, answer })
    }

    fn post(&self, answer: &Answer) {
        let key = (answer.aggregate.clone(), answer.request_id.clone());
        for (_, place) in self.waiting().remove(&key).unwrap_or_default() {
            let _ = place.send(answer.clone());
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.waiting().len()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.board.waiting();
        if let Some(places) = waiting.get_mut(&self.key) {
            places.retain(|(number, _)| *number != self.number);
            if places.is_empty() {
                waiting.remove(&self.key);
            }
        }
    }
}

/// Reads `bot.answers` from its end on and posts what comes, until cancelled.
pub(crate) async fn read(log: SharedLog, board: Board, cancel: CancellationToken) -> Result<(), CommandsError> {
    let mut waits = Waits::default();
    let (schemas, mut reader) = loop {
        match begin(&log).await {
            Ok(begun) => break begun,
            Err(LogError::Unavailable(reason)) => waits.wait("answers cannot be read yet", &reason, &cancel).await,
            Err(error) => return Err(error.into()),
        }
        if cancel.is_cancelled() {
            return Ok(());
        }
    };
    board.reading.send_replace(true);
    loop {
        let batch = tokio::select! {
            () = cancel.cancelled() => return Ok(()),
            batch = reader.next() => batch,
        };
        match batch {
            Ok(batch) => {
                waits.reset();
                for record in batch.iter() {
                    match schemas.decode_waiting(record.value.as_deref().unwrap_or_default()).await {
                        Ok(answer) => board.post(&answer),
                        Err(error) => {
                            tracing::error!(partition = record.partition, offset = record.offset, %error, "an answer cannot be read");
                        }
                    }
                }
            }
            Err(ReadError::BehindRetention { .. }) => {}
            Err(ReadError::Unavailable(reason)) => waits.wait("answers cannot be read", &reason, &cancel).await,
            Err(ReadError::Closed) => return Err(LogError::Closed.into()),
        }
    }
}

async fn begin(log: &SharedLog) -> Result<(Schemas, Reader), LogError> {
    let schemas = Schemas::open(log.clone()).await?;
    let mut from = Vec::new();
    for partition in 0..AGGREGATES {
        from.push((partition, log.bounds(BOT_ANSWERS, partition).await?.latest));
    }
    Ok((schemas, log.reader(BOT_ANSWERS, &from)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(request_id: &str) -> Answer {
        Answer {
            request_id: request_id.to_owned(),
            aggregate: "g".to_owned(),
            status: 200,
            body: Vec::new().into(),
            partition: 0,
            position: 0,
        }
    }

    #[test]
    fn all_who_wait_for_a_request_get_its_answer_and_who_left_leaves_nothing() {
        let board = Board::default();
        assert_eq!(board.wait_for("g", "a").expect_err("not read yet"), NoPlace);
        board.reading.send_replace(true);
        let mut first = board.wait_for("g", "a").expect("place");
        let mut second = board.wait_for("g", "a").expect("place");
        let other = board.wait_for("g", "b").expect("place");
        drop(board.wait_for("g", "a").expect("place"));
        board.post(&answer("a"));
        assert!(first.answer.try_recv().is_ok() && second.answer.try_recv().is_ok());
        drop(other);
        assert_eq!(board.len(), 0);
    }

    #[test]
    fn a_full_board_takes_no_more() {
        let board = Board::default();
        board.reading.send_replace(true);
        let places: Vec<_> = (0..MAX_WAITING).map(|n| board.wait_for("g", &n.to_string()).expect("place")).collect();
        assert!(board.wait_for("g", "one more").is_err());
        drop(places);
        assert!(board.wait_for("g", "one more").is_ok());
    }
}
