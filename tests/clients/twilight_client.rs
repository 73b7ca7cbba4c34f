//! An unmodified twilight against Miso: given a URL and a credential, nothing else.
//!
//! usage: twilight_client HOST:PORT CREDENTIAL
//! Writes one JSON object a line: ready, guild_available, guild_join, guild_unavailable, message, resumed,
//! disconnect, replied. Answers `!ping` by REST. Ends when standard input does.

use std::sync::Arc;

use serde_json::{Value, json};
use twilight_gateway::{ConfigBuilder, EventTypeFlags, Intents, Shard, ShardId, StreamExt as _};
use twilight_model::gateway::event::Event;
use twilight_model::gateway::payload::incoming::GuildCreate;

fn tell(kind: &str, fields: Value) {
    let mut entry = json!({ "kind": kind });
    if let (Some(entry), Value::Object(fields)) = (entry.as_object_mut(), fields) {
        entry.extend(fields);
    }
    println!("{entry}");
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let (address, credential) = (arguments.next().expect("HOST:PORT"), arguments.next().expect("CREDENTIAL"));
    let http = Arc::new(
        twilight_http::Client::builder()
            .token(credential.clone())
            .proxy(address.clone(), true)
            .ratelimiter(None)
            .build(),
    );
    let intents = Intents::GUILDS | Intents::GUILD_MESSAGES | Intents::MESSAGE_CONTENT;
    let config = ConfigBuilder::new(credential, intents).proxy_url(format!("ws://{address}")).build();
    let mut shard = Shard::with_config(ShardId::ONE, config);
    let mut user = None;
    let (ended, mut input_ends) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = ended.send(());
    });
    loop {
        let event = tokio::select! {
            _ = &mut input_ends => return,
            event = shard.next_event(EventTypeFlags::all()) => event,
        };
        match event {
            None => return tell("ended", json!({})),
            Some(Err(error)) => tell("error", json!({ "text": error.to_string() })),
            Some(Ok(event)) => on_event(event, &mut user, &http),
        }
    }
}

fn on_event(event: Event, user: &mut Option<String>, http: &Arc<twilight_http::Client>) {
    match event {
        Event::Ready(ready) => {
            let mut guilds: Vec<String> = ready.guilds.iter().map(|guild| guild.id.to_string()).collect();
            guilds.sort_unstable();
            let id = ready.user.id.to_string();
            tell("ready", json!({ "user": id, "guilds": guilds }));
            *user = Some(id);
        }
        Event::Resumed => tell("resumed", json!({})),
        Event::GatewayClose(_) => tell("disconnect", json!({})),
        Event::GuildCreate(guild) => {
            let kind = match &*guild {
                GuildCreate::Available(guild) if guild.unavailable.is_none() => "guild_join",
                GuildCreate::Available(_) => "guild_available",
                GuildCreate::Unavailable(_) => "guild_unavailable",
            };
            tell(kind, json!({ "guild": guild.id().to_string() }));
        }
        Event::GuildDelete(guild) => {
            let kind = if guild.unavailable == Some(true) { "guild_unavailable" } else { "guild_remove" };
            tell(kind, json!({ "guild": guild.id.to_string() }));
        }
        Event::MessageCreate(message) => {
            let own = Some(message.author.id.to_string()) == *user;
            tell(
                "message",
                json!({
                    "id": message.id.to_string(), "channel": message.channel_id.to_string(),
                    "content": message.content, "own": own,
                }),
            );
            if message.content == "!ping" && !message.author.bot {
                let http = Arc::clone(http);
                tokio::spawn(async move {
                    match http.create_message(message.channel_id).content("pong from twilight").await {
                        Ok(sent) => match sent.model().await {
                            Ok(sent) => tell("replied", json!({ "id": sent.id.to_string() })),
                            Err(error) => tell("error", json!({ "text": error.to_string() })),
                        },
                        Err(error) => tell("error", json!({ "text": error.to_string() })),
                    }
                });
            }
        }
        _ => {}
    }
}
