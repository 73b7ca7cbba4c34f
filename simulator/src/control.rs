//! The control API under `/control`: JSON over HTTP, loopback only. What people and outages do, tests order here.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::core::Core;
use crate::gateway::{BlastRefused, BlastSpec, Target, run_blast, start_blast};
use crate::lastfm;
use crate::rest::{FaultSpec, Rule, parse_query};
use crate::sites;
use crate::snowflake::unix_us;
use crate::world::{Author, BOT_ID, Refusal, parse_emoji, read_id};

/// Journal entries per answer, at most.
const MAX_PAGE: usize = 50_000;
/// Changed limits at a time.
const MAX_OVERRIDES: usize = 1_000;

type Answer = Result<Value, Problem>;

/// Why a control call failed: status and reason.
#[derive(Debug)]
struct Problem(StatusCode, String);

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self(StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST), refusal.message.to_owned())
    }
}

fn bad(reason: impl Into<String>) -> Problem {
    Problem(StatusCode::BAD_REQUEST, reason.into())
}

/// One control call.
struct Call<'a> {
    core: &'a Arc<Core>,
    query: &'a [(String, String)],
    body: Value,
}

impl Call<'_> {
    fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// An id in the body, as text or number.
    fn id(&self, name: &str) -> Result<u64, Problem> {
        read_id(&self.body[name]).ok_or_else(|| bad(format!("`{name}`: an id is needed")))
    }

    fn read<T: for<'de> Deserialize<'de>>(&self) -> Result<T, Problem> {
        let body = if self.body.is_null() { json!({}) } else { self.body.clone() };
        serde_json::from_value(body).map_err(|error| bad(error.to_string()))
    }

    fn target(&self) -> Target {
        Target { shard: self.body["shard"].as_u64() }
    }
}

/// Answers one control call over HTTP.
pub(crate) fn handle(
    core: &Arc<Core>,
    method: &str,
    path: &str,
    query: &[(String, String)],
    body: &Bytes,
) -> Response<Full<Bytes>> {
    if path == "/journal" && method == "GET" {
        return respond(StatusCode::OK, journal(core, query));
    }
    let body = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(body) };
    let outcome = match body {
        Err(error) => Err(bad(format!("the body is not JSON: {error}"))),
        Ok(body) => route(&Call { core, query, body }, method, path),
    };
    match outcome {
        Ok(value) => respond(StatusCode::OK, value.to_string()),
        Err(Problem(status, reason)) => respond(status, json!({"error": reason}).to_string()),
    }
}

/// Answers one control call of the own process: (status, reason) when it fails.
pub(crate) fn order(core: &Arc<Core>, method: &str, path: &str, body: Value) -> Result<Value, (u16, String)> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let query = &parse_query(query);
    if path == "journal" && method == "GET" {
        return serde_json::from_str(&journal(core, query)).map_err(|error| (500, error.to_string()));
    }
    route(&Call { core, query, body }, method, &format!("/{path}"))
        .map_err(|Problem(status, reason)| (status.as_u16(), reason))
}

