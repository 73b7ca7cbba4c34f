//! The world behind the API: users, guilds, channels, messages. REST calls and the control API change it; every change leaves
//! the events Discord would send in the outbox. No I/O, no clock: `now_ms` comes in.

mod channels;
mod composing;
mod dressed;
mod elsewhere;
mod guilds;
mod interactions;
mod members;
mod messages;
mod past;
mod reactions;
mod roles;
mod seed;
mod uploads;
mod webhooks;

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde_json::{Map, Value, json};

use crate::events::Event;
use crate::snowflake::Ids;

pub(crate) use interactions::Interaction;
pub(crate) use messages::{Author, Message, MessageRange};
pub(crate) use reactions::parse_emoji;
pub(crate) use uploads::Upload;
pub(crate) use webhooks::Webhook;

/// The simulated bot, which is also its application.
pub(crate) const BOT_ID: u64 = 1_081_004_946_872_352_958;

/// Messages kept per channel; beyond it the oldest are forgotten (then 404 Unknown Message).
pub(crate) const MAX_MESSAGES_PER_CHANNEL: usize = 2_000;
/// Channels, members and roles together stop growing here: further creations are refused with Discord's 30013.
pub(crate) const MAX_GUILD_CHANNELS: usize = 500;
/// Webhooks, direct channels and interactions kept; beyond it the oldest are forgotten.
pub(crate) const MAX_KEPT: usize = 10_000;

/// Why a call is refused, in Discord's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: u32,
    pub(crate) message: &'static str,
}

const fn refusal(status: u16, code: u32, message: &'static str) -> Refusal {
    Refusal { status, code, message }
}

pub(crate) const NOT_FOUND: Refusal = refusal(404, 0, "404: Not Found");
pub(crate) const METHOD_NOT_ALLOWED: Refusal = refusal(405, 0, "405: Method Not Allowed");
pub(crate) const UNAUTHORIZED: Refusal = refusal(401, 0, "401: Unauthorized");
pub(crate) const UNKNOWN_CHANNEL: Refusal = refusal(404, 10003, "Unknown Channel");
pub(crate) const UNKNOWN_GUILD: Refusal = refusal(404, 10004, "Unknown Guild");
pub(crate) const UNKNOWN_INVITE: Refusal = refusal(404, 10006, "Unknown Invite");
pub(crate) const UNKNOWN_MEMBER: Refusal = refusal(404, 10007, "Unknown Member");
pub(crate) const UNKNOWN_MESSAGE: Refusal = refusal(404, 10008, "Unknown Message");
pub(crate) const UNKNOWN_ROLE: Refusal = refusal(404, 10011, "Unknown Role");
pub(crate) const UNKNOWN_USER: Refusal = refusal(404, 10013, "Unknown User");
pub(crate) const UNKNOWN_WEBHOOK: Refusal = refusal(404, 10015, "Unknown Webhook");
pub(crate) const UNKNOWN_BAN: Refusal = refusal(404, 10026, "Unknown Ban");
pub(crate) const UNKNOWN_INTERACTION: Refusal = refusal(404, 10062, "Unknown interaction");
pub(crate) const ALREADY_ACKNOWLEDGED: Refusal = refusal(400, 40060, "Interaction has already been acknowledged.");
pub(crate) const TOO_MANY: Refusal = refusal(400, 30013, "Maximum number of guild channels reached (500)");
pub(crate) const CANNOT_EDIT: Refusal = refusal(403, 50005, "Cannot edit a message authored by another user");
pub(crate) const EMPTY_MESSAGE: Refusal = refusal(400, 50006, "Cannot send an empty message");
pub(crate) const INVALID_FORM: Refusal = refusal(400, 50035, "Invalid Form Body");
pub(crate) const BULK_AGE: Refusal = refusal(400, 50034, "A message provided was too old to bulk delete");
pub(crate) const BULK_COUNT: Refusal = refusal(
    400,
    50016,
    "Provided too few or too many messages to delete. Must provide at least 2 and fewer than 100 messages to delete",
);

/// A guild; its channels live in [`World::channels`].
#[derive(Debug, Default)]
pub(crate) struct Guild {
    /// The guild's own fields, without lists.
    pub(crate) fields: Map<String, Value>,
    pub(crate) channels: Vec<u64>,
    pub(crate) threads: Vec<u64>,
    pub(crate) roles: BTreeMap<u64, Value>,
    pub(crate) emojis: Vec<Value>,
    /// Members without their `user`.
    pub(crate) members: BTreeMap<u64, Map<String, Value>>,
    pub(crate) bans: BTreeMap<u64, Value>,
    pub(crate) voice_states: Vec<Value>,
    pub(crate) unavailable: bool,
}

/// A channel, thread or direct channel with its messages.
#[derive(Debug, Default)]
pub(crate) struct Channel {
    pub(crate) guild: Option<u64>,
    pub(crate) fields: Map<String, Value>,
    pub(crate) messages: BTreeMap<u64, Message>,
}

/// What a nonce made: (message, channel, when).
type NonceEntry = (u64, u64, u64);

