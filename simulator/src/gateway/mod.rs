//! The gateway: sessions, connections, and who gets which event.

mod blast;
mod connection;
mod frame;
mod generator;
mod identify;
mod reader;
mod session;
mod transport;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub(crate) use blast::{Blast, BlastSpec, TemplateSet};
pub(crate) use generator::{BlastRefused, run_blast, start_blast};
pub(crate) use reader::{Greeting, serve};

use crate::core::Core;
use crate::events::Event;
use crate::journal::Journal;
use crate::snowflake::unix_us;
use connection::Connection;
use session::{Session, Stored};

/// Sessions kept; at the bound the one that lost its connection longest ago ends.
const MAX_SESSIONS: usize = 1_024;
/// Rest between two looks at abandoned sessions.
const EXPIRE_EVERY: Duration = Duration::from_millis(500);
/// `session_start_limit.total`, per process life.
pub(crate) const IDENTIFY_TOTAL: u64 = 1_000;

/// Which connections a control call means.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Target {
    /// Only this shard's; `None`: all.
    pub(crate) shard: Option<u64>,
}

/// All sessions and connections.
#[derive(Debug)]
pub(crate) struct Hub {
    sessions: Mutex<Vec<Arc<Session>>>,
    connections: Mutex<BTreeMap<u64, Arc<Connection>>>,
    identified_us: Mutex<HashMap<u64, u64>>,
    next_id: AtomicU64,
    pub(crate) identifies: AtomicU64,
    /// Whether heartbeats are acknowledged.
    pub(crate) acks: AtomicBool,
    /// Whether new connections are answered with 503.
    pub(crate) refusing: AtomicBool,
    journal: Journal,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    pub(crate) fn new(journal: Journal) -> Self {
        Self {
            sessions: Mutex::default(),
            connections: Mutex::default(),
            identified_us: Mutex::default(),
            next_id: AtomicU64::new(1),
            identifies: AtomicU64::new(0),
            acks: AtomicBool::new(true),
            refusing: AtomicBool::new(false),
            journal,
        }
    }

    /// Sessions that have not ended.
    pub(crate) fn sessions(&self) -> Vec<Arc<Session>> {
        lock(&self.sessions).iter().filter(|session| !session.has_ended()).cloned().collect()
    }

    pub(crate) fn session(&self, id: &str) -> Option<Arc<Session>> {
        lock(&self.sessions).iter().find(|session| session.id == id).cloned()
    }

    /// Gives the event to every session that wants it. Callers hold the world's lock, so the order is the world's.
    pub(crate) fn dispatch(&self, event: Event) {
        let event = Arc::new(event);
        for session in self.sessions().iter().filter(|session| session.wants(&event)) {
            self.give(session, &event);
        }
    }

    /// Gives the event to one session.
    pub(crate) fn give(&self, session: &Session, event: &Arc<Event>) {
        let sequence = session.push([Stored::Event(Arc::clone(event))]);
        self.journal.record(&json!({
            "kind": "event", "at_us": unix_us(), "session": session.id, "shard": session.shard, "sequence": sequence, "type": event.kind,
            "id": event.id.map(|id| id.to_string()), "guild": event.guild.map(|id| id.to_string()),
            "channel": event.channel.map(|id| id.to_string()), "digest": digest(event.data_for(session.intents)),
        }));
    }

    fn connect(&self, killed: CancellationToken) -> Arc<Connection> {
        let connection = Connection::new(self.next_id.fetch_add(1, Ordering::Relaxed), killed);
        lock(&self.connections).insert(connection.id, Arc::clone(&connection));
        connection
    }

    fn disconnect(&self, connection: &Connection) {
        lock(&self.connections).remove(&connection.id);
    }

    /// Whether bucket `bucket` may IDENTIFY now; notes it when so.
    fn may_identify(&self, bucket: u64, now_us: u64, window_ms: u64) -> bool {
        let mut last = lock(&self.identified_us);
        let free = last.get(&bucket).is_none_or(|at| now_us.saturating_sub(*at) >= window_ms * 1000);
        if free {
            last.insert(bucket, now_us);
            self.identifies.fetch_add(1, Ordering::Relaxed);
        }
        free
    }

    /// Ends the sessions that nobody resumed in time.
    pub(crate) fn expire(&self, now_us: u64, ttl_ms: u64) {
        lock(&self.sessions).retain(|session| {
            let expired = session.detached_us().is_some_and(|at| now_us.saturating_sub(at) > ttl_ms * 1000);
            if expired {
                session.end();
            }
            !session.has_ended()
        });
    }