fn respond(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn route(call: &Call<'_>, method: &str, path: &str) -> Answer {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let core = call.core;
    match (method, segments.as_slice()) {
        ("GET", [] | [""]) => Ok(overview(core)),
        ("POST", ["say"]) => say(call),
        ("POST", ["edit"]) => edit(call),
        ("POST", ["delete"]) => {
            let (channel, message) = (call.id("channel")?, call.id("message")?);
            core.change(|world, _| world.delete_message(channel, message))?;
            Ok(json!({}))
        }
        ("POST", ["react"]) => react(call, true),
        ("POST", ["unreact"]) => react(call, false),
        ("POST", ["typing"]) => {
            let (channel, user) = (call.id("channel")?, call.id("user")?);
            core.change(|world, now| world.typing(channel, user, now))?;
            Ok(json!({}))
        }
        ("POST", ["direct"]) => {
            let user = call.id("user")?;
            let (id, _) = core.change(|world, now| world.direct_channel(user, now))?;
            Ok(json!({"channel": id.to_string()}))
        }
        ("POST", ["join"]) => join(call),
        ("POST", ["leave"]) => {
            let (guild, user) = (call.id("guild")?, call.id("user")?);
            core.change(|world, _| world.leave(guild, user))?;
            Ok(json!({}))
        }
        ("POST", ["interaction"]) => interact(call),
        ("POST", ["event"]) => raw_event(call),
        ("POST", ["history"]) => history(call),
        ("GET", ["guilds"]) => Ok(guilds(core)),
        ("POST", ["guilds"]) => create_guild(call),
        ("DELETE", ["guilds", guild]) => {
            let guild = guild.parse().map_err(|_| bad("the guild's id is no number"))?;
            core.change(|world, _| world.remove_guild(guild))?;
            Ok(json!({}))
        }
        ("POST", ["guilds", guild, "outage"]) => {
            let guild = guild.parse().map_err(|_| bad("the guild's id is no number"))?;
            let unavailable = call.body["unavailable"].as_bool().unwrap_or(true);
            core.change(|world, _| world.set_outage(guild, unavailable))?;
            Ok(json!({}))
        }
        ("GET", ["channels", channel, "messages"]) => messages(call, channel),
        ("POST", ["blast"]) => blast(call),
        ("GET", ["blast"]) => Ok(core.blasts().last().map_or(Value::Null, |blast| blast.status())),
        ("GET", ["blast", number]) => one_blast(core, number),
        ("DELETE", ["blast"]) => {
            if let Some(blast) = core.blasts().last() {
                blast.stop.store(true, Ordering::Relaxed);
            }
            Ok(json!({}))
        }
        ("GET", ["gateway"]) => Ok(core.hub.overview()),
        ("POST", ["gateway", what]) => gateway(call, what),
        ("GET", ["faults"]) => Ok(core.faults().status()),
        ("POST", ["faults"]) => {
            let spec: FaultSpec = call.read()?;
            core.faults().add(spec).map_err(bad)?;
            Ok(core.faults().status())
        }
        ("DELETE", ["faults"]) => {
            core.faults().clear();
            Ok(json!({}))
        }
        ("POST", ["delay"]) => {
            let milliseconds = |name: &str| call.body[name].as_u64().unwrap_or(0);
            core.faults().set_delay(milliseconds("min_ms"), milliseconds("max_ms"), call.body["seed"].as_u64());
            Ok(json!({}))
        }
        (_, ["sites", rest @ ..]) => order_sites(call, method, rest),
        (_, ["lastfm", rest @ ..]) => order_lastfm(call, method, rest),
        ("GET", ["limits"]) => Ok(limits(core)),
        ("POST", ["limits"]) => set_limits(call),
        _ => Err(Problem(StatusCode::NOT_FOUND, "no such control call".to_owned())),
    }
}

/// One page of the journal, as JSON text.
fn journal(core: &Core, query: &[(String, String)]) -> String {
    let text = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let from = text("from").and_then(|from| from.parse().ok()).unwrap_or(0);
    let limit = text("limit").and_then(|limit| limit.parse().ok()).unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    let needle = text("kind").map(|kind| format!("\"kind\":\"{kind}\""));
    let page = core.journal.page(from, limit, needle.as_deref().or_else(|| text("contains")));
    format!("{{\"first\":{},\"next\":{},\"entries\":{}}}", page.first, page.next, page.entries)
}

fn overview(core: &Core) -> Value {
    let (guilds, users, channels) = {
        let world = core.world();
        (world.guilds.len(), world.users.len(), world.channels.len())
    };
    json!({
        "address": core.address.to_string(), "api": format!("http://{}/api", core.address), "gateway": core.gateway_url(),
        "token": core.config.token, "client_secret": core.config.client_secret,
        "authorize": format!("http://{}/oauth2/authorize", core.address), "bot": BOT_ID.to_string(), "seed": core.config.seed, "guilds": guilds, "users": users, "channels": channels,
    })
}

fn say(call: &Call<'_>) -> Answer {
    let (channel, user) = (call.id("channel")?, call.id("user")?);
    let created =
        call.core.change(|world, now| world.create_message(channel, &Author::User(user), &call.body, &[], now))?;
    Ok(json!({"id": created.id.to_string()}))
}

fn edit(call: &Call<'_>) -> Answer {
    let (channel, message) = (call.id("channel")?, call.id("message")?);
    call.core.change(|world, now| world.edit_message(channel, message, None, &call.body, now))?;
    Ok(json!({}))
}

fn react(call: &Call<'_>, add: bool) -> Answer {
    let (channel, message, user) = (call.id("channel")?, call.id("message")?, call.id("user")?);
    let emoji = parse_emoji(call.body["emoji"].as_str().unwrap_or_default())?;
    let changed = call.core.change(|world, _| {
        if add { world.react(channel, message, user, &emoji) } else { world.unreact(channel, message, user, &emoji) }
    })?;
    Ok(json!({"changed": changed}))
}

fn join(call: &Call<'_>) -> Answer {
    let guild = call.id("guild")?;
    let name = call.body["name"].as_str().unwrap_or("newcomer");
    let given = read_id(&call.body["user"]);
    let user = call.core.change(|world, now| {
        let user = given.unwrap_or_else(|| world.create_user(name, now));
        world.join(guild, user, now).map(|_| user)
    })?;
    Ok(json!({"user": user.to_string()}))
}

fn interact(call: &Call<'_>) -> Answer {
    let (channel, user) = (call.id("channel")?, call.id("user")?);
    let message = read_id(&call.body["message"]);
    let name = call.body["name"].as_str().unwrap_or("ping");
    let default = match message {
        Some(_) => json!({"custom_id": name, "component_type": 2}),
        None => {
            json!({"id": "1", "name": name, "type": 1, "options": call.body["options"].as_array().cloned().unwrap_or_default()})
        }
    };
    let data = if call.body["data"].is_object() { &call.body["data"] } else { &default };
    let (id, token) = call.core.change(|world, now| world.interact(channel, user, data, message, now))?;
    Ok(json!({"id": id.to_string(), "token": token}))
}

fn raw_event(call: &Call<'_>) -> Answer {
    let kind = call.body["type"].as_str().ok_or_else(|| bad("`type`: the event's name is needed"))?.to_owned();
    call.core.change(|world, _| world.emit_raw(kind, &call.body["data"]));
    Ok(json!({}))
}

/// `{"days": 30, "seed": N}`: messages of the days before now, without events.
fn history(call: &Call<'_>) -> Answer {
    let days = call.body["days"].as_u64().and_then(|days| u32::try_from(days).ok()).unwrap_or(30);
    let seed = call.body["seed"].as_u64().unwrap_or(call.core.config.seed);
    let messages = call.core.change(|world, now| world.live_through(days, seed, now));
    Ok(json!({"messages": messages}))
}

fn guilds(core: &Core) -> Value {
    let world = core.world();
    let guilds = world.guilds.iter().map(|(id, guild)| {
        let channels: Vec<Value> = guild
            .channels
            .iter()
            .filter_map(|id| world.channels.get(id))
            .map(|channel| json!({"id": channel.fields["id"], "name": channel.fields["name"], "type": channel.fields["type"]}))
            .collect();
        let users: Vec<String> = guild.members.keys().filter(|user| **user != BOT_ID).map(u64::to_string).collect();
        let name = |user: &u64| world.users.get(user).map(|user| user["username"].clone());
        let names: Vec<Value> = guild.members.keys().filter(|user| **user != BOT_ID).filter_map(name).collect();
        let roles: Vec<String> = guild.roles.keys().map(u64::to_string).collect();
        json!({
            "id": id.to_string(), "name": guild.fields["name"], "unavailable": guild.unavailable, "channels": channels, "users": users, "names": names, "roles": roles,
        })
    });
    guilds.collect::<Vec<_>>().into()
}

fn create_guild(call: &Call<'_>) -> Answer {
    let count = |name: &str, default: usize| {
        call.body[name].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(default)
    };
    let name = call.body["name"].as_str().unwrap_or("A new guild");
    let id = call.core.change(|world, now| world.create_guild(name, count("channels", 2), count("members", 5), now));
    Ok(json!({"id": id.to_string()}))
}

fn messages(call: &Call<'_>, channel: &str) -> Answer {
    let channel: u64 = channel.parse().map_err(|_| bad("the channel's id is no number"))?;
    let after = call.query("after").and_then(|after| after.parse().ok()).unwrap_or(0_u64);
    let world = call.core.world();
    let messages = &world.channel(channel)?.messages;
    Ok(messages.range(after.saturating_add(1)..).map(|(_, message)| message.shown()).collect::<Vec<_>>().into())
}

fn blast(call: &Call<'_>) -> Answer {
    let spec: BlastSpec = call.read()?;
    let blast = start_blast(call.core, spec).map_err(|refused| match refused {
        BlastRefused::NoGuilds => bad("no guild with a text channel and a member, or a prefix beyond 1000 bytes"),
        BlastRefused::Running => Problem(StatusCode::CONFLICT, "a blast is running".to_owned()),
        BlastRefused::TooMany => Problem(StatusCode::TOO_MANY_REQUESTS, "too many blasts in one life".to_owned()),
    })?;
    call.core.tasks.spawn(run_blast(Arc::clone(call.core), Arc::clone(&blast)));
    Ok(blast.status())
}

fn one_blast(core: &Core, number: &str) -> Answer {
    let blasts = core.blasts();
    let found = number.parse::<usize>().ok().and_then(|number| blasts.get(number));
    found.map(|blast| blast.status()).ok_or_else(|| Problem(StatusCode::NOT_FOUND, "no such blast".to_owned()))
}

fn gateway(call: &Call<'_>, what: &str) -> Answer {
    let (hub, target) = (&call.core.hub, call.target());
    let connections = match what {
        "close" => {
            let code = call.body["code"].as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or(4000);
            hub.close(target, code)
        }
        "drop" => hub.cut(target),
        "reconnect" => hub.ask_reconnect(target),
        "invalidate" => hub.invalidate(target, call.body["resumable"].as_bool().unwrap_or(false)),
        "heartbeat" => hub.ask_heartbeat(target),
        "acks" => {
            hub.acks.store(call.body["enabled"].as_bool().unwrap_or(true), Ordering::Relaxed);
            0
        }
        "refuse" => {
            hub.refusing.store(call.body["enabled"].as_bool().unwrap_or(true), Ordering::Relaxed);
            0
        }
        _ => {
            return Err(Problem(StatusCode::NOT_FOUND, "no such gateway call".to_owned()));
        }
    };
    Ok(json!({"connections": connections}))
}

fn order_sites(call: &Call<'_>, method: &str, path: &[&str]) -> Answer {
    let problem = |(status, reason)| Problem(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), reason);
    sites::order(&call.core.sites, method, path, call.query, &call.body).map_err(problem)
}

