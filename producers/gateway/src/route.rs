//! Which partition of `gateway.events` an event belongs to, and which shards an owner has. Pure.

use miso_log::catalogue::OWNERS;
use miso_model::{ChannelId, GuildId, UserId, slot};

use crate::scan::Routing;

/// An event's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Partition of `gateway.events`.
    pub partition: i32,
    /// The guild.
    pub guild_id: Option<GuildId>,
    /// The channel; of an event about a channel or a thread, itself.
    pub channel_id: Option<ChannelId>,
    /// The user.
    pub user_id: Option<UserId>,
}

/// Guild events by their guild, direct messages by channel, else by user; what names none of them,
/// and what is about the bot itself, goes to partition 0.
#[must_use]
pub fn route(event_type: &str, routing: &Routing) -> Route {
    let guild = match event_type {
        "GUILD_CREATE" | "GUILD_UPDATE" | "GUILD_DELETE" => routing.id,
        _ => routing.guild_id,
    };
    let is_channel = event_type.starts_with("CHANNEL_") || event_type.starts_with("THREAD_");
    let channel = routing.channel_id.or(routing.id.filter(|_| is_channel));
    let partition = match (guild, channel, routing.user_id) {
        _ if event_type == "READY" => 0,
        (Some(id), _, _) | (None, Some(id), _) | (None, None, Some(id)) => slot(id),
        (None, None, None) => 0,
    };
    Route {
        partition,
        guild_id: guild.map(GuildId),
        channel_id: channel.map(ChannelId),
        user_id: routing.user_id.map(UserId),
    }
}

/// The partition of `gateway.commands` and `gateway.checkpoints` that stands for a shard. Shards of
/// one IDENTIFY bucket (`shard % max_concurrency`) have one owner.
#[must_use]
pub fn owner_of(shard: i32, max_concurrency: i32) -> i32 {
    (shard % max_concurrency.max(1)) % OWNERS
}

/// The shards of an owner, in order.
pub fn shards_of(owner: i32, count: i32, max_concurrency: i32) -> impl Iterator<Item = i32> {
    (0..count).filter(move |&shard| owner_of(shard, max_concurrency) == owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUILD: u64 = 5 << 22;
    const CHANNEL: u64 = 6 << 22;
    const USER: u64 = 7 << 22;
    const ID: u64 = 8 << 22;

    fn all() -> Routing {
        Routing { id: Some(ID), guild_id: Some(GUILD), channel_id: Some(CHANNEL), user_id: Some(USER) }
    }

    #[test]
    fn a_guild_decides_then_a_channel_then_a_user() {
        assert_eq!(route("MESSAGE_CREATE", &all()).partition, 5);
        assert_eq!(route("MESSAGE_CREATE", &Routing { guild_id: None, ..all() }).partition, 6);
        assert_eq!(route("ENTITLEMENT_CREATE", &Routing { guild_id: None, channel_id: None, ..all() }).partition, 7);
        assert_eq!(route("RESUMED", &Routing::default()).partition, 0);
    }

    #[test]
    fn a_guilds_own_events_go_by_their_id() {
        let routing = Routing { guild_id: None, ..all() };
        for event_type in ["GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE"] {
            let route = route(event_type, &routing);
            assert_eq!((route.partition, route.guild_id), (8, Some(GuildId(ID))));
        }
    }

    #[test]
    fn a_direct_channel_is_where_its_messages_are() {
        let created = route("CHANNEL_CREATE", &Routing { id: Some(CHANNEL), ..Routing::default() });
        let message = route("MESSAGE_CREATE", &Routing { guild_id: None, ..all() });
        assert_eq!((created.partition, created.channel_id), (message.partition, message.channel_id));
    }

    #[test]
    fn what_is_about_the_bot_is_in_partition_0() {
        assert_eq!(route("READY", &Routing { user_id: Some(USER), ..Routing::default() }).partition, 0);
        assert_eq!(route("USER_UPDATE", &Routing { id: Some(ID), ..Routing::default() }).partition, 0);
    }

    #[test]
    fn every_shard_has_one_owner_and_a_bucket_is_never_split() {
        for max_concurrency in [1, 2, 16, 64] {
            let mut owned: Vec<i32> = (0..OWNERS).flat_map(|owner| shards_of(owner, 100, max_concurrency)).collect();
            owned.sort_unstable();
            assert_eq!(owned, (0..100).collect::<Vec<_>>());
            for shard in 0..100 {
                assert_eq!(owner_of(shard, max_concurrency), owner_of(shard % max_concurrency, max_concurrency));
            }
        }
    }
}
