use miso_command_catalogue::{Colour, Document, ImageRole, Link};
use miso_model::{GuildId, Snowflake};
use serde_json::Value;

use super::when::date;
use super::{cdn, unknown};

/// Discord's channel types.
const TEXT: [u64; 2] = [0, 5];
const VOICE: [u64; 2] = [2, 13];

/// The answer to `servericon`.
pub(crate) fn icon(id: GuildId, guild: &Value) -> Document {
    match guild.get("icon").and_then(Value::as_str) {
        Some(hash) => picture(guild, "Icon", cdn::icon(id, hash)),
        None => unknown("This server has no icon."),
    }
}

/// The answer to `serverbanner`.
pub(crate) fn banner(id: GuildId, guild: &Value) -> Document {
    match guild.get("banner").and_then(Value::as_str) {
        Some(hash) => picture(guild, "Banner", cdn::banner(id, hash)),
        None => unknown("This server has no banner."),
    }
}

fn picture(guild: &Value, kind: &str, url: String) -> Document {
    let name = guild.get("name").and_then(Value::as_str).unwrap_or("?");
    let mut document = Document { colour: Colour::Info, ..Document::default() }
        .titled(format!("{name} / {kind}"))
        .image(ImageRole::Main, &*url);
    document.actions.push(Link { label: "Open".to_owned(), url });
    document
}

/// The answer to `serverinfo`.
pub(crate) fn info(id: GuildId, guild: &Value) -> Document {
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
        let document = info(GuildId(175_928_847_299_117_063), &guild);
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

    #[test]
    fn icon_and_banner_are_shown_where_there_are_any() {
        let guild = json!({"name": "Tea", "icon": "i", "banner": null});
        let shown = icon(GuildId(2), &guild);
        assert_eq!((shown.title.as_deref(), shown.actions[0].url == shown.images[0].url), (Some("Tea / Icon"), true));
        assert_eq!(banner(GuildId(2), &guild).text.as_deref(), Some("This server has no banner."));
    }
}
