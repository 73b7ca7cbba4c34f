//! What a settings command makes of a module's values. Pure.

use miso_command_catalogue::{Args, How, Value};
use miso_model::GuildId;
use miso_settings::Module;
use serde_json::{Map, Value as Json, json};

/// What is to become of the values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Plan {
    /// These get new values; null is the default.
    Set(Map<String, Json>),
    /// Nothing changes: these fields are shown.
    Show(Vec<&'static str>),
    /// It cannot be done; for people.
    Refuse(String),
}

/// Decides. `values` are those of the module with defaults.
pub(crate) fn plan(how: How, module: &Module, values: &Map<String, Json>, args: &Args, guild: Option<GuildId>) -> Plan {
    match how {
        How::Toggle(field) => {
            let on = match args.text("state") {
                Some(state) => state == "on",
                None => values.get(field) != Some(&json!(true)),
            };
            set(field, json!(on))
        }
        How::Set(field) => match args.get("value") {
            Some(value) => set(field, json_of(value)),
            None => Plan::Show(vec![field]),
        },
        How::Add(field) => with_list(values, field, args, |list, item| {
            if !list.contains(&item) {
                list.push(item);
            }
        }),
        How::Remove(field) => with_list(values, field, args, |list, item| list.retain(|other| *other != item)),
        How::Unignore => {
            let field = match args.get("value") {
                Some(Value::Channel(_)) => "ignored_channels",
                _ => "ignored_members",
            };
            with_list(values, field, args, |list, item| list.retain(|other| *other != item))
        }
        How::Clear(field) => set(field, Json::Null),
        How::List(field) => Plan::Show(vec![field]),
        How::Show([]) => Plan::Show(module.fields.iter().map(|field| field.key).collect()),
        How::Show(fields) => Plan::Show(fields.to_vec()),
        How::AddKeyword | How::RemoveKeyword => keyword(how, values, args, guild),
        How::Restrict | How::Enable(_) | How::Unrestrict => rule(how, values, args),
    }
}

fn set(field: &str, value: Json) -> Plan {
    Plan::Set(Map::from_iter([(field.to_owned(), value)]))
}

fn list(values: &Map<String, Json>, field: &str) -> Vec<Json> {
    values.get(field).and_then(Json::as_array).cloned().unwrap_or_default()
}

fn with_list(values: &Map<String, Json>, field: &str, args: &Args, change: impl FnOnce(&mut Vec<Json>, Json)) -> Plan {
    let mut list = list(values, field);
    if let Some(value) = args.get("value") {
        change(&mut list, json_of(value));
    }
    set(field, Json::Array(list))
}

/// An argument as a field's value: ids are strings, `off` is none.
fn json_of(value: &Value) -> Json {
    match value {
        Value::Text(text) => json!(text),
        Value::Integer(number) | Value::Duration(number) => json!(number),
        Value::User(id) => json!(id),
        Value::Role(id) | Value::Id(id) => json!(id),
        Value::Channel(id) => json!(id),
        Value::Options(options) => json!(options),
        Value::Links(links) => json!(links),
        Value::Flag(given) => json!(given),
        Value::Off | Value::Range { .. } | Value::Moment(_) => Json::Null,
    }
}

fn is_text(row: &Json, column: &str, text: &str) -> bool {
    row[column].as_str().is_some_and(|value| value.to_lowercase() == text.to_lowercase())
}

/// Added in a guild, a word counts there; added for a second guild, or in private, everywhere.
fn keyword(how: How, values: &Map<String, Json>, args: &Args, guild: Option<GuildId>) -> Plan {
    let word = args.text("value").unwrap_or_default();
    let mut rows = list(values, "keywords");
    let known = rows.iter().position(|row| is_text(row, "word", word)).map(|at| rows.remove(at));
    if how == How::AddKeyword {
        let here = guild.map(|guild| json!(guild));
        let everywhere = known.is_some_and(|row| row["guild"].is_null() || Some(&row["guild"]) != here.as_ref());
        let guild = here.filter(|_| !everywhere).unwrap_or(Json::Null);
        rows.push(json!({"word": word, "guild": guild}));
    }
    set("keywords", Json::Array(rows))
}

fn rule(how: How, values: &Map<String, Json>, args: &Args) -> Plan {
    let name = args.text("command").unwrap_or_default();
    let mut rows = list(values, "rules");
    let at = rows.iter().position(|row| is_text(row, "command", name));
    if how == How::Unrestrict {
        match at {
            Some(at) => drop(rows.remove(at)),
            None => return Plan::Refuse(format!("Nothing is said about `{name}`: it follows its group.")),
        }
        return set("rules", Json::Array(rows));
    }
    let at = at.unwrap_or_else(|| {
        rows.push(json!({"command": name.to_lowercase()}));
        rows.len() - 1
    });
    match how {
        How::Enable(on) => rows[at]["enabled"] = json!(on),
        _ => {
            let mut channels = rows[at]["channels"].as_array().cloned().unwrap_or_default();
            if let Some(channel) = args.channel("value").map(|channel| json!(channel))
                && !channels.contains(&channel)
            {
                channels.push(channel);
            }
            rows[at]["channels"] = Json::Array(channels);
        }
    }
    set("rules", Json::Array(rows))
}

