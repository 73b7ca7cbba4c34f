use miso_command_catalogue::{Colour, Document, ImageRole};
use miso_discord_state::DiscordState;
use miso_model::{BotCommand, GuildId, Snowflake};
use serde_json::Value;

use super::cdn;
use super::when::date;

/// The answer to `serverinfo`; `None` when the guild is not known.
pub(crate) fn of(state: &DiscordState, command: &BotCommand) -> Option<Document> {
    let guild = command.guild_id?;
    // Members are not shown: one is as good as all.
    let snapshot = state.guild_snapshot_for(guild, 1)?;
    let json: Value = serde_json::from_slice(snapshot.d.as_ref()).ok()?;
    Some(document(guild, &json))
}

/// Discord's channel types.
const TEXT: [u64; 2] = [0, 5];
const VOICE: [u64; 2] = [2, 13];

fn document(id: GuildId, guild: &Value) -> Document {
    let text = |field: &str| guild.get(field).and_then(Value::as_str);
    let number = |field: &str| guild.get(field).and_then(Value::as_u64).unwrap_or_default();
    let list = |field: &str| guild.get(field).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let channels = |kinds: [u64; 2]| {
        list("channels")
            .iter()
            .filter(|channel| channel["type"].as_u64().is_some_and(|kind| kinds.contains(&kind)))
            .count()
    };
    let mut document = Document { colour: Colour::Info, ..Document::default() }
        .titled(text("name").unwrap_or("?"))
        .footer(format!("#{id}"));
    document.text = text("description").map(str::to_owned);
    if let Some(hash) = text("icon") {
        document = document.image(ImageRole::Thumbnail, cdn::icon(id, hash));
    }
    if let Some(hash) = text("banner") {
        document = document.image(ImageRole::Main, cdn::banner(id, hash));
    }
    if let Some(owner) = text("owner_id") {
        document = document.field("Owner", format!("<@{owner}>"), true);
    }
    document
        .field("Members", number("member_count").to_string(), true)
        .field("Channels", format!("{} text, {} voice", channels(TEXT), channels(VOICE)), true)
        .field("Threads", list("threads").len().to_string(), true)
        .field("Roles", list("roles").len().to_string(), true)
        .field("Emojis", list("emojis").len().to_string(), true)
        .field("Boosts", format!("{} (level {})", number("premium_subscription_count"), number("premium_tier")), true)
        .field("Created", date(Snowflake(id.0).created_ms()), true)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_server_is_shown_with_its_counts() {
        let guild = json!({
            "name": "Tea", "icon": "i", "owner_id": "7", "member_count": 12, "premium_tier": 1, "premium_subscription_count": 3,
            "channels": [{"type": 0}, {"type": 5}, {"type": 2}, {"type": 4}], "roles": [{}, {}], "threads": [{}],
        });
        let document = document(GuildId(175_928_847_299_117_063), &guild);
        let field =
            |name: &str| document.fields.iter().find(|field| field.name == name).map(|field| field.value.as_str());
        assert_eq!(
            (document.title.as_deref(), field("Members"), field("Owner")),
            (Some("Tea"), Some("12"), Some("<@7>"))
        );
        assert_eq!(
            (field("Channels"), field("Roles"), field("Emojis")),
            (Some("2 text, 1 voice"), Some("2"), Some("0"))
        );
        assert_eq!(field("Created"), Some("<t:1462015105:D>"));
        assert!(document.images[0].url.contains("/icons/"));
    }
}
