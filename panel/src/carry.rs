//! Settings carried from another guild: its channels and roles do not exist here. Which they are, what
//! they could be here, and the settings with those put in.

use std::collections::{BTreeMap, BTreeSet};

use miso_settings::{Field, Kind, Scope, modules_of};
use serde_json::{Map, Value, json};

use crate::view::{Choices, Names};

/// Foreign ids of a file that are asked about, at most; a file with more is refused.
pub(crate) const FOREIGN: usize = 200;

/// What an id is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    Channel,
    Role,
}

/// An id that means nothing here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Foreign {
    pub(crate) id: String,
    pub(crate) what: What,
    /// What it was called there, where the file says so.
    pub(crate) name: Option<String>,
    /// Where it is used: `Greeting: Channel`.
    pub(crate) uses: BTreeSet<String>,
    /// What is called the same here.
    pub(crate) suggestion: Option<String>,
}

/// Foreign ids of a file's modules, in the order of their use. `names` are the file's own.
pub(crate) fn foreign(modules: &Value, names: &Value, choices: &Choices) -> Vec<Foreign> {
    let mut found: Vec<Foreign> = Vec::new();
    for module in modules_of(Scope::Guild) {
        let Some(values) = modules.get(module.key).and_then(Value::as_object) else { continue };
        for field in module.fields {
            let Some(value) = values.get(field.key) else { continue };
            each(field, value, &mut |what, id| {
                let here = match what {
                    What::Channel => choices.channel(id).is_some(),
                    What::Role => choices.role(id).is_some(),
                };
                if here {
                    return;
                }
                let used = format!("{}: {}", module.title, field.title);
                match found.iter_mut().find(|known| known.id == id) {
                    Some(known) => drop(known.uses.insert(used)),
                    None => found.push(one(what, id, used, names, choices)),
                }
            });
        }
    }
    found
}

fn one(what: What, id: &str, used: String, names: &Value, choices: &Choices) -> Foreign {
    let list = if what == What::Channel { "channels" } else { "roles" };
    let name = names.get(list).and_then(|list| list.get(id)).and_then(Value::as_str).map(str::to_owned);
    let same = |theirs: &str| name.as_deref().is_some_and(|name| plain(name) == plain(theirs));
    let suggestion = match what {
        What::Channel => choices.channels.iter().find(|one| same(&one.name)).map(|one| one.id.clone()),
        What::Role => choices.roles.iter().find(|one| same(&one.name)).map(|one| one.id.clone()),
    };
    Foreign { id: id.to_owned(), what, name, uses: BTreeSet::from([used]), suggestion }
}

fn plain(name: &str) -> String {
    name.trim().trim_start_matches(['#', '@']).to_lowercase()
}

/// The channels and roles in a field's value.
fn each(field: &Field, value: &Value, found: &mut impl FnMut(What, &str)) {
    let texts = || value.as_array().into_iter().flatten().filter_map(Value::as_str);
    match (field.kind, value) {
        (Kind::Channel { .. }, Value::String(id)) => found(What::Channel, id),
        (Kind::Role, Value::String(id)) => found(What::Role, id),
        (Kind::Channels { .. }, _) => texts().for_each(|id| found(What::Channel, id)),
        (Kind::Roles { .. }, _) => texts().for_each(|id| found(What::Role, id)),
        (Kind::Table { columns, .. }, Value::Array(rows)) => {
            for row in rows {
                for column in columns {
                    if let Some(cell) = row.get(column.key) {
                        each(column, cell, found);
                    }
                }
            }
        }
        _ => {}
    }
}

/// The modules with ids put in the place of others; one that is put in the place of nothing is left
/// out, with the row of a table that was about it.
pub(crate) fn mapped(modules: &Value, map: &BTreeMap<String, Option<String>>) -> Value {
    let mut mapped = modules.clone();
    for module in modules_of(Scope::Guild) {
        let Some(values) = mapped.get_mut(module.key).and_then(Value::as_object_mut) else { continue };
        for field in module.fields {
            if let Some(value) = values.get_mut(field.key) {
                put_in(field, value, map);
            }
        }
    }
    mapped
}

