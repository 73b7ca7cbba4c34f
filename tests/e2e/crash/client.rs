//! A gateway client that behaves as a good library does: answers op 1 at once, RESUMEs after every
//! loss of its connection, IDENTIFYs only after op 9 `false`, and notes every dispatch it reads.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_websockets::{ClientBuilder, MaybeTlsStream, Message, WebSocketStream};

use super::journal::{BLAST_BIT, CameBack, ClientNotes, Dispatch, EventKey, SessionNotes, digest, judged, unix_us};

/// A connection attempt that takes longer is given up.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// HELLO, then READY or RESUMED (or op 9), must come in this time; the same for the ACK of a heartbeat.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// Rest before the next connection attempt, drawn between these.
const REST_MS: std::ops::Range<u64> = 20..150;
/// GUILDS, GUILD_MESSAGES, GUILD_MESSAGE_REACTIONS, MESSAGE_CONTENT.
const INTENTS: u64 = 1 | 1 << 9 | 1 << 10 | 1 << 15;

/// What a client and its test share.
pub(crate) type Notes = Arc<Mutex<ClientNotes>>;

/// Locks notes.
pub(crate) fn read(notes: &Notes) -> MutexGuard<'_, ClientNotes> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running client; it ends when the token is cancelled.
pub(crate) struct GatewayClient {
    address: String,
    credential: String,
    notes: Notes,
    random: StdRng,
    resume: Option<Resume>,
    /// Lost its connection in a session and is not back yet.
    lost: bool,
}

struct Resume {
    url: String,
    session: String,
    sequence: i64,
}

#[derive(Deserialize)]
struct Frame<'a> {
    op: u8,
    s: Option<i64>,
    #[serde(borrow)]
    t: Option<Cow<'a, str>>,
    #[serde(borrow)]
    d: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    guild_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    content: Option<Cow<'a, str>>,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Why a connection ended.
enum End {
    /// Lost, closed by the other side, or to be replaced: come back with RESUME where there is a session.
    Lost,
    Cancelled,
}

impl GatewayClient {
    pub(crate) fn new(name: &str, address: SocketAddr, credential: &str, seed: u64) -> (Self, Notes) {
        let notes = Notes::new(Mutex::new(ClientNotes { name: name.to_owned(), ..ClientNotes::default() }));
        let client = Self {
            address: format!("ws://{address}"),
            credential: credential.to_owned(),
            notes: Arc::clone(&notes),
            random: StdRng::seed_from_u64(seed),
            resume: None,
            lost: false,
        };
        (client, notes)
    }

    /// Connects again and again until cancelled.
    pub(crate) async fn run(mut self, cancel: CancellationToken) {
        while !cancel.is_cancelled() {
            let end = tokio::select! {
                () = cancel.cancelled() => End::Cancelled,
                end = self.connection() => end,
            };
            self.lost |= std::mem::take(&mut read(&self.notes).live);
            if matches!(end, End::Cancelled) {
                return;
            }
            let rest = Duration::from_millis(self.random.random_range(REST_MS));
            tokio::time::sleep(rest).await;
        }
    }

    fn problem(&self, what: impl Into<String>) {
        read(&self.notes).problems.push(what.into());
    }

