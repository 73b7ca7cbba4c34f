//! Webhooks and interactions: routes that carry their secret in the path.

use serde_json::{Value, json};

use super::route::{Call, Reply};
use crate::world::{Author, BOT_ID, Refusal, World};

type Answer = Result<Reply, Refusal>;

pub(crate) fn create(world: &mut World, call: &Call) -> Answer {
    let webhook = world.create_webhook(call.id(0)?, call.body["name"].as_str().unwrap_or("webhook"), call.now_ms)?;
    Reply::did(webhook.id, world.webhook_object(&webhook))
}

fn listed(world: &World, wanted: impl Fn(u64) -> bool) -> Value {
    let webhooks = world.webhooks.values().filter(|webhook| wanted(webhook.channel));
    webhooks.map(|webhook| world.webhook_object(webhook)).collect::<Vec<_>>().into()
}

pub(crate) fn of_channel(world: &mut World, call: &Call) -> Answer {
    let channel = call.id(0)?;
    world.channel(channel)?;
    Reply::read(listed(world, |other| other == channel))
}

pub(crate) fn of_guild(world: &mut World, call: &Call) -> Answer {
    let channels = world.guild(call.id(0)?)?.channels.clone();
    Reply::read(listed(world, |other| channels.contains(&other)))
}

fn path_token(call: &Call) -> Option<&str> {
    call.params.get(1).map(String::as_str)
}

pub(crate) fn one(world: &mut World, call: &Call) -> Answer {
    let webhook = world.webhook(call.id(0)?, path_token(call))?;
    Reply::read(world.webhook_object(webhook))
}

pub(crate) fn delete(world: &mut World, call: &Call) -> Answer {
    let id = call.id(0)?;
    world.webhook(id, path_token(call))?;
    world.delete_webhook(id)?;
    Reply::empty(id)
}

/// Executes a webhook, or sends a follow-up when the id is the application's.
pub(crate) fn execute(world: &mut World, call: &Call) -> Answer {
    let (id, token) = (call.id(0)?, call.text(1));
    if id == BOT_ID {
        let (message, object) = world.follow_up(id, token, &call.body, &call.uploads, call.now_ms)?;
        return Reply::did(message, object);
    }
    let webhook = world.webhook(id, Some(token))?.clone();
    let name = call.body["username"].as_str().unwrap_or(&webhook.name).to_owned();
    let author = Author::Webhook { id, name, application: None };
    let channel = call.query_id("thread_id").unwrap_or(webhook.channel);
    let created = world.create_message(channel, &author, &call.body, &call.uploads, call.now_ms)?;
    if call.flag("wait") { Reply::did(created.id, created.object) } else { Reply::empty(created.id) }
}

/// (channel, message) that a webhook's message route means.
fn place(world: &World, call: &Call) -> Result<(u64, u64), Refusal> {
    let (id, token, message) = (call.id(0)?, call.text(1), call.text(2));
    if id == BOT_ID {
        let (channel, original) = match world.original_of(id, token, call.now_ms) {
            Ok(found) => found,
            Err(_) if message != "@original" => (world.interaction_of(id, token, call.now_ms)?.channel, 0),
            Err(refusal) => return Err(refusal),
        };
        return Ok((channel, if message == "@original" { original } else { call.id(2)? }));
    }
    let webhook = world.webhook(id, Some(token))?;
    Ok((call.query_id("thread_id").unwrap_or(webhook.channel), call.id(2)?))
}

pub(crate) fn message(world: &mut World, call: &Call) -> Answer {
    let (channel, message) = place(world, call)?;
    Reply::read(world.message_object(channel, message)?)
}

pub(crate) fn edit_message(world: &mut World, call: &Call) -> Answer {
    let id = call.id(0)?;
    if id == BOT_ID && call.text(2) == "@original" {
        let (message, object) = world.edit_original(id, call.text(1), &call.body, &call.uploads, call.now_ms)?;
        return Reply::did(message, object);
    }
    let (channel, message) = place(world, call)?;
    Reply::did(message, world.edit_message(channel, message, Some(id), &call.body, call.now_ms)?)
}

pub(crate) fn delete_message(world: &mut World, call: &Call) -> Answer {
    let (channel, message) = place(world, call)?;
    world.delete_message(channel, message)?;
    Reply::empty(message)
}

/// The first answer to an interaction.
pub(crate) fn callback(world: &mut World, call: &Call) -> Answer {
    let id = call.id(0)?;
    let made = world.answer_interaction(id, call.text(1), &call.body, &call.uploads, call.now_ms)?;
    if call.flag("with_response") {
        let mut body = json!({"interaction": {
            "id": id.to_string(), "type": 2, "response_message_id": made.map(|id| id.to_string()), "response_message_loading": made.is_none(),
            "response_message_ephemeral": false,
        }});
        if let Some(message) = made
            && let Some(channel) = world.interactions.get(call.text(1)).map(|interaction| interaction.channel)
        {
            body["resource"] = json!({"type": call.body["type"], "message": world.message_object(channel, message)?});
        }
        return Reply::did(made.unwrap_or(id), body);
    }
    Reply::empty(made.unwrap_or(id))
}
