//! `/guilds`.

use serde_json::Value;

use super::route::{Call, Reply};
use crate::world::{BOT_ID, Refusal, UNKNOWN_BAN, UNKNOWN_ROLE, World};

type Answer = Result<Reply, Refusal>;

pub(crate) fn one(world: &mut World, call: &Call) -> Answer {
    Reply::read(world.guild_object(call.id(0)?, call.flag("with_counts"))?)
}

pub(crate) fn edit(world: &mut World, call: &Call) -> Answer {
    let guild = call.id(0)?;
    Reply::did(guild, world.edit_guild(guild, &call.body)?)
}

pub(crate) fn channels(world: &mut World, call: &Call) -> Answer {
    let ids = world.guild(call.id(0)?)?.channels.clone();
    Reply::read(world.objects(&ids).into())
}

pub(crate) fn add_channel(world: &mut World, call: &Call) -> Answer {
    let (id, channel) = world.create_channel(call.id(0)?, &call.body, call.now_ms)?;
    Reply::made(id, channel)
}

pub(crate) fn active_threads(world: &mut World, call: &Call) -> Answer {
    Reply::read(serde_json::json!({"threads": world.active_threads(call.id(0)?)?, "members": [], "has_more": false}))
}

pub(crate) fn members(world: &mut World, call: &Call) -> Answer {
    Reply::read(world.list_members(call.id(0)?, call.query_id("after").unwrap_or(0), call.limit(1))?.into())
}

pub(crate) fn search(world: &mut World, call: &Call) -> Answer {
    Reply::read(
        world
            .search_members(call.id(0)?, call.query("query").unwrap_or_default(), call.limit(1).clamp(1, 1000))?
            .into(),
    )
}

pub(crate) fn member(world: &mut World, call: &Call) -> Answer {
    Reply::read(world.member(call.id(0)?, call.id(1)?)?)
}

pub(crate) fn edit_member(world: &mut World, call: &Call) -> Answer {
    let user = call.id(1)?;
    Reply::did(user, world.edit_member(call.id(0)?, user, &call.body)?)
}

pub(crate) fn edit_own_member(world: &mut World, call: &Call) -> Answer {
    Reply::did(BOT_ID, world.edit_member(call.id(0)?, BOT_ID, &call.body)?)
}

pub(crate) fn kick(world: &mut World, call: &Call) -> Answer {
    let user = call.id(1)?;
    world.leave(call.id(0)?, user)?;
    Reply::empty(user)
}

pub(crate) fn add_member_role(world: &mut World, call: &Call) -> Answer {
    world.change_role(call.id(0)?, call.id(1)?, call.id(2)?, true)?;
    Reply::empty(call.id(1)?)
}

pub(crate) fn remove_member_role(world: &mut World, call: &Call) -> Answer {
    world.change_role(call.id(0)?, call.id(1)?, call.id(2)?, false)?;
    Reply::empty(call.id(1)?)
}

pub(crate) fn bans(world: &mut World, call: &Call) -> Answer {
    Reply::read(world.guild(call.id(0)?)?.bans.values().cloned().collect::<Vec<_>>().into())
}

pub(crate) fn one_ban(world: &mut World, call: &Call) -> Answer {
    Reply::read(world.guild(call.id(0)?)?.bans.get(&call.id(1)?).cloned().ok_or(UNKNOWN_BAN)?)
}

pub(crate) fn ban(world: &mut World, call: &Call) -> Answer {
    let user = call.id(1)?;
    world.ban(call.id(0)?, user, call.reason.as_deref())?;
    Reply::empty(user)
}

pub(crate) fn unban(world: &mut World, call: &Call) -> Answer {
    let user = call.id(1)?;
    world.unban(call.id(0)?, user)?;
    Reply::empty(user)
}

pub(crate) fn roles(world: &mut World, call: &Call) -> Answer {
    Reply::read(world.guild(call.id(0)?)?.roles.values().cloned().collect::<Vec<_>>().into())
}

pub(crate) fn role(world: &mut World, call: &Call) -> Answer {
    Reply::read(world.guild(call.id(0)?)?.roles.get(&call.id(1)?).cloned().ok_or(UNKNOWN_ROLE)?)
}

pub(crate) fn add_role(world: &mut World, call: &Call) -> Answer {
    let (id, role) = world.create_role(call.id(0)?, &call.body, call.now_ms)?;
    Reply::did(id, role)
}

pub(crate) fn edit_role(world: &mut World, call: &Call) -> Answer {
    let role = call.id(1)?;
    Reply::did(role, world.edit_role(call.id(0)?, role, &call.body)?)
}

pub(crate) fn delete_role(world: &mut World, call: &Call) -> Answer {
    let role = call.id(1)?;
    world.delete_role(call.id(0)?, role)?;
    Reply::empty(role)
}

pub(crate) fn emojis(world: &mut World, call: &Call) -> Answer {
    Reply::read(world.guild(call.id(0)?)?.emojis.clone().into())
}

pub(crate) fn invites(world: &mut World, call: &Call) -> Answer {
    let guild = call.id(0)?.to_string();
    let invites: Vec<Value> = world.invites.values().filter(|invite| invite["guild_id"] == *guild).cloned().collect();
    Reply::read(invites.into())
}
