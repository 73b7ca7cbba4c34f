use miso_command_catalogue::{Colour, Document, Permissions};
use miso_model::{GuildId, Snowflake};
use serde_json::Value;

use super::unknown;
use super::when::{date, iso_date};

/// Permissions named in an answer, at most.
const NAMED: usize = 30;

fn list<'a>(guild: &'a Value, field: &str) -> &'a [Value] {
    guild.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The answer to `members`: who joined first stands first.
pub(crate) fn members(guild: &Value) -> Document {
    let mut members: Vec<&Value> = list(guild, "members").iter().collect();
    members.sort_by(|a, b| text(a, "joined_at").cmp(text(b, "joined_at")));
    let row = |(index, member): (usize, &&Value)| {
        let user = &member["user"];
        let bot = if user["bot"] == true { " 🤖" } else { "" };
        let joined = iso_date(text(member, "joined_at")).map(|date| format!(" · {date}")).unwrap_or_default();
        format!("`{}` <@{}> {}{bot}{joined}", index + 1, text(user, "id"), plain(text(user, "username")))
    };
    let rows: Vec<String> = members.iter().enumerate().map(row).collect();
    let count = guild.get("member_count").and_then(Value::as_u64).unwrap_or_default();
    let known = u64::try_from(rows.len()).unwrap_or_default();
    let mut document =
        Document { rows, colour: Colour::Info, ..Document::default() }.titled(format!("{count} members"));
    if known < count {
        document = document.footer(format!("I know {known} of them"));
    }
    document
}

/// The answer to `roleslist`: the highest first.
pub(crate) fn roles(guild_id: GuildId, guild: &Value) -> Document {
    let mut roles: Vec<&Value> =
        list(guild, "roles").iter().filter(|role| text(role, "id") != guild_id.to_string()).collect();
    roles
        .sort_by_key(|role| std::cmp::Reverse((role["position"].as_i64().unwrap_or_default(), text(role, "id").len())));
    let rows: Vec<String> =
        roles.iter().map(|role| format!("<@&{}> · `{}`", text(role, "id"), text(role, "id"))).collect();
    let title = format!("{} roles", rows.len());
    Document { rows, colour: Colour::Info, ..Document::default() }.titled(title)
}

/// The answer to `roleinfo`.
pub(crate) fn role(guild_id: GuildId, id: Snowflake, guild: &Value) -> Document {
    let wanted = id.to_string();
    let Some(role) = list(guild, "roles").iter().find(|role| text(role, "id") == wanted) else {
        return unknown("There is no such role here.");
    };
    let yes = |field: &str| if role[field] == true { "yes" } else { "no" };
    let bits = Permissions(text(role, "permissions").parse().unwrap_or_default());
    let mut names: Vec<&str> = bits.names().into_iter().take(NAMED).collect();
    if bits.cover(Permissions::ADMINISTRATOR) {
        names = vec!["Administrator: everything"];
    } else if names.is_empty() {
        names = vec!["none of its own"];
    }
    let colour = role["color"].as_u64().filter(|colour| *colour > 0).map(|colour| format!("#{colour:06x}"));
    let mention = if id.0 == guild_id.0 { "@everyone".to_owned() } else { format!("<@&{id}>") };
    Document { colour: Colour::Info, ..Document::default() }
        .titled(plain(text(role, "name")))
        .footer(format!("#{id}"))
        .field("Mention", mention, true)
        .field("Colour", colour.unwrap_or_else(|| "none".to_owned()), true)
        .field("Position", role["position"].as_i64().unwrap_or_default().to_string(), true)
        .field("Shown apart", yes("hoist"), true)
        .field("Mentionable", yes("mentionable"), true)
        .field("Managed", yes("managed"), true)
        .field("Made", date(id.created_ms()), true)
        .field("Permissions", names.join(", "), false)
}

/// A name without a meaning in Markdown.
fn plain(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for c in name.chars() {
        if "\\*_~`|>#[]()<".contains(c) {
            plain.push('\\');
        }
        plain.push(c);
    }
    plain
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn guild() -> Value {
        json!({
            "member_count": 3,
            "members": [
                {"user": {"id": "2", "username": "bo_b"}, "joined_at": "2024-02-29T23:59:59Z"},
                {"user": {"id": "1", "username": "miso", "bot": true}, "joined_at": "2016-04-30T11:18:25Z"},
            ],
            "roles": [
                {"id": "9", "name": "@everyone", "position": 0, "permissions": "1024"},
                {"id": "5", "name": "Low", "position": 1, "permissions": "0", "color": 0},
                {"id": "6", "name": "High", "position": 2, "permissions": "32", "color": 255, "hoist": true},
            ],
        })
    }

    #[test]
    fn members_are_listed_from_the_oldest_on() {
        let document = members(&guild());
        assert_eq!(document.title.as_deref(), Some("3 members"));
        assert_eq!(document.rows[0], "`1` <@1> miso 🤖 · <t:1462015105:D>");
        assert!(document.rows[1].contains("bo\\_b") && document.footer.expect("said").contains("2 of them"));
    }

    #[test]
    fn roles_are_listed_from_the_highest_down_and_explained() {
        let document = roles(GuildId(9), &guild());
        assert_eq!((document.title.as_deref(), document.rows.len()), (Some("2 roles"), 2));
        assert!(document.rows[0].starts_with("<@&6>"));
        let document = role(GuildId(9), Snowflake(6), &guild());
        let field = |name: &str| document.fields.iter().find(|field| field.name == name).map(|f| f.value.as_str());
        assert_eq!(
            (field("Colour"), field("Shown apart"), field("Permissions")),
            (Some("#0000ff"), Some("yes"), Some("Manage Server"))
        );
        let everyone = role(GuildId(9), Snowflake(9), &guild());
        assert_eq!(everyone.fields[0].value, "@everyone");
        assert!(role(GuildId(9), Snowflake(7), &guild()).text.expect("told").contains("no such role"));
    }
}