fn order_lastfm(call: &Call<'_>, method: &str, path: &[&str]) -> Answer {
    let problem = |(status, reason)| Problem(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), reason);
    lastfm::order(call.core, method, path, &call.body).map_err(problem)
}

fn limits(core: &Core) -> Value {
    let limits = core.limits();
    json!({
        "global_per_second": limits.global_per_second, "overrides": limits.overrides, "limited_user": limits.limited.0,
        "limited_global": limits.limited.1, "invalid_requests": limits.invalid_requests(unix_us()),
    })
}

/// `{"global_per_second": N}` and `{"route": "POST /channels/{channel}/messages", "limit": N, "window_ms": N, "group": "…"}`:
/// another group is another bucket hash and another counter.
fn set_limits(call: &Call<'_>) -> Answer {
    let mut limits = call.core.limits();
    let number = |name: &str| call.body[name].as_u64().and_then(|number| u32::try_from(number).ok());
    if let Some(global) = number("global_per_second") {
        limits.global_per_second = global;
    }
    if let Some(route) = call.body["route"].as_str() {
        let limit = number("limit").filter(|limit| *limit > 0).ok_or_else(|| bad("`limit`: at least 1"))?;
        let window_ms = call.body["window_ms"].as_u64().ok_or_else(|| bad("`window_ms` is needed"))?;
        let group = call.body["group"].as_str().unwrap_or_default().to_owned().into();
        if limits.overrides.len() >= MAX_OVERRIDES {
            return Err(bad("too many changed limits"));
        }
        limits.overrides.insert(route.to_owned(), Rule { limit, window_ms, group });
    }
    drop(limits);
    Ok(self::limits(call.core))
}
