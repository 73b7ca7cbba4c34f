use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::module;

/// A module's settings as they are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct StoredModule {
    /// Number of its changes.
    pub version: i64,
    /// Who changed it last, such as `user/1`.
    pub by: String,
    /// When; Unix milliseconds.
    pub at_ms: i64,
    /// What is set.
    pub values: Map<String, Value>,
}

/// All settings of an aggregate, read-only: what handlers hold in memory. What cannot be read counts
/// as not set.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings(Map<String, Value>);

impl Settings {
    /// Of the JSON in `bot.settings` or in the store.
    #[must_use]
    pub fn read(json: &[u8]) -> Self {
        Self(serde_json::from_slice(json).unwrap_or_default())
    }

    /// Of a JSON object.
    #[must_use]
    pub fn of(json: Map<String, Value>) -> Self {
        Self(json)
    }

    /// A module as it is kept; version 0 when it was never changed.
    #[must_use]
    pub fn stored(&self, key: &str) -> StoredModule {
        self.0.get(key).and_then(|json| serde_json::from_value(json.clone()).ok()).unwrap_or_default()
    }

    /// A field's value, or its default; null for a field that is not declared.
    #[must_use]
    pub fn value(&self, module_key: &str, field: &str) -> Value {
        let set = self.0.get(module_key).and_then(|stored| stored.get("values")).and_then(|values| values.get(field));
        let default = || {
            let declared = module(module_key).and_then(|module| module.field(field));
            declared.map_or(Value::Null, |field| field.default.json())
        };
        set.cloned().unwrap_or_else(default)
    }

    /// A switch; false where it is none.
    #[must_use]
    pub fn switch(&self, module: &str, field: &str) -> bool {
        self.value(module, field).as_bool().unwrap_or(false)
    }

    /// A text, a choice or an emoji.
    #[must_use]
    pub fn text(&self, module: &str, field: &str) -> Option<String> {
        self.value(module, field).as_str().map(str::to_owned)
    }

    /// A number.
    #[must_use]
    pub fn integer(&self, module: &str, field: &str) -> Option<i64> {
        self.value(module, field).as_i64()
    }

    /// An id, such as a channel's.
    #[must_use]
    pub fn id(&self, module: &str, field: &str) -> Option<u64> {
        id(&self.value(module, field))
    }

    /// Ids, such as those of roles.
    #[must_use]
    pub fn ids(&self, module: &str, field: &str) -> Vec<u64> {
        self.value(module, field).as_array().into_iter().flatten().filter_map(id).collect()
    }

    /// Rows of a table.
    #[must_use]
    pub fn rows(&self, module: &str, field: &str) -> Vec<Map<String, Value>> {
        self.value(module, field).as_array().into_iter().flatten().filter_map(Value::as_object).cloned().collect()
    }
}

fn id(value: &Value) -> Option<u64> {
    value.as_str().and_then(|text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_has_its_default_and_what_is_unreadable_counts_as_not_set() {
        let json = br#"{"greeting":{"version":2,"by":"user/1","at_ms":5,"values":{"enabled":true,"channel":"42"}}}"#;
        let settings = Settings::read(json);
        assert!(settings.switch("greeting", "enabled"));
        assert_eq!(settings.id("greeting", "channel"), Some(42));
        assert_eq!(settings.integer("starboard", "amount"), Some(4));
        assert_eq!(settings.stored("greeting").version, 2);
        assert_eq!(settings.stored("starboard"), StoredModule::default());
        assert_eq!(Settings::read(b"[").text("general", "prefix").as_deref(), Some(">"));
        assert_eq!(settings.value("nothing", "here"), Value::Null);
    }
}
