//! What a client sends: each payload answered as Discord answers it, with its close codes.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;

use super::connection::Connection;
use super::frame::{Decoder, Incoming};
use super::identify::{Identify, token_fits};
use super::op;
use super::session::{NoResume, Session};
use super::transport::Transport;
use crate::core::Core;
use crate::events::Event;
use crate::intents;
use crate::snowflake::{Mix, unix_us};
use crate::world::{BOT_ID, World, read_id};

/// Longest payload of a client.
const MAX_PAYLOAD: usize = 4096;
/// Payloads per minute and connection, heartbeats included.
const MAX_SENDS: usize = 120;
const SENDS_WINDOW: Duration = Duration::from_secs(60);
/// More guilds on one shard than this need more shards (4011).
const MAX_GUILDS_PER_SHARD: usize = 2_500;
/// Members per GUILD_MEMBERS_CHUNK.
const CHUNK: usize = 1_000;
/// A full member list of one guild once in this time.
const FULL_LIST_EVERY: Duration = Duration::from_secs(30);
/// How long a closing connection may take to answer the close frame.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// What the query of the gateway's URL said.
#[derive(Debug, Default)]
pub(crate) struct Greeting {
    pub(crate) version: Option<String>,
    pub(crate) encoding: Option<String>,
    pub(crate) compress: Option<String>,
}

enum Next {
    Go,
    Close(u16, &'static str),
}

/// Serves one upgraded connection until it ends.
pub(crate) async fn serve(core: Arc<Core>, stream: TcpStream, early: Bytes, greeting: Greeting) {
    let _no_delay = stream.set_nodelay(true);
    let connection = core.hub.connect(core.shutdown.child_token());
    let (transport, problem) = match Transport::from_query(greeting.compress.as_deref()) {
        Some(transport) => (transport, None),
        None => (Transport::Plain, Some((4002, "unknown compression"))),
    };
    let (read, write) = stream.into_split();
    core.journal.record(&json!({
        "kind": "gateway_open", "at_us": unix_us(), "connection": connection.id, "version": greeting.version, "encoding": greeting.encoding,
        "compress": transport.name(),
    }));
    let writer = tokio::spawn(Arc::clone(&connection).write(write, transport));
    let mut decoder = Decoder::default();
    decoder.buffer.extend_from_slice(&early);
    let mut reader = Reader {
        core: Arc::clone(&core),
        connection: Arc::clone(&connection),
        decoder,
        sends: VecDeque::new(),
        heard: Instant::now(),
        full_lists: HashMap::new(),
        closed_by_client: None,
    };
    let version_known = greeting.version.as_deref().is_none_or(|version| matches!(version, "9" | "10"));
    let problem = problem.or_else(|| (!version_known).then_some((4012, "Invalid API version"))).or_else(|| {
        greeting
            .encoding
            .as_deref()
            .is_some_and(|encoding| encoding != "json")
            .then_some((4002, "only json is spoken here"))
    });
    match problem {
        Some((code, reason)) => connection.close(Some(code), reason),
        None => {
            let hello = json!({"heartbeat_interval": core.config.heartbeat_interval_ms, "_trace": ["simulator"]});
            connection.send(op(10, &hello));
        }
    }
    reader.run(read).await;
    let session = connection.session();
    if let Some(session) = &session {
        match reader.closed_by_client {
            Some(Some(1000 | 1001)) => session.end(),
            _ => session.detach(connection.id, unix_us()),
        }
    }
    core.hub.disconnect(&connection);
    core.journal.record(&json!({
        "kind": "gateway_closed", "at_us": unix_us(), "connection": connection.id, "session": session.map(|session| session.id.clone()),
        "by_client": reader.closed_by_client.is_some(), "code": reader.closed_by_client.flatten(),
    }));
    if connection.closing.load(Ordering::Acquire) {
        let _drained = tokio::time::timeout(CLOSE_WAIT, writer).await;
    }
    connection.killed.cancel();
}

struct Reader {
    core: Arc<Core>,
    connection: Arc<Connection>,
    decoder: Decoder,
    sends: VecDeque<Instant>,
    heard: Instant,
    full_lists: HashMap<u64, Instant>,
    /// The client's own close frame, with its code.
    closed_by_client: Option<Option<u16>>,
}

impl Reader {
    async fn run(&mut self, mut socket: OwnedReadHalf) {
        let patience = Duration::from_millis(self.core.config.heartbeat_interval_ms * 3 / 2);
        let mut closing_since = None;
        loop {
            if self.connection.closing.load(Ordering::Acquire) && closing_since.is_none() {
                closing_since = Some(Instant::now());
            }
            while closing_since.is_none() {
                match self.decoder.next() {
                    Ok(None) => break,
                    Ok(Some(incoming)) => {
                        if let Next::Close(code, reason) = self.incoming(incoming) {
                            self.close(code, reason);
                            closing_since = Some(Instant::now());
                        }
                        if self.closed_by_client.is_some() {
                            return;
                        }
                    }
                    Err(_) => {
                        self.close(4002, "Error while decoding payload.");
                        closing_since = Some(Instant::now());
                    }
                }
            }
            let wait = closing_since.map_or_else(
                || patience.saturating_sub(self.heard.elapsed()),
                |since| CLOSE_WAIT.saturating_sub(since.elapsed()),
            );
            let read = tokio::select! {
                biased;
                () = self.connection.killed.cancelled() => return,
                read = tokio::time::timeout(wait, socket.read_buf(&mut self.decoder.buffer)) => read,
            };
            match read {
                Ok(Ok(0) | Err(_)) => return,
                Ok(Ok(_)) if closing_since.is_some() => self.decoder.buffer.clear(),
                Ok(Ok(_)) => {}
                Err(_) if closing_since.is_some() => return,
                Err(_) => {
                    self.close(4009, "Session timed out.");
                    closing_since = Some(Instant::now());
                }
            }
        }
    }

