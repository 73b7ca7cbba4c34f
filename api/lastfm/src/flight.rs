//! What is asked once at a time: all who want the same wait for the one who asks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cache::Found;
use crate::fault::Fault;

/// Different things asked at a time; the next is told that Miso is busy.
pub const MAX_FLIGHTS: usize = 1_000;

pub(crate) type Landed = Result<Found, Fault>;
type UnderWay = HashMap<Arc<str>, watch::Receiver<Option<Landed>>>;

/// Flights by key. A flight goes on when whoever began it stops waiting, and ends with the service.
/// It waits for Last.fm in the lane of whoever began it.
#[derive(Debug)]
pub(crate) struct Flights {
    under_way: Arc<Mutex<UnderWay>>,
    ended: CancellationToken,
}

fn lock(under_way: &Mutex<UnderWay>) -> MutexGuard<'_, UnderWay> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the flight out of the table however it ends.
struct Listed(Arc<Mutex<UnderWay>>, Arc<str>);

impl Drop for Listed {
    fn drop(&mut self) {
        lock(&self.0).remove(&self.1);
    }
}

impl Flights {
    /// All flights end with the token.
    pub(crate) fn new(ended: CancellationToken) -> Self {
        Self { under_way: Arc::default(), ended }
    }

    /// Joins the flight under way, or looks once more (somebody may have landed in between), or begins one.
    pub(crate) async fn join(
        &self,
        key: &str,
        look: impl FnOnce() -> Option<Landed>,
        begin: impl FnOnce() -> BoxFuture<'static, Landed>,
    ) -> Landed {
        let mut landing = match self.enter(key, look, begin) {
            Ok(landing) => landing,
            Err(landed) => return landed,
        };
        // Closed without a landing: the flight was ended, or it panicked.
        let landed = landing.wait_for(Option::is_some).await.ok().and_then(|landed| landed.clone());
        landed.unwrap_or(Err(Fault::Down("a request ended early")))
    }

    /// The same without waiting: where the flight will land, or what there is already.
    pub(crate) fn enter(
        &self,
        key: &str,
        look: impl FnOnce() -> Option<Landed>,
        begin: impl FnOnce() -> BoxFuture<'static, Landed>,
    ) -> Result<watch::Receiver<Option<Landed>>, Landed> {
        let mut under_way = lock(&self.under_way);
        if let Some(landing) = under_way.get(key) {
            return Ok(landing.clone());
        }
        if let Some(landed) = look() {
            return Err(landed);
        }
        if under_way.len() >= MAX_FLIGHTS {
            return Err(Err(Fault::Busy));
        }
        let (land, landing) = watch::channel(None);
        let key: Arc<str> = key.into();
        under_way.insert(Arc::clone(&key), landing.clone());
        let listed = Listed(Arc::clone(&self.under_way), key);
        let flight = begin();
        let ended = self.ended.clone();
        tokio::spawn(async move {
            let landed = tokio::select! {
                () = ended.cancelled() => return,
                landed = flight => landed,
            };
            drop(listed);
            let _nobody_waits = land.send(Some(landed));
        });
        Ok(landing)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn a_hundred_who_want_the_same_make_one_flight_and_it_survives_who_began_it() {
        let flights = Arc::new(Flights::new(CancellationToken::new()));
        let begun = Arc::new(AtomicUsize::new(0));
        let gate = Arc::new(tokio::sync::Notify::new());
        let join = |flights: Arc<Flights>| {
            let (begun, gate) = (Arc::clone(&begun), Arc::clone(&gate));
            async move {
                let begin = || -> BoxFuture<'static, Landed> {
                    begun.fetch_add(1, Ordering::Relaxed);
                    Box::pin(async move {
                        gate.notified().await;
                        Err(Fault::Private)
                    })
                };
                flights.join("key", || None, begin).await
            }
        };
        let first = tokio::spawn(join(Arc::clone(&flights)));
        while begun.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        let rest: Vec<_> = (0..99).map(|_| tokio::spawn(join(Arc::clone(&flights)))).collect();
        first.abort();
        gate.notify_one();
        for landed in join_all(rest).await {
            assert_eq!(landed.expect("no panic").map(|_| ()), Err(Fault::Private));
        }
        assert_eq!(begun.load(Ordering::Relaxed), 1);
        assert!(lock(&flights.under_way).is_empty());
    }

    #[tokio::test]
    async fn a_flight_that_panics_is_a_failure_for_all_and_leaves_nothing() {
        let flights = Flights::new(CancellationToken::new());
        let landed = flights.join("key", || None, || Box::pin(async { panic!("on purpose") })).await;
        assert!(matches!(landed, Err(Fault::Down(_))));
        assert!(lock(&flights.under_way).is_empty());
        let looked = flights.join("key", || Some(Err(Fault::Slow)), || Box::pin(async { Err(Fault::Busy) })).await;
        assert!(matches!(looked, Err(Fault::Slow)), "landed in between");
    }
}