fn put_in(field: &Field, value: &mut Value, map: &BTreeMap<String, Option<String>>) {
    match (field.kind, value) {
        (Kind::Channel { .. } | Kind::Role, value @ Value::String(_)) => {
            if let Some(to) = value.as_str().and_then(|id| map.get(id)) {
                *value = to.as_ref().map_or(Value::Null, |id| json!(id));
            }
        }
        (Kind::Channels { .. } | Kind::Roles { .. }, Value::Array(ids)) => {
            let mut seen = BTreeSet::new();
            *ids = ids
                .iter()
                .filter_map(|id| match id.as_str().and_then(|id| map.get(id)) {
                    Some(to) => to.as_ref().map(|id| json!(id)),
                    None => Some(id.clone()),
                })
                .filter(|id| seen.insert(id.to_string()))
                .collect();
        }
        (Kind::Table { columns, .. }, Value::Array(rows)) => {
            rows.retain_mut(|row| {
                let about = |row: &Value| {
                    let single = columns.iter().filter(|one| matches!(one.kind, Kind::Channel { .. } | Kind::Role));
                    single.filter(|one| row.get(one.key).is_some_and(Value::is_string)).count()
                };
                let before = about(row);
                for column in columns {
                    if let Some(cell) = row.get_mut(column.key) {
                        put_in(column, cell, map);
                    }
                }
                about(row) == before
            });
        }
        _ => {}
    }
}

/// What the ids of a file's modules are called, to go along with it.
pub(crate) fn names_in(modules: &Value, names: &Names) -> Value {
    let (mut channels, mut roles) = (Map::new(), Map::new());
    for module in modules_of(Scope::Guild) {
        let Some(values) = modules.get(module.key).and_then(Value::as_object) else { continue };
        for field in module.fields {
            let Some(value) = values.get(field.key) else { continue };
            each(field, value, &mut |what, id| match what {
                What::Channel => channels.extend(names.channel(id).map(|name| (id.to_owned(), json!(name)))),
                What::Role => roles.extend(names.role(id).map(|name| (id.to_owned(), json!(name)))),
            });
        }
    }
    json!({"channels": channels, "roles": roles})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::{Channel, Role};

    fn here() -> Choices {
        let channel = |id: &str, name: &str| Channel { id: id.to_owned(), name: name.to_owned(), ..Channel::default() };
        let role = Role { id: "30".to_owned(), name: "Helper".to_owned(), ..Role::default() };
        Choices {
            channels: vec![channel("10", "welcome"), channel("11", "logs")],
            roles: vec![role],
            ..Choices::default()
        }
    }

    fn file() -> Value {
        json!({
            "greeting": {"channel": "90", "message": "Hi <#90>"},
            "logs": {"members": "91", "bans": "11", "ignored": ["90", "10", "92"]},
            "activity": {"rewards": [{"level": 5, "role": "95"}, {"level": 9, "role": "96"}]},
            "commands": {"rules": [{"command": "rng", "roles": ["95"], "channels": ["92"]}]},
        })
    }

    #[test]
    fn ids_that_mean_nothing_here_are_found_once_with_what_is_called_the_same() {
        let names = json!({"channels": {"90": "Welcome", "91": "mod-log"}, "roles": {"95": "@helper"}});
        let found = foreign(&file(), &names, &here());
        let mut seen: Vec<_> = found.iter().map(|one| (&*one.id, one.what, one.suggestion.as_deref())).collect();
        seen.sort_unstable();
        assert_eq!(
            seen,
            [
                ("90", What::Channel, Some("10")),
                ("91", What::Channel, None),
                ("92", What::Channel, None),
                ("95", What::Role, Some("30")),
                ("96", What::Role, None),
            ]
        );
        let welcome = found.iter().find(|one| one.id == "90").expect("found");
        assert_eq!(
            welcome.uses.iter().map(String::as_str).collect::<Vec<_>>(),
            ["Greeting: Channel", "Logs: Ignored channels"]
        );
    }

    #[test]
    fn ids_are_put_in_everywhere_and_what_is_left_out_takes_its_row_along() {
        let to = |id: &str| Some(id.to_owned());
        let map = BTreeMap::from([
            ("90".to_owned(), to("10")),
            ("91".to_owned(), None),
            ("92".to_owned(), None),
            ("95".to_owned(), to("30")),
            ("96".to_owned(), None),
        ]);
        assert_eq!(
            mapped(&file(), &map),
            json!({
                "greeting": {"channel": "10", "message": "Hi <#90>"},
                "logs": {"members": null, "bans": "11", "ignored": ["10"]},
                "activity": {"rewards": [{"level": 5, "role": "30"}]},
                "commands": {"rules": [{"command": "rng", "roles": ["30"], "channels": []}]},
            })
        );
    }

    #[test]
    fn a_file_says_what_its_ids_are_called() {
        let choices = here();
        let names = Names::of(&choices.channels, &choices.roles);
        assert_eq!(names_in(&file(), &names), json!({"channels": {"10": "welcome", "11": "logs"}, "roles": {}}));
    }
}
