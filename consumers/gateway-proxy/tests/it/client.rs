//! A raw websocket client that checks what every library relies on: sequences without gaps.

use std::net::SocketAddr;

use bytes::Bytes;
use flate2::{Decompress, FlushDecompress};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_websockets::{CloseCode, Message, WebSocketStream};
use zstd_safe::{DCtx, InBuffer, OutBuffer};

use crate::rig::PATIENCE;

/// Everything that needs no approval, and message content.
pub(crate) const INTENTS: u64 = (0x1_ffff & !(1 << 1) & !(1 << 8)) | 1 << 20 | 1 << 21 | 1 << 24 | 1 << 25;

enum Decoding {
    Plain,
    Zlib(Decompress),
    Zstd(DCtx<'static>),
}

pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
    decoding: Decoding,
    /// Last sequence received.
    pub(crate) sequence: i64,
    pub(crate) session_id: String,
    /// Guilds that are there now.
    pub(crate) guilds: Vec<u64>,
    /// Binary messages received.
    pub(crate) binaries: usize,
    /// Answer op 1 at once, as libraries do.
    pub(crate) answers: bool,
    pub(crate) asked: usize,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, query: &str) -> Self {
        let mut client = Self::connect_early(address, query).await;
        let hello = client.receive().await;
        assert_eq!(hello["op"], 10);
        assert!(hello["d"]["heartbeat_interval"].as_u64().is_some_and(|ms| ms > 1_000));
        client
    }

    /// Without waiting for HELLO.
    pub(crate) async fn connect_early(address: SocketAddr, query: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("connects");
        let uri = format!("ws://{address}/?{query}");
        let builder = tokio_websockets::ClientBuilder::new().uri(&uri).expect("a URL");
        let (socket, _) = builder.connect_on(stream).await.expect("a websocket");
        let decoding = if query.contains("zlib-stream") {
            Decoding::Zlib(Decompress::new(true))
        } else if query.contains("zstd-stream") {
            Decoding::Zstd(DCtx::create())
        } else {
            Decoding::Plain
        };
        Self {
            socket,
            decoding,
            sequence: 0,
            session_id: String::new(),
            guilds: Vec::new(),
            binaries: 0,
            answers: true,
            asked: 0,
        }
    }

    pub(crate) async fn send(&mut self, payload: &Value) {
        self.raw(Message::text(payload.to_string())).await;
    }

    pub(crate) async fn raw(&mut self, message: Message) {
        self.socket.send(message).await.expect("sends");
    }

    /// A message that the other side may cut off in the middle.
    pub(crate) async fn raw_or_cut(&mut self, message: Message) {
        let _ = self.socket.send(message).await;
    }

    pub(crate) async fn identify(&mut self, token: &str) {
        self.identify_with(token, &json!({"intents": INTENTS})).await;
    }

    pub(crate) async fn identify_with(&mut self, token: &str, more: &Value) {
        let mut d = json!({"token": token, "properties": {"os": "linux"}});
        for (name, value) in more.as_object().expect("an object") {
            d[name] = value.clone();
        }
        self.send(&json!({"op": 2, "d": d})).await;
    }

    pub(crate) async fn resume(&mut self, token: &str, session_id: &str, sequence: i64) {
        self.sequence = sequence;
        session_id.clone_into(&mut self.session_id);
        self.send(&json!({"op": 6, "d": {"token": token, "session_id": session_id, "seq": sequence}})).await;
    }

    /// READY and the guilds that come with it.
    pub(crate) async fn ready(&mut self, guilds: usize) -> Value {
        let ready = self.dispatch().await;
        assert_eq!(ready["t"], "READY");
        ready["d"]["session_id"].as_str().expect("a session id").clone_into(&mut self.session_id);
        while self.guilds.len() < guilds {
            let next = self.dispatch().await;
            assert!(matches!(next["t"].as_str(), Some("GUILD_CREATE" | "GUILD_DELETE")), "{next}");
        }
        ready
    }

    pub(crate) async fn heartbeat(&mut self) {
        let sequence = self.sequence;
        self.send(&json!({"op": 1, "d": sequence})).await;
    }

    /// The next payload of any kind.
    pub(crate) async fn receive(&mut self) -> Value {
        match self.next().await {
            Ok(value) => value,
            Err(code) => panic!("closed with {code:?} while a payload was awaited"),
        }
    }

    /// The next dispatch; op 1 and op 11 are dealt with.
    pub(crate) async fn dispatch(&mut self) -> Value {
        loop {
            let payload = self.receive().await;
            match payload["op"].as_i64() {
                Some(0) => return payload,
                Some(1) => {
                    self.asked += 1;
                    if self.answers {
                        self.heartbeat().await;
                    }
                }
                Some(11) => {}
                _ => panic!("{payload} came instead of a dispatch"),
            }
        }
    }

    /// The next dispatch of this type; GUILD_CREATE and GUILD_DELETE may come before.
    pub(crate) async fn dispatch_of(&mut self, event_type: &str) -> Value {
        loop {
            let payload = self.dispatch().await;
            if payload["t"] == event_type {
                return payload;
            }
            assert!(matches!(payload["t"].as_str(), Some("GUILD_CREATE" | "GUILD_DELETE")), "{payload}");
        }
    }

    /// The contents of the next so many messages.
    pub(crate) async fn contents(&mut self, count: usize) -> Vec<String> {
        let mut contents = Vec::with_capacity(count);
        while contents.len() < count {
            let message = self.dispatch_of("MESSAGE_CREATE").await;
            contents.push(message["d"]["content"].as_str().expect("content").to_owned());
        }
        contents
    }

    /// Nothing but op 1 and op 11 comes while `something` goes on.
    pub(crate) async fn silent_during(&mut self, something: impl Future<Output = ()>) {
        tokio::pin!(something);
        loop {
            tokio::select! {
                () = &mut something => return,
                payload = self.next() => {
                    let payload = payload.expect("still open");
                    assert!(matches!(payload["op"].as_i64(), Some(1 | 11)), "{payload}");
                    if payload["op"] == 1 && self.answers {
                        self.heartbeat().await;
                    }
                }
            }
        }
    }

    /// The close code; payloads before it are passed over.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        loop {
            match self.next().await {
                Ok(payload) if payload["op"] == 1 && self.answers => self.heartbeat().await,
                Ok(_) => {}
                Err(code) => return code,
            }
        }
    }

    pub(crate) async fn close(mut self, code: u16) {
        self.raw(Message::close(CloseCode::try_from(code).ok(), "")).await;
        while self.next().await.is_ok() {}
    }

    async fn next(&mut self) -> Result<Value, Option<u16>> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("something comes in time");
            let Some(Ok(message)) = message else { return Err(None) };
            if let Some((code, _)) = message.as_close() {
                return Err(Some(code.into()));
            }
            if !(message.is_text() || message.is_binary()) {
                continue;
            }
            let binary = message.is_binary();
            let json = self.decode(&Bytes::from(message.into_payload()), binary);
            let value: Value = serde_json::from_slice(&json).expect("JSON");
            for key in ["op", "d", "s", "t"] {
                assert!(value.get(key).is_some(), "{value} has no {key}");
            }
            if value["op"] == 0 {
                self.note(&value);
            }
            return Ok(value);
        }
    }

    fn note(&mut self, dispatch: &Value) {
        let sequence = dispatch["s"].as_i64().expect("a sequence");
        assert_eq!(sequence, self.sequence + 1, "sequences have no gaps: {dispatch}");
        self.sequence = sequence;
        let id = || dispatch["d"]["id"].as_str().and_then(|id| id.parse::<u64>().ok()).expect("an id");
        match dispatch["t"].as_str() {
            Some("GUILD_CREATE") => {
                let id = id();
                assert!(!self.guilds.contains(&id), "guild {id} was there already");
                self.guilds.push(id);
            }
            Some("GUILD_DELETE") => {
                let id = id();
                self.guilds.retain(|&guild| guild != id);
            }
            _ => {}
        }
    }

    fn decode(&mut self, bytes: &[u8], binary: bool) -> Vec<u8> {
        self.binaries += usize::from(binary);
        match &mut self.decoding {
            Decoding::Plain if binary => inflate(&mut Decompress::new(true), bytes),
            Decoding::Plain => bytes.to_vec(),
            Decoding::Zlib(stream) => {
                assert!(binary && bytes.ends_with(&[0, 0, 0xff, 0xff]));
                inflate(stream, bytes)
            }
            Decoding::Zstd(stream) => {
                assert!(binary);
                let mut input = InBuffer::around(bytes);
                let mut out = Vec::new();
                loop {
                    let mut piece = Vec::with_capacity(1 << 17);
                    stream.decompress_stream(&mut OutBuffer::around(&mut piece), &mut input).expect("zstd");
                    out.extend_from_slice(&piece);
                    if input.pos == bytes.len() && piece.len() < piece.capacity() {
                        return out;
                    }
                }
            }
        }
    }
}

fn inflate(stream: &mut Decompress, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 << 16);
    let start = stream.total_in();
    while stream.total_in() - start < bytes.len() as u64 {
        let taken = usize::try_from(stream.total_in() - start).expect("small");
        stream.decompress_vec(&bytes[taken..], &mut out, FlushDecompress::Sync).expect("zlib");
        out.reserve(1 << 16);
    }
    out
}
