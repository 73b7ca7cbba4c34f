//! Commands of clients, and the members they ask for (op 8): answered from state where it knows them
//! all, else by Discord, to the session that asked only.

use std::sync::Arc;

use miso_model::{Asked, EventView, GatewayCommand, LogRecord};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::item::Item;
use super::session::Session;
use super::{Core, Flow, View};
use crate::wire::ConnectionId;

/// Requests whose chunks may still come, at most; beyond it the oldest is forgotten and its late
/// chunks reach nobody.
const MAX_ASKED: usize = 1_024;
/// Members in one chunk, as Discord has it.
const CHUNK_MEMBERS: usize = 1_000;
/// `large_threshold` that makes a snapshot list everybody who is known.
const EVERYBODY: usize = usize::MAX;
/// What a client with a full window is told to wait, seconds.
const RETRY_AFTER_S: f64 = 5.0;
/// Members that Discord answers at most to a query or to `user_ids`.
const MAX_QUERIED: usize = 100;

/// Who asked for members, and how the client calls its request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AskedBy {
    pub(super) session: Arc<str>,
    pub(super) nonce: Option<String>,
}

#[derive(Deserialize)]
struct Known<'a> {
    #[serde(default)]
    member_count: Option<usize>,
    #[serde(borrow, default)]
    members: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Named {
    user: NamedUser,
    #[serde(default)]
    nick: Option<String>,
}

#[derive(Deserialize)]
struct NamedUser {
    id: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    global_name: Option<String>,
}

impl Core {
    /// Ops 3, 4, 8, 31, 43 of a client; `d` is a JSON object.
    pub(crate) fn command(&mut self, now: i64, view: &dyn View, connection: ConnectionId, op: i64, d: &str) {
        let Some(index) = self.by_connection.get(&connection).copied() else { return };
        let Ok(Value::Object(mut fields)) = serde_json::from_str(d) else { return };
        if let Some(shards) = view.shard_count() {
            self.upstream_shards = shards.max(1);
        }
        match op {
            8 => self.members(now, view, index, fields),
            3 => {
                for shard in 0..self.upstream_shards {
                    self.send_upstream(now, 3, shard, None, d.to_owned());
                }
            }
            31 => {
                // Each shard answers for its own guilds.
                for (shard, guilds) in self.by_shard(fields.get("guild_ids")) {
                    fields.insert("guild_ids".to_owned(), guilds.into());
                    self.send_upstream(now, 31, shard, None, Value::Object(fields.clone()).to_string());
                }
            }
            op => {
                let shard = self.upstream_shard(fields.get("guild_id").and_then(id).unwrap_or(0));
                let op = i32::try_from(op).unwrap_or(0);
                self.send_upstream(now, op, shard, None, d.to_owned());
            }
        }
    }

    fn by_shard(&self, guilds: Option<&Value>) -> Vec<(i32, Vec<Value>)> {
        let mut by_shard: Vec<(i32, Vec<Value>)> = Vec::new();
        for guild in guilds.and_then(Value::as_array).into_iter().flatten() {
            let shard = self.upstream_shard(id(guild).unwrap_or(0));
            match by_shard.iter_mut().find(|(known, _)| *known == shard) {
                Some((_, list)) => list.push(guild.clone()),
                None => by_shard.push((shard, vec![guild.clone()])),
            }
        }
        by_shard
    }

    fn upstream_shard(&self, guild: u64) -> i32 {
        let count = u64::try_from(self.upstream_shards.max(1)).unwrap_or(1);
        i32::try_from((guild >> 22) % count).unwrap_or(0)
    }

    fn send_upstream(&mut self, now: i64, op: i32, shard: i32, request: Option<String>, d: String) {
        let request_id = request.unwrap_or_else(|| self.new_request());
        self.effects.commands.push(GatewayCommand { op, shard, request_id, d: d.into(), at_ms: now });
    }

    /// At most 32 bytes: it is the nonce that goes upstream.
    fn new_request(&mut self) -> String {
        self.next_request += 1;
        let group = super::ids::affinity(1, &self.group.name) >> 40;
        format!("m{group:x}-{:x}", self.next_request)
    }

