//! What follows from messages that are no commands: notifications.

use miso_discord_state::DiscordState;
use miso_log::Append;
use miso_model::{GuildId, Permissions};
use serde::Deserialize;
use serde_json::{Value, json};

use super::keywords::{Keywords, Match, bold};
use super::message::Message;
use super::recipients::Recipients;
use crate::action::Cause;
use crate::guild::guild_of;
use crate::history::jump_url;
use crate::person::Person;
use crate::text::cut;

/// People told of one message, at most; the others are not.
pub const NOTIFIED: usize = 100;
/// People who wait for a word of one message and are looked up, at most; the others are not told.
const LOOKED_UP: usize = 1_000;
/// UTF-16 units of a message that a notification shows.
const SHOWN: usize = 3_000;
const INFO: u32 = 0x3b_88c3;

/// A message of a guild, as those see it who act on it.
pub(crate) struct Heard<'a> {
    pub(crate) cause: Cause<'a>,
    pub(crate) guild: GuildId,
    pub(crate) state: &'a DiscordState,
    pub(crate) message: &'a Message<'a>,
    /// The MESSAGE_CREATE's `d`.
    pub(crate) d: &'a [u8],
}

impl Heard<'_> {
    fn author(&self) -> Person {
        #[derive(Deserialize)]
        struct Written {
            author: Person,
        }
        let read = serde_json::from_slice::<Written>(self.d).map(|written| written.author);
        read.unwrap_or_else(|_| Person {
            id: self.message.author.id,
            username: "somebody".to_owned(),
            global_name: None,
            avatar: None,
            bot: false,
        })
    }
}

/// Tells those who asked for a word that it was said, by direct message; only who can read the channel,
/// nobody of their own messages, and nobody of more than [`super::recipients::NOTIFIED_PER_PERSON`] within a while.
///
/// Whether somebody takes direct messages at all shows only when Discord refuses one; the handler does not
/// read outcomes, so who closed theirs costs a refused request per notification, within that bound.
pub(crate) fn notify(heard: &Heard<'_>, found: Vec<Match>, recipients: &mut Recipients) -> Vec<Append> {
    let (message, guild) = (heard.message, heard.guild);
    let reads = |found: &Match| {
        found.user != message.author.id
            && heard
                .state
                .member_permissions(guild, found.user, Some(message.channel_id))
                .is_some_and(|has| has.cover(Permissions::VIEW_CHANNEL))
    };
    let mut told: Vec<Match> = found.into_iter().filter(reads).take(NOTIFIED).collect();
    let all = told.len();
    told.retain(|found| recipients.may_tell(found.user, message.id));
    let too_often = (all - told.len()) as u64;
    if too_often > 0 {
        metrics::counter!("miso_handlers_skipped_total", "why" => "notified_too_often").increment(too_often);
    }
    if told.is_empty() {
        return Vec::new();
    }
    metrics::counter!("miso_handlers_notifications_total").increment(told.len() as u64);
    let (author, guild_name) = (heard.author(), guild_of(heard.state, guild).name);
    let body = |found: &Match| notification(heard, &author, &guild_name, found);
    told.iter()
        .map(|found| heard.cause.direct(&format!("notification/{}", found.user), found.user, &body(found)))
        .collect()
}

fn notification(heard: &Heard<'_>, author: &Person, guild_name: &str, found: &Match) -> Value {
    let message = heard.message;
    let text = cut(&bold(&message.content, &found.at), SHOWN);
    let url = jump_url(heard.guild, message.channel_id, message.id);
    let place = format!("{} in <#{}>", author.mention(), message.channel_id);
    json!({
        "embeds": [{
            "author": author.as_author(), "color": INFO,
            "title": cut(&format!("“{}” was said in {guild_name}", found.keyword), 256), "url": url,
            "description": format!("{text}\n\n{place} · [Jump to the message]({url})"),
        }],
        "allowed_mentions": {"parse": []},
    })
}

/// Whose notifications a message may concern.
pub(crate) fn found(keywords: &Keywords, message: &Message<'_>, guild: GuildId) -> Vec<Match> {
    if keywords.is_empty() || message.content.is_empty() {
        Vec::new()
    } else {
        keywords.find(&message.content, guild, LOOKED_UP)
    }
}
