use miso_command_catalogue::{Colour, Document, ImageRole};
use miso_discord_state::DiscordState;
use miso_model::{BotCommand, GuildId, UserId};
use serde_json::Value;

use super::cdn;
use super::when::{date, iso_date};
use crate::messages::message::{People, id_of};

/// Roles named in an answer, at most.
const ROLES: usize = 30;

/// A user, and what a guild knows of them.
#[derive(Debug, PartialEq)]
pub(crate) struct Person {
    id: UserId,
    /// User object.
    user: Value,
    /// Member object, or null.
    member: Value,
}

impl Person {
    /// Who is asked for, else the author: from the message, which has the newest objects, or from the
    /// guild's members.
    pub(crate) fn find(
        wanted: Option<UserId>,
        state: &DiscordState,
        command: &BotCommand,
        people: &People,
    ) -> Option<Self> {
        let id = wanted.unwrap_or(command.user_id);
        if id == command.user_id && people.author.is_object() {
            return Some(Self { id, user: people.author.clone(), member: people.member.clone() });
        }
        let known = command.guild_id.and_then(|guild| state.member(guild, id));
        let mut member = known.and_then(|json| serde_json::from_slice::<Value>(&json).ok()).unwrap_or_default();
        let of_member = member.get_mut("user").map(Value::take).unwrap_or_default();
        let mentioned = people.mentions.iter().find(|user| id_of(user) == Some(id));
        let user = mentioned.cloned().unwrap_or(of_member);
        if let Some(fresher) = user.get("member").filter(|_| member.is_null()) {
            member = fresher.clone();
        }
        user.is_object().then_some(Self { id, user, member })
    }