    async fn connection(&mut self) -> End {
        let base = self.resume.as_ref().map_or(&self.address, |resume| &resume.url);
        let uri = format!("{base}/?v=10&encoding=json").parse().expect("a URI");
        let connecting = ClientBuilder::from_uri(uri);
        let Ok(Ok((mut socket, _))) = tokio::time::timeout(CONNECT_WITHIN, connecting.connect()).await else {
            return End::Lost;
        };
        let mut beat = Beat::default();
        let mut answered = false;
        let mut deadline = Instant::now() + ANSWER_WITHIN;
        loop {
            let wake = beat.next.map_or(deadline, |next| if answered { next } else { next.min(deadline) });
            let frame = tokio::time::timeout_at(wake.into(), socket.next()).await;
            match frame {
                Err(_) if beat.next.is_some_and(|next| next <= Instant::now()) => {
                    if beat.unanswered {
                        return End::Lost;
                    }
                    beat.sent();
                    self.heartbeat(&mut socket).await;
                }
                Err(_) => {
                    let what = if self.resume.is_some() { "RESUME" } else { "IDENTIFY" };
                    self.problem(format!("{what} was not answered within {ANSWER_WITHIN:?}"));
                    return End::Lost;
                }
                Ok(None | Some(Err(_))) => return End::Lost,
                Ok(Some(Ok(message))) => {
                    if let Some((code, _)) = message.as_close() {
                        *read(&self.notes).closes.entry(code.into()).or_default() += 1;
                        return End::Lost;
                    }
                    let Some(text) = message.as_text() else { continue };
                    let Ok(frame) = serde_json::from_str::<Frame<'_>>(text) else {
                        self.problem(format!("not a gateway payload: {}", text.get(..200).unwrap_or(text)));
                        continue;
                    };
                    match frame.op {
                        0 => answered |= self.dispatch(&frame),
                        1 => self.heartbeat(&mut socket).await,
                        7 => return End::Lost,
                        9 => {
                            if frame.d.is_none_or(|d| d.get() != "true") {
                                self.resume = None;
                                deadline = Instant::now() + ANSWER_WITHIN;
                                answered = false;
                                self.greet(&mut socket).await;
                            } else {
                                return End::Lost;
                            }
                        }
                        10 => {
                            beat = Beat::from_hello(&frame, &mut self.random);
                            self.greet(&mut socket).await;
                        }
                        11 => beat.unanswered = false,
                        op => self.problem(format!("op {op} from the server")),
                    }
                }
            }
        }
    }

    async fn send(socket: &mut Socket, payload: &Value) {
        // A connection that is going away may refuse; what matters is what is read afterwards.
        let _ = socket.send(Message::text(payload.to_string())).await;
    }

    async fn greet(&mut self, socket: &mut Socket) {
        let payload = match &self.resume {
            Some(resume) => {
                json!({"op": 6, "d": {"token": self.credential, "session_id": resume.session, "seq": resume.sequence}})
            }
            None => json!({"op": 2, "d": {
                "token": self.credential, "intents": INTENTS,
                "properties": {"os": "linux", "browser": "crash test", "device": "crash test"},
            }}),
        };
        Self::send(socket, &payload).await;
    }

    async fn heartbeat(&mut self, socket: &mut Socket) {
        let sequence = self.resume.as_ref().map(|resume| resume.sequence);
        if let (Some(sequence), Some(session)) = (sequence, read(&self.notes).sessions.last_mut()) {
            session.acks.push((unix_us(), sequence));
        }
        Self::send(socket, &json!({"op": 1, "d": sequence})).await;
    }

    /// Notes a dispatch; tells whether it is READY or RESUMED.
    fn dispatch(&mut self, frame: &Frame<'_>) -> bool {
        let kind = frame.t.as_deref().unwrap_or_default();
        let Some(sequence) = frame.s else {
            self.problem(format!("{kind} without a sequence"));
            return false;
        };
        let d = frame.d.map_or("null", RawValue::get);
        let mut notes = read(&self.notes);
        if kind == "READY" {
            let ready: Value = serde_json::from_str(d).unwrap_or_default();
            let session = ready["session_id"].as_str().unwrap_or_default().to_owned();
            let url = ready["resume_gateway_url"].as_str().unwrap_or(&self.address).to_owned();
            notes.sessions.push(SessionNotes { id: session.clone(), ..SessionNotes::default() });
            self.resume = Some(Resume { url, session, sequence });
        }
        let came_back = match kind {
            "READY" => Some(CameBack::Identified),
            "RESUMED" => Some(CameBack::Resumed),
            _ => None,
        };
        if let Some(how) = came_back {
            if self.lost {
                notes.returns.push((unix_us(), how));
            }
            self.lost = false;
            notes.live = true;
        }
        let (dispatch, problem) = noted(kind, sequence, d);
        notes.problems.extend(problem);
        match notes.sessions.last_mut() {
            Some(session) => session.dispatches.push(dispatch),
            None => notes.problems.push(format!("{kind} before READY")),
        }
        if let Some(resume) = &mut self.resume {
            resume.sequence = sequence;
        }
        came_back.is_some()
    }
}

/// When to heartbeat unasked.
#[derive(Default)]
struct Beat {
    every: Duration,
    next: Option<Instant>,
    unanswered: bool,
}

impl Beat {
    fn from_hello(frame: &Frame<'_>, random: &mut StdRng) -> Self {
        let hello: Value = frame.d.and_then(|d| serde_json::from_str(d.get()).ok()).unwrap_or_default();
        let every = Duration::from_millis(hello["heartbeat_interval"].as_u64().unwrap_or(41_250).max(100));
        Self { every, next: Some(Instant::now() + every.mul_f64(random.random())), unanswered: false }
    }

    fn sent(&mut self) {
        self.next = Some(Instant::now() + self.every);
        self.unanswered = true;
    }
}

fn noted(kind: &str, sequence: i64, d: &str) -> (Dispatch, Option<String>) {
    let place = judged(kind);
    let known = match (place, kind) {
        (Some(place), _) => super::journal::JUDGED[usize::from(place)],
        (None, "READY") => "READY",
        (None, "RESUMED") => "RESUMED",
        (None, "GUILD_CREATE") => "GUILD_CREATE",
        (None, "GUILD_DELETE") => "GUILD_DELETE",
        (None, _) => "other",
    };
    let mut dispatch = Dispatch { sequence, at_us: unix_us(), guild: 0, key: None, kind: known };
    let Ok(fields) = serde_json::from_str::<Fields<'_>>(d) else { return (dispatch, None) };
    let id = |field: &Option<Cow<'_, str>>| field.as_deref().and_then(|id| id.parse::<u64>().ok());
    dispatch.guild = id(&fields.guild_id).unwrap_or_default();
    let Some(kind) = place else { return (dispatch, None) };
    let thing = id(&fields.id).or_else(|| id(&fields.message_id)).unwrap_or_default();
    let mut problem = None;
    let digest = if kind == 0 && thing & BLAST_BIT != 0 {
        let blasted = fields.content.as_deref().and_then(blasted);
        if blasted.is_none_or(|(number, _)| number & (BLAST_BIT - 1) != thing & (BLAST_BIT - 1)) {
            problem = Some(format!("the payload of message {thing} is not its own"));
        }
        blasted.map_or(0, |(_, at_us)| at_us)
    } else {
        digest(d.as_bytes())
    };
    dispatch.key = Some(EventKey { kind, id: thing, digest });
    (dispatch, problem)
}

/// Number and moment in `blast:<number> <at_us> …`.
fn blasted(content: &str) -> Option<(u64, u64)> {
    let mut words = content.strip_prefix("blast:")?.split(' ');
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}
