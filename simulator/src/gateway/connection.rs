//! One gateway connection: a writer task that empties control payloads and the session's buffer into few large writes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::blast::{Composer, decimal};
use super::frame;
use super::session::{Session, Stored};
use super::transport::Transport;

/// Control payloads waiting for the writer; beyond it the connection is dropped (a client that pings and never reads).
const MAX_CONTROL: usize = 1_024;
/// One write carries about so many bytes.
const WRITE_BYTES: usize = 256 << 10;
/// Dispatches taken from the session at a time.
const TAKE: usize = 256;

#[derive(Debug)]
enum Control {
    Payload(String),
    Pong(Vec<u8>),
    /// From here on every payload is a standalone zlib blob (IDENTIFY with `compress: true`).
    CompressPayloads,
    Close(Option<u16>, &'static str),
}

/// Handle on a connection, shared by its tasks, its session and the control API.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: u64,
    control: Mutex<VecDeque<Control>>,
    session: Mutex<Option<Arc<Session>>>,
    wake: Notify,
    /// Cancelled: both tasks end at once and the socket closes without a close frame.
    pub(crate) killed: CancellationToken,
    /// Set once a close frame was queued.
    pub(crate) closing: AtomicBool,
    pub(crate) last_acked: AtomicU64,
}

impl Connection {
    pub(crate) fn new(id: u64, killed: CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            id,
            control: Mutex::default(),
            session: Mutex::default(),
            wake: Notify::new(),
            killed,
            closing: AtomicBool::new(false),
            last_acked: AtomicU64::new(0),
        })
    }

    /// A connection without a socket.
    #[cfg(test)]
    pub(crate) fn detached(id: u64) -> Arc<Self> {
        Self::new(id, CancellationToken::new())
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Control>> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, control: Control) {
        let mut queue = self.queue();
        if queue.len() >= MAX_CONTROL {
            self.killed.cancel();
        } else {
            queue.push_back(control);
        }
        drop(queue);
        self.wake.notify_one();
    }

    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    pub(crate) fn send(&self, payload: String) {
        self.push(Control::Payload(payload));
    }

    pub(crate) fn pong(&self, payload: Vec<u8>) {
        self.push(Control::Pong(payload));
    }

    pub(crate) fn compress_payloads(&self) {
        self.push(Control::CompressPayloads);
    }

    /// Queues a close frame behind what already waits; the session, if any, keeps what it has.
    pub(crate) fn close(&self, code: Option<u16>, reason: &'static str) {
        self.closing.store(true, Ordering::Release);
        self.push(Control::Close(code, reason));
    }

    /// Ends the connection as a broken cable would.
    pub(crate) fn drop_silently(&self) {
        self.killed.cancel();
    }

    pub(crate) fn session(&self) -> Option<Arc<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_session(&self, session: Option<Arc<Session>>) {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = session;
        self.wake.notify_one();
    }

    /// Runs until the connection closed; errors of the socket end it too.
    pub(crate) async fn write(self: Arc<Self>, mut socket: OwnedWriteHalf, transport: Transport) {
        let mut encoder = Encoder { transport, composer: Composer::default(), scratch: Vec::new() };
        let mut out = Vec::with_capacity(WRITE_BYTES + 64 * 1024);
        let mut taken = Vec::new();
        loop {
            let waiting = std::mem::take(&mut *self.queue());
            let mut last = false;
            for control in waiting {
                last = encoder.control(control, &mut out);
                if last {
                    break;
                }
            }
            if let Some(session) = self.session().filter(|_| !last) {
                while out.len() < WRITE_BYTES {
                    let first = session.take(self.id, TAKE, &mut taken);
                    if taken.is_empty() {
                        break;
                    }
                    for (sequence, stored) in (first..).zip(&taken) {
                        encoder.dispatch(stored, sequence, session.intents, &mut out);
                    }
                }
            }
            if out.is_empty() {
                tokio::select! {
                    biased;
                    () = self.killed.cancelled() => return,
                    () = self.wake.notified() => continue,
                }
            }
            let written = tokio::select! {
                biased;
                () = self.killed.cancelled() => return,
                written = socket.write_all(&out) => written,
            };
            out.clear();
            if written.is_err() {
                self.killed.cancel();
                return;
            }
            if last {
                let _closed = socket.shutdown().await;
                return;
            }
        }
    }
}

