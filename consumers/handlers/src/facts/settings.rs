use std::collections::HashMap;

use miso_model::{Aggregate, ChannelId, GuildId};
use miso_settings::Settings;

use crate::settings::View;

/// What the fact handler keeps: guilds with a starboard or levels.
#[derive(Debug, Default)]
pub(crate) struct FactSettings(HashMap<u64, GuildFacts>);

/// A guild's part.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct GuildFacts {
    /// Where levels are announced, if they are; `Some(None)`: where the member wrote.
    pub(crate) announce: Option<Option<ChannelId>>,
    /// Levels and the role that each gives.
    pub(crate) rewards: Vec<(i64, u64)>,
    /// The starboard's channel and its emoji as messages show it.
    pub(crate) starboard: Option<(ChannelId, String)>,
}

impl FactSettings {
    /// A guild without any of it has none.
    pub(crate) fn of(&self, guild: GuildId) -> Option<&GuildFacts> {
        self.0.get(&guild.0)
    }
}

impl View for FactSettings {
    fn set(&mut self, aggregate: Aggregate, settings: &Settings) {
        let Aggregate::Guild(guild) = aggregate else { return };
        let read = GuildFacts::read(settings);
        if read == GuildFacts::default() {
            self.0.remove(&guild.0);
        } else {
            self.0.insert(guild.0, read);
        }
    }
}

impl GuildFacts {
    fn read(settings: &Settings) -> Self {
        let on = settings.switch("activity", "enabled");
        let channel = |module, field| settings.id(module, field).map(ChannelId);
        let rewards = settings.rows("activity", "rewards").into_iter().filter_map(|row| {
            let role = row.get("role")?.as_str()?.parse().ok()?;
            Some((row.get("level")?.as_i64()?, role))
        });
        let starboard = || {
            let emoji = settings.text("starboard", "emoji").filter(|_| settings.switch("starboard", "enabled"))?;
            Some((channel("starboard", "channel")?, shown(&emoji)))
        };
        Self {
            announce: (on && settings.switch("activity", "announce")).then(|| channel("activity", "channel")),
            rewards: if on { rewards.collect() } else { Vec::new() },
            starboard: starboard(),
        }
    }
}

/// `name:id` as messages show it: `<:name:id>`.
fn shown(emoji: &str) -> String {
    match emoji.trim_start_matches(['<', ':']).trim_end_matches('>').rsplit_once(':') {
        Some((name, id)) if id.parse::<u64>().is_ok() => {
            let name = name.rsplit(':').next().unwrap_or(name);
            format!("<:{name}:{id}>")
        }
        Some(_) | None => emoji.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn levels_and_starboards_are_kept_while_they_are_on() {
        let mut view = FactSettings::default();
        let guild = GuildId(1);
        let set = |view: &mut FactSettings, modules: serde_json::Value| {
            let stored = modules.as_object().expect("an object").iter();
            let stored = stored.map(|(key, values)| (key.clone(), json!({"version": 1, "values": values})));
            view.set(Aggregate::Guild(guild), &Settings::of(stored.collect()));
        };
        let rewards = json!([{"level": 5, "role": "7"}, {"level": 6}]);
        set(&mut view, json!({"activity": {"announce": true, "rewards": rewards}}));
        assert!(view.of(guild).is_none(), "nothing is on");
        set(&mut view, json!({"activity": {"enabled": true, "announce": true, "rewards": rewards}}));
        let kept = view.of(guild).expect("kept");
        assert_eq!((kept.announce, kept.rewards.as_slice()), (Some(None), &[(5, 7)][..]));
        set(&mut view, json!({"starboard": {"enabled": true, "channel": "9"}}));
        assert_eq!(view.of(guild).and_then(|kept| kept.starboard.clone()), Some((ChannelId(9), "⭐".to_owned())));
    }

    #[test]
    fn emojis_are_shown_as_messages_show_them() {
        assert_eq!(["⭐", "miso:9", "<:miso:9>"].map(shown), ["⭐", "<:miso:9>", "<:miso:9>"]);
    }
}
