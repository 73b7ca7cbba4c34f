use miso_command_catalogue::{CATALOGUE, Colour, Document, Found, Permissions, Problem};
use miso_settings::Settings;
use serde_json::{Map, Value, json};

use super::{Answered, Call, code};

const MODULE: &str = "custom-commands";

/// `command add|edit|remove|list|search`: a guild's own commands.
pub(crate) async fn custom(call: &Call<'_>) -> Result<Answered, Problem> {
    let guild = call.guild()?;
    let name = call.args.text("name").unwrap_or_default().trim().to_lowercase();
    let text = call.args.text("text").unwrap_or_default();
    let manages = call.context.permissions.cover(Permissions::MANAGE_GUILD);
    let edit = |settings: &Settings| match call.command.words().1 {
        "add" => add(settings, &name, text, manages),
        "edit" => replace(settings, &name, text),
        _ => remove(settings, &name),
    };
    let done = match call.command.words().1 {
        "add" => "now answers",
        "edit" => "now answers otherwise",
        "remove" => "is gone",
        "search" => return Ok(listed(&call.settings(guild).await?, &name, call.prefix()).into()),
        _ => return Ok(listed(&call.settings(guild).await?, "", call.prefix()).into()),
    };
    let changed = call.edit(guild, MODULE, edit).await?;
    let text = format!("{} {done}.", code(&format!("{}{name}", call.prefix())));
    Ok(Answered { document: Document::text(Colour::Success, text), position: Some(changed.position) })
}

fn rows(settings: &Settings) -> Vec<Value> {
    settings.rows(MODULE, "commands").into_iter().map(Value::Object).collect()
}

fn at(rows: &[Value], name: &str) -> Option<usize> {
    rows.iter().position(|row| row["name"].as_str().is_some_and(|known| known.to_lowercase() == name))
}

fn set(rows: Vec<Value>) -> Map<String, Value> {
    Map::from_iter([("commands".to_owned(), Value::Array(rows))])
}

fn refused(slug: &str, detail: String) -> Problem {
    Problem::new(422, slug, "That does not work", detail)
}

fn add(settings: &Settings, name: &str, text: &str, manages: bool) -> Result<Map<String, Value>, Problem> {
    if !manages && !settings.switch(MODULE, "members_may_add") {
        let detail = "You need the permission Manage Server for that.";
        return Err(Problem::new(403, "missing-permissions", "Not allowed", detail));
    }
    if matches!(CATALOGUE.find(name), Found::Command { .. }) || CATALOGUE.family(name).is_some() {
        return Err(refused("name-taken", format!("{} is one of my own commands.", code(name))));
    }
    let mut rows = rows(settings);
    if at(&rows, name).is_some() {
        let detail = format!("{} is there already; `command edit` changes it.", code(name));
        return Err(refused("name-taken", detail));
    }
    rows.push(json!({"name": name, "text": text}));
    Ok(set(rows))
}

fn replace(settings: &Settings, name: &str, text: &str) -> Result<Map<String, Value>, Problem> {
    let mut rows = rows(settings);
    let at = at(&rows, name).ok_or_else(|| unknown(name))?;
    rows[at]["text"] = json!(text);
    Ok(set(rows))
}

fn remove(settings: &Settings, name: &str) -> Result<Map<String, Value>, Problem> {
    let mut rows = rows(settings);
    let at = at(&rows, name).ok_or_else(|| unknown(name))?;
    rows.remove(at);
    Ok(set(rows))
}

fn unknown(name: &str) -> Problem {
    refused("unknown-custom-command", format!("This server has no command {}.", code(name)))
}

fn listed(settings: &Settings, part: &str, prefix: &str) -> Document {
    let rows = rows(settings);
    let names = rows.iter().filter_map(|row| row["name"].as_str());
    let mut names: Vec<&str> = names.filter(|name| name.to_lowercase().contains(part)).collect();
    names.sort_unstable();
    if names.is_empty() {
        let text = if part.is_empty() {
            format!("This server has no commands of its own. {} adds one.", code(&format!("{prefix}command add")))
        } else {
            format!("None of this server's own commands has {} in its name.", code(part))
        };
        return Document::text(Colour::Info, text);
    }
    let title = format!("{} of this server's own", names.len());
    let rows = names.into_iter().map(|name| code(&format!("{prefix}{name}"))).collect();
    Document { rows, ..Document::default() }.titled(title)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(values: &Value) -> Settings {
        let module = json!({MODULE: {"version": 1, "by": "", "at_ms": 0, "values": values}});
        Settings::of(module.as_object().cloned().expect("object"))
    }

    #[test]
    fn a_guilds_own_commands_are_added_changed_and_removed_by_name_in_any_case() {
        let none = settings(&json!({}));
        let added = add(&none, "tea", "Tea!", true).expect("added");
        assert_eq!(added["commands"], json!([{"name": "tea", "text": "Tea!"}]));
        let some = settings(&json!({"commands": [{"name": "Tea", "text": "Tea!"}, {"name": "rum", "text": "No."}]}));
        let changed = replace(&some, "tea", "Two teas!").expect("changed");
        assert_eq!(changed["commands"][0], json!({"name": "Tea", "text": "Two teas!"}));
        assert_eq!(remove(&some, "tea").expect("removed")["commands"], json!([{"name": "rum", "text": "No."}]));
        assert_eq!(listed(&some, "te", "!").rows, ["`!Tea`"]);
        assert_eq!((listed(&some, "", "!").rows.len(), listed(&none, "", "!").rows.len()), (2, 0));
    }

    #[test]
    fn what_is_taken_unknown_or_not_allowed_is_told() {
        let some = settings(&json!({"commands": [{"name": "tea", "text": "Tea!"}], "members_may_add": true}));
        let slug = |result: Result<Map<String, Value>, Problem>| result.err().map(|problem| problem.slug().to_owned());
        assert_eq!(slug(add(&settings(&json!({})), "rum", "x", false)).as_deref(), Some("missing-permissions"));
        assert_eq!(slug(add(&some, "rum", "x", false)), None);
        for taken in ["tea", "ping", "random", "starboard"] {
            assert_eq!(slug(add(&some, taken, "x", true)).as_deref(), Some("name-taken"), "{taken}");
        }
        assert_eq!(slug(replace(&some, "rum", "x")).as_deref(), Some("unknown-custom-command"));
        assert_eq!(slug(remove(&some, "rum")).as_deref(), Some("unknown-custom-command"));
    }
}
