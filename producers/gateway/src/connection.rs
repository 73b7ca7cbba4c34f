//! One connection to Discord's gateway: a twilight [`Shard`] that lives exactly as long.
//!
//! twilight reconnects by itself, inside one poll. It sends nothing on the new connection before the
//! poll after it gave us the new HELLO, so a connection is over, for us, when its shard says that it
//! is disconnected, or at a second HELLO; the shard is dropped then and polled no more. What remains
//! of twilight's own reconnecting is a websocket that may be opened and dropped with nothing sent.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{FutureExt, Stream};
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep_until};
use twilight_gateway::error::ReceiveMessageErrorType;
use twilight_gateway::queue::Queue;
use twilight_gateway::{CloseFrame, Config, Message, Shard, ShardId, ShardState};

use crate::scan;
use crate::session::End;

/// Frames handed over at once, at most.
const BURST_FRAMES: usize = 512;
/// Bytes handed over at once, about.
const BURST_BYTES: usize = 1_024 * 1_024;
/// The other side has so long to answer our close.
const CLOSING: Duration = Duration::from_secs(1);

const OP_RECONNECT: u8 = 7;
const OP_INVALID_SESSION: u8 = 9;
const OP_HELLO: u8 = 10;

/// A shard that asks for its IDENTIFY's turn, and where the answer goes.
pub(crate) type Turn = (i32, oneshot::Sender<()>);

/// Where twilight asks for an IDENTIFY's turn; the owner answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turns(Arc<Mutex<Vec<Turn>>>);

impl Turns {
    /// Those asked for since the last call; one per admitted shard at most.
    pub(crate) fn take(&self) -> Vec<Turn> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Queue for Turns {
    fn enqueue(&self, id: u32) -> oneshot::Receiver<()> {
        let (granted, turn) = oneshot::channel();
        let shard = i32::try_from(id).unwrap_or(i32::MAX);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((shard, granted));
        turn
    }
}

/// What a connection gave since it was last polled.
#[derive(Debug)]
pub(crate) struct Burst {
    pub(crate) shard: i32,
    /// Which of the shard's connections.
    pub(crate) generation: u64,
    /// Text frames, in order.
    pub(crate) frames: Vec<String>,
    /// Set once, in the last burst.
    pub(crate) end: Option<End>,
}

/// A stream of [`Burst`]s: frames are handed over as many at a time as have arrived.
pub(crate) struct Connection {
    shard: Box<Shard<Turns>>,
    number: i32,
    generation: u64,
    close: oneshot::Receiver<()>,
    greeted: bool,
    /// Set when we began to close: what ended it, and how long we wait for the other side.
    closing: Option<(End, Pin<Box<Sleep>>)>,
    done: bool,
}

impl Connection {
    /// Will connect when polled. A send on (or the drop of) `close` closes it with 4000, so that the
    /// session can be resumed.
    pub(crate) fn new(id: ShardId, config: Config<Turns>, generation: u64, close: oneshot::Receiver<()>) -> Self {
        let number = i32::try_from(id.number()).unwrap_or(i32::MAX);
        let shard = Box::new(Shard::with_config(id, config));
        Self { shard, number, generation, close, greeted: false, closing: None, done: false }
    }

    /// Sends payloads; commands wait in it until the session is identified.
    pub(crate) fn sender(&self) -> twilight_gateway::MessageSender {
        self.shard.sender()
    }

    fn begin_closing(&mut self, end: End) {
        if self.closing.is_none() {
            self.closing = Some((end, Box::pin(sleep_until(Instant::now() + CLOSING))));
        }
    }

