//! `/channels` without messages, threads, invites.

use serde_json::{Value, json};

use super::route::{Call, Reply};
use crate::world::{BOT_ID, Refusal, UNKNOWN_INVITE, World};

type Answer = Result<Reply, Refusal>;

pub(crate) fn one(world: &mut World, call: &Call) -> Answer {
    Reply::read(Value::Object(world.channel(call.id(0)?)?.fields.clone()))
}

pub(crate) fn edit(world: &mut World, call: &Call) -> Answer {
    let channel = call.id(0)?;
    Reply::did(channel, world.edit_channel(channel, &call.body)?)
}

pub(crate) fn delete(world: &mut World, call: &Call) -> Answer {
    let channel = call.id(0)?;
    Reply::did(channel, world.delete_channel(channel)?)
}

pub(crate) fn typing(world: &mut World, call: &Call) -> Answer {
    let channel = call.id(0)?;
    world.typing(channel, BOT_ID, call.now_ms)?;
    Reply::empty(channel)
}

pub(crate) fn set_overwrite(world: &mut World, call: &Call) -> Answer {
    let channel = call.id(0)?;
    world.overwrite(channel, call.id(1)?, Some(&call.body))?;
    Reply::empty(channel)
}

pub(crate) fn delete_overwrite(world: &mut World, call: &Call) -> Answer {
    let channel = call.id(0)?;
    world.overwrite(channel, call.id(1)?, None)?;
    Reply::empty(channel)
}

pub(crate) fn invites(world: &mut World, call: &Call) -> Answer {
    let channel = call.id(0)?.to_string();
    let invites: Vec<Value> =
        world.invites.values().filter(|invite| invite["channel"]["id"] == *channel).cloned().collect();
    Reply::read(invites.into())
}

pub(crate) fn invite(world: &mut World, call: &Call) -> Answer {
    let channel = call.id(0)?;
    Reply::did(channel, world.create_invite(channel, call.now_ms)?)
}

pub(crate) fn one_invite(world: &mut World, call: &Call) -> Answer {
    Reply::read(world.invites.get(call.text(0)).cloned().ok_or(UNKNOWN_INVITE)?)
}

pub(crate) fn delete_invite(world: &mut World, call: &Call) -> Answer {
    let invite = world.invites.remove(call.text(0)).ok_or(UNKNOWN_INVITE)?;
    world.emit(
        "INVITE_DELETE",
        &json!({"code": invite["code"], "guild_id": invite["guild_id"], "channel_id": invite["channel"]["id"]}),
    );
    Reply::did(BOT_ID, invite)
}

pub(crate) fn thread(world: &mut World, call: &Call) -> Answer {
    let (id, thread) = world.create_thread(call.id(0)?, None, &call.body, call.now_ms)?;
    Reply::made(id, thread)
}

pub(crate) fn thread_of_message(world: &mut World, call: &Call) -> Answer {
    let (id, thread) = world.create_thread(call.id(0)?, Some(call.id(1)?), &call.body, call.now_ms)?;
    Reply::made(id, thread)
}

/// Joining and leaving threads changes nothing that the simulator shows.
pub(crate) fn join_thread(world: &mut World, call: &Call) -> Answer {
    let thread = call.id(0)?;
    world.channel(thread)?;
    Reply::empty(thread)
}
