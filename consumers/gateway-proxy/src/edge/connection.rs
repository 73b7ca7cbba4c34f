//! One client's websocket: HELLO, heartbeats, limits, close codes. Everything that belongs to a session
//! is its home's.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use miso_model::HandlerGroup;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_websockets::{CloseCode, Config, Limits, Message, ServerBuilder, WebSocketStream};

use super::MAX_PAYLOAD_BYTES;
use super::limits::PayloadLimit;
use super::mending::Prefixed;
use super::transport::Transport;
use super::upgrade::Query;
use crate::payload::{self, ClientPayload, Identify, PayloadError};
use crate::proxy::Shared;
use crate::wire::{ConnectionId, EDGE_QUEUE, First, ToEdge, ToHome};
use crate::{admission, close_code, frame};

type Socket = WebSocketStream<Prefixed>;

/// A websocket message longer than this, bytes, ends the connection before it is read whole. Shorter
/// ones beyond [`MAX_PAYLOAD_BYTES`] get Discord's 4002.
const MAX_MESSAGE_BYTES: usize = 1_024 * 1_024;
/// Bytes of frames that are gathered before they are written.
const FLUSH_BYTES: usize = 256 * 1_024;
/// Batches taken from the home at once.
const BATCHES: usize = 32;
/// A client that has not identified itself so long is closed with 4009.
const IDENTIFY_TIME: Duration = Duration::from_secs(60);
/// A client gets so long to answer a close frame.
const CLOSE_TIME: Duration = Duration::from_secs(3);
/// After op 7 a client gets so long to leave by itself.
const RECONNECT_TIME: Duration = Duration::from_millis(1_000);
/// How long a client is held while its group's home is not known.
const HOME_TIME: Duration = Duration::from_secs(10);

/// What both directions of a connection share; they run in one task.
#[derive(Debug, Default)]
struct Both {
    /// Op 1s of ours that were not answered.
    asked: AtomicU32,
    /// We have sent a close frame: the client's own says nothing.
    closing: AtomicBool,
    /// IDENTIFY asked for payload compression.
    compress: AtomicBool,
    /// The home has sent op 9: the client may IDENTIFY again.
    invalidated: AtomicBool,
}

/// Serves one client until it or its home ends the connection.
pub(crate) async fn run(shared: Arc<Shared>, stream: Prefixed, query: Query, remote: IpAddr, stop: CancellationToken) {
    let socket = ServerBuilder::new()
        .config(Config::default().flush_threshold(FLUSH_BYTES).frame_size(usize::MAX))
        .limits(Limits::default().max_payload_len(Some(MAX_MESSAGE_BYTES)))
        .serve(stream);
    let (sink, source) = socket.split();
    let (to_edge, from_home) = mpsc::channel(EDGE_QUEUE);
    let both = Both::default();
    let connection = shared.next_connection();
    let refused = match (query.version.as_deref(), query.encoding.as_deref()) {
        (None | Some("9" | "10"), None | Some("json" | "")) => None,
        (None | Some("9" | "10"), Some(_)) => Some("encoding must be json: etf is not built"),
        _ => Some("v must be 9 or 10"),
    };
    let version = if query.version.as_deref() == Some("9") { 9 } else { 10 };
    let mut writer = Writer { sink, transport: Transport::new(query.compress.as_deref()), both: &both };
    let reader = Reader {
        shared,
        source,
        connection,
        version,
        remote,
        to_edge,
        both: &both,
        stop,
        overflow: CancellationToken::new(),
        home: None,
        limit: PayloadLimit::default(),
    };
    metrics::gauge!("miso_proxy_connections_count").increment(1.0);
    if let Some(why) = refused {
        let _ = tokio::time::timeout(CLOSE_TIME, writer.close(close_code::INVALID_VERSION, why)).await;
        reader.drain().await;
    } else {
        let heartbeat = reader.shared.heartbeat_interval_ms();
        talk(writer, reader, from_home, heartbeat).await;
    }
    metrics::gauge!("miso_proxy_connections_count").decrement(1.0);
}

async fn talk(mut writer: Writer<'_>, mut reader: Reader<'_>, from_home: mpsc::Receiver<ToEdge>, heartbeat_ms: u64) {
    let overflow = reader.overflow.clone();
    let code = {
        let writing = writer.run(from_home, heartbeat_ms);
        let reading = reader.run();
        tokio::pin!(writing, reading);
        tokio::select! {
            code = &mut reading => match code {
                // A close of ours waits in the writer's queue.
                Ended::ByUs => {
                    let _ = tokio::time::timeout(CLOSE_TIME, writing).await;
                    None
                }
                Ended::ByClient(code) => code,
            },
            // Its queue was full, which its window should exclude: it gets no more of it.
            () = overflow.cancelled() => None,
            // The close frame is out, or the socket broke: wait for the client's own.
            () = &mut writing => {
                let _ = tokio::time::timeout(CLOSE_TIME, reading).await;
                None
            }
        }
    };
    reader.tell_closed(code).await;
    if code.is_none() {
        reader.drain().await;
    }
}

