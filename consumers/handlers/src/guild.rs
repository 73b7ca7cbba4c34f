//! A guild as texts name it.

use miso_discord_state::DiscordState;
use miso_model::GuildId;
use serde::Deserialize;

use crate::person::Person;
use crate::placeholders::Values;

/// What texts say of a guild.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Guild {
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) member_count: Option<i64>,
}

impl Guild {
    /// Its members; a question mark when that is not known.
    pub(crate) fn count(&self) -> String {
        self.member_count.map_or_else(|| "?".to_owned(), |count| count.to_string())
    }
}

/// The guild as the state has it now.
pub(crate) fn guild_of(state: &DiscordState, guild: GuildId) -> Guild {
    state.guild(guild).and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default()
}

/// What a text may name of a member and their guild.
pub(crate) fn values<'a>(guild: &'a Guild, user: &'a Person) -> Values<'a> {
    Values {
        mention: user.mention().into(),
        user: user.name().into(),
        username: user.username.as_str().into(),
        id: user.id.to_string().into(),
        server: guild.name.as_str().into(),
        count: guild.count().into(),
    }
}
