//! The handle that other rooms hold.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use bytes::Bytes;
use miso_log::SharedLog;
use miso_model::{ChannelId, GuildId, SLOTS, UserId, slot};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::driver;
use crate::key::Kind;
use crate::object;
use crate::partition::Partition;
use crate::snapshot::{self, GuildSnapshot};

/// Members up to which a snapshot lists all that are known, unless the handler asks otherwise: the
/// greatest `large_threshold` that Discord takes.
pub const LARGE_THRESHOLD: usize = 250;

/// How the fold is kept.
#[derive(Debug, Clone)]
pub struct StateConfig {
    /// How often what changed is written to `discord.state`, at the most.
    pub checkpoint_interval: Duration,
}

impl Default for StateConfig {
    fn default() -> Self {
        Self { checkpoint_interval: Duration::from_secs(5) }
    }
}

/// The state cannot be had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StateError {
    /// The process is ending, or its log was closed.
    #[error("the fold of Discord's state has ended")]
    Ended,
}

/// The bot's own user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnUser {
    /// Its id.
    pub id: UserId,
    /// The user object, JSON.
    pub json: Bytes,
}

/// The fold of all partitions of `gateway.events`, kept up to date by tasks that end with it.
#[derive(Debug)]
pub struct DiscordState {
    pub(crate) shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    partitions: Vec<RwLock<Partition>>,
    /// Offset of the next record to be folded, per partition; -1 before the restore.
    folded: Vec<AtomicI64>,
    /// When the newest folded record was appended, Unix milliseconds, per partition; 0: none yet.
    folded_at: Vec<AtomicI64>,
    /// Told after every batch.
    pub(crate) progress: watch::Sender<()>,
    /// Whether the fold has caught up with what stood in the log when it began.
    pub(crate) ready: watch::Sender<bool>,
    channels: RwLock<HashMap<u64, u64>>,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self {
            partitions: (0..SLOTS).map(|_| RwLock::default()).collect(),
            folded: (0..SLOTS).map(|_| AtomicI64::new(-1)).collect(),
            folded_at: (0..SLOTS).map(|_| AtomicI64::new(0)).collect(),
            progress: watch::Sender::new(()),
            ready: watch::Sender::new(false),
            channels: RwLock::default(),
        }
    }

    fn index(partition: i32) -> usize {
        usize::try_from(partition.clamp(0, SLOTS - 1)).unwrap_or(0)
    }

    pub(crate) fn read(&self, partition: i32) -> RwLockReadGuard<'_, Partition> {
        self.partitions[Self::index(partition)].read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self, partition: i32) -> RwLockWriteGuard<'_, Partition> {
        self.partitions[Self::index(partition)].write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn folded(&self, partition: i32) -> i64 {
        self.folded[Self::index(partition)].load(Ordering::Acquire)
    }

    pub(crate) fn set_folded(&self, partition: i32, next: i64) {
        self.folded[Self::index(partition)].store(next, Ordering::Release);
    }

    pub(crate) fn folded_at(&self, partition: i32) -> Option<i64> {
        Some(self.folded_at[Self::index(partition)].load(Ordering::Relaxed)).filter(|at| *at > 0)
    }

    /// A record of this time was folded.
    pub(crate) fn note_folded_at(&self, partition: i32, at_ms: i64) {
        self.folded_at[Self::index(partition)].fetch_max(at_ms, Ordering::Relaxed);
    }

    /// Takes over which channels have come and gone.
    pub(crate) fn index_channels(&self, moved: Vec<(u64, Option<u64>)>) {
        if moved.is_empty() {
            return;
        }
        let mut channels = self.channels.write().unwrap_or_else(PoisonError::into_inner);
        for (channel, guild) in moved {
            match guild {
                Some(guild) => drop(channels.insert(channel, guild)),
                None => drop(channels.remove(&channel)),
            }
        }
    }
}

impl DiscordState {
    /// Begins to restore and fold. Needs a tokio runtime. Ends when cancelled (after a last
    /// checkpoint, within 5 s) or dropped (at once).
    #[must_use]
    pub fn start(log: SharedLog, config: StateConfig, cancel: CancellationToken) -> Arc<Self> {
        let shared = Arc::new(Shared::new());
        let mut tasks = JoinSet::new();
        tasks.spawn(driver::run(log, config, Arc::clone(&shared), cancel));
        Arc::new(Self { shared, _tasks: tasks })
    }

    /// True once the fold has caught up with what stood in the log at the start.
    #[must_use]
    pub fn ready(&self) -> watch::Receiver<bool> {
        self.shared.ready.subscribe()
    }

    /// Offset of the next record of `gateway.events` that will be folded; -1 before the restore.
    #[must_use]
    pub fn folded(&self, partition: i32) -> i64 {
        self.shared.folded(partition)
    }

    /// Waits until every record of the partition below `next_offset` is folded. Returns at once when
    /// it is. Cancel-safe.
    pub async fn wait_folded(&self, partition: i32, next_offset: i64) {
        if self.folded(partition) >= next_offset {
            return;
        }
        let mut progress = self.shared.progress.subscribe();
        while self.folded(partition) < next_offset {
            // The sender lives as long as `self`.
            let _ = progress.changed().await;
        }
    }

