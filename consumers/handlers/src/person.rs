//! A user as Discord's JSON has it: what messages about them show.

use miso_model::UserId;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::text::{AUTHOR_NAME, cut};

const CDN: &str = "https://cdn.discordapp.com";

/// A user object.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Person {
    pub(crate) id: UserId,
    #[serde(default)]
    pub(crate) username: String,
    #[serde(default)]
    pub(crate) global_name: Option<String>,
    #[serde(default)]
    pub(crate) avatar: Option<String>,
    #[serde(default)]
    pub(crate) bot: bool,
}

impl Person {
    /// The name that Discord shows.
    pub(crate) fn name(&self) -> &str {
        self.global_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&self.username)
    }

    pub(crate) fn mention(&self) -> String {
        format!("<@{}>", self.id)
    }

    pub(crate) fn avatar_url(&self) -> String {
        let id = self.id;
        match self.avatar.as_deref().filter(|hash| !hash.is_empty()) {
            Some(hash) => {
                let extension = if hash.starts_with("a_") { "gif" } else { "png" };
                format!("{CDN}/avatars/{id}/{hash}.{extension}?size=256")
            }
            None => format!("{CDN}/embed/avatars/{}.png", (id.0 >> 22) % 6),
        }
    }

    /// As the author of an embed.
    pub(crate) fn as_author(&self) -> Value {
        json!({"name": cut(self.name(), AUTHOR_NAME), "icon_url": self.avatar_url()})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_the_name_and_the_picture_that_discord_shows() {
        let read = |json: &str| serde_json::from_str::<Person>(json).expect("reads");
        let mia = read(r#"{"id":"7","username":"mia","global_name":"Mia","avatar":"a_1","bot":false,"new":1}"#);
        assert_eq!((mia.name(), mia.mention().as_str()), ("Mia", "<@7>"));
        assert!(mia.avatar_url().ends_with("/avatars/7/a_1.gif?size=256"));
        let old = read(r#"{"id":"29360128","username":"old","global_name":null,"avatar":null}"#);
        assert_eq!((old.name(), old.bot), ("old", false));
        assert!(old.avatar_url().ends_with("/embed/avatars/1.png"));
    }
}