    fn text<'a>(object: &'a Value, field: &str) -> Option<&'a str> {
        object.get(field).and_then(Value::as_str)
    }

    fn name(&self) -> &str {
        Self::text(&self.user, "username").unwrap_or("?")
    }

    fn own_avatar(&self) -> String {
        match Self::text(&self.user, "avatar") {
            Some(hash) => cdn::avatar(self.id, hash),
            None => cdn::default_avatar(self.id, Self::text(&self.user, "discriminator").unwrap_or("0")),
        }
    }

    /// The guild's avatar of the member, where there is one; else the user's.
    fn shown_avatar(&self, guild: Option<GuildId>) -> (String, bool) {
        match (guild, Self::text(&self.member, "avatar")) {
            (Some(guild), Some(hash)) => (cdn::member_avatar(guild, self.id, hash), true),
            _ => (self.own_avatar(), false),
        }
    }

    /// The answer to `avatar`.
    pub(crate) fn avatar(&self, guild: Option<GuildId>) -> Document {
        let (url, of_guild) = self.shown_avatar(guild);
        let kind = match (of_guild, self.user.get("avatar").is_some_and(Value::is_string)) {
            (true, _) => "Server avatar",
            (false, true) => "Avatar",
            (false, false) => "Default avatar",
        };
        let mut document = Document { colour: Colour::Info, ..Document::default() }
            .titled(format!("{} / {kind}", self.name()))
            .image(ImageRole::Main, &*url);
        if of_guild {
            document = document.image(ImageRole::Thumbnail, self.own_avatar());
        }
        document.actions.push(miso_command_catalogue::Link { label: "Open".to_owned(), url });
        document
    }

    /// The answer to `banner`. Discord tells bots of a banner only with some of its user objects.
    pub(crate) fn banner(&self) -> Document {
        let Some(hash) = Self::text(&self.user, "banner") else {
            return super::unknown(&format!("{} has no banner that Discord tells me of.", self.name()));
        };
        let url = cdn::user_banner(self.id, hash);
        let mut document = Document { colour: Colour::Info, ..Document::default() }
            .titled(format!("{} / Banner", self.name()))
            .image(ImageRole::Main, &*url);
        document.actions.push(miso_command_catalogue::Link { label: "Open".to_owned(), url });
        document
    }

    /// The answer to `userinfo`.
    pub(crate) fn info(&self, guild: Option<GuildId>) -> Document {
        let robot = if self.user.get("bot").and_then(Value::as_bool) == Some(true) { "🤖 " } else { "" };
        let created = miso_model::Snowflake(self.id.0).created_ms();
        let mut document = Document { colour: Colour::Info, ..Document::default() }
            .titled(format!("{robot}{}", self.name()))
            .image(ImageRole::Thumbnail, self.shown_avatar(guild).0)
            .footer(format!("#{}", self.id))
            .field("Mention", format!("<@{}>", self.id), true)
            .field("Account created", date(created), true);
        if let Some(name) = Self::text(&self.user, "global_name") {
            document = document.field("Display name", name, true);
        }
        if let Some(nick) = Self::text(&self.member, "nick") {
            document = document.field("Name here", nick, true);
        }
        if let Some(joined) = Self::text(&self.member, "joined_at").and_then(iso_date) {
            document = document.field("Joined server", joined, true);
        }
        if let Some(since) = Self::text(&self.member, "premium_since").and_then(iso_date) {
            document = document.field("Boosting since", since, true);
        }
        if let Some(roles) = self.member.get("roles").and_then(Value::as_array).filter(|roles| !roles.is_empty()) {
            let mut shown: Vec<String> =
                roles.iter().filter_map(Value::as_str).take(ROLES).map(|role| format!("<@&{role}>")).collect();
            if roles.len() > ROLES {
                shown.push(format!("and {} more", roles.len() - ROLES));
            }
            document = document.field("Roles", shown.join(" "), false);
        }
        document
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn person() -> Person {
        Person {
            id: UserId(175_928_847_299_117_063),
            user: json!({"id": "175928847299117063", "username": "mia", "discriminator": "0", "avatar": "a_1", "global_name": "Mia"}),
            member: json!({"nick": "M", "joined_at": "2024-02-29T23:59:59Z", "roles": ["5", "6"]}),
        }
    }

    #[test]
    fn an_avatar_is_the_servers_the_users_or_discords() {
        let mut person = person();
        let shown = |person: &Person| {
            let document = person.avatar(Some(GuildId(2)));
            (document.title.expect("title"), document.images[0].url.clone())
        };
        assert_eq!(shown(&person).0, "mia / Avatar");
        assert!(shown(&person).1.ends_with("/a_1.gif?size=1024"));
        person.member["avatar"] = json!("g");
        assert_eq!(shown(&person).0, "mia / Server avatar");
        assert!(shown(&person).1.contains("/guilds/2/users/"));
        person.member = Value::Null;
        person.user["avatar"] = Value::Null;
        assert_eq!(shown(&person).0, "mia / Default avatar");
    }

    #[test]
    fn a_banner_is_shown_where_discord_tells_of_it() {
        let mut person = person();
        assert!(person.banner().text.expect("told").contains("no banner"));
        person.user["banner"] = json!("a_b");
        assert!(person.banner().images[0].url.ends_with("/banners/175928847299117063/a_b.gif?size=1024"));
    }

    #[test]
    fn what_is_known_of_someone_is_shown_and_what_is_not_is_left_out() {
        let document = person().info(Some(GuildId(2)));
        let field =
            |name: &str| document.fields.iter().find(|field| field.name == name).map(|field| field.value.as_str());
        assert_eq!(field("Account created"), Some("<t:1462015105:D>"));
        assert_eq!(field("Joined server"), Some("<t:1709251199:D>"));
        assert_eq!(field("Roles"), Some("<@&5> <@&6>"));
        assert_eq!(field("Boosting since"), None);
        let bare = Person { id: UserId(1), user: json!({"username": "x"}), member: Value::Null }.info(None);
        assert_eq!(bare.fields.len(), 2);
    }
}
