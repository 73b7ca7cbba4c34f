//! A guild's objects, one after the other, as Discord's JSON: for those who list and search.

use std::ops::Bound;

use miso_model::{GuildId, UserId, slot};

use crate::key::Kind;
use crate::state::DiscordState;

impl DiscordState {
    /// Shows every channel: id and JSON (without `guild_id`), by id. False when the guild is not known.
    /// The fold of the guild's partition waits meanwhile.
    pub fn visit_channels(&self, guild: GuildId, show: impl FnMut(u64, &str)) -> bool {
        self.visit(guild, Kind::Channel, show)
    }

    /// As [`visit_channels`](Self::visit_channels), for active threads.
    pub fn visit_threads(&self, guild: GuildId, show: impl FnMut(u64, &str)) -> bool {
        self.visit(guild, Kind::Thread, show)
    }

    /// As [`visit_channels`](Self::visit_channels), for roles.
    pub fn visit_roles(&self, guild: GuildId, show: impl FnMut(u64, &str)) -> bool {
        self.visit(guild, Kind::Role, show)
    }

    /// Shows up to `limit` known members whose id is above `after`, by id: user, offset of the event that
    /// last changed them, JSON. Answers the last one shown; `None` when there were none. The fold of the
    /// guild's partition waits meanwhile: many members are asked for in several calls.
    pub fn visit_members(
        &self,
        guild: GuildId,
        after: Option<UserId>,
        limit: usize,
        mut show: impl FnMut(UserId, i64, &str),
    ) -> Option<UserId> {
        let partition = self.shared.read(slot(guild));
        let members = partition.complete(guild.0)?.children(Kind::Member);
        let from = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.0));
        let mut last = None;
        for (&id, child) in members.range((from, Bound::Unbounded)).take(limit) {
            show(UserId(id), child.at, &child.json);
            last = Some(UserId(id));
        }
        last
    }

    /// How many members are known. Of a large guild not all are: its `member_count` is Discord's number.
    #[must_use]
    pub fn known_members(&self, guild: GuildId) -> usize {
        let partition = self.shared.read(slot(guild));
        partition.complete(guild.0).map_or(0, |guild| guild.children(Kind::Member).len())
    }

    /// When the newest folded event of the partition was appended, Unix milliseconds. After a restart that
    /// of its checkpoint, until something new comes; `None` when nothing was ever folded.
    #[must_use]
    pub fn folded_at_ms(&self, partition: i32) -> Option<i64> {
        self.shared.folded_at(partition)
    }

    fn visit(&self, guild: GuildId, kind: Kind, mut show: impl FnMut(u64, &str)) -> bool {
        let partition = self.shared.read(slot(guild));
        let Some(guild) = partition.complete(guild.0) else { return false };
        for (&id, child) in guild.children(kind) {
            show(id, &child.json);
        }
        true
    }
}
