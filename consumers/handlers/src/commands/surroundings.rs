//! Where a command was said, as Discord's state knows it.

use std::cell::OnceCell;

use miso_command_catalogue::{Directory, Permissions, Wanted};
use miso_discord_state::DiscordState;
use miso_discord_state::permissions::Member;
use miso_model::{BotCommand, ChannelId, GuildId, UserId};
use serde::Deserialize;
use serde_json::Value;

use crate::messages::message::People;
use crate::place::parent_of;

/// What a plan asks of the guild besides what its names mean.
pub(crate) trait Surroundings: Directory {
    /// What the bot may do in a channel of the guild.
    fn bot_in(&self, channel: ChannelId) -> Permissions;

    /// Discord's channel type.
    fn channel_kind(&self, channel: ChannelId) -> Option<u8>;

    /// Whether the bot can give this role; else why not.
    fn assignable(&self, role: u64) -> Result<(), String>;

    /// Whether this role is below the caller's own highest, or the guild is theirs.
    fn outranked(&self, role: u64) -> bool;
}

/// By Discord's state. A direct message has no roles, no channels and no members.
pub(crate) struct Here<'a> {
    state: &'a DiscordState,
    guild: Option<GuildId>,
    author: UserId,
    member: Member,
    mentioned: Vec<UserId>,
    /// Channels and roles, read when the first name is looked for.
    named: OnceCell<Named>,
}

#[derive(Debug, Default, Deserialize)]
struct Named {
    #[serde(default)]
    channels: Vec<Entry>,
    #[serde(default)]
    threads: Vec<Entry>,
    #[serde(default)]
    roles: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    id: miso_model::Snowflake,
    #[serde(default)]
    name: String,
}

impl<'a> Here<'a> {
    pub(crate) fn new(state: &'a DiscordState, command: &BotCommand, people: &People) -> Self {
        let (guild, author) = (command.guild_id, command.user_id);
        let member = Member::deserialize(&people.member).unwrap_or_default();
        Self { state, guild, author, member, mentioned: people.mentioned(), named: OnceCell::new() }
    }

    fn named(&self) -> &Named {
        self.named.get_or_init(|| {
            let snapshot = self.guild.and_then(|guild| self.state.guild_snapshot_for(guild, 1));
            snapshot.and_then(|snapshot| serde_json::from_slice(snapshot.d.as_ref()).ok()).unwrap_or_default()
        })
    }
}

fn find(entries: &[Entry], name: &str) -> Option<u64> {
    let same = |entry: &&Entry| entry.name.to_lowercase() == name.to_lowercase();
    entries.iter().find(same).map(|entry| entry.id.0)
}

impl Directory for Here<'_> {
    fn role(&self, wanted: Wanted<'_>) -> Option<u64> {
        match wanted {
            Wanted::Id(id) => self.state.role(self.guild?, id).map(|_| id),
            Wanted::Name(name) => find(&self.named().roles, name),
        }
    }

    fn channel(&self, wanted: Wanted<'_>) -> Option<u64> {
        match wanted {
            Wanted::Id(id) => (self.state.channel_guild(ChannelId(id)) == Some(self.guild?)).then_some(id),
            Wanted::Name(name) => {
                let named = self.named();
                find(&named.channels, name).or_else(|| find(&named.threads, name))
            }
        }
    }

    fn has_member(&self, user: u64) -> bool {
        let user = UserId(user);
        // Discord lets nobody be mentioned who is not there; of large guilds not all are known.
        let told = user == self.author || self.mentioned.contains(&user);
        self.guild.is_some_and(|guild| told || self.state.member(guild, user).is_some())
    }
}

impl Surroundings for Here<'_> {
    fn bot_in(&self, channel: ChannelId) -> Permissions {
        let known = self.guild.and_then(|guild| self.state.bot_permissions(guild, Some(channel)));
        known.unwrap_or(Permissions::NONE)
    }

    fn channel_kind(&self, channel: ChannelId) -> Option<u8> {
        #[derive(Deserialize)]
        struct Kind {
            #[serde(rename = "type")]
            kind: u8,
        }
        serde_json::from_slice::<Kind>(&self.state.channel(channel)?).ok().map(|channel| channel.kind)
    }

    fn assignable(&self, role: u64) -> Result<(), String> {
        match self.guild.and_then(|guild| self.state.bot_can_assign(guild, role)) {
            Some(Err(why)) => Err(why.reason().to_owned()),
            Some(Ok(())) | None => Ok(()),
        }
    }

    fn outranked(&self, role: u64) -> bool {
        self.guild.and_then(|guild| self.state.outranks(guild, self.author, &self.member, role)).unwrap_or(false)
    }
}

/// What caller and bot may do where a command was said, and what rules look at.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) caller: Permissions,
    pub(crate) bot: Permissions,
    /// The caller's, `@everyone` aside.
    pub(crate) roles: Vec<u64>,
    /// Of a thread, its channel.
    pub(crate) parent: Option<ChannelId>,
}

/// By Discord's algorithm, the channel's overwrites included. In a direct message, everything. Where
/// the guild is not known, the caller may do nothing and the bot tries.
pub(crate) fn standing(state: &DiscordState, command: &BotCommand, member: &Value) -> Standing {
    let Some(guild) = command.guild_id else {
        return Standing { caller: Permissions::ALL, bot: Permissions::ALL, roles: Vec::new(), parent: None };
    };
    let member = Member::deserialize(member).unwrap_or_default();
    let of = |channel| state.permissions_of(guild, command.user_id, &member, channel);
    let bot = |channel| state.bot_permissions(guild, channel);
    let channel = Some(command.channel_id);
    Standing {
        caller: of(channel).or_else(|| of(None)).unwrap_or(Permissions::NONE),
        bot: bot(channel).or_else(|| bot(None)).unwrap_or(Permissions::ALL),
        roles: member.roles.iter().map(|role| role.0).collect(),
        parent: parent_of(state, command.channel_id),
    }
}
