//! A raw gateway client, the control API, and waiting with a deadline.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use miso_simulator::{Running, Simulator, SimulatorConfig};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, MaybeTlsStream, Message, WebSocketStream};

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// All intents but presences.
pub(crate) const INTENTS: u64 = 0x331_FEFF;

/// A configuration with quick IDENTIFYs and no limits in the way.
pub(crate) fn quick() -> SimulatorConfig {
    SimulatorConfig { identify_window_ms: 0, global_per_second: 0, ..SimulatorConfig::default() }
}

pub(crate) async fn start(config: SimulatorConfig) -> Running {
    Simulator::start(config).await.expect("the simulator starts")
}

/// How a client asked for compression, with the decoder that goes with it.
pub(crate) enum Decoder {
    Plain,
    ZlibStream(flate2::Decompress),
    ZstdStream(zstd_safe::DCtx<'static>),
}

pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    decoder: Decoder,
}

/// What a client got next.
#[derive(Debug, PartialEq)]
pub(crate) enum Got {
    Payload(Value),
    Closed(Option<u16>),
}

impl Client {
    /// Connects and reads HELLO.
    pub(crate) async fn hello(simulator: &Running, query: &str, decoder: Decoder) -> Self {
        let mut client = Self::connect(simulator, query, decoder).await;
        let hello = client.payload().await;
        assert_eq!(hello["op"], 10, "{hello}");
        client
    }

    pub(crate) async fn connect(simulator: &Running, query: &str, decoder: Decoder) -> Self {
        let uri = format!("{}/{query}", simulator.gateway_url());
        let builder = ClientBuilder::new().uri(&uri).expect("a valid address");
        let (socket, _) = tokio::time::timeout(DEADLINE, builder.connect()).await.expect("in time").expect("connected");
        Self { socket, decoder }
    }

    pub(crate) async fn plain(simulator: &Running) -> Self {
        Self::hello(simulator, "?v=10&encoding=json", Decoder::Plain).await
    }

    /// Connects, identifies and returns READY's `d`; the GUILD_CREATEs are still to come.
    pub(crate) async fn ready(simulator: &Running) -> (Self, Value) {
        let mut client = Self::plain(simulator).await;
        client.identify(simulator, json!({})).await;
        let ready = client.event("READY").await;
        (client, ready["d"].clone())
    }

    pub(crate) async fn identify(&mut self, simulator: &Running, extra: Value) {
        let mut data = json!({"token": simulator.token(), "intents": INTENTS, "properties": {"os": "test"}});
        for (name, value) in extra.as_object().cloned().unwrap_or_default() {
            data[name.as_str()] = value;
        }
        self.send(&json!({"op": 2, "d": data})).await;
    }

    pub(crate) async fn resume(&mut self, simulator: &Running, session: &str, sequence: u64) {
        self.send(&json!({"op": 6, "d": {"token": simulator.token(), "session_id": session, "seq": sequence}})).await;
    }

    pub(crate) async fn send(&mut self, payload: &Value) {
        self.send_text(payload.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: String) {
        self.socket.send(Message::text(text)).await.expect("sent");
    }

    pub(crate) async fn close(mut self, code: u16) {
        let code = tokio_websockets::CloseCode::try_from(code).expect("a code");
        self.socket.send(Message::close(Some(code), "")).await.expect("sent");
        while self.socket.next().await.is_some_and(|message| message.is_ok()) {}
    }

    pub(crate) async fn next(&mut self) -> Got {
        loop {
            let message =
                match tokio::time::timeout(DEADLINE, self.socket.next()).await.expect("something comes in time") {
                    None | Some(Err(_)) => return Got::Closed(None),
                    Some(Ok(message)) => message,
                };
            if message.is_close() {
                return Got::Closed(message.as_close().map(|(code, _)| code.into()));
            }
            if message.is_ping() || message.is_pong() {
                continue;
            }
            let binary = message.is_binary();
            let bytes: Vec<u8> = message.into_payload().to_vec();
            let text = match &mut self.decoder {
                Decoder::Plain if binary => {
                    let mut plain = Vec::new();
                    std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(&bytes[..]), &mut plain)
                        .expect("a zlib blob");
                    plain
                }
                Decoder::Plain => bytes,
                Decoder::ZlibStream(stream) => {
                    assert!(binary && bytes.ends_with(&[0, 0, 0xFF, 0xFF]));
                    let mut plain = Vec::with_capacity(bytes.len() * 30 + 4096);
                    stream.decompress_vec(&bytes, &mut plain, flate2::FlushDecompress::Sync).expect("zlib");
                    plain
                }
                Decoder::ZstdStream(stream) => {
                    assert!(binary);
                    let mut plain: Vec<u8> = Vec::with_capacity(bytes.len() * 100 + 4096);
                    let mut input = zstd_safe::InBuffer::around(&bytes);
                    while input.pos() < bytes.len() {
                        let position = plain.len();
                        let mut output = zstd_safe::OutBuffer::around_pos(&mut plain, position);
                        stream.decompress_stream(&mut output, &mut input).expect("zstd");
                    }
                    plain
                }
            };
            return Got::Payload(serde_json::from_slice(&text).expect("one payload per message"));
        }
    }

    pub(crate) async fn payload(&mut self) -> Value {
        match self.next().await {
            Got::Payload(payload) => payload,
            Got::Closed(code) => panic!("closed with {code:?}"),
        }
    }

    /// The close code; payloads before it are ignored.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Got::Closed(code) = self.next().await {
                return code;
            }
        }
    }

    /// The next dispatch of this type; others before it are ignored.
    pub(crate) async fn event(&mut self, kind: &str) -> Value {
        loop {
            let payload = self.payload().await;
            if payload["t"] == kind {
                return payload;
            }
        }
    }

    /// The next payload with this opcode.
    pub(crate) async fn op(&mut self, op: u64) -> Value {
        loop {
            let payload = self.payload().await;
            if payload["op"] == op {
                return payload;
            }
        }
    }
}

/// Calls the control API and returns its JSON; panics unless it succeeds.
pub(crate) async fn order(simulator: &Running, method: &str, path: &str, body: Value) -> Value {
    let url = format!("{}/{path}", simulator.control_url());
    let request = reqwest::Client::new().request(method.parse().expect("a method"), url);
    let response = if body.is_null() { request } else { request.json(&body) }.send().await.expect("an answer");
    let status = response.status();
    let value: Value = response.json().await.expect("JSON");
    assert!(status.is_success(), "{method} {path}: {status} {value}");
    value
}

/// All journal entries of one kind.
pub(crate) async fn journal(simulator: &Running, kind: &str) -> Vec<Value> {
    let page = order(simulator, "GET", &format!("journal?from=0&kind={kind}"), Value::Null).await;
    page["entries"].as_array().expect("entries").clone()
}

/// The ids of the first guild: (guild, first text channel, second text channel, a member).
pub(crate) async fn place(simulator: &Running) -> (String, String, String, String) {
    let guilds = order(simulator, "GET", "guilds", Value::Null).await;
    let text: Vec<&Value> =
        guilds[0]["channels"].as_array().expect("channels").iter().filter(|channel| channel["type"] == 0).collect();
    let name = |value: &Value| value.as_str().expect("an id").to_owned();
    (name(&guilds[0]["id"]), name(&text[0]["id"]), name(&text[1]["id"]), name(&guilds[0]["users"][0]))
}