#[cfg(test)]
mod tests {
    use miso_command_catalogue::{CATALOGUE, Edit, Found, parse};
    use miso_settings::module;

    use super::*;

    fn edit_of(line: &str) -> Edit {
        match CATALOGUE.find(line) {
            Found::Command { command, .. } => command.edit.expect("a settings command"),
            Found::Unknown { .. } => panic!("{line} is a command"),
        }
    }

    /// What a line makes of a module's values.
    fn planned(line: &str, values: &Json) -> Plan {
        let Found::Command { command, rest } = CATALOGUE.find(line) else { panic!("{line} is a command") };
        let edit = edit_of(line);
        let module = module(edit.module).expect("declared");
        let values = module.with_defaults(values.as_object().expect("an object"));
        plan(edit.how, module, &values, &parse(command, rest).expect("fits"), Some(GuildId(1)))
    }

    fn made(line: &str, values: &Json) -> Json {
        match planned(line, values) {
            Plan::Set(set) => Json::Object(set),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_line_becomes_new_values() {
        for (line, values, expected) in [
            ("greeter toggle", json!({}), json!({"enabled": true})),
            ("greeter toggle", json!({"enabled": true}), json!({"enabled": false})),
            ("greeter toggle on", json!({"enabled": true}), json!({"enabled": true})),
            ("greeter channel <#5>", json!({}), json!({"channel": "5"})),
            ("greeter message Hi\nyou", json!({}), json!({"message": "Hi\nyou"})),
            ("logger bans off", json!({"bans": "5"}), json!({"bans": null})),
            ("starboard amount 5", json!({}), json!({"amount": 5})),
            ("starboard emoji <:tea:175928847299117063>", json!({}), json!({"emoji": "tea:175928847299117063"})),
            ("autorole add <@&6>", json!({"autoroles": ["5"]}), json!({"autoroles": ["5", "6"]})),
            ("autorole add <@&5>", json!({"autoroles": ["5"]}), json!({"autoroles": ["5"]})),
            ("autorole remove <@&5>", json!({"autoroles": ["5", "6"]}), json!({"autoroles": ["6"]})),
            ("blacklist channel <#5>", json!({}), json!({"ignored_channels": ["5"]})),
            ("blacklist delete <#5>", json!({"ignored_channels": ["5"]}), json!({"ignored_channels": []})),
            ("blacklist delete <@7>", json!({"ignored_members": ["7", "8"]}), json!({"ignored_members": ["8"]})),
            ("notification clear", json!({"keywords": [{"word": "tea"}]}), json!({"keywords": null})),
            ("keyword add tea", json!({}), json!({"keywords": [{"word": "tea", "guild": "1"}]})),
            (
                "keyword add Tea",
                json!({"keywords": [{"word": "tea", "guild": "2"}]}),
                json!({"keywords": [{"word": "Tea", "guild": null}]}),
            ),
            (
                "keyword add tea",
                json!({"keywords": [{"word": "tea", "guild": "1"}]}),
                json!({"keywords": [{"word": "tea", "guild": "1"}]}),
            ),
            (
                "keyword remove TEA",
                json!({"keywords": [{"word": "tea"}, {"word": "cup"}]}),
                json!({"keywords": [{"word": "cup"}]}),
            ),
            ("command restrict <#5> ship", json!({}), json!({"rules": [{"command": "ship", "channels": ["5"]}]})),
            (
                "command restrict <#6> ship",
                json!({"rules": [{"command": "ship", "channels": ["5"]}]}),
                json!({"rules": [{"command": "ship", "channels": ["5", "6"]}]}),
            ),
            ("command disable fun", json!({}), json!({"rules": [{"command": "fun", "enabled": false}]})),
            (
                "command enable fun",
                json!({"rules": [{"command": "FUN", "enabled": false}]}),
                json!({"rules": [{"command": "FUN", "enabled": true}]}),
            ),
            ("command clear fun", json!({"rules": [{"command": "fun"}]}), json!({"rules": []})),
        ] {
            let set = made(line, &values);
            assert_eq!(set, expected, "{line}");
            let module = module(edit_of(line).module).expect("declared");
            let fits = miso_settings::check(module, set.as_object().expect("an object"));
            assert_eq!(fits, Ok(()), "{line}");
        }
        assert!(matches!(planned("command clear fun", &json!({})), Plan::Refuse(text) if text.contains("`Fun`")));
        assert_eq!(planned("autorole list", &json!({})), Plan::Show(vec!["autoroles"]));
        assert_eq!(planned("blacklist show", &json!({})), Plan::Show(vec!["ignored_channels", "ignored_members"]));
        assert!(matches!(planned("starboard current", &json!({})), Plan::Show(fields) if fields.len() == 5));
    }
}
