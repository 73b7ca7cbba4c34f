//! The fold of one partition of `gateway.events`: which event changes what. Pure.

use std::collections::{BTreeMap, HashMap, VecDeque};

use miso_model::{EventView, GatewayGap, GuildId, LogRecord, RecordError, ShardReady};

use crate::guild::{Changed, Child, Guild, NO_SNAPSHOT};
use crate::key::{Key, Kind};
use crate::object::{self, Object};

/// Joins remembered per partition, so that a reader that is behind can still tell them from initial
/// GUILD_CREATEs of guilds that were left since. Beyond it the oldest is forgotten.
const JOINS: usize = 1_024;

/// A record could not be folded. The fold goes on with the next one.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// The record cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The event's `d` is not the JSON that its type promises.
    #[error("{event_type} at offset {offset} is not as Discord documents it: {reason}")]
    Payload {
        /// Discord's `t`.
        event_type: String,
        /// Where it stands.
        offset: i64,
        /// What is missing.
        reason: String,
    },
}

/// Everything that one partition of `gateway.events` tells.
#[derive(Debug, Default)]
pub struct Partition {
    pub(crate) guilds: HashMap<u64, Guild>,
    pub(crate) dms: BTreeMap<u64, Child>,
    pub(crate) own: Option<Child>,
    /// Number of upstream shards, by the newest ShardReady.
    pub(crate) shards: Option<Child>,
    /// Objects that changed since they were last written to `discord.state`, and the offset that
    /// changed them. As many as there are objects at most.
    pub(crate) dirty: BTreeMap<Key, i64>,
    /// Channels and threads whose guild changed since this was last taken.
    pub(crate) moved: Vec<(u64, Option<u64>)>,
    joins: VecDeque<(i64, u64)>,
}

/// What is folded; everything else is skipped by its type alone.
fn concerns_state(event_type: &str) -> bool {
    let skipped = ["MESSAGE_", "TYPING_", "PRESENCE_", "INTERACTION_"];
    if skipped.iter().any(|prefix| event_type.starts_with(prefix)) {
        return false;
    }
    let folded = ["GUILD_", "CHANNEL_", "THREAD_", "VOICE_", "STAGE_", "USER_", "READY"];
    folded.iter().any(|prefix| event_type.starts_with(prefix))
}

impl Partition {
    /// Whether a record of `gateway.events` can change anything here. Looks at its type only.
    ///
    /// # Errors
    /// [`FoldError::Record`] for bytes that are no record.
    pub fn concerns(value: &[u8]) -> Result<bool, FoldError> {
        Ok(EventView::decode(value)?.is_none_or(|event| concerns_state(event.event_type)))
    }

    /// Folds one record of `gateway.events`.
    ///
    /// # Errors
    /// [`FoldError`]; nothing was changed then.
    pub fn fold(&mut self, offset: i64, value: &[u8]) -> Result<(), FoldError> {
        if let Some(event) = EventView::decode(value)? {
            if !concerns_state(event.event_type) {
                return Ok(());
            }
            return self.event(offset, &event).map_err(|reason| FoldError::Payload {
                event_type: event.event_type.to_owned(),
                offset,
                reason,
            });
        }
        if ShardReady::codec().wrote(value) {
            self.shard_ready(offset, &ShardReady::from_bytes(value)?);
            return Ok(());
        }
        // What a gap hid shows in the GUILD_CREATEs that follow it: nothing to fold.
        GatewayGap::from_bytes(value)?;
        Ok(())
    }

    /// Whether the GUILD_CREATE at this offset was the bot joining the guild.
    #[must_use]
    pub fn was_join(&self, offset: i64, guild: GuildId) -> bool {
        self.joins.iter().any(|&join| join == (offset, guild.0))
            || self.guilds.get(&guild.0).is_some_and(|known| known.presence == offset)
    }

    /// Offset of the GUILD_CREATE with which the bot's presence in the guild began, while it is remembered as
    /// a join; `None` for a guild that a READY listed.
    pub(crate) fn joined_at(&self, guild: GuildId) -> Option<i64> {
        let presence = self.guilds.get(&guild.0)?.presence;
        self.joins.contains(&(presence, guild.0)).then_some(presence)
    }