    /// Takes a frame after twilight has taken it; answers what ended the connection, if it did.
    fn text(&mut self, text: String, frames: &mut Vec<String>) -> Option<End> {
        let state = self.shard.state();
        if state != ShardState::Active || !self.greeted {
            match scan::opcode(&text) {
                Some(OP_HELLO) if self.greeted || self.closing.is_some() => return Some(End::Closed(None)),
                Some(OP_HELLO) => self.greeted = true,
                Some(OP_RECONNECT) => self.begin_closing(End::Reconnect),
                Some(OP_INVALID_SESSION) => {
                    let resumable = scan::scan(&text).is_some_and(|frame| frame.d == "true");
                    self.begin_closing(End::Invalid { resumable });
                }
                _ => {}
            }
        }
        frames.push(text);
        None
    }
}

impl Stream for Connection {
    type Item = Burst;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Burst>> {
        let this = &mut *self;
        if this.done {
            return Poll::Ready(None);
        }
        if this.closing.is_none() && this.close.poll_unpin(cx).is_ready() {
            this.shard.close(CloseFrame::RESUME);
            this.begin_closing(End::Full);
        }
        let (mut frames, mut bytes, mut end) = (Vec::new(), 0, None);
        if let Some((_, deadline)) = &mut this.closing
            && deadline.as_mut().poll(cx).is_ready()
        {
            end = Some(End::Closed(None));
        }
        let mut waits = false;
        while end.is_none() && frames.len() < BURST_FRAMES && bytes < BURST_BYTES {
            match Pin::new(&mut *this.shard).poll_next(cx) {
                Poll::Pending => {
                    waits = true;
                    // It ended without a word, and twilight is about to open another.
                    let is_gone = matches!(this.shard.state(), ShardState::Disconnected { .. });
                    if this.greeted && this.closing.is_none() && is_gone {
                        end = Some(End::Closed(None));
                    }
                    break;
                }
                Poll::Ready(Some(Ok(Message::Text(text)))) => {
                    bytes += text.len();
                    end = this.text(text, &mut frames);
                }
                Poll::Ready(Some(Ok(Message::Close(frame)))) => {
                    end = Some(End::Closed(frame.map(|frame| frame.code)));
                }
                Poll::Ready(Some(Err(error))) => match error.kind() {
                    // One frame that twilight does not understand; the connection goes on.
                    ReceiveMessageErrorType::Deserializing { .. } => {
                        metrics::counter!("miso_gateway_frames_malformed_total").increment(1);
                        tracing::error!(shard = this.number, "a frame of the gateway cannot be read");
                    }
                    ReceiveMessageErrorType::Reconnect => {
                        let source = std::error::Error::source(&error).map(ToString::to_string);
                        end = Some(End::NotOpened(source.unwrap_or_default()));
                    }
                    _ => end = Some(End::Broken(error.to_string())),
                },
                Poll::Ready(None) => end = Some(End::Closed(None)),
            }
        }
        // A closing that began while polling: its deadline must wake us.
        if end.is_none()
            && waits
            && let Some((_, deadline)) = &mut this.closing
            && deadline.as_mut().poll(cx).is_ready()
        {
            end = Some(End::Closed(None));
        }
        if end.is_none() && frames.is_empty() {
            return Poll::Pending;
        }
        if end.is_some() {
            this.done = true;
            // What we closed ourselves ended for our reason, whatever the other side answered.
            if let Some((ours, _)) = this.closing.take() {
                end = Some(ours);
            }
        }
        Poll::Ready(Some(Burst { shard: this.number, generation: this.generation, frames, end }))
    }
}

/// What twilight is given, so that the address it makes asks for compressed frames or for none:
/// it appends its own query, which is no part of the request behind a `#`.
pub(crate) fn address(url: &str, zstd: bool) -> String {
    let url = url.trim_end_matches('/');
    if zstd { url.to_owned() } else { format!("{url}/?v=10&encoding=json#") }
}

/// Whether a websocket can be opened there.
pub(crate) fn is_address(url: &str) -> bool {
    let uri = format!("{}/?v=10", url.trim_end_matches('/')).parse::<http::Uri>();
    uri.is_ok_and(|uri| matches!(uri.scheme_str(), Some("ws" | "wss")) && uri.host().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uncompressed_address_hides_what_twilight_appends() {
        let uri: http::Uri =
            format!("{}/?v=10&encoding=json&compress=zstd-stream", address("wss://gateway.example/", false))
                .parse()
                .expect("an address");
        assert_eq!(uri.to_string(), "wss://gateway.example/?v=10&encoding=json");
        assert_eq!(address("wss://gateway.example", true), "wss://gateway.example");
    }

    #[test]
    fn only_websocket_addresses_are_connected_to() {
        assert!(is_address("wss://gateway-us-east1-b.discord.gg") && is_address("ws://127.0.0.1:9/"));
        for text in ["", "http://x", "wss://", "not an address", "wss://a b"] {
            assert!(!is_address(text), "{text}");
        }
    }
}