    fn members(&mut self, now: i64, view: &dyn View, index: usize, mut fields: Map<String, Value>) {
        // Libraries send a list of one guild, ids as numbers, and nonces of any type.
        if let Some(Value::Array(guilds)) = fields.get("guild_id") {
            let first = guilds.first().cloned().unwrap_or(Value::Null);
            fields.insert("guild_id".to_owned(), first);
        }
        let guild = fields.get("guild_id").and_then(id).unwrap_or(0);
        if self.session(index).is_some_and(Session::is_full) {
            self.answer_rate_limited(index, guild, fields.get("nonce"));
            return;
        }
        let request: Arc<str> = Value::Object(fields.clone()).to_string().into();
        if request.len() <= crate::edge::MAX_PAYLOAD_BYTES
            && let Some(chunks) = Self::members_chunks(view, &request)
        {
            for (number, d) in (0..).zip(chunks) {
                if let Some(session) = self.session_mut(index) {
                    let request = Arc::clone(&request);
                    session.push(|_| Item::Members { index: number, request }, "GUILD_MEMBERS_CHUNK", d.as_bytes());
                }
            }
            return;
        }
        let nonce = fields.remove("nonce").and_then(|nonce| match nonce {
            Value::String(text) => Some(text),
            Value::Null => None,
            other => Some(other.to_string()),
        });
        let request_id = self.new_request();
        fields.insert("nonce".to_owned(), request_id.clone().into());
        fields.insert("guild_id".to_owned(), guild.to_string().into());
        let Some(session) = self.session(index).map(|session| Arc::clone(&session.id)) else { return };
        let asked = Asked {
            home_epoch: self.epoch,
            request_id: request_id.clone(),
            session_id: session.to_string(),
            client_nonce: nonce.clone(),
        };
        self.effects.ledger.push(asked.to_bytes());
        self.remember_asked(request_id.clone(), AskedBy { session, nonce });
        let shard = self.upstream_shard(guild);
        self.send_upstream(now, 8, shard, Some(request_id), Value::Object(fields).to_string());
    }

