//! What a home must know of Discord's state.

use bytes::Bytes;
use miso_discord_state::DiscordState;
use miso_model::GuildId;

/// A guild as the `d` of a GUILD_CREATE.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    /// Events of the guild's partition below this offset are in it.
    pub(crate) next_offset: i64,
    /// JSON, `unavailable: false`.
    pub(crate) d: Bytes,
}

/// Discord's state, as folded in this process. Reading it is quick and does no I/O.
pub(crate) trait View: Send + Sync {
    /// The bot's user: id and JSON. `None` before the first READY of Discord.
    fn own_user(&self) -> Option<(u64, Bytes)>;
    /// READY's `application`, JSON.
    fn application(&self) -> Option<Bytes>;
    /// Guilds of a partition that the bot is in.
    fn guild_ids(&self, partition: i32) -> Vec<u64>;
    /// Offset of the GUILD_CREATE with which the bot joined, where it is remembered.
    fn joined_at(&self, guild: u64) -> Option<i64>;
    /// Whether the GUILD_CREATE at this offset is a join, not the first sight of a guild the bot was in.
    fn is_join(&self, guild: u64, offset: i64) -> bool;
    /// The guild as it stands; `None` while it was not seen yet. `large_threshold` in members.
    fn snapshot(&self, guild: u64, large_threshold: usize) -> Option<Snapshot>;
    /// Number of upstream shards.
    fn shard_count(&self) -> Option<i32>;
}

impl View for DiscordState {
    fn own_user(&self) -> Option<(u64, Bytes)> {
        Self::own_user(self).map(|own| (own.id.0, own.json))
    }
    fn application(&self) -> Option<Bytes> {
        Self::application(self)
    }
    fn guild_ids(&self, partition: i32) -> Vec<u64> {
        Self::guild_ids(self, partition).into_iter().map(|id| id.0).collect()
    }
    fn joined_at(&self, guild: u64) -> Option<i64> {
        Self::joined_at(self, GuildId(guild))
    }
    fn is_join(&self, guild: u64, offset: i64) -> bool {
        !self.was_initial(GuildId(guild), offset)
    }
    fn snapshot(&self, guild: u64, large_threshold: usize) -> Option<Snapshot> {
        let found = self.guild_snapshot_for(GuildId(guild), large_threshold)?;
        (!found.unavailable).then_some(Snapshot { next_offset: found.next_offset, d: found.d })
    }
    fn shard_count(&self) -> Option<i32> {
        Self::shard_count(self)
    }
}
