//! `/channels/{channel}/messages`, reactions and pins.

use serde_json::{Value, json};

use super::route::{Call, Reply};
use crate::world::{Author, BOT_ID, MessageRange, Refusal, World, parse_emoji};

type Answer = Result<Reply, Refusal>;

pub(crate) fn list(world: &mut World, call: &Call) -> Answer {
    let range = MessageRange {
        before: call.query_id("before"),
        after: call.query_id("after"),
        around: call.query_id("around"),
        limit: call.limit(50),
    };
    Reply::read(world.list_messages(call.id(0)?, &range)?.into())
}

pub(crate) fn one(world: &mut World, call: &Call) -> Answer {
    Reply::read(world.message_object(call.id(0)?, call.id(1)?)?)
}

pub(crate) fn create(world: &mut World, call: &Call) -> Answer {
    let created = world.create_message(call.id(0)?, &Author::User(BOT_ID), &call.body, &call.uploads, call.now_ms)?;
    Ok(Reply { status: 200, body: Some(created.object), effect: Some(created.id), applied: created.new })
}

pub(crate) fn edit(world: &mut World, call: &Call) -> Answer {
    let message = call.id(1)?;
    Reply::did(message, world.edit_message(call.id(0)?, message, Some(BOT_ID), &call.body, call.now_ms)?)
}

pub(crate) fn delete(world: &mut World, call: &Call) -> Answer {
    let message = call.id(1)?;
    world.delete_message(call.id(0)?, message)?;
    Reply::empty(message)
}

pub(crate) fn bulk_delete(world: &mut World, call: &Call) -> Answer {
    let channel = call.id(0)?;
    world.bulk_delete(channel, &call.body["messages"], call.now_ms)?;
    Reply::empty(channel)
}

pub(crate) fn pins(world: &mut World, call: &Call) -> Answer {
    let pinned = world.pinned(call.id(0)?)?.into_iter();
    let items: Vec<Value> =
        pinned.map(|message| json!({"pinned_at": message["timestamp"], "message": message})).collect();
    Reply::read(json!({"items": items, "has_more": false}))
}

pub(crate) fn old_pins(world: &mut World, call: &Call) -> Answer {
    Reply::read(world.pinned(call.id(0)?)?.into())
}

pub(crate) fn pin(world: &mut World, call: &Call) -> Answer {
    world.pin(call.id(0)?, call.id(1)?, true, call.now_ms)?;
    Reply::empty(call.id(1)?)
}

pub(crate) fn unpin(world: &mut World, call: &Call) -> Answer {
    world.pin(call.id(0)?, call.id(1)?, false, call.now_ms)?;
    Reply::empty(call.id(1)?)
}

pub(crate) fn reactions(world: &mut World, call: &Call) -> Answer {
    Reply::read(world.reacted(call.id(0)?, call.id(1)?, &parse_emoji(call.text(2))?)?.into())
}

pub(crate) fn react(world: &mut World, call: &Call) -> Answer {
    let new = world.react(call.id(0)?, call.id(1)?, BOT_ID, &parse_emoji(call.text(2))?)?;
    Ok(Reply { status: 204, body: None, effect: Some(call.id(1)?), applied: new })
}

pub(crate) fn unreact(world: &mut World, call: &Call) -> Answer {
    let user = if call.params.len() > 3 { call.id(3)? } else { BOT_ID };
    let removed = world.unreact(call.id(0)?, call.id(1)?, user, &parse_emoji(call.text(2))?)?;
    Ok(Reply { status: 204, body: None, effect: Some(call.id(1)?), applied: removed })
}

pub(crate) fn clear_reactions(world: &mut World, call: &Call) -> Answer {
    let emoji = if call.params.len() > 2 { Some(parse_emoji(call.text(2))?) } else { None };
    world.clear_reactions(call.id(0)?, call.id(1)?, emoji.as_ref())?;
    Reply::empty(call.id(1)?)
}