    fn event(&mut self, at: i64, event: &EventView<'_>) -> Result<(), String> {
        let d = object::object(event.d).map_err(|error| error.to_string())?;
        match event.event_type {
            "READY" => {
                let fields = [("application", d.get("application")), ("user", d.get("user"))];
                let present = fields.into_iter().filter_map(|(name, raw)| raw.map(|raw| (name, raw.get())));
                let mut json = String::new();
                object::write(present, &mut json);
                self.set_own(at, json);
                return Ok(());
            }
            "USER_UPDATE" => {
                let own = self.own.as_ref().and_then(|own| object::object(own.json.as_bytes()).ok());
                let user = object::without(&d, &[]);
                let kept = own.iter().flatten().filter(|(name, _)| *name != "user");
                let kept = kept.map(|(name, raw)| (name.as_str(), raw.get()));
                let mut json = String::new();
                object::write(kept.chain([("user", user.as_str())]), &mut json);
                self.set_own(at, json);
                return Ok(());
            }
            _ => {}
        }
        let Some(guild) = event.guild_id.map(|id| id.0) else { return self.direct(at, event.event_type, &d) };
        if self.is_past(at, guild) {
            return Ok(());
        }
        match event.event_type {
            "GUILD_CREATE" => self.guild_create(at, guild, &d),
            "GUILD_DELETE" => self.guild_delete(at, guild, &d),
            _ => return self.within(at, guild, event.event_type, &d),
        }
        Ok(())
    }

    /// Whether an event is about a presence before the one that is known: a checkpoint written in part
    /// may already have the guild as it was joined again later.
    fn is_past(&self, at: i64, guild: u64) -> bool {
        self.guilds.get(&guild).is_some_and(|known| at < known.presence)
    }

    fn set_own(&mut self, at: i64, json: String) {
        if self.own.as_ref().is_none_or(|own| own.at < at) {
            self.own = Some(Child { at, json: json.into() });
            self.dirty.insert(Key::Own, at);
        }
    }

    /// Events without a guild: direct-message channels.
    fn direct(&mut self, at: i64, event_type: &str, d: &Object<'_>) -> Result<(), String> {
        if !matches!(event_type, "CHANNEL_CREATE" | "CHANNEL_UPDATE" | "CHANNEL_DELETE") {
            return Ok(());
        }
        let id = object::id(d.get("id")).ok_or("no id")?;
        if self.dms.get(&id).is_some_and(|old| old.at >= at) {
            return Ok(());
        }
        if event_type == "CHANNEL_DELETE" {
            self.dms.remove(&id);
        } else {
            self.dms.insert(id, Child { at, json: object::without(d, &[]).into() });
        }
        self.dirty.insert(Key::Dm(id), at);
        Ok(())
    }

    fn guild_create(&mut self, at: i64, id: u64, d: &Object<'_>) {
        if object::is_true(d, "unavailable") {
            return self.unavailable(at, id);
        }
        let guild = self.guilds.entry(id).or_insert_with(|| {
            if self.joins.len() == JOINS {
                self.joins.pop_front();
            }
            self.joins.push_back((at, id));
            Guild::new(id, at)
        });
        let (own, children) = guild.create(at, d);
        self.note(at, id, own, children);
    }

    fn guild_delete(&mut self, at: i64, id: u64, d: &Object<'_>) {
        if object::is_true(d, "unavailable") {
            return self.unavailable(at, id);
        }
        self.leave(at, id);
    }

    fn unavailable(&mut self, at: i64, id: u64) {
        let guild = self.guilds.entry(id).or_insert_with(|| {
            self.dirty.insert(Key::Guild(id), at);
            Guild::new(id, at)
        });
        let own = guild.set(at, &[("unavailable", "true")]);
        self.note(at, id, own, Changed::new());
    }

    /// The bot is in this guild no more.
    fn leave(&mut self, at: i64, id: u64) {
        if self.is_past(at, id) {
            return;
        }
        let Some(guild) = self.guilds.remove(&id) else { return };
        let children = Kind::ALL.into_iter().flat_map(|kind| guild.children(kind).keys().map(move |&id| (kind, id)));
        self.note(at, id, true, children.collect());
    }

    fn shard_ready(&mut self, at: i64, ready: &ShardReady) {
        if self.shards.as_ref().is_none_or(|shards| shards.at < at) {
            self.shards = Some(Child { at, json: ready.shard_count.to_string().into() });
            self.dirty.insert(Key::Shards, at);
        }
        let (shard, count) =
            (u64::from(ready.shard.unsigned_abs()), u64::from(ready.shard_count.unsigned_abs().max(1)));
        let left: Vec<u64> = self
            .guilds
            .keys()
            .copied()
            .filter(|&id| (id >> 22) % count == shard && !ready.guild_ids.contains(&GuildId(id)))
            .collect();
        for id in left {
            self.leave(at, id);
        }
        for id in &ready.guild_ids {
            if !self.guilds.contains_key(&id.0) {
                self.unavailable(at, id.0);
            }
        }
    }

