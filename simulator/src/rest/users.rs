//! `/gateway`, `/users`, `/applications`.

use serde_json::{Value, json};

use super::route::{Call, Reply};
use crate::gateway::IDENTIFY_TOTAL;
use crate::world::{BOT_ID, INVALID_FORM, Refusal, World};

type Answer = Result<Reply, Refusal>;

pub(crate) fn gateway(_: &mut World, call: &Call) -> Answer {
    Reply::read(json!({"url": call.gateway.url}))
}

pub(crate) fn gateway_bot(_: &mut World, call: &Call) -> Answer {
    let facts = &call.gateway;
    Reply::read(json!({
        "url": facts.url, "shards": facts.shards, "session_start_limit": {
            "total": IDENTIFY_TOTAL, "remaining": facts.remaining, "reset_after": 86_400_000, "max_concurrency": facts.max_concurrency,
        },
    }))
}

pub(crate) fn own(world: &mut World, _: &Call) -> Answer {
    Reply::read(world.own_user())
}

pub(crate) fn edit_own(world: &mut World, call: &Call) -> Answer {
    if let (Some(name), Some(user)) = (call.body["username"].as_str(), world.users.get_mut(&BOT_ID)) {
        user["username"] = json!(name);
    }
    let user = world.own_user();
    world.emit("USER_UPDATE", &user);
    Reply::did(BOT_ID, user)
}

pub(crate) fn one(world: &mut World, call: &Call) -> Answer {
    Reply::read(world.user(call.id(0)?)?.clone())
}

pub(crate) fn own_guilds(world: &mut World, call: &Call) -> Answer {
    let after = call.query_id("after").map_or(0, |after| after.saturating_add(1));
    let guilds = world.guilds.range(after..).take(call.limit(200).min(200));
    Reply::read(guilds.filter_map(|(id, _)| world.guild_short(*id).ok()).collect::<Vec<_>>().into())
}

pub(crate) fn leave_guild(world: &mut World, call: &Call) -> Answer {
    let guild = call.id(0)?;
    world.remove_guild(guild)?;
    Reply::empty(guild)
}

pub(crate) fn open_direct(world: &mut World, call: &Call) -> Answer {
    let (id, channel) = world.direct_channel(call.body_id("recipient_id")?, call.now_ms)?;
    Reply::did(id, channel)
}

pub(crate) fn application(world: &mut World, _: &Call) -> Answer {
    Reply::read(world.application())
}

pub(crate) fn none(_: &mut World, _: &Call) -> Answer {
    Reply::read(json!([]))
}

fn scope(call: &Call) -> Result<Option<u64>, Refusal> {
    if call.params.len() > 1 { call.id(1).map(Some) } else { Ok(None) }
}

pub(crate) fn commands(world: &mut World, call: &Call) -> Answer {
    Reply::read(world.commands.get(&scope(call)?).cloned().unwrap_or_default().into())
}

fn named(world: &mut World, call: &Call, scope: Option<u64>, body: &Value) -> Result<Value, Refusal> {
    if body["name"].as_str().is_none_or(str::is_empty) {
        return Err(INVALID_FORM);
    }
    let mut command = json!({
        "id": world.ids.next(call.now_ms).to_string(), "application_id": BOT_ID.to_string(), "version": world.ids.next(call.now_ms).to_string(),
        "type": 1, "default_member_permissions": null, "nsfw": false, "description": "",
    });
    if let (Some(into), Some(from)) = (command.as_object_mut(), body.as_object()) {
        into.extend(from.clone());
    }
    if let Some(guild) = scope {
        command["guild_id"] = json!(guild.to_string());
    }
    Ok(command)
}

pub(crate) fn set_commands(world: &mut World, call: &Call) -> Answer {
    let scope = scope(call)?;
    let bodies = call.body.as_array().filter(|bodies| bodies.len() <= 100).ok_or(INVALID_FORM)?;
    let commands = bodies.iter().map(|body| named(world, call, scope, body)).collect::<Result<Vec<_>, _>>()?;
    world.commands.insert(scope, commands.clone());
    Reply::did(BOT_ID, commands.into())
}

pub(crate) fn add_command(world: &mut World, call: &Call) -> Answer {
    let scope = scope(call)?;
    let command = named(world, call, scope, &call.body)?;
    let all = world.commands.entry(scope).or_default();
    all.retain(|other| other["name"] != command["name"]);
    if all.len() >= 100 {
        return Err(INVALID_FORM);
    }
    all.push(command.clone());
    Reply::made(BOT_ID, command)
}
