//! Discord's order of roles: nobody gives a role at or above their own highest. Through the bot they
//! may not either, so settings by which it gives roles take none of these from them.

use std::collections::BTreeSet;

use miso_command_catalogue::Permissions;
use miso_settings::{Field, FieldError, Kind, Module};
use serde_json::{Map, Value};

use crate::clients::{Guild, GuildMe, Role};

/// Ids of the roles that a member may not have given. The owner of the guild may all.
pub(crate) fn out_of_reach(guild: &Guild, user: &str, me: &GuildMe, roles: &[Role]) -> BTreeSet<String> {
    if guild.owner_id.as_deref() == Some(user) {
        return BTreeSet::new();
    }
    let own = roles.iter().filter(|role| me.roles.contains(&role.id));
    let highest = own.map(|role| role.position).max().unwrap_or(0);
    roles.iter().filter(|role| role.position >= highest).map(|role| role.id.clone()).collect()
}

/// Whether the bot gives roles by a field.
pub(crate) fn gives(field: &Field) -> bool {
    field.actor_needs.cover(Permissions::MANAGE_ROLES)
}

/// What a change would have given that is out of reach. What was set before may stay.
pub(crate) fn refused(
    module: &Module,
    before: &Map<String, Value>,
    change: &Map<String, Value>,
    out_of_reach: &BTreeSet<String>,
    roles: &[Role],
) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (key, value) in change {
        let Some(field) = module.field(key).filter(|field| gives(field)) else { continue };
        let had = given(field, before.get(key).unwrap_or(&Value::Null));
        let new = given(field, value).into_iter().filter(|id| !had.contains(id) && out_of_reach.contains(*id));
        errors.extend(new.map(|id| {
            let name = roles.iter().find(|role| role.id == id).map_or(id, |role| role.name.trim_start_matches('@'));
            let message =
                format!("{}: @{name} is at or above your own highest role, so you cannot have it given.", field.title);
            FieldError { pointer: format!("/{key}"), code: "above_own_role".to_owned(), message }
        }));
    }
    errors
}

/// Roles in a field's value.
fn given<'a>(field: &Field, value: &'a Value) -> BTreeSet<&'a str> {
    match (field.kind, value) {
        (Kind::Role, Value::String(id)) => BTreeSet::from([id.as_str()]),
        (Kind::Roles { .. }, Value::Array(ids)) => ids.iter().filter_map(Value::as_str).collect(),
        (Kind::Table { columns, .. }, Value::Array(rows)) => {
            let cells = rows
                .iter()
                .flat_map(|row| columns.iter().filter_map(move |column| Some((column, row.get(column.key)?))));
            cells.flat_map(|(column, cell)| given(column, cell)).collect()
        }
        _ => BTreeSet::new(),
    }
}

#[cfg(test)]
mod tests {
    use miso_settings::module;
    use serde_json::json;

    use super::*;

    fn roles() -> Vec<Role> {
        let role = |id: &str, position| Role { id: id.to_owned(), name: id.to_owned(), position, ..Role::default() };
        vec![role("top", 9), role("mine", 5), role("beside", 5), role("low", 2), role("everyone", 0)]
    }

    fn me(mine: &[&str]) -> GuildMe {
        GuildMe { roles: mine.iter().map(|id| (*id).to_owned()).collect(), ..GuildMe::default() }
    }

    #[test]
    fn roles_at_or_above_ones_own_highest_are_out_of_reach_but_for_the_owner() {
        let guild = Guild { owner_id: Some("1".to_owned()), ..Guild::default() };
        let of =
            |user: &str, mine: &[&str]| out_of_reach(&guild, user, &me(mine), &roles()).into_iter().collect::<Vec<_>>();
        assert_eq!(of("1", &[]), Vec::<String>::new());
        assert_eq!(of("2", &["mine", "low"]), ["beside", "mine", "top"]);
        assert_eq!(of("2", &[]).len(), 5, "without a role of one's own there is none below");
    }

    #[test]
    fn only_what_is_new_and_gives_roles_is_refused_in_lists_and_tables() {
        let beyond = BTreeSet::from(["top".to_owned(), "mine".to_owned()]);
        let object = |json: Value| json.as_object().cloned().expect("an object");
        let said = |key: &str, before: Value, change: Value| {
            let module = module(key).expect("declared");
            refused(module, &object(before), &object(change), &beyond, &roles()).len()
        };
        assert_eq!(said("roles", json!({}), json!({"autoroles": ["low"]})), 0);
        assert_eq!(said("roles", json!({}), json!({"autoroles": ["low", "top"], "mute_role": "mine"})), 2);
        assert_eq!(said("roles", json!({"autoroles": ["top"]}), json!({"autoroles": ["top", "low"]})), 0, "it was set");
        let rewards = |role: &str| json!({"rewards": [{"level": 5, "role": role}]});
        assert_eq!(said("activity", json!({}), rewards("top")), 1);
        assert_eq!(said("activity", json!({}), rewards("low")), 0);
        assert_eq!(said("access", json!({}), json!({"write": ["top"]})), 0, "it gives no role");
    }
}
