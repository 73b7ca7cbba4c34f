//! Reactions.

use serde_json::{Value, json};

use super::{INVALID_FORM, Refusal, World};

/// Most different reactions on a message, as Discord's.
const MAX_REACTIONS: usize = 20;

/// Who reacted with one emoji, in order.
#[derive(Debug, Clone)]
pub(crate) struct Reaction {
    pub(crate) emoji: Value,
    pub(crate) users: Vec<u64>,
}

/// `name:id` or a unicode emoji, as in the path (decoded).
pub(crate) fn parse_emoji(text: &str) -> Result<Value, Refusal> {
    let text = text.strip_prefix("a:").unwrap_or(text);
    match text.rsplit_once(':') {
        Some((name, id)) if id.parse::<u64>().is_ok() => Ok(json!({"id": id, "name": name})),
        Some(_) => Err(INVALID_FORM),
        None if text.is_empty() => Err(INVALID_FORM),
        None => Ok(json!({"id": null, "name": text})),
    }
}

/// Custom emojis are one when their ids are equal, whatever the name.
fn same(one: &Value, two: &Value) -> bool {
    if one["id"].is_null() && two["id"].is_null() { one["name"] == two["name"] } else { one["id"] == two["id"] }
}

impl World {
    fn reaction_base(&self, channel: u64, message: u64) -> Result<Value, Refusal> {
        let mut data = json!({"channel_id": channel.to_string(), "message_id": message.to_string()});
        if let Some(guild) = self.channel(channel)?.guild {
            data["guild_id"] = json!(guild.to_string());
        }
        Ok(data)
    }

    /// Tells whether the reaction is new.
    pub(crate) fn react(&mut self, channel: u64, message: u64, user: u64, emoji: &Value) -> Result<bool, Refusal> {
        let mut data = self.reaction_base(channel, message)?;
        let guild = self.channel(channel)?.guild;
        let entry = self.message_mut(channel, message)?;
        let author = entry.object["author"]["id"].clone();
        if let Some(reaction) = entry.reactions.iter_mut().find(|reaction| same(&reaction.emoji, emoji)) {
            if reaction.users.contains(&user) {
                return Ok(false);
            }
            reaction.users.push(user);
        } else {
            if entry.reactions.len() >= MAX_REACTIONS {
                return Err(super::refusal(400, 30010, "Maximum number of reactions reached (20)"));
            }
            entry.reactions.push(Reaction { emoji: emoji.clone(), users: vec![user] });
        }
        data["user_id"] = json!(user.to_string());
        data["emoji"] = emoji.clone();
        data["message_author_id"] = author;
        data["burst"] = json!(false);
        data["type"] = json!(0);
        if let Some(guild) = guild
            && let Ok(member) = self.member(guild, user)
        {
            data["member"] = member;
        }
        self.emit("MESSAGE_REACTION_ADD", &data);
        Ok(true)
    }

    /// Tells whether there was such a reaction.
    pub(crate) fn unreact(&mut self, channel: u64, message: u64, user: u64, emoji: &Value) -> Result<bool, Refusal> {
        let mut data = self.reaction_base(channel, message)?;
        let entry = self.message_mut(channel, message)?;
        let Some(reaction) = entry.reactions.iter_mut().find(|reaction| same(&reaction.emoji, emoji)) else {
            return Ok(false);
        };
        let before = reaction.users.len();
        reaction.users.retain(|other| *other != user);
        let removed = reaction.users.len() < before;
        entry.reactions.retain(|reaction| !reaction.users.is_empty());
        if removed {
            data["user_id"] = json!(user.to_string());
            data["emoji"] = emoji.clone();
            data["burst"] = json!(false);
            data["type"] = json!(0);
            self.emit("MESSAGE_REACTION_REMOVE", &data);
        }
        Ok(removed)
    }

    pub(crate) fn clear_reactions(&mut self, channel: u64, message: u64, emoji: Option<&Value>) -> Result<(), Refusal> {
        let mut data = self.reaction_base(channel, message)?;
        let entry = self.message_mut(channel, message)?;
        match emoji {
            Some(emoji) => {
                entry.reactions.retain(|reaction| !same(&reaction.emoji, emoji));
                data["emoji"] = emoji.clone();
                self.emit("MESSAGE_REACTION_REMOVE_EMOJI", &data);
            }
            None => {
                entry.reactions.clear();
                self.emit("MESSAGE_REACTION_REMOVE_ALL", &data);
            }
        }
        Ok(())
    }

    pub(crate) fn reacted(&mut self, channel: u64, message: u64, emoji: &Value) -> Result<Vec<Value>, Refusal> {
        let entry = self.message_mut(channel, message)?;
        let users = entry
            .reactions
            .iter()
            .find(|reaction| same(&reaction.emoji, emoji))
            .map(|reaction| reaction.users.clone())
            .unwrap_or_default();
        Ok(users.iter().filter_map(|user| self.users.get(user).cloned()).collect())
    }
}
