use std::collections::{HashMap, HashSet};

use miso_command_catalogue::DEFAULT_PREFIX;
use miso_model::{Aggregate, ChannelId, GuildId, UserId};
use miso_settings::Settings;

use super::keywords::{Keyword, Keywords};
use super::links::Embeds;
use crate::commands::custom::custom_commands;
use crate::settings::View;

/// What the message handler keeps: guilds and users that changed something which concerns messages.
#[derive(Debug, Default)]
pub(crate) struct MessageSettings {
    guilds: HashMap<u64, GuildMessages>,
    /// Users who do not want what they write to be counted.
    uncounted: HashSet<u64>,
    pub(crate) keywords: Keywords,
}

/// A guild's part.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct GuildMessages {
    /// `None`: the default.
    prefix: Option<Box<str>>,
    pub(crate) activity: Option<Activity>,
    /// Names of the guild's own commands, in lower case.
    custom: HashSet<Box<str>>,
    /// Which links are shown by themselves.
    pub(crate) embeds: Option<Embeds>,
}

/// That what members write is counted.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Activity {
    ignored: Vec<u64>,
}

impl MessageSettings {
    /// A guild that changed nothing has none.
    pub(crate) fn of(&self, guild: Option<GuildId>) -> Option<&GuildMessages> {
        self.guilds.get(&guild?.0)
    }

    /// Whether what this user writes in this channel is counted. `ignores` tells whether the channel, or the
    /// one that it is a thread of, is among some.
    pub(crate) fn counts(
        &self,
        guild: Option<&GuildMessages>,
        channel: Option<ChannelId>,
        user: Option<UserId>,
        ignores: impl Fn(&[u64], ChannelId) -> bool,
    ) -> bool {
        let Some(activity) = guild.and_then(|guild| guild.activity.as_ref()) else { return false };
        !user.is_some_and(|user| self.uncounted.contains(&user.0))
            && !channel.is_some_and(|channel| ignores(&activity.ignored, channel))
    }
}

impl GuildMessages {
    /// What commands begin with; of direct messages too.
    pub(crate) fn prefix(of: Option<&Self>) -> &str {
        of.and_then(|guild| guild.prefix.as_deref()).unwrap_or(DEFAULT_PREFIX)
    }

    /// Whether what is written counts, but not in all channels.
    pub(crate) fn counts_not_everywhere(&self) -> bool {
        self.activity.as_ref().is_some_and(|activity| !activity.ignored.is_empty())
    }

    /// Whether a line calls one of the guild's own commands.
    pub(crate) fn has_own(&self, line: &str) -> bool {
        let name = line.split_whitespace().next().filter(|_| !self.custom.is_empty());
        name.is_some_and(|name| self.custom.contains(name.to_lowercase().as_str()))
    }

    fn read(settings: &Settings) -> Self {
        let prefix = settings.text("general", "prefix").filter(|prefix| !prefix.is_empty() && prefix != DEFAULT_PREFIX);
        Self {
            prefix: prefix.map(String::into_boxed_str),
            activity: settings
                .switch("activity", "enabled")
                .then(|| Activity { ignored: settings.ids("activity", "ignored") }),
            custom: custom_commands(settings).map(|(name, _)| name.into_boxed_str()).collect(),
            embeds: Embeds::read(settings),
        }
    }
}

impl View for MessageSettings {
    fn set(&mut self, aggregate: Aggregate, settings: &Settings) {
        match aggregate {
            Aggregate::Guild(guild) => {
                let read = GuildMessages::read(settings);
                if read == GuildMessages::default() {
                    self.guilds.remove(&guild.0);
                } else {
                    self.guilds.insert(guild.0, read);
                }
            }
            Aggregate::User(user) => {
                if settings.switch("privacy", "count_activity") {
                    self.uncounted.remove(&user.0);
                } else {
                    self.uncounted.insert(user.0);
                }
                let rows = settings.rows("notifications", "keywords");
                let keywords = rows.iter().filter_map(|row| {
                    let guild = row.get("guild").and_then(|guild| guild.as_str());
                    let guild = guild.filter(|guild| !guild.trim().is_empty());
                    // A guild that cannot be read is none that anybody writes in.
                    let guild = guild.map(|guild| GuildId(guild.trim().parse().unwrap_or(0)));
                    Keyword::new(user, guild, row.get("word")?.as_str()?)
                });
                self.keywords.set(user, keywords.collect());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn settings(json: &Value) -> Settings {
        let modules = json.as_object().expect("an object").iter();
        Settings::of(modules.map(|(key, values)| (key.clone(), json!({"version": 1, "values": values}))).collect())
    }

    #[test]
    fn a_guild_is_kept_while_something_differs_from_the_default() {
        let mut view = MessageSettings::default();
        let guild = GuildId(1);
        let set = |view: &mut MessageSettings, json| view.set(Aggregate::Guild(guild), &settings(&json));
        set(&mut view, json!({"greeting": {"enabled": true}, "general": {"prefix": ">"}}));
        assert!(view.of(Some(guild)).is_none());
        assert_eq!(GuildMessages::prefix(view.of(None)), ">");
        let rows = json!([{"name": "Rules", "text": "Be kind."}, {"name": "", "text": "x"}, {"name": "y"}]);
        set(&mut view, json!({"general": {"prefix": "!"}, "custom-commands": {"commands": rows}}));
        let kept = view.of(Some(guild)).expect("kept");
        assert_eq!((GuildMessages::prefix(Some(kept)), kept.custom.len()), ("!", 1));
        assert!(kept.has_own("RULES now") && !kept.has_own("rulesx") && !kept.has_own(""));
        set(&mut view, json!({"embeds": {"x": true, "ignored_channels": ["5"]}}));
        assert_eq!(
            view.of(Some(guild)).and_then(|kept| kept.embeds.as_ref()).map(|embeds| embeds.ignored.len()),
            Some(1)
        );
        set(&mut view, json!({}));
        assert!(view.of(Some(guild)).is_none());
    }

    #[test]
    fn activity_counts_where_it_is_on_for_those_who_let_it() {
        let mut view = MessageSettings::default();
        let (guild, user, channel) = (GuildId(1), UserId(7), Some(ChannelId(5)));
        let ignores = |channels: &[u64], channel: ChannelId| channels.contains(&channel.0);
        let counts = |view: &MessageSettings, channel| view.counts(view.of(Some(guild)), channel, Some(user), ignores);
        assert!(!counts(&view, channel));
        view.set(Aggregate::Guild(guild), &settings(&json!({"activity": {"enabled": true, "ignored": ["6"]}})));
        assert!(counts(&view, channel) && counts(&view, None));
        assert!(!counts(&view, Some(ChannelId(6))));
        view.set(Aggregate::User(user), &settings(&json!({"privacy": {"count_activity": false}})));
        assert!(!counts(&view, channel));
        view.set(Aggregate::User(user), &Settings::default());
        assert!(counts(&view, channel));
    }
}
