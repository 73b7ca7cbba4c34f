//! The bot was added to a guild: it says where it is set up.

use miso_discord_state::DiscordState;
use miso_log::Append;
use miso_model::{ChannelId, GuildId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Seen;
use crate::place::EMBED;

const INFO: u32 = 0x3b_88c3;
/// Discord's type of a plain text channel.
const TEXT: u8 = 0;

#[derive(Debug, Deserialize)]
struct Guild {
    #[serde(default)]
    system_channel_id: Option<ChannelId>,
    #[serde(default)]
    channels: Vec<Channel>,
}

#[derive(Debug, Deserialize)]
struct Channel {
    id: ChannelId,
    #[serde(rename = "type")]
    kind: u8,
    #[serde(default)]
    position: i64,
}

/// A greeting where Discord's own messages go, else in the first channel where the bot may write; none
/// where it may write nowhere.
pub(crate) fn greeting(seen: &Seen<'_>, panel_url: &str) -> Option<Append> {
    let snapshot = seen.state.guild_snapshot(seen.guild)?;
    let guild: Guild = serde_json::from_slice(&snapshot.d).ok()?;
    let channel = place(guild, |channel| writes_in(seen.state, seen.guild, channel))?;
    Some(seen.cause.message("invited", channel, &message(seen.guild, panel_url)))
}

fn writes_in(state: &DiscordState, guild: GuildId, channel: ChannelId) -> bool {
    state.bot_permissions(guild, Some(channel)).is_some_and(|has| has.cover(EMBED))
}

fn place(mut guild: Guild, may: impl Fn(ChannelId) -> bool) -> Option<ChannelId> {
    guild.channels.retain(|channel| channel.kind == TEXT);
    guild.channels.sort_by_key(|channel| (channel.position, channel.id));
    let others = guild.channels.iter().map(|channel| channel.id);
    guild.system_channel_id.into_iter().chain(others).find(|channel| may(*channel))
}

fn message(guild: GuildId, panel_url: &str) -> Value {
    let url = format!("{}/g/{guild}", panel_url.trim_end_matches('/'));
    let text = "Greetings, logs, a starboard, levels, custom commands: all is off until you turn it on.\n\n\
        Who manages this server sets it up in the panel. `>help` lists the commands; mentioning me works too.";
    json!({
        "embeds": [{"title": "Hello! I am Miso.", "description": text, "color": INFO}],
        "components": [{"type": 1, "components": [{"type": 2, "style": 5, "label": "Set up", "url": url}]}],
        "allowed_mentions": {"parse": []},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guild(system: &Value) -> Guild {
        serde_json::from_value(json!({
            "system_channel_id": system,
            "channels": [
                {"id": "3", "type": 0, "position": 2}, {"id": "1", "type": 2, "position": 0},
                {"id": "2", "type": 0, "position": 1}, {"id": "4", "type": 0},
            ],
        }))
        .expect("reads")
    }

    #[test]
    fn it_is_said_where_the_bot_may_write() {
        let all = |_| true;
        assert_eq!(place(guild(&json!("3")), all), Some(ChannelId(3)));
        assert_eq!(place(guild(&Value::Null), all), Some(ChannelId(4)));
        assert_eq!(place(guild(&json!("3")), |channel| channel == ChannelId(2)), Some(ChannelId(2)));
        assert_eq!(place(guild(&json!("3")), |_| false), None);
    }

    #[test]
    fn the_button_leads_to_the_guilds_page() {
        let body = message(GuildId(7), "https://panel.example/");
        assert_eq!(body["components"][0]["components"][0]["url"], "https://panel.example/g/7");
    }
}
