//! What the clients noted and what the simulator noted: the only things a run is judged by.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// Event types that every group must get.
pub(crate) const JUDGED: [&str; 6] = [
    "MESSAGE_CREATE",
    "MESSAGE_UPDATE",
    "MESSAGE_DELETE",
    "MESSAGE_REACTION_ADD",
    "MESSAGE_REACTION_REMOVE",
    "THREAD_CREATE",
];
/// The low bit that marks ids of blasted messages, and below it their number.
pub(crate) const BLAST_BIT: u64 = 1 << 21;
/// Milliseconds between the Unix epoch and Discord's.
const DISCORD_EPOCH_MS: u64 = 1_420_070_400_000;

/// Wall clock, microseconds since the Unix epoch: the simulator's journal uses the same.
pub(crate) fn unix_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_micros()).expect("before 2500")
}

/// The simulator's digest of a payload: FNV-1a, 64 bits.
pub(crate) fn digest(data: &[u8]) -> u64 {
    data.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// An event, told apart from every other by its type, its thing's id and its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EventKey {
    /// Place in [`JUDGED`].
    pub(crate) kind: u8,
    pub(crate) id: u64,
    /// Of the payload; of a blasted message the moment in its content.
    pub(crate) digest: u64,
}

impl EventKey {
    pub(crate) fn name(self) -> String {
        format!("{} {}", JUDGED.get(usize::from(self.kind)).unwrap_or(&"?"), self.id)
    }
}

/// Place of a type in [`JUDGED`].
pub(crate) fn judged(kind: &str) -> Option<u8> {
    JUDGED.iter().position(|judged| *judged == kind).and_then(|place| u8::try_from(place).ok())
}

/// An event as the simulator gave it to the shard's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) key: EventKey,
    pub(crate) guild: u64,
    pub(crate) at_us: u64,
    pub(crate) session: String,
    pub(crate) sequence: u64,
}

/// A RESUME that the simulator saw.
#[derive(Debug, Clone)]
pub(crate) struct ResumeSeen {
    pub(crate) at_us: u64,
    pub(crate) outcome: String,
    pub(crate) replayed: u64,
}

/// A REST request that the simulator saw.
#[derive(Debug, Clone)]
pub(crate) struct RestSeen {
    pub(crate) index: u64,
    pub(crate) at_us: u64,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Value,
    pub(crate) applied: bool,
    pub(crate) delay_ms: u64,
    pub(crate) cut: bool,
}