    fn close(&self, code: u16, reason: &'static str) {
        self.record("gateway_close", &json!({"code": code, "reason": reason}));
        self.connection.close(Some(code), reason);
    }

    fn record(&self, kind: &str, detail: &Value) {
        let session = self.connection.session().map(|session| session.id.clone());
        let entry = json!({"kind": kind, "at_us": unix_us(), "connection": self.connection.id, "session": session, "detail": detail});
        self.core.journal.record(&entry);
    }

    fn incoming(&mut self, incoming: Incoming) -> Next {
        match incoming {
            Incoming::Ping(payload) => self.connection.pong(payload),
            Incoming::Pong => {}
            Incoming::Close(code) => {
                self.closed_by_client = Some(code);
                self.connection.close(code, "");
            }
            Incoming::Data(payload) => return self.payload(&payload),
        }
        Next::Go
    }

    fn payload(&mut self, payload: &[u8]) -> Next {
        if payload.len() > MAX_PAYLOAD {
            return Next::Close(4002, "Error while decoding payload.");
        }
        let Ok(Value::Object(payload)) = serde_json::from_slice(payload) else {
            return Next::Close(4002, "Error while decoding payload.");
        };
        if self.too_fast(Instant::now()) {
            return Next::Close(4008, "Rate limited.");
        }
        let null = Value::Null;
        let data = payload.get("d").unwrap_or(&null);
        // discordgo puts `compress` beside `d`.
        let compress = payload
            .get("compress")
            .or_else(|| data.get("compress"))
            .is_some_and(|value| *value == true || *value == "true");
        match payload.get("op").and_then(Value::as_u64) {
            Some(1) => self.heartbeat(data),
            Some(2) if self.connection.session().is_some() => Next::Close(4005, "Already authenticated."),
            Some(6) if self.connection.session().is_some() => Next::Close(4005, "Already authenticated."),
            Some(2) => self.identify(data, compress),
            Some(6) => self.resume(data),
            Some(op @ (3 | 4 | 8 | 31 | 43)) => match self.connection.session() {
                None => Next::Close(4003, "Not authenticated."),
                Some(session) => self.command(op, data, &session),
            },
            _ => Next::Close(4001, "Unknown opcode."),
        }
    }

