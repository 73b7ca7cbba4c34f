//! The permissions module asked of the folded state.

use miso_model::{ChannelId, GuildId, Permissions, UserId, slot};
use serde::de::DeserializeOwned;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::guild::Guild;
use crate::key::Kind;
use crate::permissions::{Channel, Member, NotAssignable, Role, Standing, assignable};
use crate::state::DiscordState;

impl DiscordState {
    /// What a member may do now in the guild, or in one of its channels or active threads. `None` when
    /// the guild, the member or the channel is not known.
    #[must_use]
    pub fn member_permissions(&self, guild: GuildId, user: UserId, channel: Option<ChannelId>) -> Option<Permissions> {
        self.permissions(guild, user, None, channel)
    }

    /// As [`member_permissions`](Self::member_permissions) for a member whom an event brought along:
    /// the members of a large guild are not all known.
    #[must_use]
    pub fn permissions_of(
        &self,
        guild: GuildId,
        user: UserId,
        member: &Member,
        channel: Option<ChannelId>,
    ) -> Option<Permissions> {
        self.permissions(guild, user, Some(member), channel)
    }

    /// What the bot may do now in the guild, or in one of its channels or active threads. `None` when
    /// the guild or the channel is not known.
    #[must_use]
    pub fn bot_permissions(&self, guild: GuildId, channel: Option<ChannelId>) -> Option<Permissions> {
        let bot = self.own_user()?.id;
        self.within(guild, |found| {
            let member = member(found, bot).unwrap_or_default();
            permissions(guild, found, bot, &member, channel, true)
        })?
    }

    /// Where a member stands, for questions about many channels; `None` when guild or member is not known.
    #[must_use]
    pub fn standing(&self, guild: GuildId, user: UserId) -> Option<Standing> {
        self.within(guild, |found| Some(standing(guild, found, user, &member(found, user)?)))?
    }

    /// As [`standing`](Self::standing) for a member whom somebody else told of.
    #[must_use]
    pub fn standing_of(&self, guild: GuildId, user: UserId, member: &Member) -> Option<Standing> {
        self.within(guild, |found| standing(guild, found, user, member))
    }

    /// Where the bot stands; `None` when the guild is not known.
    #[must_use]
    pub fn bot_standing(&self, guild: GuildId) -> Option<Standing> {
        let bot = self.own_user()?.id;
        self.within(guild, |found| standing(guild, found, bot, &member(found, bot).unwrap_or_default()))
    }

    /// Whether the bot can give this role to members; `None` when guild or role is not known.
    #[must_use]
    pub fn bot_can_assign(&self, guild: GuildId, role: u64) -> Option<Result<(), NotAssignable>> {
        let bot = self.own_user()?.id;
        self.within(guild, |found| {
            let role: Role = read(found, Kind::Role, role)?;
            let member = member(found, bot).unwrap_or_default();
            let highest = highest(found, &member);
            let standing = standing(guild, found, bot, &member);
            Some(assignable(guild, &role, &standing, owner(found) == Some(bot), highest.as_ref()))
        })?
    }

    /// Whether a member may have this role given, by Discord's order of roles: it is below their own
    /// highest, or the guild is theirs. `None` when guild or role is not known.
    #[must_use]
    pub fn outranks(&self, guild: GuildId, user: UserId, member: &Member, role: u64) -> Option<bool> {
        self.within(guild, |found| {
            let role: Role = read(found, Kind::Role, role)?;
            let above = highest(found, member).is_some_and(|highest| highest.height() > role.height());
            Some(above || owner(found) == Some(user))
        })?
    }

    /// The highest role that the bot has; `None` when the guild is not known or it has only `@everyone`.
    #[must_use]
    pub fn bot_highest_role(&self, guild: GuildId) -> Option<Role> {
        let bot = self.own_user()?.id;
        self.within(guild, |found| highest(found, &member(found, bot).unwrap_or_default()))?
    }

    fn permissions(
        &self,
        guild: GuildId,
        user: UserId,
        told: Option<&Member>,
        channel: Option<ChannelId>,
    ) -> Option<Permissions> {
        let is_bot = self.own_user().is_some_and(|own| own.id == user);
        self.within(guild, |found| {
            let known = if told.is_none() { Some(member(found, user)?) } else { None };
            permissions(guild, found, user, told.or(known.as_ref())?, channel, is_bot)
        })?
    }

    fn within<T>(&self, guild: GuildId, ask: impl FnOnce(&Guild) -> T) -> Option<T> {
        let partition = self.shared.read(slot(guild));
        partition.complete(guild.0).map(ask)
    }
}

fn permissions(
    guild: GuildId,
    found: &Guild,
    user: UserId,
    member: &Member,
    channel: Option<ChannelId>,
    is_bot: bool,
) -> Option<Permissions> {
    let standing = standing(guild, found, user, member);
    let Some(id) = channel else { return Some(standing.in_guild()) };
    if let Some(channel) = read::<Channel>(found, Kind::Channel, id.0) {
        return Some(standing.in_channel(&channel));
    }
    let thread: Channel = read(found, Kind::Thread, id.0)?;
    let parent: Channel = read(found, Kind::Channel, thread.parent_id?.0)?;
    Some(standing.in_thread(&parent, &thread, is_bot && thread.has_bot()))
}

fn standing(guild: GuildId, found: &Guild, user: UserId, member: &Member) -> Standing {
    let role = |id| read::<Role>(found, Kind::Role, id).map(|role| role.permissions);
    Standing::new(guild, owner(found), user, member, role, now_ms())
}

fn owner(guild: &Guild) -> Option<UserId> {
    guild.fields.get("owner_id").and_then(|json| serde_json::from_str(json).ok())
}

fn member(guild: &Guild, user: UserId) -> Option<Member> {
    read(guild, Kind::Member, user.0)
}

fn highest(guild: &Guild, member: &Member) -> Option<Role> {
    let roles = member.roles.iter().filter_map(|role| read::<Role>(guild, Kind::Role, role.0));
    roles.max_by_key(Role::height)
}

/// What cannot be read is as if it were not known: it gives nothing.
fn read<T: DeserializeOwned>(guild: &Guild, kind: Kind, id: u64) -> Option<T> {
    guild.child(kind, id).and_then(|child| serde_json::from_str(&child.json).ok())
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
