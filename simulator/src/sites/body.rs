//! Bodies: at once, or piece by piece, with a rest between pieces, for ever.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// A body that counts what was taken of it.
#[derive(Debug)]
pub(crate) struct Paced {
    piece: Bytes,
    left: Option<u64>,
    rest: Duration,
    resting: Option<Pin<Box<Sleep>>>,
    taken: Option<Arc<AtomicU64>>,
}

impl Paced {
    pub(crate) fn whole(body: impl Into<Bytes>) -> Self {
        let piece = body.into();
        Self { left: Some(u64::from(!piece.is_empty())), piece, rest: Duration::ZERO, resting: None, taken: None }
    }

    /// The piece, `times` over (`None`: for ever), with a rest before each.
    pub(super) fn again(piece: impl Into<Bytes>, times: Option<u64>, rest: Duration, taken: Arc<AtomicU64>) -> Self {
        Self { piece: piece.into(), left: times, rest, resting: None, taken: Some(taken) }
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        if this.left == Some(0) {
            return Poll::Ready(None);
        }
        if !this.rest.is_zero() {
            let rest = this.rest;
            let resting = this.resting.get_or_insert_with(|| Box::pin(sleep(rest)));
            if resting.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            this.resting = None;
        }
        this.left = this.left.map(|left| left - 1);
        if let Some(taken) = &this.taken {
            taken.fetch_add(this.piece.len() as u64, Ordering::Relaxed);
        }
        Poll::Ready(Some(Ok(Frame::data(this.piece.clone()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        // What is told by pieces comes without a length, unless a header says one.
        match (&self.taken, self.left) {
            (None, Some(left)) => SizeHint::with_exact(left * self.piece.len() as u64),
            _ => SizeHint::default(),
        }
    }
}
