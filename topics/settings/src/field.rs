use miso_model::Permissions;
use serde_json::{Map, Value, json};

/// Whose settings a module holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A guild's; changed by who may manage it.
    Guild,
    /// A user's own.
    User,
}

impl Scope {
    /// For JSON and addresses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Guild => "guild",
            Self::User => "user",
        }
    }
}

/// What a field holds, its bounds, and with that which picker a form shows. Ids are strings in JSON.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// true or false.
    Switch,
    /// One line of text.
    Text {
        /// Unicode scalar values.
        max_chars: usize,
    },
    /// A message's text with placeholders, such as `{mention}`.
    Template {
        /// Unicode scalar values.
        max_chars: usize,
        /// Without their braces.
        placeholders: &'static [&'static str],
    },
    /// A whole number.
    Integer {
        /// Inclusive.
        min: i64,
        /// Inclusive.
        max: i64,
    },
    /// A channel's id.
    Channel {
        /// Discord's channel types that fit.
        types: &'static [u8],
    },
    /// Channels' ids.
    Channels {
        /// How many at most.
        max: usize,
    },
    /// A role's id.
    Role,
    /// Roles' ids.
    Roles {
        /// How many at most.
        max: usize,
    },
    /// Users' ids.
    Members {
        /// How many at most.
        max: usize,
    },
    /// An emoji: a unicode one, or `name:id` of the guild's.
    Emoji,
    /// One of some values.
    Choice {
        /// Value and what a form shows for it.
        options: &'static [(&'static str, &'static str)],
    },
    /// An IANA time zone's name.
    Timezone,
    /// Words or lines.
    Words {
        /// How many at most.
        max: usize,
        /// Characters of each.
        max_chars: usize,
    },
    /// Rows of fields; an array of objects.
    Table {
        /// Their fields. None is a table.
        columns: &'static [Field],
        /// How many rows at most.
        max_rows: usize,
        /// The column whose value is there once only.
        key: &'static str,
    },
}

/// What holds where nothing was set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Default {
    /// null: a choice that is not made, a channel that is not picked.
    Nothing,
    /// A switch.
    Bool(bool),
    /// A number.
    Integer(i64),
    /// A text.
    Text(&'static str),
    /// An empty list or table.
    Empty,
}

impl Default {
    /// As JSON.
    #[must_use]
    pub fn json(self) -> Value {
        match self {
            Self::Nothing => Value::Null,
            Self::Bool(value) => json!(value),
            Self::Integer(value) => json!(value),
            Self::Text(value) => json!(value),
            Self::Empty => json!([]),
        }
    }
}

/// A declared field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Field {
    /// Its name in JSON: lower case, with underscores.
    pub key: &'static str,
    /// Its label.
    pub title: &'static str,
    /// One line.
    pub help: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What holds where nothing was set.
    pub default: Default,
    /// What the bot needs: in the picked channel of a channel field, in the guild for any other.
    pub bot_needs: Permissions,
    /// What who changes it needs, besides what changing settings needs: at Discord itself nobody gives a
    /// role without Manage Roles.
    pub actor_needs: Permissions,
}

/// A declared module.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Module {
    /// Its name in JSON and in addresses: lower case, with hyphens.
    pub key: &'static str,
    /// Whose.
    pub scope: Scope,
    /// Its heading.
    pub title: &'static str,
    /// What it does, one line.
    pub help: &'static str,
    /// Its fields, in the order of the form.
    pub fields: &'static [Field],
}

impl Module {
    /// The field of this key.
    #[must_use]
    pub fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.key == key)
    }

    /// All fields, with defaults where nothing was set. Values of fields that are not declared any
    /// more are left out.
    #[must_use]
    pub fn with_defaults(&self, values: &Map<String, Value>) -> Map<String, Value> {
        let value = |field: &Field| values.get(field.key).cloned().unwrap_or_else(|| field.default.json());
        self.fields.iter().map(|field| (field.key.to_owned(), value(field))).collect()
    }
}