    fn too_fast(&mut self, now: Instant) -> bool {
        while self.sends.front().is_some_and(|at| now.duration_since(*at) >= SENDS_WINDOW) {
            self.sends.pop_front();
        }
        self.sends.push_back(now);
        self.sends.len() > MAX_SENDS
    }

    fn heartbeat(&mut self, data: &Value) -> Next {
        self.heard = Instant::now();
        if let Some(sequence) = data.as_u64() {
            self.connection.last_acked.store(sequence, Ordering::Relaxed);
        }
        self.record("heartbeat", data);
        if self.core.hub.acks.load(Ordering::Relaxed) {
            self.connection.send(op(11, &Value::Null));
        }
        Next::Go
    }

    fn identify(&mut self, data: &Value, compress: bool) -> Next {
        let config = &self.core.config;
        let request = match Identify::read(data, &config.token, config.application_flags) {
            Ok(request) => request,
            Err((code, reason)) => return Next::Close(code, reason),
        };
        let now = unix_us();
        if !self.core.hub.may_identify(request.shard % config.max_concurrency, now, config.identify_window_ms) {
            self.record("identify_too_fast", &json!({"shard": request.shard}));
            self.connection.send(op(9, &json!(false)));
            return Next::Go;
        }
        if compress {
            self.connection.compress_payloads();
        }
        let world = self.core.world();
        let number = self.core.hub.identifies.load(Ordering::Relaxed);
        let mut mix = Mix::new(config.seed ^ now.rotate_left(17) ^ number);
        let id = format!("{:016x}{:016x}", mix.next(), mix.next());
        let session = Arc::new(Session::new(id, request.shard, request.shards, request.intents, config.resume_buffer));
        let guilds: Vec<u64> = world.guilds.keys().copied().filter(|guild| session.covers(Some(*guild))).collect();
        if guilds.len() > MAX_GUILDS_PER_SHARD {
            return Next::Close(4011, "Sharding required.");
        }
        self.core.hub.add_session(Arc::clone(&session));
        session.attach(Arc::clone(&self.connection));
        self.record("identify", &json!({
            "session": session.id, "shard": [request.shard, request.shards], "intents": request.intents, "guilds": guilds.len(),
            "properties": data["properties"],
        }));
        let ready = self.ready(&world, &session, &guilds);
        self.core.hub.give(&session, &Arc::new(Event::new("READY", &ready)));
        if request.intents & intents::GUILDS != 0 {
            for guild in guilds {
                let payload = world.guild_create(guild, request.large_threshold);
                let kind = if payload["unavailable"] == true { "GUILD_DELETE" } else { "GUILD_CREATE" };
                self.core.hub.give(&session, &Arc::new(Event::new(kind, &payload)));
            }
        }
        self.connection.set_session(Some(session));
        drop(world);
        Next::Go
    }

    fn ready(&self, world: &World, session: &Session, guilds: &[u64]) -> Value {
        let guilds: Vec<Value> = guilds.iter().map(|id| json!({"id": id.to_string(), "unavailable": true})).collect();
        json!({
            "v": 10, "user_settings": {}, "user": world.own_user(), "session_type": "normal", "session_id": session.id,
            "resume_gateway_url": self.core.gateway_url(), "relationships": [], "private_channels": [], "presences": [], "guilds": guilds,
            "guild_join_requests": [], "geo_ordered_rtc_regions": [], "shard": [session.shard, session.shards], "auth": {},
            "application": {"id": BOT_ID.to_string(), "flags": world.application_flags}, "_trace": ["simulator"],
        })
    }

