//! An unmodified twilight client understands every event the simulator sends.

use serde_json::json;
use twilight_gateway::{ConfigBuilder, Event, EventTypeFlags, Intents, Shard, ShardId, StreamExt as _};

use crate::client::{DEADLINE, order, place, quick, start};

#[tokio::test]
async fn twilight_connects_with_zstd_and_parses_guilds_and_messages() {
    let simulator = start(quick()).await;
    let (guild, channel, _, user) = place(&simulator).await;
    let config = ConfigBuilder::new(simulator.token().to_owned(), Intents::all() - Intents::GUILD_PRESENCES)
        .proxy_url(simulator.gateway_url())
        .build();
    let mut shard = Shard::with_config(ShardId::ONE, config);
    let mut guilds = 0;
    let mut seen = Vec::new();
    let watch = async {
        while let Some(event) = shard.next_event(EventTypeFlags::all()).await {
            match event.expect("twilight parses every event") {
                Event::GuildCreate(_) => {
                    guilds += 1;
                    if guilds == 3 {
                        let said = order(
                            &simulator,
                            "POST",
                            "say",
                            json!({"channel": channel, "user": user, "content": "hi"}),
                        )
                        .await;
                        let reaction = json!({"channel": channel, "message": said["id"], "user": user, "emoji": "🍜"});
                        order(&simulator, "POST", "react", reaction).await;
                        order(&simulator, "POST", "join", json!({"guild": guild})).await;
                        order(
                            &simulator,
                            "POST",
                            "interaction",
                            json!({"channel": channel, "user": user, "name": "ping"}),
                        )
                        .await;
                        order(&simulator, "POST", "guilds", json!({"name": "invited"})).await;
                    }
                    if guilds == 4 {
                        break;
                    }
                }
                Event::MessageCreate(message) => seen.push(format!("message {}", message.content)),
                Event::ReactionAdd(reaction) => seen.push(format!("reaction {}", reaction.user_id)),
                Event::MemberAdd(_) => seen.push("join".to_owned()),
                Event::InteractionCreate(_) => seen.push("interaction".to_owned()),
                _ => {}
            }
        }
    };
    tokio::time::timeout(DEADLINE, watch).await.expect("everything comes in time");
    assert_eq!(
        seen,
        ["message hi".to_owned(), format!("reaction {user}"), "join".to_owned(), "interaction".to_owned()]
    );
    simulator.shutdown().await;
}