/// How reading ended.
enum Ended {
    /// A close frame of ours is on its way.
    ByUs,
    /// The client's close code; `None`: it gave none, or the connection broke.
    ByClient(Option<u16>),
}

struct Writer<'a> {
    sink: SplitSink<Socket, Message>,
    transport: Transport,
    both: &'a Both,
}

impl Writer<'_> {
    /// Until a close frame was written, or the socket broke.
    async fn run(&mut self, mut from_home: mpsc::Receiver<ToEdge>, heartbeat_ms: u64) {
        let mut batches = Vec::with_capacity(BATCHES);
        if self.text(frame::hello(heartbeat_ms)).await.is_err() || self.sink.flush().await.is_err() {
            return;
        }
        while from_home.recv_many(&mut batches, BATCHES).await > 0 {
            if self.both.compress.load(Relaxed) {
                self.transport.compress_payloads();
            }
            for batch in batches.drain(..) {
                match self.one(batch).await {
                    Ok(true) => {}
                    Ok(false) | Err(_) => return,
                }
            }
            if self.sink.flush().await.is_err() {
                return;
            }
        }
    }

    /// `false`: the connection is closed.
    async fn one(&mut self, message: ToEdge) -> Result<bool, tokio_websockets::Error> {
        match message {
            ToEdge::Frames(frames) => {
                for payload in frames.iter() {
                    self.text(payload).await?;
                }
            }
            ToEdge::Ask => {
                self.both.asked.fetch_add(1, Relaxed);
                self.text(Bytes::from_static(frame::ASK.as_bytes())).await?;
            }
            ToEdge::HeartbeatAck => self.text(Bytes::from_static(frame::HEARTBEAT_ACK.as_bytes())).await?,
            ToEdge::InvalidSession => {
                self.both.invalidated.store(true, Relaxed);
                self.text(Bytes::from_static(frame::INVALID_SESSION.as_bytes())).await?;
            }
            ToEdge::Reconnect => {
                self.text(Bytes::from_static(frame::RECONNECT.as_bytes())).await?;
                self.sink.flush().await?;
                tokio::time::sleep(RECONNECT_TIME).await;
                self.close(close_code::RESUMABLE, "restarting; resume").await?;
                return Ok(false);
            }
            ToEdge::Close(code, why) => {
                self.close(code, why).await?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn text(&mut self, json: Bytes) -> Result<(), tokio_websockets::Error> {
        let message = self.transport.encode(json);
        self.sink.feed(message).await
    }

    async fn close(&mut self, code: u16, why: &str) -> Result<(), tokio_websockets::Error> {
        self.both.closing.store(true, Relaxed);
        metrics::counter!("miso_proxy_closes_total", "code" => code.to_string()).increment(1);
        self.sink.send(Message::close(CloseCode::try_from(code).ok(), why)).await
    }
}

struct Reader<'a> {
    shared: Arc<Shared>,
    source: SplitStream<Socket>,
    connection: ConnectionId,
    version: i32,
    remote: IpAddr,
    to_edge: mpsc::Sender<ToEdge>,
    both: &'a Both,
    /// The proxy ends.
    stop: CancellationToken,
    /// Cancelled by the home when it cannot hand this connection its frames.
    overflow: CancellationToken,
    /// The home to which the client was opened.
    home: Option<mpsc::Sender<ToHome>>,
    limit: PayloadLimit,
}

impl Reader<'_> {
    async fn run(&mut self) -> Ended {
        let identify_by = Instant::now() + IDENTIFY_TIME;
        loop {
            let message = if let Some(home) = &self.home {
                tokio::select! {
                    message = self.source.next() => message,
                    // It died or was fenced: only another home can go on with the session, and a client that
                    // is sent nothing would notice no sooner than its next heartbeat.
                    () = home.closed() => return self.close(close_code::RESUMABLE, "the group's home is gone; resume"),
                }
            } else {
                tokio::select! {
                    message = self.source.next() => message,
                    () = tokio::time::sleep_until(identify_by) => {
                        return self.close(close_code::SESSION_TIMED_OUT, "no IDENTIFY in time");
                    }
                    // Never op 7 before READY: discordgo would wait for ever.
                    () = self.stop.cancelled() => {
                        return self.close(close_code::RESUMABLE, "restarting; try again");
                    }
                }
            };
            let Some(Ok(message)) = message else { return Ended::ByClient(None) };
            if message.is_close() {
                let code = message.as_close().map(|(code, _)| u16::from(code));
                return Ended::ByClient(code.filter(|&code| code != 1005 && !self.both.closing.load(Relaxed)));
            }
            if self.both.closing.load(Relaxed) || !(message.is_text() || message.is_binary()) {
                continue;
            }
            // JSON comes in binary frames too (hikari).
            let bytes = message.into_payload();
            if let Err(ended) = self.payload(&bytes).await {
                return ended;
            }
        }
    }

    /// Reads on after a close frame of ours until the client has answered it, so that its kernel does
    /// not throw our last frames away.
    async fn drain(mut self) {
        let answered = async { while let Some(Ok(_)) = self.source.next().await {} };
        let _ = tokio::time::timeout(CLOSE_TIME, answered).await;
    }

    async fn payload(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        if bytes.len() > MAX_PAYLOAD_BYTES {
            return Err(self.close(close_code::DECODE_ERROR, "a payload has at most 4096 bytes"));
        }
        let payload = payload::parse(bytes);
        let asked = self.both.asked.load(Relaxed);
        if asked > 0 && matches!(payload, Ok(ClientPayload::Heartbeat(_))) {
            // The answer to our op 1 is not the client's own doing.
            self.both.asked.fetch_sub(1, Relaxed);
        } else if !self.limit.takes(self.shared.monotonic_ms()) {
            return Err(self.close(close_code::RATE_LIMITED, "more than 120 payloads in 60 seconds"));
        }
        match payload {
            Err(PayloadError::Malformed) => Err(self.close(close_code::DECODE_ERROR, "the payload is not valid")),
            Err(PayloadError::UnknownOpcode(_)) => Err(self.close(close_code::UNKNOWN_OPCODE, "unknown opcode")),
            Ok(ClientPayload::Heartbeat(sequence)) => {
                self.tell_edge(ToEdge::HeartbeatAck)?;
                let connection = self.connection;
                self.tell_home(ToHome::Heartbeat { connection, sequence }).await
            }
            Ok(ClientPayload::Identify(identify)) => self.identify(identify).await,
            Ok(ClientPayload::Resume(resume)) => {
                let group = self.authenticate(&resume.token).await?;
                self.open(&group, First::Resume(resume)).await
            }
            Ok(ClientPayload::Command(..)) if self.home.is_none() => {
                Err(self.close(close_code::NOT_AUTHENTICATED, "IDENTIFY first"))
            }
            Ok(ClientPayload::Command(op, d)) => {
                let connection = self.connection;
                self.tell_home(ToHome::Command { connection, op, d }).await
            }
        }
    }

    async fn identify(&mut self, identify: Identify) -> Result<(), Ended> {
        let group = self.authenticate(&identify.token).await?;
        let upstream = self.shared.upstream_intents();
        let wishes =
            admission::admit(&identify, self.version, &group, upstream).map_err(|(code, why)| self.close(code, why))?;
        if identify.compress {
            self.both.compress.store(true, Relaxed);
        }
        self.open(&group, First::Identify(wishes)).await
    }

    async fn authenticate(&mut self, token: &str) -> Result<Arc<HandlerGroup>, Ended> {
        if self.both.invalidated.swap(false, Relaxed) {
            self.home = None;
        }
        if self.home.is_some() {
            return Err(self.close(close_code::ALREADY_AUTHENTICATED, "already authenticated"));
        }
        if let Some(group) = self.shared.groups.authenticate(token) {
            return Ok(group);
        }
        let hold = self.shared.failures.add(self.remote, self.shared.monotonic_ms());
        tokio::time::sleep(Duration::from_millis(hold)).await;
        Err(self.close(close_code::AUTHENTICATION_FAILED, "not a credential of a handler group"))
    }

    async fn open(&mut self, group: &HandlerGroup, first: First) -> Result<(), Ended> {
        let Ok(Some(home)) = tokio::time::timeout(HOME_TIME, self.shared.home_of(&group.name)).await else {
            return Err(self.close(close_code::RESUMABLE, "the group's home is not there; try again"));
        };
        let open = ToHome::Open {
            connection: self.connection,
            first,
            version: self.version,
            remote: self.remote,
            to_edge: self.to_edge.clone(),
            overflow: self.overflow.clone(),
        };
        self.home = Some(home);
        self.tell_home(open).await
    }

    async fn tell_home(&mut self, message: ToHome) -> Result<(), Ended> {
        let Some(home) = &self.home else { return Ok(()) };
        if home.send(message).await.is_err() {
            self.home = None;
            return Err(self.close(close_code::RESUMABLE, "the group's home is gone; resume"));
        }
        Ok(())
    }

    fn tell_edge(&self, message: ToEdge) -> Result<(), Ended> {
        // Full: the client reads nothing any more, a close frame would not reach it either.
        self.to_edge.try_send(message).map_err(|_| Ended::ByClient(None))
    }

    fn close(&self, code: u16, why: &'static str) -> Ended {
        match self.to_edge.try_send(ToEdge::Close(code, why)) {
            Ok(()) => Ended::ByUs,
            Err(_) => Ended::ByClient(None),
        }
    }

    async fn tell_closed(&mut self, code: Option<u16>) {
        let connection = self.connection;
        if let Some(home) = self.home.take() {
            let _ = home.send(ToHome::Closed { connection, code }).await;
        }
    }
}