    fn add_session(&self, session: Arc<Session>) {
        let mut sessions = lock(&self.sessions);
        if sessions.len() >= MAX_SESSIONS {
            let oldest =
                sessions.iter().enumerate().filter_map(|(index, old)| old.detached_us().map(|at| (at, index))).min();
            if let Some((_, index)) = oldest {
                sessions.swap_remove(index).end();
            }
        }
        sessions.push(session);
    }

    fn targets(&self, target: Target) -> Vec<Arc<Connection>> {
        let all = lock(&self.connections);
        let wanted = all.values().filter(|connection| {
            target.shard.is_none_or(|shard| connection.session().is_some_and(|session| session.shard == shard))
        });
        wanted.cloned().collect()
    }

    /// Does one thing to the connections meant; returns how many there were.
    fn each(&self, what: &'static str, target: Target, detail: &Value, act: impl Fn(&Connection)) -> usize {
        let connections = self.targets(target);
        self.journal.record(&json!({"kind": what, "at_us": unix_us(), "shard": target.shard, "detail": detail, "connections": connections.len()}));
        for connection in &connections {
            act(connection);
        }
        connections.len()
    }

    pub(crate) fn close(&self, target: Target, code: u16) -> usize {
        self.each("fault_close", target, &json!(code), |connection| {
            if matches!(code, 1000 | 1001 | 4007 | 4009) {
                end_session(connection);
            }
            connection.close(Some(code), "closed by the control API");
        })
    }

    /// The connection ends without a close frame, as by a cut cable.
    pub(crate) fn cut(&self, target: Target) -> usize {
        self.each("fault_cut", target, &Value::Null, Connection::drop_silently)
    }

    /// Op 7.
    pub(crate) fn ask_reconnect(&self, target: Target) -> usize {
        self.each("fault_reconnect", target, &Value::Null, |connection| connection.send(op(7, &Value::Null)))
    }

    /// Op 9; not resumable: the session ends.
    pub(crate) fn invalidate(&self, target: Target, resumable: bool) -> usize {
        self.each("fault_invalidate", target, &json!(resumable), |connection| {
            if resumable {
                if let Some(session) = connection.session() {
                    session.detach(connection.id, unix_us());
                }
            } else {
                end_session(connection);
            }
            connection.set_session(None);
            connection.send(op(9, &json!(resumable)));
        })
    }

    /// Op 1: the client shall heartbeat at once.
    pub(crate) fn ask_heartbeat(&self, target: Target) -> usize {
        self.each("ask_heartbeat", target, &Value::Null, |connection| connection.send(op(1, &Value::Null)))
    }

    /// What the control API shows of the gateway.
    pub(crate) fn overview(&self) -> Value {
        let sessions: Vec<Value> = self
            .sessions()
            .iter()
            .map(|session| {
                let (sequence, sent) = session.progress();
                let connection = session.connection();
                json!({
                    "session": session.id, "shard": session.shard, "shards": session.shards, "intents": session.intents,
                    "connected": connection.is_some(), "sequence": sequence, "sent": sent,
                    "heartbeat_sequence": connection.map(|connection| connection.last_acked.load(Ordering::Relaxed)),
                })
            })
            .collect();
        json!({"sessions": sessions, "connections": lock(&self.connections).len(), "identifies": self.identifies.load(Ordering::Relaxed)})
    }
}

fn end_session(connection: &Connection) {
    if let Some(session) = connection.session() {
        session.end();
    }
}

/// Ends abandoned sessions until shutdown.
pub(crate) async fn expire_sessions(core: Arc<Core>) {
    while !core.shutdown.is_cancelled() {
        tokio::select! {
            () = core.shutdown.cancelled() => return,
            () = tokio::time::sleep(EXPIRE_EVERY) => core.hub.expire(unix_us(), core.config.session_ttl_ms),
        }
    }
}

/// FNV-1a, 64 bits, of the bytes of `d`: whoever holds the payload can tell that it is the one that was sent.
fn digest(data: &[u8]) -> u64 {
    data.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A payload that is no dispatch.
fn op(op: u8, data: &Value) -> String {
    format!("{{\"t\":null,\"s\":null,\"op\":{op},\"d\":{data}}}")
}