struct Encoder {
    transport: Transport,
    composer: Composer,
    scratch: Vec<u8>,
}

impl Encoder {
    /// Appends a control payload; true when the connection ends with it.
    fn control(&mut self, control: Control, out: &mut Vec<u8>) -> bool {
        match control {
            Control::Payload(payload) => self.transport.append(payload.as_bytes(), out),
            Control::Pong(payload) => frame::pong(out, &payload),
            Control::CompressPayloads => {
                if matches!(self.transport, Transport::Plain) {
                    self.transport = Transport::ZlibPayload;
                }
            }
            Control::Close(code, reason) => {
                frame::close(out, code, reason);
                return true;
            }
        }
        false
    }

    fn dispatch(&mut self, stored: &Stored, sequence: u64, intents: u64, out: &mut Vec<u8>) {
        if matches!(self.transport, Transport::Plain) {
            let mut digits = [0; 20];
            let digits = decimal(&mut digits, sequence);
            frame::begin(out, frame::TEXT, payload_length(stored, digits.len(), intents));
            payload(stored, digits, intents, &mut self.composer, out);
        } else {
            let mut digits = [0; 20];
            let digits = decimal(&mut digits, sequence);
            self.scratch.clear();
            payload(stored, digits, intents, &mut self.composer, &mut self.scratch);
            self.transport.append(&self.scratch, out);
        }
    }
}

const BEFORE_TYPE: &[u8] = b"{\"t\":\"";
const BEFORE_SEQUENCE: &[u8] = b"\",\"s\":";
const BEFORE_DATA: &[u8] = b",\"op\":0,\"d\":";
const BLAST_TYPE: &str = "MESSAGE_CREATE";

fn hides_content(intents: u64) -> bool {
    intents & crate::intents::MESSAGE_CONTENT == 0
}

fn payload_length(stored: &Stored, digits: usize, intents: u64) -> usize {
    let (kind, data) = match stored {
        Stored::Event(event) => (event.kind.len(), event.data_for(intents).len()),
        Stored::Blast { set, number, .. } => (BLAST_TYPE.len(), set.length(*number, hides_content(intents))),
    };
    BEFORE_TYPE.len() + kind + BEFORE_SEQUENCE.len() + digits + BEFORE_DATA.len() + data + 1
}

fn payload(stored: &Stored, digits: &[u8], intents: u64, composer: &mut Composer, out: &mut Vec<u8>) {
    let kind = match stored {
        Stored::Event(event) => &*event.kind,
        Stored::Blast { .. } => BLAST_TYPE,
    };
    out.extend_from_slice(BEFORE_TYPE);
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(BEFORE_SEQUENCE);
    out.extend_from_slice(digits);
    out.extend_from_slice(BEFORE_DATA);
    match stored {
        Stored::Event(event) => out.extend_from_slice(event.data_for(intents)),
        Stored::Blast { set, number, at_us } => set.compose(*number, *at_us, hides_content(intents), composer, out),
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Event;

    #[test]
    fn the_announced_length_is_the_written_length() {
        let event = Stored::Event(Arc::new(Event::new("TYPING_START", &serde_json::json!({"channel_id": "1"}))));
        for digits in [&b"1"[..], b"123456"] {
            let mut out = Vec::new();
            payload(&event, digits, 0, &mut Composer::default(), &mut out);
            assert_eq!(out.len(), payload_length(&event, digits.len(), 0));
            assert_eq!(serde_json::from_slice::<serde_json::Value>(&out).unwrap()["t"], "TYPING_START");
        }
    }
}
