//! A gateway client made of a bare websocket, so that a test can do what no library does.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, Message, WebSocketStream};

use crate::harness::DEADLINE;

/// The longest single wait for a frame before the condition is looked at again.
const FRAME_WAIT: Duration = Duration::from_millis(200);

/// What a client keeps to RESUME with.
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) sequence: i64,
    messages: Vec<(String, String)>,
}

/// A connected client and all dispatches that it has read.
pub(crate) struct RawClient {
    socket: WebSocketStream<TcpStream>,
    session: String,
    /// Sequence, event type.
    dispatches: Vec<(i64, String)>,
    /// Guild, message id: of this connection.
    messages: Vec<(String, String)>,
    /// Those of earlier connections of this session.
    before: Vec<(String, String)>,
    pub(crate) closed: Option<u16>,
    pub(crate) invalid_session: bool,
}

impl RawClient {
    async fn connect(address: SocketAddr) -> Self {
        let uri = format!("ws://{address}/?v=10&encoding=json").parse().expect("a URI");
        let stream = TcpStream::connect(address).await.expect("connected");
        let (socket, _) = ClientBuilder::from_uri(uri).connect_on(stream).await.expect("a websocket");
        Self {
            socket,
            session: String::new(),
            dispatches: Vec::new(),
            messages: Vec::new(),
            before: Vec::new(),
            closed: None,
            invalid_session: false,
        }
    }

    async fn send(&mut self, payload: Value) {
        // A connection that is going away may refuse; what matters is what is read afterwards.
        let _ = self.socket.send(Message::text(payload.to_string())).await;
    }

    /// Connects and identifies with all unprivileged intents and message content.
    pub(crate) async fn identify(address: SocketAddr, credential: &str, shard: Option<[i32; 2]>) -> Self {
        let mut client = Self::connect(address).await;
        let mut identify = json!({
            "token": credential, "intents": 1 << 0 | 1 << 9 | 1 << 15,
            "properties": { "os": "linux", "browser": "test", "device": "test" },
        });
        if let Some(shard) = shard {
            identify["shard"] = json!(shard);
        }
        client.send(json!({ "op": 2, "d": identify })).await;
        client.read_until("READY", |client| client.count("READY") == 1).await;
        client
    }

    /// Connects and resumes, again after close 4000, as libraries do: a proxy whose homes are not its own yet
    /// says so with it. What follows is read by [`Self::read_until`].
    pub(crate) async fn resume(address: SocketAddr, credential: &str, session: Session) -> Self {
        let began = Instant::now();
        let resume = json!({ "token": credential, "session_id": session.id, "seq": session.sequence });
        loop {
            let mut client = Self::connect(address).await;
            client.send(json!({ "op": 6, "d": resume })).await;
            while client.dispatches.is_empty() && client.closed.is_none() && !client.invalid_session {
                assert!(began.elapsed() < DEADLINE, "no answer to RESUME");
                client.read_one().await;
            }
            if client.closed != Some(4000) || began.elapsed() >= DEADLINE {
                client.session = session.id;
                client.before = session.messages;
                return client;
            }
        }
    }

    /// Reads frames until the condition holds.
    pub(crate) async fn read_until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        self.read_until_or_tell(condition, |_| what.to_owned()).await;
    }

    /// As [`Self::read_until`]; what is missing is told from what came.
    pub(crate) async fn read_until_or_tell(
        &mut self,
        condition: impl Fn(&Self) -> bool,
        tell: impl Fn(&Self) -> String,
    ) {
        let began = Instant::now();
        while !condition(self) {
            assert!(
                began.elapsed() < DEADLINE && self.closed.is_none(),
                "still not: {}; {} dispatches, {} messages, closed {:?}, op 9 {}",
                tell(self),
                self.dispatches.len(),
                self.messages.len(),
                self.closed,
                self.invalid_session
            );
            self.read_one().await;
        }
    }

    async fn read_one(&mut self) {
        let Ok(frame) = tokio::time::timeout(FRAME_WAIT, self.socket.next()).await else { return };
        let Some(Ok(frame)) = frame else {
            self.closed.get_or_insert(1006);
            return;
        };
        if let Some((code, _)) = frame.as_close() {
            self.closed = Some(code.into());
            return;
        }
        let Some(text) = frame.as_text() else { return };
        let payload: Value = serde_json::from_str(text).expect("frames are JSON");
        match payload["op"].as_i64() {
            Some(0) => self.dispatch(&payload),
            Some(1) => self.heartbeat().await,
            Some(9) => self.invalid_session = true,
            _ => {}
        }
    }

    fn dispatch(&mut self, payload: &Value) {
        let kind = payload["t"].as_str().expect("a dispatch has a type");
        self.dispatches.push((payload["s"].as_i64().expect("a dispatch has a sequence"), kind.to_owned()));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match kind {
            "READY" => self.session = text(&payload["d"]["session_id"]),
            "MESSAGE_CREATE" => self.messages.push((text(&payload["d"]["guild_id"]), text(&payload["d"]["id"]))),
            _ => {}
        }
    }

    /// Acknowledges all that was read.
    pub(crate) async fn heartbeat(&mut self) {
        let sequence = self.dispatches.last().map(|(sequence, _)| *sequence);
        self.send(json!({ "op": 1, "d": sequence })).await;
    }

    /// Drops the connection without a close, as a killed process would.
    pub(crate) fn abandon(self) -> Session {
        let sequence = self.dispatches.last().map_or(0, |(sequence, _)| *sequence);
        let messages = self.before.into_iter().chain(self.messages).collect();
        Session { id: self.session, sequence, messages }
    }

    /// Guild and id of each message of this connection, in order.
    pub(crate) fn messages(&self) -> Vec<(String, String)> {
        self.messages.clone()
    }

    /// Messages of the session over all its connections.
    pub(crate) fn messages_ever(&self) -> usize {
        self.before.len() + self.messages.len()
    }

    pub(crate) fn message_ids_ever(&self) -> Vec<String> {
        self.before.iter().chain(&self.messages).map(|(_, id)| id.clone()).collect()
    }

    /// Dispatches of a type on this connection.
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.dispatches.iter().filter(|(_, k)| k == kind).count()
    }

    pub(crate) fn first_sequence(&self) -> Option<i64> {
        self.dispatches.first().map(|(sequence, _)| *sequence)
    }

    pub(crate) fn assert_sequences_without_gap(&self) {
        for pair in self.dispatches.windows(2) {
            assert_eq!(pair[1].0, pair[0].0 + 1, "after {} {}", pair[0].0, pair[0].1);
        }
    }
}
