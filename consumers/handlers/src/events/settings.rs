use std::collections::HashMap;

use miso_model::{Aggregate, ChannelId, GuildId};
use miso_settings::Settings;

use super::stars::Emoji;
use crate::settings::View;

/// What the event handler keeps: guilds that turned something on.
#[derive(Debug, Default)]
pub(crate) struct EventSettings(HashMap<u64, GuildEvents>);

/// A guild's part.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct GuildEvents {
    pub(crate) greeting: Option<Saying>,
    pub(crate) goodbye: Option<Saying>,
    pub(crate) logs: Logs,
    /// Roles' ids.
    pub(crate) autoroles: Vec<u64>,
    pub(crate) starboard: Option<Starboard>,
    /// The two reactions under what somebody is listening to.
    pub(crate) votes: Option<[String; 2]>,
}

/// A text and where it is said.
#[derive(Debug, PartialEq)]
pub(crate) struct Saying {
    pub(crate) channel: ChannelId,
    pub(crate) template: String,
}

/// Channels where things are told.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Logs {
    pub(crate) members: Option<ChannelId>,
    pub(crate) bans: Option<ChannelId>,
    pub(crate) deleted: Option<ChannelId>,
    pub(crate) edited: Option<ChannelId>,
    /// Channels of which deleted and edited messages are not told.
    pub(crate) ignored: Vec<u64>,
}

/// Which reactions count, and where posts stand.
#[derive(Debug, PartialEq)]
pub(crate) struct Starboard {
    pub(crate) channel: ChannelId,
    pub(crate) emoji: Emoji,
    /// Channels whose messages do not count.
    pub(crate) ignored: Vec<u64>,
}

impl EventSettings {
    /// A guild that turned nothing on has none.
    pub(crate) fn of(&self, guild: GuildId) -> Option<&GuildEvents> {
        self.0.get(&guild.0)
    }
}

impl View for EventSettings {
    fn set(&mut self, aggregate: Aggregate, settings: &Settings) {
        let Aggregate::Guild(guild) = aggregate else { return };
        let read = GuildEvents::read(settings);
        if read == GuildEvents::default() {
            self.0.remove(&guild.0);
        } else {
            self.0.insert(guild.0, read);
        }
    }
}

impl GuildEvents {
    fn read(settings: &Settings) -> Self {
        let channel = |module, field| settings.id(module, field).map(ChannelId);
        let saying = |module| {
            let template = settings.text(module, "message").filter(|_| settings.switch(module, "enabled"))?;
            Some(Saying { channel: channel(module, "channel")?, template })
        };
        let starboard = || {
            let emoji = settings.text("starboard", "emoji").filter(|_| settings.switch("starboard", "enabled"))?;
            let ignored = settings.ids("starboard", "ignored");
            Some(Starboard { channel: channel("starboard", "channel")?, emoji: Emoji::read(&emoji), ignored })
        };
        let votes = || {
            let vote = |field| settings.text("lastfm", field).filter(|_| settings.switch("lastfm", "voting"));
            Some([vote("vote_up")?, vote("vote_down")?])
        };
        Self {
            greeting: saying("greeting"),
            goodbye: saying("goodbye"),
            logs: Logs {
                members: channel("logs", "members"),
                bans: channel("logs", "bans"),
                deleted: channel("logs", "deleted"),
                edited: channel("logs", "edited"),
                ignored: settings.ids("logs", "ignored"),
            },
            autoroles: settings.ids("roles", "autoroles"),
            starboard: starboard(),
            votes: votes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(json: &serde_json::Value) -> Settings {
        let modules = json.as_object().expect("an object").iter();
        let stored = |values: &serde_json::Value| json!({"version": 1, "by": "user/1", "at_ms": 1, "values": values});
        Settings::of(modules.map(|(key, values)| (key.clone(), stored(values))).collect())
    }

    #[test]
    fn what_is_off_or_has_no_channel_is_not_kept() {
        let mut view = EventSettings::default();
        let guild = GuildId(1);
        view.set(
            Aggregate::Guild(guild),
            &settings(&json!({"greeting": {"enabled": true}, "general": {"prefix": "!"}})),
        );
        assert_eq!(view.of(guild), None);
        let on = json!({
            "greeting": {"enabled": true, "channel": "5"}, "goodbye": {"channel": "5"}, "logs": {"deleted": "6"},
            "starboard": {"enabled": true, "channel": "7", "emoji": "miso:9"}, "roles": {"autoroles": ["8"]},
        });
        view.set(Aggregate::Guild(guild), &settings(&on));
        let kept = view.of(guild).expect("kept");
        assert_eq!(kept.greeting.as_ref().map(|saying| saying.channel), Some(ChannelId(5)));
        assert!(kept.goodbye.is_none());
        assert_eq!((kept.logs.deleted, kept.logs.edited), (Some(ChannelId(6)), None));
        assert_eq!(kept.starboard.as_ref().map(|board| &board.emoji), Some(&Emoji::Custom(9)));
        assert_eq!(kept.autoroles, [8]);
        view.set(Aggregate::Guild(guild), &Settings::default());
        assert_eq!(view.of(guild), None);
    }
}
