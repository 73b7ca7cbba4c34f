//! One handler: identifies, acknowledges, and checks sequence and number of every event, cheaply, for
//! it shares the cores with what is measured.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use memchr::memmem;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, Message, WebSocketStream};

use crate::deployment::SECRET;

/// A heartbeat at least so often, as libraries do on demand of the server.
const HEARTBEAT_EVERY: Duration = Duration::from_millis(500);
/// Without any frame for so long the run has failed.
const SILENCE: Duration = Duration::from_secs(15);

/// A connected handler.
pub(crate) struct Handler {
    socket: WebSocketStream<TcpStream>,
    sequence: i64,
    guilds: usize,
    last_heartbeat: Instant,
    /// Sequence of each heartbeat not answered yet.
    asked: Vec<i64>,
    acknowledged: i64,
}

/// What a handler saw of one blast.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) events: u64,
    /// Microseconds from the simulator's write to here, where wanted.
    pub(crate) latencies_us: Vec<u32>,
}

impl Handler {
    /// Connects, identifies and waits for READY and all guilds.
    pub(crate) async fn connect(address: SocketAddr, guilds: usize) -> anyhow::Result<Self> {
        let uri: http::Uri = format!("ws://{address}/?v=10&encoding=json").parse()?;
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (socket, _) = ClientBuilder::from_uri(uri).connect_on(stream).await?;
        let now = Instant::now();
        let mut handler =
            Self { socket, sequence: 0, guilds: 0, last_heartbeat: now, asked: Vec::new(), acknowledged: 0 };
        let identify = json!({ "op": 2, "d": {
            "token": SECRET, "intents": 1 << 0 | 1 << 9 | 1 << 15,
            "properties": { "os": "linux", "browser": "bench", "device": "bench" },
        }});
        handler.socket.send(Message::text(identify.to_string())).await?;
        let mut seen = Seen::default();
        while handler.guilds < guilds {
            handler.step(&mut seen, None).await?;
        }
        Ok(handler)
    }

    /// Reads until `count` events of a blast that begins with number `first` have come, each once: the
    /// numbers of every guild in order, sequences without a gap; then until all are acknowledged.
    pub(crate) async fn read(
        &mut self,
        mut numbers: Numbers,
        count: impl Fn() -> Option<u64>,
        latencies: bool,
    ) -> anyhow::Result<Seen> {
        numbers.latencies = latencies;
        let mut seen = Seen::default();
        while count().is_none_or(|count| seen.events < count) {
            self.step(&mut seen, Some(&mut numbers)).await?;
        }
        let last = self.sequence;
        self.heartbeat().await?;
        while self.acknowledged < last {
            self.step(&mut seen, Some(&mut numbers)).await?;
        }
        Ok(seen)
    }

    async fn step(&mut self, seen: &mut Seen, numbers: Option<&mut Numbers>) -> anyhow::Result<()> {
        let frame = tokio::time::timeout(SILENCE, self.socket.next()).await.context("no frame for 15 s")?;
        let frame = frame.context("the proxy closed the connection")??;
        if let Some((code, reason)) = frame.as_close() {
            bail!("closed with {code:?} {reason}");
        }
        let bytes: &[u8] = frame.as_payload();
        let head = &bytes[..bytes.len().min(160)];
        if memmem::find(head, b"\"t\":\"MESSAGE_CREATE\"").is_some() {
            self.take_sequence(head)?;
            seen.events += 1;
            if let Some(numbers) = numbers {
                numbers.check(bytes, seen)?;
            }
            if self.last_heartbeat.elapsed() >= HEARTBEAT_EVERY {
                self.heartbeat().await?;
            }
            return Ok(());
        }
        let payload: Value = serde_json::from_slice(bytes)?;
        match payload["op"].as_i64() {
            Some(0) => {
                let sequence = payload["s"].as_i64().context("no sequence")?;
                ensure!(sequence == self.sequence + 1, "sequence {sequence} after {}", self.sequence);
                self.sequence = sequence;
                self.guilds += usize::from(payload["t"] == "GUILD_CREATE");
            }
            Some(1) => self.heartbeat().await?,
            Some(11) if !self.asked.is_empty() => self.acknowledged = self.asked.remove(0),
            _ => {}
        }
        Ok(())
    }

    fn take_sequence(&mut self, head: &[u8]) -> anyhow::Result<()> {
        let sequence = number_after(head, b"\"s\":").context("a dispatch without sequence")?.cast_signed();
        ensure!(sequence == self.sequence + 1, "sequence {sequence} after {}", self.sequence);
        self.sequence = sequence;
        Ok(())
    }

    async fn heartbeat(&mut self) -> anyhow::Result<()> {
        self.last_heartbeat = Instant::now();
        self.asked.push(self.sequence);
        let heartbeat = format!("{{\"op\":1,\"d\":{}}}", self.sequence);
        Ok(self.socket.send(Message::text(heartbeat)).await?)
    }
}

/// The numbers of a blast: `n` belongs to guild `n % guilds`, whose numbers must come in order.
#[derive(Debug)]
pub(crate) struct Numbers {
    next: Vec<u64>,
    latencies: bool,
}

impl Numbers {
    /// A blast over so many guilds whose first message has the number `first`.
    pub(crate) fn new(first: u64, guilds: usize) -> Self {
        let guilds = guilds as u64;
        let next = (0..guilds).map(|guild| first + (guild + guilds - first % guilds) % guilds).collect();
        Self { next, latencies: false }
    }

    fn check(&mut self, bytes: &[u8], seen: &mut Seen) -> anyhow::Result<()> {
        let at = memmem::find(bytes, b"\"blast:").or_else(|| memmem::find(bytes, b"blast:")).context("no number")?;
        let number = number_after(&bytes[at..], b"blast:").context("no number")?;
        let guilds = self.next.len() as u64;
        let next = &mut self.next[usize::try_from(number % guilds)?];
        ensure!(number == *next, "event {number} came where {next} was due");
        *next += guilds;
        if self.latencies {
            let after = memchr::memchr(b' ', &bytes[at..]).context("no time")?;
            let sent_us = number_after(&bytes[at + after..], b" ").context("no time")?;
            let now_us = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
            seen.latencies_us.push(u32::try_from(now_us.saturating_sub(u128::from(sent_us)))?);
        }
        Ok(())
    }
}

fn number_after(bytes: &[u8], marker: &[u8]) -> Option<u64> {
    let start = memmem::find(bytes, marker)? + marker.len();
    let digits = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit());
    let (mut number, mut any) = (0_u64, false);
    for digit in digits {
        number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        any = true;
    }
    any.then_some(number)
}