/// Everything there is.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) application_flags: u64,
    pub(crate) users: BTreeMap<u64, Value>,
    pub(crate) guilds: BTreeMap<u64, Guild>,
    pub(crate) channels: BTreeMap<u64, Channel>,
    pub(crate) direct: BTreeMap<u64, u64>,
    pub(crate) webhooks: BTreeMap<u64, Webhook>,
    /// By token; the order of creation is in `interaction_order`.
    pub(crate) interactions: HashMap<String, Interaction>,
    pub(crate) interaction_order: VecDeque<String>,
    /// Application commands by guild (`None`: global).
    pub(crate) commands: BTreeMap<Option<u64>, Vec<Value>>,
    pub(crate) invites: BTreeMap<String, Value>,
    /// Guilds that the bot is not in.
    pub(crate) elsewhere: BTreeMap<u64, elsewhere::Elsewhere>,
    nonces: HashMap<(u64, String), NonceEntry>,
    nonce_order: VecDeque<(u64, (u64, String))>,
    pub(crate) ids: Ids,
    outbox: Vec<Event>,
    pub(crate) blasted: Option<messages::Blasted>,
    pub(crate) uploads: uploads::Uploads,
}

impl World {
    /// Whether somebody who is no bot has this username.
    pub(crate) fn has_username(&self, name: &str) -> bool {
        let is = |user: &Value| user["username"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(name));
        self.users.values().any(|user| is(user) && user["bot"] != true)
    }

    /// An empty world with the bot in it.
    fn empty(application_flags: u64) -> Self {
        Self {
            application_flags,
            users: BTreeMap::new(),
            guilds: BTreeMap::new(),
            channels: BTreeMap::new(),
            direct: BTreeMap::new(),
            webhooks: BTreeMap::new(),
            interactions: HashMap::new(),
            interaction_order: VecDeque::new(),
            commands: BTreeMap::new(),
            invites: BTreeMap::new(),
            elsewhere: BTreeMap::new(),
            nonces: HashMap::new(),
            nonce_order: VecDeque::new(),
            ids: Ids::default(),
            outbox: Vec::new(),
            blasted: None,
            uploads: uploads::Uploads::default(),
        }
    }

    /// The events since the last call, in order.
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.outbox)
    }

    pub(crate) fn emit(&mut self, kind: &'static str, data: &Value) {
        self.outbox.push(Event::new(kind, data));
    }

    /// Emits an event of any type, also one nobody knows.
    pub(crate) fn emit_raw(&mut self, kind: String, data: &Value) {
        self.outbox.push(Event::new(kind, data));
    }

    fn emit_message(&mut self, kind: &'static str, data: &Value) {
        self.outbox.push(Event::of_message(kind, data, BOT_ID));
    }

    pub(crate) fn user(&self, id: u64) -> Result<&Value, Refusal> {
        self.users.get(&id).ok_or(UNKNOWN_USER)
    }

    pub(crate) fn guild(&self, id: u64) -> Result<&Guild, Refusal> {
        self.guilds.get(&id).ok_or(UNKNOWN_GUILD)
    }

    fn guild_mut(&mut self, id: u64) -> Result<&mut Guild, Refusal> {
        self.guilds.get_mut(&id).ok_or(UNKNOWN_GUILD)
    }

    pub(crate) fn channel(&self, id: u64) -> Result<&Channel, Refusal> {
        self.channels.get(&id).ok_or(UNKNOWN_CHANNEL)
    }

    fn channel_mut(&mut self, id: u64) -> Result<&mut Channel, Refusal> {
        self.channels.get_mut(&id).ok_or(UNKNOWN_CHANNEL)
    }

    /// The bot's user object as `/users/@me` and READY give it.
    pub(crate) fn own_user(&self) -> Value {
        let mut user = self.users.get(&BOT_ID).cloned().unwrap_or_else(|| json!({}));
        for (name, value) in
            [("verified", json!(true)), ("mfa_enabled", json!(true)), ("flags", json!(0)), ("email", Value::Null)]
        {
            user[name] = value;
        }
        user
    }

    /// The application object.
    pub(crate) fn application(&self) -> Value {
        let id = BOT_ID.to_string();
        let owner = self.users.values().find(|user| user["id"] != *id).cloned().unwrap_or(Value::Null);
        json!({
            "id": id, "name": "Miso", "icon": null, "description": "A simulated application", "summary": "", "type": null,
            "bot_public": true, "bot_require_code_grant": false, "verify_key": "0".repeat(64), "flags": self.application_flags,
            "owner": owner, "team": null, "hook": true, "redirect_uris": [], "interactions_endpoint_url": null,
            "approximate_guild_count": self.guilds.len(), "bot": self.users.get(&BOT_ID), "integration_types_config": {"0": {}},
        })
    }
}

/// Copies every field of `from` that is named in `allowed` into `into`; tells whether anything was copied.
fn merge(into: &mut Map<String, Value>, from: &Value, allowed: &[&str]) -> bool {
    let mut changed = false;
    for name in allowed {
        if let Some(value) = from.get(*name) {
            into.insert((*name).to_owned(), value.clone());
            changed = true;
        }
    }
    changed
}

/// A snowflake in JSON, which libraries also send as a number.
pub(crate) fn read_id(value: &Value) -> Option<u64> {
    value.as_str().and_then(|id| id.parse().ok()).or_else(|| value.as_u64())
}
