//! What keeps modules from working, told from Discord's state: a channel that was deleted, a
//! permission that is missing, a role above the bot's.

use miso_command_catalogue::Permissions;
use miso_settings::{Field, Kind, Module, Scope, modules_of};
use serde_json::{Map, Value};

use crate::clients::{BotThere, GuildSettings};
use crate::view::Choices;

/// Something to mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The module's key.
    pub(crate) module: &'static str,
    /// The field's key.
    pub(crate) field: &'static str,
    /// `danger`: it does not work; `warn`: it does nothing yet.
    pub(crate) state: &'static str,
    /// One sentence.
    pub(crate) says: String,
}

/// Modules that do nothing without a channel once they are on.
const NEED_CHANNEL: &[&str] = &["greeting", "goodbye", "starboard"];

/// Of all modules, in the order of the navigation.
pub(crate) fn findings(settings: &GuildSettings, choices: &Choices) -> Vec<Finding> {
    let bot = choices.guild.bot;
    let mut all = Vec::new();
    for module in modules_of(Scope::Guild).filter(|module| is_on(module, settings)) {
        let values = settings.values(module);
        for field in module.fields {
            let value = values.get(field.key).unwrap_or(&Value::Null);
            let mut add = |state, says: String| all.push(Finding { module: module.key, field: field.key, state, says });
            of_field(module, field, value, choices, bot, &mut add);
        }
    }
    all
}

/// Whether a module does anything: switched on, or without a switch.
pub(crate) fn is_on(module: &Module, settings: &GuildSettings) -> bool {
    module.field("enabled").is_none() || settings.value(module.key, "enabled") == Value::Bool(true)
}

fn of_field(
    module: &Module,
    field: &Field,
    value: &Value,
    choices: &Choices,
    bot: BotThere,
    add: &mut impl FnMut(&'static str, String),
) {
    match (field.kind, value) {
        (Kind::Channel { .. }, Value::Null) if NEED_CHANNEL.contains(&module.key) => {
            add("warn", format!("{} is on, but no channel is picked.", module.title));
        }
        (Kind::Channel { .. }, Value::String(id)) => match choices.channel(id) {
            None => add("danger", format!("The channel of “{}” was deleted.", field.title)),
            Some(channel) => {
                let missing = channel.bot_permissions.missing(field.bot_needs).names();
                if !missing.is_empty() {
                    let says = format!(
                        "Miso cannot write in #{}: {} {} missing.",
                        channel.name,
                        missing.join(", "),
                        be(missing.len())
                    );
                    add("danger", says);
                }
            }
        },
        (Kind::Role | Kind::Roles { .. } | Kind::Table { .. }, _) if field.bot_needs != Permissions::NONE => {
            let ids = roles_of(field, value);
            if ids.is_empty() {
                return;
            }
            let missing = bot.permissions.missing(field.bot_needs).names();
            if !missing.is_empty() {
                add("danger", format!("“{}” needs {}, which Miso does not have.", field.title, missing.join(", ")));
            }
            for id in ids {
                match choices.role(id) {
                    None => add("danger", format!("A role of “{}” was deleted.", field.title)),
                    Some(role) if !role.assignable => {
                        let why = role.reason.as_deref().unwrap_or("Miso cannot give it");
                        add("danger", format!("Miso cannot give @{}: {why}.", role.name));
                    }
                    Some(_) => {}
                }
            }
        }
        _ => {}
    }
}

fn be(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

fn roles_of<'a>(field: &Field, value: &'a Value) -> Vec<&'a str> {
    let in_row = |row: &'a Map<String, Value>, columns: &[Field]| {
        let roles = columns.iter().filter(|column| matches!(column.kind, Kind::Role));
        roles.filter_map(|column| row.get(column.key)?.as_str()).collect::<Vec<_>>()
    };
    match (field.kind, value) {
        (Kind::Role, Value::String(id)) => vec![id],
        (Kind::Roles { .. }, Value::Array(ids)) => ids.iter().filter_map(Value::as_str).collect(),
        (Kind::Table { columns, .. }, Value::Array(rows)) => {
            rows.iter().filter_map(Value::as_object).flat_map(|row| in_row(row, columns)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clients::{Channel, Guild, Role};

    fn says(modules: &Value, bot: Permissions) -> Vec<String> {
        let settings = serde_json::from_value(json!({"modules": modules})).expect("reads");
        let choices = Choices {
            guild: Guild { bot: BotThere { permissions: bot }, ..Guild::default() },
            channels: vec![Channel {
                id: "5".to_owned(),
                name: "welcome".to_owned(),
                bot_permissions: Permissions::VIEW_CHANNEL.and(Permissions::SEND_MESSAGES),
                ..Channel::default()
            }],
            roles: vec![
                Role {
                    id: "7".to_owned(),
                    name: "Top".to_owned(),
                    reason: Some("above Miso's role".to_owned()),
                    ..Role::default()
                },
                Role { id: "8".to_owned(), name: "Low".to_owned(), assignable: true, ..Role::default() },
            ],
            ..Choices::default()
        };
        findings(&settings, &choices).into_iter().map(|finding| finding.says).collect()
    }

    #[test]
    fn what_keeps_a_module_from_working_is_named() {
        assert_eq!(says(&json!({}), Permissions::NONE), Vec::<String>::new());
        let greeting = |values: Value| json!({"greeting": {"version": 1, "values": values}});
        assert_eq!(
            says(&greeting(json!({"enabled": true, "channel": "5"})), Permissions::ALL),
            ["Miso cannot write in #welcome: Embed Links is missing."]
        );
        assert_eq!(
            says(&greeting(json!({"enabled": true, "channel": "6"})), Permissions::ALL),
            ["The channel of “Channel” was deleted."]
        );
        assert_eq!(
            says(&greeting(json!({"enabled": true})), Permissions::ALL),
            ["Greeting is on, but no channel is picked."]
        );
        assert_eq!(says(&greeting(json!({"enabled": false, "channel": "6"})), Permissions::ALL), Vec::<String>::new());
    }

    #[test]
    fn roles_that_cannot_be_given_are_named_also_in_tables() {
        let roles = json!({"roles": {"version": 1, "values": {"autoroles": ["7", "8", "9"]}}});
        assert_eq!(
            says(&roles, Permissions::MANAGE_ROLES),
            ["Miso cannot give @Top: above Miso's role.", "A role of “Roles for new members” was deleted."]
        );
        assert!(says(&roles, Permissions::NONE)[0].contains("needs Manage Roles"));
        let rewards =
            json!({"activity": {"version": 1, "values": {"enabled": true, "rewards": [{"level": 5, "role": "7"}]}}});
        assert_eq!(says(&rewards, Permissions::ADMINISTRATOR), ["Miso cannot give @Top: above Miso's role."]);
    }
}