/// The simulator's journal, read.
#[derive(Debug, Default)]
pub(crate) struct Discords {
    /// In the order of their sessions and sequences.
    pub(crate) sent: Vec<Sent>,
    pub(crate) identifies: usize,
    pub(crate) resumes: Vec<ResumeSeen>,
    /// In the order of arrival.
    pub(crate) rest: Vec<RestSeen>,
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn snowflake(value: &Value) -> u64 {
    value.as_str().and_then(|id| id.parse().ok()).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Discords {
    /// Reads journal entries of the kinds `event`, `blast_run`, `identify`, `resume` and `rest`;
    /// `blast_guilds`: the guild names of the templates, by blast.
    pub(crate) fn read(entries: &[Value], blast_guilds: &BTreeMap<u64, Vec<u64>>) -> Self {
        let mut read = Self::default();
        for entry in entries {
            match entry["kind"].as_str() {
                Some("event") => read.event(entry),
                Some("blast_run") => read.blast_run(entry, blast_guilds),
                Some("identify") => read.identifies += 1,
                Some("resume") => read.resumes.push(ResumeSeen {
                    at_us: number(&entry["at_us"]),
                    outcome: text(&entry["detail"]["outcome"]),
                    replayed: number(&entry["detail"]["replayed"]),
                }),
                Some("rest") => read.rest.push(RestSeen {
                    index: number(&entry["index"]),
                    at_us: number(&entry["at_us"]),
                    method: text(&entry["method"]),
                    path: text(&entry["path"]),
                    body: entry["body"].clone(),
                    applied: entry["applied"] == true,
                    delay_ms: number(&entry["delay_ms"]),
                    cut: entry["cut"] == true,
                }),
                _ => {}
            }
        }
        read.sent.sort_by(|a, b| (&a.session, a.sequence).cmp(&(&b.session, b.sequence)));
        read.rest.sort_by_key(|seen| seen.index);
        read.resumes.sort_by_key(|seen| seen.at_us);
        read
    }

    fn event(&mut self, entry: &Value) {
        let Some(kind) = entry["type"].as_str().and_then(judged) else { return };
        self.sent.push(Sent {
            key: EventKey { kind, id: snowflake(&entry["id"]), digest: number(&entry["digest"]) },
            guild: snowflake(&entry["guild"]),
            at_us: number(&entry["at_us"]),
            session: text(&entry["session"]),
            sequence: number(&entry["sequence"]),
        });
    }

    fn blast_run(&mut self, entry: &Value, blast_guilds: &BTreeMap<u64, Vec<u64>>) {
        let guilds = blast_guilds.get(&number(&entry["blast"])).map_or(&[][..], Vec::as_slice);
        let at_us = number(&entry["at_us"]);
        let runs = entry["numbers"].as_array().into_iter().flatten();
        let numbers = runs.flat_map(|run| number(&run[0])..=number(&run[1]));
        for (number, sequence) in numbers.zip(number(&entry["first_sequence"])..) {
            let place = usize::try_from(number % guilds.len().max(1) as u64).expect("a place");
            let id = ((at_us / 1000 - DISCORD_EPOCH_MS) << 22) | BLAST_BIT | (number & (BLAST_BIT - 1));
            self.sent.push(Sent {
                key: EventKey { kind: 0, id, digest: at_us },
                guild: guilds.get(place).copied().unwrap_or_default(),
                at_us,
                session: text(&entry["session"]),
                sequence,
            });
        }
    }
}

/// A dispatch as a client read it from its socket.
#[derive(Debug, Clone)]
pub(crate) struct Dispatch {
    pub(crate) sequence: i64,
    pub(crate) at_us: u64,
    pub(crate) guild: u64,
    /// `None`: of a type that is not judged.
    pub(crate) key: Option<EventKey>,
    pub(crate) kind: &'static str,
}

/// A session as its client saw it, over all its connections.
#[derive(Debug, Default)]
pub(crate) struct SessionNotes {
    pub(crate) id: String,
    pub(crate) dispatches: Vec<Dispatch>,
    /// When which sequence was acknowledged by heartbeat.
    pub(crate) acks: Vec<(u64, i64)>,
}

/// How a client came back after it had lost its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CameBack {
    Resumed,
    Identified,
}

/// What one client noted.
#[derive(Debug, Default)]
pub(crate) struct ClientNotes {
    pub(crate) name: String,
    pub(crate) sessions: Vec<SessionNotes>,
    /// When a lost connection was replaced, and how.
    pub(crate) returns: Vec<(u64, CameBack)>,
    /// Close codes received.
    pub(crate) closes: BTreeMap<u16, usize>,
    /// What no client should see.
    pub(crate) problems: Vec<String>,
    /// In a session on an open connection now.
    pub(crate) live: bool,
}

impl ClientNotes {
    /// Whether an event with this id came in any session.
    pub(crate) fn has(&self, id: u64) -> bool {
        let dispatches = self.sessions.iter().rev().flat_map(|session| session.dispatches.iter().rev());
        dispatches.filter_map(|dispatch| dispatch.key).any(|key| key.id == id)
    }

    pub(crate) fn judged_so_far(&self) -> usize {
        let dispatches = self.sessions.iter().flat_map(|session| &session.dispatches);
        dispatches.filter(|dispatch| dispatch.key.is_some()).count()
    }
}
