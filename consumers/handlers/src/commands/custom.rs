//! A guild's own commands: texts by name.

use miso_discord_state::DiscordState;
use miso_log::Append;
use miso_model::{BotCommand, GuildId};
use miso_settings::Settings;
use serde::Deserialize;
use serde_json::json;

use super::GROUP;
use crate::action::Cause;
use crate::guild::{guild_of, values};
use crate::person::Person;
use crate::placeholders::render;
use crate::text::{CONTENT, cut};

/// Names, in lower case, and texts.
pub(crate) fn custom_commands(settings: &Settings) -> impl Iterator<Item = (String, String)> {
    settings.rows("custom-commands", "commands").into_iter().filter_map(|row| {
        let text = |key: &str| row.get(key)?.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned);
        Some((text("name")?.trim().to_lowercase(), text("text")?))
    })
}

/// The command that a line calls: its name and its text.
pub(crate) fn own_command(settings: &Settings, line: &str) -> Option<(String, String)> {
    let called = line.split_whitespace().next()?.to_lowercase();
    custom_commands(settings).find(|(name, _)| *name == called)
}

/// Its text as a message. Only who called it is mentioned, whatever it says.
pub(crate) fn say(command: &BotCommand, guild: GuildId, state: &DiscordState, template: &str, now_ms: i64) -> Append {
    let author = author(command);
    let text = render(template, &values(&guild_of(state, guild), &author));
    let body = json!({"content": cut(&text, CONTENT), "allowed_mentions": {"parse": [], "users": [author.id]}});
    metrics::counter!("miso_handlers_custom_commands_total").increment(1);
    Cause { group: GROUP, id: &command.event_id, now_ms }.message("custom", command.channel_id, &body)
}

fn author(command: &BotCommand) -> Person {
    #[derive(Deserialize)]
    struct Written {
        author: Person,
    }
    let read = serde_json::from_slice::<Written>(&command.message).map(|written| written.author);
    read.unwrap_or_else(|_| Person {
        id: command.user_id,
        username: "somebody".to_owned(),
        global_name: None,
        avatar: None,
        bot: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guilds_own_command_is_found_by_its_name_in_any_case() {
        let rows = json!([{"name": "Rules", "text": "Be kind."}, {"name": "", "text": "x"}, {"name": "y"}]);
        let settings = json!({"custom-commands": {"version": 1, "by": "", "at_ms": 0, "values": {"commands": rows}}});
        let settings = Settings::of(settings.as_object().cloned().expect("an object"));
        let found = |line: &str| own_command(&settings, line).map(|(name, text)| format!("{name}: {text}"));
        assert_eq!(found("RULES now").as_deref(), Some("rules: Be kind."));
        assert_eq!((found("y"), found("rulesx"), found("")), (None, None, None));
        assert_eq!(custom_commands(&settings).count(), 1);
    }
}
