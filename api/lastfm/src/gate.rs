//! The one task that owns the budget, and the handle by which requests wait for their turn.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::budget::{Budget, Lane, Next};
use crate::fault::Fault;

/// Messages to the owner under way; beyond it a sender waits for the owner, which never waits for anybody.
const MESSAGES: usize = 256;

#[derive(Debug)]
enum Message {
    Ask(Lane, oneshot::Sender<Result<(), Fault>>),
    Rest,
}

/// Asks the owner for a turn.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    messages: mpsc::Sender<Message>,
    waiting: Arc<[AtomicUsize; 3]>,
}

/// The owner, to be run.
#[derive(Debug)]
pub(crate) struct GateOwner {
    messages: mpsc::Receiver<Message>,
    waiting: Arc<[AtomicUsize; 3]>,
    budget: Budget,
}

impl Gate {
    pub(crate) fn new(per_second: u32) -> (Self, GateOwner) {
        let (sender, receiver) = mpsc::channel(MESSAGES);
        let waiting = Arc::<[AtomicUsize; 3]>::default();
        let owner = GateOwner { messages: receiver, waiting: Arc::clone(&waiting), budget: Budget::new(per_second) };
        (Self { messages: sender, waiting }, owner)
    }

    /// Waits for a turn; who stops waiting gives it up.
    pub(crate) async fn turn(&self, lane: Lane) -> Result<(), Fault> {
        let (sender, receiver) = oneshot::channel();
        self.messages.send(Message::Ask(lane, sender)).await.map_err(|_| Fault::Busy)?;
        receiver.await.unwrap_or(Err(Fault::Busy))
    }

    /// Last.fm said that it was too much.
    pub(crate) async fn rest(&self) {
        let _ended = self.messages.send(Message::Rest).await;
    }

    /// How many wait, by lane.
    pub(crate) fn waiting(&self) -> [usize; 3] {
        [0, 1, 2].map(|lane| self.waiting[lane].load(Ordering::Relaxed))
    }
}

impl GateOwner {
    /// Lets one after the other go until cancelled; whoever waits then is told that Miso is busy.
    pub(crate) async fn run(mut self, cancel: CancellationToken) {
        let began = Instant::now();
        let now_ms = || u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut senders: HashMap<u64, oneshot::Sender<Result<(), Fault>>> = HashMap::new();
        loop {
            let now = now_ms();
            for id in self.budget.expire(now) {
                answer(&mut senders, id, Err(Fault::Busy));
            }
            let wake = loop {
                match self.budget.next(now) {
                    Next::Go(id) if answer(&mut senders, id, Ok(())) => {}
                    Next::Go(_) => self.budget.give_back(),
                    Next::Wait(ms) => break Some(Instant::now() + Duration::from_millis(ms)),
                    Next::Idle => break None,
                }
            };
            for (told, count) in self.waiting.iter().zip(self.budget.waiting()) {
                told.store(count, Ordering::Relaxed);
            }
            let message = tokio::select! {
                () = cancel.cancelled() => return,
                () = sleep_until(wake.unwrap_or(began)), if wake.is_some() => continue,
                message = self.messages.recv() => message,
            };
            match message {
                None => return,
                Some(Message::Rest) => self.budget.rest(now_ms()),
                Some(Message::Ask(lane, sender)) => match self.budget.ask(lane, now_ms()) {
                    Some(id) => drop(senders.insert(id, sender)),
                    None => drop(sender.send(Err(Fault::Busy))),
                },
            }
        }
    }
}

/// Whether somebody was still there to hear it.
fn answer(senders: &mut HashMap<u64, oneshot::Sender<Result<(), Fault>>>, id: u64, word: Result<(), Fault>) -> bool {
    senders.remove(&id).is_some_and(|sender| sender.send(word).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_gives_up_leaves_the_turn_to_the_next() {
        let (gate, owner) = Gate::new(1);
        let cancel = CancellationToken::new();
        let running = tokio::spawn(owner.run(cancel.clone()));
        for _ in 0..10 {
            gate.turn(Lane::Interactive).await.expect("the burst");
        }
        let given_up = tokio::spawn({
            let gate = gate.clone();
            async move { gate.turn(Lane::Interactive).await }
        });
        while gate.waiting()[0] == 0 {
            tokio::task::yield_now().await;
        }
        given_up.abort();
        let _aborted = given_up.await;
        let began = Instant::now();
        gate.turn(Lane::Index).await.expect("the next second");
        // A turn that was lost would come a second later.
        assert!(began.elapsed() < Duration::from_millis(1_800), "{:?}", began.elapsed());
        cancel.cancel();
        running.await.expect("ends");
        assert_eq!(gate.turn(Lane::Interactive).await, Err(Fault::Busy));
    }
}
