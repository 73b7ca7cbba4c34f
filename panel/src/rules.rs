//! What the module `commands` says of a command, for the tree of the commands' page: a command's own
//! row wins over its family's, that over its group's. Whether somebody may run it, the catalogue
//! decides.

use miso_command_catalogue::Command;
use serde_json::{Map, Value};

/// What holds for one command.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Rule {
    pub(crate) enabled: bool,
    pub(crate) roles: Vec<String>,
    pub(crate) channels: Vec<String>,
    pub(crate) cooldown_s: Option<i64>,
    /// `own`, the group's name, or `default`.
    pub(crate) source: String,
}

/// Finds the rule of a command among the rows of `commands.rules`.
pub(crate) fn rule(rows: &Value, command: &Command) -> Rule {
    let row = |name: &str| {
        let rows = rows.as_array().into_iter().flatten().filter_map(Value::as_object);
        rows.into_iter().find(|row| {
            row.get("command").and_then(Value::as_str).is_some_and(|found| found.eq_ignore_ascii_case(name))
        })
    };
    let groups = [command.words().0, Some(command.group.name())];
    if let Some(own) = row(command.name) {
        return read(own, "own");
    }
    for group in groups.into_iter().flatten() {
        if let Some(found) = row(group) {
            return read(found, group);
        }
    }
    Rule { enabled: true, source: "default".to_owned(), ..Rule::default() }
}

fn read(row: &Map<String, Value>, source: &str) -> Rule {
    let ids = |key: &str| {
        let listed = row.get(key).and_then(Value::as_array).into_iter().flatten();
        listed.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    Rule {
        enabled: row.get("enabled").and_then(Value::as_bool).unwrap_or(true),
        roles: ids("roles"),
        channels: ids("channels"),
        cooldown_s: row.get("cooldown_s").and_then(Value::as_i64),
        source: source.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use miso_command_catalogue::CATALOGUE;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_own_row_wins_over_the_groups() {
        let rng = CATALOGUE.by_name("rng").expect("declared");
        let group = rng.group.name();
        let rows = json!([{"command": group, "enabled": false}, {"command": "rng", "channels": ["5"]}]);
        assert_eq!(rule(&rows, rng).source, "own");
        assert!(rule(&rows, rng).enabled);
        let only_group = json!([{"command": group, "enabled": false}]);
        assert_eq!((rule(&only_group, rng).enabled, rule(&only_group, rng).source.as_str()), (false, group));
        assert_eq!(rule(&json!([]), rng).source, "default");
    }
}