    /// A client whose window is full gets no members either.
    fn answer_rate_limited(&mut self, index: usize, guild: u64, nonce: Option<&Value>) {
        let nonce = nonce.map_or(String::new(), |nonce| format!(",\"nonce\":{nonce}"));
        let d = format!(r#"{{"opcode":8,"retry_after":{RETRY_AFTER_S},"meta":{{"guild_id":"{guild}"{nonce}}}}}"#);
        if let Some(session) = self.session_mut(index) {
            let text = format!("RATE_LIMITED {d}").into();
            session.push(|_| Item::Other(text), "RATE_LIMITED", d.as_bytes());
        }
    }

    pub(super) fn remember_asked(&mut self, request: String, by: AskedBy) {
        if self.asked.insert(request.clone(), by).is_none() {
            self.asked_order.push_back(request);
        }
        while self.asked_order.len() > MAX_ASKED {
            if let Some(oldest) = self.asked_order.pop_front() {
                self.asked.remove(&oldest);
            }
        }
        self.is_dirty = true;
    }

    pub(super) fn forget_asked_of(&mut self, session: &str) {
        self.asked.retain(|_, by| &*by.session != session);
        let asked = &self.asked;
        self.asked_order.retain(|request| asked.contains_key(request));
    }

    /// What Discord answers to an op 8 (members, or that they were asked for too often): for the session
    /// that asked, under the client's own nonce.
    pub(super) fn reply(&mut self, now: i64, partition: i32, offset: i64, event: &EventView<'_>) -> Flow {
        let by = nonce_of(event.event_type, event.d).and_then(|nonce| self.asked.get(&nonce));
        let index = by.and_then(|by| self.by_id.get(&by.session)).copied();
        let Some((index, session)) = index.and_then(|index| Some((index, self.session(index)?))) else {
            if let Some(state) = self.partition_mut(partition) {
                state.finish(offset);
            }
            return Flow::Taken;
        };
        let key = super::ids::affinity(u64::MAX, &session.id);
        if !session.is_live() || session.is_full() {
            // Under a key of its own: the guild's events go on.
            return self.hold(partition, offset, key, false);
        }
        let d = self.reply_for_client(event.event_type, event.d);
        self.deliver_changed(now, index, (partition, offset), event.event_type, d.as_deref().unwrap_or(event.d));
        Flow::Taken
    }

    /// The reply with the client's nonce; `None`: as it is.
    pub(super) fn reply_for_client(&self, event_type: &str, d: &[u8]) -> Option<Vec<u8>> {
        let nonce = &self.asked.get(&nonce_of(event_type, d)?)?.nonce;
        let mut d: Value = serde_json::from_slice(d).ok()?;
        let holder = if event_type == "RATE_LIMITED" { d.get_mut("meta")? } else { &mut d };
        let fields = holder.as_object_mut()?;
        match nonce {
            Some(nonce) => drop(fields.insert("nonce".to_owned(), nonce.clone().into())),
            None => drop(fields.remove("nonce")),
        }
        serde_json::to_vec(&d).ok()
    }

    /// Every GUILD_MEMBERS_CHUNK's `d` that answers an op 8 from state; `None` when state cannot: the
    /// guild's members are not all known, or presences were asked for.
    pub(super) fn members_chunks(view: &dyn View, request: &str) -> Option<Vec<String>> {
        let request: Map<String, Value> = serde_json::from_str(request).ok()?;
        if request.get("presences").and_then(Value::as_bool).unwrap_or(false) {
            return None;
        }
        let guild = id(request.get("guild_id")?)?;
        let snapshot = view.snapshot(guild, EVERYBODY)?;
        let known: Known<'_> = serde_json::from_slice(&snapshot.d).ok()?;
        let ids = request.get("user_ids").filter(|ids| !ids.is_null());
        let is_complete = known.member_count.is_some_and(|count| known.members.len() >= count);
        let named = known.members.iter().filter_map(|raw| Some((raw.get(), serde_json::from_str(raw.get()).ok()?)));
        let named: Vec<(&str, Named)> = named.collect();
        let (found, missing) = match ids {
            Some(ids) => by_ids(&named, ids, is_complete)?,
            None if is_complete => (by_name(&named, &request), Vec::new()),
            None => return None,
        };
        let nonce = request.get("nonce").filter(|nonce| !nonce.is_null());
        let nonce = nonce.map_or(String::new(), |nonce| format!(",\"nonce\":{nonce}"));
        let missing = if ids.is_some() { format!(",\"not_found\":{}", Value::from(missing)) } else { String::new() };
        let count = found.len().div_ceil(CHUNK_MEMBERS).max(1);
        let chunk = |number: usize| {
            let members = found.get(number * CHUNK_MEMBERS..).unwrap_or_default();
            let members = &members[..members.len().min(CHUNK_MEMBERS)];
            format!(
                r#"{{"guild_id":"{guild}","members":[{}],"chunk_index":{number},"chunk_count":{count}{missing}{nonce}}}"#,
                members.join(",")
            )
        };
        Some((0..count).map(chunk).collect())
    }
}

/// Members of these ids, and the ids that are nobody's; `None` when Discord must be asked for some.
fn by_ids<'a>(named: &[(&'a str, Named)], ids: &Value, is_complete: bool) -> Option<(Vec<&'a str>, Vec<String>)> {
    let one = std::slice::from_ref(ids);
    let ids = ids.as_array().map_or(one, Vec::as_slice);
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for wanted in ids.iter().take(MAX_QUERIED).filter_map(id) {
        let wanted = wanted.to_string();
        match named.iter().find(|(_, member)| member.user.id == wanted) {
            Some((json, _)) => found.push(*json),
            None if is_complete => missing.push(wanted),
            None => return None,
        }
    }
    Some((found, missing))
}

/// Members whose name begins with `query`; an empty query with limit 0 is everybody.
fn by_name<'a>(named: &[(&'a str, Named)], request: &Map<String, Value>) -> Vec<&'a str> {
    let query = request.get("query").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let limit = request.get("limit").and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok()).unwrap_or(0);
    let limit = match (limit, query.is_empty()) {
        (0, true) => usize::MAX,
        (0, false) => MAX_QUERIED,
        (limit, true) => limit,
        (limit, false) => limit.min(MAX_QUERIED),
    };
    let starts = |name: &str| name.to_lowercase().starts_with(&query);
    let matches = |member: &Named| {
        starts(&member.user.username)
            || member.nick.as_deref().is_some_and(starts)
            || member.user.global_name.as_deref().is_some_and(starts)
    };
    named.iter().filter(|(_, member)| matches(member)).map(|(json, _)| *json).take(limit).collect()
}

/// An id as a string or a number.
fn id(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// The nonce of an op 8's reply.
fn nonce_of(event_type: &str, d: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct WithNonce {
        #[serde(default)]
        nonce: Option<String>,
        #[serde(default)]
        meta: Option<Meta>,
    }
    #[derive(Deserialize)]
    struct Meta {
        #[serde(default)]
        nonce: Option<String>,
    }
    let reply: WithNonce = serde_json::from_slice(d).ok()?;
    if event_type == "RATE_LIMITED" { reply.meta?.nonce } else { reply.nonce }
}