    /// The guild as a GUILD_CREATE's `d`, members up to [`LARGE_THRESHOLD`]. `None` when the bot is
    /// not in it, or its first GUILD_CREATE has not come yet.
    #[must_use]
    pub fn guild_snapshot(&self, guild: GuildId) -> Option<GuildSnapshot> {
        self.guild_snapshot_for(guild, LARGE_THRESHOLD)
    }

    /// As [`guild_snapshot`](Self::guild_snapshot), for a handler with its own `large_threshold`
    /// (members).
    #[must_use]
    pub fn guild_snapshot_for(&self, guild: GuildId, large_threshold: usize) -> Option<GuildSnapshot> {
        let own = self.own_user();
        let own = own.as_ref().and_then(|own| Some((own.id.0, std::str::from_utf8(&own.json).ok()?)));
        let number = slot(guild);
        let partition = self.shared.read(number);
        // Read under the lock: everything below this offset is in the partition.
        let next_offset = self.shared.folded(number);
        let found = partition.complete(guild.0)?;
        Some(GuildSnapshot {
            guild_id: guild,
            next_offset,
            unavailable: found.is_unavailable(),
            d: snapshot::render(found, own, large_threshold),
        })
    }

    /// Guilds of this partition that the bot is in, those whose GUILD_CREATE has not come included,
    /// by id.
    #[must_use]
    pub fn guild_ids(&self, partition: i32) -> Vec<GuildId> {
        let mut ids: Vec<GuildId> = self.shared.read(partition).guilds.keys().copied().map(GuildId).collect();
        ids.sort_unstable();
        ids
    }

    /// Whether the GUILD_CREATE at this offset (of the guild's partition, already folded) was an
    /// initial one, of a guild that was known or listed in the shard's READY; else the bot joined.
    #[must_use]
    pub fn was_initial(&self, guild: GuildId, offset: i64) -> bool {
        !self.shared.read(slot(guild)).was_join(offset, guild)
    }

    /// Offset of the GUILD_CREATE with which the bot joined the guild, while it is remembered; `None` for a
    /// guild that a READY listed. A reader that has not reached it must not be told of the guild before.
    #[must_use]
    pub fn joined_at(&self, guild: GuildId) -> Option<i64> {
        self.shared.read(slot(guild)).joined_at(guild)
    }

    /// The bot's user, once a READY was folded.
    #[must_use]
    pub fn own_user(&self) -> Option<OwnUser> {
        let json = self.own_field("user")?;
        Some(OwnUser { id: UserId(object::id_of(std::str::from_utf8(&json).ok()?)?), json })
    }

    /// READY's `application` (id and flags), JSON.
    #[must_use]
    pub fn application(&self) -> Option<Bytes> {
        self.own_field("application")
    }

    fn own_field(&self, field: &str) -> Option<Bytes> {
        let partition = self.shared.read(0);
        let own = partition.own.as_ref()?;
        let fields = object::object(own.json.as_bytes()).ok()?;
        fields.get(field).map(|raw| Bytes::copy_from_slice(raw.get().as_bytes()))
    }

    /// Number of upstream shards, once a READY was folded.
    #[must_use]
    pub fn shard_count(&self) -> Option<i32> {
        self.shared.read(0).shards.as_ref().and_then(|shards| shards.json.parse().ok())
    }

    /// The guild of a channel or an active thread.
    #[must_use]
    pub fn channel_guild(&self, channel: ChannelId) -> Option<GuildId> {
        let channels = self.shared.channels.read().unwrap_or_else(PoisonError::into_inner);
        channels.get(&channel.0).copied().map(GuildId)
    }

    /// A guild's channel or active thread, JSON without `guild_id`.
    #[must_use]
    pub fn channel(&self, channel: ChannelId) -> Option<Bytes> {
        let guild = self.channel_guild(channel)?;
        self.child(guild, Kind::Channel, channel.0).or_else(|| self.child(guild, Kind::Thread, channel.0))
    }

    /// A member that is known, JSON with `user`, without `guild_id`.
    #[must_use]
    pub fn member(&self, guild: GuildId, user: UserId) -> Option<Bytes> {
        self.child(guild, Kind::Member, user.0)
    }

    /// A role, JSON.
    #[must_use]
    pub fn role(&self, guild: GuildId, role: u64) -> Option<Bytes> {
        self.child(guild, Kind::Role, role)
    }

    /// The guild's own fields, JSON: without channels, threads, roles, members, voice states.
    #[must_use]
    pub fn guild(&self, guild: GuildId) -> Option<Bytes> {
        self.shared.read(slot(guild)).complete(guild.0).map(|guild| guild.json().into())
    }

    fn child(&self, guild: GuildId, kind: Kind, id: u64) -> Option<Bytes> {
        let partition = self.shared.read(slot(guild));
        let child = partition.guilds.get(&guild.0)?.child(kind, id)?;
        Some(Bytes::copy_from_slice(child.json.as_bytes()))
    }
}