    /// Events of a guild that is known; of an unknown one they are skipped: its GUILD_CREATE will
    /// tell everything.
    fn within(&mut self, at: i64, id: u64, event_type: &str, d: &Object<'_>) -> Result<(), String> {
        let Some(guild) = self.guilds.get_mut(&id) else { return Ok(()) };
        let own_id = || object::id(d.get("id")).ok_or("no id");
        let put = |guild: &mut Guild, kind, id, json: String| -> Changed {
            if guild.put(kind, id, at, json) { vec![(kind, id)] } else { Changed::new() }
        };
        let take = |guild: &mut Guild, kind, id| -> Changed {
            if guild.take(kind, id, at) { vec![(kind, id)] } else { Changed::new() }
        };
        let (own, children) = match event_type {
            "GUILD_UPDATE" => guild.update(at, d),
            "GUILD_EMOJIS_UPDATE" => (set_field(guild, at, "emojis", d)?, Changed::new()),
            "GUILD_STICKERS_UPDATE" => (set_field(guild, at, "stickers", d)?, Changed::new()),
            "GUILD_ROLE_CREATE" | "GUILD_ROLE_UPDATE" => {
                let role = d.get("role").ok_or("no role")?.get();
                let role_id = object::id_of(role).ok_or("no role.id")?;
                (false, put(guild, Kind::Role, role_id, role.to_owned()))
            }
            "GUILD_ROLE_DELETE" => (false, take(guild, Kind::Role, object::id(d.get("role_id")).ok_or("no role_id")?)),
            "GUILD_MEMBER_ADD" => {
                let json = object::without(d, &["guild_id"]);
                let user = object::member_id(&json).ok_or("no user.id")?;
                (guild.count_member(at, 1), put(guild, Kind::Member, user, json))
            }
            "GUILD_MEMBER_UPDATE" => {
                let user = d.get("user").and_then(|user| object::id_of(user.get())).ok_or("no user.id")?;
                let old = guild.child(Kind::Member, user).map(|old| &*old.json);
                let json = object::overlaid(old, d, &["guild_id"]);
                (false, put(guild, Kind::Member, user, json))
            }
            "GUILD_MEMBER_REMOVE" => {
                let user = d.get("user").and_then(|user| object::id_of(user.get())).ok_or("no user.id")?;
                (guild.count_member(at, -1), take(guild, Kind::Member, user))
            }
            "GUILD_MEMBERS_CHUNK" => (false, guild.put_all(Kind::Member, at, d.get("members")).0),
            "CHANNEL_CREATE" | "CHANNEL_UPDATE" => {
                let channel = own_id()?;
                (false, put(guild, Kind::Channel, channel, object::without(d, &["guild_id"])))
            }
            "CHANNEL_DELETE" => {
                let channel = own_id()?;
                let mut taken = take(guild, Kind::Channel, channel);
                taken.extend(guild.take_unless(Kind::Thread, at, |_, thread| parent(thread) != Some(channel)));
                (false, taken)
            }
            "CHANNEL_PINS_UPDATE" => (false, channel_field(guild, at, "channel_id", "last_pin_timestamp", d)),
            "VOICE_CHANNEL_STATUS_UPDATE" => (false, channel_field(guild, at, "id", "status", d)),
            "THREAD_CREATE" | "THREAD_UPDATE" => {
                let thread = own_id()?;
                if archived(d) {
                    (false, take(guild, Kind::Thread, thread))
                } else {
                    let old = guild.child(Kind::Thread, thread).map(|old| &*old.json);
                    let json = object::overlaid(old, d, &["guild_id", "newly_created"]);
                    (false, put(guild, Kind::Thread, thread, json))
                }
            }
            "THREAD_DELETE" => (false, take(guild, Kind::Thread, own_id()?)),
            "THREAD_LIST_SYNC" => (false, thread_list(guild, at, d)),
            "THREAD_MEMBERS_UPDATE" => (false, thread_field(guild, at, "member_count", d)),
            "VOICE_STATE_UPDATE" => {
                let user = object::id(d.get("user_id")).ok_or("no user_id")?;
                if d.get("channel_id").is_none_or(|channel| channel.get() == "null") {
                    (false, take(guild, Kind::Voice, user))
                } else {
                    (false, put(guild, Kind::Voice, user, object::without(d, &["guild_id", "member"])))
                }
            }
            "GUILD_SCHEDULED_EVENT_CREATE" | "GUILD_SCHEDULED_EVENT_UPDATE" => {
                (listed(guild, at, "guild_scheduled_events", own_id()?, Some(d)), Changed::new())
            }
            "GUILD_SCHEDULED_EVENT_DELETE" => {
                (listed(guild, at, "guild_scheduled_events", own_id()?, None), Changed::new())
            }
            "STAGE_INSTANCE_CREATE" | "STAGE_INSTANCE_UPDATE" => {
                (listed(guild, at, "stage_instances", own_id()?, Some(d)), Changed::new())
            }
            "STAGE_INSTANCE_DELETE" => (listed(guild, at, "stage_instances", own_id()?, None), Changed::new()),
            _ => return Ok(()),
        };
        self.note(at, id, own, children);
        Ok(())
    }

