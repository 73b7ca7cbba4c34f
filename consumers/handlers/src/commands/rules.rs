//! Guilds' rules of commands and their own commands, in memory.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use miso_model::{Aggregate, GuildId};
use miso_settings::Settings;
use serde_json::{Map, Value};

use crate::settings::View;

/// The modules that hold them.
const MODULES: [&str; 2] = ["commands", "custom-commands"];

/// Settings of guilds that said something about commands; one entry each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules(Arc<RwLock<HashMap<u64, Arc<Settings>>>>);

impl Rules {
    /// Of a guild, these modules alone; of direct messages, none.
    pub(crate) fn of(&self, guild: Option<GuildId>) -> Arc<Settings> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        guild.and_then(|guild| all.get(&guild.0).cloned()).unwrap_or_default()
    }
}

impl View for Rules {
    fn set(&mut self, aggregate: Aggregate, settings: &Settings) {
        let Aggregate::Guild(guild) = aggregate else { return };
        let said = MODULES.into_iter().filter_map(|module| {
            let stored = Some(settings.stored(module)).filter(|stored| !stored.values.is_empty())?;
            Some((module.to_owned(), serde_json::to_value(stored).unwrap_or(Value::Null)))
        });
        let said: Map<String, Value> = said.collect();
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if said.is_empty() {
            all.remove(&guild.0);
        } else {
            all.insert(guild.0, Arc::new(Settings::of(said)));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_said_about_commands_is_kept() {
        let mut rules = Rules::default();
        let handle = rules.clone();
        let settings = |json: &Value| Settings::of(json.as_object().cloned().expect("an object"));
        let guild = Aggregate::Guild(GuildId(1));
        let module = json!({"version": 1, "by": "user/1", "at_ms": 0, "values": {"delete_trigger": true}});
        rules.set(guild, &settings(&json!({"general": {"values": {"prefix": "!"}}, "commands": module})));
        let of = handle.of(Some(GuildId(1)));
        assert!(of.switch("commands", "delete_trigger"));
        assert_eq!(of.text("general", "prefix").as_deref(), Some(">"), "not kept");
        assert!(!handle.of(Some(GuildId(2))).switch("commands", "delete_trigger"));
        rules.set(guild, &Settings::default());
        assert!(!handle.of(Some(GuildId(1))).switch("commands", "delete_trigger"));
        assert!(rules.0.read().expect("no panic").is_empty());
    }
}
