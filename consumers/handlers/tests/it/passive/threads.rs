use serde_json::json;

use super::{only, posts, the_guild};
use crate::setup::{World, channel, guild, hidden, side};

#[tokio::test]
async fn what_is_deleted_in_threads_of_ignored_channels_is_not_told() {
    let world = World::new(1).await;
    let logs = json!({"deleted": side(0).to_string(), "ignored": [channel(0).to_string()]});
    world.set_guild(&json!({"logs": logs})).await;
    let thread = |id: u64, parent: u64| {
        json!({
            "id": (id << 22).to_string(), "guild_id": guild(0).to_string(), "type": 11, "name": "t",
            "parent_id": parent.to_string(),
        })
    };
    world.happens("THREAD_CREATE", &thread(8_100, channel(0))).await;
    let at = world.happens("THREAD_CREATE", &thread(8_101, hidden(0))).await;
    world.state.wait_folded(miso_model::slot(the_guild()), at + 1).await;
    let deleted = |channel: u64, message: u64| json!({"id": (message << 22).to_string(), "channel_id": channel.to_string(), "guild_id": guild(0).to_string()});
    world.happens("MESSAGE_DELETE", &deleted(channel(0), 1)).await;
    world.happens("MESSAGE_DELETE", &deleted(8_100 << 22, 2)).await;
    world.happens("MESSAGE_DELETE", &deleted(8_101 << 22, 3)).await;
    let effects = world.after().await;
    let told = only(&effects);
    assert_eq!(told.what, posts(side(0)));
    assert_eq!(told.body["embeds"][0]["footer"]["text"], format!("Message {}", 3 << 22));
}