    /// Remembers what must be written, and which channels have come or gone.
    fn note(&mut self, at: i64, guild: u64, own: bool, children: Changed) {
        if own {
            self.dirty.insert(Key::Guild(guild), at);
        }
        for (kind, id) in children {
            self.dirty.insert(Key::Child(guild, kind, id), at);
            if matches!(kind, Kind::Channel | Kind::Thread) {
                let there = self.guilds.get(&guild).is_some_and(|known| known.child(kind, id).is_some());
                self.moved.push((id, there.then_some(guild)));
            }
        }
    }

    /// Guilds whose GUILD_CREATE has come.
    pub(crate) fn complete(&self, guild: u64) -> Option<&Guild> {
        self.guilds.get(&guild).filter(|guild| guild.snapshot != NO_SNAPSHOT)
    }
}

fn set_field(guild: &mut Guild, at: i64, name: &str, d: &Object<'_>) -> Result<bool, String> {
    let list = d.get(name).ok_or_else(|| format!("no {name}"))?;
    Ok(guild.set(at, &[(name, list.get())]))
}

/// An element of one of the guild's lists was put (whole) or taken out.
fn listed(guild: &mut Guild, at: i64, name: &str, id: u64, element: Option<&Object<'_>>) -> bool {
    let element = element.map(|d| object::without(d, &[]));
    let list = object::array_with(guild.fields.get(name).map(|json| &**json), id, element.as_deref());
    guild.set(at, &[(name, &list)])
}

/// One field of a channel changed; an unknown channel is left to its guild's GUILD_CREATE.
fn channel_field(guild: &mut Guild, at: i64, id_field: &str, field: &str, d: &Object<'_>) -> Changed {
    let (Some(id), Some(value)) = (object::id(d.get(id_field)), d.get(field)) else { return Changed::new() };
    let kind = if guild.child(Kind::Thread, id).is_some() { Kind::Thread } else { Kind::Channel };
    let Some(old) = guild.child(kind, id) else { return Changed::new() };
    let json = object::overlaid(Some(&old.json), &Object::from([(field.to_owned(), *value)]), &[]);
    if guild.put(kind, id, at, json) { vec![(kind, id)] } else { Changed::new() }
}

fn thread_field(guild: &mut Guild, at: i64, field: &str, d: &Object<'_>) -> Changed {
    let (Some(id), Some(value)) = (object::id(d.get("id")), d.get(field)) else { return Changed::new() };
    let Some(old) = guild.child(Kind::Thread, id) else { return Changed::new() };
    let json = object::overlaid(Some(&old.json), &Object::from([(field.to_owned(), *value)]), &[]);
    if guild.put(Kind::Thread, id, at, json) { vec![(Kind::Thread, id)] } else { Changed::new() }
}

/// Active threads of the named channels, or of all: those not listed are active no more.
fn thread_list(guild: &mut Guild, at: i64, d: &Object<'_>) -> Changed {
    let channels: Option<Vec<miso_model::Snowflake>> =
        d.get("channel_ids").and_then(|raw| serde_json::from_str(raw.get()).ok());
    let (mut changed, listed) = guild.put_all(Kind::Thread, at, d.get("threads"));
    changed.extend(guild.take_unless(Kind::Thread, at, |id, thread| {
        let concerned = channels.as_ref().is_none_or(|channels| {
            parent(thread).is_some_and(|parent| channels.contains(&miso_model::Snowflake(parent)))
        });
        !concerned || listed.contains(&id)
    }));
    changed
}

fn parent(thread: &Child) -> Option<u64> {
    object::object(thread.json.as_bytes()).ok().and_then(|thread| object::id(thread.get("parent_id")))
}

fn archived(d: &Object<'_>) -> bool {
    let metadata = d.get("thread_metadata").and_then(|raw| object::object(raw.get().as_bytes()).ok());
    metadata.is_some_and(|metadata| object::is_true(&metadata, "archived"))
}