    fn resume(&mut self, data: &Value) -> Next {
        let config = &self.core.config;
        if !token_fits(&data["token"], &config.token) {
            return Next::Close(4004, "Authentication failed.");
        }
        let sequence = data["seq"].as_u64().unwrap_or(0);
        let asked = data["session_id"].as_str().unwrap_or_default();
        let world = self.core.world();
        let found = self.core.hub.session(asked).filter(|session| {
            let age = session.detached_us().map(|at| unix_us().saturating_sub(at));
            age.is_none_or(|age| age <= config.session_ttl_ms * 1000)
        });
        let outcome = match &found {
            None => Err(NoResume::Gone),
            Some(session) => session.resume(Arc::clone(&self.connection), sequence),
        };
        let label = match &outcome {
            Ok(_) => "resumed",
            Err(NoResume::Gone) => "invalid_session",
            Err(NoResume::Ahead) => "invalid_sequence",
        };
        self.record(
            "resume",
            &json!({"asked": asked, "sequence": sequence, "outcome": label, "replayed": outcome.as_ref().ok()}),
        );
        match (outcome, found) {
            (Ok(_), Some(session)) => {
                self.core.hub.give(&session, &Arc::new(Event::new("RESUMED", &json!({"_trace": ["simulator"]}))));
                self.connection.set_session(Some(session));
            }
            (Err(NoResume::Ahead), _) => return Next::Close(4007, "Invalid seq."),
            _ => self.connection.send(op(9, &json!(false))),
        }
        drop(world);
        Next::Go
    }

    fn command(&mut self, op: u64, data: &Value, session: &Arc<Session>) -> Next {
        self.record("gateway_command", &json!({"op": op, "d": data}));
        match op {
            4 => {
                self.core.change(|world, _| world.move_voice(data));
                Next::Go
            }
            8 => self.request_members(data, session),
            _ => Next::Go,
        }
    }

    fn request_members(&mut self, data: &Value, session: &Arc<Session>) -> Next {
        let full = data["user_ids"].is_null()
            && data["query"].as_str().is_some_and(str::is_empty)
            && data["limit"].as_u64().unwrap_or(0) == 0;
        if full && session.intents & intents::GUILD_MEMBERS == 0 {
            return Next::Go;
        }
        if let Some(guild) = read_id(&data["guild_id"]).filter(|_| full) {
            let now = Instant::now();
            let left = self.full_lists.get(&guild).map(|at| FULL_LIST_EVERY.saturating_sub(now.duration_since(*at)));
            if let Some(left) = left.filter(|left| !left.is_zero()) {
                let mut meta = json!({"guild_id": guild.to_string()});
                if !data["nonce"].is_null() {
                    meta["nonce"] = data["nonce"].clone();
                }
                let limited = json!({"opcode": 8, "retry_after": left.as_secs_f64(), "meta": meta});
                self.core.hub.give(session, &Arc::new(Event::new("RATE_LIMITED", &limited)));
                return Next::Go;
            }
            self.full_lists.retain(|_, at| now.duration_since(*at) < FULL_LIST_EVERY);
            self.full_lists.insert(guild, now);
        }
        let world = self.core.world();
        let Ok((guild, members, missing)) = world.requested_members(data) else {
            return Next::Go;
        };
        let count = members.len().div_ceil(CHUNK).max(1);
        let mut chunks = members.chunks(CHUNK);
        for index in 0..count {
            let mut chunk = json!({
                "guild_id": guild.to_string(), "members": chunks.next().unwrap_or_default(), "chunk_index": index, "chunk_count": count,
            });
            if !data["user_ids"].is_null() {
                chunk["not_found"] = json!(if index == 0 { &missing[..] } else { &[] });
            }
            if data["presences"] == true {
                chunk["presences"] = json!([]);
            }
            if !data["nonce"].is_null() {
                chunk["nonce"] = data["nonce"].clone();
            }
            self.core.hub.give(session, &Arc::new(Event::new("GUILD_MEMBERS_CHUNK", &chunk)));
        }
        drop(world);
        Next::Go
    }
}
